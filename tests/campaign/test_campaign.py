"""Independent temperatures and campaigns: one process, several, killed ones, what is left after a stop; bit by bit."""

import os
import signal

import ase.io
import builders
import h5py
import numpy as np
import pytest

from anharmonic.campaign import Campaign, Member, independent_sweep
from anharmonic.errors import AnharmonicError, ExtrapolationError, RunFileError
from anharmonic.parallel import Workers, team
from anharmonic.parallel.team import Alone
from anharmonic.stopping import Stopped
from anharmonic.sweep import sweep

TEMPERATURES = tuple(np.linspace(100, 320, 12))
SHORT = {"equilibration": 200, "production": 400, "snapshots": 400}


@pytest.fixture(scope="module")
def springs(tmp_path_factory):
    """Path of a potential file: a perovskite of anharmonic springs."""
    path = tmp_path_factory.mktemp("potential") / "springs.h5"
    builders.spring_perovskite().save(path)
    return path


def member(potential, folder, temperatures=TEMPERATURES, independent=True, **options):
    """A sweep of 2 x 2 x 2 cells."""
    folder.mkdir(exist_ok=True)
    return Member("sweep", potential, [2, 2, 2], temperatures, folder, independent, SHORT | options)


def same_file(one, other):
    """Whether all columns of two run files agree bit by bit."""
    with h5py.File(one / "run.h5") as a, h5py.File(other / "run.h5") as b:
        groups = [(a[g], b[g]) for g in ("samples", "snapshots")]
        return all(set(x) == set(y) and all(np.array_equal(x[n], y[n]) for n in x) for x, y in groups)


@pytest.fixture(scope="module")
def alone(springs, tmp_path_factory):
    """Twelve independent temperatures by one process."""
    folder = tmp_path_factory.mktemp("alone")
    Campaign([member(springs, folder)]).run(Alone())
    return folder


def test_a_killed_worker_changes_nothing(springs, alone, tmp_path):
    """Twelve temperatures by two processes, one of them killed in the middle: the summary to a bit."""
    pytest.importorskip("distributed")
    campaign, killed = Campaign([member(springs, tmp_path)]), []
    with team(Workers(2), 12) as crew:

        def on_report(index, share):
            if index > 3 and not killed:
                killed.append(min(crew.client.run(os.getpid).values()))
                os.kill(killed[0], signal.SIGKILL)

        campaign.run(crew, on_report)
    assert killed and not campaign.errors
    assert (tmp_path / "summary.json").read_bytes() == (alone / "summary.json").read_bytes()
    assert same_file(tmp_path, alone) and not (tmp_path / "parts").exists()


def test_a_stopped_campaign_goes_on(springs, alone, tmp_path):
    """Stopped twice within a temperature; each time the same call goes on."""
    for limit in (1, 6):
        seen = []
        with pytest.raises(Stopped):
            stop = lambda n=limit, seen=seen: signal.SIGTERM if len(seen) > n else None  # noqa: E731
            Campaign([member(springs, tmp_path)]).run(Alone(), lambda *news, seen=seen: seen.append(news), stop)
    assert (tmp_path / "parts").exists()
    Campaign([member(springs, tmp_path)]).run(Alone())
    assert same_file(tmp_path, alone)
    assert (tmp_path / "summary.json").read_bytes() == (alone / "summary.json").read_bytes()
    again = member(springs, tmp_path)
    assert not again.tasks and again.sweep.result().summary["independent"]
    with pytest.raises(RunFileError, match="other options"):
        member(springs, tmp_path, production=800).tasks  # noqa: B018


def test_a_temperature_does_not_depend_on_the_others(springs, alone):
    """Other temperatures, other order of work: the same samples; another seed and direction: others."""
    with h5py.File(alone / "run.h5") as file:
        whole = file["samples/energy"][file["samples/stage"][:] == 3]
    few = independent_sweep(springs, [2, 2, 2], TEMPERATURES[3:5], **SHORT).samples
    assert np.array_equal(few["energy"][few["stage"] == 0], whole)
    both = independent_sweep(springs, [2, 2, 2], TEMPERATURES[3:4], direction="both", **SHORT).samples
    assert np.array_equal(both["energy"][both["stage"] == 0], whole)
    assert not np.array_equal(both["energy"][both["stage"] == 1], whole)


def test_an_independent_temperature_is_a_sweep_of_it(springs, alone):
    """With its seed, a sweep of one temperature gives the same samples."""
    task = member(springs, alone / "again").sweep.parts[3]
    own = sweep(springs, [2, 2, 2], task.temperatures, **task.options).samples
    with h5py.File(alone / "run.h5") as file:
        chosen = file["samples/stage"][:] == 3
        assert all(np.array_equal(own[n], file["samples"][n][chosen]) for n in own if n != "stage")


def test_an_error_of_one_run_leaves_the_others(springs, tmp_path):
    good = member(springs, tmp_path / "good", [100.0], independent=False)
    bad = member(springs, tmp_path / "bad", [100.0, 200.0], max_extrapolation=1e-3)
    campaign = Campaign([bad, good])
    campaign.run(Alone())
    assert list(campaign.errors) == [str(tmp_path / "bad")]
    assert "extrapolation grade" in str(campaign.errors[str(tmp_path / "bad")])
    assert (tmp_path / "good" / "summary.json").exists() and not (tmp_path / "bad" / "summary.json").exists()
    with pytest.raises(AnharmonicError, match="extrapolation grade"):
        independent_sweep(springs, [2, 2, 2], [100.0], max_extrapolation=1e-3)


@pytest.mark.slow
def test_structures_outside_the_data_are_kept(tmp_path):
    """Those of all temperatures, the most extreme first; a limit stops the sweep."""
    found = independent_sweep("CsPbBr3", [2, 2, 2], [1200.0, 1300.0], tmp_path / "run.h5", **SHORT)
    frames = ase.io.read(tmp_path / "extrapolating.extxyz", ":")
    assert len(found.points()) == 2 and {frame.info["temperature"] for frame in frames} == {1200.0, 1300.0}
    with pytest.raises(ExtrapolationError):
        independent_sweep("CsPbBr3", [2, 2, 2], [1200.0], max_extrapolation=0.5, **SHORT)


@pytest.mark.parametrize(
    ("kind", "change", "words"),
    [
        ("walk", {}, "runs are sweep or exchange; found 'walk'"),
        ("exchange", {"independent": True}, "only the temperatures of a sweep can be independent"),
        ("sweep", {"options": {"produktion": 3}}, "unexpected keyword argument 'produktion'"),
        ("sweep", {"options": {"production": 0}}, "production is at least one step"),
    ],
)
def test_impossible_runs_are_refused(springs, tmp_path, kind, change, words):
    with pytest.raises(AnharmonicError, match=words):
        Member(kind, springs, [2, 2, 2], (100.0, 200.0), tmp_path, **change)


def test_two_runs_need_two_folders(springs, tmp_path):
    with pytest.raises(AnharmonicError, match="found twice"):
        Campaign([member(springs, tmp_path), member(springs, tmp_path, seed=1)])
