"""CsPbBr3 under stress: what the crystal feels is what is applied, by every barostat and by Monte Carlo; minutes."""

import chains
import numpy as np
import pytest

import anharmonic as ah
from anharmonic.analysis import estimate
from anharmonic.conventions import GPA
from anharmonic.sampling import Conditions, strain_modes
from anharmonic.sampling.conditions import split_stress

TEMPERATURE = 450.0
STRESSES = {
    "pressure": np.diag([-0.8, -0.8, -0.8]),
    "uniaxial": np.diag([0.0, 0.0, 0.25]),
    "shear": np.array([[-0.1, 0.12, -0.05], [0.12, -0.2, 0.08], [-0.05, 0.08, 0.1]]),
}
"""GPa, positive in tension."""
METHODS = ["langevin, piston", "bussi, rescaling", "nose-hoover, piston", "mc"]
LENGTHS = {"burn": 8000, "samples": 4000, "stride": 25}
PASSES = {"burn": 1000, "samples": 4000, "stride": 4}


@pytest.mark.slow
@pytest.mark.parametrize("stress", STRESSES)
@pytest.mark.parametrize("method", METHODS)
def test_internal_stress_is_the_applied_stress(method, stress):
    """Along every strain mode within 4 standard errors below 0.02 GPa; the Cauchy stress up to the strain."""
    sampler = chains.make_sampler(ah.load("CsPbBr3"), method)
    conditions = Conditions.of(TEMPERATURE, *split_stress(GPA * STRESSES[stress]))
    found = chains.chain(sampler, conditions, **(PASSES if method == "mc" else LENGTHS))
    along = np.tensordot(found["cell_force"], strain_modes("full"), ((1, 2), (1, 2))) / chains.VOLUME / GPA
    force = estimate(along)
    assert force.error.max() < 0.02
    assert (abs(force.mean) < 4 * force.error).all(), (force.mean, force.error)
    cauchy = estimate(found["stress"].reshape(-1, 9) / GPA)
    applied = STRESSES[stress].reshape(9)
    assert (abs(cauchy.mean - applied) < 4 * cauchy.error + 0.05 * abs(applied).max()).all(), cauchy.mean
    assert (abs(cauchy.mean + applied) > 8 * cauchy.error).any()
