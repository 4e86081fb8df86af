"""Frames of a vasprun.xml: every complete ionic step on its own.

ASE's reader needs a whole file with k-points and parameters, hides where a file
is cut off, and does not look at electronic convergence. This one takes each
``<calculation>`` block by itself, so stripped files are read and damaged ones
lose only the damaged steps.
"""

import re
from xml.etree import ElementTree

import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.data import atomic_numbers

from anharmonic.conventions import GPA, stress_from_vasp, to_voigt
from anharmonic.data.files import read_text
from anharmonic.data.frames import Refusal
from anharmonic.data.labels import label_atoms
from anharmonic.errors import FileFormatError

STEP = re.compile(r"<calculation>.*?</calculation>", re.DOTALL)
HEAVY = re.compile(r"<(projected|eigenvalues|dos)(?:\s[^>]*)?>.*?</\1>", re.DOTALL)
ATOMS = re.compile(r'<array name="atoms"\s*>(.*?)</array>', re.DOTALL)
ELEMENT = re.compile(r"<rc>\s*<c>\s*(\S+)\s*</c>")
ELECTRONIC_STEP = re.compile(r"<scstep>.*?</scstep>", re.DOTALL)
FREE_ENERGY = re.compile(r'name="e_fr_energy">\s*([^<\s]+)')


def read_vasprun(path):
    """Read all electronically converged ionic steps of a vasprun.xml.

    Energies are VASP's free energy (``e_fr_energy``), to which the forces
    belong, less the ``PSTRESS`` term that VASP adds to it.

    Returns
    -------
    structures : list of LabelledStructure
    refusals : list of Refusal
    """
    text, problem = read_text(path)
    structures, refusals, n_steps = [], [], 0
    settings = {name: _setting(text, name) for name in ("NELM", "EDIFF", "ICHARG", "PSTRESS")}
    atoms = ATOMS.search(text)
    for n_steps, step in enumerate(STEP.finditer(text), start=1):
        source = f"{path}:{n_steps - 1}"
        try:
            _check_convergence(step[0], settings)
            structures.append(label_atoms(_read_step(step[0], _symbols(atoms), settings), source))
        except (FileFormatError, ElementTree.ParseError) as error:
            refusals.append(Refusal(source, str(error)))
    reason = problem or _incomplete(text, n_steps)
    if reason:
        refusals.append(Refusal(f"{path}:{n_steps}", reason))
    return structures, refusals


def _incomplete(text, n_steps):
    """Why a file ends early, or None where it does not."""
    if text.count("<calculation>") > n_steps:
        return "the file ends within this ionic step: the run crashed, is still going, or the file is cut off"
    if n_steps == 0:
        return "no ionic step in this file: the run crashed at its start, or this is no vasprun.xml"
    if "</modeling>" not in text:
        return f"the file ends without </modeling> after {n_steps} complete ionic steps: the run did not end normally"
    return None


def _read_step(step, symbols, settings):
    """One ``<calculation>`` block as Atoms with a calculator."""
    block = ElementTree.fromstring(HEAVY.sub("", step))
    cell = _array(block, ".//varray[@name='basis']", 3)
    positions = _array(block, ".//varray[@name='positions']", len(symbols))
    if cell is None or positions is None:
        raise FileFormatError("the ionic step holds no structure")
    atoms = Atoms(symbols, cell=cell, scaled_positions=positions, pbc=True)
    stress = _array(block, "varray[@name='stress']", 3)
    atoms.calc = SinglePointCalculator(
        atoms,
        free_energy=_energy(block, settings["PSTRESS"] or 0.0, atoms.get_volume()),
        forces=_array(block, "varray[@name='forces']", len(symbols)),
        stress=None if stress is None else to_voigt(stress_from_vasp((stress + stress.T) / 2)),
    )
    return atoms


def _check_convergence(step, settings):
    """Refuse a step whose electrons did not converge in NELM iterations, or at fixed density.

    VASP writes no flag. A step that used all NELM iterations is converged only
    where the last one changed the free energy by no more than EDIFF. Files
    stripped of NELM or of the electronic steps are taken as they are.
    """
    check_self_consistency(settings["ICHARG"])
    limit, tolerance = settings["NELM"], settings["EDIFF"] or 0.0
    iterations = ELECTRONIC_STEP.findall(step)
    if limit is None or len(iterations) < limit:
        return
    try:
        last = [float(FREE_ENERGY.search(iteration)[1]) for iteration in iterations[-2:]]
        change = abs(last[1] - last[0])
    except (TypeError, ValueError, IndexError):
        change = np.inf
    if not change <= tolerance:
        raise FileFormatError(
            f"not electronically converged: all NELM = {limit:.0f} iterations used, the last one changed the free "
            f"energy by {change:.1e} eV, EDIFF is {tolerance:.1e} eV"
        )


def check_self_consistency(icharg):
    """Refuse runs at fixed density (band structures): their forces belong to no energy."""
    if icharg is not None and icharg >= 10:
        raise FileFormatError(f"not self-consistent: ICHARG = {icharg:.0f} keeps the density fixed")


def _setting(text, name):
    """A number of the INCAR or parameters block, or None; the first one (NELM reappears for response functions)."""
    match = re.search(rf'name="{name}">\s*([^<\s]+)', text)
    try:
        return None if match is None else float(match[1])
    except ValueError:
        return None


def _symbols(block):
    """Chemical symbols from the atoms array (a match of ``ATOMS``, or None)."""
    symbols = ELEMENT.findall(block[1]) if block else []
    if not symbols:
        raise FileFormatError("the file holds no list of atoms: its head is missing")
    unknown = sorted(set(symbols) - set(atomic_numbers))
    if unknown:
        raise FileFormatError(f"unknown chemical symbols in the list of atoms: {', '.join(unknown)}")
    return symbols


def _energy(block, pstress, volume):
    """Free energy (eV) without the PSTRESS (kB) term, or None."""
    element = block.find("energy/i[@name='e_fr_energy']")
    if element is None:
        return None
    numbers = _numbers(element.text)
    if len(numbers) != 1:
        raise FileFormatError(f"the free energy should be one number, found '{element.text}'")
    return numbers[0] - 0.1 * GPA * pstress * volume


def _array(block, path, n_rows):
    """A ``varray`` of `n_rows` rows of three numbers, or None where it is absent."""
    element = block.find(path)
    if element is None:
        return None
    rows = [_numbers(row.text) for row in element.findall("v")]
    if len(rows) != n_rows or any(len(row) != 3 for row in rows):
        name = element.get("name")
        raise FileFormatError(f"the array '{name}' has {len(rows)} rows, expected {n_rows} rows of three numbers")
    return np.array(rows)


def _numbers(text):
    """Numbers in a text; Fortran writes stars where one does not fit."""
    try:
        return [float(word) for word in (text or "").split()]
    except ValueError as error:
        raise FileFormatError(f"'{(text or '').strip()}' are no numbers: VASP's output overflowed") from error
