"""Signals: the first is noted, the second ends the process in the midst of a computation."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from anharmonic.stopping import soft_stop

ENDLESS = """
import jax, sys
from anharmonic.stopping import soft_stop
endless = jax.jit(lambda x: jax.lax.while_loop(lambda x: x < 2, lambda x: x * 0.5 + 0.1, x))
with soft_stop(lambda number: print("first", number, flush=True)) as stop:
    print("ready", flush=True)
    endless(1.0).block_until_ready()
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_signal_is_noted(number):
    before, told = signal.getsignal(number), []
    with soft_stop(told.append) as stop:
        assert stop() is None
        os.kill(os.getpid(), number)
        for _ in range(200):
            if stop():
                break
            time.sleep(0.01)
        assert stop() == number and told == [number]
    assert signal.getsignal(number) is before


def test_the_second_signal_ends_a_compiled_computation():
    process = subprocess.Popen([sys.executable, "-c", ENDLESS], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == f"first {signal.SIGINT:d}\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 128 + signal.SIGTERM
    finally:
        process.kill()


def test_other_threads_have_no_signals():
    found = []

    def inside():
        with soft_stop() as stop:
            found.append(stop())

    thread = threading.Thread(target=inside)
    thread.start()
    thread.join()
    assert found == [None]
