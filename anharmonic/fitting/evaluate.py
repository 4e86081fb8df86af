"""A model's energy, forces and stress of a structure by its `FrameGeometry`: little to compile, whatever the basis."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from anharmonic.potential.models import Expansion, SiteModel
from anharmonic.potential.potential import precision
from anharmonic.potential.walls import EllipsoidWall, WalledTerm


def evaluate(model, frame, n_sites):
    """Predictions of a model, walls included.

    Parameters
    ----------
    model : ClusterModel or SiteModel
    frame : FrameGeometry
    n_sites : int
        Per reference cell.

    Returns
    -------
    ndarray, shape (n_labels,)
        Energy (eV), forces (site, axis, cell; eV/A), nine components of stress (eV/A^3).
    """
    with precision("float64"):
        if isinstance(model, SiteModel):
            energy, by_invariant = _of_sites(model, frame, n_sites)
        else:
            energy, by_invariant = _of_clusters(model, frame)
    total = 0.0
    for orbit, slopes in zip(frame.orbits, by_invariant, strict=True):
        by_metric = np.einsum("kcn,kpcn->pcn", slopes, orbit.slopes)
        total = total + frame.components(orbit, by_metric[None])[0]
    return np.concatenate([[energy], total])


def _of_clusters(model, frame):
    """Energy, and its derivatives (n_invariants, n_clusters, n_cells) by orbit."""
    found = [_value_and_slopes(term, orbit.invariants) for term, orbit in zip(model.terms, frame.orbits, strict=True)]
    return sum(energy for energy, _ in found), [slopes for _, slopes in found]


def _of_sites(model, frame, n_sites):
    """The same of a site model: dE/dg goes back to the clusters of each site."""
    sizes = np.cumsum([len(orbit.invariants) for orbit in frame.orbits])[:-1]
    g = np.concatenate([orbit.at_sites(n_sites) for orbit in frame.orbits])
    energy, by_g = 0.0, np.zeros_like(g)
    for term, sites in zip(model.terms, model.classes, strict=True):
        of_class, by_g[:, list(sites)] = _value_and_slopes(term, g[:, list(sites)])
        energy = energy + of_class
    slopes = [orbit.of_sites(piece) for orbit, piece in zip(frame.orbits, np.split(by_g, sizes), strict=True)]
    for k, (wall, orbit) in enumerate(zip(model.walls, frame.orbits, strict=True)):
        if wall is not None:
            of_wall, by_wall = _value_and_slopes(wall, orbit.invariants)
            energy, slopes[k] = energy + of_wall, slopes[k] + by_wall
    return energy, slopes


def _value_and_slopes(term, features):
    """Sum of a term over features (k, ...), and its derivatives."""
    if isinstance(term, WalledTerm):
        parts = [_value_and_slopes(part, features) for part in (term.term, term.wall)]
        return sum(energy for energy, _ in parts), sum(slopes for _, slopes in parts)
    if isinstance(term, Expansion):
        weights = np.asarray(term.weights / term.scales).reshape(-1, *[1] * (features.ndim - 1))
        return float((weights * features).sum()), np.broadcast_to(weights, features.shape)
    if isinstance(term, EllipsoidWall):
        n, weights = len(term.weights), np.asarray(term.weights)
        excess, slopes = np.maximum(np.tensordot(weights, features[:n], 1) - term.limit, 0.0), np.zeros_like(features)
        slopes[:n] = 3 * term.stiffness * np.multiply.outer(weights, excess**2)
        return float(term.stiffness * (excess**3).sum()), slopes
    energy, slopes = _compiled(term, features.reshape(len(features), -1))
    return float(energy), np.asarray(slopes).reshape(features.shape)


@eqx.filter_jit
def _compiled(term, flat):
    return jax.value_and_grad(lambda x: jnp.sum(term(x)))(flat)
