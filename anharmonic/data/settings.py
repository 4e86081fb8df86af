"""Settings of electronic structure calculations that must agree across a data set."""

from collections import defaultdict
from dataclasses import dataclass, fields

import numpy as np

SPACING_TOLERANCE = 1.15
"""Ratio of k-point spacings up to which meshes count as equally dense: no two cells divide alike."""

UNKNOWN_CONVERGENCE = {"convergence": "not told"}
"""What ``info`` says of structures of VASP whose file does not tell whether the electrons converged."""

WORDS = {
    "cutoff": "plane-wave cutoffs",
    "functional": "functionals",
    "dispersion": "dispersion corrections",
    "hubbard": "Hubbard corrections",
    "smearing": "smearings",
    "precision": "precisions (PREC)",
    "spin": "treatments of spin",
    "gamma": "k-point meshes",
}


@dataclass(frozen=True)
class Settings:
    """What a file says of its calculation; None where it says nothing.

    Attributes
    ----------
    cutoff : float
        Plane-wave cutoff (eV).
    functional : str
        "PBE", "R2SCAN", "PBE hybrid with AEXX = 0.25, HFSCREEN = 0.2".
    dispersion, hubbard : str
        The corrections, or "none".
    k_spacing : float
        Largest distance (1/A, 2 pi included) between points of the mesh along the three reciprocal vectors.
    gamma : bool
        Whether the mesh holds the point Gamma.
    smearing, precision, spin : str
    potentials : tuple of str
        Titles of the pseudopotentials, each "kind element date".
    """

    cutoff: float | None = None
    functional: str | None = None
    dispersion: str | None = None
    hubbard: str | None = None
    k_spacing: float | None = None
    gamma: bool | None = None
    smearing: str | None = None
    precision: str | None = None
    spin: str | None = None
    potentials: tuple | None = None

    def to_dict(self):
        """The known ones as plain values; empty where nothing is known."""
        known = {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name) is not None}
        return known | ({"potentials": list(self.potentials)} if self.potentials else {})

    @classmethod
    def from_dict(cls, values):
        """What `to_dict` gave; None for anything that is no such dictionary."""
        names = {f.name for f in fields(cls)}
        if not isinstance(values, dict) or not set(values) <= names or not values:
            return None
        potentials = values.get("potentials")
        return cls(**values | {"potentials": tuple(potentials) if potentials else None})


def k_mesh(points, cell):
    """Spacing of a mesh of k-points, and whether it holds Gamma.

    The divisions along a reciprocal vector are read off the coordinates of the points and of
    their negatives, so that a mesh reduced by symmetry will do.

    Parameters
    ----------
    points : array_like, shape (n, 3)
        In units of the reciprocal vectors.
    cell : array_like, shape (3, 3), A
        Rows of lattice vectors.

    Returns
    -------
    spacing : float
        Largest of the three (1/A, 2 pi included).
    gamma : bool
    """
    points = np.asarray(points, float).reshape(-1, 3)
    divisions = [_divisions(np.concatenate([column, -column])) for column in points.T]
    lengths = 2 * np.pi * np.linalg.norm(np.linalg.inv(cell), axis=0)
    return round(float((lengths / divisions).max()), 4), bool((np.abs(points - np.round(points)).max(1) < 1e-4).any())


def _divisions(coordinates):
    """Number of equal steps between 0 and 1 that the coordinates are on."""
    values = np.unique(np.round(coordinates % 1, 5) % 1)
    gaps = np.diff(np.append(values, values[0] + 1))
    return max(1, round(1 / gaps.min()))


def disagreements(frames):
    """Where frames were calculated differently, in words.

    Parameters
    ----------
    frames : iterable of LabelledStructure or Frame

    Returns
    -------
    list of str
        One sentence a setting, with how many frames have which value and the first of each; empty where all that is
        known agrees. What a file does not tell disagrees with nothing.
    """
    values = defaultdict(lambda: defaultdict(list))
    for frame in frames:
        settings = frame.settings
        if frame.energy is not None and frame.energy_name:
            values["energies"][frame.energy_name.split(" (")[0].replace("_", " ")].append(frame.source)
        for name in WORDS if settings else ():
            if (value := getattr(settings, name)) is not None:
                values[WORDS[name]][_shown(name, value)].append(frame.source)
        for title in (settings and settings.potentials) or ():
            values[f"pseudopotentials of {_element(title)}"][title].append(frame.source)
        if settings and settings.k_spacing:
            values["k-point spacings"][settings.k_spacing].append(frame.source)
    spacings = values.pop("k-point spacings", {})
    found = [f"{what} differ: {_listed(of)}" for what, of in values.items() if len(of) > 1]
    return found + ([_spacing_sentence(spacings)] if spacings and _ratio(spacings) > SPACING_TOLERANCE else [])


def tells_convergence(frame):
    """False for structures of VASP whose file does not tell whether the electrons converged."""
    return frame.info.get("convergence") != UNKNOWN_CONVERGENCE["convergence"]


def unknown_convergence(frames):
    """A sentence on frames of VASP whose files do not tell whether the electrons converged; empty without such."""
    sources = [frame.source for frame in frames if not tells_convergence(frame)]
    if not sources:
        return ""
    return f"nothing tells whether the electrons converged in {len(sources)} frames (first: {sources[0]})"


def _shown(name, value):
    """A value as text."""
    if name == "gamma":
        return "with Gamma" if value else "without Gamma"
    return f"{value:g} eV" if name == "cutoff" else str(value)


def _element(title):
    """The element of a pseudopotential's title."""
    words = title.split()
    return words[1].split("_")[0] if len(words) > 1 else title


def _listed(found):
    """Values with the number of frames and the first, the most frequent value first."""
    ranked = sorted(found.items(), key=lambda item: -len(item[1]))
    return ", ".join(f"{value} in {len(sources)} frames (first: {sources[0]})" for value, sources in ranked)


def _ratio(spacings):
    """Coarsest over finest mesh."""
    return max(spacings) / min(spacings)


def _spacing_sentence(spacings):
    """The finest and the coarsest mesh."""
    low, high = min(spacings), max(spacings)
    return (
        f"k-point spacings differ: {low:.3f} 1/A in {spacings[low][0]} and {high:.3f} 1/A in {spacings[high][0]} are "
        f"the finest and the coarsest of {len(spacings)}"
    )
