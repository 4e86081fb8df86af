"""A candidate promoted: reference, phonons, wells, phases, structures, labels; each step is on disk before the next."""

import hashlib
import json
from dataclasses import asdict, dataclass

import ase.io
import numpy as np

from anharmonic.crystal import Supercell, map_atoms
from anharmonic.errors import AnharmonicError
from anharmonic.files import replacing, write_json
from anharmonic.phonons.cells import PhononCells, unit_state
from anharmonic.phonons.points import bands
from anharmonic.promotion.instabilities import CELL, hessian_of, modes_of, phonons_of
from anharmonic.promotion.project import label_structures, write_labeller, write_project, write_structures
from anharmonic.promotion.reference import Reference, cubic, reference_of
from anharmonic.promotion.structures import assumed_states, states_of_phases, training_structures
from anharmonic.promotion.wells import (
    Phase,
    Well,
    directions_of,
    displaced,
    relaxed_phase,
    starts_of,
    well_of,
)

RECORD, SETTINGS, FOLLOWED = "promotion.json", "settings.json", 5
"""Files, and how many unstable modes, softest first, are followed."""
KEPT = "name", "energy", "space_group", "converged", "matrix"


@dataclass(frozen=True)
class Promotion:
    """What was found.

    Attributes
    ----------
    reference : Reference
    modes : list of Mode
        Of the 2x2x2 cell, lowest first; empty without a calculator.
    bands : dict or None
        As of `anharmonic.phonons.points.bands`.
    wells : list of Well
    phases : list of Phase
        Lowest first.
    structures : int
    missing : int
        Labels that somebody else has to make.
    """

    reference: Reference
    modes: list
    bands: dict | None
    wells: list
    phases: list
    structures: int
    missing: int


def promote(
    atoms, folder, name=None, calculator=None, incar=None, count=120, seed=0, preset="balanced", source="", tell=None
):
    """Take a candidate to a folder from which a potential is learnt.

    Parameters
    ----------
    atoms : ase.Atoms
        A perovskite, distorted or not.
    folder : Path
        Made before. What it holds of the same promotion is not done again.
    name : str, optional
        Of the calculator, or "file.py:function".
    calculator : ase.calculators.calculator.Calculator, optional
        For reference, phonons and phases; without it the lattice parameter is that of the candidate's volume, and all
        tilts count as unstable.
    incar : Path or str, optional
        Labels are made by VASP, from this INCAR ("": one that is written); otherwise by the calculator.
    count, seed : int
        Of the structures to label; the count may be raised later.
    preset : str
        Of the basis.
    source : str
        Where the candidate is from, for the records.
    tell : callable, optional
        Called with the name of a step, the numbers done and of all.

    Returns
    -------
    Promotion

    Raises
    ------
    AnharmonicError
        If the candidate is no perovskite, nothing labels, or the folder belongs to another promotion.
    """
    if calculator is None and incar is None:
        raise AnharmonicError("labels are made by a calculator or by VASP; name one of them")
    tell = tell or (lambda step, done, total: None)
    _same_promotion(folder, atoms, name, incar is not None, seed)
    tell("cubic reference", 0, 1)
    reference = _reference(atoms, calculator, folder)
    crystal, hessian, found = reference.crystal, None, (None, [], [], [])
    if calculator is not None:
        hessian, *found = _explored(reference, atoms, calculator, folder, tell)
    curves, modes, wells, phases = found
    states = states_of_phases(crystal, phases) if phases else assumed_states(crystal)
    structures = training_structures(crystal, states, hessian, count, seed)
    write_structures(folder, structures)
    labeller, label = write_labeller(folder, name, incar)
    compound = crystal.formula.replace("3", "") + "3" if crystal.formula.endswith("3") else crystal.formula
    facts = {"candidate": source or "a structure", "calculator": name or "no calculator"}
    write_project(folder, crystal, compound, label, preset, facts, len(structures))
    missing = label_structures(structures, labeller, folder, lambda *n: tell("labels", *n))
    write_project(folder, crystal, compound, label, preset, facts, missing)
    result = Promotion(reference, modes, curves, wells, phases, len(structures), missing)
    write_json(folder / RECORD, _record(result) | {"name": compound, **facts, "seed": seed})
    return result


def _same_promotion(folder, atoms, name, vasp, seed):
    """Refuse a folder of another promotion."""
    total = hashlib.sha256()
    for values in (atoms.numbers, atoms.positions.round(5), atoms.cell.array.round(5)):
        total.update(np.ascontiguousarray(values).tobytes())
    settings = {"candidate": total.hexdigest()[:16], "calculator": name, "vasp": vasp, "seed": seed}
    path = folder / SETTINGS
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else settings
    if what := ", ".join(f"{key} {known.get(key)!r}" for key in settings if known.get(key) != settings[key]):
        raise AnharmonicError(f"{folder} holds another promotion ({what}): give another folder")
    write_json(path, settings)


def _reference(atoms, calculator, folder):
    """The reference; its lattice parameter is kept."""
    path = folder / "reference.json"
    if path.exists():
        kept = json.loads(path.read_text(encoding="utf-8"))
        known = reference_of(atoms, None)
        crystal = cubic(known.crystal.species[:3], kept["lattice_parameter_A"])
        return Reference(crystal, map_atoms(crystal, atoms), kept["relaxed"])
    found = reference_of(atoms, calculator)
    write_json(path, {"lattice_parameter_A": found.lattice_parameter, "relaxed": found.relaxed})
    return Reference(found.crystal, found.candidate, found.relaxed)


def _explored(reference, atoms, calculator, folder, tell):
    """Hessian, bands, modes, wells and phases."""
    crystal = reference.crystal
    cells = _phonons(crystal, calculator, folder, tell)
    hessian = hessian_of(cells)
    modes = modes_of(crystal, hessian)
    unstable = [mode for mode in modes if mode.unstable]
    followed = [(mode, direction) for mode in unstable[:FOLLOWED] for direction in directions_of(mode)]
    wells = _wells(crystal, followed, calculator, folder, tell)
    phases = _phases(reference, starts_of(crystal, unstable, wells), calculator, folder, tell)
    return hessian, bands(cells.phonon), modes, wells, phases


def _phonons(crystal, calculator, folder, tell):
    """Phonons, force constants kept in a file (float64)."""
    path = folder / "force_constants.npy"
    if path.exists():
        cells = PhononCells.of_state(unit_state(crystal), CELL)
        cells.phonon.force_constants = np.load(path)
        return cells
    cells = phonons_of(crystal, calculator, lambda *n: tell("phonons", *n))
    with replacing(path) as part, open(part, "wb") as file:
        np.save(file, cells.phonon.force_constants)
    cells.phonon.save(folder / "phonons.yaml", settings={"force_constants": True})
    return cells


def _wells(crystal, followed, calculator, folder, tell):
    """Wells, each kept as soon as it is known."""
    path = folder / "wells.json"
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    for done in range(len(known), len(followed)):
        tell("wells", done, len(followed))
        well = asdict(well_of(crystal, *followed[done], calculator))
        known.append({k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in well.items()})
        write_json(path, known)
    return [Well(w["mode"], tuple(w["direction"]), np.array(w["amplitude"]), np.array(w["energy"])) for w in known]


def _phases(reference, starts, calculator, folder, tell):
    """Relaxed phases, lowest first: of tilts and modes, and of the candidate itself."""
    crystal, place = reference.crystal, folder / "phases"
    place.mkdir(exist_ok=True)
    zero = displaced(crystal, Supercell.from_matrix([1, 1, 1]), np.zeros((5, 3, 1))).to_atoms()
    zero.calc = calculator
    zero, found = float(zero.get_potential_energy()) / len(zero), []
    for done, (name, start) in enumerate((starts | {"candidate": reference.candidate}).items()):
        tell("phases", done, len(starts) + 1)
        phase = _kept(place / f"{name.replace(' ', '_')}.extxyz")
        if phase is None:
            phase = relaxed_phase(name, start, zero, calculator)
            if phase is not None:
                _keep(place / f"{name.replace(' ', '_')}.extxyz", phase)
        found += [] if phase is None else [phase]
    return sorted(found, key=lambda phase: phase.energy)


def _kept(path):
    """A phase that was relaxed before, or None."""
    notes = path.with_suffix(".json")
    if not notes.exists():
        return None
    known = json.loads(notes.read_text(encoding="utf-8"))
    return Phase(atoms=ase.io.read(path), **known | {"matrix": tuple(map(tuple, known["matrix"]))})


def _keep(path, phase):
    """Its structure and then, as the sign that it is done, what is known of it."""
    with replacing(path) as part:
        ase.io.write(part, phase.atoms, format="extxyz")
    write_json(path.with_suffix(".json"), {k: getattr(phase, k) for k in KEPT})


def _record(result):
    """Plain numbers for promotion.json."""
    reference, tilts = result.reference, result.reference.tilts
    return {
        "lattice_parameter_A": reference.lattice_parameter, "relaxed": reference.relaxed,
        "candidate_displacement_A": reference.residual,
        "candidate_tilts_degrees": [None if np.isnan(t) else float(t) for t in tilts],
        "modes": [{"name": m.name, "frequency_THz": m.frequency, "components": len(m.patterns)} for m in result.modes],
        "wells": [
            {"mode": w.mode, "direction": w.direction, "amplitude_A": w.lowest[0], "energy_meV": 1000 * w.lowest[1]}
            for w in result.wells
        ],
        "phases": [
            {"name": p.name, "space_group": p.space_group, "energy_meV": 1000 * p.energy, "converged": p.converged}
            for p in result.phases
        ],
        "structures": result.structures, "missing_labels": result.missing,
    }  # fmt: skip
