"""How many candidates are left after each stage."""

from collections import Counter

STAGES = {
    "compound ABX3": ("structure",),
    "distances, volume": ("contacts", "volume"),
    "charges": ("charges", "electronegativity"),
    "factors": ("factors",),
    "tolerance factor": ("tolerance",),
    "perovskite": ("coordination",),
    "similar to a standard": ("similarity",),
    "novel": ("novelty",),
    "energy": ("energy",),
    "unique": ("duplicate",),
}
"""Stages, and the screens (`settings.SCREENS`) that make each."""


def funnel(screened, generated=None):
    """Counts by stage: those that fail no screen up to there.

    Parameters
    ----------
    screened : sequence of Screened
    generated : int, optional
        How many there were before, with those that could not be decoded.

    Returns
    -------
    dict of str to int
        In order, "generated" first; stages that only warn, or were run on none, are left out.
    """
    found, passed = {"generated": len(screened) if generated is None else generated}, set()
    for stage, names in STAGES.items():
        passed.update(names)
        judged = any(one.verdicts[name].passed is not None for one in screened for name in names)
        if judged and not all(name in one.settings.warn for one in screened for name in names):
            found[stage] = sum(not passed & set(one.failed) for one in screened)
    return found


def failures_by_screen(screened):
    """How many fail each screen, whatever else they fail; the most frequent first."""
    return dict(Counter(name for one in screened for name in one.failed).most_common())
