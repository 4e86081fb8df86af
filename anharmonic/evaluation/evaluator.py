"""The fast evaluation of a potential on one supercell: what dynamics, Monte Carlo and the calculator call."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from anharmonic.clusters.metrics import get_strain_metric
from anharmonic.electrostatics import DipoleInteraction
from anharmonic.evaluation.bonds import BondRows
from anharmonic.evaluation.cluster_sum import ClusterSum
from anharmonic.evaluation.extrapolation import Extrapolation, SiteGrades
from anharmonic.evaluation.fence import fence
from anharmonic.evaluation.fields import transform
from anharmonic.evaluation.grid import HaloGrid
from anharmonic.evaluation.layout import Layout, reach
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
    bonds : BondRows
    model : ClusterSum or SiteSum
    positions, cell : array, shape (n_sites, 3), (3, 3)
        Of the reference crystal (A).
    volume : array
        Volume of the undeformed supercell (A^3).
    grades : SiteGrades or None
        For the extrapolation grades; None if the potential knows no domain.
    dipoles : DipoleInteraction or None
        Of potentials with Born charges.
    metric : str
    """

    grid: HaloGrid
    bonds: BondRows
    model: eqx.Module
    positions: jax.Array
    cell: jax.Array
    volume: jax.Array
    grades: SiteGrades | None
    dipoles: DipoleInteraction | None
    metric: str = eqx.field(static=True)

    @classmethod
    def create(cls, potential, supercell, dtype="float32", n_blocks=1):
        """Evaluator of a `Potential` on a `Supercell`, with arrays in `dtype`; slabs lie within `n_blocks` blocks."""
        basis, crystal = potential.basis, potential.crystal
        sum_of_clusters = isinstance(potential.model, ClusterModel)
        grid = HaloGrid.create(supercell, crystal.n_sites, reach(basis), SLAB if sum_of_clusters else None, n_blocks)
        pairs = [k for k, orbit in enumerate(basis.orbits) if orbit.n_points == 2]
        layout = Layout(basis, grid, pairs if sum_of_clusters else ())
        if sum_of_clusters:
            model = ClusterSum.of_potential(potential, layout, tabulate=dtype == "float32")
        else:
            model = SiteSum.of_potential(potential, layout)
        volume = np.asarray(crystal.volume * supercell.n_cells)
        positions, grades = crystal.positions @ crystal.cell, SiteGrades.of_potential(potential, layout)
        dipoles = potential.on(supercell).dipoles
        parts = grid, layout.bonds(crystal), model, positions, crystal.cell, volume, grades, dipoles
        return cast(cls(*parts, basis.metric), dtype)

    def energy(self, displacements, deformation):
        """Energy (eV) of the supercell relative to the reference crystal."""

        def slab(sources):
            return self.model(
                self._metrics(self.grid.pad(displacements, sources), deformation)[0], self.grid, self._fence
            )[0]

        clusters = jnp.sum(self._by_slab(slab))
        return clusters if self.dipoles is None else clusters + self.dipoles.energy(displacements)

    def gradients(self, displacements, deformation):
        """``(E, dE/du, dE/dF)``: eV, eV/A (n_sites, 3, n_cells), eV (3, 3)."""
        energy, by_u, by_f = self._by_slab(lambda sources: self._slab_gradients(displacements, deformation, sources))
        energy, by_u = jnp.sum(energy), self._joined(by_u)
        if self.dipoles is not None:
            of_dipoles, slopes = self.dipoles.energies_and_slopes(displacements)
            energy, by_u = energy + jnp.sum(of_dipoles), by_u + slopes
        return energy, by_u, jnp.sum(by_f, axis=0)

    def derivatives(self, displacements, deformation):
        """``(dE/du, dE/dF)`` as of `gradients`; the energy costs nothing here."""
        by_u, by_f = self._by_slab(lambda sources: self._slab_gradients(displacements, deformation, sources)[1:])
        by_u = self._joined(by_u)
        return by_u if self.dipoles is None else by_u + self.dipoles.slopes(displacements), jnp.sum(by_f, axis=0)

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
        metrics, rates = self._metrics(flat, deformation)
        energy, by_metric = self.model(metrics, self.grid, self._fence)
        weights = self._fence(lambda: by_metric * rates[:, : by_metric.shape[1]])
        pulls = self._fence(lambda: self.bonds.pulls(flat, weights, self.grid))
        fluxes = self.bonds.fluxes(flat, weights, self.grid.owned)
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
            metrics, _ = self._metrics(self.grid.pad(displacements, sources), deformation)
            return self.grid.crop(self.grades(metrics))

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
            by_class = self.grades.whitened(self._metrics(self.grid.pad(displacements, sources), deformation)[0])
            return jnp.concatenate([jnp.mean(self.grid.crop(x), axis=(1, 2)) for x in by_class])

        return jnp.mean(self._by_slab(slab), axis=0)

    def _metrics(self, flat, deformation):
        """Metrics of all bonds, (n_rows, span + 2 before), and their derivatives by the strains over v^2 (1/A^2)."""
        metric, metric_tensor = get_strain_metric(self.metric), deformation.T @ deformation

        def of_bonds():
            strains = self.bonds.strains(flat, metric_tensor)
            metrics, rates = jax.jvp(metric, (strains,), (jnp.ones_like(strains),))
            return metrics, rates / self.bonds.squares[:, None]

        return self._fence(of_bonds)

    def _fence(self, function):
        return fence(self.volume > 0, function)

    def _tension(self, flat, pulls, fluxes):
        """Sum of ``w p p^T`` over all bonds, (3, 3).

        With ``p = R_j + u_j - R_i - u_i + A^T o``, what lies inside cells adds up to the pulls on the
        sites, which are periodic; only the cells o between both ends need sums of their own, the fluxes.
        """
        grid = self.grid
        fields = flat[: 3 * grid.n_sites * grid.n_padded].reshape(3, grid.n_sites, -1)
        own = fields[..., grid.margin : grid.margin + grid.span]
        moved = jnp.sum(jnp.where(grid.owned, pulls[:, None] * own, 0.0), axis=(2, 3))
        at_sites = jnp.sum(jnp.where(grid.owned, pulls, 0.0), axis=-1)
        return moved + at_sites @ self.positions + fluxes @ self.cell
