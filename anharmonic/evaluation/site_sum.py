"""Energies that are sums over sites of a net of site-centred correlations (eqs. 15 and 16)."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from anharmonic.evaluation.ladder import Polynomials
from anharmonic.evaluation.many_body import in_blocks
from anharmonic.evaluation.pairs import PairFunctions
from anharmonic.evaluation.walled import ClusterWalls
from anharmonic.evaluation.windowed import ClusterTable, WindowSums
from anharmonic.potential.models import Expansion
from anharmonic.potential.walls import Wall, WalledTerm


class Correlations(eqx.Module):
    """The invariants phi of one orbit, and their means g over the clusters that contain a site (eq. 15).

    Attributes
    ----------
    polynomials : Polynomials
        The invariants.
    table : ClusterTable
    """

    polynomials: Polynomials
    table: ClusterTable

    @classmethod
    def create(cls, features, table):
        """Correlations of an orbit with its `OrbitFeatures`."""
        return cls(Polynomials.of_features(features, np.eye(features.coefficients.shape[0])), table)

    @property
    def n_invariants(self):
        """Number of invariants."""
        return self.polynomials.coefficients[0].forward.shape[0]

    def at_sites(self, metrics):
        """g (n_invariants, n_sites, span) of metrics (n_pairs, n_clusters, length)."""
        flat = metrics.reshape(len(metrics), -1)
        phi = in_blocks(self.polynomials, flat, self.polynomials.n_monomials)
        return self.table.at_sites(phi.reshape(-1, *metrics.shape[1:]))

    def pull_back(self, metrics, by_g):
        """dE / d metrics, as `metrics`, from dE/dg (n_invariants, n_sites, n_padded)."""
        n_pairs, by_phi = len(metrics), self.table.of_sites(by_g)
        both = jnp.concatenate([metrics.reshape(n_pairs, -1), by_phi.reshape(self.n_invariants, -1)])

        def block(both):
            return jax.vjp(self.polynomials, both[:n_pairs])[1](both[n_pairs:])[0]

        return in_blocks(block, both, self.polynomials.n_monomials).reshape(metrics.shape)


class SiteSum(eqx.Module):
    """A function of all correlations for each class of equivalent sites, and walls of clusters.

    Attributes
    ----------
    correlations : tuple of Correlations
        By orbit.
    terms : tuple of Expansion or Network
        By class of sites.
    walls : tuple of PairFunctions, ClusterWalls or None
        By orbit.
    sums : WindowSums
        From the pairs of all clusters to the rows of bonds.
    classes : tuple of tuple of int
    """

    correlations: tuple
    terms: tuple
    walls: tuple
    sums: WindowSums
    classes: tuple = eqx.field(static=True)

    @classmethod
    def of_potential(cls, potential, layout):
        """From a `SiteModel`."""
        features, model = potential.lattice.features.orbits, potential.model
        orbits = [(k,) for k in range(len(features))]
        correlations = [Correlations.create(f, layout.table(k)) for f, k in zip(features, orbits, strict=True)]
        walls = [
            None if wall is None else _wall(wall, f, c.table.n_clusters)
            for wall, f, c in zip(model.walls, features, correlations, strict=True)
        ]
        return cls(tuple(correlations), model.terms, tuple(walls), layout.sums(orbits), model.classes)

    def __call__(self, metrics, grid, fence):
        """Energy (eV), and its derivatives (eV) by the metrics of all bonds; see `ClusterSum`."""
        by_orbit = [fence(lambda c=c: c.table.of_bonds(metrics)) for c in self.correlations]
        g = jnp.concatenate([c.at_sites(f) for c, f in zip(self.correlations, by_orbit, strict=True)])
        energy, by_g = jax.value_and_grad(self._of_correlations)(grid.crop(g))
        by_g = by_g.at[..., grid.sources[0]].get(mode="promise_in_bounds")
        pieces = jnp.split(by_g, np.cumsum([c.n_invariants for c in self.correlations])[:-1])
        flat = []
        for c, wall, f, piece in zip(self.correlations, self.walls, by_orbit, pieces, strict=True):
            by_metric = c.pull_back(f, piece)
            if wall is not None:
                of_wall, by_wall = wall.with_derivative(f)
                energy, by_metric = energy + c.table.total(of_wall), by_metric + jnp.stack(by_wall)
            flat.append(by_metric.reshape(-1))
        return energy, self.sums(flat, fence)

    def _of_correlations(self, g):
        """Energy (eV) of correlations g (n_features, n_sites, n_cells)."""
        of_classes = [jnp.stack([g[:, site] for site in sites], axis=1) for sites in self.classes]
        return sum(jnp.sum(term(own)) for term, own in zip(self.terms, of_classes, strict=True))


def _wall(wall, features, count):
    """The function of the metrics of an orbit's clusters that is nothing but their wall."""
    if not isinstance(wall, Wall):
        return ClusterWalls.of_walls([wall], [features], [count])
    alone = WalledTerm(Expansion.init(np.ones(features.coefficients.shape[0])), wall)
    return PairFunctions.of_terms([alone], [features], [count])
