"""Labelled configurations of one crystal: reading, choosing, checking, stacking."""

from dataclasses import dataclass
from pathlib import Path

import ase.io
import numpy as np

from anharmonic.crystal import Crystal
from anharmonic.data.batches import make_batches, mean_energies
from anharmonic.data.mapped import map_structures
from anharmonic.data.readers import read_structures
from anharmonic.data.report import report_text
from anharmonic.data.split import stratified_choice
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
    ):
        """Read files and map every structure to the reference crystal.

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

        Raises
        ------
        DatasetError
            If a path does not exist or gives no frame at all, or a stress offset
            would be subtracted twice.
        """
        phase_by = (phase_by,) if isinstance(phase_by, str) else tuple(phase_by)
        options = {"group_by": group_by, "phase_by": phase_by, "stress_offset": stress_offset}
        options |= {"max_strain": max_strain, "max_displacement": max_displacement}
        frames, refusals = [], []
        for path in [paths] if isinstance(paths, (str, Path)) else list(paths):
            structures, refused = read_structures(path, workers, progress)
            text = f"mapping {Path(path).name}"
            taken, unmapped = map_structures(structures, crystal, options, text, workers, progress)
            refused += unmapped
            if not taken:
                raise DatasetError(_nothing_taken(path, crystal, refused))
            frames += taken
            refusals += refused
        return cls(crystal, frames, refusals)

    def __len__(self):
        return len(self.frames)

    def __iter__(self):
        return iter(self.frames)

    def __add__(self, other):
        """Frames of both; energy offsets are averaged anew over all of them."""
        if not _same_crystal(self.crystal, other.crystal):
            raise DatasetError(
                f"data sets of different reference crystals cannot be joined: {self.crystal.formula} and "
                f"{other.crystal.formula}; read both with one crystal"
            )
        return Dataset(self.crystal, self.frames + other.frames, self.refusals + other.refusals)

    @property
    def groups(self):
        """Names of the energy groups, in the order of ``Batch.group_index``."""
        return list(self.energy_offset)

    def subset(self, indices):
        """The frames with these indices, with the energy offsets of the whole."""
        return Dataset(self.crystal, [self.frames[i] for i in indices], (), self.energy_offset)

    def split(self, fraction, seed):
        """Divide at random, every group and phase in proportion.

        Parameters
        ----------
        fraction : float
            Share of the first part.
        seed : int
            Equal seeds give equal parts.

        Returns
        -------
        train, rest : Dataset
            Neither is empty.

        Raises
        ------
        DatasetError
            If the fraction is not between 0 and 1 or there are fewer than two frames.
        """
        labels = [(frame.group, frame.phase) for frame in self.frames]
        return tuple(self.subset(part) for part in stratified_choice(labels, fraction, seed))

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


def _same_crystal(one, other):
    """Whether two crystals are the same cell with the same sites."""
    return one.species == other.species and all(
        np.allclose(getattr(one, name), getattr(other, name), atol=1e-8) for name in ("cell", "positions")
    )


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
