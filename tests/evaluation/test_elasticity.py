"""Elastic constants at 0 K against stresses of strained, relaxed structures from the ASE calculator."""

import builders
import numpy as np
import pytest
from ase.optimize import BFGS

import anharmonic as ah
from anharmonic.clusters import ClusterBasis
from anharmonic.conventions import GPA
from anharmonic.crystal import Configuration, Supercell
from anharmonic.errors import AnharmonicError
from anharmonic.evaluation.elasticity import elastic_stiffness, strain_basis
from anharmonic.potential.relaxation import relax

STRAIN = 1e-3


def by_finite_differences(potential, state, components, relaxed):
    """Columns of the stiffness (6, n) from stresses of strained structures."""
    columns = []
    for k in components:
        stresses = []
        for sign in (1, -1):
            atoms = state.to_atoms()
            atoms.set_cell(atoms.cell[:] @ (np.eye(3) + sign * STRAIN * strain_basis()[k]), scale_atoms=True)
            atoms.calc = ah.Calculator(potential)
            if relaxed:
                BFGS(atoms, logfile=None).run(fmax=2e-5, steps=300)
            stresses.append(atoms.get_stress())
        columns.append((stresses[0] - stresses[1]) / (2 * STRAIN))
    return np.array(columns).T


@pytest.fixture(scope="module")
def off_centre():
    """CsCl whose lower symmetry lets strains move the atoms: a relaxed state, and its potential."""
    basis = ClusterBasis(builders.cesium_chloride(), pairs=3, order=4)
    potential = builders.polynomial(basis, [[-6.0, 4.0, 0.0, 500.0], [8.0, 40.0, 0.0, 0.0], [8.0, 40.0, 0.0, 0.0]])
    start = Configuration.reference(potential.crystal, Supercell.from_matrix([1, 1, 1]))
    start.displacements[1, 2, 0] = 0.4
    return potential, relax(potential, start, force_tolerance=1e-8)[0]


@pytest.mark.parametrize("relaxed", [True, False])
def test_against_the_calculator(off_centre, relaxed):
    """Two columns of a tetragonal state, with and without relaxed atoms, and that these differ."""
    potential, state = off_centre
    assert abs(np.diff(state.displacements[:, 2, 0])) > 0.1
    found, columns = elastic_stiffness(potential, state, relaxed), [0, 4]
    expected = by_finite_differences(potential, state, columns, relaxed)
    np.testing.assert_allclose(found[:, columns], expected, atol=2e-4 * abs(expected).max())
    assert abs(found - elastic_stiffness(potential, state, not relaxed)).max() > 0.05 * abs(found).max()


def test_strained_and_unstable_states_are_refused(off_centre):
    """A cell under stress, and atoms on a saddle point."""
    potential, state = off_centre
    strained = builders.changed(state, deformation=1.02 * state.deformation)
    with pytest.raises(AnharmonicError, match="relax the structure"):
        elastic_stiffness(potential, strained)
    centred, _ = relax(potential, Configuration.reference(state.crystal, state.supercell), force_tolerance=1e-8)
    with pytest.raises(AnharmonicError, match="saddle point"):
        elastic_stiffness(potential, centred)
    assert np.isfinite(elastic_stiffness(potential, centred, relaxed=False)).all()


@pytest.mark.slow
def test_ground_state_of_cspbbr3():
    """Two columns of the shipped potential, atoms relaxed, in GPa."""
    from anharmonic.sweep.start import relaxed_phases

    potential = ah.load("CsPbBr3")
    state, _ = next(iter(relaxed_phases(potential).values()))
    state, _ = relax(potential, state, force_tolerance=1e-6)
    found = elastic_stiffness(potential, state) / GPA
    expected = by_finite_differences(potential, state, [0, 3], True) / GPA
    np.testing.assert_allclose(found[:, [0, 3]], expected, atol=0.5)
    assert np.linalg.eigvalsh(found)[0] > 0
