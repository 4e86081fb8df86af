"""Plane maps of a latent space, for the eye: figure 4 of Chenebuah, Nganbe and Tchagang (2023)."""

from dataclasses import dataclass

import numpy as np

from anharmonic.screening.extras import extra

COMPONENTS = 50
"""Principal components that t-SNE is given."""
MOST = 3000
"""Crystals that are drawn: t-SNE of so many takes half a minute."""
PERPLEXITY = 30.0


@dataclass(frozen=True)
class Maps:
    """Two maps of some crystals.

    Attributes
    ----------
    numbers : ndarray, shape (n,), int
        Which crystals.
    embedded : ndarray, shape (n, 2)
        t-SNE of the first principal components.
    axes : tuple of int
        The two latent numbers in which stable and other crystals differ most.
    planar : ndarray, shape (n, 2)
        Crystals along these axes: no projection, as they lie.
    """

    numbers: np.ndarray
    embedded: np.ndarray
    axes: tuple
    planar: np.ndarray


def maps(space, most=MOST, seed=0):
    """Maps of a latent space.

    Parameters
    ----------
    space : LatentSpace
    most : int
        Crystals; of more, so many are drawn at random.
    seed : int

    Returns
    -------
    Maps
    """
    numbers = np.sort(np.random.default_rng(seed).permutation(len(space))[:most])
    means = space.means[numbers]
    reduced = extra("sklearn.decomposition").PCA(min(COMPONENTS, *means.shape), random_state=seed).fit_transform(means)
    perplexity = min(PERPLEXITY, (len(means) - 1) / 3)
    shown = extra("sklearn.manifold").TSNE(2, perplexity=perplexity, init="pca", random_state=seed)
    axes = separating_axes(space.means, space.stable)
    return Maps(numbers, shown.fit_transform(reduced), axes, means[:, list(axes)])


def separating_axes(means, mask):
    """The two columns of means (n, d) in which the points of a mask (n,) and the others differ most.

    By Fisher's criterion: the square of the difference of the two means, over the sum of the two variances. Without
    points of both kinds, those with the largest variance.
    """
    score = means.var(axis=0)
    if mask.any() and not mask.all():
        inside, outside = means[mask], means[~mask]
        spread = inside.var(axis=0) + outside.var(axis=0)
        score = (inside.mean(axis=0) - outside.mean(axis=0)) ** 2 / np.maximum(spread, 1e-12)
    return tuple(np.argsort(-score, kind="stable")[:2].tolist())
