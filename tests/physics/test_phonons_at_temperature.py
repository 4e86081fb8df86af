"""Phonons at temperature: the soft modes of CsPbBr3 harden, and springs expand as quasi-harmonic theory says."""

import builders
import numpy as np
import pytest

from anharmonic.crystal import Configuration, Supercell
from anharmonic.errors import AnharmonicError
from anharmonic.phonons import phonons
from anharmonic.phonons.cells import unit_state
from anharmonic.phonons.expansion import quasi_harmonic
from anharmonic.potential import load
from anharmonic.sweep.simulation import simulate

SIGMAS = 1.5


@pytest.mark.slow
def test_soft_modes_of_cspbbr3_harden():
    """M and R are imaginary at rest, real above the transition, and rise from 400 to 600 K, in forces and in motion."""
    found = phonons("CsPbBr3", [4, 4, 4], [400, 600], production=30000)
    cold, hot = (point["soft_modes"] for point in found.points)
    assert not found.points[1]["distorted"]
    for label in ("M", "R"):
        assert cold[label]["harmonic_THz"] < -0.5
        rise = hot[label]["frequency_THz"] - cold[label]["frequency_THz"]
        assert rise > max(0.02, SIGMAS * np.hypot(cold[label]["error_THz"], hot[label]["error_THz"]))
        assert 0.1 < cold[label]["frequency_THz"] < 0.6 and 0.1 < hot[label]["peak_THz"] < 0.6
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
def test_unstable_phases_have_no_quasi_harmonic_expansion():
    """The cubic crystal at rest is a saddle point."""
    potential = load("CsPbBr3")
    with pytest.raises(AnharmonicError, match="only 0 of 5 volumes have real frequencies"):
        quasi_harmonic(potential, 100.0, [2, 2, 2], unit_state(potential.crystal), np.linspace(0.99, 1.02, 5))
