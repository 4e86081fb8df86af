"""What a cluster basis looks like from the grid of cells: stencils and reference geometry."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from anharmonic.potential.stencil import Offsets, Stencil


class Topology(eqx.Module):
    """Neighbour relations of a basis, independent of any supercell.

    Attributes
    ----------
    difference : Stencil
        Displacements (3, n_sites, n_cells) to differences (3, n_bonds, n_cells).
    vectors : array, shape (n_bonds, 3)
        Reference bond vectors (A).
    lengths : array, shape (n_bonds,)
        Reference bond lengths (A).
    gathers : tuple
        For each orbit, the stencil from bonds to (cluster, pair), or None for pair
        orbits, whose bonds stand at `starts`.
    sites : tuple of Stencil
        For each orbit, the sum over the clusters that contain a site (n_clusters to n_sites).
    counts, starts : tuple of int
        For each orbit, clusters per cell and the first bond of a pair orbit.
    offsets : tuple of tuple of int
        Cell offsets; a supercell turns them into the `translations` argument.
    """

    difference: Stencil
    vectors: jax.Array
    lengths: jax.Array
    gathers: tuple
    sites: tuple
    counts: tuple = eqx.field(static=True)
    starts: tuple = eqx.field(static=True)
    offsets: tuple = eqx.field(static=True)

    @classmethod
    def of_basis(cls, basis):
        """Build the tables of a `ClusterBasis`."""
        bonds, offsets = basis.bonds, Offsets()
        difference = [(b, s, (0, 0, 0), -1.0) for b, s in enumerate(bonds.first)]
        difference += [(b, s, o, 1.0) for b, (s, o) in enumerate(zip(bonds.second, bonds.offsets, strict=True))]
        gathers, sites, starts = [], [], []
        for orbit, members, shifts in zip(basis.orbits, bonds.members, bonds.shifts, strict=True):
            pair = orbit.n_points == 2
            origin = shifts[:, 0] if pair else np.zeros((orbit.n_clusters, 3), int)
            gathers.append(None if pair else _gather(members, shifts, bonds.n_bonds, offsets))
            starts.append(int(members[0, 0]) if pair else -1)
            sites.append(_site_sum(orbit, origin, basis.crystal.n_sites, offsets))
        stencil = Stencil.of_terms(bonds.n_bonds, basis.crystal.n_sites, difference, offsets)
        return cls(
            stencil, bonds.vectors, bonds.lengths, tuple(gathers), tuple(sites),
            tuple(o.n_clusters for o in basis.orbits), tuple(starts), tuple(map(tuple, offsets.array().tolist())),
        )  # fmt: skip

    def translations(self, supercell):
        """Table (n_offsets, n_cells), int32, that lets the stencils act on a supercell."""
        return supercell.translations(np.array(self.offsets))

    def bond_differences(self, displacements, translations):
        """u_j - u_i (A) of every bond, shape (3, n_bonds, n_cells), from u (n_sites, 3, n_cells)."""
        return self.difference(jnp.moveaxis(displacements, 1, 0), translations)

    def bond_strains(self, differences, metric_tensor):
        """Green-Lagrange strain (d^2/d0^2 - 1)/2 of every bond, shape (n_bonds, n_cells).

        Expanded around the reference, so that no large numbers are subtracted in float32;
        `metric_tensor` is F^T F.
        """
        vectors, lengths = (x.astype(differences.dtype) for x in (self.vectors, self.lengths))
        stretched = vectors @ metric_tensor
        homogeneous = 0.5 * jnp.sum((stretched - vectors) * vectors, axis=1)
        x, y, z = differences
        c = 0.5 * metric_tensor
        total = x * (c[0, 0] * x + 2 * c[0, 1] * y + stretched[:, 0, None]) + homogeneous[:, None]
        total = total + y * (c[1, 1] * y + 2 * c[1, 2] * z + stretched[:, 1, None])
        total = total + z * (c[2, 2] * z + 2 * c[0, 2] * x + stretched[:, 2, None])
        return total / (lengths**2)[:, None]

    def of_orbit(self, k, bond_values, translations):
        """Values of the bonds of orbit `k`'s clusters, shape (n_pairs, n_clusters, n_cells)."""
        count, start = self.counts[k], self.starts[k]
        if self.gathers[k] is None:
            return bond_values[None, start : start + count]
        gathered = self.gathers[k](bond_values, translations)
        return gathered.reshape(-1, count, bond_values.shape[-1])


def _gather(members, shifts, n_bonds, offsets):
    """Stencil from bonds to ``pair * n_clusters + cluster``."""
    n_clusters, n_pairs = members.shape
    terms = [(p * n_clusters + c, members[c, p], shifts[c, p], 1.0) for p in range(n_pairs) for c in range(n_clusters)]
    return Stencil.of_terms(n_pairs * n_clusters, n_bonds, terms, offsets)


def _site_sum(orbit, origin, n_sites, offsets):
    """Stencil from clusters to the sites that they contain."""
    terms = [
        (s, c, origin[c] - o, 1.0)
        for c in range(orbit.n_clusters)
        for s, o in zip(orbit.sites[c], orbit.offsets[c], strict=True)
    ]
    return Stencil.of_terms(n_sites, orbit.n_clusters, terms, offsets)
