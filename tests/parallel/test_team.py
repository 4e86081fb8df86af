"""Tasks by this process and by real workers: results, news, errors, stops, dead workers, schedulers elsewhere."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request

import pytest

from anharmonic.errors import AnharmonicError
from anharmonic.parallel import Workers, team
from anharmonic.parallel.team import Alone
from anharmonic.stopping import Stopped

pytest.importorskip("distributed")


def square(item, report, stop):
    """Three looks at the clock, then the square; item 3 is refused, item 9 stops where it is asked to."""
    for k in range(3):
        report(k)
        time.sleep(0.6)
        if stop():
            raise Stopped(signal.SIGTERM, k)
    if item == 3:
        raise AnharmonicError("three is no number for this")
    return item**2


def dies(item, report, stop):
    """Ends its own process, until a file says that this has happened."""
    if item.exists():
        return "alive"
    item.touch()
    os.kill(os.getpid(), signal.SIGKILL)


def once(item, report, stop):
    """Writes a line each time it is done, and tells by which process."""
    with open(item, "a") as file:
        file.write("done\n")
    return os.getpid()


@pytest.fixture(scope="module")
def crew():
    """Two processes of this machine."""
    with team(Workers(2), 5) as found:
        yield found


def test_this_process_does_tasks_in_order():
    news = []
    found = list(Alone().run(square, [1, 3, 2], lambda index, k: news.append((index, k))))
    assert [o.result for o in found] == [1, None, 4] and [o.index for o in found] == [0, 1, 2]
    assert isinstance(found[1].error, AnharmonicError) and news == [(i, k) for i in range(3) for k in range(3)]


def test_workers_give_results_news_and_errors(crew):
    news = []
    found = sorted(crew.run(square, [1, 2, 3, 4], lambda index, k: news.append((index, k))), key=lambda o: o.index)
    assert [o.result for o in found] == [1, 4, None, 16]
    assert "three is no number" in str(found[2].error)
    assert {index for index, _ in news} == {0, 1, 2, 3}


def test_the_dashboard_is_there(crew):
    """Its address is printed; a page with the tasks is what is found at it."""
    with urllib.request.urlopen(crew.client.dashboard_link) as page:
        assert "Dask" in page.read().decode()


def test_a_stop_reaches_all_workers(crew):
    began, news = time.monotonic(), []
    with pytest.raises(Stopped) as stopped:
        list(crew.run(square, range(40), lambda *n: news.append(n), lambda: signal.SIGINT if news else None))
    assert stopped.value.signal_number == signal.SIGINT and time.monotonic() - began < 20


def test_tasks_of_a_dead_worker_go_to_another(crew, tmp_path):
    found = list(crew.run(dies, [tmp_path / "one", tmp_path / "two"]))
    assert [o.result for o in found] == ["alive", "alive"]


def test_what_was_taken_is_not_done_again(crew, tmp_path):
    """A worker that dies after its result was given out takes nothing with it."""
    file = tmp_path / "times"
    for outcome in crew.run(once, [file]):
        times = file.read_text()
        os.kill(outcome.result, signal.SIGKILL)
        time.sleep(2)
        crew.client.wait_for_workers(2)
        assert file.read_text() == times


def test_a_scheduler_elsewhere_with_workers_that_join_later(tmp_path):
    """A scheduler and a worker started by hand, as on a cluster."""
    file, python = tmp_path / "scheduler.json", [sys.executable, "-m"]
    path = os.pathsep.join([os.path.dirname(__file__), os.environ.get("PYTHONPATH", "")])
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": tmp_path}
    quiet["env"] = os.environ | {"PYTHONPATH": path}
    options = ["--port", "0", "--no-dashboard", "--scheduler-file", file, "--host", "127.0.0.1"]
    started = [subprocess.Popen([*python, "distributed.cli.dask_scheduler", *map(str, options)], **quiet)]
    try:
        while not file.exists() and started[0].poll() is None:
            time.sleep(0.1)
        address = json.loads(file.read_text())["address"]
        worker = [*python, "distributed.cli.dask_worker", address, "--nthreads", "1", "--no-nanny", "--no-dashboard"]
        with team(Workers(scheduler=address), 2) as crew:
            started.append(subprocess.Popen(worker, **quiet))
            assert sorted(o.result for o in crew.run(square, [5, 6])) == [25, 36]
    finally:
        for process in started[::-1]:
            process.kill()
            process.wait()


def test_nobody_at_the_address():
    nobody = Workers(scheduler="tcp://127.0.0.1:9")
    words = "no Dask scheduler answers at tcp://127.0.0.1:9"
    with pytest.raises(AnharmonicError, match=words), team(nobody, 2, timeout=1):
        pass


@pytest.mark.slow
def test_jobs_of_slurm(tmp_path, monkeypatch):
    """A queue that starts every job at once."""
    pytest.importorskip("dask_jobqueue")
    sbatch = tmp_path / "sbatch"
    sbatch.write_text("#!/bin/sh\nsetsid sh $1 >/dev/null 2>&1 &\necho Submitted batch job $!\n")
    cancel = tmp_path / "scancel"
    cancel.write_text("#!/bin/sh\nkill -- -$1\n")
    for script in (sbatch, cancel):
        script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", os.path.dirname(__file__))
    table = {"slurm": {"jobs": 2, "cores": 1, "memory": "1GB", "queue": "q", "interface": "lo"}}
    with team(Workers.of_table(table), 3) as crew:
        assert sorted(o.result for o in crew.run(square, [1, 2, 4])) == [1, 4, 16]


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"workers": 0}, "workers is a number from 1 on"),
        ({"workers": 2, "scheduler": "tcp://a:1"}, "said once; found workers and scheduler"),
        ({"slurm": {"jobs": 0}}, "jobs is a number from 1 on"),
        ({"processes": 2}, "cluster] has workers, scheduler, slurm; found processes"),
    ],
)
def test_impossible_workers_are_refused(table, words):
    with pytest.raises(AnharmonicError, match=words):
        Workers.of_table(table)


def test_no_more_processes_than_tasks():
    assert Workers(8).local(3) == 3 and Workers(8).local(0) == 1 and Workers().local(100) >= 1
    assert Workers(scheduler="tcp://a:1").local(3) is None
