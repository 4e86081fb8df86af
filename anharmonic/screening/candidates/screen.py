"""All screens on many candidates: what costs little on all of them, what costs more on what is left."""

from dataclasses import dataclass, field, replace

import spglib
from ase import Atoms

from anharmonic.errors import AnharmonicError
from anharmonic.screening.candidates.charges import charge_verdicts
from anharmonic.screening.candidates.duplicates import duplicate_verdicts
from anharmonic.screening.candidates.energy import energy_verdict, predictions
from anharmonic.screening.candidates.geometry import (
    coordination_verdict,
    factor_verdict,
    similarity_verdict,
    tolerance_verdict,
)
from anharmonic.screening.candidates.novelty import Known, novelties
from anharmonic.screening.candidates.screened import Screened, failures
from anharmonic.screening.candidates.settings import SCREENS, ScreenSettings
from anharmonic.screening.candidates.sizes import (
    contact_verdict,
    expected_lengths,
    strain,
    volume_verdict,
)
from anharmonic.screening.candidates.verdict import Verdict, not_run
from anharmonic.screening.entries import Entry
from anharmonic.screening.formation.predictor import APART, FormationEnergy
from anharmonic.screening.generator.standard import standard_setting
from anharmonic.screening.library import describe
from anharmonic.screening.perovskites.roles import Roles, roles

SYMMETRY = 0.1
"""A: tolerance with which the space group is named."""


@dataclass
class _State:
    """A candidate on its way."""

    entry: Entry
    roles: Roles | None = None
    verdicts: dict = field(default_factory=dict)
    prediction: FormationEnergy | None = None
    notes: list = field(default_factory=list)


def screen(candidates, known=None, settings=None, on_progress=None, predictor=None):
    """Run all screens.

    Parameters
    ----------
    candidates : sequence of Entry
    known : Library, sequence of Entry, or Known, optional
        Known compounds; without them novelty is not judged.
    settings : ScreenSettings, optional
    on_progress : callable, optional
        Called with the name of what is done, and the numbers of candidates done and of all.
    predictor : FormationPredictor, optional
        Of formation energies; by default the shipped one.

    Returns
    -------
    list of Screened
        All candidates: first those that pass, best first (`Screened.rank`), then the others in the order given.
    """
    settings, known = settings or ScreenSettings(), Known.of(known)
    tell = on_progress or (lambda stage, done, total: None)
    states = [_begun(entry) for entry in _counted(candidates, "structures", tell)]
    described = [state for state in states if state.roles]
    expected = expected_lengths(state.roles for state in described)
    for state in _counted(described, "geometry", tell):
        _cheap(state, expected[state.roles], settings)
    left = described if settings.complete else [s for s in described if not failures(s.verdicts, settings)]
    left = [state for state in left if state.verdicts["contacts"].passed or "contacts" in settings.warn]
    _judge_novelty(left, known, tell)
    left = left if settings.complete else [s for s in left if not failures(s.verdicts, settings)]
    _judge_energies(left, settings, predictor, tell)
    left = [s for s in left if s.prediction and (settings.complete or not failures(s.verdicts, settings))]
    _judge_duplicates(left, settings, tell)
    found = [_finished(state, settings) for state in states]
    return sorted(found, key=lambda one: (not one.passed, one.rank))


def _counted(items, stage, tell):
    """The items, told one by one."""
    items = list(items)
    for number, item in enumerate(items):
        yield item
        tell(stage, number + 1, len(items))


def _begun(entry):
    """A candidate in its standard setting, if it is a compound ABX3."""
    state = _State(entry)
    try:
        state.roles = roles(entry.atoms)
        state.entry = replace(entry, atoms=standard_setting(entry.atoms))
    except AnharmonicError as error:
        state.roles, state.verdicts["structure"] = None, Verdict(False, str(error))
    else:
        count = len(state.entry.atoms)
        state.verdicts["structure"] = Verdict(True, f"{count} atoms in the primitive cell", float(count))
    return state


def _cheap(state, expected, settings):
    """The screens that cost little."""
    own, verdicts = state.roles, state.verdicts
    found = strain(state.entry.atoms, expected[0])
    if settings.rescale and abs(found) * expected[0] > APART * expected[1]:
        state.entry = replace(state.entry, atoms=_scaled(state.entry.atoms, 1 / (1 + found)))
        state.notes.append(f"volume: lengths were {found:+.1%} from those expected of the elements, and were scaled")
        found = 0.0
    atoms = state.entry.atoms
    verdicts["contacts"] = contact_verdict(atoms, settings.least_contact)
    verdicts["volume"] = volume_verdict(found, expected, settings.most_strain)
    verdicts["charges"], verdicts["electronegativity"] = charge_verdicts(own)
    verdicts["factors"] = factor_verdict(own)
    verdicts["tolerance"] = tolerance_verdict(verdicts["factors"], settings.least_tolerance)
    verdicts["coordination"] = coordination_verdict(atoms, own)
    verdicts["similarity"] = similarity_verdict(atoms, own, settings.most_distance)


def _judge_novelty(states, known, tell):
    entries = [state.entry for state in states]
    found = novelties(entries, known, describe(entries), lambda *counts: tell("novelty", *counts))
    for state, verdict in zip(states, found, strict=True):
        state.verdicts["novelty"] = verdict


def _judge_energies(states, settings, predictor, tell):
    entries = [state.entry for state in states]
    found = predictions(entries, predictor, lambda *counts: tell("energies", *counts))
    for state, one in zip(states, found, strict=True):
        state.verdicts["energy"] = energy_verdict(one, settings)
        state.prediction = None if isinstance(one, str) else one


def _judge_duplicates(states, settings, tell):
    entries, energies = [state.entry for state in states], [state.prediction.value for state in states]
    failed = [bool(failures(state.verdicts, settings)) for state in states]
    found = duplicate_verdicts(
        entries, describe(entries), energies, failed, lambda *counts: tell("duplicates", *counts)
    )
    for state, verdict in zip(states, found, strict=True):
        state.verdicts["duplicate"] = verdict


def _finished(state, settings):
    """The record; screens that were not run say why."""
    failed = failures(state.verdicts, settings)
    first = failed[0] if failed else "energy"
    missing = not_run("it is no compound ABX3" if first == "structure" else f"it fails the screen {first!r}")
    verdicts = {name: state.verdicts.get(name, missing) for name in SCREENS}
    entry = state.entry
    return Screened(
        entry.name, entry.atoms, entry.formula, state.roles, _space_group(entry.atoms) if state.roles else "",
        verdicts, state.prediction, settings, tuple(state.notes),
    )  # fmt: skip


def _scaled(atoms, factor):
    """Isotropically, fractional coordinates kept."""
    return Atoms(atoms.numbers, cell=atoms.cell.array * factor, positions=atoms.positions * factor, pbc=True)


def _space_group(atoms):
    cell = atoms.cell.array, atoms.get_scaled_positions(), atoms.numbers
    return spglib.get_spacegroup(cell, symprec=SYMMETRY) or ""
