"""What threads are worth to one run: the same dynamics and Monte Carlo with as many threads as cores, and with one.

    python benchmarks/threads.py

Each row is a process of its own, the two take turns. Rates are of wall time, after compiling; time to the first chunk
is that of a process with no cache of compiled programs.
"""

import resource
import statistics
import time

from turns import ONE_THREAD, in_turn, start

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
    return (s1 - s0) * ATOMS * cells**3 / (t1 - t0), (c1 - c0) / (t1 - t0), marks[0][0] - begin


def main(repeats):
    """The table."""
    print("| potential, method, atoms | atom steps/s | one thread | cores in use | first chunk (s) | one thread |")
    print("| --- | --- | --- | --- | --- | --- |")
    for row in ROWS:
        found = in_turn(__file__, {"all": (row, {}), "one": (row, ONE_THREAD)}, repeats)
        (rate, cores, first), (single, _, early) = (
            map(statistics.median, zip(*values, strict=True)) for values in found.values()
        )
        name = f"{row[0]}, {row[1]}, {ATOMS * row[2] ** 3:,}"
        print(f"| {name} | {rate:.2e} | {single / rate:.2f} x | {cores:.2f} | {first:.1f} | {early:.1f} |", flush=True)


if __name__ == "__main__":
    start(__doc__, child, main, repeats=3)
