"""Sweeps in processes that are killed: ``python killed.py POTENTIAL FILE OPTIONS_JSON`` runs one."""

import json
import signal
import subprocess
import sys
import time


def kill_sweep(potential, file, options, chunks, wait):
    """Run a sweep in another process, and SIGKILL it `wait` seconds after it has done `chunks` chunks."""
    command = [sys.executable, __file__, str(potential), str(file), json.dumps(options)]
    process, line = subprocess.Popen(command, stdout=subprocess.PIPE, text=True), ""
    try:
        for line in process.stdout:
            if line.strip() == "finished" or int(line) >= chunks:
                break
        time.sleep(wait)
    finally:
        process.send_signal(signal.SIGKILL)
        rest = process.communicate()[0]
    assert process.returncode == -signal.SIGKILL
    assert line and "finished" not in line + rest


def _tell(progress, plan):
    """Let the parent know how many chunks this process has done, and give it time to act."""
    _tell.count = getattr(_tell, "count", 0) + 1
    print(_tell.count, flush=True)
    time.sleep(0.005)


if __name__ == "__main__":
    import anharmonic as ah
    from anharmonic.sampling import run

    run.CHECKPOINT_SECONDS = 0.02
    ah.sweep(sys.argv[1], file=sys.argv[2], on_chunk=_tell, **json.loads(sys.argv[3]))
    print("finished", flush=True)
