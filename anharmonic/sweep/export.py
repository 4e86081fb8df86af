"""Snapshots of a run file as a trajectory that other programs read."""

from dataclasses import dataclass

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


def export(run_file, path, format="extxyz"):
    """Write the snapshots of a run file, finished or not; returns how many they are.

    Parameters
    ----------
    run_file : path
        As `simulate` or `sweep` write it.
    path : path
    format : str
        ``"extxyz"``, ``"traj"`` (ASE) or ``"h5md"``.

    Raises
    ------
    FileFormatError
        If the file is no run file, or holds no snapshots.
    """
    options, structure, series = read_snapshots(run_file)
    snapshots = Snapshots(series, options["timestep"] if options["method"] == "md" else None)
    write_trajectory(path, structure, snapshots, format)
    return len(snapshots)
