"""Energy and its derivatives on the grid of cells: what dynamics, Monte Carlo and fits call."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from anharmonic.electrostatics import DipoleInteraction
from anharmonic.potential.features import Features
from anharmonic.potential.topology import Topology


class LatticePotential(eqx.Module):
    """A potential as a device record; all arrays are arguments of compiled functions.

    Displacements u are (n_sites, 3, n_cells) in A in the reference frame, F is the
    deformation gradient (3, 3), and `translations` comes from ``topology.translations``.
    The dtype of u decides the precision. With `dipoles` it is the record of one supercell.
    """

    topology: Topology
    features: Features
    model: eqx.Module
    dipoles: DipoleInteraction | None = None

    def invariants(self, displacements, deformation, translations):
        """Invariants of all clusters, one array (n_invariants, n_clusters, n_cells) per orbit."""
        differences = self.topology.bond_differences(displacements, translations)
        metrics = self.features.metrics(self.topology.bond_strains(differences, deformation.T @ deformation))
        return [orbit(self.topology.of_orbit(k, metrics, translations)) for k, orbit in enumerate(self.features.orbits)]

    def energy(self, displacements, deformation, translations):
        """Energy (eV) of the supercell relative to the reference crystal."""
        features = self.invariants(displacements, deformation, translations)
        clusters = sum(jnp.sum(part) for part in self.model.parts(features, self.topology, translations))
        return clusters if self.dipoles is None else clusters + self.dipoles.energy(displacements)

    def site_energies(self, displacements, deformation, translations):
        """Energies of the sites (eV), shape (n_sites, n_cells)."""
        features = self.invariants(displacements, deformation, translations)
        clusters = self.model.site_energies(features, self.topology, translations)
        return clusters if self.dipoles is None else clusters + self.dipoles.energies_and_slopes(displacements)[0]

    def gradients(self, displacements, deformation, translations):
        """``(E, dE/du, dE/dF)``: eV, eV/A (n_sites, 3, n_cells), eV (3, 3)."""
        value_and_gradients = jax.value_and_grad(self.energy, argnums=(0, 1))
        energy, (by_u, by_f) = value_and_gradients(displacements, deformation, translations)
        return energy, by_u, by_f

    def forces_and_stress(self, displacements, deformation, translations, volume):
        """``(E, forces, stress)``: forces -F^-T dE/du (eV/A), stress (dE/dF) F^T / V (eV/A^3).

        `volume` is that of the undeformed supercell (A^3).
        """
        energy, by_u, by_f = self.gradients(displacements, deformation, translations)
        forces = -jnp.einsum("ji,sjn->sin", jnp.linalg.inv(deformation), by_u)
        return energy, forces, by_f @ deformation.T / (volume * jnp.linalg.det(deformation))


def cast(record, dtype):
    """The same device record with all floating-point arrays in `dtype`."""
    return jax.tree.map(
        lambda x: np.asarray(x, dtype) if eqx.is_array_like(x) and np.result_type(x).kind == "f" else x, record
    )
