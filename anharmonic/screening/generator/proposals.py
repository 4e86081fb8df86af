"""New compounds from a trained generator: between known stable ones, around them, from the prior, or by descent.

Chenebuah, Nganbe and Tchagang (2023), section 3.3: spherical interpolation between all pairs of the region of interest.
Local perturbation, for comparison, is that of Z. Ren et al., Matter 5, 314 (2022).
"""

from dataclasses import dataclass, field

import numpy as np

from anharmonic.errors import AnharmonicError
from anharmonic.screening.generator.conditions import allowed_elements
from anharmonic.screening.generator.decoding import Decoded, crystal_key, decode
from anharmonic.screening.generator.descent import Descent, descend
from anharmonic.screening.generator.descriptor import encode
from anharmonic.screening.generator.latent import LatentSpace, Region, number_between, region_of_interest, slerp
from anharmonic.screening.generator.network import STABLE
from anharmonic.screening.generator.training import Generator

METHODS = "slerp", "perturb", "prior", "optimise"
TOGETHER = 128
"""Points that are drawn, decoded and read together, so that more of them begin with the same."""
BARREN = 10
"""Batches in which nothing new is found before the search ends."""


FINEST = 1 / 16
"""Spacing of interpolation down to which more points are made where those asked for do not suffice."""


@dataclass(frozen=True)
class Proposal:
    """A compound that may be new.

    Attributes
    ----------
    number : int
    method : str
        One of `METHODS`, or "substitution".
    parents : tuple of str
        Formulas of the known compounds that it comes from; none from the prior.
    names : tuple of str
        Of the same.
    z : ndarray, shape (latent,), or None
        Its latent numbers.
    decoded : Decoded
        Crystal, elements, and why it may be none.
    energy : float
        Formation energy (eV/atom) that the regressor reads from the latent numbers: what was asked for.
    energy_again : float
        The same of the crystal that came out of it, encoded again: what was given. It knows of elements that were
        fixed and of numbers that decoding rounded, the other does not. NaN of what is no valid crystal.
    stable, stable_again : float
        Probabilities of being stable, likewise.
    """

    number: int
    method: str
    parents: tuple
    names: tuple
    z: np.ndarray | None
    decoded: Decoded
    energy: float
    energy_again: float
    stable: float
    stable_again: float

    @property
    def atoms(self):
        return self.decoded.atoms

    @property
    def valid(self):
        return self.decoded.valid

    @property
    def formula(self):
        """In the order A, B, X; such as CsPbBr3."""
        return "{}{}{}3".format(*self.decoded.elements) if self.decoded.elements else ""

    @property
    def stays_stable(self):
        """Whether the crystal still counts as stable after decoding, at most -1.5 eV/atom."""
        return self.energy_again <= STABLE


@dataclass(frozen=True)
class Sampling:
    """How points are drawn.

    Attributes
    ----------
    spacing : float
        dt of interpolation: 1/2, 1/3, and so on. Near an end it gives the compound of that end: what is new is in the
        middle. Where that is not enough, such as with few parents, it is halved.
    noise : float
        Standard deviation of perturbation, in units of the prior; that of Ren et al.
    rounds : int
        To and fro of a crystal that was given other elements than its image has, so that its cell fits them.
    descent : Descent
    """

    spacing: float = 0.5
    noise: float = 0.4
    rounds: int = 1
    descent: Descent = field(default_factory=Descent)


def propose(generator, space, count, method="slerp", target=None, elements=None, seed=0, region=None, settings=None,
            on_progress=None):  # fmt: skip
    """Propose compounds; valid or not, but none twice.

    Parameters
    ----------
    generator : Generator
    space : LatentSpace
        Known crystals.
    count : int
        Fewer come back where fewer are found, such as between few points.
    method : str
        "slerp": between two points of the region of interest. "perturb": around one of them. "prior": standard normal
        numbers, all that a plain autoencoder has. "optimise": as slerp, then a descent to what is asked for.
    target : float, optional
        Formation energy, eV/atom: of the region, and where the descent goes; by default to the mean of the region.
    elements : dict of str to iterable of str, optional
        By site (A, B, X) the elements that it may have, such as ``{"X": {"O"}}``.
    seed : int
        The same one gives the same proposals; more of them begin with the same.
    region : Region, optional
        By default `region_of_interest(space, target, elements)`.
    settings : Sampling, optional
    on_progress : callable, optional
        Called with the numbers of proposals found and of those wanted.

    Returns
    -------
    list of Proposal

    Raises
    ------
    AnharmonicError
        If the method, a site or an element is unknown, or the latent space is of another generator.
    """
    if method not in METHODS:
        raise AnharmonicError(f"methods are {', '.join(METHODS)}; found {method!r}")
    space.belongs_to(generator)
    allowed = allowed_elements(elements)
    if method != "prior" and region is None:
        region = region_of_interest(space, target, elements)
    task = _Task(generator, space, region, target, allowed, settings or Sampling())
    found, seen, barren = [], set(), 0
    for z, parents in _SOURCES[method](task, np.random.default_rng(seed)):
        z, crystals = _decoded(generator, z, elements, task.settings.rounds)
        new = []
        for number, key in enumerate(map(crystal_key, crystals)):
            if key not in seen and len(found) + len(new) < count:
                seen.add(key)
                new.append(number)
        found.extend(_proposals(task, method, len(found), z, [(k, parents[k], crystals[k]) for k in new]))
        barren = 0 if new else barren + 1
        if on_progress:
            on_progress(len(found), count)
        if len(found) >= count or barren >= BARREN:
            break
    return found


def read_again(generator, decoded):
    """Formation energies (n,), eV/atom, and probabilities (n,) of being stable, of decoded crystals; NaN if invalid."""
    means = means_again(generator, decoded)
    rows = np.concatenate([means, np.zeros((-len(means) % TOGETHER, means.shape[1]))])  # one compilation for any number
    return tuple(values[: len(means)] for values in generator.heads(rows))


def means_again(generator, decoded):
    """Latent numbers (n, latent) of decoded crystals, encoded again; NaN of None and of what is no valid crystal."""
    found, images, numbers = np.full((len(decoded), generator.sizes.latent), np.nan, np.float32), [], []
    for number, one in enumerate(decoded):
        if one is not None and one.valid:
            try:
                images.append(encode(one.atoms, generator.reading).astype(np.float32))
            except AnharmonicError:  # the cell cannot be reduced
                continue
            numbers.append(number)
    if numbers:
        images += images[-1:] * (-len(images) % TOGETHER)
        found[numbers] = generator.encode(np.array(images))[0][: len(numbers)]
    return found


@dataclass(frozen=True)
class _Task:
    """What the sources of points are told."""

    generator: Generator
    space: LatentSpace
    region: Region | None
    target: float | None
    allowed: np.ndarray
    settings: Sampling


def _between(task, rng):
    """Points between all pairs of the region, in random order; then those half way between them, down to 1/16."""
    chosen, spacing = task.region.chosen, task.settings.spacing
    one, other = np.triu_indices(len(chosen), 1)
    places = spacing * np.arange(1, 1 + number_between(2, spacing))
    while len(places):
        order = rng.permutation(len(one) * len(places))
        for begin in range(0, len(order), TOGETHER):
            pairs, steps = np.divmod(order[begin : begin + TOGETHER], len(places))
            parents = np.stack([chosen[one[pairs]], chosen[other[pairs]]], axis=1)
            yield slerp(*task.space.means[parents.T], places[steps]).astype(np.float32), parents
        spacing = spacing / 2
        places = np.arange(spacing, 1, 2 * spacing) if spacing >= FINEST else ()


def _around(task, rng):
    """Points around those of the region."""
    while True:
        parents = rng.choice(task.region.chosen, (TOGETHER, 1))
        means = task.space.means[parents[:, 0]]
        yield means + task.settings.noise * rng.normal(size=means.shape).astype(np.float32), parents


def _anywhere(task, rng):
    """Points of the prior."""
    while True:
        z = rng.normal(size=(TOGETHER, task.space.means.shape[1])).astype(np.float32)
        yield z, np.empty((TOGETHER, 0), int)


def _towards(task, rng):
    """Points of interpolation, moved to what is asked for."""
    target = task.space.energies[task.region.chosen].mean() if task.target is None else task.target
    for z, parents in _between(task, rng):
        yield descend(task.generator.model, z, target, task.allowed, task.settings.descent)[0], parents


_SOURCES = {"slerp": _between, "perturb": _around, "prior": _anywhere, "optimise": _towards}


def _decoded(generator, z, elements, rounds):
    """Latent numbers (n, latent) and their crystals; with elements given, after some rounds to and fro.

    A crystal that was given other elements than those of the image has the cell of the latter. Encoded and decoded
    again, it gets one that the network knows of such elements.
    """
    images = generator.decode(z)
    crystals = [decode(image, generator.reading, elements) for image in images]
    for _ in range(rounds if elements else 0):
        free = [decode(image, generator.reading).elements for image in images]
        pairs = zip(crystals, free, strict=True)
        means = means_again(generator, [one if one.elements != own else None for one, own in pairs])
        changed = np.isfinite(means[:, 0])
        if not changed.any():
            break
        z = np.where(changed[:, None], means, z)
        images = generator.decode(z)
        crystals = [decode(image, generator.reading, elements) for image in images]
    return z, crystals


def _proposals(task, method, first, z, chosen):
    """Proposals of latent numbers z (n, latent), of which some were chosen: their places, parents and crystals."""
    space, (energies, stable) = task.space, task.generator.heads(z)
    again = read_again(task.generator, [decoded for _, _, decoded in chosen])
    for number, (place, parents, decoded) in enumerate(chosen):
        formulas, names = (tuple(texts[k] for k in parents) for texts in (space.formulas, space.names))
        values = energies[place], again[0][number], stable[place], again[1][number]
        yield Proposal(first + number, method, formulas, names, z[place], decoded, *map(float, values))
