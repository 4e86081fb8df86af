"""The states furthest outside the fitted data: found, kept, written, resumed; none where there are none."""

from dataclasses import replace

import ase.io
import builders
import numpy as np
import pytest

import anharmonic as ah
from anharmonic.crystal import Configuration, Supercell
from anharmonic.errors import ExtrapolationError
from anharmonic.evaluation import Evaluator
from anharmonic.sampling import outliers as kept
from anharmonic.sampling.outliers import Outliers
from anharmonic.stopping import Stopped
from anharmonic.sweep.simulation import simulate
from anharmonic.sweep.start import start_at_rest

HOT = {"temperatures": (1500.0,), "ensemble": "nvt", "equilibration": 200, "production": 2000, "seed": 4}
FEW = 4


@pytest.fixture(autouse=True)
def few(monkeypatch):
    """So that the shelf is full soon."""
    monkeypatch.setattr(kept, "MOST", FEW)


def run(springs, path, **options):
    start = start_at_rest(springs, [2, 2, 2], "reference")
    return simulate(springs, start, path, **(HOT | options))


def read(path):
    return ase.io.read(path.with_name("extrapolating.extxyz"), ":")


@pytest.fixture(scope="module")
def hot(springs, tmp_path_factory):
    """A hot run of 11 chunks, with its folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kept, "MOST", FEW)
        path = tmp_path_factory.mktemp("hot") / "run.h5"
        return run(springs, path), path


def test_structures_are_written(springs, hot):
    """As many as allowed, the most extreme first; what the file says of them is what the potential says."""
    result, path = hot
    frames = read(path)
    grades = [atoms.info["extrapolation"] for atoms in frames]
    assert len(frames) == FEW and grades == sorted(grades, reverse=True) and grades[-1] > 1
    samples = result.samples["extrapolation"]
    assert grades[0] == pytest.approx(samples[9::10].max(), rel=1e-5)
    for atoms in frames:
        again = springs.evaluate(ah.map_atoms(springs.crystal, atoms))["extrapolation"]
        assert again == pytest.approx(atoms.info["extrapolation"], rel=1e-3)
        assert atoms.arrays["extrapolation"].max() == pytest.approx(again, abs=2e-3 * again)
        assert atoms.info["step"] % 200 == 0 and atoms.info["temperature"] == 1500
    point = result.summary["points"][0]
    assert point["samples_outside"] > 0.5 and 0 < point["sites_outside"] < 1
    assert any("outside the fitted data: 1500 K" in warning for warning in result.summary["warnings"])


def test_a_calm_run_keeps_none(springs, tmp_path):
    result = run(springs, tmp_path / "run.h5", temperatures=(30.0,), production=400)
    assert not (tmp_path / "extrapolating.extxyz").exists()
    assert result.summary["points"][0]["samples_outside"] == 0


def test_resumed_run_keeps_the_same(springs, hot, tmp_path):
    """Killed after any chunk and gone on with."""
    chunks = []

    def signal():
        return 15 if len(chunks) in (3, 7) else None

    for _ in range(2):
        with pytest.raises(Stopped):
            run(springs, tmp_path / "run.h5", on_chunk=lambda progress, plan: chunks.append(progress.step), stop=signal)
        assert len(read(tmp_path / "run.h5")) <= FEW
    run(springs, tmp_path / "run.h5")
    one, other = (path.with_name("extrapolating.extxyz").read_bytes() for path in (hot[1], tmp_path / "run.h5"))
    assert one == other


def test_a_run_that_is_stopped_saves_what_stopped_it(springs, hot, tmp_path):
    """The state beyond the limit is in the file, also from the middle of a chunk; once, however often it is tried."""
    limit = float(np.sort(hot[0].samples["extrapolation"])[-2])
    for _ in range(2):
        with pytest.raises(ExtrapolationError, match="is above .* at step"):
            run(springs, tmp_path / "run.h5", max_extrapolation=limit)
        grades = [atoms.info["extrapolation"] for atoms in read(tmp_path / "run.h5")]
        assert max(grades) > limit and sum(g > limit for g in grades) == 1


def one(grade, place, step=0):
    """A state with a signature at a place of a line."""
    shape = np.zeros((1, 1, 3, 1)), np.eye(3)[None], np.array([step]), np.array([300.0])
    return Outliers(*shape, np.array([grade]), np.array([grade]), np.array([[float(place)]]))


def test_extreme_and_diverse():
    """Of the two most alike the less extreme goes; the most extreme always stays; the same state is kept once."""
    known = one(2.0, 0.0)
    for grade, place in ((3.0, 1.0), (1.6, 10.0), (1.7, 20.0), (2.5, 0.1), (2.4, 0.9), (9.0, 0.95), (1.55, 30.0)):
        known = known.with_one_more(one(grade, place))
    assert len(known) == FEW and known.grade.max() == 9.0
    assert sorted(known.signature[:, 0]) == [0.95, 10.0, 20.0, 30.0]
    assert known.with_one_more(one(9.0, 0.95)) is known


def test_memory_is_bounded(monkeypatch):
    monkeypatch.setattr(kept, "MOST_BYTES", 2 * one(2.0, 0.0).n_bytes)
    known = one(2.0, 0.0)
    for k in range(1, 9):
        known = known.with_one_more(one(2.0 + k, 10.0 * k**2))
    assert len(known) == 2
    monkeypatch.setattr(kept, "MOST_BYTES", 1)
    assert len(known.with_one_more(one(20.0, 1e6))) == 2


def test_replicas(springs):
    """Each replica that is far outside is kept, with its own temperature."""
    cells = Supercell.from_matrix([2, 2, 2])
    states = [builders.distorted(springs.crystal, [2, 2, 2], 7, 0.005, d) for d in (0.02, 0.25, 0.2)]
    model = Evaluator.create(springs, cells)
    u = np.stack([s.displacements for s in states]).astype("float32")
    f = np.stack([s.deformation for s in states]).astype("float32")
    state = Configuration(springs.crystal, cells, f, u, states[0].order)
    found = kept.with_outliers(None, model, state, 40, np.array([100.0, 200.0, 300.0]))
    assert found.temperature.tolist() == [200.0, 300.0] and found.step.tolist() == [40, 40]
    assert found.grade[0] > found.grade[1] > 1.5
    none = replace(springs, domain=None)
    assert kept.with_outliers(None, Evaluator.create(none, cells), state, 40, 300.0) is None
