"""Average structures of runs whose tilts turn to another axis."""

from types import SimpleNamespace

import numpy as np
import pytest
from builders import perovskite

from anharmonic.analysis import TiltModes
from anharmonic.crystal import Configuration, Supercell
from anharmonic.crystal.folding import Folding
from anharmonic.sampling.site_moments import moments
from anharmonic.sweep.distortions import distortion
from anharmonic.sweep.recorded import RecordedPoint
from anharmonic.sweep.structures import average_of, structures

CRYSTAL, SUPERCELL = perovskite(), Supercell.from_matrix([4, 4, 2])
N_SAMPLES, EVERY = 400, 4
ANGLES = {"Pnma": ([0, 0, 8], [6, 6, 0]), "Pm-3m": ([0, 0, 0], [0, 0, 0])}


def recorded(name):
    """A run of one phase, and its only point: the unique axis is z, then x; a snapshot of every few samples."""
    rng, modes = np.random.default_rng(0), TiltModes.of_crystal(CRYSTAL)
    half, strain = N_SAMPLES // 2, np.array([0.004, 0.004, -0.008]) * (name != "Pm-3m")
    fields, deformation = [], []
    for axes in (slice(None), slice(None, None, -1)):
        state = modes.displacements(*(a[axes] for a in ANGLES[name]), SUPERCELL)
        fields.append(state + 0.1 * rng.normal(size=(half, *state.shape)))
        deformation.append(np.tile(np.eye(3) + np.diag(strain[axes]), (half, 1, 1)))
    fields, deformation = np.concatenate(fields), np.concatenate(deformation)
    snapshots = [SimpleNamespace(displacements=u, deformation=f) for u, f in zip(fields, deformation, strict=True)]
    members = Folding.of_supercell(SUPERCELL).members
    samples = {
        "deformation": deformation,
        "projections": modes.tangents(SUPERCELL, fields),
        "sites": np.stack([np.asarray(moments(u, members)) for u in fields]),
    }
    rows = tuple(range(EVERY - 1, N_SAMPLES, EVERY))
    run = SimpleNamespace(
        crystal=CRYSTAL, supercell=SUPERCELL, structure=Configuration.reference(CRYSTAL, SUPERCELL), snapshots=snapshots
    )
    return run, RecordedPoint(250.0, "heating", 0.0, np.zeros((3, 3)), samples, rows, rows)


@pytest.mark.parametrize("source", ["sites", "snapshots"])
@pytest.mark.parametrize("name", ANGLES)
def test_structures_are_those_of_one_domain(name, source):
    """Tilts that turn in the middle of the run leave space group, angles and cell; none are made where none are."""
    run, point = recorded(name)
    if source == "snapshots":
        del point.samples["sites"]
    found = average_of(run, point)
    assert found.symmetry.international == name and found.tolerance < 0.2
    np.testing.assert_allclose(np.sort(abs(distortion(found.configuration).tilts)), np.sort(ANGLES[name]), atol=0.5)
    lengths = [1, 1, 1] if name == "Pm-3m" else [0.992, 1.004, 1.004]
    np.testing.assert_allclose(np.sort(found.configuration.deformation.diagonal()), lengths, atol=1e-6)


def test_other_groups_of_tilts_are_doubted():
    """What the tilts of the same temperature name stands beside the group of the mean structure."""
    run, point = recorded("Pnma")
    run.points = (point,)
    ((_, _, doubted),) = structures(run, [{"space_group_of_tilts": "Cmcm"}])
    ((_, _, agreed),) = structures(run, [{"space_group_of_tilts": "Pnma"}])
    assert [text for text in doubted["doubts"] if text not in agreed["doubts"]] == [
        "Pnma by its mean positions, Cmcm by its tilts: the run is too short to tell, or more than tilts is ordered"
    ]
