"""Energy changes of single-site displacements, at the cost of the touched clusters only."""

from itertools import combinations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from anharmonic.errors import AnharmonicError
from anharmonic.potential.models import ClusterModel
from anharmonic.potential.stencil import Offsets


class Neighbourhood(eqx.Module):
    """The m clusters of one orbit that contain a given site, seen from that site's cell.

    Attributes
    ----------
    sites, offsets : array, shape (m, n_points), int32
        Members and indices of their cell offsets.
    moved : array, shape (m, n_points)
        1 for the given site itself, else 0.
    vectors : array, shape (3, m, n_pairs)
        Reference vectors (A) of the pairs.
    """

    sites: jax.Array
    offsets: jax.Array
    moved: jax.Array
    vectors: jax.Array

    @classmethod
    def of_site(cls, crystal, orbit, site, offsets):
        """Collect the clusters of `orbit` around `site`; None if there are none."""
        members = [
            (s, o - o[point])
            for s, o in zip(orbit.sites, orbit.offsets, strict=True)
            for point in np.flatnonzero(s == site)
        ]
        if not members:
            return None
        pairs = list(combinations(range(orbit.n_points), 2))
        positions = np.array([(crystal.positions[s] + o) @ crystal.cell for s, o in members])
        vectors = np.array([[p[b] - p[a] for a, b in pairs] for p in positions])
        moved = [(s == site) & ~o.any(axis=1) for s, o in members]
        return cls(
            np.array([s for s, _ in members], np.int32),
            np.array([[offsets(x) for x in o] for _, o in members], np.int32),
            np.array(moved, float),
            np.moveaxis(vectors, -1, 0),
        )

    def displacements(self, displacements, cells, translations):
        """Displacements (3, m, n_points, n_moved) of the members around each of `cells`."""
        n_cells = displacements.shape[-1]
        flat = jnp.moveaxis(displacements, 1, 0).reshape(3, -1)
        index = self.sites[..., None] * n_cells + translations[self.offsets][..., cells]
        return jnp.take(flat, index, axis=1, mode="clip")

    def strains(self, displacements, metric_tensor):
        """Green-Lagrange strains (n_pairs, m, n_moved) for given member displacements."""
        first, second = (list(ends) for ends in zip(*combinations(range(self.sites.shape[1]), 2), strict=True))
        dtype = displacements.dtype
        vectors, delta = self.vectors.astype(dtype)[..., None], displacements[:, :, second] - displacements[:, :, first]
        stretched = jnp.tensordot(metric_tensor, vectors, 1)
        homogeneous = 0.5 * jnp.sum((stretched - vectors) * vectors, axis=0)
        image = jnp.tensordot(metric_tensor, 0.5 * delta, 1) + stretched
        return jnp.moveaxis((homogeneous + jnp.sum(delta * image, axis=0)) / jnp.sum(vectors**2, axis=0), 1, 0)


class LocalEnergies(eqx.Module):
    """Exact energy changes of displacements of one site in many cells at once.

    The cells must be so far apart that no cluster holds two of the moved sites.

    Attributes
    ----------
    neighbourhoods : tuple of tuple
        By site and orbit, a `Neighbourhood` or None.
    offsets : tuple
        Cell offsets, as in `Topology`.
    """

    neighbourhoods: tuple
    offsets: tuple = eqx.field(static=True)

    @classmethod
    def of_potential(cls, potential):
        """Tables for all sites of a potential.

        Raises
        ------
        AnharmonicError
            If the energy is not a sum over clusters (site nets couple clusters).
        """
        if not isinstance(potential.model, ClusterModel):
            raise AnharmonicError(
                "single-site Monte Carlo needs an energy that is a sum over clusters (models 'polynomial' and "
                "'cluster'); this is a site model: use --method md"
            )
        basis, offsets = potential.basis, Offsets()
        tables = tuple(
            tuple(Neighbourhood.of_site(basis.crystal, orbit, site, offsets) for orbit in basis.orbits)
            for site in range(basis.crystal.n_sites)
        )
        return cls(tables, tuple(map(tuple, offsets.array().tolist())))

    def change(self, lattice, site, cells, steps, displacements, metric_tensor, translations):
        """Energy change (n_moved,) in eV when `site` in each of `cells` moves by `steps` (3, n_moved)."""
        total = 0.0
        for table, features, term in zip(
            self.neighbourhoods[site], lattice.features.orbits, lattice.model.terms, strict=True
        ):
            if table is not None:
                before = table.displacements(displacements, cells, translations)
                after = before + table.moved.astype(steps.dtype)[None, :, :, None] * steps[:, None, None]
                old, new = (
                    term(features(lattice.features.metrics(table.strains(u, metric_tensor)))) for u in (before, after)
                )
                total = total + jnp.sum(new - old, axis=0)
        return total


def conflicts(basis):
    """Cell offsets, by site, at which two copies of a site share a cluster: list of (n, 3) int arrays."""
    found = [set() for _ in range(basis.crystal.n_sites)]
    for orbit in basis.orbits:
        for sites, offsets in zip(orbit.sites, orbit.offsets, strict=True):
            for a, b in combinations(range(orbit.n_points), 2):
                if sites[a] == sites[b]:
                    found[sites[a]].add(tuple((offsets[b] - offsets[a]).tolist()))
    return [np.array(sorted(f), int).reshape(-1, 3) for f in found]
