#!/usr/bin/env python3
"""Where the time of a force evaluation goes: operations, bytes and microseconds of each stage.

    python benchmarks/stages.py --model paper --size 12

One core, float32. Every stage runs in a compiled loop of its own, its result written out; medians of nine. Operations
and bytes are counted from the tables: additions and multiplications as written, arrays read and written once.
"""

import argparse
import os
import statistics
import time

import models
from engine import on_device

LOOPS = 20


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="paper", help="paper, site, order4, or the name of a potential")
    parser.add_argument("--size", type=int, default=12, help="cells along each axis")
    options = parser.parse_args()
    os.sched_setaffinity(0, {0})
    import jax

    import anharmonic as ah
    from anharmonic.evaluation import Evaluator

    potential = models.load(options.model)
    supercell = ah.Supercell.from_matrix([options.size] * 3)
    evaluator = on_device(Evaluator.create(potential, supercell))
    n_atoms = supercell.n_cells * potential.crystal.n_sites
    shape = potential.crystal.n_sites, 3, supercell.n_cells
    u, deformation = 0.1 * jax.random.normal(jax.random.key(0), shape), jax.numpy.eye(3)
    print(f"{options.model}, {n_atoms} atoms, jax {jax.__version__}, {jax.devices()[0].device_kind}")
    print("stage                         us    ops/atom  bytes/atom     Gop/s      GB/s")
    for name, function, arguments, operations, traffic in stages(evaluator, u, deformation):
        seconds = seconds_of(function, arguments)
        rates = operations / seconds * 1e-9, traffic / seconds * 1e-9
        print(
            f"{name:22s}{seconds * 1e6:10.1f}{operations / n_atoms:12.0f}{traffic / n_atoms:12.0f}"
            f"{rates[0]:10.1f}{rates[1]:10.1f}",
            flush=True,
        )


def seconds_of(function, arguments):
    """Median CPU seconds of one call in a compiled loop."""
    import equinox as eqx
    import jax

    from anharmonic.evaluation.fence import fence

    @eqx.filter_jit
    def loop(*arguments):
        arrays, static = eqx.partition(arguments, eqx.is_inexact_array)

        def body(_, arrays):
            result = fence(
                jax.tree.leaves(arrays)[-1].ravel()[0] < 1e30, lambda: function(*eqx.combine(arrays, static))
            )
            touched = sum(leaf.ravel()[0] for leaf in jax.tree.leaves(result))
            return jax.tree.map(lambda x: x + 1e-30 * touched if x is jax.tree.leaves(arrays)[-1] else x, arrays)

        return jax.lax.fori_loop(0, LOOPS, body, arrays)

    times = []
    jax.block_until_ready(loop(*arguments))
    for _ in range(9):
        start = time.process_time()
        jax.block_until_ready(loop(*arguments))
        times.append((time.process_time() - start) / LOOPS)
    return statistics.median(times)


def stages(evaluator, u, deformation):
    """``(name, function, arguments, operations, bytes)`` of every stage."""
    import jax

    from anharmonic.sampling.noise import normal

    grid, bonds = evaluator.grid, evaluator.bonds
    flat = jax.jit(lambda e, u: e.grid.pad(u, e.grid.sources[0]))(evaluator, u)
    metrics, rates = jax.jit(lambda e, *s: e._metrics(*s))(evaluator, flat, deformation)
    by_metric = jax.jit(lambda e, f: e.model(f, e.grid, e._fence)[1])(evaluator, metrics)
    weights = by_metric * rates[:, : by_metric.shape[1]]
    yield "halo", lambda e, u: e.grid.pad(u, e.grid.sources[0]), (evaluator, u), 0, 4 * (u.size + 2 * flat.size)
    yield (
        f"metrics ({len(metrics)} bonds)", lambda e, *a: e._metrics(*a), (evaluator, flat, deformation),
        30 * metrics.size, 4 * (6 + 2) * metrics.size,
    )  # fmt: skip
    yield from model_stages(evaluator, metrics, by_metric.shape[1])
    ends = bonds.pulling[0].size
    yield (
        f"pulls ({ends} ends)", lambda e, f, w: e.bonds.pulls(f, w, e.grid), (evaluator, flat, weights),
        12 * ends * grid.span, 16 * ends * grid.span,
    )  # fmt: skip
    yield (
        "fluxes", lambda e, f, w: e.bonds.fluxes(f, w, e.grid.owned), (evaluator, flat, weights),
        15 * len(metrics) * grid.span, 28 * len(metrics) * grid.span,
    )  # fmt: skip
    yield "energy and gradients", lambda e, *s: e.gradients(*s), (evaluator, u, deformation), 0, 0
    yield "gradients", lambda e, *s: e.derivatives(*s), (evaluator, u, deformation), 0, 0
    key = jax.random.key(0)
    yield "noise", lambda u: normal(key, u.shape, u.dtype), (u,), 0, 4 * u.size


def model_stages(evaluator, metrics, length):
    """Stages of the functions of clusters: what they read, their derivatives, what they give back."""
    model = evaluator.model
    if not hasattr(model, "functions"):
        yield "site nets", lambda e, f: e.model(f, e.grid, e._fence)[1], (evaluator, metrics), 0, 8 * metrics.size
        return
    if model.pairs is not None:
        own = metrics[: len(model.pairs.lower), :length]
        operations = (2 * len(model.pairs.coefficients) + 8) * own.size
        yield "pair functions", lambda p, f: p.derivative(f), (model.pairs, own), operations, 8 * own.size
    for table, function in zip(model.tables, model.functions, strict=True):
        own = table.of_bonds(metrics)
        name = f"{own.shape[1]} clusters of {len(table.points)}"
        yield f"{name}: read", lambda t, f: t.of_bonds(f), (table, metrics), 0, 8 * own.size
        yield name, lambda g, f: g.with_derivative(f)[1], (function, own), cost(function, own), 8 * own.size
    pieces = [table.of_bonds(metrics).reshape(-1) for table in model.tables]
    if pieces:
        windows = sum(starts.size for starts in model.sums.starts)
        yield "given back", lambda s, p: s(p), (model.sums, pieces), windows * length, 4 * windows * length


def cost(function, metrics):
    """Operations of the derivatives of a group of functions."""
    positions = metrics[0].size
    if hasattr(function, "exponents"):
        return 2 * sum(sum(map(bool, e)) for e in function.exponents) * positions
    polynomials = function.polynomials
    products = [polynomials.ccd, *polynomials.coefficients, *function.layers]
    per_cluster = sum(4 * m.forward.size for m in products) + 4 * polynomials.n_monomials
    return (per_cluster + sum(25 * bias.size for bias in function.biases)) * positions


if __name__ == "__main__":
    main()
