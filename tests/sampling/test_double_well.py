"""Every sampler where the reference crystal is a saddle point of the energy, as it is in the crystals this is made for.

In a CsCl crystal of one cell whose unlike atoms repel, an atom sits off the centre of its cage: in one of six wells
along the axes, 3.5 kT deep at 300 K, with passes of 1.7 kT between them. Springs from atoms to their own images hold
the cell. With two atoms the distribution of everything is an integral over one vector and the stretch. One bound of
the z-scores divides right from wrong: 3 percent in temperature, one power of the volume.
"""

import numpy as np
import pytest
from ensembles import density_scores, replicas, slow_but, thermal, z_score
from test_exact_ensembles import DYNAMICS, FINE, TEMPERATURE, TwoAtoms, sampled
from test_replica_exchange import two_atom_runs, two_atom_scores

from anharmonic.sampling import MonteCarlo, strain_modes
from anharmonic.sampling.monte_carlo import HybridMoves, SequentialMoves, SiteMoves, StrainMoves

AXIS = np.linspace(-1.3, 1.3, 261)
BATHS = [m for m in DYNAMICS if "piston" in m]
"""Every thermostat once; with a fixed cell the barostat has nothing to do."""
QUICK = ["sites", "sequential"]
"""Methods tried in every run of the tests; the others belong to the slow ones."""
MOVES = {
    "sites": lambda system, *cell: [SiteMoves.create(system.caged, system.supercell)],
    "sequential": lambda system, *cell: [SequentialMoves("uniform"), StrainMoves.create(*cell)],
    "hybrid": lambda system, *cell: [HybridMoves.create(*cell, n_steps=5)],
}


class DoubleWell(TwoAtoms):
    """Unlike atoms repel, images attract."""

    COEFFICIENTS = (-6.0, 4.0, 0.0, 500.0)
    IMAGES = (8.0, 4.0, 0.0, 0.0)

    def __init__(self):
        super().__init__()
        self.caged = OffCentre().potential

    def fixed_cell(self, temperature):
        """Densities of one component of the vector between the atoms and of its displacement (A) on `AXIS`.

        Returns
        -------
        density : ndarray, shape (261,)
        energy, square : float
            Means of the energy (eV) and of the squared displacement (A^2).
        """
        energies = self.energies[np.argmin(abs(self.GRID - 1))]
        weights = self.weights * np.exp(-(energies - energies.min()) / thermal(temperature))
        weights /= weights.sum()
        nodes, across = np.polynomial.legendre.leggauss(40)
        plane = 1.3 * np.stack(np.meshgrid(nodes, nodes, indexing="ij"), axis=-1).reshape(-1, 2)
        points = np.concatenate([np.broadcast_to(AXIS[:, None, None], (len(AXIS), len(plane), 1)),
                                 np.broadcast_to(plane, (len(AXIS), *plane.shape))], axis=-1)  # fmt: skip
        boltzmann = np.exp(-self.between(points) / thermal(temperature))
        density = boltzmann @ np.outer(across, across).reshape(-1)
        return density, weights @ energies, weights @ (self.apart**2).sum(1)


class OffCentre(TwoAtoms):
    """The same without the images, whose energy is constant in a fixed cell: only so can sites be coloured."""

    COEFFICIENTS = DoubleWell.COEFFICIENTS


@pytest.fixture(scope="module")
def double_well():
    return DoubleWell()


def run(system, method, cell, *stress):
    """256 replicas, by dynamics or by some moves of Monte Carlo."""
    potential = system.caged if method == "sites" else system.potential
    if method in DYNAMICS:
        lengths = {"count": 256, "burn": 1200, "stride": 25}
        return sampled(method, potential, system.supercell, cell, *stress, **lengths)
    modes = strain_modes(cell)
    moves = MOVES[method](system, system.crystal, system.supercell, modes)
    chosen = MonteCarlo.create(potential, system.supercell, modes, moves)
    return replicas(chosen, potential, system.supercell, TEMPERATURE, *stress, count=256, burn=600, stride=10)


@pytest.mark.parametrize("method", slow_but(QUICK, [*BATHS, *MOVES]))
def test_displacements_in_a_fixed_cell(double_well, method):
    """The three humps of each component, the energy, and controls."""
    system = double_well
    found = run(system, method, "fixed")
    vector = np.diff(found["displacements"][..., 0], axis=2)[:, :, 0]
    density, energy, square = system.fixed_cell(TEMPERATURE)
    assert (np.diff(np.sign(np.diff(density))) != 0).sum() == 5  # three humps
    for axis in range(3):
        assert abs(density_scores(vector[..., axis], AXIS, density)).max() < FINE
    assert abs(z_score(found["energy"], energy)) < FINE
    assert abs(z_score((vector**2).sum(-1), square)) < FINE
    assert abs(z_score(found["energy"], system.fixed_cell(1.03 * TEMPERATURE)[1])) > FINE
    hot, _, _ = system.fixed_cell(2 * TEMPERATURE)
    assert abs(density_scores(vector[..., 0], AXIS, hot)).max() > FINE


@pytest.mark.parametrize("method", slow_but(QUICK, [*DYNAMICS, "sequential", "hybrid"]))
def test_stretch_and_displacement_together(double_well, method):
    """Under pressure; how far the atom is off the centre depends on the stretch."""
    system = double_well
    found = run(system, method, "isotropic", system.PRESSURE)
    stretch = found["deformation"][..., 0, 0]
    square = (np.diff(found["displacements"][..., 0], axis=2) ** 2).sum((2, 3))
    density, energy = system.density(TEMPERATURE)
    assert max(density[0], density[-1]) < 1e-5 * density.max()
    assert abs(density_scores(stretch, system.GRID, density)).max() < FINE
    assert abs(z_score(found["energy"], energy)) < FINE
    expected = system.mean(TEMPERATURE, (system.apart**2).sum(1))
    assert abs(z_score(square, expected)) < FINE
    together = system.mean(TEMPERATURE, np.multiply.outer(system.GRID, (system.apart**2).sum(1)))
    assert abs(z_score(stretch * square, together)) < FINE
    assert abs(z_score(found["energy"], system.density(1.03 * TEMPERATURE)[1])) > FINE
    for power in (0, 2):
        assert abs(density_scores(stretch, system.GRID, system.density(TEMPERATURE, power)[0])).max() > FINE


@pytest.mark.slow
def test_replica_exchange(double_well):
    """Four temperatures and pressures at once: stretch and energy of each."""
    found = two_atom_runs(double_well, "md")
    assert two_atom_scores(double_well, found).max() < FINE
    assert two_atom_scores(double_well, found, 1.15).min() > FINE
