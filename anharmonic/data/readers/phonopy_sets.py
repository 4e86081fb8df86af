"""Displaced supercells of phonopy with their forces, by phonopy's own parsers.

Of a phonopy_params.yaml, or of a phonopy_disp.yaml (or phonopy.yaml) with its
FORCE_SETS beside. There are forces, energies sometimes, no stress. Files in the
units of another calculator are converted with phonopy's factors.
"""

from pathlib import Path

import numpy as np
from phonopy.file_IO import parse_FORCE_SETS
from phonopy.interface.calculator import get_calculator_physical_units
from phonopy.interface.phonopy_yaml import read_phonopy_yaml

from anharmonic.data.labels import label_arrays
from anharmonic.data.refusals import Refused, refusal_of
from anharmonic.errors import FileFormatError

SETS = "FORCE_SETS"
INCOMPLETE = "holds no forces, and no FORCE_SETS with forces is beside it: nothing was calculated yet"


def read_phonopy(path):
    """Read all displaced supercells of a phonopy calculation.

    Parameters
    ----------
    path : str or Path
        A phonopy yaml file, or a FORCE_SETS beside one.

    Returns
    -------
    structures : list of LabelledStructure
    refusals : list of Refusal
    """
    path = Path(path)
    yaml = _yaml_beside(path) if path.name.startswith(SETS) else path
    facts = read_phonopy_yaml(yaml)
    if facts.supercell is None:
        raise FileFormatError(f"{yaml.name} holds no supercell: give phonopy_disp.yaml or phonopy_params.yaml")
    displacements, forces, energies = _displaced(_dataset(facts, yaml), len(facts.supercell))
    units = get_calculator_physical_units(facts.calculator)
    cell, positions = facts.supercell.cell, facts.supercell.positions
    structures, refusals = [], []
    for number, displacement in enumerate(displacements):
        source = f"{path}:{number}"
        try:
            structures.append(
                label_arrays(
                    [symbol.rstrip("0123456789") for symbol in facts.supercell.symbols],
                    units.distance_to_A * cell,
                    units.distance_to_A * (positions + displacement),
                    None if energies is None else units.energy_to_eV * energies[number],
                    units.force_to_eVperA * forces[number],
                    None,
                    source,
                    energy_name="" if energies is None else "supercell_energy",
                )
            )
        except FileFormatError as error:
            refusals.append(refusal_of(source, error))
    return structures, refusals


def _yaml_beside(path):
    """The yaml file that a FORCE_SETS belongs to."""
    for name in ("phonopy_disp.yaml", "phonopy.yaml"):
        if (path.parent / name).is_file():
            return path.parent / name
    raise FileFormatError("no phonopy_disp.yaml or phonopy.yaml beside this FORCE_SETS: nothing tells its supercell")


def _dataset(facts, yaml):
    """Displacements and forces of the yaml file, else of the FORCE_SETS beside it."""
    if _has_forces(facts.dataset):
        return facts.dataset
    sets = yaml.parent / SETS
    if not sets.is_file():
        raise Refused("no forces", f"{yaml.name} {INCOMPLETE}")
    dataset = parse_FORCE_SETS(filename=sets, natom=len(facts.supercell))
    if not _has_forces(dataset):
        raise Refused("no forces", f"{yaml.name} {INCOMPLETE}")
    if facts.dataset is not None:
        _compare(_displacements(dataset, len(facts.supercell)), _displacements(facts.dataset, len(facts.supercell)))
    return dataset


def _compare(found, expected):
    """Refuse a FORCE_SETS that is not of these displacements, or not of all of them."""
    if found.shape[0] < expected.shape[0]:
        reason = f"FORCE_SETS holds {len(found)} displaced supercells, {len(expected)} were made"
        raise Refused("truncated", reason)
    if found.shape != expected.shape or not np.allclose(found, expected, atol=1e-5):
        raise FileFormatError("FORCE_SETS holds other displacements than the yaml file: they are of two calculations")


def _has_forces(dataset):
    """Whether every displaced supercell has forces."""
    first = (dataset or {}).get("first_atoms")
    return "forces" in (dataset or {}) if first is None else bool(first) and all("forces" in d for d in first)


def _displacements(dataset, n_atoms):
    """Displacements (n, n_atoms, 3) of both kinds of data sets."""
    if "first_atoms" not in dataset:
        return np.asarray(dataset["displacements"], float)
    displacements = np.zeros((len(dataset["first_atoms"]), n_atoms, 3))
    for row, one in zip(displacements, dataset["first_atoms"], strict=True):
        row[one["number"]] = one["displacement"]
    return displacements


def _displaced(dataset, n_atoms):
    """Displacements and forces (n, n_atoms, 3), and energies (n,) or None."""
    displacements, one_by_one = _displacements(dataset, n_atoms), dataset.get("first_atoms")
    if one_by_one is None:
        forces, energies = np.asarray(dataset["forces"], float), dataset.get("supercell_energies")
    else:
        forces = np.array([one["forces"] for one in one_by_one], float)
        energies = [one.get("supercell_energy") for one in one_by_one]
        energies = None if None in energies else energies
    if displacements.shape != forces.shape or forces.shape[1:] != (n_atoms, 3):
        shapes = f"{displacements.shape} and {forces.shape}"
        raise FileFormatError(f"displacements and forces have shapes {shapes}, expected (n, {n_atoms}, 3) of both")
    return displacements, forces, energies
