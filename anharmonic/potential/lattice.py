"""Energy and its derivatives on the grid of cells: what dynamics, Monte Carlo and fits call."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from anharmonic.potential.features import Features
from anharmonic.potential.topology import Topology


class LatticePotential(eqx.Module):
    """A potential as a device record; all arrays are arguments of compiled functions.

    Displacements u are (n_sites, 3, n_cells) in A in the reference frame, F is the
    deformation gradient (3, 3), and `translations` comes from ``topology.translations``.
    The dtype of u decides the precision.
    """

    topology: Topology
    features: Features
    model: eqx.Module

    def cast(self, dtype):
        """The same record with all floating-point arrays in `dtype`."""
        return jax.tree.map(
            lambda x: np.asarray(x, dtype) if eqx.is_array_like(x) and np.result_type(x).kind == "f" else x, self
        )

    def invariants(self, displacements, deformation, translations):
        """Invariants of all clusters, one array (n_invariants, n_clusters, n_cells) per orbit."""
        differences = self.topology.bond_differences(displacements, translations)
        return self._invariants(self.topology.bond_strains(differences, deformation.T @ deformation), translations)

    def energy(self, displacements, deformation, translations):
        """Energy (eV) of the supercell relative to the reference crystal."""
        differences = self.topology.bond_differences(displacements, translations)
        return self._energy(self.topology.bond_strains(differences, deformation.T @ deformation), translations)

    def site_energies(self, displacements, deformation, translations):
        """Energies of the sites (eV), shape (n_sites, n_cells)."""
        features = self.invariants(displacements, deformation, translations)
        return self.model.site_energies(features, self.topology, translations)

    def gradients(self, displacements, deformation, translations):
        """``(E, dE/du, dE/dF)``: eV, eV/A (n_sites, 3, n_cells), eV (3, 3).

        Differentiates the model with respect to bond strains, and pulls that back by hand:
        three times faster than differentiating `energy`, which is the oracle.
        """
        metric_tensor = deformation.T @ deformation
        differences = self.topology.bond_differences(displacements, translations)
        strains = self.topology.bond_strains(differences, metric_tensor)
        energy, by_strain = jax.value_and_grad(self._energy)(strains, translations)
        by_u, by_metric = self.topology.pull_back(by_strain, differences, metric_tensor, translations)
        return energy, by_u, deformation @ (by_metric + by_metric.T)

    def _invariants(self, strains, translations):
        metrics = self.features.metrics(strains)
        return [
            orbit(self.topology.of_orbit(k, metrics, translations)) for k, orbit in enumerate(self.features.orbits)
        ]

    def _energy(self, strains, translations):
        features = self._invariants(strains, translations)
        return sum(jnp.sum(part) for part in self.model.parts(features, self.topology, translations))

    def forces_and_stress(self, displacements, deformation, translations, volume):
        """``(E, forces, stress)``: forces -F^-T dE/du (eV/A), stress (dE/dF) F^T / V (eV/A^3).

        `volume` is that of the undeformed supercell (A^3).
        """
        energy, by_u, by_f = self.gradients(displacements, deformation, translations)
        forces = -jnp.einsum("ji,sjn->sin", jnp.linalg.inv(deformation), by_u)
        return energy, forces, by_f @ deformation.T / (volume * jnp.linalg.det(deformation))
