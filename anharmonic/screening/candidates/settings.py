"""What is asked of candidates."""

from dataclasses import dataclass

from anharmonic.errors import AnharmonicError
from anharmonic.screening.candidates.geometry import LEAST_TOLERANCE
from anharmonic.screening.candidates.similarity import MOST_DISTANT
from anharmonic.screening.candidates.sizes import LEAST_CONTACT, MOST_STRAIN

SCREENS = (
    "structure", "contacts", "volume", "charges", "electronegativity", "factors", "tolerance", "coordination",
    "similarity", "novelty", "energy", "duplicate",
)  # fmt: skip
"""In the order in which they are run."""
EXPENSIVE = SCREENS[-3:]
"""Run on what has passed all others."""


@dataclass(frozen=True)
class ScreenSettings:
    """Limits and aims.

    Attributes
    ----------
    target_energy : float or None
        eV/atom: those with the nearest predicted formation energy come first; without it those with the lowest.
    energy_window : float or None
        Largest difference from the target, eV/atom.
    most_energy : float or None
        Highest predicted formation energy, eV/atom: by default that of the elements.
    most_distance : float
        From the nearest standard perovskite, in lattice constants (`similarity`).
    least_tolerance : float
        Tolerance factor (`perovskites.factors`, radii of six neighbours) below which none is expected to stay one.
    least_contact : float
        Distance of two atoms, of the sum of their covalent radii.
    most_strain : float
        Of lengths, against those expected of the elements.
    rescale : bool
        Give structures the volume expected of their elements where theirs is doubtful; none fails for its volume then.
    warn : tuple of str
        Screens (`SCREENS`) that only warn. By default that of tolerance and octahedral factors: most of what breaks
        their limits is computed to be a perovskite all the same (docs/perovskites.md).
    complete : bool
        Run the expensive screens on all that they can be run on, not only on what is left.

    Raises
    ------
    AnharmonicError
        If a limit makes no sense, or no such screen exists.
    """

    target_energy: float | None = None
    energy_window: float | None = None
    most_energy: float | None = 0.0
    most_distance: float = MOST_DISTANT
    least_tolerance: float = LEAST_TOLERANCE
    least_contact: float = LEAST_CONTACT
    most_strain: float = MOST_STRAIN
    rescale: bool = False
    warn: tuple = ("factors",)
    complete: bool = False

    def __post_init__(self):
        for name in ("energy_window", "most_distance", "least_contact", "most_strain"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise AnharmonicError(f"{name} is a number above 0; found {value!r}")
        if self.energy_window is not None and self.target_energy is None:
            raise AnharmonicError("an energy window is around a target energy: give both, or the target alone")
        unknown = sorted(set(self.warn) - set(SCREENS))
        if unknown:
            raise AnharmonicError(f"no screen is called {unknown[0]!r}; there are {', '.join(SCREENS)}")
