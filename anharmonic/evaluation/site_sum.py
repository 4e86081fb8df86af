"""Energies that are sums over sites of a net of site-centred correlations (eqs. 15 and 16)."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from anharmonic.clusters.metrics import get_strain_metric
from anharmonic.evaluation.grid import windows
from anharmonic.evaluation.ladder import Polynomials
from anharmonic.evaluation.many_body import in_blocks
from anharmonic.evaluation.pairs import PairFunctions
from anharmonic.potential.models import Expansion, WalledTerm


class Correlations(eqx.Module):
    """The invariants phi of one orbit, and their means g over the clusters that contain a site (eq. 15).

    Attributes
    ----------
    polynomials : Polynomials
        The invariants.
    sources : array, shape (n_points, n_clusters), int32
        For each member of a cluster, where the window of its site begins in a padded feature.
    metric : str
    """

    polynomials: Polynomials
    sources: jax.Array
    metric: str = eqx.field(static=True)

    @classmethod
    def create(cls, features, metric, rows, grid):
        """Correlations of the orbit of `rows` with its `OrbitFeatures`."""
        polynomials = Polynomials.of_features(features, np.eye(features.coefficients.shape[0]))
        by_point = zip(*rows.members, strict=True)
        sources = [[grid.position(0, s, d - rows.before) for s, d in points] for points in by_point]
        return cls(polynomials, np.array(sources, np.int32), metric)

    @property
    def n_invariants(self):
        """Number of invariants."""
        return self.polynomials.coefficients[0].forward.shape[0]

    def invariants(self, strains):
        """phi (n_invariants, n_clusters, length) of strains (n_pairs, n_clusters, length)."""
        flat = strains.reshape(len(strains), -1)
        return in_blocks(self._phi, flat, self.polynomials.n_monomials).reshape(-1, *strains.shape[1:])

    def at_sites(self, rows, phi, n_sites):
        """g (n_invariants, n_sites, span)."""
        sums = [jnp.zeros((len(phi), rows.span), phi.dtype)] * n_sites
        for cluster, members in enumerate(rows.members):
            for site, distance in members:
                begin = rows.before - distance
                sums[site] = sums[site] + phi[:, cluster, begin : begin + rows.span] / len(members)
        return jnp.stack(sums, axis=1)

    def pull_back(self, strains, by_g):
        """dE/de, as `strains`, from dE/dg (n_invariants, n_sites, n_padded)."""
        begin = np.arange(self.n_invariants, dtype=np.int32)[:, None] * (by_g.shape[1] * by_g.shape[2])
        length, flat = strains.shape[-1], by_g.reshape(-1)
        by_phi = sum(windows(flat, begin + points, length) for points in self.sources) / len(self.sources)
        n_pairs = len(strains)
        both = jnp.concatenate([strains.reshape(n_pairs, -1), by_phi.reshape(self.n_invariants, -1)])

        def block(both):
            return jax.vjp(self._phi, both[:n_pairs])[1](both[n_pairs:])[0]

        return in_blocks(block, both, self.polynomials.n_monomials).reshape(strains.shape)

    def _phi(self, strains):
        return self.polynomials(get_strain_metric(self.metric)(strains))


class SiteSum(eqx.Module):
    """A function of all correlations for each class of equivalent sites, and walls of pairs.

    Attributes
    ----------
    correlations : tuple of Correlations
        By orbit.
    terms : tuple of Expansion or Network
        By class of sites.
    walls : tuple of PairFunctions or None
        By orbit.
    classes : tuple of tuple of int
    """

    correlations: tuple
    terms: tuple
    walls: tuple
    classes: tuple = eqx.field(static=True)

    @classmethod
    def of_potential(cls, potential, rows, grid):
        """From a `SiteModel`; `rows` has one group for each orbit."""
        basis, features, model = potential.basis, potential.lattice.features.orbits, potential.model
        correlations = [Correlations.create(f, basis.metric, r, grid) for f, r in zip(features, rows, strict=True)]
        walls = [
            None if wall is None else PairFunctions.of_terms([_wall_only(f, wall)], [f], [r.n_clusters], basis.metric)
            for wall, f, r in zip(model.walls, features, rows, strict=True)
        ]
        return cls(tuple(correlations), model.terms, tuple(walls), model.classes)

    def __call__(self, rows, strains, grid):
        """Energy (eV) and its derivatives (eV) by the strains, both by orbit."""
        strains = [r.per_cluster(s) for r, s in zip(rows, strains, strict=True)]
        g = jnp.concatenate([
            c.at_sites(r, c.invariants(s), grid.n_sites)
            for c, r, s in zip(self.correlations, rows, strains, strict=True)
        ])  # fmt: skip
        energy, by_g = jax.value_and_grad(self._of_correlations)(grid.crop(g))
        by_g = by_g.at[..., grid.sources[0]].get(mode="promise_in_bounds")
        pieces = jnp.split(by_g, np.cumsum([c.n_invariants for c in self.correlations])[:-1])
        derivatives = []
        for c, wall, r, s, piece in zip(self.correlations, self.walls, rows, strains, pieces, strict=True):
            by_strain = c.pull_back(s, piece)
            if wall is not None:
                psi, by_wall = wall.of_strain(s[0])
                energy, by_strain = energy + r.total(psi), by_strain + by_wall
            derivatives.append(by_strain.reshape(-1, r.length))
        return energy, derivatives

    def _of_correlations(self, g):
        """Energy (eV) of correlations g (n_features, n_sites, n_cells)."""
        of_classes = [jnp.stack([g[:, site] for site in sites], axis=1) for sites in self.classes]
        return sum(jnp.sum(term(own)) for term, own in zip(self.terms, of_classes, strict=True))


def _wall_only(features, wall):
    """A pair's term that is nothing but its wall."""
    return WalledTerm(Expansion.init(np.ones(features.coefficients.shape[0])), wall)
