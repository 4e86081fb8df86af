"""What must not change the energy does not change it; float64, 1e-10 eV per cell."""

import builders
import numpy as np
import oracle
import pytest
from builders import MATRICES, changed, distorted
from scipy.spatial.transform import Rotation

from anharmonic.clusters import ClusterBasis
from anharmonic.crystal import Configuration, Supercell, map_atoms

TOLERANCE = 1e-10
TILTS = (0, 0, 8), (6, 7, 0)


def energy_per_cell(potential, configuration):
    return potential.evaluate(configuration)["energy"] / configuration.supercell.n_cells


def operated(configuration, operation):
    """The configuration after an operation of the space group, written down site by site."""
    crystal, group = configuration.crystal, configuration.crystal.space_group
    rotation = group.cartesian_rotations(crystal.cell)[operation]
    supercell = Supercell.from_matrix(configuration.supercell.matrix @ group.rotations[operation].T)
    displacements = np.empty_like(configuration.displacements)
    for site in range(crystal.n_sites):
        for n, cell in enumerate(configuration.supercell.cells):
            (image,), offsets = group.apply(operation, [(site, cell)])
            displacements[image, :, supercell.index(offsets[0])] = rotation @ configuration.displacements[site, :, n]
    deformation = rotation @ configuration.deformation @ rotation.T
    return Configuration(crystal, supercell, deformation, displacements, configuration.order)


@pytest.mark.parametrize("name", ["untidy", "skewed"])
def test_space_group(potential, name):
    """All 48 operations, from the definition of what they do to a state."""
    state = distorted(potential.crystal, MATRICES[name], 1)
    expected = energy_per_cell(potential, state)
    energies = [energy_per_cell(potential, operated(state, g)) for g in range(len(potential.crystal.space_group))]
    assert len(energies) == 48
    np.testing.assert_allclose(energies, expected, rtol=0, atol=TOLERANCE)
    assert abs(expected) > 1e-3


@pytest.mark.parametrize("operation", [5, 17, 30, 45])
def test_space_group_of_atoms(potential, operation):
    """Atoms moved by an operation, with their cell, and mapped afresh."""
    state = distorted(potential.crystal, MATRICES["untidy"], 2)
    rotation = potential.crystal.space_group.cartesian_rotations(potential.crystal.cell)[operation]
    atoms = state.to_atoms()
    before = potential.evaluate(state)
    atoms.set_cell(atoms.cell[:] @ rotation.T)
    atoms.positions = state.to_atoms().positions @ rotation.T
    mapped = map_atoms(potential.crystal, atoms)
    after = potential.evaluate(mapped)
    assert abs(after["energy"] - before["energy"]) / 8 < TOLERANCE
    forces = mapped.to_atom_order(np.moveaxis(after["forces"], 1, 2))
    expected = state.to_atom_order(np.moveaxis(before["forces"], 1, 2)) @ rotation.T
    np.testing.assert_allclose(forces, expected, atol=1e-8)
    np.testing.assert_allclose(after["stress"], rotation @ before["stress"] @ rotation.T, atol=1e-10)


@pytest.mark.parametrize("name", MATRICES)
def test_disorder_of_atoms(potential, name):
    """Rotation, translation, lattice vectors, order, and another choice of the supercell's vectors."""
    rng = np.random.default_rng(7)
    tilts = TILTS if name == "2x2x2" else None
    state = distorted(potential.crystal, MATRICES[name], 3, strain=0.02, displacement=0.08, tilts=tilts)
    before = potential.evaluate(state)
    atoms, order = state.to_atoms(), rng.permutation(state.n_atoms)
    turn = Rotation.random(random_state=4).as_matrix()
    atoms = atoms[order]
    atoms.positions += rng.integers(-3, 4, (len(atoms), 3)) @ atoms.cell[:] + rng.normal(size=3)
    atoms.positions = atoms.positions @ turn.T
    atoms.set_cell(np.array([[1, 1, 0], [0, 1, 0], [0, -2, 1]]) @ atoms.cell[:] @ turn.T)
    mapped = map_atoms(potential.crystal, atoms)
    after = potential.evaluate(mapped)
    assert abs(after["energy"] - before["energy"]) / 8 < TOLERANCE
    np.testing.assert_allclose(
        mapped.to_atom_order(after["energies"]), state.to_atom_order(before["energies"])[order], atol=1e-9
    )
    forces = mapped.to_atom_order(np.moveaxis(after["forces"], 1, 2))
    expected = state.to_atom_order(np.moveaxis(before["forces"], 1, 2))[order] @ turn.T
    np.testing.assert_allclose(forces, expected, atol=1e-8)


@pytest.mark.parametrize("name", ["untidy", "skewed"])
def test_cell_and_supercell(potential, name):
    """A distorted single cell, repeated eight times, has the same energy per cell, forces and stress."""
    single = distorted(potential.crystal, np.eye(3, dtype=int), 4)
    supercell = Supercell.from_matrix(MATRICES[name])
    many = Configuration.reference(potential.crystal, supercell, single.deformation)
    many = changed(many, np.repeat(single.displacements, supercell.n_cells, axis=2))
    one, eight = potential.evaluate(single), potential.evaluate(many)
    assert abs(one["energy"] - eight["energy"] / 8) < TOLERANCE
    np.testing.assert_allclose(eight["forces"], np.repeat(one["forces"], 8, axis=2), atol=1e-10)
    np.testing.assert_allclose(eight["stress"], one["stress"], atol=1e-12)


def test_zero_at_the_reference(potential):
    """Also when the reference crystal is rotated; every site is a centre of inversion, so forces vanish."""
    supercell = Supercell.from_matrix([2, 2, 2])
    for deformation in (np.eye(3), Rotation.random(random_state=5).as_matrix()):
        found = potential.evaluate(Configuration.reference(potential.crystal, supercell, deformation))
        assert abs(found["energy"]) < 8 * TOLERANCE
        assert abs(found["energies"]).max() < TOLERANCE
        assert abs(found["forces"]).max() < 1e-10


def test_site_energies_sum_to_the_energy(potential):
    for name in MATRICES:
        found = potential.evaluate(distorted(potential.crystal, MATRICES[name], 6))
        assert found["energies"].shape == (5, 8)
        assert abs(found["energies"].sum() - found["energy"]) < 1e-10 * max(1, abs(found["energies"]).sum())
        assert np.ptp(found["energies"]) > 1e-3


@pytest.mark.parametrize("name", ["single", "2x2x2", "untidy", "left-handed", "skewed"])
def test_slow_evaluation(potential, name):
    """An independent evaluation from explicit positions."""
    matrix = np.eye(3, dtype=int) if name == "single" else MATRICES[name]
    tilts = TILTS if name == "2x2x2" else None
    state = distorted(potential.crystal, matrix, 8, tilts=tilts)
    expected = oracle.energy(potential, state)
    assert abs(potential.evaluate(state)["energy"] - expected) < TOLERANCE * state.supercell.n_cells
    assert abs(expected) > 1e-2


@pytest.mark.parametrize(
    "crystal, model, metric, clusters",
    [
        (builders.perovskite(("Sr", "Ti", "O"), 3.905), "site", "linear", {"pairs": 2, "polyhedra": ["octahedron"]}),
        (builders.bcc(), "cluster", "inverse", {"pairs": 3, "triplets": 2.9}),
        (builders.fluorite(), "polynomial", "linear", {"pairs": 2, "polyhedra": ["tetrahedron"]}),
    ],
    ids=["SrTiO3", "bcc", "fluorite"],
)
def test_other_crystals(crystal, model, metric, clusters):
    """The same code for SrTiO3, bcc iron and fluorite: slow evaluation and symmetry."""
    potential = builders.random_potential(ClusterBasis(crystal, order=2, metric=metric, **clusters), model, 9)
    length = crystal.nearest_distance()
    state = distorted(crystal, MATRICES["untidy"], 9, displacement=0.03 * length)
    expected = energy_per_cell(potential, state)
    assert abs(expected - oracle.energy(potential, state) / 8) < TOLERANCE
    operations = np.linspace(1, len(crystal.space_group) - 1, 12).astype(int)
    energies = [energy_per_cell(potential, operated(state, g)) for g in operations]
    np.testing.assert_allclose(energies, expected, rtol=0, atol=TOLERANCE)
    assert abs(expected) > 1e-3


def test_pairs_against_ase_neighbours(cspbbr3):
    """Harmonic bonds summed over ASE's neighbour list: no orbit, cluster or table of ours takes part."""
    from ase.neighborlist import neighbor_list

    basis = ClusterBasis(cspbbr3, pairs=6.0, order=2)
    potential = builders.polynomial(basis, [[0.0, 1.0]] * len(basis.orbits))
    state = distorted(cspbbr3, MATRICES["untidy"], 10)
    still = Configuration.reference(cspbbr3, state.supercell).to_atoms()
    i, j, images, d0 = neighbor_list("ijSd", still, 6.0)
    atoms = state.to_atoms()
    d = np.linalg.norm(atoms.positions[j] + images @ atoms.cell[:] - atoms.positions[i], axis=1)
    expected = 0.5 * np.sum(((d**2 / d0**2 - 1) / 2) ** 2)
    assert abs(potential.evaluate(state)["energy"] - expected) < 1e-10
