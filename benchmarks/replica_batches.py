"""Replica exchange with its replicas one after another, four at a time, or all together, in one thread.

    python benchmarks/replica_batches.py

Each row is a process of its own; the batches take turns. Rates are of CPU time, after compiling.
"""

import statistics
import time

from turns import ONE_THREAD, in_turn, start

ROWS = (
    ("md", 2, 16, 20000), ("md", 4, 16, 3000), ("md", 8, 8, 600), ("mc", 4, 16, 400),
)  # fmt: skip
"""Method, cells along an axis, replicas, steps."""
ATOMS = 5


def child(method, cells, replicas, steps, batch):
    """Rate (atom steps per CPU second)."""
    import numpy as np

    from anharmonic.cli.compiler import prefer_wide_vectors
    from anharmonic.sweep.exchange import exchange

    prefer_wide_vectors()
    temperatures, marks = np.linspace(150, 450, replicas).tolist(), []

    def on_chunk(progress, plan):
        marks.append((time.process_time(), progress.step))

    exchange("CsPbBr3", [cells] * 3, temperatures, production=steps, equilibration=steps // 10, method=method,
             batch=batch, on_chunk=on_chunk)  # fmt: skip
    (t0, s0), (t1, s1) = marks[len(marks) // 5], marks[-1]
    return (s1 - s0) * ATOMS * cells**3 * replicas / (t1 - t0)


def main(repeats):
    """The table."""
    print("| method, atoms, replicas | one after another (atom steps per CPU second) | four at a time | all together |")
    print("| --- | --- | --- | --- |")
    for row in ROWS:
        found = in_turn(__file__, {batch: ((*row, batch), ONE_THREAD) for batch in (1, 4, row[2])}, repeats)
        single, *others = map(statistics.median, found.values())
        name = f"{row[0]}, {ATOMS * row[1] ** 3:,}, {row[2]}"
        print(f"| {name} | {single:.2e} | {' | '.join(f'{rate / single:.2f} x' for rate in others)} |", flush=True)


if __name__ == "__main__":
    start(__doc__, child, main, repeats=2)
