"""Hybrid Monte Carlo with the cell: detailed balance, exact distributions, and controls that are caught."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ensembles import density_scores, replicas, thermal, z_score
from equilibria import draw_image_springs, flux_level, steps
from scipy.stats import ks_2samp
from test_exact_ensembles import FINE, TEMPERATURE, WRONG, ImageSprings, TwoAtoms
from test_moves import HOT, LEVEL, REFUSED, STRESS, composed

from anharmonic.evaluation import Evaluator
from anharmonic.sampling import Conditions, strain_modes
from anharmonic.sampling.monte_carlo import HybridMoves

COUNT = 20_000


class Forgetful(HybridMoves):
    """A control: the kinetic energy of momenta p_s does not know that the cell has changed."""

    def _kinetic_change(self, begin, end):
        return super()._kinetic_change(begin, eqx.tree_at(lambda p: p.deformation, end, begin.deformation))


class Accepting(HybridMoves):
    """A control: nothing is refused, as in dynamics."""

    def _exponent(self, *arguments):
        return jnp.zeros(())


@pytest.fixture(scope="module")
def image_springs():
    return ImageSprings()


@pytest.fixture(scope="module")
def drawn(image_springs):
    """Equilibrium of a full cell under shear."""
    return draw_image_springs(image_springs, TEMPERATURE, STRESS, strain_modes("full"), COUNT)


def hybrid(system, cell="full", kind=HybridMoves, n_steps=3):
    """Moves whose cell is about as fast as the atoms."""
    return kind.create(system.potential.crystal, system.supercell, strain_modes(cell), n_steps, cell_time=120.0)


def flux(system, start, moves, conditions):
    """Level of detailed balance in the volume and the energy of the cell's strain."""
    end = steps(composed(moves), system.potential, system.supercell, start, conditions, [20.0])
    return flux_level(*[(np.linalg.det(f), system.enthalpy(f, *STRESS)) for f in (start[1], end.deformation)])


@pytest.mark.slow
def test_flux(image_springs, drawn):
    """Long time steps; controls for the temperature, the kinetic energy and the rule of acceptance."""
    moves, conditions = hybrid(image_springs), Conditions.of(TEMPERATURE, *STRESS)
    assert flux(image_springs, drawn, moves, conditions) > LEVEL
    assert flux(image_springs, drawn, moves, Conditions.of(HOT, *STRESS)) < REFUSED
    for wrong in (Forgetful, Accepting):
        assert flux(image_springs, drawn, hybrid(image_springs, kind=wrong), conditions) < REFUSED


@pytest.mark.slow
def test_full_cell_under_shear(image_springs, drawn):
    """From the reference crystal to the exact ensemble, with no other move: components of F, volume and energies."""
    system, count = image_springs, 2500
    start = np.zeros((count, 1, 3, 8)), np.tile(np.eye(3), (count, 1, 1))
    moves, conditions = hybrid(system, n_steps=6), Conditions.of(TEMPERATURE, *STRESS)
    end = steps(composed(moves), system.potential, system.supercell, start, conditions, [20.0], 20)
    model = Evaluator.create(system.potential, system.supercell)
    energy = jax.jit(jax.vmap(model.energy))(*(jnp.asarray(x, "float32") for x in drawn))
    upper = np.triu_indices(3)

    def observed(energy, deformation):
        vibrations = energy - system.strain_energy(deformation)
        return [energy, vibrations, np.linalg.det(deformation), *deformation[:, *upper].T]

    for found, exact in zip(observed(end.energy, end.deformation), observed(energy, drawn[1]), strict=True):
        assert ks_2samp(found, exact).pvalue > 1e-3
        assert abs(z_score(found[:, None], np.mean(exact))) < FINE
    vibrations = observed(end.energy, end.deformation)[1]
    assert abs(z_score(vibrations[:, None], 10.5 * thermal(TEMPERATURE))) < FINE
    assert abs(z_score(vibrations[:, None], 10.5 * thermal(HOT))) > WRONG


def test_two_atoms():
    """Anharmonic, under pressure, adapted, with no other move: by quadrature."""
    system = TwoAtoms()
    moves = HybridMoves.create(system.crystal, system.supercell, strain_modes("isotropic"), 4, cell_time=100.0)
    lengths = {"count": 128, "burn": 200, "stride": 2}
    found = replicas(composed(moves), system.potential, system.supercell, TEMPERATURE, system.PRESSURE, **lengths)
    stretch, (density, energy) = found["deformation"][..., 0, 0], system.density(TEMPERATURE)
    assert abs(density_scores(stretch, system.GRID, density)).max() < FINE
    assert abs(z_score(found["energy"], energy)) < FINE
    assert abs(z_score(found["energy"], system.density(1.05 * TEMPERATURE)[1])) > WRONG
    for power in (0, 2):
        assert abs(density_scores(stretch, system.GRID, system.density(TEMPERATURE, power)[0])).max() > WRONG
    assert abs(found["hybrid_acceptance"].mean() - 0.7) < 0.05
