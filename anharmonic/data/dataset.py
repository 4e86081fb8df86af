"""Labelled configurations of one crystal: reading, choosing, checking, stacking."""

from dataclasses import dataclass, replace
from pathlib import Path

import ase.io
import numpy as np

from anharmonic.crystal import Crystal, same_crystal
from anharmonic.data.batches import make_batches, mean_energies
from anharmonic.data.division import fold_indices, split_indices
from anharmonic.data.frames import TRAJECTORY, without_stress_offset
from anharmonic.data.mapped import map_structures
from anharmonic.data.provenance import with_distinct_trajectories, with_provenance
from anharmonic.data.readers import read_structures
from anharmonic.data.report import report_text
from anharmonic.data.storage import is_dataset_file, load_dataset, save_dataset
from anharmonic.errors import DatasetError

SHOWN = 5
"""How many frames or refusals a message names."""


@dataclass(frozen=True)
class Dataset:
    """Frames of one reference crystal.

    Attributes
    ----------
    crystal : Crystal
    frames : tuple of Frame
    refusals : tuple of Refusal
        What was not taken when the files were read. Subsets carry none.
    energy_offset : dict of str to float
        Energy (eV) per reference cell of each group that batches subtract. By
        default the mean of the group; subsets and parts of a split keep that of
        the whole, so that their energies can be compared.
    """

    crystal: Crystal
    frames: tuple
    refusals: tuple = ()
    energy_offset: dict | None = None

    def __post_init__(self):
        object.__setattr__(self, "frames", tuple(self.frames))
        object.__setattr__(self, "refusals", tuple(self.refusals))
        if self.energy_offset is None:
            object.__setattr__(self, "energy_offset", mean_energies(self.frames))

    @classmethod
    def read(
        cls,
        paths,
        crystal,
        group_by="supercell",
        phase_by=("phase", "config_type", "tag"),
        stress_offset=0.0,
        progress=False,
        max_strain=0.25,
        max_displacement=None,
        workers=1,
        energy="free_energy",
        trajectory_by=TRAJECTORY,
    ):
        """Read files and map every structure to the reference crystal.

        Data set files (see `save`) are taken as they are: groups, phases and trajectories
        were chosen, and structures mapped, when they were made.

        Parameters
        ----------
        paths : str, Path, or sequence of those
            Files or folders; see `anharmonic.data.readers.read_structures`.
        crystal : Crystal
        group_by : str
            Key of a structure's info that names its energy group; where a structure
            has none, its supercell does (one name for symmetry-equivalent ones).
        phase_by : str or sequence of str
            Keys of info; the first that is present names the phase.
        stress_offset : float
            Pulay stress (eV/A^3): subtracted from each diagonal component.
        progress : bool
            Show progress bars on the terminal.
        max_strain, max_displacement
            Limits of the mapping; see `anharmonic.crystal.mapping.map_atoms`.
        workers : int or None
            Processes that read files and map structures at most, None for as many as there are cores; see
            `anharmonic.data.readers.read_structures` for what a script has to mind.
        trajectory_by : str
            Key of info that names the trajectory, where frames have it; "file": each
            file is one.

        energy : str
            ``"free_energy"`` or ``"energy"``: which to take of structures that have both. Forces are
            the gradient of the first in VASP; other programs' files may call it the second.

        Raises
        ------
        DatasetError
            If a path does not exist or gives no frame at all, a stress offset would be
            subtracted twice, or a data set file has another reference crystal.
        """
        phase_by = (phase_by,) if isinstance(phase_by, str) else tuple(phase_by)
        options = {"group_by": group_by, "phase_by": phase_by, "stress_offset": stress_offset, "energy": energy}
        options |= {"max_strain": max_strain, "max_displacement": max_displacement}
        frames, refusals = [], []
        paths = [paths] if isinstance(paths, (str, Path)) else list(paths)
        stored = [cls._read_stored(path, crystal, stress_offset) for path in paths if is_dataset_file(path)]
        for path in (path for path in paths if not is_dataset_file(path)):
            structures, refused = read_structures(path, workers, progress)
            text = f"mapping {Path(path).name}"
            taken, unmapped = map_structures(structures, crystal, options, text, workers, progress)
            refused += unmapped
            if not taken:
                raise DatasetError(_nothing_taken(path, crystal, refused))
            frames += taken
            refusals += refused
        fresh = [cls(crystal, with_provenance(frames, trajectory_by), refusals)] if frames or not stored else []
        parts = stored + fresh
        return sum(parts[1:], parts[0])

    @classmethod
    def load(cls, path):
        """Read a file that `save` wrote.

        Raises
        ------
        FileFormatError
            If the file is no data set, of an unknown version, truncated, or edited.
        """
        return cls(*load_dataset(path))

    @classmethod
    def _read_stored(cls, path, crystal, stress_offset):
        """A data set file as a part of another data set."""
        stored = cls.load(path)
        if not same_crystal(stored.crystal, crystal):
            raise DatasetError(
                f"{path} was mapped to another reference crystal ({stored.crystal.formula}), or to the same one in "
                "another setting: take that one, or map it anew: anharmonic dataset import FILE --reference CRYSTAL "
                "--out NEW"
            )
        frames = [without_stress_offset(frame, stress_offset) for frame in stored.frames]
        return replace(stored, frames=frames) if stress_offset else stored

    def save(self, path):
        """Write everything to one HDF5 file; `load` gives the same data set, to the last bit."""
        save_dataset(self, path)

    def __len__(self):
        return len(self.frames)

    def __iter__(self):
        return iter(self.frames)

    def __add__(self, other):
        """Frames of both; energy offsets are averaged anew over all of them.

        Files of the second that share a path with other files of the first are trajectories of their own.
        """
        if not same_crystal(self.crystal, other.crystal):
            raise DatasetError(
                f"data sets of different reference crystals cannot be joined: {self.crystal.formula} and "
                f"{other.crystal.formula} (or two settings of one); read or import both with one crystal"
            )
        others = with_distinct_trajectories(self.frames, other.frames)
        return Dataset(self.crystal, self.frames + others, self.refusals + other.refusals)

    @property
    def groups(self):
        """Names of the energy groups, in the order of ``Batch.group_index``."""
        return list(self.energy_offset)

    def subset(self, indices):
        """The frames with these indices, with the energy offsets of the whole."""
        return Dataset(self.crystal, [self.frames[i] for i in indices], (), self.energy_offset)

    def split(self, fraction, seed, split_by="frame"):
        """Divide at random, every group and phase in proportion.

        Parameters
        ----------
        fraction : float
            Share of the first part.
        seed : int
            Equal seeds give equal parts.
        split_by : str
            What is never divided: "frame", "trajectory", "group", "phase", "file", or a key
            of info. Proportions are then kept as well as whole trajectories allow.

        Returns
        -------
        train, rest : Dataset
            Neither is empty.

        Raises
        ------
        DatasetError
            If the fraction is not between 0 and 1, there are fewer than two frames or
            trajectories, or frames lack the key.
        """
        return tuple(self.subset(part) for part in split_indices(self.frames, fraction, seed, split_by))

    def folds(self, k, seed, split_by="frame"):
        """Divide into `k` parts of equal size as `split` does, for cross-validation.

        Returns
        -------
        list of (train, held_out)
            Pairs of `Dataset`; every frame is held out once.

        Raises
        ------
        DatasetError
            As for `split`, or if `k` is below 2.
        """
        everything, parts = np.arange(len(self)), fold_indices(self.frames, k, seed, split_by)
        return [(self.subset(np.setdiff1d(everything, part)), self.subset(part)) for part in parts]

    def report(self):
        """Plain text table of what the data set holds and what was refused."""
        return report_text(self)

    def require(self, energy=False, forces=False, stress=False):
        """Insist on labels.

        Raises
        ------
        DatasetError
            Naming the frames that lack one that is asked for, or if there is no frame.
        """
        if not self.frames:
            raise DatasetError("the data set is empty")
        asked = {"energy": energy, "forces": forces, "stress": stress}
        for name in (name for name, wanted in asked.items() if wanted):
            without = [frame.source for frame in self.frames if getattr(frame, name) is None]
            if without:
                raise DatasetError(
                    f"{len(without)} of {len(self)} frames have no {name}, which is asked for: {_first(without)}; "
                    f"leave these frames out or do not ask for {name}"
                )

    def batches(self):
        """Stacked arrays, one `Batch` a supercell."""
        return make_batches(self.frames, self.energy_offset)

    def to_extxyz(self, path):
        """Write all frames with their labels, info, group and phase as extended XYZ.

        Numbers of atoms keep eight decimals, energies all digits. Reading the file
        back with default options gives the same data set; a stress offset that was
        subtracted stays so, and is noted in the file.
        """
        ase.io.write(path, [frame.to_atoms() for frame in self.frames], format="extxyz")


def _nothing_taken(path, crystal, refusals):
    """Message for a path without a single frame."""
    folder = Path(path).parent
    hint = f"; leave it out, or name the folder {folder}, of which single files may give nothing"
    return (
        f"{path} gives no frame that fits {crystal.formula}; {len(refusals)} refusals: "
        f"{_first([str(refusal) for refusal in refusals])}{hint if Path(path).is_file() else ''}"
    )


def _first(texts):
    """The first few of many texts."""
    more = f", and {len(texts) - SHOWN} more" if len(texts) > SHOWN else ""
    return "; ".join(texts[:SHOWN]) + more
