"""Dipoles against the Coulomb energy of charges, against phonopy's limit of long waves, and on any supercell."""

import builders
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ase.spacegroup import crystal as built
from phonopy import Phonopy
from phonopy.structure.atoms import PhonopyAtoms

from anharmonic.conventions import COULOMB
from anharmonic.crystal import Crystal, Supercell
from anharmonic.electrostatics import BornCharges, DipoleInteraction, charge_modes
from anharmonic.electrostatics.interaction import WIDTH, force_constants
from anharmonic.errors import AnharmonicError
from anharmonic.potential import precision

CHARGES = {"Cs": 1.0, "Pb": 2.0, "Br": -1.0, "Cl": -1.0, "Ca": 2.0, "F": -1.0}
CRYSTALS = {"CsPbBr3": builders.perovskite(), "CsCl": builders.cesium_chloride(), "CaF2": builders.fluorite()}


def point_charges(crystal, dielectric=1.0):
    return BornCharges.of_crystal(crystal, [CHARGES[s] for s in crystal.species], dielectric)


def coulomb_energy(crystal, supercell):
    """Energy (eV) of displacements of Gaussian charges on a supercell, as a function; by its reciprocal vectors."""
    width = WIDTH * (crystal.volume / crystal.n_sites) ** (1 / 3)
    cell = supercell.matrix @ crystal.cell
    reach = np.ceil(6.0 / width * np.linalg.norm(cell, axis=1) / (2 * np.pi)).astype(int)
    numbers = np.stack(np.meshgrid(*(np.arange(-n, n + 1) for n in reach), indexing="ij"), -1).reshape(-1, 3)
    k = 2 * np.pi * numbers[numbers.any(axis=1)] @ np.linalg.inv(cell).T
    k = k[np.linalg.norm(k, axis=1) < 6.0 / width]
    squares = (k**2).sum(1)
    strength = 2 * np.pi * COULOMB / abs(np.linalg.det(cell)) * np.exp(-squares * width**2) / squares
    sites = (crystal.positions[:, None] + supercell.cells) @ crystal.cell  # site, cell, 3
    charges = np.array([CHARGES[s] for s in crystal.species])

    def energy(displacements):
        phases = jnp.exp(1j * (sites + jnp.moveaxis(displacements, 1, 2)) @ k.T)
        density = jnp.einsum("s,snk->k", charges, phases)
        return jnp.sum(strength * (density.real**2 + density.imag**2))

    return energy


@pytest.mark.parametrize("name, matrix", [("CsPbBr3", [1, 1, 2]), ("CsCl", [[2, 1, 0], [-1, 2, 1], [1, 0, 1]]),
                                          ("CaF2", [[1, 1, 0], [-1, 1, 0], [0, 0, 1]])])  # fmt: skip
def test_second_derivatives_of_the_coulomb_energy(name, matrix):
    """Ions whose charges move with them: the interaction of their dipoles is the Hessian of the lattice energy."""
    crystal, supercell = CRYSTALS[name], Supercell.from_matrix(matrix)
    direction = np.random.default_rng(1).normal(size=(crystal.n_sites, 3, supercell.n_cells))
    with precision("float64"):
        gradient = jax.grad(coulomb_energy(crystal, supercell))
        _, expected = jax.jvp(gradient, (jnp.zeros_like(direction),), (jnp.asarray(direction),))
        interaction = DipoleInteraction.create(crystal, point_charges(crystal), supercell)
        found = np.asarray(interaction.slopes(direction))
        energy = float(interaction.energy(direction))
    size = abs(found).max()
    np.testing.assert_allclose(found, expected, atol=1e-9 * size)
    assert abs(energy - 0.5 * np.vdot(direction, expected)) < 1e-9 * abs(energy)
    assert size > 0.1


@pytest.mark.parametrize("direction", [(1, 0, 0), (1, 1, 0), (0.3, -0.5, 0.8)])
def test_long_waves_as_phonopy(cspbbr3, direction):
    """The jump of the force constants at q = 0: the non-analytic term, and so the splitting of LO and TO."""
    potential = builders.dipolar_potential(cspbbr3)
    born = BornCharges.of_crystal(cspbbr3, potential.born.charges, 4.5)
    cell = PhonopyAtoms(symbols=cspbbr3.species, cell=cspbbr3.cell, scaled_positions=cspbbr3.positions)
    phonons = Phonopy(cell, np.eye(3, dtype=int), primitive_matrix=np.eye(3))
    phonons.force_constants = np.zeros((5, 5, 3, 3))
    phonons.nac_params = {"born": born.charges, "dielectric": born.dielectric, "factor": COULOMB, "method": "wang"}
    phonons.run_qpoints([[0, 0, 0]], nac_q_direction=direction, with_dynamical_matrices=True)
    roots = np.sqrt(cell.masses).repeat(3)
    expected = phonons.qpoints.dynamical_matrices[0].real * roots[:, None] * roots
    found, at_zero = force_constants(cspbbr3, born, np.array([1e-5 * np.array(direction), [0, 0, 0]]))
    phases = np.exp(-2j * np.pi * 1e-5 * cspbbr3.positions @ direction).repeat(3)
    jump = (found * phases[:, None] * phases.conj() - at_zero).real
    np.testing.assert_allclose(jump, expected, atol=1e-6 * abs(expected).max())
    assert abs(expected).max() > 1.0


def test_nothing_from_translations(cspbbr3):
    """A shift of the crystal costs nothing; force constants are Hermitian at any wave vector."""
    born = builders.dipolar_potential(cspbbr3).born
    interaction = DipoleInteraction.create(cspbbr3, born, Supercell.from_matrix([4, 3, 2]))
    with precision("float64"):
        shifted = np.asarray(interaction.slopes(np.ones((5, 3, 24))))
    assert abs(shifted).max() < 1e-10
    constants = force_constants(cspbbr3, born, np.random.default_rng(2).uniform(size=(20, 3)))
    np.testing.assert_allclose(constants, np.conj(np.swapaxes(constants, 1, 2)), atol=1e-12)


def test_low_symmetry():
    """R3c LiNbO3: number charges are fine; tensors on sites without a mirror through them are refused by name."""
    lattice = 5.15 * np.array([[1, 0, 0], [-0.5, 0.75**0.5, 0], [0, 0, 13.86 / 5.15]])
    sites = built(("Li", "Nb", "O"), [(0, 0, 0.279), (0, 0, 0), (0.048, 0.343, 0.063)], spacegroup=161, cell=lattice)
    niobate = Crystal.from_atoms(sites)
    numbers = BornCharges.of_crystal(niobate, [{"Li": 1, "Nb": 5, "O": -2}[s] for s in niobate.species], 5.0)
    interaction = DipoleInteraction.create(niobate, numbers, Supercell.from_matrix([2, 1, 1]))
    with precision("float64"):
        assert abs(np.asarray(interaction.slopes(np.ones((niobate.n_sites, 3, 2))))).max() < 1e-9
    tensors = numbers.charges + charge_modes(niobate)[-5:].sum(0)
    with pytest.raises(AnharmonicError, match="not supported in .*Give isotropic charges"):
        DipoleInteraction.create(
            niobate, BornCharges.of_crystal(niobate, tensors, 5.0), Supercell.from_matrix([1, 1, 1])
        )
