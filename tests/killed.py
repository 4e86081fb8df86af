"""Runs in processes that are stopped: ``python killed.py POTENTIAL FILE OPTIONS_JSON`` does one.

The options are those of `anharmonic.sweep`; with ``kind: simulate`` those of `simulate`, from the reference crystal;
with ``kind: exchange`` those of `exchange`.
"""

import json
import os
import signal
import subprocess
import sys
import time


def kill_sweep(potential, file, options, chunks, wait, signal_number=signal.SIGKILL, cache=None):
    """Do a run in another process, and send it a signal `wait` seconds after it has done `chunks` chunks.

    Returns whether it was stopped; False if it had finished before, as only a run near its end may.
    """
    command = [sys.executable, __file__, str(potential), str(file), json.dumps(options)]
    environment = os.environ | ({"JAX_COMPILATION_CACHE_DIR": str(cache)} if cache else {})
    process, line = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment), ""
    try:
        for line in process.stdout:
            if line.strip() == "finished" or int(line) >= chunks:
                break
        time.sleep(wait)
    finally:
        process.send_signal(signal_number)
        rest = process.communicate()[0]
    finished = "finished" in line + rest
    stopped = -signal.SIGKILL if signal_number == signal.SIGKILL else 128 + signal_number
    assert line and (finished or process.returncode == stopped), process.returncode
    return not finished


def perform(potential, file, options, **control):
    """The run of some options, in this process."""
    import anharmonic as ah
    from anharmonic.sweep.exchange import exchange
    from anharmonic.sweep.simulation import simulate
    from anharmonic.sweep.start import start_at_rest

    kind = options.get("kind", "sweep")
    options = {name: value for name, value in options.items() if name != "kind"}
    if kind != "simulate":
        return {"sweep": ah.sweep, "exchange": exchange}[kind](potential, file=file, **control, **options)
    start = start_at_rest(ah.load(potential), [2, 2, 2], "reference")
    return simulate(potential, start, file, **control, **options)


def _tell(progress, plan):
    """Let the parent know how many chunks this process has done, and give it time to act."""
    _tell.count = getattr(_tell, "count", 0) + 1
    print(_tell.count, flush=True)
    time.sleep(0.005)


def _main(potential, file, options):
    from anharmonic.sampling import run
    from anharmonic.stopping import EXIT_CODE, Stopped, soft_stop

    run.CHECKPOINT_SECONDS = 0.02
    try:
        with soft_stop() as stop:
            perform(potential, file, json.loads(options), on_chunk=_tell, stop=stop)
    except Stopped as stopped:
        sys.exit(EXIT_CODE + stopped.signal_number)
    print("finished", flush=True)


if __name__ == "__main__":
    _main(*sys.argv[1:])
