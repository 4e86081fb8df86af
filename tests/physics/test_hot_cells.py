"""Large hot cells of the richest shipped potential, whose polynomial falls to minus infinity beyond its walls."""

import numpy as np
import pytest

import anharmonic as ah
from anharmonic.errors import AnharmonicError
from anharmonic.evaluation import Evaluator
from anharmonic.potential.potential import Potential
from anharmonic.sampling import Langevin, MolecularDynamics, Observer, Piston, Run, Sampling, Stage, strain_modes
from anharmonic.sweep.start import start_at_rest

HOT = 700.0
STEPS = 10_000


def volumes(potential):
    """Relative volumes of 2,560 atoms over 50 ps at HOT and no pressure, from the ground state."""
    start, _ = start_at_rest(ah.load("CsPbBr3-accurate"), [8] * 3)
    baths = Langevin(2e-3), Piston()
    dynamics = MolecularDynamics.create(potential.crystal, start.supercell, strain_modes("full"), 5.0, *baths)
    stages = (Stage(HOT, equilibration=0, production=STEPS // 200),)
    model, observer = Evaluator.create(potential, start.supercell), Observer(np.zeros((0, *start.displacements.shape)))
    run = Run(dynamics, model, observer, stages, Sampling(20, 10))
    progress = run.start(start.displacements, start.deformation)
    run.go(progress)
    return np.linalg.det(progress.columns()["deformation"])


@pytest.mark.slow
def test_walls_hold():
    found = volumes(ah.load("CsPbBr3-accurate"))
    assert len(found) == STEPS // 20 and 0.97 < found.min() < found.max() < 1.1


@pytest.mark.slow
def test_nothing_holds_without_walls():
    """The control: the same polynomial falls apart, or into states of another volume."""
    walled = ah.load("CsPbBr3-accurate")
    bare = Potential(walled.basis, walled.model.bare(), walled.ranges, domain=walled.domain)
    try:
        found = volumes(bare)
    except AnharmonicError:
        return
    assert found.max() > 1.2 or found.min() < 0.9
