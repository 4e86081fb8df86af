"""Energy paths: symmetry of the metric, labels found on their paths, files."""

import csv
from dataclasses import replace

import ase.io
import builders
import numpy as np
import pytest
from ase.calculators.singlepoint import SinglePointCalculator

from anharmonic.crystal import Configuration, Supercell
from anharmonic.data import Dataset
from anharmonic.sweep.metric import Metric
from anharmonic.sweep.scan import energy_paths, formula_units, phase_stops
from anharmonic.sweep.scan_labels import points_near


@pytest.fixture(scope="module")
def potential():
    return builders.spring_perovskite()


@pytest.fixture(scope="module")
def paths(potential):
    return energy_paths(potential, n_points=9)


def energy(potential, displacements, deformation):
    supercell = Supercell.from_matrix([2, 2, 2])
    state = replace(Configuration.reference(potential.crystal, supercell, deformation), displacements=displacements)
    return potential.evaluate(state)["energy"]


def test_images_are_symmetric_and_keep_distances(potential):
    metric, state = Metric(potential.crystal), builders.distorted(potential.crystal, [2, 2, 2], 3)
    displacements, deformation = metric.images(state.displacements, state.deformation)
    assert len(displacements) == 48 * 8
    expected = energy(potential, state.displacements, state.deformation)
    for k in (0, 17, 100, 383):
        assert energy(potential, displacements[k], deformation[k]) == pytest.approx(expected, abs=1e-9)
    sizes = np.linalg.norm(metric.coordinates(displacements, deformation), axis=1)
    np.testing.assert_allclose(sizes, sizes[0], atol=1e-12)
    back = metric.nearest_image((displacements[100], deformation[100]), (state.displacements, state.deformation))
    np.testing.assert_allclose(back[0], state.displacements, atol=1e-9)


def test_paths_have_the_energy_of_the_potential(potential, paths):
    assert [p.name.split(",")[0] for p in paths] == ["in-phase tilt", "anti-phase tilt", "volume"]
    for path in paths:
        assert (np.diff(path.x) > 0).all()
        expected = energy(potential, path.displacements[5], path.deformation[5]) / 8
        assert path.energy[5] == pytest.approx(expected, abs=1e-9)
    assert paths[0].energy[0] == pytest.approx(0, abs=1e-12)


def test_reference_that_is_the_ground_state_has_no_phase_path(potential):
    assert [label for label, _ in phase_stops(potential)] == ["Pm-3m"]


def test_crystal_without_tilts_has_a_volume_path():
    crystal = builders.cesium_chloride()
    basis = builders.ClusterBasis(crystal, pairs=3, order=4)
    coefficients = [[0.0, w, -3.0 * w, 20.0 * w] for w in (10.0, 5.0, 5.0)]
    found = energy_paths(builders.polynomial(basis, coefficients), n_points=5)
    assert found[-1].name.startswith("volume") and all("tilt" not in p.name for p in found)
    assert formula_units(crystal) == 1


def labelled(potential, path, k, rotation=0.0, group="a", shift=-50.0):
    """Atoms of a point of a path, turned, in another order, from another cell, with an energy."""
    state = Configuration.reference(potential.crystal, Supercell.from_matrix([2, 2, 2]), path.deformation[k])
    atoms = replace(state, displacements=path.displacements[k]).to_atoms()[np.random.default_rng(k).permutation(40)]
    atoms.positions += atoms.cell[1] / 2
    atoms.rotate(rotation, "x", rotate_cell=True)
    atoms.calc = SinglePointCalculator(atoms, energy=8 * (path.energy[k] + shift))
    atoms.info["supercell"] = group
    return atoms


def test_labels_are_found_on_their_paths_only(potential, paths, tmp_path):
    in_phase, anti_phase, volume = paths
    frames = [labelled(potential, in_phase, 0), labelled(potential, in_phase, 4, 90.0)]
    frames += [labelled(potential, anti_phase, 6, 30.0), labelled(potential, volume, 8)]
    frames += [labelled(potential, volume, 2, 0.0, "b", 7.0)]
    far = builders.distorted(potential.crystal, [2, 2, 2], 1, displacement=0.3).to_atoms()
    far.calc = SinglePointCalculator(far, energy=0.0)
    ase.io.write(tmp_path / "labels.extxyz", [*frames, far])
    dataset = Dataset.read(tmp_path / "labels.extxyz", potential.crystal)
    tilts, antis, volumes = points_near(paths, potential, dataset)
    assert [p.x for p in tilts] == pytest.approx([0, paths[0].x[4]], abs=1e-3)
    assert [p.x for p in antis] == pytest.approx([0, paths[1].x[6]], abs=1e-3)
    assert [p.x for p in volumes] == pytest.approx([paths[2].x[2], potential.crystal.volume, paths[2].x[8]], abs=1e-2)
    for points in (tilts, antis, volumes):
        for point in points:
            assert point.distance < 1e-5 and point.energy == pytest.approx(point.predicted, abs=1e-5)


def test_scan_writes_figure_and_table(call, springs, labels, tmp_path):
    done = call("scan", springs, "--data", labels, "--points", 9, "--near", 0.3, "--out", tmp_path)
    assert done.code == 0, done.err
    assert (tmp_path / "scan.png").stat().st_size > 10000
    rows = list(csv.DictReader((tmp_path / "scan.csv").open()))
    assert sum(row["label_meV"] == "" for row in rows) == 27 and any(row["label_meV"] for row in rows)
    assert "In-phase tilt about z" in done.out and "Volume" in done.out
