"""Every thermostat and barostat, and Monte Carlo, against ensembles that are known exactly.

Energies linear in squared distances (quadratic metric, order 1) are quadratic in the displacements, whatever F:
the mean energy above that of the strain is (3N - 3) kT / 2, and integrating the displacements out gives
det F^-(N-1), which cancels the V^(N-1) of the isothermal-isobaric ensemble. Bonds between an atom and its own image
depend on F alone. So the density of F in a 2x2x2 simple cubic crystal with both kinds is known, with N = 8.
In a CsCl crystal with one cell, N = 2, anything can be integrated numerically.
Thermostats that only rescale all momenta are not ergodic in a harmonic crystal, and are not asked to be.

Every test has controls: the same numbers reject a temperature wrong by 3 percent and a missing power of the volume.
"""

from functools import cache, partial

import builders
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ensembles import density_scores, replicas, slow_but, thermal, z_score

from anharmonic.clusters import ClusterBasis
from anharmonic.conventions import GPA
from anharmonic.crystal import Supercell
from anharmonic.potential.lattice import cast
from anharmonic.sampling import (
    BussiRescaling,
    CellRescaling,
    Langevin,
    MolecularDynamics,
    MonteCarlo,
    NoseHooverChain,
    Piston,
    strain_modes,
)

TEMPERATURE = 300.0
FINE, WRONG = 4.0, 6.0
"""Largest z-score of a right answer, and least of a wrong one."""
LENGTHS = {"burn": 600, "samples": 320, "stride": 20}
TIMESTEP = 2.0
THERMOSTATS = {"langevin": Langevin(0.02), "bussi": BussiRescaling(40.0), "nose-hoover": NoseHooverChain(40.0)}
BAROSTATS = {"piston": Piston(200.0, 0.02), "rescaling": CellRescaling(25.0)}
DYNAMICS = [f"{thermostat}, {barostat}" for thermostat in THERMOSTATS for barostat in BAROSTATS]
PRESSED = DYNAMICS[:2]
ATOMS, CRYSTAL = ["bussi, rescaling", "mc"], ["nose-hoover, piston", "mc"]
"""Methods for two atoms and for a perovskite in the usual tests; the others belong to the slow ones."""


def sampler(method, potential, supercell, cell):
    """Monte Carlo, or dynamics with "thermostat, barostat"."""
    if method == "mc":
        return MonteCarlo.create(potential, supercell, strain_modes(cell))
    thermostat, barostat = method.split(", ")
    bath = THERMOSTATS[thermostat], BAROSTATS[barostat]
    return MolecularDynamics.create(potential.crystal, supercell, strain_modes(cell), TIMESTEP, *bath)


def sampled(method, potential, supercell, cell, *conditions, **lengths):
    """Replicas; those of dynamics come from equilibrium, by Langevin dynamics."""
    warm = None if method == "mc" else sampler(DYNAMICS[0], potential, supercell, cell)
    chosen = sampler(method, potential, supercell, cell)
    return replicas(chosen, potential, supercell, TEMPERATURE, *conditions, **lengths, warm=warm)


@pytest.mark.parametrize("method", [DYNAMICS[0], "mc"])
def test_harmonic_crystal(method):
    """Fixed cell: mean and variance of the potential and the kinetic energy."""
    crystal, supercell = builders.simple_cubic(), Supercell.from_matrix([2, 2, 2])
    potential = builders.polynomial(ClusterBasis(crystal, pairs=1, order=1), [[9.0]])
    lengths = {"burn": 200, "stride": 4} if method == "mc" else {"burn": 450, "stride": 15}
    found = sampled(method, potential, supercell, "fixed", samples=300, **lengths)
    freedom = 3 * 8 - 3
    expected, variance = freedom / 2 * thermal(TEMPERATURE), freedom / 2 * thermal(TEMPERATURE) ** 2
    for energy in (found["energy"],) if method == "mc" else (found["energy"], found["kinetic"]):
        assert abs(z_score(energy, expected)) < FINE
        assert abs(z_score((energy - expected) ** 2, variance)) < FINE
        assert abs(z_score(energy, 1.03 * expected)) > WRONG
        assert abs(z_score(energy, (freedom + 3) / 2 * thermal(TEMPERATURE))) > WRONG
    assert np.ptp(found["deformation"], axis=(0, 1)).max() == 0
    if method != "mc":
        drift = found["conserved"][:, -1] - found["conserved"][:, 0]
        assert abs(drift).max() < 0.02 * expected
        assert abs(z_score(found["kinetic_temperature"], TEMPERATURE)) < FINE


class ImageSprings:
    """Springs between neighbours, quadratic in the positions, and springs from atoms to their own images."""

    SHELLS = {3: np.eye(3), 6: np.array([[1, 1, 0], [1, -1, 0], [1, 0, 1], [1, 0, -1], [0, 1, 1], [0, 1, -1]]) / 2**0.5}
    COEFFICIENTS = {0: (9.0, 0.0), 3: (-9.0, 0.6), 6: (0.0, 0.3)}

    def __init__(self):
        crystal = builders.simple_cubic()
        basis = builders.part_of(ClusterBasis(crystal, pairs=7, order=2), self.COEFFICIENTS)
        assert [round(o.positions.max() - o.positions.min(), 6) for o in basis.orbits] == [3, 6, 6]
        self.potential = builders.polynomial(basis, list(self.COEFFICIENTS.values()))
        self.supercell = Supercell.from_matrix([2, 2, 2])
        self.volume = 8 * crystal.volume

    def strain_energy(self, deformation):
        """Energy (...) of the undisplaced supercell strained by F (..., 3, 3), eV."""
        total = 0.0
        for shell, directions in ({0: np.eye(3)} | self.SHELLS).items():
            strain = (np.sum(np.einsum("...ij,bj->...bi", deformation, directions) ** 2, axis=-1) - 1) / 2
            linear, quadratic = self.COEFFICIENTS[shell]
            total = total + 8 * np.sum(linear * strain + quadratic * strain**2, axis=-1)
        return total

    def enthalpy(self, deformation, pressure, tension=0.0):
        """Effective energy of F after the displacements and V^(N-1) have cancelled."""
        strain = 0.5 * (np.swapaxes(deformation, -1, -2) @ deformation - np.eye(3))
        work = pressure * np.linalg.det(deformation) - (tension * strain).sum((-2, -1))
        return self.strain_energy(deformation) + self.volume * work


@pytest.fixture(scope="module")
def image_springs():
    return ImageSprings()


@pytest.mark.parametrize("method", slow_but(PRESSED[:1], PRESSED))
def test_isotropic_cell_under_pressure(image_springs, method):
    """The density of the cell's one degree of freedom, and the energies given it."""
    pressure, supercell = 0.3 * GPA, image_springs.supercell
    found = sampled(method, image_springs.potential, supercell, "isotropic", pressure, count=128, **LENGTHS)
    stretch, grid = found["deformation"][..., 0, 0], np.linspace(0.85, 1.12, 1000)
    assert np.ptp(found["deformation"][..., [0, 1, 2], [0, 1, 2]], axis=-1).max() < 1e-5

    def density(temperature, extra_power=0):
        enthalpy = image_springs.enthalpy(grid[:, None, None] * np.eye(3), pressure)
        return np.exp(-(enthalpy - enthalpy.min()) / thermal(temperature)) * grid ** (3 * extra_power)

    assert abs(density_scores(stretch, grid, density(TEMPERATURE))).max() < FINE
    assert abs(density_scores(stretch, grid, density(TEMPERATURE, 7))).max() > WRONG
    assert abs(density_scores(stretch, grid, density(TEMPERATURE, 1))).max() > WRONG
    vibrations = found["energy"] - image_springs.strain_energy(found["deformation"])
    for energy in (vibrations, found["kinetic"]):
        assert abs(z_score(energy, 21 / 2 * thermal(TEMPERATURE))) < FINE
        assert abs(z_score(energy, 21 / 2 * thermal(1.03 * TEMPERATURE))) > WRONG
    if "piston" in method:
        dynamics = sampler(method, image_springs.potential, supercell, "isotropic")
        cell_kinetic = 0.5 * (found["cell_momenta"] ** 2).sum(-1) / dynamics.hamiltonian.cell_mass
        assert abs(z_score(cell_kinetic, thermal(TEMPERATURE) / 2)) < FINE


class NoiselessPiston(Piston):
    """A control."""

    def __call__(self, key, state, hamiltonian, modes, conditions, dt):
        return super().__call__(key, state, hamiltonian, modes, frozen(conditions), dt)


class NoiselessRescaling(CellRescaling):
    """A control."""

    def __call__(self, key, state, hamiltonian, modes, conditions, dt):
        return super().__call__(key, state, hamiltonian, modes, frozen(conditions), dt)


def frozen(conditions):
    """The same at 0 K, where a bath has no noise."""
    return eqx.tree_at(lambda c: c.temperature, conditions, jnp.zeros_like(conditions.temperature))


@pytest.mark.parametrize(
    "barostat", [NoiselessPiston(200.0, 0.02), pytest.param(NoiselessRescaling(25.0), marks=pytest.mark.slow)]
)
def test_a_barostat_without_noise_is_caught(image_springs, barostat):
    """Its cell is too cold; the test is the one that the barostats pass."""
    system, pressure, grid = image_springs, 0.3 * GPA, np.linspace(0.85, 1.12, 1000)
    cell = system.potential.crystal, system.supercell, strain_modes("isotropic")
    dynamics = MolecularDynamics.create(*cell, TIMESTEP, THERMOSTATS["langevin"], barostat)
    found = replicas(dynamics, system.potential, system.supercell, TEMPERATURE, pressure, **LENGTHS)
    enthalpy = system.enthalpy(grid[:, None, None] * np.eye(3), pressure)
    density = np.exp(-(enthalpy - enthalpy.min()) / thermal(TEMPERATURE))
    assert abs(density_scores(found["deformation"][..., 0, 0], grid, density)).max() > WRONG


TENSION = GPA * np.array([[0.3, 0.15, -0.2], [0.15, -0.1, 0.25], [-0.2, 0.25, -0.2]])


@pytest.mark.parametrize(
    "tension", [pytest.param(np.zeros((3, 3)), marks=pytest.mark.slow), TENSION], ids=["pressure", "shear"]
)
@pytest.mark.parametrize("method", slow_but(PRESSED[:1], PRESSED))
def test_full_cell(image_springs, method, tension):
    """Means and variances of all six components and of the volume, against importance sampling."""
    supercell, pressure, rng = image_springs.supercell, 0.2 * GPA, np.random.default_rng(0)
    stress = pressure, tension
    found = sampled(method, image_springs.potential, supercell, "full", *stress, count=48, **LENGTHS)
    upper = np.triu_indices(3)
    components, volume = found["deformation"][..., *upper], np.linalg.det(found["deformation"])
    np.testing.assert_allclose(found["deformation"], np.swapaxes(found["deformation"], -1, -2), atol=1e-7)
    middle, width = components.mean((0, 1)), 1.15 * components.std((0, 1))
    drawn = middle + width * rng.normal(size=(300_000, 6))
    trial = np.zeros((len(drawn), 3, 3))
    trial[:, *upper] = drawn
    trial = trial + np.swapaxes(np.triu(trial, 1), 1, 2)
    logarithm = 0.5 * (((drawn - middle) / width) ** 2).sum(1)
    logarithm -= image_springs.enthalpy(trial, *stress) / thermal(TEMPERATURE)
    weights = np.exp(logarithm - logarithm.max())
    weights /= weights.sum()
    assert 1 / (weights**2).sum() > 100_000
    trial_volume = np.linalg.det(trial)
    cases = [(components[..., k], drawn[:, k]) for k in range(6)] + [(volume, trial_volume)]
    for values, reference in cases:
        mean = weights @ reference
        assert abs(z_score(values, mean)) < FINE
        assert abs(z_score((values - mean) ** 2, weights @ (reference - mean) ** 2)) < FINE
    with_volume = weights * trial_volume**2
    assert abs(z_score(volume, with_volume @ trial_volume / with_volume.sum())) > WRONG


class TwoAtoms:
    """One cell of CsCl with anharmonic springs between unlike atoms, and perhaps between atoms and their images."""

    COEFFICIENTS = (-0.3, 4.0, -3.0, 20.0)
    IMAGES = None
    PRESSURE = 0.5 * GPA
    GRID = np.linspace(0.92, 1.13, 211)

    def __init__(self):
        self.crystal, self.supercell = builders.cesium_chloride(), Supercell.from_matrix([1, 1, 1])
        coefficients = [self.COEFFICIENTS] if self.IMAGES is None else [self.COEFFICIENTS, self.IMAGES, self.IMAGES]
        basis = ClusterBasis(self.crystal, pairs=len(coefficients), order=4)
        assert [len(orbit.sites) for orbit in basis.orbits] == [8, 3, 3][: len(coefficients)]
        self.potential = builders.polynomial(basis, coefficients)
        nodes, weights = np.polynomial.legendre.leggauss(18)
        octant = np.stack(np.meshgrid(*[np.arange(18)] * 3), axis=-1).reshape(-1, 3)
        self.apart, self.weights = 0.65 * (nodes + 1)[octant], weights[octant].prod(1)
        self.energies = self.between(self.apart, self.GRID[:, None])
        if self.IMAGES is not None:
            self.energies += 6 * self._springs(self.IMAGES, self.GRID[:, None, None] ** 2)

    def between(self, apart, stretch=1.0):
        """Energy (eV) of the springs between the atoms, displaced by `apart` (..., 3) in a cell stretched so."""
        corners = self.crystal.cell[0, 0] / 2 * (2 * np.array(list(np.ndindex(2, 2, 2))) - 1)
        square = ((apart[..., None, :] + corners) ** 2).sum(-1) / (corners[0] ** 2).sum()
        return self._springs(self.COEFFICIENTS, np.asarray(stretch)[..., None] ** 2 * square)

    @staticmethod
    def _springs(coefficients, square):
        """Energy of springs whose squared lengths have the ratio `square` (..., springs) to the reference, eV."""
        strain = (square - 1) / 2
        return sum(c * strain ** (k + 1) for k, c in enumerate(coefficients)).sum(-1)

    def density(self, temperature, power=1):
        """Density of the stretch on `GRID`, and the mean energy (eV); V^power, rightly N - 1 = 1."""
        joint = self._joint(temperature, power)
        return joint.sum(1), (joint * self.energies).sum() / joint.sum()

    def mean(self, temperature, values):
        """Mean of values (stretches, vectors) or (vectors,)."""
        joint = self._joint(temperature, 1)
        return (joint * values).sum() / joint.sum()

    def _joint(self, temperature, power):
        enthalpy = self.energies + self.PRESSURE * self.crystal.volume * self.GRID[:, None] ** 3
        joint = np.exp(-(enthalpy - enthalpy.min()) / thermal(temperature)) * self.weights
        return joint * self.GRID[:, None] ** (3 * power)


@pytest.fixture(scope="module")
def two_atoms():
    return TwoAtoms()


@pytest.mark.parametrize("method", slow_but(ATOMS, [*DYNAMICS, "mc"]))
def test_two_atoms(two_atoms, method):
    """Anharmonic, under pressure: everything by quadrature."""
    system, lengths = two_atoms, {"burn": 400, "stride": 5} if method == "mc" else {"burn": 700, "stride": 15}
    found = sampled(method, system.potential, system.supercell, "isotropic", system.PRESSURE, count=256, **lengths)
    stretch = found["deformation"][..., 0, 0]
    density, energy = system.density(TEMPERATURE)
    assert max(density[0], density[-1]) < 1e-5 * density.max()
    assert abs(density_scores(stretch, system.GRID, density)).max() < FINE
    assert abs(z_score(found["energy"], energy)) < FINE
    assert abs(z_score(found["energy"], system.density(1.03 * TEMPERATURE)[1])) > WRONG
    for power in (0, 2):
        assert abs(density_scores(stretch, system.GRID, system.density(TEMPERATURE, power)[0])).max() > WRONG


def perovskite_run(springs, method):
    """40 atoms of an anharmonic perovskite with a full cell under pressure and shear."""
    supercell = Supercell.from_matrix([2, 2, 2])
    length = (
        {"burn": 200, "stride": 4, "samples": 400} if method == "mc" else {"burn": 800, "stride": 20, "samples": 160}
    )
    return sampled(method, springs, supercell, "full", 0.5 * GPA, TENSION, count=20, **length)


@pytest.fixture(scope="module")
def perovskite_runs(springs):
    """The same by a method, run once."""
    return cache(partial(perovskite_run, springs))


@eqx.filter_jit
def gradients(lattice, u, f, translations):
    """Of states of runs, with leading axes (run, sample)."""
    return jax.vmap(jax.vmap(lambda u, f: lattice.gradients(u, f, translations)))(u, f)


@pytest.mark.parametrize("method", slow_but(CRYSTAL, [*DYNAMICS, "mc"]))
def test_identities_of_a_perovskite(springs, perovskite_runs, method):
    """Integration by parts, exact for any energy: the virial of the displacements, and the mean force on the cell."""
    supercell = Supercell.from_matrix([2, 2, 2])
    found, lattice = perovskite_runs(method), cast(springs.lattice, "float32")
    translations, n_atoms = jnp.asarray(lattice.topology.translations(supercell)), 40
    u, f = (found[name].astype("float32") for name in ("displacements", "deformation"))
    energy, by_u, by_f = (np.asarray(x, float) for x in gradients(lattice, u, f, translations))
    np.testing.assert_allclose(energy, found["energy"], atol=1e-3)
    virial = (by_u * u).sum((2, 3, 4))
    assert abs(z_score(virial, 3 * (n_atoms - 1) * thermal(TEMPERATURE))) < FINE
    assert abs(z_score(virial, 3 * (n_atoms - 1) * thermal(1.03 * TEMPERATURE))) > FINE
    inverse = np.swapaxes(np.linalg.inv(found["deformation"]), -1, -2)
    volume, modes = springs.crystal.volume * 8, strain_modes("full")
    work = 0.5 * GPA * volume * np.linalg.det(found["deformation"])

    def scores(power, tension):
        force = by_f + (work - power * thermal(TEMPERATURE))[..., None, None] * inverse
        force = force - volume * found["deformation"] @ tension
        return np.array([z_score((force * mode).sum((-2, -1)), 0.0) for mode in modes])

    assert abs(scores(n_atoms - 1, TENSION)).max() < FINE
    assert abs(scores(0, TENSION)[:3]).min() > WRONG
    assert abs(scores(n_atoms - 1, 0 * TENSION)).min() > WRONG


@pytest.mark.parametrize("method", slow_but(CRYSTAL, DYNAMICS))
def test_all_methods_agree(perovskite_runs, method):
    """Energy, components of F and amplitudes by species, within their errors."""

    def observables(found):
        u = found["displacements"] - found["displacements"].mean(axis=(2, 4), keepdims=True)
        components = found["deformation"].reshape(*u.shape[:2], 9)
        return [found["energy"], *np.moveaxis(components, -1, 0), *np.moveaxis((u**2).mean(axis=(3, 4)), -1, 0)]

    pair = perovskite_runs(method), perovskite_runs("mc")
    for one, other in zip(*map(observables, pair), strict=True):
        one, other = one.mean(1), other.mean(1)
        error = np.sqrt((one.var(ddof=1) + other.var(ddof=1)) / len(one))
        assert abs(one.mean() - other.mean()) < FINE * error
        assert error < 0.05 * abs(one).mean() or abs(one).mean() < 0.01
