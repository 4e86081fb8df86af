"""The records of a data set: what a file held, and what a fit uses."""

from collections import Counter
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator

from anharmonic.conventions import to_voigt
from anharmonic.crystal import Configuration, Supercell
from anharmonic.crystal.mapping import map_atoms
from anharmonic.data.refusals import Refusal
from anharmonic.data.settings import Settings
from anharmonic.errors import DatasetError

ENERGY_NAME, SETTINGS = "energy_name", "dft_settings"
"""Keys of ``info`` under which a frame, and the files written from it, keep these."""

OTHER_ENERGY = "other_energy"
"""Key of ``info`` for the other energy of a structure that has a free energy and an energy which differ."""

ENERGIES = ("free_energy", "energy")

UNLABELLED = "unlabelled"
"""Phase of a frame whose file names none."""

TRAJECTORY = "trajectory"
"""Key of info under which written frames carry the name of their trajectory."""


@dataclass(frozen=True)
class LabelledStructure:
    """One structure of a file with the labels that it carries.

    Attributes
    ----------
    atoms : ase.Atoms
        Without calculator and without constraints.
    energy : float or None
        Total energy (eV) that the forces are the gradient of: the free energy.
    forces : ndarray, shape (n_atoms, 3), eV/A, or None
        Unconstrained forces.
    stress : ndarray, shape (3, 3), eV/A^3, or None
        Positive in tension.
    info : dict
        Everything else that the file says about the structure.
    source : str
        "file:frame"; frames are counted from 0 (rows of a database by their id).
    energy_name : str
        What the file calls the energy, "free energy (e_fr_energy)" for instance; empty where there is none.
    settings : Settings or None
        Of the calculation, where the file knows them.
    """

    atoms: Atoms
    energy: float | None
    forces: np.ndarray | None
    stress: np.ndarray | None
    info: dict
    source: str
    energy_name: str = ""
    settings: Settings | None = None


@dataclass(frozen=True)
class Frame:
    """A structure mapped to the reference crystal, with its labels on the sites.

    Attributes
    ----------
    configuration : Configuration
    energy : float or None
        Total energy of the supercell (eV), absolute.
    forces : ndarray, shape (n_sites, 3, n_cells), eV/A, or None
        In the laboratory frame (not rotated back to the reference frame).
    stress : ndarray, shape (3, 3), eV/A^3, or None
        Positive in tension; the Pulay offset, if one was given, is subtracted.
    group : str
        Frames whose energies share one reference: one cell family, one k-mesh.
    phase : str
    source : str
        "file:frame".
    info : dict
        What the file says besides; the settings of the calculation and the name of the energy too.
    trajectory : str
        Frames that may be correlated share it; by default the file.
    sha256 : str or None
        Digest of the file when it was read.
    """

    configuration: Configuration
    energy: float | None
    forces: np.ndarray | None
    stress: np.ndarray | None
    group: str
    phase: str
    source: str
    info: dict = field(default_factory=dict, repr=False)
    trajectory: str = ""
    sha256: str | None = None

    def __post_init__(self):
        if not self.trajectory:
            object.__setattr__(self, "trajectory", self.file)

    @property
    def file(self):
        """The file of ``source``."""
        return split_source(self.source)[0]

    @property
    def step(self):
        """The number of the frame in its file; None where ``source`` has none."""
        return split_source(self.source)[1]

    @property
    def n_atoms(self):
        """Number of atoms."""
        return self.configuration.n_atoms

    @property
    def n_cells(self):
        """Number of reference cells."""
        return self.configuration.supercell.n_cells

    @property
    def missing(self):
        """Names of the labels that the frame lacks."""
        return tuple(name for name in ("energy", "forces", "stress") if getattr(self, name) is None)

    @property
    def energy_name(self):
        """What the file calls the energy."""
        return str(self.info.get(ENERGY_NAME, ""))

    @property
    def settings(self):
        """`Settings` of the calculation, or None."""
        return Settings.from_dict(self.info.get(SETTINGS))

    def to_atoms(self):
        """The structure in its original atom order, labels in a calculator, group and phase in ``info``."""
        atoms = self.configuration.to_atoms()
        labels = {"energy": self.energy, "free_energy": self.energy}
        if self.forces is not None:
            labels["forces"] = self.configuration.to_atom_order(np.moveaxis(self.forces, 1, 2))
        if self.stress is not None:
            labels["stress"] = to_voigt(self.stress)
        atoms.calc = SinglePointCalculator(atoms, **labels)
        names = {"supercell": self.group, TRAJECTORY: self.trajectory}
        atoms.info = {"origin": self.source} | self.info | names
        if self.phase != UNLABELLED:
            atoms.info["phase"] = self.phase
        return atoms


def map_structure(structure, crystal, group_by, phase_by, stress_offset=0.0, energy="free_energy", **mapping):
    """Map a labelled structure to a `Frame`.

    Parameters
    ----------
    structure : LabelledStructure
    crystal : Crystal
    group_by : str
        Key of ``info`` that names the group; where it is absent `supercell_family` does.
    phase_by : sequence of str
        Keys of ``info``; the first that is present names the phase.
    stress_offset : float
        Subtracted from each diagonal component of the stress (eV/A^3).
    energy : str
        ``"free_energy"`` or ``"energy"``: which to take of a structure with both.
    **mapping
        Passed to `anharmonic.crystal.mapping.map_atoms`.

    Raises
    ------
    MappingError
        If the structure is no distorted supercell of `crystal`.
    DatasetError
        If there is no energy of that name.
    """
    structure = _with_energy(structure, energy)
    info, forces = _full_info(structure), structure.forces
    configuration = map_atoms(crystal, structure.atoms, **mapping)
    return Frame(
        configuration,
        structure.energy,
        None if forces is None else np.moveaxis(configuration.to_sites(forces), -1, 1).copy(),
        None if structure.stress is None else structure.stress - stress_offset * np.eye(3),
        str(info[group_by]) if group_by in info else supercell_family(crystal, configuration.supercell.matrix),
        next((str(info[key]) for key in phase_by if key in info), UNLABELLED),
        structure.source,
        info,
    )


def _with_energy(structure, name):
    """The structure with the energy of that name, where it has two."""
    if name not in ENERGIES:
        raise DatasetError(f"the energy is one of {', '.join(ENERGIES)}; found {name!r}")
    if name == ENERGIES[0] or structure.info.get(OTHER_ENERGY) is None:
        return structure
    info = structure.info | {OTHER_ENERGY: structure.energy}
    return replace(structure, energy=float(structure.info[OTHER_ENERGY]), energy_name=name, info=info)


def _full_info(structure):
    """The info of a structure with the name of its energy and the settings of its calculation."""
    settings = structure.settings.to_dict() if structure.settings else None
    facts = {ENERGY_NAME: structure.energy_name, SETTINGS: settings}
    return structure.info | {key: value for key, value in facts.items() if value}


def mapping_refusal(structure, crystal, error):
    """The `Refusal` of a structure that does not map: another composition, or the same one elsewhere."""
    shares = [{s: n / len(of) for s, n in Counter(of).items()} for of in (crystal.species, structure.atoms.symbols)]
    return Refusal(structure.source, str(error), "mapping" if shares[0] == shares[1] else "composition")


def split_source(source):
    """File and number of a source "file:frame"; the number is None where it has none."""
    file, _, number = source.rpartition(":")
    return (file, int(number)) if file and number.isdecimal() else (source, None)


def note_stress_offset(structure, stress_offset):
    """The structure, or frame, with the stress offset recorded in ``info``.

    Raises
    ------
    DatasetError
        If an offset was already subtracted when the file was written.
    """
    if stress_offset == 0.0 or structure.stress is None:
        return structure
    if structure.info.get("stress_offset", 0.0) != 0.0:
        raise DatasetError(
            f"{structure.source} says that a stress offset of {structure.info['stress_offset']:g} eV/A^3 was already "
            f"subtracted, and {stress_offset:g} is asked for: leave the option out, or start from the original file"
        )
    return replace(structure, info=structure.info | {"stress_offset": float(stress_offset)})


def without_stress_offset(frame, stress_offset):
    """A frame with an offset (eV/A^3) subtracted from the diagonal of its stress, once.

    Raises
    ------
    DatasetError
        If one was subtracted before.
    """
    if stress_offset == 0.0 or frame.stress is None:
        return frame
    return replace(note_stress_offset(frame, stress_offset), stress=frame.stress - stress_offset * np.eye(3))


def supercell_family(crystal, matrix):
    """Name of a supercell, the same for all matrices that span symmetry-equivalent lattices.

    Of the Hermite normal forms of all rotated matrices one is chosen, diagonal
    ones before others: "4x4x2", or rows: "2 0 0; 0 1 1; 0 0 2".
    """
    rotations = np.swapaxes(crystal.space_group.rotations, 1, 2)
    return _family(np.asarray(matrix, int).tobytes(), rotations.astype(int).tobytes())


@lru_cache(maxsize=1024)
def _family(matrix, rotations):
    """`supercell_family` of an integer matrix and rotations given as bytes."""
    matrix, rotations = (np.frombuffer(data, int).reshape(-1, 3, 3) for data in (matrix, rotations))
    forms = [Supercell.from_matrix(m).hermite for m in np.unique(matrix @ rotations, axis=0)]
    form = min(forms, key=lambda h: (np.count_nonzero(np.triu(h, 1)), (-np.diag(h)).tolist(), h.tolist()))
    if not np.triu(form, 1).any():
        return "x".join(str(n) for n in np.diag(form))
    return "; ".join(" ".join(str(n) for n in row) for row in form)
