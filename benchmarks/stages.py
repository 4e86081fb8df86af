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

    grid = evaluator.grid
    flat = jax.jit(lambda e, u: e.grid.pad(u, e.grid.sources[0]))(evaluator, u)
    strains = jax.jit(lambda e, *s: e._strains(*s))(evaluator, flat, deformation)
    weights = jax.jit(lambda e, s: e.model(e.rows, s, e.grid)[1])(evaluator, strains)
    cells = sum(s.size for s in strains)
    ends, steps = (
        sum(2 * len(r.ends) for r in evaluator.rows),
        sum(sum(map(bool, s)) for r in evaluator.rows for s in r.steps),
    )
    yield "halo", lambda e, u: e.grid.pad(u, e.grid.sources[0]), (evaluator, u), 0, 4 * (u.size + 2 * flat.size)
    yield (
        "strains",
        lambda e, f, d: e._strains(f, d),
        (evaluator, flat, deformation),
        22 * cells,
        4 * (6 * cells + cells),
    )
    functions = getattr(evaluator.model, "functions", None)
    for number, function in enumerate(functions or ()):
        strain, pairs = strains[number], hasattr(function, "coefficients")
        operations, name = model_cost(function, evaluator.rows[number])
        values = strain if pairs else evaluator.rows[number].per_cluster(strain)
        yield name, lambda f, s: f.of_strain(s)[1], (function, values), operations, 8 * strain.size
    if functions is None:
        yield "site nets", lambda e, s: e.model(e.rows, s, e.grid)[1], (evaluator, strains), 0, 8 * cells
    yield (
        "pulls",
        lambda e, *a: e._sum("pulls", *a),
        (evaluator, flat, weights),
        10 * ends * grid.span,
        16 * ends * grid.span,
    )
    yield (
        "fluxes",
        lambda e, *a: e._sum("fluxes", *a),
        (evaluator, flat, weights),
        13 * steps * grid.span,
        28 * steps * grid.span,
    )
    yield "energy and gradients", lambda e, *s: e.gradients(*s), (evaluator, u, deformation), 0, 0
    yield "gradients", lambda e, *s: e.derivatives(*s), (evaluator, u, deformation), 0, 0
    key = jax.random.key(0)
    yield "noise", lambda u: normal(key, u.shape, u.dtype), (u,), 0, 4 * u.size


def model_cost(function, rows):
    """``(operations, name)`` of the derivatives of one group of functions."""
    positions = rows.length
    if hasattr(function, "coefficients"):
        return (4 + 2 * len(function.coefficients) + 14) * len(rows.ends) * positions, "pair functions"
    polynomials = function.polynomials
    products = [polynomials.ccd, *polynomials.coefficients, *function.layers]
    per_cluster = sum(4 * m.forward.size for m in products) + 4 * polynomials.n_monomials
    per_cluster += sum(25 * bias.size for bias in function.biases)
    return per_cluster * rows.n_clusters * positions, f"clusters of {len(rows.members[0])}"


if __name__ == "__main__":
    main()
