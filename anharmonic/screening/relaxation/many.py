"""Many structures relaxed one after the other: each result is on disk before the next begins."""

import hashlib
import json
import math
import re
from dataclasses import asdict

import ase.io
import numpy as np

from anharmonic.errors import AnharmonicError
from anharmonic.files import replacing
from anharmonic.screening.library import Refused
from anharmonic.screening.relaxation.formation_energies import energy_above_competing, formation_energy
from anharmonic.screening.relaxation.relax import relax

JOURNAL, STRUCTURES = "relaxed.jsonl", "structures"
WITHIN = 0.2
"""eV/atom; a predicted energy of formation this near to that of the relaxed structure counts as confirmed."""


def relax_all(entries, calculator, name, folder, settings, on_done=None):
    """Relax structures; what a folder holds of the same structures, calculator and settings is not done again.

    Parameters
    ----------
    entries : sequence of Entry
    calculator : ase.calculators.calculator.Calculator
    name : str
        Of the calculator.
    folder : Path
        For `JOURNAL` and the relaxed structures (CIF).
    settings : dict
        Of `relax`.
    on_done : callable, optional
        Called with the numbers of structures done and of all, and the last record.

    Returns
    -------
    records : list of dict
        By structure: what `Relaxed` holds but for the atoms, with name, formula and file.
    refused : list of Refused
    """
    (folder / STRUCTURES).mkdir(parents=True, exist_ok=True)
    known, records, refused = _read_journal(folder / JOURNAL), [], []
    for number, entry in enumerate(entries):
        key = _digest(entry.atoms, name, settings)
        record = known.get((entry.name, key))
        if record is None:
            try:
                record = _relaxed(entry, calculator, folder, settings) | {"key": key, "calculator": name}
                with open(folder / JOURNAL, "a", encoding="utf-8") as file:
                    file.write(json.dumps(record) + "\n")
            except AnharmonicError as error:
                refused.append(Refused(entry.name, str(error)))
                record = None
        if record is not None:
            records.append(record)
        if on_done:
            on_done(number + 1, len(entries), record)
    return records, refused


def anion_shifts(records, known):
    """How a table's energies of formation differ from a calculator's, by anion.

    Tables that fit or correct the energies of the elements give all compounds of an anion nearly the same difference
    per anion: here its median over known compounds.

    Parameters
    ----------
    records : sequence of dict
        With ``formation``, of known compounds.
    known : dict of str to float
        Their energies of formation in the table (eV/atom), by name.

    Returns
    -------
    dict of str to (float, int)
        By anion, the commonest element of each compound: table less calculator, eV for each of its atoms, and the
        number of compounds.
    """
    found = {}
    for record in records:
        value, truth = record.get("formation"), known.get(record["name"])
        if record["converged"] and None not in (value, truth):
            anion, share = _anion(record)
            found.setdefault(anion, []).append((truth - value) / share)
    return {anion: (float(np.median(shifts)), len(shifts)) for anion, shifts in found.items()}


def with_formation(records, references, competing=(), predicted=None, shifts=None):
    """Records with energies of formation, energies above competing phases, and differences from what was predicted.

    Parameters
    ----------
    records : sequence of dict
        Of `relax_all`.
    references : mapping of str to float
        Energies of the elements, eV/atom.
    competing : sequence of Competing
    predicted : dict of str to float, optional
        Energies of formation (eV/atom) by name of the structure.
    shifts : dict of str to (float, int), optional
        Of `anion_shifts`.

    Returns
    -------
    records : list of dict
        With ``formation`` (eV/atom), ``aligned`` (with the shift of its anion) where there are shifts,
        ``above_competing`` (eV/atom) and ``phases`` where there are competing phases, ``predicted``, ``error``
        (predicted less aligned, or else less formation) where known; None where the calculator failed.
    refused : list of Refused
        Of which an element has no reference.
    """
    found, refused = [], []
    for record in records:
        record = record | {"formation": None}
        if record["energy"] is not None:
            try:
                record["formation"] = formation_energy(record["energy"], record["symbols"], references)
            except AnharmonicError as error:
                refused.append(Refused(record["name"], str(error)))
        value = record["formation"]
        if competing:
            above = (None, []) if value is None else energy_above_competing(_counts(record), value, competing)
            record |= {"above_competing": above[0], "phases": " + ".join(above[1])}
        if shifts:
            anion, share = _anion(record)
            known = value is not None and anion in shifts
            record["aligned"] = value + share * shifts[anion][0] if known else None
            value = record["aligned"] if known else value
        if predicted is not None:
            guess = predicted.get(record["name"])
            record |= {"predicted": guess, "error": None if None in (guess, value) else guess - value}
        found.append(record)
    return found, refused


def confirmed(record):
    """Whether a structure relaxed to a perovskite whose predicted energy is within `WITHIN` of the relaxed one.

    Without a prediction the energy does not count.
    """
    error = record.get("error")
    near = error is not None and abs(error) <= WITHIN if "error" in record else True
    return bool(record["converged"] and record["perovskite_after"] and near)


def _relaxed(entry, calculator, folder, settings):
    """The record of one structure; its relaxed structure is written."""
    found = relax(entry.atoms, calculator, **settings)
    values = {key: value for key, value in asdict(found).items() if key != "atoms"}
    record = {key: None if isinstance(v, float) and not math.isfinite(v) else v for key, v in values.items()}
    path = folder / STRUCTURES / f"{re.sub('[^A-Za-z0-9_.-]+', '_', entry.name)}.cif"
    if found.perovskite_after is not None or np.isfinite(found.energy):
        with replacing(path) as part:
            ase.io.write(part, found.atoms, format="cif")
    symbols = found.atoms.get_chemical_symbols()
    return {"name": entry.name, "formula": entry.formula, "symbols": symbols, "file": path.name} | record


def _anion(record):
    """The commonest element and its share of the atoms."""
    counts = _counts(record)
    symbol = max(sorted(counts), key=counts.get)
    return symbol, counts[symbol] / len(record["symbols"])


def _counts(record):
    return {symbol: record["symbols"].count(symbol) for symbol in set(record["symbols"])}


def _digest(atoms, name, settings):
    """Of all that decides a relaxation."""
    total = hashlib.sha256(repr((name, sorted(settings.items()))).encode())
    for values in (atoms.numbers, np.round(atoms.positions, 6), np.round(atoms.cell.array, 6)):
        total.update(np.ascontiguousarray(values).tobytes())
    return total.hexdigest()[:16]


def _read_journal(path):
    """Records by name and key; a line that an interruption cut short counts as not there."""
    found = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            record = json.loads(line)
            found[record["name"], record["key"]] = record
        except (ValueError, KeyError):
            continue
    return found
