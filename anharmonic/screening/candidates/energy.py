"""Predicted formation energies of candidates, and what is asked of them."""

from anharmonic.screening.candidates.verdict import Verdict
from anharmonic.screening.formation.compounds import compounds
from anharmonic.screening.formation.predictor import shipped

STRAINED = "not relaxed?"
"""The doubt of the predictor that the screen of volumes has as well."""


def predictions(entries, predictor=None, on_done=None):
    """Predicted formation energies.

    Parameters
    ----------
    entries : sequence of Entry
    predictor : FormationPredictor, optional
        By default the shipped one.
    on_done : callable, optional
        Called with the numbers of steps done and of all: surfaces count half of the way, energies the other half.

    Returns
    -------
    list of FormationEnergy or str
        The reason where there is none.
    """
    count, step = len(entries), on_done or (lambda done, total: None)
    described, taken, refused = compounds(entries, on_batch=lambda done, _: step(done, 2 * count))
    energies = (predictor or shipped()).predict(described, 1, lambda done, _: step(count + done, 2 * count))
    found = {id(entry): energy for entry, energy in zip(taken, energies, strict=True)}
    reasons = {one.name: one.reason for one in refused}
    return [found.get(id(entry)) or reasons[entry.name] for entry in entries]


def energy_verdict(found, settings):
    """The verdict on a prediction (eV/atom), or on the reason why there is none."""
    if isinstance(found, str):
        return Verdict(False, f"no energy can be predicted: {found}")
    value, target, window = found.value, settings.target_energy, settings.energy_window
    words = f"{value:.3f} +- {found.deviation:.3f} eV/atom"
    if settings.most_energy is not None and value > settings.most_energy:
        return Verdict(False, f"{words}; at most {settings.most_energy:g} is expected", value)
    if target is not None and window is not None and abs(value - target) > window:
        return Verdict(False, f"{words}; {target:g} within {window:g} is expected", value)
    return Verdict(True, words, value, "; ".join(doubt for doubt in found.doubts if not doubt.startswith(STRAINED)))
