"""What a data set spans, against numbers known beforehand."""

import builders
import numpy as np
import pytest

from anharmonic.conventions import GPA
from anharmonic.data import Dataset, Frame
from anharmonic.data.statistics import energies_above_lowest, green_lagrange, spans


@pytest.fixture(scope="module")
def data():
    """Three frames of known strain, displacement, energy and stress; one lacks its labels."""
    crystal = builders.perovskite()
    plain = builders.distorted(crystal, [2, 1, 1], 0, strain=0.0, displacement=0.0)
    u = np.zeros_like(plain.displacements)
    pb, br = crystal.species.index("Pb"), crystal.species.index("Br")
    u[br, 0, 1], u[pb, 2, 0] = 0.3, -0.1
    stretched = builders.changed(plain, u, np.diag([1.02, 1.0, 1.0]))
    forces = np.zeros_like(u)
    forces[pb, 1, 0] = -2.0
    pressed = -1.5 * GPA * np.eye(3)
    frames = [
        Frame(plain, -33.0, forces, pressed, "a", "x", "a:0"),
        Frame(stretched, -32.0, 0 * forces, 0 * pressed, "a", "x", "a:1"),
        Frame(plain, None, None, None, "b", "x", "a:2"),
    ]
    return Dataset(crystal, frames)


def test_spans(data):
    found = {one.name: one for one in spans(data)}
    assert (found["energy above the lowest"].count, found["energy above the lowest"].largest) == (2, pytest.approx(100))
    volume = found["volume per cell"]
    assert volume.least == pytest.approx(5.87**3) and volume.largest == pytest.approx(1.02 * 5.87**3)
    assert found["strain xx"].largest == pytest.approx(50 * (1.02**2 - 1)) and found["strain xy"].largest == 0
    assert found["displacement of Br x3"].largest == pytest.approx(0.3) and found["displacement of Br x3"].count == 18
    assert found["displacement of Pb"].mean == pytest.approx(0.1 / 6) and found["displacement of Cs"].largest == 0
    force = found["force on Pb, component"]
    assert (force.count, force.least, force.largest) == (12, -2.0, 0.0)
    assert force.deviation == pytest.approx(2 * np.sqrt(1 / 12 - 1 / 144))
    assert found["pressure"].largest == pytest.approx(1.5) and found["pressure"].count == 2
    assert found["shear stress, component"].count == 6


def test_without_labels(data):
    bare = [one.name for one in spans(data.subset([2]))]
    assert "volume per cell" in bare and not any(
        "force" in name or "energy" in name or "press" in name for name in bare
    )
    assert list(energies_above_lowest(data)) == ["a"]
    assert green_lagrange(()).shape == (0, 3, 3)
