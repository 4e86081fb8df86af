"""What threads are worth to one run: the same dynamics and Monte Carlo with as many threads as cores, and with one.

    python benchmarks/threads.py

Each row is a process of its own, the two take turns. Rates are of wall time, after compiling; time to the first chunk
is that of a process with no cache of compiled programs.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time

ROWS = (
    ("CsPbBr3", "md", 2, 20000), ("CsPbBr3", "md", 4, 10000), ("CsPbBr3", "md", 6, 8000), ("CsPbBr3", "md", 10, 2000),
    ("CsPbBr3", "md", 16, 500), ("CsPbBr3-accurate", "md", 6, 2000), ("CsPbBr3", "mc", 6, 4000),
)  # fmt: skip
"""Potential, method, cells along an axis, steps."""
ATOMS = 5


def child(potential, method, cells, steps):
    """Rate (atom steps/s), cores in use, seconds to the first chunk."""
    begin, marks = time.monotonic(), []

    import anharmonic as ah
    from anharmonic.cli.compiler import prefer_wide_vectors

    prefer_wide_vectors()

    def on_chunk(progress, plan):
        usage = resource.getrusage(resource.RUSAGE_SELF)
        marks.append((time.monotonic(), progress.step, usage.ru_utime + usage.ru_stime))

    ah.sweep(potential, [cells] * 3, [300], production=steps, equilibration=steps // 10, method=method,
             on_chunk=on_chunk)  # fmt: skip
    (t0, s0, c0), (t1, s1, c1) = marks[len(marks) // 5], marks[-1]
    print(json.dumps(((s1 - s0) * ATOMS * cells**3 / (t1 - t0), (c1 - c0) / (t1 - t0), marks[0][0] - begin)))


def measured(row, threads):
    """What a process of its own says."""
    limit = {"PJRT_NPROC": "1"} if threads == "one" else {}
    clean = {name: value for name, value in os.environ.items() if name not in ("NPROC", "PJRT_NPROC")}
    words = [sys.executable, __file__, "--child", json.dumps(row)]
    done = subprocess.run(words, env=clean | limit, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def main(repeats):
    """The table."""
    print("| potential, method, atoms | atom steps/s | one thread | cores in use | first chunk (s) | one thread |")
    print("| --- | --- | --- | --- | --- | --- |")
    for row in ROWS:
        found = {"all": [], "one": []}
        for _ in range(repeats):
            for threads, values in found.items():
                values.append(measured(row, threads))
        (rate, cores, first), (single, _, early) = (
            map(statistics.median, zip(*values, strict=True)) for values in found.values()
        )
        name = f"{row[0]}, {row[1]}, {ATOMS * row[2] ** 3:,}"
        print(f"| {name} | {rate:.2e} | {single / rate:.2f} x | {cores:.2f} | {first:.1f} | {early:.1f} |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    child(*json.loads(options.child)) if options.child else main(options.repeats)
