"""The run loop and the run file: resumed equals uninterrupted, and what does not belong is refused."""

import shutil
from dataclasses import replace

import equinox as eqx
import h5py
import jax
import numpy as np
import pytest

from anharmonic.crystal import Supercell
from anharmonic.errors import RunFileError
from anharmonic.evaluation import Evaluator
from anharmonic.sampling import LangevinDynamics, MonteCarlo, Observer, Run, Sampling, Stage, strain_modes
from anharmonic.sampling.runfile import load_progress, read_samples, save_progress

SUPERCELL = Supercell.from_matrix([2, 2, 2])
STAGES = (Stage(150.0, 0.001, "heating", 1, 2), Stage(300.0, 0.001, "heating", 2, 1))
OPTIONS = {"supercell": (2, 2, 2), "temperatures": (150.0, 300.0), "timestep": 5.0, "potential": "springs 0123"}


def make_run(springs, method):
    """Two temperatures, three chunks each."""
    modes = strain_modes("full")
    if method == "md":
        sampler = LangevinDynamics.create(springs.crystal, SUPERCELL, modes, barostat_time=200.0)
    else:
        sampler = MonteCarlo.create(springs, SUPERCELL, modes)
    observer = Observer(np.random.default_rng(3).normal(size=(6, 5, 3, 8)).astype("float32"))
    return Run(sampler, Evaluator.create(springs, SUPERCELL), observer, STAGES, Sampling(3, 4), seed=5)


def begin(run):
    return run.start(np.zeros((5, 3, 8)), np.eye(3))


@pytest.fixture(scope="module", params=["md", "mc"])
def finished(request, springs, tmp_path_factory):
    """A run, its end, and a checkpoint file after every chunk."""
    run, folder = make_run(springs, request.param), tmp_path_factory.mktemp("run")
    progress = begin(run)
    run.go(progress, on_chunk=lambda p: save_progress(folder / f"{len(p.samples['energy'])}.h5", p, OPTIONS))
    return run, progress, folder


def assert_equal(one, other):
    """Bit for bit: state, samples, counters."""
    for a, b in zip(jax.tree.leaves(one.state), jax.tree.leaves(other.state), strict=True):
        assert np.asarray(a).dtype == np.asarray(b).dtype
        np.testing.assert_array_equal(a, b)
    left, right = one.columns(), other.columns()
    assert left.keys() == right.keys()
    for name in left:
        assert left[name].dtype == right[name].dtype
        np.testing.assert_array_equal(left[name], right[name])
    assert (one.step, one.stage, one.chunk) == (other.step, other.stage, other.chunk)


@pytest.mark.parametrize("chunk", [1, 2, 3, 4, 5, 6])
def test_resumed_equals_uninterrupted(finished, chunk):
    """From a checkpoint after any chunk: within equilibration, at its end, between temperatures, at the very end."""
    run, progress, folder = finished
    resumed = load_progress(folder / f"{chunk}.h5", OPTIONS)
    assert resumed.step == chunk * 12
    assert len(resumed.columns()["energy"]) == chunk * 4
    run.go(resumed)
    assert_equal(progress, resumed)


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
    last = np.tensordot(run.observer.projections, progress.state.displacements, 3)
    np.testing.assert_allclose(samples["projections"][-1], last, rtol=1e-4, atol=1e-4)
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
        return {"thrown": state.thrown, "temperature": conditions.temperature}


class DiceState(eqx.Module):
    displacements: jax.Array
    deformation: jax.Array
    thrown: jax.Array


def test_keys_and_conditions_of_steps(springs):
    """Step n has the run's key with n folded in, whatever the chunk or the temperature; no number comes twice."""
    run = replace(make_run(springs, "md"), sampler=Dice(), sampling=Sampling(1, 4))
    progress = begin(run)
    run.go(progress)
    samples, key = progress.columns(), jax.random.key(5)
    expected = [jax.random.uniform(jax.random.fold_in(key, n)) for n in range(1, 25)]
    np.testing.assert_array_equal(samples["thrown"], np.array(expected))
    assert len(np.unique(samples["thrown"])) == 24
    np.testing.assert_array_equal(samples["temperature"], np.repeat([150.0, 300.0], 12))


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
    run.go(progress, on_chunk=lambda p: widths.append((p.state.widths.copy(), p.state.strain_width.copy())))
    changed = [not np.array_equal(a[0], b[0]) and a[1] != b[1] for a, b in zip(widths, widths[1:], strict=False)]
    assert changed == [False, False, True, True, False]


@pytest.fixture
def file(finished, tmp_path):
    """A copy of a checkpoint, to be damaged."""
    return shutil.copy(finished[2] / "3.h5", tmp_path / "run.h5")


def test_no_file_is_a_new_run(tmp_path):
    assert load_progress(tmp_path / "none.h5", OPTIONS) is None


def test_other_options_are_listed(file):
    other = OPTIONS | {"timestep": 2.0, "supercell": (4, 4, 4), "friction": 0.1}
    with pytest.raises(RunFileError) as caught:
        load_progress(file, other)
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
        load_progress(file, OPTIONS)


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


def break_options(file):
    file.attrs["options"] = file.attrs["options"][:-5]


@pytest.mark.parametrize("damage", [drop_state, drop_field, edit_sample, edit_state, edit_counter, break_options])
def test_damaged(file, damage):
    with h5py.File(file, "a") as node:
        damage(node)
    with pytest.raises(RunFileError, match="run.h5 is damaged and cannot be continued.*move it away"):
        load_progress(file, OPTIONS)


def test_other_files(tmp_path, springs):
    springs.save(tmp_path / "potential.h5")
    with pytest.raises(RunFileError, match="is no run file of version 1"):
        load_progress(tmp_path / "potential.h5", OPTIONS)


def test_failure_to_save_leaves_the_old_checkpoint(finished, file):
    before = file.read_bytes()
    with pytest.raises(TypeError):
        save_progress(file, finished[1], {"what": object()})
    assert file.read_bytes() == before
    assert [p.name for p in file.parent.iterdir()] == ["run.h5"]


def test_numbers_that_are_not_finite(springs):
    """A time step far too long is reported with its place, and is never written to a checkpoint."""
    run, saved = make_run(springs, "md"), []
    wild = replace(run.sampler, timestep=np.float32(400.0))
    run = replace(run, sampler=wild, stages=(Stage(2000.0, 0, "cooling", 0, 60),))
    with pytest.raises(RunFileError, match=r"is not finite at step \d+ \(2000 K cooling\).*time step is too long"):
        run.go(begin(run), on_chunk=lambda p: saved.append(all(np.isfinite(v).all() for v in p.columns().values())))
    assert all(saved)
