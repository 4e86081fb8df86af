"""Data sets: mapping, groups and phases, splits, requirements, batches, files."""

import ase.io
import numpy as np
import pytest

from anharmonic.conventions import GPA
from anharmonic.data import Dataset
from anharmonic.errors import DatasetError

C20 = [[1, -1, 0], [1, 1, 0], [0, 0, 2]]


@pytest.fixture
def cspbbr3(perovskite):
    return perovskite("Cs", "Pb", "Br", 5.868)


@pytest.fixture
def mixed(labelled, tmp_path, cspbbr3):
    """Two supercells, two phases, some labels missing."""
    frames = labelled(8) + labelled(4, C20, seed=3) + labelled(2, forces=False, seed=7)
    for index, atoms in enumerate(frames):
        atoms.info = {"phase": "hot" if index % 4 == 0 else "cold"}
    ase.io.write(tmp_path / "mixed.extxyz", frames)
    return Dataset.read(tmp_path / "mixed.extxyz", cspbbr3)


def assert_same(one, other, precision=2e-8):
    assert len(one) == len(other)
    for a, b in zip(one, other, strict=True):
        assert (a.group, a.phase, a.energy, a.missing) == (b.group, b.phase, b.energy, b.missing)
        assert np.array_equal(a.configuration.supercell.matrix, b.configuration.supercell.matrix)
        np.testing.assert_allclose(a.configuration.deformation, b.configuration.deformation, atol=1e-12)
        np.testing.assert_allclose(a.configuration.displacements, b.configuration.displacements, atol=precision)
        for name in {"forces", "stress"} - set(a.missing):
            np.testing.assert_allclose(getattr(a, name), getattr(b, name), atol=precision)


def test_cspbbr3_labels(shared, cspbbr3, tmp_path):
    data = Dataset.read(shared("cspbbr3_pbesol/labels.extxyz"), cspbbr3)
    assert len(data) == 47 and not data.refusals and data.groups == ["c20"]
    assert {frame.phase for frame in data} == {f"md-c20-T{t}" for t in (40, 150, 300, 450, 600)}
    forces = np.concatenate([frame.forces.ravel() for frame in data])
    assert forces.std() == pytest.approx(0.227, abs=0.005)
    for frame in data:
        assert (frame.n_atoms, frame.n_cells) == (20, 4)
        assert np.abs(frame.forces.mean(axis=(0, 2))).max() < 5e-4  # eV/A; 0.28 meV/A is the largest in the labels
    data.to_extxyz(tmp_path / "again.extxyz")
    again = Dataset.read(tmp_path / "again.extxyz", cspbbr3)
    assert_same(data, again)
    assert again.frames[3].info["kpts"] == "2x2x2" and again.frames[3].info["index"] == data.frames[3].info["index"]
    assert again.frames[3].info["origin"] == data.frames[3].source


def test_forces_follow_their_atoms(labelled, cspbbr3, tmp_path):
    frames = labelled(2, C20)
    ase.io.write(tmp_path / "a.extxyz", frames)
    for atoms, frame in zip(frames, Dataset.read(tmp_path / "a.extxyz", cspbbr3), strict=True):
        back = frame.to_atoms()
        assert (back.symbols == atoms.symbols).all()
        np.testing.assert_allclose(back.calc.results["forces"], atoms.calc.results["forces"], atol=1e-8)
        np.testing.assert_allclose(back.calc.results["stress"], atoms.calc.results["stress"], atol=1e-12)
        np.testing.assert_allclose(back.cell[:], atoms.cell[:], atol=1e-8)
        steps = np.linalg.solve(back.cell[:].T, (back.positions - atoms.positions).T).T
        np.testing.assert_allclose(steps - steps[0], np.round(steps - steps[0]), atol=1e-7)


def test_cspbi3_takes_perovskites_and_refuses_delta(shared, perovskite):
    data = Dataset.read(shared("cspbi3_dft/train.xyz"), perovskite("Cs", "Pb", "I", 6.25), max_displacement=2.5)
    assert len(data) + len(data.refusals) == 214
    assert not any("delta" in frame.phase for frame in data)
    # Of the 170 that config_type calls perovskite, two strained cells have lost their octahedra (I with one or
    # three Pb neighbours, Pb with five to eight I): frames 172 and 173.
    assert len(data) == 168
    assert {172, 173} <= {int(refusal.source.rsplit(":")[-1]) for refusal in data.refusals}
    assert all(refusal.reason for refusal in data.refusals)
    assert {frame.n_cells for frame in data} == {8, 32}
    for batch in data.batches():
        assert np.abs(batch.energy).max() < 10
        exact = batch.energy + len(batch.displacements[0, 0, 0]) * np.array(
            [data.energy_offset[data.groups[g]] for g in batch.group_index]
        )
        absolute = [data.frames[i].energy for i in batch.indices]
        np.testing.assert_allclose(exact, absolute, atol=1e-8, rtol=0)
        np.testing.assert_allclose(batch.energy.astype(np.float32), batch.energy, atol=1e-6)


def test_srtio3(shared, perovskite):
    data = Dataset.read(shared("srtio3_dft/train.extxyz"), perovskite("Sr", "Ti", "O", 3.94))
    assert len(data) == 270 and not data.refusals and data.groups == ["2x2x2"]
    (batch,) = data.batches()
    assert len(batch) == 270 and batch.displacements.shape == (270, 5, 3, 8)
    assert np.abs(np.linalg.eigvalsh(batch.stress)).max() / GPA == pytest.approx(28, abs=1)


def test_groups_phases_and_missing_labels(mixed):
    assert len(mixed) == 14 and not mixed.refusals
    assert {frame.group for frame in mixed.frames[:8]} == {"2x2x1"}
    assert len(mixed.groups) == 2
    assert [frame.missing for frame in mixed.frames[11:]] == [(), ("forces",), ("forces",)]
    table = mixed.report()
    assert "14 frames, 0 refused" in table and table.count("forces in 1") == 2
    assert all(len(line) < 160 for line in table.splitlines())


def test_options_for_group_and_phase(labelled, cspbbr3, tmp_path):
    frames = labelled(2)
    frames[0].info, frames[1].info = {"family": 7, "tag": "x"}, {"config_type": "y", "tag": "z"}
    ase.io.write(tmp_path / "a.extxyz", frames)
    data = Dataset.read([tmp_path / "a.extxyz"], cspbbr3, group_by="family")
    assert [frame.group for frame in data] == ["7", "2x2x1"] and [frame.phase for frame in data] == ["x", "y"]
    data = Dataset.read(tmp_path / "a.extxyz", cspbbr3, phase_by="config_type")
    assert [frame.phase for frame in data] == ["unlabelled", "y"]
    data.to_extxyz(tmp_path / "b.extxyz")
    assert [frame.phase for frame in Dataset.read(tmp_path / "b.extxyz", cspbbr3)] == ["x", "y"]


def test_symmetry_equivalent_supercells_share_a_group(labelled, cspbbr3, tmp_path):
    turned = [[2, 0, 0], [0, 1, 1], [0, 1, -1]]
    ase.io.write(tmp_path / "a.extxyz", labelled(2, C20) + labelled(2, turned) + labelled(1, (1, 2, 2)))
    data = Dataset.read(tmp_path / "a.extxyz", cspbbr3)
    assert len({frame.group for frame in data.frames[:4]}) == 1 and data.frames[4].group == "2x2x1"


@pytest.mark.parametrize("fraction", [0.05, 0.3, 0.5, 0.8, 0.99])
def test_split(mixed, fraction):
    train, rest = mixed.split(fraction, seed=3)
    assert len(train) == min(max(round(14 * fraction), 1), 13) and len(rest) == 14 - len(train)
    sources = [frame.source for frame in train] + [frame.source for frame in rest]
    assert sorted(sources) == sorted(frame.source for frame in mixed)
    assert train.energy_offset == rest.energy_offset == mixed.energy_offset and train.groups == mixed.groups
    again, _ = mixed.split(fraction, seed=3)
    assert [f.source for f in again] == [f.source for f in train]
    strata = {(f.group, f.phase) for f in mixed}
    for stratum in strata:
        total = sum((f.group, f.phase) == stratum for f in mixed)
        assert abs(sum((f.group, f.phase) == stratum for f in train) - fraction * total) <= 1


def test_split_depends_on_the_seed_and_refuses_nonsense(mixed):
    parts = {tuple(f.source for f in mixed.split(0.5, seed)[0]) for seed in range(6)}
    assert len(parts) > 1
    for fraction in (0, 1, 1.5, -0.1):
        with pytest.raises(DatasetError, match="fraction"):
            mixed.split(fraction, 0)
    with pytest.raises(DatasetError, match="at least 2"):
        mixed.subset([0]).split(0.5, 0)


def test_require_names_the_frames(mixed):
    mixed.require(energy=True, stress=True)
    with pytest.raises(DatasetError, match=r"2 of 14 frames have no forces, which is asked for: .*mixed.extxyz:12"):
        mixed.require(energy=True, forces=True)
    mixed.subset(range(12)).require(energy=True, forces=True, stress=True)
    with pytest.raises(DatasetError, match="empty"):
        mixed.subset([]).require(forces=True)


def test_data_set_without_forces(labelled, cspbbr3, tmp_path):
    ase.io.write(tmp_path / "a.extxyz", labelled(3, forces=False))
    data = Dataset.read(tmp_path / "a.extxyz", cspbbr3)
    with pytest.raises(DatasetError, match="3 of 3 frames have no forces"):
        data.require(forces=True)
    (batch,) = data.batches()
    assert not batch.has_forces.any() and not batch.forces.any() and batch.has_energy.all()


def test_batches(mixed):
    batches = mixed.batches()
    assert sorted(len(batch) for batch in batches) == [4, 10]
    assert sorted(np.concatenate([batch.indices for batch in batches])) == list(range(14))
    for batch in batches:
        assert batch.displacements.shape == batch.forces.shape == (len(batch), 5, 3, 4)
        assert batch.deformation.shape == batch.stress.shape == (len(batch), 3, 3)
        for position, index in enumerate(batch.indices):
            frame = mixed.frames[index]
            assert mixed.groups[batch.group_index[position]] == frame.group
            assert batch.phases[position] == frame.phase
            assert batch.has_forces[position] == (frame.forces is not None)
            relative = frame.energy - frame.n_cells * mixed.energy_offset[frame.group]
            assert batch.energy[position] == relative
    assert sum(batch.energy.sum() for batch in batches) == pytest.approx(0, abs=1e-9)


def test_joining(mixed, perovskite):
    halves = mixed.subset(range(7)) + mixed.subset(range(7, 14))
    assert_same(mixed, halves)
    assert halves.energy_offset == pytest.approx(mixed.energy_offset)
    with pytest.raises(DatasetError, match="different reference crystals"):
        mixed + Dataset(perovskite("Sr", "Ti", "O", 3.9), ())


def test_stress_offset_is_subtracted_once(labelled, cspbbr3, tmp_path):
    ase.io.write(tmp_path / "a.extxyz", labelled(2))
    plain = Dataset.read(tmp_path / "a.extxyz", cspbbr3)
    shifted = Dataset.read(tmp_path / "a.extxyz", cspbbr3, stress_offset=0.5 * GPA)
    np.testing.assert_allclose(plain.frames[0].stress - shifted.frames[0].stress, 0.5 * GPA * np.eye(3), atol=1e-15)
    shifted.to_extxyz(tmp_path / "b.extxyz")
    assert_same(shifted, Dataset.read(tmp_path / "b.extxyz", cspbbr3))
    with pytest.raises(DatasetError, match="already"):
        Dataset.read(tmp_path / "b.extxyz", cspbbr3, stress_offset=0.5 * GPA)


def test_what_does_not_map_is_refused_with_a_reason(labelled, cspbbr3, perovskite, tmp_path):
    frames = labelled(3)
    frames[1].symbols[0] = "Rb"
    ase.io.write(tmp_path / "a.extxyz", frames)
    data = Dataset.read(tmp_path, cspbbr3)
    assert len(data) == 2 and data.refusals[0].source.endswith("a.extxyz:1")
    assert "refused:" in data.report() and data.refusals[0].reason in data.report()
    with pytest.raises(DatasetError, match=r"gives no frame that fits .*3 refusals: .*a.extxyz:0"):
        Dataset.read(tmp_path / "a.extxyz", perovskite("Sr", "Ti", "O", 3.9))
    with pytest.raises(DatasetError, match="no file or folder"):
        Dataset.read([tmp_path / "a.extxyz", tmp_path / "b.extxyz"], cspbbr3)


def test_damaged_outputs_end_in_one_message(shared, cspbbr3):
    with pytest.raises(DatasetError, match="gives no frame that fits"):
        Dataset.read(shared("vasp_outputs/damaged"), cspbbr3)


def test_progress_bar(labelled, cspbbr3, tmp_path, capsys):
    ase.io.write(tmp_path / "a.extxyz", labelled(2))
    Dataset.read(tmp_path / "a.extxyz", cspbbr3, progress=True)
    assert "mapping" in capsys.readouterr().out
    Dataset.read(tmp_path / "a.extxyz", cspbbr3)
    assert capsys.readouterr().out == ""
