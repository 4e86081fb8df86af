#!/usr/bin/env python3
"""One run on several devices: strong and weak scaling, what is sent, and a model that goes on to 1,000 GPUs.

    python benchmarks/sharding.py --out sharding.json
    python benchmarks/sharding.py --paper-only

Flexible-cell Langevin dynamics in float32. Every row is measured in processes of its own, one thread a device; rows
take turns, and the best of the repeats counts. What crosses the loopback is read from the system's counters.
"""

import argparse
import json
import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

COLLECTIVE = re.compile(r" = (.*?) (all-reduce|collective-permute|all-gather|all-to-all|reduce-scatter)(?:-start)?\(")
ONE_THREAD = "--xla_cpu_multi_thread_eigen=false --xla_cpu_prefer_vector_width=512"
TOTALS = 3
"""Sums over all cells in a step of NPT Langevin dynamics that cannot wait for each other; measured below."""

RATE, BANDWIDTH, LATENCY = 1e8, 25e9, 10e-6
"""Assumed of a GPU and its network: atom steps/s alone, bytes/s each way, seconds a message."""

PAPER_DEVICES = 1, 2, 8, 64, 256, 1000


def main():
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="CsPbBr3", help="name of a potential")
    parser.add_argument("--cells", type=int, default=16, help="cells along each axis of the block of a device (weak)")
    parser.add_argument("--steps", type=int, default=5, help="steps of a repeat")
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--rate", type=float, default=RATE, help="of a GPU alone, atom steps/s (paper)")
    parser.add_argument("--paper-only", action="store_true", help="measure nothing")
    parser.add_argument("--out", type=Path, help="file for the numbers (JSON)")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        return child(json.loads(options.child))
    if not options.paper_only:
        found = measured(options)
        show_measured(found)
        if options.out:
            options.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return show_paper(options.rate)


def measured(options):
    """Numbers of all rows, by table."""
    n, layouts = options.cells, ((1, 1), (1, 2), (2, 2), (1, 4), (1, 8))
    common = {"model": options.model, "steps": options.steps, "repeats": options.repeats}
    strong = [common | {"shape": [2 * n, n, n], "processes": p, "devices": d} for p, d in ((1, 0), *layouts)]
    weak = [common | {"shape": [n * d, n, n], "processes": p, "devices": d} for p, d in layouts[:-1]]
    return {"strong": [row(spec) for spec in strong], "weak": [row(spec) for spec in weak]}


def row(spec):
    """The numbers of one row, measured by its own processes."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    environment = os.environ | {"XLA_FLAGS": ONE_THREAD, "OMP_NUM_THREADS": "1"}
    commands = [
        [sys.executable, __file__, "--child", json.dumps(spec | {"process": k, "address": address})]
        for k in range(spec["processes"])
    ]
    running = [subprocess.Popen(c, env=environment, stdout=subprocess.PIPE, text=True) for c in commands]
    answers = [json.loads(p.communicate()[0].splitlines()[-1]) for p in running]
    print(".", end="", file=sys.stderr, flush=True)
    return answers[0] | {"cpu": sum(a["cpu"] for a in answers)}


def child(spec):
    """Measure as one of the processes of a row; the answer is a line of JSON."""
    import jax

    cores = sorted(os.sched_getaffinity(0))
    if spec["processes"] > 1 or spec["devices"] < 2:
        os.sched_setaffinity(0, {cores[spec["process"] % len(cores)]})
    jax.config.update("jax_num_cpu_devices", max(spec["devices"] // spec["processes"], 1))
    if spec["processes"] > 1:
        jax.distributed.initialize(spec["address"], spec["processes"], spec["process"])
    advance, state, facts = prepared(spec)
    times, begin, wire = [], time.process_time(), loopback_bytes()
    for k in range(spec["repeats"]):
        start, cpu = time.perf_counter(), time.process_time()
        state = jax.block_until_ready(advance(state, k * spec["steps"]))
        times.append((time.perf_counter() - start, time.process_time() - cpu))
    n_steps = spec["steps"] * spec["repeats"]
    best = {"wall": min(t for t, _ in times) / spec["steps"], "cpu": min(c for _, c in times) / spec["steps"]}
    best["mean_cpu"] = (time.process_time() - begin) / n_steps
    wire = (loopback_bytes() - wire) / n_steps if spec["processes"] > 1 else None
    print(json.dumps(spec | best | facts | {"wire_bytes": wire}), flush=True)


def prepared(spec):
    """``(advance, state, facts)``: ``advance(state, step)`` does the steps of a repeat."""
    import jax
    import numpy as np

    import anharmonic as ah
    from anharmonic.evaluation import Blocks, Evaluator, ShardedEvaluator
    from anharmonic.sampling import Conditions, MolecularDynamics, strain_modes
    from anharmonic.sampling.traffic import halo_bytes

    potential, cells = ah.load(spec["model"]), ah.Supercell.from_matrix(spec["shape"])
    blocks = Blocks.create(potential.basis, cells, spec["devices"]) if spec["devices"] else None
    sampler = MolecularDynamics.create(potential.crystal, cells, strain_modes("full"), blocks=blocks)
    model = ShardedEvaluator.create(potential, cells, blocks) if blocks else Evaluator.create(potential, cells)
    n_sites, zeros = potential.crystal.n_sites, np.zeros((potential.crystal.n_sites, 3, cells.n_cells), np.float32)
    parts, start = (sampler, Conditions.of(300.0), model), (zeros, np.eye(3, dtype=np.float32))
    if blocks:
        parts, start = blocks.place((parts, start))
    state, advance = compiled(parts, start, spec["steps"])
    facts = {"atoms": n_sites * cells.n_cells, "collectives": collectives(advance.text)}
    facts["halo_bytes"] = halo_bytes(blocks, n_sites, 4) if blocks else 0
    jax.block_until_ready(advance(state, 0))
    return advance, state, facts


def compiled(parts, start, n_steps):
    """State of the crystal with momenta, and a function of state and step with the text of its program."""
    import equinox as eqx
    import jax
    import numpy as np

    arrays, static = eqx.partition(parts, eqx.is_array_like)

    def steps(arrays, state, first):
        sampler, conditions, model = eqx.combine(arrays, static)

        def one(step, state):
            return sampler.step(jax.random.fold_in(jax.random.key(1), step), state, conditions, model)

        return jax.lax.fori_loop(first, first + n_steps, one, state)

    sampler, conditions, model = parts
    state = eqx.filter_jit(sampler.init)(jax.random.key(0), *start, conditions, model)
    program = jax.jit(steps).lower(arrays, state, np.int32(0)).compile()

    def advance(state, first):
        return program(arrays, state, np.int32(first))

    advance.text = program.as_text()
    return state, advance


def collectives(text):
    """Bytes of the results of each kind of collective in a compiled program, and how many there are."""
    found = {}
    for shapes, kind in COLLECTIVE.findall(text):
        n_bytes = 0
        for size in re.findall(r"f32\[([\d,]*)\]", shapes):
            n_numbers = 1
            for factor in filter(None, size.split(",")):
                n_numbers *= int(factor)
            n_bytes += 4 * n_numbers
        number, total = found.get(kind, (0, 0))
        found[kind] = number + 1, total + n_bytes
    return found


def loopback_bytes():
    """What the loopback has carried since the system started (Linux)."""
    with open("/proc/net/dev", encoding="ascii") as table:
        return next(int(line.split(":")[1].split()[0]) for line in table if line.strip().startswith("lo:"))


def show_measured(found):
    """The tables of strong and weak scaling, and of what is sent."""
    for name, rows in found.items():
        first = next(r for r in rows if r["devices"] == 1)
        print(f"\n{name} scaling: speed and work per atom step relative to one device")
        print("processes devices        cells     atoms   ms/step  speed  CPU work per atom")
        for r in rows:
            rate, per_atom, shape = r["atoms"] / r["wall"], r["cpu"] / r["atoms"], "x".join(map(str, r["shape"]))
            print(
                f"{r['processes']:9d} {r['devices'] or 'unsplit':>7} {shape:>12} {r['atoms']:9d}"
                f" {1e3 * r['wall']:9.2f} {rate * first['wall'] / first['atoms']:6.2f}"
                f" {per_atom * first['atoms'] / first['cpu']:18.2f}"
            )
    print("\nbytes a step: each device sends (program), by the model, all of them over the loopback, by the model")
    for r in found["strong"] + found["weak"]:
        number, sent = r["collectives"].get("collective-permute", (0, 0))
        if not r["devices"]:
            continue
        wire = "-" if r["wire_bytes"] is None else f"{r['wire_bytes']:,.0f}"
        others = {kind: n for kind, (n, _) in r["collectives"].items() if kind != "collective-permute"}
        print(
            f"{r['processes']} processes, {r['devices']} devices, {'x'.join(map(str, r['shape']))}: {sent:,} "
            f"{r['halo_bytes']:,}  {wire} {r['devices'] * r['halo_bytes']:,}; {number} permutes, others {others}"
        )


def step_seconds(planes, plane, n_devices, rate, n_sites=5, depth=1):
    """``(seconds of a step, of which computing)`` on each of `n_devices`, by the model of docs/large-runs.md.

    A block has `planes` planes of `plane` cells; rows of bonds are computed on `depth` planes more.
    """
    computing = (planes + depth) * plane * n_sites / rate
    if n_devices == 1:
        return computing, computing
    halo = 2 * LATENCY + 2 * depth * plane * n_sites * 3 * 4 / BANDWIDTH
    rounds = max(1, (n_devices - 1).bit_length())
    return computing + halo + TOTALS * 2 * rounds * LATENCY, computing


def show_paper(rate):
    """Weak and strong scaling on paper."""
    print(
        f"\non paper: {rate:.3g} atom steps/s alone, {BANDWIDTH / 1e9:g} GB/s each way, {1e6 * LATENCY:g} us a message"
    )
    print("weak: 64x64x64 cells a device")
    print("devices         atoms   ms/step  computing  efficiency")
    alone, _ = step_seconds(64, 64 * 64, 1, rate)
    for n in PAPER_DEVICES:
        seconds, computing = step_seconds(64, 64 * 64, n, rate)
        print(f"{n:7d} {5 * 64**3 * n:13,d} {1e3 * seconds:9.3f} {computing / seconds:10.2f} {alone / seconds:11.2f}")
    print("strong: 1000x256x256 cells, 328 million atoms")
    print("devices  planes   ms/step  computing  efficiency")
    alone, _ = step_seconds(1000, 256 * 256, 1, rate)
    for n in (1, 2, 8, 50, 250, 500, 1000):
        seconds, computing = step_seconds(1000 // n, 256 * 256, n, rate)
        print(f"{n:7d} {1000 // n:7d} {1e3 * seconds:9.3f} {computing / seconds:10.2f} {alone / (n * seconds):11.2f}")


if __name__ == "__main__":
    main()
