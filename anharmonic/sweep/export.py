"""Snapshots of a run file as files that other programs read: all as a trajectory, or one by itself."""

from dataclasses import dataclass

from anharmonic.errors import AnharmonicError
from anharmonic.interfaces import structures
from anharmonic.interfaces.trajectories import Frame, write_trajectory
from anharmonic.sampling.runfile import read_snapshots
from anharmonic.sampling.series import Series


@dataclass(frozen=True)
class Snapshots:
    """The snapshots of a run file as a sequence of `Frame`, each read when it is asked for.

    Attributes
    ----------
    series : Series
    timestep : float or None
        fs; Monte Carlo has none.
    """

    series: Series
    timestep: float | None

    def __len__(self):
        return len(self.series)

    def __getitem__(self, k):
        if not 0 <= k < len(self):
            raise IndexError(k)
        row = {name: self.series.read(name, k, k + 1)[0] for name in self.series.names}
        step = int(row["step"])
        return Frame(
            step, None if self.timestep is None else step * self.timestep, float(row["temperature"]),
            bool(row["production"]), float(row["energy"]), row["displacements"], row["deformation"],
        )  # fmt: skip


def export(run_file, path, format="extxyz", snapshot=None):
    """Write the snapshots of a run file, finished or not; returns those that were written, as a sequence of `Frame`.

    Parameters
    ----------
    run_file : path
        As `simulate` or `sweep` write it.
    path : path
    format : str
        ``"extxyz"``, ``"traj"`` (ASE) or ``"h5md"``; of one snapshot also ``"lammps"``, ``"gpumd"`` or ``"vasp"``.
    snapshot : int, optional
        Only this one: from 0 on, or from -1 backwards. By default all, and the last one where a file holds only one.

    Raises
    ------
    FileFormatError
        If the file is no run file, or holds no snapshots.
    AnharmonicError
        If there is no such snapshot.
    """
    options, structure, series = read_snapshots(run_file)
    frames = Snapshots(series, options["timestep"] if options["method"] == "md" else None)
    if snapshot is not None or format in structures.WRITERS:
        frames = [_one_of(frames, -1 if snapshot is None else snapshot)]
    if format in structures.WRITERS:
        frame = frames[0]
        title = f"{options.get('potential', 'crystal')}, step {frame.step}, {frame.temperature:g} K"
        structures.write_structure(path, frame.atoms(structure), format, title)
    else:
        write_trajectory(path, structure, frames, format)
    return frames


def _one_of(frames, k):
    """Frame `k`, counted from either end."""
    if not -len(frames) <= k < len(frames):
        raise AnharmonicError(f"the run has {len(frames)} snapshots, 0 to {len(frames) - 1} or -1 backwards; found {k}")
    return frames[k % len(frames)]
