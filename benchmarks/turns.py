"""Settings of a benchmark that take turns, each time in a process of its own, which answers in JSON."""

import argparse
import json
import os
import subprocess
import sys

THREADS = "NPROC", "PJRT_NPROC"
"""What the environment says of XLA's threads: a benchmark says it, not the shell."""
ONE_THREAD = {"PJRT_NPROC": "1"}


def in_turn(file, settings, repeats):
    """Answers of a script's `child`, `repeats` for each setting, by name.

    Parameters
    ----------
    file : str
        The script, which calls `start`.
    settings : dict of (tuple, dict)
        By name: arguments of `child`, and what is added to the environment.
    repeats : int
    """
    found = {name: [] for name in settings}
    for _ in range(repeats):
        for name, (arguments, environment) in settings.items():
            found[name].append(_answer(file, arguments, environment))
    return found


def start(text, child, main, repeats):
    """Run a script: `child` in the processes that `in_turn` starts, else `main` with the number of repeats."""
    parser = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=repeats)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(child(*json.loads(options.child))))
    else:
        main(options.repeats)


def _answer(file, arguments, environment):
    """What one process says."""
    clean = {name: value for name, value in os.environ.items() if name not in THREADS}
    words = [sys.executable, file, "--child", json.dumps(arguments)]
    done = subprocess.run(words, env=clean | environment, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)
