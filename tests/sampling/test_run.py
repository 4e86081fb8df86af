"""The run loop and the run file: resumed equals uninterrupted, ramps, and what does not belong is refused."""

import errno
import itertools
import os
import re
import shutil
import signal
import subprocess
import sys
import tracemalloc
from dataclasses import replace
from pathlib import Path

import equinox as eqx
import h5py
import jax
import numpy as np
import pytest

from anharmonic.analysis import TiltModes
from anharmonic.crystal import Configuration, Supercell
from anharmonic.errors import ExtrapolationError, RunFileError
from anharmonic.evaluation import Evaluator
from anharmonic.sampling import MolecularDynamics, MonteCarlo, Observer, Piston, Run, Sampling, Stage, strain_modes
from anharmonic.sampling.guards import fault
from anharmonic.sampling.monte_carlo import HybridMoves, ModeMoves, SequentialMoves, SiteMoves, StrainMoves
from anharmonic.sampling.run import Progress
from anharmonic.sampling.runfile import RunFile, read_samples
from anharmonic.sampling.series import Series
from anharmonic.stopping import Stopped

SUPERCELL = Supercell.from_matrix([2, 2, 2])
TENSION = np.diag([1e-3, -1e-3, 0.0])
STAGES = (
    Stage(150.0, 0.001, label="heating", equilibration=1, production=2),
    Stage(300.0, 0.001, TENSION, (400.0, 0.0, -TENSION), "heating", 2, 1),
)
OPTIONS = {"supercell": (2, 2, 2), "temperatures": (150.0, 300.0), "timestep": 5.0, "potential": "springs 0123"}


def make_run(springs, method):
    """Two temperatures, three chunks each."""
    modes = strain_modes("full")
    if method == "md":
        sampler = MolecularDynamics.create(springs.crystal, SUPERCELL, modes, barostat=Piston(200.0))
    else:
        sampler = MonteCarlo.create(springs, SUPERCELL, modes)
    observer = Observer(np.random.default_rng(3).normal(size=(6, 5, 3, 8)).astype("float32"))
    model = Evaluator.create(springs, SUPERCELL)
    return Run(sampler, model, observer, STAGES, Sampling(3, 4), seed=5, snapshots=24)


def begin(run):
    return run.start(np.zeros((5, 3, 8)), np.eye(3))


@pytest.fixture(scope="module", params=["md", "mc"])
def finished(request, springs, tmp_path_factory):
    """A run, its end, and copies of its file after every chunk."""
    run, folder = make_run(springs, request.param), tmp_path_factory.mktemp("run")
    progress, file = begin(run), RunFile(folder / "run.h5", OPTIONS)

    def save(progress):
        file.save(progress, run.is_finished(progress))
        shutil.copy(file.path, folder / f"{len(progress.samples) // 4}.h5")

    run.go(progress, on_chunk=save)
    return run, progress, folder


def assert_equal(one, other):
    """Bit for bit: state, samples, counters."""
    for a, b in zip(jax.tree.leaves(one.state), jax.tree.leaves(other.state), strict=True):
        assert np.asarray(a).dtype == np.asarray(b).dtype
        np.testing.assert_array_equal(a, b)
    for left, right in ((one.columns(), other.columns()), (one.snapshots.columns(), other.snapshots.columns())):
        assert left.keys() == right.keys()
        for name in left:
            assert left[name].dtype == right[name].dtype
            np.testing.assert_array_equal(left[name], right[name])
    assert (one.step, one.stage, one.chunk) == (other.step, other.stage, other.chunk)


@pytest.mark.parametrize("chunk", [1, 2, 3, 4, 5, 6])
def test_resumed_equals_uninterrupted(finished, chunk):
    """From a checkpoint after any chunk: within equilibration, at its end, between temperatures, at the very end."""
    run, progress, folder = finished
    resumed = RunFile(folder / f"{chunk}.h5", OPTIONS).load()
    assert resumed.step == chunk * 12
    assert len(resumed.columns()["energy"]) == chunk * 4 and len(resumed.snapshots) == chunk // 2
    run.go(resumed)
    assert_equal(progress, resumed)
    assert resumed.notes == []


def test_samples(finished):
    """What is recorded: marked by stage, finite, and different at every sample."""
    run, progress, folder = finished
    samples = progress.columns()
    np.testing.assert_array_equal(samples["stage"], np.repeat([0, 1], 12))
    np.testing.assert_array_equal(samples["production"], np.repeat([False, True, False, True], [4, 8, 8, 4]))
    assert samples["deformation"].shape == (24, 3, 3)
    assert samples["projections"].shape == (24, 6)
    assert len(np.unique(samples["energy"])) == 24
    assert all(np.isfinite(x).all() for x in samples.values())
    assert (samples["extrapolation"] > 0).all()
    steps = np.clip(3 * np.arange(1, 25) - 60, 0, 12)
    ramp = np.where(np.arange(24) < 12, 150, 300 + 100 * steps / 12)
    np.testing.assert_allclose(samples["temperature"], ramp, rtol=1e-6)
    np.testing.assert_allclose(samples["tension"][-1], -TENSION)
    np.testing.assert_allclose(samples["pressure"][[0, 19, 23]], [0.001, 0.001, 0.0], atol=1e-9)
    last = np.tensordot(run.observer.projections, progress.state.displacements, 3)
    np.testing.assert_allclose(samples["projections"][-1], last, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(progress.snapshots.read("step"), [24, 48, 72])
    np.testing.assert_array_equal(progress.snapshots.read("displacements")[-1], progress.state.displacements)
    np.testing.assert_array_equal(progress.snapshots.read("energy"), samples["energy"][7::8])
    options, stored = read_samples(folder / "6.h5")
    assert options["temperatures"] == [150.0, 300.0]
    np.testing.assert_array_equal(stored["energy"], samples["energy"])


class Dice(eqx.Module):
    """A sampler that only throws its keys."""

    def init(self, key, displacements, deformation, conditions, model):
        return DiceState(displacements, deformation, jax.random.uniform(key))

    def step(self, key, state, conditions, model):
        return DiceState(state.displacements, state.deformation, jax.random.uniform(key))

    def observe(self, state, conditions, model):
        return {"thrown": state.thrown, "at": conditions.temperature}


class DiceState(eqx.Module):
    displacements: jax.Array
    deformation: jax.Array
    thrown: jax.Array


def test_keys_and_conditions_of_steps(springs):
    """Step n has the run's key with n folded in, whatever the chunk or the temperature; no number comes twice."""
    run = replace(make_run(springs, "md"), sampler=Dice(), sampling=Sampling(1, 4), snapshots=0)
    progress = begin(run)
    run.go(progress)
    samples, key = progress.columns(), jax.random.key(5)
    expected = [jax.random.uniform(jax.random.fold_in(key, n)) for n in range(1, 25)]
    np.testing.assert_array_equal(samples["thrown"], np.array(expected))
    assert len(np.unique(samples["thrown"])) == 24
    ramp = np.repeat([150.0, 300.0], [12, 8]), [325, 350, 375, 400]
    np.testing.assert_allclose(samples["at"], np.concatenate(ramp), rtol=1e-6)


def test_seeds_differ_and_repeat(finished, springs):
    run, progress, _ = finished
    for seed, equal in ((5, True), (6, False)):
        again = replace(run, seed=seed)
        other = begin(again)
        again.go(other)
        assert np.array_equal(progress.columns()["energy"], other.columns()["energy"]) == equal


def test_widths_adapt_in_equilibration_only(springs):
    run = make_run(springs, "mc")
    progress, widths = begin(run), []
    run.go(progress, on_chunk=lambda p: widths.append(p.state.widths))
    changed = [[not np.array_equal(*pair) for pair in zip(a, b, strict=True)] for a, b in itertools.pairwise(widths)]
    assert changed == [[adapting] * 2 for adapting in (False, False, True, True, False)]


@pytest.mark.slow
def test_every_move_resumes(springs, tmp_path):
    """A step of all moves of Monte Carlo, stopped in the equilibration and in the production."""
    modes, tilts = strain_modes("full"), TiltModes.of_crystal(springs.crystal).patterns(SUPERCELL)
    cell = springs.crystal, SUPERCELL
    moves = (
        SiteMoves.create(springs, SUPERCELL),
        SequentialMoves(),
        StrainMoves.create(*cell, modes),
        ModeMoves.create(*cell, tilts, modes),
        HybridMoves.create(*cell, modes),
    )
    run = make_run(springs, "mc")
    run = replace(run, sampler=MonteCarlo.create(springs, SUPERCELL, modes, moves))
    expected, progress, run_file = begin(run), begin(run), RunFile(tmp_path / "run.h5", OPTIONS)
    run.go(expected)
    for _ in range(5):
        with pytest.raises(Stopped):
            run.go(progress, run_file.save, stop=lambda: signal.SIGTERM)
        progress = run_file.load()
    run.go(progress)
    assert_equal(expected, progress)


@pytest.fixture
def file(finished, tmp_path):
    """A copy of a checkpoint, to be damaged."""
    return Path(shutil.copy(finished[2] / "3.h5", tmp_path / "run.h5"))


def test_no_file_is_a_new_run(tmp_path):
    assert RunFile(tmp_path / "none.h5", OPTIONS).load() is None


def test_other_options_are_listed(file):
    other = OPTIONS | {"timestep": 2.0, "supercell": (4, 4, 4), "friction": 0.1}
    with pytest.raises(RunFileError) as caught:
        RunFile(file, other).load()
    message = str(caught.value)
    assert "run.h5 belongs to a run with other options" in message
    assert "timestep: file has 5.0, asked for 2.0" in message
    assert "supercell: file has [2, 2, 2], asked for [4, 4, 4]" in message
    assert "friction: file has None, asked for 0.1" in message
    assert "temperatures" not in message and "potential" not in message


@pytest.mark.parametrize("share", [0.0, 0.2, 0.6, 0.98])
def test_truncated(file, share):
    content = file.read_bytes()
    file.write_bytes(content[: int(share * len(content))])
    with pytest.raises(RunFileError, match="damaged and cannot be continued|no run file"):
        RunFile(file, OPTIONS).load()


def drop_state(file):
    del file["state"]


def drop_field(file):
    del file["state/displacements"]


def edit_sample(file):
    values = file["samples/energy"][()]
    values[3] = np.nextafter(values[3], np.float32(np.inf))
    file["samples/energy"][...] = values


def edit_state(file):
    values = file["state/displacements"][()]
    values.flat[7] += 1e-6
    file["state/displacements"][...] = values


def edit_counter(file):
    file.attrs["step"] += 1


def lose_a_row(file):
    file["samples/energy"].resize(11, axis=0)


def edit_snapshot(file):
    file["snapshots/displacements"][0, 0, 0, 0] += 1


def edit_notes(file):
    file.attrs["notes"] = '["none"]'


def break_options(file):
    file.attrs["options"] = file.attrs["options"][:-5]


DAMAGES = [drop_state, drop_field, edit_sample, lose_a_row, edit_snapshot, edit_notes, edit_state, edit_counter]


@pytest.mark.parametrize("damage", [*DAMAGES, break_options])
def test_damaged(file, damage):
    with h5py.File(file, "a") as node:
        damage(node)
    with pytest.raises(RunFileError, match="run.h5 is damaged and cannot be continued.*move it away"):
        RunFile(file, OPTIONS).load()


def test_other_files(tmp_path, springs):
    springs.save(tmp_path / "potential.h5")
    with pytest.raises(RunFileError, match="is no run file of version 3"):
        RunFile(tmp_path / "potential.h5", OPTIONS).load()


def test_failure_to_save_leaves_the_old_checkpoint(finished, file, monkeypatch):
    run_file = RunFile(file, OPTIONS)
    progress, before = run_file.load(), file.read_bytes()
    monkeypatch.setattr("os.fsync", lambda number: (_ for _ in ()).throw(OSError(errno.ENOSPC, "no room")))
    message = "cannot write a checkpoint.*No space left on device. The file holds the one at step 36; make room"
    with pytest.raises(RunFileError, match=message):
        finished[0].go(progress, run_file.save)
    assert file.read_bytes() == before
    assert [p.name for p in file.parent.iterdir()] == ["run.h5"]


def test_what_is_not_read_back_is_not_kept(file, monkeypatch):
    """A disk that loses what was written to it is noticed before the old checkpoint is replaced."""
    run_file = RunFile(file, OPTIONS)
    progress, before = run_file.load(), file.read_bytes()
    progress.samples.append({name: progress.samples.read(name, 8, 12) for name in progress.samples.names})
    monkeypatch.setattr(Series, "write", lambda self, node: None)
    with pytest.raises(RunFileError, match="what was written is not what is read back"):
        run_file.save(progress)
    assert file.read_bytes() == before


def test_two_processes_on_one_file_are_noticed(finished, file):
    mine, other = RunFile(file, OPTIONS), RunFile(file, OPTIONS)
    progress = mine.load()
    finished[0].go(other.load(), other.save)
    with pytest.raises(RunFileError, match="another process continues"):
        mine.save(progress)


def test_leftovers_of_killed_processes_are_removed(file):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    for number in (dead.pid, os.getpid()):
        file.with_name(f".run.h5.{number}.part").touch()
    RunFile(file, OPTIONS).load()
    assert sorted(p.name for p in file.parent.iterdir()) == [f".run.h5.{os.getpid()}.part", "run.h5"]


def test_the_file_does_not_grow_but_by_its_rows(finished, tmp_path):
    """A hundred checkpoints: rows, one state, and little else."""
    progress, file = finished[1], RunFile(tmp_path / "run.h5", OPTIONS)
    fresh, rows = Progress(progress.state), {n: progress.samples.read(n, 0, 4) for n in progress.samples.names}
    sizes = []
    for _ in range(100):
        fresh.samples.append(rows)
        fresh.step += 12
        file.save(fresh)
        sizes.append(file.path.stat().st_size)
    n_bytes = sum(v.nbytes for v in rows.values())
    assert sizes[-1] - sizes[19] < 1.3 * 80 * n_bytes + 65536 * len(rows)
    assert RunFile(file.path, OPTIONS).load().columns()["energy"].shape == (400,)


def test_another_arithmetic_is_noted(finished, file):
    """A process that computes the last sample otherwise goes on, with a warning that stays in the file."""
    run_file = RunFile(file, OPTIONS)
    progress = run_file.load()
    bent = replace(finished[0], observer=Observer(finished[0].observer.projections * np.float32(1 + 1e-6)))
    with pytest.warns(UserWarning, match="bit for bit.*from step 36 on"):
        bent.go(progress, run_file.save)
    assert "from step 36 on" in RunFile(file, OPTIONS).load().notes[0]


def make_wild(springs, **changes):
    """A run that is heated until it bursts."""
    run = make_run(springs, "md")
    wild = replace(run.sampler, timestep=np.float32(20.0))
    stages = (Stage(100.0, end=(5e5, 0.0, None), equilibration=2, production=40),)
    return replace(run, sampler=wild, stages=stages, snapshots=0, **changes)


def test_what_is_no_crystal():
    """Numbers that are not finite, and volumes far from the reference's, are named with the first bad sample."""
    good = {"energy": np.zeros(4), "deformation": np.tile(np.eye(3), (4, 1, 1))}
    assert fault(good, ()) is None
    assert fault(good | {"energy": np.array([0, 1, np.nan, 0])}, ()) == (2, "energy is not finite")
    large = good["deformation"] * np.array([1, 9, 11, 1])[:, None, None]
    where, what = fault(good | {"deformation": large}, ())
    assert where == 2 and what == "the volume is 1.3e+03 times that of the reference: the crystal came apart"
    replicas = np.stack([good["deformation"], 11 * good["deformation"]], axis=1)
    assert fault(good | {"deformation": replicas}, ())[0] == 0


def test_runs_that_break(springs, tmp_path):
    """Reported with the step, which lies between samples, and an atom; nothing of it is written to a checkpoint."""
    structure = Configuration.reference(springs.crystal, SUPERCELL)
    run, file = make_wild(springs, structure=structure), RunFile(tmp_path / "run.h5", OPTIONS)
    progress = begin(run)
    with pytest.raises(RunFileError) as caught:
        run.go(progress, file.save)
    message = str(caught.value)
    where = r"atom \d+ \((Cs|Pb|Br), site \d of cell [01] [01] [01]\)"
    pattern = rf"(?:is not finite|the crystal came apart) at step (\d+) \(100 to 500000 K\), .*{where}"
    step = int(re.search(pattern, message)[1])
    assert "time step is too long" in message
    kept = RunFile(tmp_path / "run.h5", OPTIONS).load()
    assert f"The last good checkpoint is at step {kept.step}" in message and kept.step < step <= kept.step + 12
    assert all(np.isfinite(v).all() for v in kept.columns().values())
    single = replace(run, sampling=Sampling(1, 1), stages=(replace(run.stages[0], equilibration=24, production=480),))
    again = begin(single)
    with pytest.raises(RunFileError, match=rf"(is not finite|came apart) at step {step} "):
        single.go(again)
    assert again.step == step - 1


def test_extrapolation(springs):
    """The step and atoms are those of the first state beyond the limit; none below it."""
    stages = (Stage(4000.0, equilibration=0, production=8),)
    run = replace(make_run(springs, "md"), snapshots=0, sampling=Sampling(1, 6), stages=stages)
    free = begin(run)
    run.go(free)
    grades = free.columns()["extrapolation"]
    looked_at = grades[5::6]
    limit = float(np.sort(looked_at)[-2])
    chunk = grades[6 * np.argmax(looked_at) :][:6]
    first = int(6 * np.argmax(looked_at) + np.argmax(chunk > limit)) + 1
    strict = replace(run, max_extrapolation=limit, sampling=Sampling(6, 1))
    progress = begin(strict)
    with pytest.raises(ExtrapolationError, match=rf"is above {limit:g} at step {first} .*site \d of cell \d") as caught:
        strict.go(progress)
    assert "Nothing was saved: the run has no file" in str(caught.value)
    loose = replace(strict, max_extrapolation=float(looked_at.max()))
    done = begin(loose)
    loose.go(done)
    assert done.step == 48


def test_stop(finished, springs, tmp_path):
    """Asked to stop, the chunk is finished and a checkpoint written; what follows is as if nothing had happened."""
    run, expected, _ = finished
    file, asked = RunFile(tmp_path / "run.h5", OPTIONS), []
    progress = begin(run)
    with pytest.raises(Stopped, match="stopped by SIGTERM after step 24") as caught:
        run.go(progress, file.save, stop=lambda: asked.append(0) or (signal.SIGTERM if len(asked) == 2 else None))
    assert (caught.value.signal_number, caught.value.step) == (signal.SIGTERM, 24)
    resumed = RunFile(tmp_path / "run.h5", OPTIONS).load()
    run.go(resumed)
    assert_equal(expected, resumed)


def test_memory_does_not_grow(springs, tmp_path, monkeypatch):
    """What is not yet on file stays below the bound, however long the run; so does all that Python holds."""
    monkeypatch.setattr("anharmonic.sampling.run.BUFFER_BYTES", 100_000)
    wide = Observer(np.zeros((6, 5, 3, 8), "float32"), {"everything": lambda state, model: state.displacements})
    stages = (Stage(150.0, equilibration=0, production=200),)
    run = replace(make_run(springs, "md"), observer=wide, stages=stages, sampling=Sampling(1, 20), snapshots=20)
    file, held, traced = RunFile(tmp_path / "run.h5", OPTIONS), [], []

    def look(progress):
        held.append(progress.samples.n_bytes + progress.snapshots.n_bytes)
        traced.append(tracemalloc.get_traced_memory()[0])

    progress = begin(run)
    tracemalloc.start()
    run.go(progress, file.save, look)
    tracemalloc.stop()
    chunk = held[0]
    assert chunk * 200 > 2_000_000 and max(held) <= 100_000 + chunk
    assert max(traced[150:]) < max(traced[50:100]) + 150_000
    assert progress.columns()["everything"].shape == (4000, 5, 3, 8)
    assert len(progress.snapshots) == 200


def test_stage_ends_when_precise(springs, tmp_path):
    """A criterion is asked with the production samples of its stage; resumed, the stages end where they did."""
    seen = []

    def until(samples):
        seen.append(len(samples["energy"]))
        return len(samples["energy"]) >= 12

    stages = tuple(Stage(t, equilibration=1, production=9) for t in (100.0, 200.0))
    run, file = replace(make_run(springs, "md"), stages=stages, until=until), RunFile(tmp_path / "run.h5", OPTIONS)
    progress = begin(run)
    run.go(progress)
    assert seen == [4, 8, 12, 4, 8, 12]
    np.testing.assert_array_equal(progress.columns()["stage"], np.repeat([0, 1], 16))
    other, asked = begin(run), []
    with pytest.raises(Stopped):
        run.go(other, file.save, stop=lambda: asked.append(0) or (signal.SIGINT if len(asked) == 4 else None))
    resumed = RunFile(tmp_path / "run.h5", OPTIONS).load()
    assert resumed.stage == 1 and resumed.chunk == 0
    run.go(resumed)
    assert_equal(progress, resumed)
