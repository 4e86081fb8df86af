"""VASP's settings from its tags, from whichever of its files they come."""

import numpy as np

from anharmonic.data.settings import Settings, k_mesh

TAGS = (
    *("ENCUT", "ENMAX", "GGA", "METAGGA", "LHFCALC", "AEXX", "HFSCREEN", "IVDW", "LUSE_VDW", "LDAU", "LDAUTYPE"),
    *("LDAUU", "LDAUJ", "ISMEAR", "SIGMA", "PREC", "ISPIN", "LNONCOLLINEAR", "LSORBIT"),
)
"""The tags that `vasp_settings` looks at."""

FUNCTIONALS = {
    **{"PE": "PBE", "PS": "PBEsol", "RP": "RPBE", "RE": "revPBE", "91": "PW91", "CA": "LDA", "AM": "AM05"},
    **{"B3": "B3LYP", "OR": "optPBE", "BO": "optB88", "MK": "optB86b", "ML": "rev-vdW-DF2"},
}
PRECISIONS = {"a": "accurate", "n": "normal", "s": "single", "l": "low", "m": "medium", "h": "high"}
ABSENT = ("", "-", "--", "F", "N", "NONE", "NO")
"""What VASP writes for a functional that was not chosen."""


def vasp_settings(tags, titles=(), points=None, cell=None):
    """`Settings` from VASP's tags.

    Parameters
    ----------
    tags : dict of str to str
        Values as VASP writes them; only some of `TAGS` need be there.
    titles : sequence of str
        Titles of the pseudopotentials.
    points : array_like, shape (n, 3), optional
        k-points in units of the reciprocal vectors.
    cell : array_like, shape (3, 3), A, optional
        Rows of lattice vectors.

    Returns
    -------
    Settings or None
        None where nothing is known.
    """
    tags = {name: " ".join(str(value).split()) for name, value in tags.items() if value is not None}
    titles = tuple(sorted({" ".join(title.split()) for title in titles}))
    spacing, gamma = (None, None) if points is None or cell is None or not len(points) else k_mesh(points, cell)
    found = Settings(
        cutoff=_number(tags, "ENCUT") or _number(tags, "ENMAX"),
        functional=_functional(tags, titles),
        dispersion=_dispersion(tags),
        hubbard=_hubbard(tags),
        k_spacing=spacing,
        gamma=gamma,
        smearing=_smearing(tags),
        precision=PRECISIONS.get(tags.get("PREC", "")[:1].lower()),
        spin=_spin(tags),
        potentials=titles or None,
    )
    return found if found.to_dict() else None


def _number(tags, name):
    """A number, or None."""
    try:
        return float(tags[name].split()[0])
    except (KeyError, ValueError, IndexError):
        return None


def _is_true(tags, name):
    """Whether a logical tag is set."""
    return tags.get(name, "F").strip(".").upper()[:1] in ("T", "1")


def _functional(tags, titles):
    """Name of the functional: METAGGA, GGA or that of the pseudopotentials; hybrids with their parameters."""
    meta, gga = (tags.get(name, "").upper() for name in ("METAGGA", "GGA"))
    base = meta if meta not in ABSENT else FUNCTIONALS.get(gga, gga) if gga not in ABSENT else _of_potentials(titles)
    if base is None or not _is_true(tags, "LHFCALC"):
        return base
    numbers = ((name, _number(tags, name)) for name in ("AEXX", "HFSCREEN"))
    return f"{base} hybrid with " + ", ".join(f"{name} = {value or 0:g}" for name, value in numbers)


def _of_potentials(titles):
    """The functional that the pseudopotentials were made with, or None."""
    kinds = {title.split()[0] for title in titles}
    named = {"PAW_PBE": "PBE", "PAW_GGA": "PW91", "PAW": "LDA"}
    return named.get(next(iter(kinds))) if len(kinds) == 1 else None


def _dispersion(tags):
    """Dispersion corrections; None where neither tag is there (VASP 5 writes no IVDW unless it is set)."""
    if "IVDW" not in tags and "LUSE_VDW" not in tags:
        return None
    kind, nonlocal_part = _number(tags, "IVDW") or 0, _is_true(tags, "LUSE_VDW")
    words = [f"IVDW = {kind:.0f}"] * (kind != 0) + ["LUSE_VDW"] * nonlocal_part
    return ", ".join(words) or "none"


def _hubbard(tags):
    """Hubbard correction with its parameters."""
    if "LDAU" not in tags:
        return None
    if not _is_true(tags, "LDAU"):
        return "none"
    words = (f"{name} = {_short(tags[name])}" for name in ("LDAUTYPE", "LDAUU", "LDAUJ") if name in tags)
    return ", ".join(words) or "on"


def _short(numbers):
    """Numbers in a text without trailing zeros: VASP's files write different numbers of digits."""
    try:
        return " ".join(f"{float(word):g}" for word in numbers.split())
    except ValueError:
        return numbers


def _smearing(tags):
    """Kind and width of the smearing; tetrahedra have no width."""
    kind, width = _number(tags, "ISMEAR"), _number(tags, "SIGMA")
    if kind is None:
        return None
    return f"ISMEAR = {kind:.0f}" + (f", SIGMA = {width:g} eV" if width is not None and kind > -4 else "")


def _spin(tags):
    """How spin is treated."""
    if _is_true(tags, "LSORBIT"):
        return "spin-orbit coupling"
    if _is_true(tags, "LNONCOLLINEAR"):
        return "noncollinear"
    polarised = _number(tags, "ISPIN")
    return None if polarised is None else "polarised" if polarised == 2 else "none"


def weighted_points(points, weights):
    """The k-points that count: those of weight zero are for band structures."""
    points, weights = np.asarray(points, float), np.asarray(weights, float).ravel()
    return points[weights > 0] if len(weights) == len(points) else points
