"""The latent space of a generator: where known crystals lie, where stable ones are dense, and ways between them.

Chenebuah, Nganbe and Tchagang (2023), section 3.3. New compounds are looked for where the known stable ones lie close
together. The paper reads that region from a plot of two axes; here it has a definition in all dimensions, by the
distance to the k-th nearest stable crystal: the density of points by nearest neighbours is k / (n V r_k^d), so that the
smallest distance means the highest density.
"""

from dataclasses import dataclass

import numpy as np

from anharmonic.errors import AnharmonicError
from anharmonic.records import load_record, save_record
from anharmonic.screening.extras import extra
from anharmonic.screening.generator import layout
from anharmonic.screening.generator.conditions import agreement
from anharmonic.screening.generator.network import STABLE
from anharmonic.screening.generator.properties import property_table
from anharmonic.screening.networks.training import digest

KIND, VERSION = "latent space", 1
TOGETHER = 1024
"""Crystals that are given back together."""
NEIGHBOURS = 10
"""The neighbour whose distance measures the density."""
REGION = 868
"""Most points of a region of interest: as many as the paper's has."""
LEAST = 20
"""Points below which a region asks for less."""
NEAR = 0.25
"""eV/atom within which energies are near a target."""
PARALLEL = 1e-6
"""Sine of the angle of two vectors below which they are parallel."""


@dataclass(frozen=True)
class LatentSpace:
    """Known crystals in the latent space of a generator.

    Attributes
    ----------
    means : ndarray, shape (n, latent), float32
        Means of their latent numbers.
    energies : ndarray, shape (n,), float32
        Formation energies, eV/atom.
    again : ndarray, shape (n,), float32
        What the regressor says of the crystal after it was decoded and encoded again, eV/atom.
    sites : ndarray, shape (n, 3), int16
        Atomic numbers on A, B and X.
    formulas, names : tuple of str
    generator : str
        Digest of the network that they are of.
    """

    means: np.ndarray
    energies: np.ndarray
    again: np.ndarray
    sites: np.ndarray
    formulas: tuple
    names: tuple
    generator: str

    def __len__(self):
        return len(self.energies)

    @property
    def stable(self):
        """Crystals (n,) with a formation energy of at most -1.5 eV/atom that keep it when they are decoded."""
        return (self.energies <= STABLE) & (self.again <= STABLE)

    @classmethod
    def of(cls, generator, images, energies, formulas, names=None, on_done=None):
        """Where crystals lie.

        Parameters
        ----------
        generator : Generator
        images : ndarray, shape (n, 60, 88, 3)
            Of `descriptor.encode_all`.
        energies : array_like, shape (n,)
            Formation energies, eV/atom.
        formulas, names : sequence of str
            By default the names are the formulas.
        on_done : callable, optional
            Called with the numbers of crystals done and of all.

        Raises
        ------
        AnharmonicError
            If there are not as many of each.
        """
        names = formulas if names is None else names
        if not len(images) == len(energies) == len(formulas) == len(names):
            counts = len(images), len(energies), len(formulas), len(names)
            raise AnharmonicError(
                "as many images, energies, formulas, names are expected; found {}, {}, {}, {}".format(*counts)
            )
        means, again = [np.empty((0, generator.sizes.latent), np.float32)], [np.empty(0, np.float32)]
        for begin in range(0, len(images), TOGETHER):
            means.append(generator.encode(images[begin : begin + TOGETHER])[0])
            again.append(generator.heads(generator.encode(generator.decode(means[-1]))[0])[0])
            if on_done:
                on_done(min(begin + TOGETHER, len(images)), len(images))
        places = layout.array(images)[:, layout.ROWS["elements"], layout.DIRECT].argmax(axis=1)
        return cls(
            np.concatenate(means), np.asarray(energies, np.float32), np.concatenate(again),
            property_table()[0][places].astype(np.int16), tuple(map(str, formulas)), tuple(map(str, names)),
            digest(generator.model),
        )  # fmt: skip

    def belongs_to(self, generator):
        """Refuse another generator.

        Raises
        ------
        AnharmonicError
            If the latent space is of another network.
        """
        if digest(generator.model) != self.generator:
            raise AnharmonicError("the latent space is of another generator; take the files of one training")

    def save(self, path):
        """Write a file."""
        save_record(path, self, KIND, VERSION)

    @classmethod
    def load(cls, path):
        """Read a file.

        Raises
        ------
        FileFormatError
            If it is damaged or holds something else.
        """
        return load_record(path, KIND, VERSION, (cls,))


@dataclass(frozen=True)
class Region:
    """A region of interest.

    Attributes
    ----------
    chosen : ndarray, shape (n,), int
        Numbers of its points, the densest first.
    distances : ndarray, shape (n,)
        To the k-th nearest point of those that were chosen from.
    share : float
        Share of points to choose from among the k nearest of all, mean over the region: 1 where nothing else is near.
    matched : int
        On how many sites its points have the elements asked for.
    """

    chosen: np.ndarray
    distances: np.ndarray
    share: float
    matched: int


def region_of_interest(space, target=None, elements=None, size=REGION, neighbours=NEIGHBOURS):
    """The points to make new crystals from: stable ones, where stable ones are densest.

    With a target energy, crystals within 0.25 eV/atom of it take the place of the stable ones (or the 20 nearest to it,
    if fewer are so near). With elements, those are taken that have them on all sites asked for; if fewer than 20 do,
    on one site less, and so on. If fewer than 20 of them are stable, the 20 of lowest energy are taken.

    Every formula counts once, with the crystal of the lowest energy or the nearest to the target: a compound of which
    many structures are known would otherwise be a dense region of its own.

    Parameters
    ----------
    space : LatentSpace
    target : float, optional
        Formation energy, eV/atom.
    elements : dict of str to iterable of str, optional
        As of `conditions.allowed_elements`.
    size : int
        Most points.
    neighbours : int
        k of the density.

    Returns
    -------
    Region

    Raises
    ------
    AnharmonicError
        If there are fewer than two points.
    """
    if len(space) < 2:
        raise AnharmonicError(f"a region of interest needs at least two known crystals; found {len(space)}")
    matches = agreement(space.sites, elements)
    matched = max((m for m in range(matches.max() + 1) if (matches >= m).sum() >= min(LEAST, len(space))), default=0)
    able = np.flatnonzero(matches >= matched)
    away = space.energies[able] if target is None else abs(space.energies[able] - target)
    wanted = space.stable[able] if target is None else away <= NEAR
    if wanted.sum() < LEAST:
        wanted = np.argsort(np.argsort(away, kind="stable")) < LEAST
    first = {}
    for number in able[wanted][np.argsort(away[wanted], kind="stable")].tolist():
        first.setdefault(space.formulas[number], number)
    ones = np.array(sorted(first.values()))
    if len(ones) < 2:
        raise AnharmonicError(
            f"a region of interest needs at least two compounds; found {space.formulas[ones[0]]} alone"
        )
    distances, _ = _nearest(space.means[ones], space.means[ones], neighbours)
    order = np.argsort(distances[:, -1], kind="stable")[:size]
    _, numbers = _nearest(space.means[ones[order]], space.means, neighbours)
    share = float(np.isin(numbers, able[wanted]).mean())
    return Region(ones[order], distances[order, -1], share, int(matched))


def slerp(one, other, t):
    """Spherical linear interpolation (Shoemake (1985); eq. 4 of Chenebuah et al.).

    Parallel vectors, and the origin, are interpolated in a straight line. Opposite ones have no plane of
    their own: the way leads over the axis along which they are shortest.

    Parameters
    ----------
    one, other : ndarray, shape (..., d)
        Of any length: eq. 4 takes them as they are, with the angle between them.
    t : array_like, shape (...)
        0 gives `one`, 1 the other.

    Returns
    -------
    ndarray, shape (..., d)
    """
    one, other, t = np.asarray(one, float), np.asarray(other, float), np.asarray(t, float)[..., None]
    lengths = [np.linalg.norm(v, axis=-1, keepdims=True) for v in (one, other)]
    unit, toward = (v / np.where(r > 0, r, 1.0) for v, r in zip((one, other), lengths, strict=True))
    apart, together = (np.linalg.norm(toward + sign * unit, axis=-1, keepdims=True) for sign in (-1, 1))
    angle = 2 * np.arctan2(apart, together)  # Kahan's: exact for small angles too
    sine = np.where(lengths[0] * lengths[1] > 0, np.sin(angle), 0.0)
    opposite = (sine < PARALLEL) & (together < apart)
    parallel = (sine < PARALLEL) & ~opposite
    safe = np.where(sine < PARALLEL, 1.0, sine)
    found = (np.sin((1 - t) * angle) * one + np.sin(t * angle) * other) / safe
    found = np.where(parallel, (1 - t) * one + t * other, found)
    return np.where(opposite, _over(one, other, unit, t), found) if opposite.any() else found


def number_between(count, spacing):
    """Points between all pairs of `count` ones: (1 / dt - 1) n (n - 1) / 2, of Chenebuah et al., section 3.3.

    Raises
    ------
    AnharmonicError
        If 1 / dt is no whole number of at least 2.
    """
    steps = round(1 / spacing) if spacing > 0 else 0
    if steps < 2 or abs(steps * spacing - 1) > 1e-6:
        raise AnharmonicError(f"the spacing is 1/2, 1/3, 1/4 and so on; found {spacing:g}")
    return (steps - 1) * count * (count - 1) // 2


def _over(one, other, unit, t):
    """Half a turn between opposite vectors."""
    axis = np.zeros_like(unit)
    np.put_along_axis(axis, abs(unit).argmin(axis=-1)[..., None], 1.0, axis=-1)
    axis = axis - (axis * unit).sum(axis=-1, keepdims=True) * unit
    axis = axis / np.maximum(np.linalg.norm(axis, axis=-1, keepdims=True), 1e-300)
    lengths = [np.linalg.norm(v, axis=-1, keepdims=True) for v in (one, other)]
    return ((1 - t) * lengths[0] + t * lengths[1]) * (np.cos(np.pi * t) * unit + np.sin(np.pi * t) * axis)


def _nearest(queries, points, count):
    """Distances (n, k) and numbers (n, k) of the nearest points, without the query itself."""
    search = extra("sklearn.neighbors").NearestNeighbors(n_neighbors=min(count + 1, len(points)))
    distances, numbers = search.fit(points).kneighbors(queries)
    return distances[:, 1:], numbers[:, 1:]
