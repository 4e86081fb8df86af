"""The fast evaluation of a potential on one supercell: what dynamics, Monte Carlo and the calculator call."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from anharmonic.evaluation.cluster_sum import ClusterSum
from anharmonic.evaluation.extrapolation import Extrapolation, SiteGrades
from anharmonic.evaluation.fence import fence
from anharmonic.evaluation.fields import transform
from anharmonic.evaluation.grid import HaloGrid
from anharmonic.evaluation.rows import Rows
from anharmonic.evaluation.site_sum import SiteSum
from anharmonic.potential.lattice import cast
from anharmonic.potential.models import ClusterModel

SLAB = 12_000
"""Longest span of a slab: its rows should stay in the cache. Site nets need their neighbours' and are not cut."""


class Evaluator(eqx.Module):
    """A potential with the tables of a supercell; all arrays are arguments of compiled functions.

    Displacements u are (n_sites, 3, n_cells) in A in the reference frame, F is the deformation
    gradient (3, 3). Both, and all results, have the precision that the evaluator was made in.

    Attributes
    ----------
    grid : HaloGrid
    rows : tuple of Rows
        The pairs of all clusters by group of orbits.
    model : ClusterSum or SiteSum
    positions, cell : array, shape (n_sites, 3), (3, 3)
        Of the reference crystal (A).
    volume : array
        Volume of the undeformed supercell (A^3).
    grades : SiteGrades or None
        For the extrapolation grades; None if the potential knows no domain.
    groups : tuple of tuple of int
        The orbits (indices) of each group.
    """

    grid: HaloGrid
    rows: tuple
    model: eqx.Module
    positions: jax.Array
    cell: jax.Array
    volume: jax.Array
    grades: SiteGrades | None
    groups: tuple = eqx.field(static=True)

    @classmethod
    def create(cls, potential, supercell, dtype="float32"):
        """Evaluator of a `Potential` on a `Supercell`, with arrays in `dtype`."""
        basis, crystal = potential.basis, potential.crystal
        reach = np.max([np.ptp(o.offsets, axis=1).max(axis=0) for o in basis.orbits], axis=0)
        sum_of_clusters = isinstance(potential.model, ClusterModel)
        grid = HaloGrid.create(supercell, crystal.n_sites, reach, SLAB if sum_of_clusters else None)
        groups = _groups(basis.orbits, join_pairs=sum_of_clusters)
        rows = tuple(Rows.of_orbits(crystal, [basis.orbits[k] for k in group], grid) for group in groups)
        if sum_of_clusters:
            model = ClusterSum.of_potential(potential, groups, tabulate=dtype == "float32")
        else:
            model = SiteSum.of_potential(potential, rows, grid)
        volume = np.asarray(crystal.volume * supercell.n_cells)
        positions, grades = crystal.positions @ crystal.cell, SiteGrades.of_potential(potential, groups, rows)
        return cast(cls(grid, rows, model, positions, crystal.cell, volume, grades, groups), dtype)

    def energy(self, displacements, deformation):
        """Energy (eV) of the supercell relative to the reference crystal."""

        def slab(sources):
            strains = self._strains(self.grid.pad(displacements, sources), deformation)
            return self.model(self.rows, strains, self.grid)[0]

        return jnp.sum(self._by_slab(slab))

    def gradients(self, displacements, deformation):
        """``(E, dE/du, dE/dF)``: eV, eV/A (n_sites, 3, n_cells), eV (3, 3)."""
        energy, by_u, by_f = self._by_slab(lambda sources: self._slab_gradients(displacements, deformation, sources))
        return jnp.sum(energy), self._joined(by_u), jnp.sum(by_f, axis=0)

    def derivatives(self, displacements, deformation):
        """``(dE/du, dE/dF)`` as of `gradients`; the energy costs nothing here."""
        by_u, by_f = self._by_slab(lambda sources: self._slab_gradients(displacements, deformation, sources)[1:])
        return self._joined(by_u), jnp.sum(by_f, axis=0)

    def _by_slab(self, function):
        """Results of `function`, of a row of the grid's `sources`, for all slabs: leading axis n_slabs."""
        if self.grid.n_slabs == 1:
            return jax.tree.map(lambda x: x[None], function(self.grid.sources[0]))
        return jax.lax.map(function, self.grid.sources)

    def _joined(self, by_slab):
        """A field (n_sites, 3, n_cells) of its slabs (n_slabs, n_sites, 3, cells of a slab)."""
        return jnp.moveaxis(by_slab, 0, 2).reshape(*by_slab.shape[1:3], -1)

    def _slab_gradients(self, displacements, deformation, sources):
        """`gradients` of one slab: its share of E and dE/dF, and dE/du of its sites."""
        flat = self.grid.pad(displacements, sources)
        energy, by_strain = self.model(self.rows, self._strains(flat, deformation), self.grid)
        weights = [b / rows.squares[:, None] for rows, b in zip(self.rows, by_strain, strict=True)]
        pulls = self._fence(lambda: self._sum("pulls", flat, weights))
        fluxes = self._sum("fluxes", flat, weights)
        metric_tensor = deformation.T @ deformation
        by_u = self._fence(lambda: transform(metric_tensor, jnp.swapaxes(self.grid.crop(pulls), 0, 1)))
        return energy, by_u, deformation @ self._tension(flat, pulls, fluxes)

    def forces_and_stress(self, displacements, deformation):
        """``(E, forces, stress)``: forces -F^-T dE/du (eV/A), stress (dE/dF) F^T / V (eV/A^3)."""
        energy, by_u, by_f = self.gradients(displacements, deformation)
        forces = -transform(jnp.linalg.inv(deformation).T, by_u)
        stress = by_f @ deformation.T / (self.volume * jnp.linalg.det(deformation))
        return energy, forces, 0.5 * (stress + stress.T)

    def site_grades(self, displacements, deformation):
        """Grades (n_sites, n_cells) of the environments of all sites (see `Domain`); 0 if the domain is unknown."""
        if self.grades is None:
            return jnp.zeros((displacements.shape[0], displacements.shape[-1]), displacements.dtype)

        def slab(sources):
            strains = self._strains(self.grid.pad(displacements, sources), deformation)
            return self.grid.crop(self.grades(self.rows, strains, self.grid.n_sites))

        return jnp.moveaxis(self._by_slab(slab), 0, 1).reshape(displacements.shape[0], -1)

    def extrapolation(self, displacements, deformation):
        """`Extrapolation` of a state."""
        grades = self.site_grades(displacements, deformation)
        largest_mean = 1.0 if self.grades is None else self.grades.largest_mean
        share = jnp.mean((grades > 1).astype(grades.dtype))
        return Extrapolation(jnp.max(grades), jnp.mean(grades) / largest_mean, share)

    def signature(self, displacements, deformation):
        """Mean transformed environments by class of sites (see `SiteGrades`): what a state is like."""
        if self.grades is None:
            return jnp.zeros(0, displacements.dtype)

        def slab(sources):
            strains = self._strains(self.grid.pad(displacements, sources), deformation)
            by_class = self.grades.whitened(self.rows, strains, self.grid.n_sites)
            return jnp.concatenate([jnp.mean(self.grid.crop(x), axis=(1, 2)) for x in by_class])

        return jnp.mean(self._by_slab(slab), axis=0)

    def _strains(self, flat, deformation):
        """Green-Lagrange strains of all rows by group."""
        metric_tensor = deformation.T @ deformation
        return [self._fence(lambda r=rows: r.strains(flat, metric_tensor)) for rows in self.rows]

    def _fence(self, function):
        return fence(self.volume > 0, function)

    def _sum(self, name, flat, weights):
        """Sums over all rows of what `Rows` calls `name`, by component and site or axis: (3, n, span)."""
        groups = [getattr(rows, name)(flat, w, self.grid) for rows, w in zip(self.rows, weights, strict=True)]
        zero = jnp.zeros(self.grid.span, self.volume.dtype)
        return jnp.stack([
            jnp.stack([sum((term for terms in lists for term in terms), zero) for lists in zip(*x, strict=True)])
            for x in zip(*groups, strict=True)
        ])  # fmt: skip

    def _tension(self, flat, pulls, fluxes):
        """Sum of ``w p p^T`` over all rows, (3, 3).

        With ``p = R_j + u_j - R_i - u_i + A^T o``, what lies inside cells adds up to the pulls on the
        sites, which are periodic; only the cells o between both ends need sums of their own, the fluxes.
        """
        grid = self.grid
        own = flat.reshape(3, grid.n_sites, -1)[..., grid.margin : grid.margin + grid.span]
        moved = jnp.sum(jnp.where(grid.owned, pulls[:, None] * own, 0.0), axis=(2, 3))
        at_sites, across = (jnp.sum(jnp.where(grid.owned, x, 0.0), axis=-1) for x in (pulls, fluxes))
        return moved + at_sites @ self.positions + across @ self.cell


def _groups(orbits, join_pairs):
    """Orbits (indices) that are evaluated together: all pairs if `join_pairs`, then one by one."""
    pairs = [k for k, orbit in enumerate(orbits) if orbit.n_points == 2] if join_pairs else []
    return ((tuple(pairs),) if pairs else ()) + tuple((k,) for k in range(len(orbits)) if k not in pairs)
