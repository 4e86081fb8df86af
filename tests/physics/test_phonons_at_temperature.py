"""Phonons at temperature: the soft modes of CsPbBr3 harden, and springs expand as quasi-harmonic theory says."""

from dataclasses import replace

import builders
import numpy as np
import pytest

from anharmonic.crystal import Configuration, Supercell
from anharmonic.errors import AnharmonicError
from anharmonic.phonons import phonons
from anharmonic.phonons.cells import unit_state
from anharmonic.phonons.expansion import quasi_harmonic
from anharmonic.potential import load, relax
from anharmonic.sweep.simulation import simulate
from anharmonic.sweep.start import relaxed_phases

SIGMAS = 1.5


@pytest.mark.slow
def test_soft_modes_of_cspbbr3_harden():
    """M and R are imaginary at rest, real above the transition, and rise from 350 to 600 K, in forces and in motion."""
    found = phonons("CsPbBr3", [4, 4, 4], [350, 600])
    cold, hot = (point["soft_modes"] for point in found.points)
    assert not found.points[1]["distorted"]
    for label in ("M", "R"):
        assert cold[label]["harmonic_THz"] < -0.5
        for name, error in (("frequency_THz", "error_THz"), ("peak_THz", "peak_error_THz")):
            rise = hot[label][name] - cold[label][name]
            assert rise > max(0.02, SIGMAS * np.hypot(cold[label][error], hot[label][error]))
            assert 0.05 < cold[label][name] < hot[label][name] < 0.6
    explained = [(point["explained"], point["harmonic_explained"]) for point in found.points]
    assert all(effective > harmonic + 0.2 for effective, harmonic in explained)


@pytest.fixture(scope="module")
def metal():
    basis = builders.ClusterBasis(builders.bcc(), pairs=3, order=4)
    return builders.polynomial(basis, [[0.0, w, -3.0 * w, 20.0 * w] for w in (12.0, 8.0, 3.0)])


@pytest.mark.slow
def test_springs_expand_as_quasi_harmonic_theory_says(metal):
    """Where it is cold enough for perturbations; the quantum crystal is larger at zero temperature."""
    state, most = unit_state(metal.crystal), 150.0
    found = quasi_harmonic(metal, most, [4, 4, 4], state, np.linspace(0.99, 1.02, 7))
    classical, quantum = found["classical"], found["quantum"]
    assert not classical.unstable and quantum.volume[0] > classical.volume[0]
    assert classical.volume[0] == pytest.approx(metal.crystal.volume, rel=1e-4)
    cells = Supercell.from_matrix([4, 4, 4])
    start = Configuration.reference(metal.crystal, cells), "reference"
    options = {"equilibration": 4000, "production": 60000, "timestep": 2.0, "cell": "isotropic"}
    samples = simulate(metal, start, temperatures=(most,), **options).samples
    volume = np.linalg.det(samples["deformation"][samples["production"]].astype(float)).mean() * metal.crystal.volume
    growth = volume - metal.crystal.volume
    assert growth == pytest.approx(classical.volume[-1] - metal.crystal.volume, rel=0.15)
    assert growth > 0.01


@pytest.mark.slow
def test_shapes_relax_at_their_volume():
    """No shear, no difference of the normal stresses, and the volume as it was."""
    potential = load("CsPbBr3")
    state, _ = next(iter(relaxed_phases(potential).values()))
    strained = replace(state, deformation=np.diag([1.02, 1.0, 1.01]) @ state.deformation)
    found, energy = relax(potential, strained, cell="shape")
    stress = potential.evaluate(found)["stress"]
    assert found.volume == pytest.approx(strained.volume, rel=1e-9)
    np.testing.assert_allclose(stress, np.trace(stress) / 3 * np.eye(3), atol=1e-5)
    assert abs(np.trace(stress)) > 1e-3 and energy > relax(potential, strained)[1]


@pytest.mark.slow
def test_unstable_phases_have_no_quasi_harmonic_expansion():
    """The cubic crystal at rest is a saddle point."""
    potential = load("CsPbBr3")
    with pytest.raises(AnharmonicError, match="only 0 of 5 volumes have real frequencies"):
        quasi_harmonic(potential, 100.0, [2, 2, 2], unit_state(potential.crystal), np.linspace(0.99, 1.02, 5))
