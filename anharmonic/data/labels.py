"""Energy, forces and stress of a structure: under the names that a file gives them, or from arrays."""

import re

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers

from anharmonic.conventions import from_voigt, stress_from_virial
from anharmonic.data.frames import ENERGIES, ENERGY_NAME, OTHER_ENERGY, SETTINGS, LabelledStructure
from anharmonic.data.settings import Settings
from anharmonic.errors import FileFormatError

NAME = re.compile(r"(?:(?P<prefix>.*?)[_\-. ])??(?P<kind>free_energy|energy|forces?|stress|virials?)", re.IGNORECASE)
"""Names such as ``dft_energy``, ``DFT_forces``, ``REF_virial``, ``force``."""

OTHER_ENERGIES = {
    *("kinetic", "formation", "cohesive", "binding", "adsorption", "interaction", "atomization", "atomisation"),
    *("fermi", "hull", "zero", "point", "vdw", "dispersion", "repulsion", "error", "delta", "per", "atom", "gap"),
    *("relative", "isolated", "surface", "strain", "elastic", "hartree", "ewald", "entropy", "std", "variance"),
    "uncertainty",
}
"""Words before ``energy`` (or ``forces``, ``stress``) that tell it is not the total one."""


def label_atoms(atoms, source):
    """Take the labels off a structure.

    The results of a calculator come first; what they lack is looked for in
    ``info`` and ``arrays`` under names that end in energy, free_energy, force(s),
    stress or virial. The free energy is preferred to the energy: forces are its
    gradient in VASP and in ASE's convention. An energy that differs is kept in
    info. Constraints are removed, and forces are those before any constraint.

    Parameters
    ----------
    atoms : ase.Atoms
        Not changed.
    source : str
        "file:frame".

    Returns
    -------
    LabelledStructure

    Raises
    ------
    FileFormatError
        If labels are ambiguous, have the wrong shape, or are not finite.
    """
    results = {k: v for k, v in (atoms.calc.results if atoms.calc else {}).items() if v is not None}
    bare = atoms.copy()
    bare.calc, bare.info = None, {}
    bare.set_constraint()
    _check("positions", bare.positions, (len(bare), 3))
    _check("cell", bare.cell[:], (3, 3))
    name, energy = _first(results, atoms.info, ENERGIES)
    _, forces = _first(results, atoms.arrays, ("forces", "force"))
    return LabelledStructure(
        bare,
        None if energy is None else float(_check("energy", np.squeeze(energy), ())),
        None if forces is None else _check("forces", forces, (len(bare), 3)),
        _stress(results, atoms),
        dict(atoms.info) | _other_energy(results, atoms.info, energy),
        source,
        "" if energy is None else str(atoms.info.get(ENERGY_NAME, name)),
        Settings.from_dict(atoms.info.get(SETTINGS)),
    )


def label_arrays(symbols, cell, positions, energy, forces, stress, source, **facts):
    """A `LabelledStructure` of a periodic crystal from plain arrays, all of them checked.

    Parameters
    ----------
    symbols : sequence of str
        Chemical symbols.
    cell : array_like, shape (3, 3), A
        Rows of lattice vectors.
    positions : array_like, shape (n_atoms, 3), A
    energy : float (eV) or None
    forces : array_like, shape (n_atoms, 3), eV/A, or None
    stress : array_like, shape (3, 3), eV/A^3, or None
        Positive in tension; the symmetric part is taken.
    source : str
    **facts
        `LabelledStructure.info`, ``energy_name`` and ``settings``; also ``pbc``.

    Raises
    ------
    FileFormatError
        If a symbol is unknown, a shape is wrong, or a number is not finite.
    """
    unknown = sorted(set(symbols) - set(atomic_numbers))
    if unknown:
        raise FileFormatError(f"unknown chemical symbols in the list of atoms: {', '.join(unknown)}")
    numbers = [atomic_numbers[symbol] for symbol in symbols]
    shape = (len(numbers), 3)
    cell, positions = _check("cell", cell, (3, 3)), _check("positions", positions, shape)
    return LabelledStructure(
        Atoms(numbers, cell=cell, positions=positions, pbc=facts.pop("pbc", True)),
        None if energy is None else float(_check("energy", energy, ())),
        None if forces is None else _check("forces", forces, shape),
        None if stress is None else _tensor("stress", stress),
        facts.pop("info", {}),
        source,
        **facts,
    )


def _other_energy(results, info, energy):
    """The energy beside the free energy, for ``info``, where both are there and differ."""
    _, other = _first(results, info, ENERGIES[::-1])
    if energy is None or OTHER_ENERGY in info or np.size(other) != 1 or not np.isfinite(other) or other == energy:
        return {}
    return {OTHER_ENERGY: float(np.squeeze(other))}


def _stress(results, atoms):
    """Stress (3, 3) in eV/A^3, positive in tension, or None."""
    _, stress = _first(results, atoms.info, ("stress",))
    if stress is not None:
        return _tensor("stress", stress)
    _, virial = _first(results, atoms.info, ("virial", "virials"))
    if virial is None:
        return None
    if atoms.cell.volume == 0.0:
        raise FileFormatError("a virial is no stress without a volume; the structure has no cell")
    return stress_from_virial(_tensor("virial", virial), atoms.cell.volume)


def _first(results, named, kinds):
    """Name and value of the first of `kinds` that the results hold, else that a name in `named` ends with."""
    for kind in kinds:
        if kind in results:
            return kind, results[kind]
    for kind in kinds:
        names = [name for name in named if _kind(name) == kind]
        if len(names) > 1 and any(not np.array_equal(named[n], named[names[0]]) for n in names):
            raise FileFormatError(
                f"{', '.join(names)} are all called {kind} and differ: rename the one to be used to '{kind}' alone"
            )
        if names:
            return names[0], named[names[0]]
    return "", None


def _kind(name):
    """What a name ends with, or None where it is no label."""
    match = NAME.fullmatch(str(name))
    if match is None or OTHER_ENERGIES & set(re.split(r"[_\-. ]", (match["prefix"] or "").lower())):
        return None
    return match["kind"].lower()


def _tensor(name, value):
    """A symmetric (3, 3) tensor from 3x3, nine, or six (Voigt) components."""
    value = np.asarray(value)
    if value.shape == (6,):
        return from_voigt(_check(name, value, (6,)))
    if value.shape == (9,):
        value = value.reshape(3, 3)
    value = _check(name, value, (3, 3))
    return (value + value.T) / 2


def _check(name, value, shape):
    """`value` as finite float64 of the expected shape."""
    try:
        value = np.array(value, float)
    except (TypeError, ValueError) as error:
        raise FileFormatError(f"the {name} is no number: '{str(value)[:60]}'") from error
    if value.shape != shape:
        raise FileFormatError(f"the {name} has shape {value.shape}, expected {shape}")
    if not np.isfinite(value).all():
        raise FileFormatError(f"the {name} holds numbers that are not finite")
    return value
