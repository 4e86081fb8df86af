"""One run on several devices from the command line: refusals, files, and going on with another number of devices."""

import json
import socket
import subprocess
import sys

import h5py
import jax
import numpy as np
import pytest

INTERRUPTED = 130
CHILD = """
import sys
from anharmonic.cli.main import main
from anharmonic.cli.progress import RunProgress
import anharmonic.sampling.run as run
run.CHECKPOINT_SECONDS = 0.0
most, seen = int(sys.argv[1]), []
def count(self, progress, plan):
    seen.append(progress.step)
    if len(seen) == most:
        raise KeyboardInterrupt
RunProgress.__call__ = count
sys.exit(main(sys.argv[2:]))
"""
"""A command that is interrupted after some chunks; 0 for never."""


def start(springs, folder, *options, chunks=0, command="md"):
    """Start a run in a process of its own."""
    n_steps = {"md": 200, "mc": 40}[command]
    arguments = command, springs, "--supercell", 8, 4, 4, "--temperature", 200, "--start", "reference"
    arguments += "--equilibration", n_steps, "--production", n_steps
    line = [sys.executable, "-c", CHILD, *map(str, (chunks, *arguments, "--out", folder, *options))]
    return subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(*processes, code=0):
    """Wait for processes; what they said on standard error."""
    texts = [process.communicate(timeout=500) for process in processes]
    assert [process.returncode for process in processes] == [code] * len(processes), texts
    return [text for _, text in texts]


def samples(folder):
    with h5py.File(folder / "run.h5") as file:
        return {name: column[:] for name, column in file["samples"].items()}


@pytest.mark.parametrize(
    "options, message",
    [
        (["--processes", 2], "missing: --coordinator, --process"),
        (["--devices", 3, "--coordinator", "localhost:1", "--processes", 2, "--process", 0], "multiple of --processes"),
        (["--coordinator", "localhost:1", "--processes", 2, "--process", 2], "--process counts from 0 to 1; found 2"),
        (["--devices", 0], "found 0 devices"),
        (["--devices", 64], "begun to compute with 1 devices"),
    ],
)
def test_refusals(call, springs, tmp_path, options, message):
    """In this process, which has computed before."""
    assert jax.devices()
    done = call("md", springs, "--supercell", 8, 1, 1, "--temperature", 200, "--out", tmp_path / "run", *options)
    assert done.code == 2 and message in done.err, done.err
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_run_goes_on_with_any_number_of_devices(springs, tmp_path):
    """Bit by bit with the same number, as well with another; samples are those of one device but for rounding."""
    folders = [tmp_path / name for name in ("one", "two", "again", "other")]
    finish(start(springs, folders[0]))
    told = finish(start(springs, folders[1], "--devices", 2))[0]
    assert "2 devices in 1 processes; halo: each sends 1,920 bytes a step, 1,920 by the model" in told
    for folder, later in zip(folders[2:], (2, 4), strict=True):
        finish(start(springs, folder, "--devices", 2, chunks=1), code=INTERRUPTED)
        finish(start(springs, folder, "--devices", later))
    one, two, again, other = map(samples, folders)
    for name in one:
        assert one[name].dtype == two[name].dtype and one[name].shape == two[name].shape, name
        np.testing.assert_array_equal(two[name], again[name])
    for found in (two, other):
        assert abs(found["energy"][:10] - one["energy"][:10]).max() < 1e-3
        assert abs(found["deformation"][:10] - one["deformation"][:10]).max() < 1e-5
    first, last = (
        json.loads((folder / "summary.json").read_text())["points"][0] for folder in (folders[0], folders[3])
    )
    assert abs(first["a"] - last["a"]) < 1e-3 and first["n_samples"] == last["n_samples"] == 10


@pytest.mark.slow
def test_two_processes_write_one_folder(springs, tmp_path):
    """The first writes and prints; Monte Carlo, whose displacements are those of one device bit by bit."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    meeting = "--coordinator", f"127.0.0.1:{port}", "--processes", 2, "--process"
    running = [start(springs, tmp_path / "two", *meeting, k, command="mc") for k in range(2)]
    first, second = finish(*running)
    finish(start(springs, tmp_path / "one", command="mc"))
    assert "2 devices in 2 processes" in first and "halo" not in second
    one, two = samples(tmp_path / "one"), samples(tmp_path / "two")
    assert len(one["energy"]) == len(two["energy"]) == 20
    assert abs(one["energy"] - two["energy"]).max() < 1e-3
    assert (tmp_path / "two" / "summary.json").exists()
