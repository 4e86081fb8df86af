"""How unusual the environments of all sites are, from the strains that the evaluator has at hand."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from anharmonic.clusters.metrics import get_strain_metric
from anharmonic.evaluation.ladder import Matrix, Polynomials
from anharmonic.potential.domain import n_low


class OrbitEnvironment(eqx.Module):
    """What one orbit adds to the environments of sites: means of its low invariants over the clusters of a site.

    Attributes
    ----------
    polynomials : Polynomials
    members : tuple
        ``(site, distance)`` of each cluster's points, by cluster.
    group, begin : int
        Group of rows, and which of its clusters is the orbit's first.
    metric : str
    """

    polynomials: Polynomials
    members: tuple = eqx.field(static=True)
    group: int = eqx.field(static=True)
    begin: int = eqx.field(static=True)
    metric: str = eqx.field(static=True)

    def __call__(self, rows, strains, n_sites):
        """Array (n_invariants, n_sites, span); `rows` and `strains` by group."""
        rows = rows[self.group]
        strain = rows.per_cluster(strains[self.group])[:, self.begin : self.begin + len(self.members)]
        metric = get_strain_metric(self.metric)(strain.reshape(len(strain), -1))
        phi = self.polynomials(metric).reshape(-1, len(self.members), rows.length)
        sums = [[] for _ in range(n_sites)]
        for cluster, points in enumerate(self.members):
            for site, distance in points:
                first = rows.before - distance
                sums[site].append(phi[:, cluster, first : first + rows.span])
        zero = jnp.zeros((len(phi), rows.span), phi.dtype)
        return jnp.stack([sum(terms, zero) / len(self.members[0]) for terms in sums], axis=1)


class SiteGrades(eqx.Module):
    """Grades of sites as of `Domain`.

    Attributes
    ----------
    orbits : tuple of OrbitEnvironment
    transforms : tuple of Matrix
        By class of sites.
    largest_mean : array
    classes : tuple of tuple of int
    """

    orbits: tuple
    transforms: tuple
    largest_mean: jax.Array
    classes: tuple = eqx.field(static=True)

    @classmethod
    def of_potential(cls, potential, groups, rows):
        """For groups of orbits (by index) and their rows; None if the potential knows no domain."""
        domain, basis, orbits = potential.domain, potential.basis, []
        if domain is None:
            return None
        for number, group in enumerate(groups):
            begin = 0
            for k in group:
                n_clusters, low = basis.orbits[k].n_clusters, n_low(basis.invariants[k])
                chosen = np.eye(len(basis.invariants[k].degrees))[:low]
                polynomials = Polynomials.of_features(potential.lattice.features.orbits[k], chosen)
                members = rows[number].members[begin : begin + n_clusters]
                orbits.append((k, OrbitEnvironment(polynomials, members, number, begin, basis.metric)))
                begin += n_clusters
        in_order = tuple(orbit for _, orbit in sorted(orbits, key=lambda pair: pair[0]))
        return cls(in_order, tuple(map(Matrix.of, domain.transforms)), np.float64(domain.largest_mean), domain.classes)

    def whitened(self, rows, strains, n_sites):
        """Transformed environments by class, (n_directions, n_sites of the class, span); lists by group come in."""
        environment = jnp.concatenate([orbit(rows, strains, n_sites) for orbit in self.orbits])
        found = []
        for sites, transform in zip(self.classes, self.transforms, strict=True):
            own = jnp.concatenate([environment[:, site] for site in sites], axis=1)
            found.append(transform(own).reshape(-1, len(sites), environment.shape[-1]))
        return found

    def __call__(self, rows, strains, n_sites):
        """Grades (n_sites, span); `rows` and `strains` by group."""
        by_class = [jnp.sqrt(jnp.sum(x**2, axis=0)) for x in self.whitened(rows, strains, n_sites)]
        order = np.argsort([site for sites in self.classes for site in sites])
        lengths = [row for lengths in by_class for row in lengths]
        return jnp.stack([lengths[k] for k in order])


class Extrapolation(eqx.Module):
    """How far a state is outside the fitted data.

    Attributes
    ----------
    largest : array
        Largest grade of a site.
    mean : array
        Mean grade of the sites over the largest such mean of a frame of the fit.
    share : array
        Share of the sites with a grade above 1.
    """

    largest: jax.Array
    mean: jax.Array
    share: jax.Array
