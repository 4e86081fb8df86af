"""Splits and folds: reproducible by frame, without torn trajectories, in proportion."""

from collections import Counter
from dataclasses import replace

import ase.io
import builders
import numpy as np
import pytest

from anharmonic.data import Dataset, Frame
from anharmonic.data.split import divide_clusters
from anharmonic.data.trajectories import correlation, leaks, torn_trajectories
from anharmonic.errors import DatasetError
from anharmonic.fitting.config import FitConfig
from anharmonic.potential.library import library_folder


@pytest.fixture(scope="module")
def crystal():
    return builders.perovskite()


@pytest.fixture(scope="module")
def state(crystal):
    return builders.distorted(crystal, [2, 2, 1])


def frames_of(state, sizes, strata=(("a", "x"),), info=None):
    """Frames of trajectories with these sizes; strata in turn, the same for a whole trajectory."""
    found = []
    for number, size in enumerate(sizes):
        group, phase = strata[number % len(strata)]
        for step in range(size):
            source = f"run-{number}/vasprun.xml:{step}"
            found.append(Frame(state, -1.0, None, None, group, phase, source, dict(info or {}, temperature=number % 4)))
    return found


def test_splits_by_frame_stay_as_they_were():
    """The held-out errors of the first edition of the shipped potential are those of this very split."""
    config = FitConfig.read(library_folder() / "CsPbBr3" / "fit-first.toml")
    rest, test = config.dataset(config.reference()).split(0.8, 0)
    _, validation = rest.split(0.9, 1)
    held_out = "6 8 10 19 22 24 25 27 34 35 39 51 53 66 73 75 78 87 89 91 93 97 105 107 122 129 131 138 145 148 149 155"
    assert " ".join(str(frame.step) for frame in test) == held_out
    assert [frame.step for frame in validation] == [26, 32, 38, 41, 56, 59, 65, 88, 94, 95, 111, 137, 153]


def test_the_default_is_by_frame(crystal, state):
    data = Dataset(crystal, frames_of(state, [30, 30], [("a", "x"), ("b", "y")]))
    parts = data.split(0.8, 3)
    named = data.split(0.8, 3, split_by="frame")
    assert [[f.source for f in part] for part in parts] == [[f.source for f in part] for part in named]
    assert all(len({f.trajectory for f in part}) == 2 for part in parts)


@pytest.mark.parametrize("by", ["trajectory", "file", "temperature", "phase"])
def test_nothing_is_torn(crystal, state, by):
    data = Dataset(crystal, frames_of(state, [7, 1, 20, 3, 3, 12, 5, 9, 1, 14], [("a", "x"), ("a", "y"), ("b", "x")]))
    for seed in range(5):
        train, test = data.split(0.7, seed, by)
        assert len(train) + len(test) == len(data) and len(train) and len(test)
        names = [
            {f.info["temperature"] if by == "temperature" else getattr(f, by) for f in part} for part in (train, test)
        ]
        assert not names[0] & names[1]
        assert train.energy_offset == data.energy_offset
    again = data.split(0.7, 4, by)
    assert [f.source for f in again[1]] == [f.source for f in test]


def test_proportions_are_kept(crystal, state):
    random = np.random.default_rng(0)
    strata = [("a", "x"), ("a", "y"), ("b", "x")]
    data = Dataset(crystal, frames_of(state, random.integers(1, 12, 150), strata))
    _, test = data.split(0.8, 0, "trajectory")
    whole, part = (Counter((f.group, f.phase) for f in d) for d in (data, test))
    for stratum, count in whole.items():
        assert abs(part[stratum] - 0.2 * count) <= 2
    assert abs(len(test) - 0.2 * len(data)) <= 3
    others = [data.split(0.8, seed, "trajectory")[1] for seed in range(3)]
    assert len({tuple(f.source for f in d) for d in others}) == 3


def test_one_long_trajectory_goes_where_there_is_room(crystal, state):
    data = Dataset(crystal, frames_of(state, [80] + [1] * 20))
    for seed in range(4):
        train, test = data.split(0.8, seed, "trajectory")
        assert (len(train), len(test)) == (80, 20) and len({f.trajectory for f in train}) == 1


@pytest.mark.parametrize("by", ["frame", "trajectory"])
def test_folds(crystal, state, by):
    data = Dataset(crystal, frames_of(state, [5] * 20, [("a", "x"), ("a", "y")]))
    folds = data.folds(4, 1, by)
    held_out = [f.source for _, test in folds for f in test]
    assert sorted(held_out) == sorted(f.source for f in data)
    for train, test in folds:
        assert len(test) == 25 and len(train) == 75
        assert not {f.source for f in train} & {f.source for f in test}
        if by == "trajectory":
            assert not {f.trajectory for f in train} & {f.trajectory for f in test}
        assert abs(Counter(f.phase for f in test)["x"] - 12.5) <= 2.5


def test_refusals(crystal, state):
    data = Dataset(crystal, frames_of(state, [6], info={"tag": "md"}))
    with pytest.raises(DatasetError, match="6 frames with 1 different values of trajectory.*info are tag, temperature"):
        data.split(0.8, 0, "trajectory")
    with pytest.raises(DatasetError, match="found 'tga', which 6 of 6 frames lack .*info are tag, temperature"):
        data.split(0.8, 0, "tga")
    with pytest.raises(DatasetError, match="between 0 and 1"):
        data.split(1.0, 0, "temperature")
    with pytest.raises(DatasetError, match="at least 2 folds"):
        data.folds(1, 0)
    with pytest.raises(DatasetError, match="6 frames make no 7 parts"):
        data.folds(7, 0)
    with pytest.raises(DatasetError, match="cannot make 3 parts"):
        divide_clusters([0, 0], ["a", "b"], [0.3, 0.3, 0.4], 0)
    assert [len(test) for _, test in data.folds(6, 0)] == [1] * 6


def test_names_of_trajectories(crystal, state, tmp_path):
    frames = []
    for k in range(6):
        atoms = state.to_atoms()
        atoms.rattle(0.05, seed=k)
        atoms.info = {"run": f"r{k % 2}"} if k < 4 else {}
        frames.append(atoms)
    ase.io.write(tmp_path / "a.extxyz", frames)
    file = str(tmp_path / "a.extxyz")
    assert {f.trajectory for f in Dataset.read(file, crystal)} == {file}
    named = Dataset.read(file, crystal, trajectory_by="run")
    assert [f.trajectory for f in named] == ["r0", "r1", "r0", "r1", file, file]
    named.to_extxyz(tmp_path / "b.extxyz")
    assert [f.trajectory for f in Dataset.read(tmp_path / "b.extxyz", crystal)] == [f.trajectory for f in named]
    by_file = Dataset.read(tmp_path / "b.extxyz", crystal, trajectory_by="file")
    assert {f.trajectory for f in by_file} == {str(tmp_path / "b.extxyz")}
    with pytest.raises(DatasetError, match="no structure has the key 'rnu'.*keys of info are run"):
        Dataset.read(file, crystal, trajectory_by="rnu")


def test_files_of_one_name_stay_two_trajectories(crystal, state):
    one, other, same = (
        Dataset(crystal, [replace(f, sha256=digest) for f in frames_of(state, [3])])
        for digest in ("1" * 64, "2" * 64, "1" * 64)
    )
    named = Dataset(crystal, [replace(f, trajectory="md", sha256="2" * 64) for f in other])
    assert {f.trajectory for f in one + other} == {"run-0/vasprun.xml", "run-0/vasprun.xml (22222222)"}
    assert {f.trajectory for f in one + same} == {"run-0/vasprun.xml"}
    assert {f.trajectory for f in one + named} == {"run-0/vasprun.xml", "md"}


def moving(state, memory, n, seed=0):
    """Frames whose displacements follow u(t+1) = memory u(t) + noise."""
    random, frames = np.random.default_rng(seed), []
    u = random.normal(size=state.displacements.shape)
    for step in range(n):
        u = memory * u + np.sqrt(1 - memory**2) * random.normal(size=u.shape)
        frames.append(Frame(builders.changed(state, 0.1 * u), -1.0, None, None, "a", "x", f"md.xyz:{step}"))
    return frames


@pytest.mark.parametrize("memory", [0.0, 0.6, 0.95])
def test_correlation_of_a_known_process(state, memory):
    frames = moving(state, memory, 400)
    assert correlation(frames) == pytest.approx(memory, abs=0.03)
    assert correlation(frames[::-1]) == pytest.approx(correlation(frames))
    assert correlation(frames[::100]) is not None and correlation(frames[:3]) is None
    assert correlation([frames[0]] * 9) is None


def test_torn_trajectories_are_named(crystal, state):
    data = Dataset(crystal, moving(state, 0.95, 50))
    parts = dict(zip(("training", "test"), data.split(0.8, 0), strict=True))
    (torn,) = torn_trajectories(parts)
    assert torn.name == "md.xyz" and torn.counts == {"training": 40, "test": 10} and torn.correlation > 0.8
    (text,) = leaks(parts)
    assert "md.xyz" in text and "40 in training, 10 in test" in text and "split_by" in text
    assert leaks({"training": data, "test": Dataset(crystal, ())}) == ()
    independent = Dataset(crystal, moving(state, 0.0, 50))
    assert leaks(dict(zip(("training", "test"), independent.split(0.8, 0), strict=True))) == ()
