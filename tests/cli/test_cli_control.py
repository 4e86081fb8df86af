"""Stops, limits and full disks, as a user meets them: messages, exit codes, and files that go on."""

import json
import os
import resource
import signal
import subprocess
import sys
import time

import h5py
import numpy as np
import pytest

from anharmonic.cli.free_energy import options
from anharmonic.cli.running import StoppedBySignal, sampling
from anharmonic.sampling.runfile import read_samples
from anharmonic.stopping import Stopped

MAIN = "import sys; from anharmonic.cli.main import main; sys.exit(main(sys.argv[1:]))"
COMMAND = [sys.executable, "-c", MAIN]
SIZE = 1_400_000
"""Bytes that a file of the run may have on a disk that is too small."""


def arguments(springs, folder, *more):
    return [
        "md", springs, "--supercell", 2, 2, 2, "--temperature", 100, "--ensemble", "nvt", "--snapshots", 400,
        "--equilibration", 200, "--production", 6000, "--quiet", "--out", folder, *more,
    ]  # fmt: skip


@pytest.fixture(scope="module")
def whole(springs, tmp_path_factory, cache_home):
    """A run that nothing has disturbed, in another process."""
    folder, environment = tmp_path_factory.mktemp("whole"), os.environ | {"XDG_CACHE_HOME": str(cache_home)}
    command = [*COMMAND, *map(str, arguments(springs, folder))]
    subprocess.run(command, check=True, capture_output=True, env=environment)
    return folder


def assert_same(one, other):
    assert (one / "summary.json").read_bytes() == (other / "summary.json").read_bytes()
    assert (one / "trajectory.extxyz").read_bytes() == (other / "trajectory.extxyz").read_bytes()
    left, right = (read_samples(folder / "run.h5")[1] for folder in (one, other))
    for name in left:
        np.testing.assert_array_equal(left[name], right[name])


def test_sigterm(springs, whole, tmp_path):
    """Exit code 143, a message that says what to do, a file that goes on to the same end."""
    folder, command = tmp_path, [*COMMAND, *map(str, arguments(springs, tmp_path))]
    code = "import anharmonic.sampling.run as r, sys, time; from anharmonic.cli.progress import RunProgress as P\n"
    code += "P.__call__ = lambda self, progress, plan: (print('chunk', flush=True), time.sleep(0.05))\n"
    code += MAIN
    process = subprocess.Popen(
        [sys.executable, "-c", code, *command[3:]], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    for _ in range(3):
        assert process.stdout.readline() == "chunk\n"
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate()
    assert process.returncode == 143
    assert "SIGTERM: stopping at the next checkpoint; a second signal stops at once" in err
    assert "stopped by SIGTERM after step" in err and "the same command continues" in err
    with h5py.File(folder / "run.h5") as file:
        assert 600 <= file.attrs["step"] < 6200 and not file.attrs["finished"]
    assert not (folder / "summary.json").exists()
    subprocess.run(command, check=True, capture_output=True)
    assert_same(folder, whole)


def test_full_disk(springs, whole, tmp_path):
    """Files may not grow beyond what a few checkpoints take: exit code 2, and with room the run goes on to its end."""
    code = "import anharmonic.sampling.run as r, sys; r.CHECKPOINT_SECONDS = 0.0\n"
    code += MAIN
    command = [sys.executable, "-c", code, *map(str, arguments(springs, tmp_path))]

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (SIZE, SIZE))

    done = subprocess.run(command, capture_output=True, text=True, preexec_fn=limit)
    assert done.returncode == 2, done.stderr
    assert "cannot write a checkpoint" in done.stderr and "File too large" in done.stderr
    with h5py.File(tmp_path / "run.h5") as file:
        step = file.attrs["step"]
        assert 0 < step < 6200 and f"holds the one at step {step}; make room" in done.stderr.replace("The file h", "h")
    assert [p.name for p in tmp_path.iterdir()] == ["run.h5"]
    subprocess.run([*COMMAND, *map(str, arguments(springs, tmp_path))], check=True, capture_output=True)
    assert_same(tmp_path, whole)


def test_limit_of_extrapolation(call, springs, tmp_path):
    """The run stops at the limit, and goes on where it is lifted."""
    hot = arguments(springs, tmp_path, "--temperature", 1500, "--production", 1000)
    done = call(*hot, "--max-extrapolation", 1.1)
    assert done.code == 2
    assert "extrapolation grade" in done.err and "is above 1.1 at step" in done.err and "atom" in done.err
    assert call(*hot).code == 0


def test_ramp_under_stress(call, springs, tmp_path):
    done = call(
        "md", springs, "--supercell", 2, 2, 2, "--temperature", 100, "--to", 200, "--stress", 0, 0, -0.5, 0, 0, 0,
        "--thermostat", "bussi", "--barostat", "cell-rescaling", "--observe", "stress,correlation", "--format", "h5md",
        "--equilibration", 200, "--production", 1000, "--quiet", "--out", tmp_path,
    )  # fmt: skip
    assert done.code == 0, done.err
    samples = read_samples(tmp_path / "run.h5")[1]
    np.testing.assert_allclose(samples["temperature"][[0, 9, 59]], [100, 100, 200], rtol=1e-6)
    assert samples["correlation"].shape == (60, 6, 4)
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["ramp_to"] == {"temperature": 200} and summary["stress_GPa"] == [0, 0, -0.5, 0, 0, 0]
    assert summary["points"][0]["c"] < summary["points"][0]["a"]
    assert (tmp_path / "trajectory.h5md").exists()


def test_export_refusals(call, springs, tmp_path):
    done = call("export", tmp_path / "none.h5")
    assert done.code == 2 and "no run file at" in done.err
    done = call("export", springs)
    assert done.code == 2 and "is no run file of version 3" in done.err
    call(*arguments(springs, tmp_path, "--production", 200, "--snapshots", 0))
    done = call("export", tmp_path / "run.h5")
    assert done.code == 2 and "holds no snapshots: run with --snapshots" in done.err
    done = call("export", tmp_path / "run.h5", "--out", tmp_path / "run.h5")
    assert done.code == 2 and "is the run file itself" in done.err
    done = call("export", tmp_path / "run.h5", "--format", "xtc")
    assert done.code == 2 and "extxyz, traj, h5md, of single structures lammps, gpumd, vasp; found 'xtc'" in done.err


def test_handlers_of_signals_are_restored(tmp_path):
    before = signal.getsignal(signal.SIGTERM)
    with sampling(tmp_path, True) as control:
        assert control["stop"]() is None and signal.getsignal(signal.SIGTERM) is not before
        time.sleep(0.01)
    assert signal.getsignal(signal.SIGTERM) is before


def test_who_is_stopped_learns_where_the_checkpoint_is(tmp_path):
    for control, words in (
        (sampling(tmp_path, True), f"after step 40; the checkpoint is in {tmp_path / 'run.h5'}, and the same command"),
        (options.sampling(True), "after step 40 of a window; its checkpoint is written, and the same command"),
    ):
        with pytest.raises(StoppedBySignal) as caught, control:
            raise Stopped(signal.SIGTERM, 40)
        assert str(caught.value).startswith(f"stopped by SIGTERM {words}") and caught.value.exit_code == 143
