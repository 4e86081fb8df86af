"""How unusual the environments of all sites are, from the metrics that the evaluator has at hand."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from anharmonic.evaluation.ladder import Matrix, Polynomials
from anharmonic.evaluation.windowed import ClusterTable
from anharmonic.potential.domain import n_low


class OrbitEnvironment(eqx.Module):
    """What one orbit adds to the environments of sites: means of its low invariants over the clusters of a site.

    Attributes
    ----------
    polynomials : Polynomials
    table : ClusterTable
    """

    polynomials: Polynomials
    table: ClusterTable

    def __call__(self, metrics):
        """Array (n_invariants, n_sites, span), of the metrics of all bonds."""
        own = self.table.of_bonds(metrics)
        phi = self.polynomials(own.reshape(len(own), -1))
        return self.table.at_sites(phi.reshape(-1, *own.shape[1:]))


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
    def of_potential(cls, potential, layout):
        """For a `Layout`; None if the potential knows no domain."""
        domain, basis, orbits = potential.domain, potential.basis, []
        if domain is None:
            return None
        for k, features in enumerate(potential.lattice.features.orbits):
            chosen = np.eye(len(basis.invariants[k].degrees))[: n_low(basis.invariants[k])]
            orbits.append(OrbitEnvironment(Polynomials.of_features(features, chosen), layout.table((k,))))
        transforms = tuple(map(Matrix.of, domain.transforms))
        return cls(tuple(orbits), transforms, np.float64(domain.largest_mean), domain.classes)

    def whitened(self, metrics):
        """Transformed environments by class, (n_directions, n_sites of the class, span), of all bonds' metrics."""
        environment = jnp.concatenate([orbit(metrics) for orbit in self.orbits])
        found = []
        for sites, transform in zip(self.classes, self.transforms, strict=True):
            own = jnp.concatenate([environment[:, site] for site in sites], axis=1)
            found.append(transform(own).reshape(-1, len(sites), environment.shape[-1]))
        return found

    def __call__(self, metrics):
        """Grades (n_sites, span)."""
        by_class = [jnp.sqrt(jnp.sum(x**2, axis=0)) for x in self.whitened(metrics)]
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
