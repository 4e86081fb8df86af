"""Domains of tilts: samples brought into one orientation, and layers that turn against each other.

Where the tilts of a perovskite turn to another axis, or change their sign, the means over a run are those of several
domains. A symmetry of the reference crystal that brings a sample nearest to the others takes it back; the fluctuations
within a domain are then those of one phase. This is done only where the length of the tilt vector is static: a vector
that fluctuates about zero must not be turned to where it points by chance.
"""

from dataclasses import dataclass

import numpy as np

from anharmonic.analysis.phases import VECTOR_SIGNAL, static_tilts
from anharmonic.analysis.tilts import angles
from anharmonic.crystal.images import Images

MARGIN = 0.3
"""A sample is turned if this brings it nearer by this share of the squared tilt vector: noise does not turn it."""

ROUNDS = 10
"""Times that the mean of the turned samples replaces the pattern they are turned to."""

LAYER_SIGMAS = 4.0
"""A layer is turned if its mean rotation is this many standard errors from zero ..."""

LAYER_MINIMUM = 1.0
"""... and this angle (degrees)."""


@dataclass(frozen=True)
class Alignment:
    """Which operation brings each sample into the domain of the others.

    Attributes
    ----------
    images : Images
    operations : ndarray, shape (n_samples,), int
    turned : ndarray, shape (n_samples, 6)
        Tilts (tangents) in the one domain.
    """

    images: Images
    operations: np.ndarray
    turned: np.ndarray

    @property
    def n_turns(self):
        """How often the domain changed."""
        return int(np.count_nonzero(np.diff(self.operations)))

    @property
    def n_domains(self):
        """Number of domains that were visited."""
        return len(np.unique(self.operations))

    def of_samples(self, rows):
        """The same of some of the samples."""
        rows = np.asarray(rows, int)
        return Alignment(self.images, self.operations[rows], self.turned[rows])

    def deformation(self, deformation):
        """Deformation gradients (n_samples, 3, 3), turned."""
        rotations = self.images.rotations[self.operations]
        return rotations @ deformation @ np.swapaxes(rotations, 1, 2)

    def moments(self, moments):
        """Site moments (n_samples, n_sites, 9, n_cells), turned; see `anharmonic.sampling.site_moments`."""
        found = np.empty_like(moments)
        for k in np.unique(self.operations):
            chosen, rotation = self.operations == k, self.images.rotations[k]
            moved = self.images.permuted(k, moments[chosen])
            tensors = rotation @ _tensors(np.moveaxis(moved[..., 3:, :], -2, -1)) @ rotation.T
            found[chosen, :, :3] = np.einsum("ij,...jn->...in", rotation, moved[..., :3, :])
            found[chosen, :, 3:] = np.moveaxis(tensors[..., (0, 1, 2, 1, 0, 0), (0, 1, 2, 2, 2, 1)], -1, -2)
        return found


def align(modes, supercell, tangents):
    """Bring the tilts of a run into one domain.

    Parameters
    ----------
    modes : TiltModes
    supercell : Supercell
        2x2x2, onto which larger ones are folded.
    tangents : array_like, shape (n_samples, 6)

    Returns
    -------
    Alignment
        Whose operations are all the identity where no tilt is static, or no tilt turned.
    """
    tangents = np.asarray(tangents, float)
    images = Images.of_crystal(modes.crystal, supercell)
    matrices, first = np.unique(_on_tilts(modes, supercell, images), axis=0, return_index=True)
    order = np.argsort(first)
    matrices, first = matrices[order], first[order]
    static = tangents * _static(tangents)
    chosen = np.zeros(len(tangents), int)
    pattern = static[: max(1, len(static) // 20)].mean(axis=0)
    for _ in range(ROUNDS if static.any() else 0):
        before, chosen = chosen, _nearest(matrices, static, pattern)
        pattern = np.einsum("nij,nj->ni", matrices[chosen], static).mean(axis=0)
        if (chosen == before).all():
            break
    return Alignment(images, first[chosen], np.einsum("nij,nj->ni", matrices[chosen], tangents))


def layer_signs(layers):
    """Rotation of each layer of octahedra about its normal.

    Parameters
    ----------
    layers : Estimate
        Of tangents (n_layers,).

    Returns
    -------
    str
        ``+``, ``-`` or ``0`` (not turned beyond its error) for each layer.
    """
    mean, error = angles(layers.mean), angles(layers.error)
    is_turned = abs(mean) > np.maximum(LAYER_SIGMAS * error, LAYER_MINIMUM)
    return "".join("0" if not is_turned[k] else "+-"[int(mean[k] < 0)] for k in range(len(mean)))


def stacking(signs):
    """What signs of layers in a ring say: ``(order, number of walls)``.

    The order is in-phase, anti-phase, or None where no layer or not every layer is turned. A wall is where two
    neighbours do not follow the order of most of the others.
    """
    if not signs or "0" in signs:
        return None, 0
    alike = [a == b for a, b in zip(signs, signs[1:] + signs[0], strict=True)]
    n_alike = sum(alike)
    order = "in-phase" if 2 * n_alike >= len(alike) else "anti-phase"
    return order, min(n_alike, len(alike) - n_alike)


def _static(tangents):
    """Components (6,) of the irreps whose tilts are ordered, or whose length is static while the axis changes."""
    length = np.linalg.norm(tangents.reshape(-1, 2, 3), axis=-1)
    is_static = length.mean(axis=0) >= VECTOR_SIGNAL * np.maximum(length.std(axis=0), 1e-12)
    return np.repeat(is_static | static_tilts(tangents).reshape(2, 3).any(axis=1), 3)


def _nearest(matrices, tangents, pattern):
    """For each sample the operation that brings it to `pattern`.

    That of the sample before unless another is better by `MARGIN`; then the first that is good enough, not the best:
    the best would put tilts that are equal but for noise in order of their size.
    """
    scores = np.einsum("i,kij,nj->nk", pattern, matrices, tangents, optimize=True)
    threshold = scores.max(axis=1) - MARGIN * (pattern @ pattern)
    chosen, current = np.empty(len(scores), int), 0
    for n in range(len(scores)):
        if scores[n, current] < threshold[n]:
            current = int(np.argmax(scores[n] >= threshold[n]))
        chosen[n] = current
    return chosen


def _on_tilts(modes, supercell, images):
    """What each operation does to the six tilts, shape (n_operations, 6, 6)."""
    patterns, projection = modes.patterns(supercell), modes.projection(supercell)
    turned = np.stack([images.vectors(k, patterns) for k in range(len(images))])
    return np.einsum("iscn,kjscn->kij", projection, turned, optimize=True).round()


def _tensors(components):
    """Symmetric tensors (..., 3, 3) from the Voigt order of the last axis."""
    return components[..., np.array([[0, 5, 4], [5, 1, 3], [4, 3, 2]])]
