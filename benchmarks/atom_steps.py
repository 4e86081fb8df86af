#!/usr/bin/env python3
"""Atom steps per second of the shipped potential, by system size.

    OMP_NUM_THREADS=1 python benchmarks/atom_steps.py

Energy and forces in float32 as dynamics uses them, and one pass of Monte Carlo: medians of five in one run. Machines
differ and are noisy: compare columns, not runs.
"""

import argparse
import statistics
import time

import equinox as eqx
import jax
import numpy as np

import anharmonic as ah
from anharmonic.sampling import Conditions, MonteCarlo, strain_modes


def median_seconds(function, *arguments):
    """Compile seconds, and the median of five (wall, CPU) seconds of a call."""
    start = time.perf_counter()
    jax.block_until_ready(function(*arguments))
    compiled = time.perf_counter() - start
    times = []
    for _ in range(5):
        wall, cpu = time.perf_counter(), time.process_time()
        for _ in range(5):
            jax.block_until_ready(function(*arguments))
        times.append(((time.perf_counter() - wall) / 5, (time.process_time() - cpu) / 5))
    return compiled, *(statistics.median(column) for column in zip(*times, strict=True))


def row(potential, size):
    """One line of the table."""
    supercell = ah.Supercell.from_matrix([size] * 3)
    lattice = jax.tree.map(
        lambda x: jax.numpy.asarray(x) if eqx.is_array_like(x) else x, potential.lattice.cast("float32")
    )
    translations = jax.numpy.asarray(lattice.topology.translations(supercell))
    shape = potential.crystal.n_sites, 3, supercell.n_cells
    state = 0.1 * jax.random.normal(jax.random.key(0), shape), jax.numpy.eye(3), translations
    forces = eqx.filter_jit(lambda lattice, *state: lattice.gradients(*state))
    sampler = MonteCarlo.create(potential, supercell, strain_modes("full"))
    conditions, key = Conditions.of(300.0), jax.random.key(1)
    start = eqx.filter_jit(sampler.init)(key, *state[:2], conditions, lattice, translations)
    one_pass = eqx.filter_jit(lambda s, *rest: s.step(key, *rest))
    results = [
        median_seconds(forces, lattice, *state),
        median_seconds(one_pass, sampler, start, conditions, lattice, translations),
    ]
    n_atoms = supercell.n_cells * potential.crystal.n_sites
    rates = "".join(f"{n_atoms / wall:12.3g}{n_atoms / cpu:12.3g}{compiled:8.1f}" for compiled, wall, cpu in results)
    print(f"{size}^3 {n_atoms:>9}{rates}", flush=True)


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[4, 8, 12], help="cells along each axis")
    parser.add_argument("--potential", default="CsPbBr3")
    options = parser.parse_args()
    print(f"jax {jax.__version__}, {jax.devices()[0].device_kind}, numpy {np.__version__}")
    print(" " * 13 + "".join(f"{name:^32}" for name in ("energy and forces", "Monte Carlo pass")))
    print("size    atoms" + "  atoms/wall s atoms/cpu s compile"[1:].rjust(32) * 2)
    for size in options.sizes:
        row(ah.load(options.potential), size)


if __name__ == "__main__":
    main()
