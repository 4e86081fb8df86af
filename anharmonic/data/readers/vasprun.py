"""Frames of a vasprun.xml: every complete ionic step on its own.

ASE's reader needs a whole file with k-points and parameters, hides where a file
is cut off, and does not look at electronic convergence. This one takes each
``<calculation>`` block by itself, so stripped files are read and damaged ones
lose only the damaged steps.
"""

import re
from dataclasses import dataclass
from functools import reduce
from xml.etree import ElementTree

import numpy as np

from anharmonic.conventions import energy_without_pressure, stress_from_vasp
from anharmonic.data.files import read_text
from anharmonic.data.labels import label_arrays
from anharmonic.data.readers.convergence import check_self_consistency, require_convergence
from anharmonic.data.readers.incar import TAGS, vasp_settings, weighted_points
from anharmonic.data.refusals import Refusal, Refused, refusal_of
from anharmonic.data.settings import UNKNOWN_CONVERGENCE, Settings
from anharmonic.errors import FileFormatError

OPENING, CLOSING = "<calculation>", "</calculation>"
HEAVY = ("scstep", "projected", "eigenvalues", "dos")
"""Elements of an ionic step that are left out before it is parsed; the second may hold the third."""
BARE_STRUCTURE = re.compile(r"<structure\s*>")
ATOMS = re.compile(r'<array name="atoms"\s*>(.*?)</array>', re.DOTALL)
ELEMENT = re.compile(r"<rc>\s*<c>\s*(\S+)\s*</c>")
TYPES = re.compile(r'<array name="atomtypes"\s*>(.*?)</array>', re.DOTALL)
TITLE = re.compile(r"<c>([^<]*)</c>\s*</rc>")
BASIS = re.compile(r'name="initialpos".*?<varray name="basis"\s*>(.*?)</varray>', re.DOTALL)
FREE_ENERGY = re.compile(r'name="e_fr_energy">\s*([^<\s]+)')


@dataclass(frozen=True)
class _Head:
    """What a file says of all its ionic steps."""

    symbols: list
    numbers: dict
    settings: Settings | None


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
    rest, steps, is_cut = _divide(text)
    head, structures, refusals = _head(rest, steps), [], []
    for number, step in enumerate(steps):
        source = f"{path}:{number}"
        try:
            structures.append(_read_step(step, head, source))
        except (FileFormatError, ElementTree.ParseError) as error:
            refusals.append(refusal_of(source, error, "{}"))
    refusals += _force_field_steps(path, rest, head)
    end = ("truncated", problem) if problem else _incomplete(rest, len(steps), is_cut)
    if end:
        refusals.append(Refusal(f"{path}:{len(steps)}", end[1], end[0]))
    return structures, refusals


def _divide(text):
    """The text outside the ionic steps, the steps (those cut off lack their end), and whether another one was begun."""
    outside, steps, position = [], [], 0
    while (start := text.find(OPENING, position)) >= 0:
        outside.append(text[position:start])
        stop = text.find(CLOSING, start)
        if stop < 0:
            return "".join(outside), steps, True
        while (another := text.find(OPENING, start + 1, stop)) >= 0:  # a run that crashed and was started again
            steps.append(text[start:another])
            start = another
        position = stop + len(CLOSING)
        steps.append(text[start:position])
    return "".join([*outside, text[position:]]), steps, False


def _incomplete(rest, n_steps, is_cut):
    """Kind and reason of a file that ends early, or None where it does not."""
    if is_cut:
        reason = "the file ends within this ionic step: the run crashed, is still going, or the file is cut off"
        return "truncated", reason
    if n_steps == 0:
        return "crashed", "no ionic step in this file: the run crashed at its start, or this is no vasprun.xml"
    if "</modeling>" not in rest:
        reason = f"the file ends without </modeling> after {n_steps} complete ionic steps: the run did not end normally"
        return "crashed", reason
    return None


def _force_field_steps(path, rest, head):
    """A refusal for the steps of a machine-learned force field, which VASP writes outside of ``<calculation>``."""
    count = len(BARE_STRUCTURE.findall(rest)) if head.numbers["ML_LMLFF"] else 0
    reason = f"{count} ionic steps are of VASP's machine-learned force field, not of DFT"
    return [Refusal(str(path), reason, "force field")] if count else []


def _head(rest, steps):
    """Symbols, numbers and settings; stripped files may have their atoms within an ionic step."""
    atoms = next((text for text in (rest, *steps[:1]) if '<array name="atoms"' in text), rest)
    block, types = ATOMS.search(atoms), TYPES.search(atoms)
    symbols = ELEMENT.findall(block[1]) if block else []
    numbers = {name: _number(_tag(rest, name)) for name in ("NELM", "EDIFF", "ICHARG", "PSTRESS")}
    numbers["ML_LMLFF"] = (_tag(rest, "ML_LMLFF") or "F").strip().upper().startswith("T")
    tags = {name: _tag(rest, name) for name in TAGS}
    basis, points = BASIS.search(rest), _rows(rest, "kpointlist", 3)
    cell = None if basis is None else _float_rows(basis[1], 3)
    points = None if points is None else weighted_points(points, _or_empty(_rows(rest, "weights", 1)))
    settings = vasp_settings(tags, TITLE.findall(types[1]) if types else (), points, cell)
    return _Head(symbols, numbers, settings)


def _tag(text, name):
    """Text of a tag of the INCAR or the parameters, or None; the first one (NELM reappears for response functions)."""
    match = re.search(rf'name="{name}"[^>]*>([^<]*)<', text)
    return None if match is None else match[1]


def _number(text):
    """A number, or None."""
    try:
        return float(text)
    except (TypeError, ValueError):
        return None


def _rows(text, name, width):
    """The first ``varray`` of a name in a text, or None where it is absent or damaged."""
    match = re.search(rf'<varray name="{name}"\s*>(.*?)</varray>', text, re.DOTALL)
    return None if match is None else _float_rows(match[1], width)


def _float_rows(block, width):
    """Numbers of ``<v>`` rows as an array of `width` columns, or None."""
    try:
        return np.array(block.replace("<v>", " ").replace("</v>", " ").split(), float).reshape(-1, width)
    except ValueError:
        return None


def _or_empty(array):
    return () if array is None else array


def _read_step(step, head, source):
    """One ``<calculation>`` block as a `LabelledStructure`."""
    if not step.endswith(CLOSING):
        raise Refused("truncated", "this ionic step is cut off; another run begins in the same file")
    _check_convergence(step, head.numbers)
    block = ElementTree.fromstring(reduce(_without, HEAVY, step))
    if not head.symbols:
        raise FileFormatError("the file holds no list of atoms: its head is missing")
    cell = _array(block, ".//varray[@name='basis']", 3)
    positions = _array(block, ".//varray[@name='positions']", len(head.symbols))
    if cell is None or positions is None:
        raise FileFormatError("the ionic step holds no structure")
    stress = _array(block, "varray[@name='stress']", 3)
    pstress = head.numbers["PSTRESS"] or 0.0
    energy = _energy(block)
    return label_arrays(
        head.symbols,
        cell,
        positions @ cell,
        None if energy is None else energy_without_pressure(energy, pstress, abs(np.linalg.det(cell))),
        _array(block, "varray[@name='forces']", len(head.symbols)),
        None if stress is None else stress_from_vasp(stress),
        source,
        energy_name="free energy (e_fr_energy" + (" less PSTRESS V)" if pstress else ")"),
        settings=head.settings,
        info={} if head.numbers["NELM"] and "</scstep>" in step else dict(UNKNOWN_CONVERGENCE),
    )


def _without(text, tag):
    """The text without the elements of a tag; plain searches, as a regular expression takes ten times as long."""
    kept, position = [], 0
    while (start := text.find(f"<{tag}", position)) >= 0:
        stop = text.find(f"</{tag}>", start)
        if stop < 0:
            break
        is_other = text[start + len(tag) + 1] not in "> "  # <eigenvalues_kpoints_opt>
        kept.append(text[position : start + 1] if is_other else text[position:start])
        position = start + 1 if is_other else stop + len(tag) + 3
    return "".join([*kept, text[position:]])


def _check_convergence(step, numbers):
    """Refuse a step whose electrons did not converge in NELM iterations, at fixed density, or of a force field.

    VASP writes no flag. A step that used all NELM iterations is converged only
    where the last one changed the free energy by no more than EDIFF. Files
    stripped of NELM or of the electronic steps are taken, and ``info`` says so.
    """
    check_self_consistency(numbers["ICHARG"])
    iterations = step.count("</scstep>")
    if numbers["ML_LMLFF"] and not iterations:
        raise Refused("force field", "energies of VASP's machine-learned force field, not of DFT")
    if numbers["NELM"] is None or iterations < numbers["NELM"]:
        return
    energies = [_number(match) for match in FREE_ENERGY.findall(step[: step.rfind("</scstep>")])[-2:]]
    change = abs(energies[1] - energies[0]) if len(energies) == 2 and None not in energies else np.inf
    require_convergence(change, numbers["NELM"], numbers["EDIFF"])


def _energy(block):
    """Free energy (eV), or None."""
    element = block.find("energy/i[@name='e_fr_energy']")
    if element is None:
        return None
    numbers = _numbers(element.text)
    if len(numbers) != 1:
        raise FileFormatError(f"the free energy should be one number, found '{element.text}'")
    return numbers[0]


def _array(block, path, n_rows):
    """A ``varray`` of `n_rows` rows of three numbers, or None where it is absent."""
    element = block.find(path)
    if element is None:
        return None
    rows = [row.text or "" for row in element.findall("v")]
    if len(rows) != n_rows or any(len(row.split()) != 3 for row in rows):
        name = element.get("name")
        raise FileFormatError(f"the array '{name}' has {len(rows)} rows, expected {n_rows} rows of three numbers")
    return np.array(_numbers(" ".join(rows))).reshape(n_rows, 3)


def _numbers(text):
    """Numbers in a text; Fortran writes stars where one does not fit."""
    try:
        return [float(word) for word in (text or "").split()]
    except ValueError as error:
        found = next((word for word in text.split() if not _is_number(word)), "")
        raise FileFormatError(f"'{found}' is no number: VASP's output overflowed") from error


def _is_number(word):
    return _number(word) is not None
