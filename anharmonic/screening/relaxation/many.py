"""Many structures relaxed, by one process or by many workers: each result is on disk when it is known."""

import hashlib
import json
import math
import re
from dataclasses import asdict, dataclass
from pathlib import Path

import ase.io
import numpy as np

from anharmonic.errors import AnharmonicError
from anharmonic.files import replacing
from anharmonic.parallel.team import Alone
from anharmonic.screening.entries import Entry
from anharmonic.screening.library import Refused
from anharmonic.screening.relaxation.formation_energies import energy_above_competing, formation_energy
from anharmonic.screening.relaxation.relax import relax
from anharmonic.stopping import Stopped

JOURNAL, STRUCTURES = "relaxed.jsonl", "structures"
WITHIN = 0.2
"""eV/atom; a predicted energy of formation this near to that of the relaxed structure counts as confirmed."""


@dataclass(frozen=True)
class Relaxation:
    """One structure as a task of a worker.

    Attributes
    ----------
    entry : Entry
    calculator : callable
        Gives the ASE calculator.
    folder : Path
        For the relaxed structure.
    settings : dict
        Of `relax`.
    """

    entry: Entry
    calculator: object
    folder: Path
    settings: dict


def relax_all(entries, calculator, name, folder, settings, on_done=None, crew=None, stop=lambda: None):
    """Relax structures; what a folder holds of the same structures, calculator and settings is not done again.

    Parameters
    ----------
    entries : sequence of Entry
    calculator : callable
        Gives an ASE calculator, in the process of every worker.
    name : str
        Of the calculator.
    folder : Path
        For `JOURNAL` and the relaxed structures (CIF).
    settings : dict
        Of `relax`.
    on_done : callable, optional
        Called with the numbers of structures done and of all, and the last record.
    crew : Alone or Together, optional
        Workers of `anharmonic.parallel.team`; this process by default.
    stop : callable
        See `relax`.

    Returns
    -------
    records : list of dict
        By structure: what `Relaxed` holds but for the atoms, with name, formula and file.
    refused : list of Refused

    Raises
    ------
    Stopped
        If `stop` said so.
    """
    (folder / STRUCTURES).mkdir(parents=True, exist_ok=True)
    on_done = on_done or (lambda done, total, record: None)
    keys = [_digest(entry.atoms, name, settings) for entry in entries]
    known, refused = _read_journal(folder / JOURNAL), {}
    found = [known.get((entry.name, key)) for entry, key in zip(entries, keys, strict=True)]
    left = [k for k, record in enumerate(found) if record is None]
    on_done(len(entries) - len(left), len(entries), None)
    tasks = [Relaxation(entries[k], calculator, folder.resolve(), settings) for k in left]
    for done, outcome in enumerate((crew or Alone()).run(perform, tasks, stop=stop), len(entries) - len(left) + 1):
        k = left[outcome.index]
        if outcome.error is None:
            found[k] = outcome.result | {"key": keys[k], "calculator": name}
            with open(folder / JOURNAL, "a", encoding="utf-8") as file:
                file.write(json.dumps(found[k]) + "\n")
        else:
            refused[k] = Refused(entries[k].name, str(outcome.error))
        on_done(done, len(entries), found[k])
    return [record for record in found if record is not None], [refused[k] for k in sorted(refused)]


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


def perform(task, report, stop):
    """Do a `Relaxation`: the record of the structure; the relaxed structure is written."""
    if signal_number := stop():
        raise Stopped(signal_number)
    entry = task.entry
    found = relax(entry.atoms, task.calculator(), stop=stop, **task.settings)
    values = {key: value for key, value in asdict(found).items() if key != "atoms"}
    record = {key: None if isinstance(v, float) and not math.isfinite(v) else v for key, v in values.items()}
    path = task.folder / STRUCTURES / f"{re.sub('[^A-Za-z0-9_.-]+', '_', entry.name)}.cif"
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
