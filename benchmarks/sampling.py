#!/usr/bin/env python3
"""What an independent sample costs, sampler by sampler.

    python benchmarks/sampling.py --temperatures 300 450 --out benchmarks/results/sampling.json

CsPbBr3, the shipped potential, 320 atoms, full cell, zero pressure, one core, float32. Each sampler runs for as many
CPU seconds; the number of independent samples is that of the integrated correlation time (Sokal's window).
"""

import argparse
import json
import os
import time
from contextlib import suppress
from pathlib import Path

SIZE = [4, 4, 4]
CHUNK = 500
OBSERVABLES = ("energy", "volume", "spread of lengths", "tilts")


def main():
    """Print and save the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--temperatures", type=float, nargs="+", default=[300.0, 450.0], help="K")
    parser.add_argument("--seconds", type=float, default=20.0, help="CPU seconds of each sampler at each temperature")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "sampling.json")
    options = parser.parse_args()
    os.sched_setaffinity(0, {0})
    rows = []
    for name, sampler, stride in samplers():
        for temperature in options.temperatures:
            rows.append(
                {"sampler": name, "temperature_K": temperature} | measure(sampler, stride, temperature, options)
            )
            print(line(rows[-1]), flush=True)
    options.out.write_text(
        json.dumps({"machine": machine(), "seconds": options.seconds, "rows": rows}, indent=1) + "\n"
    )


def samplers():
    """``(name, sampler, steps between samples)``."""
    import anharmonic as ah
    from anharmonic import sampling as s

    potential, supercell = ah.load("CsPbBr3"), ah.Supercell.from_matrix(SIZE)
    modes = s.strain_modes("full")
    baths = {
        "Langevin, piston": (s.Langevin(1e-3), s.Piston()),
        "Langevin, cell rescaling": (s.Langevin(1e-3), s.CellRescaling()),
        "velocity rescaling, piston": (s.BussiRescaling(), s.Piston()),
        "velocity rescaling, cell rescaling": (s.BussiRescaling(), s.CellRescaling()),
        "Nose-Hoover chain, piston": (s.NoseHooverChain(), s.Piston()),
    }
    for name, bath in baths.items():
        yield name, s.MolecularDynamics.create(potential.crystal, supercell, modes, 5.0, *bath), 10
    cell = potential.crystal, supercell, modes
    sites = s.SiteMoves.create(potential, supercell), s.StrainMoves.create(*cell)
    for name, moves, stride in (
        ("Monte Carlo, sites and strains", sites, 2),
        ("Monte Carlo, with trajectories of 10 steps", (*sites, s.HybridMoves.create(*cell)), 1),
        ("hybrid Monte Carlo alone, 20 steps", (s.HybridMoves.create(*cell, n_steps=20),), 1),
    ):
        yield name, s.MonteCarlo.create(potential, supercell, modes, moves), stride


def measure(sampler, stride, temperature, options):
    """Steps, CPU seconds, and independent samples per CPU second of every observable."""
    import numpy as np
    from engine import on_device

    import anharmonic as ah
    from anharmonic.analysis import TiltModes, estimate
    from anharmonic.evaluation import Evaluator
    from anharmonic.sampling import Observer, Run, Sampling, Stage
    from anharmonic.stopping import Stopped
    from anharmonic.sweep.start import start_at_rest

    potential = ah.load("CsPbBr3")
    start, _ = start_at_rest(potential, SIZE)
    projections = np.nan_to_num(TiltModes.of_crystal(potential.crystal).projection(start.supercell)).astype("float32")
    model = Evaluator.create(potential, start.supercell)
    stages = (Stage(temperature, equilibration=4, production=10**4),)
    run = Run(*on_device((sampler, model, Observer(projections))), stages, Sampling(stride, CHUNK))
    progress, marks = run.start(start.displacements, start.deformation), []

    def enough(progress):
        marks.append(time.process_time())
        return 15 if len(marks) > 4 and marks[-1] - marks[4] > options.seconds else None

    with suppress(Stopped):
        run.go(progress, stop=lambda: enough(progress))
    seconds = marks[-1] - marks[4]
    columns = {name: np.asarray(x, float)[5 * CHUNK :] for name, x in progress.columns().items()}
    lengths, tilts = np.linalg.norm(columns["deformation"], axis=1), columns["projections"] ** 2
    series = columns["energy"], np.linalg.det(columns["deformation"]), lengths.std(axis=1), tilts.sum(axis=1)
    found = {name: estimate(x) for name, x in zip(OBSERVABLES, series, strict=True)}
    return {
        "steps_per_second": len(series[0]) * stride / seconds,
        "means": {name: float(e.mean) for name, e in found.items()},
        "errors": {name: float(e.error) for name, e in found.items()},
        "samples_per_second": {name: float(e.n_effective) / seconds for name, e in found.items()},
    }


def line(row):
    """A row of the table in Markdown."""
    rates = " | ".join(f"{row['samples_per_second'][name]:.1f}" for name in OBSERVABLES)
    return f"| {row['sampler']} | {row['temperature_K']:g} | {row['steps_per_second']:.0f} | {rates} |"


def machine():
    """Versions and processor."""
    import platform

    import jax

    return {"python": platform.python_version(), "jax": jax.__version__, "machine": platform.machine()}


if __name__ == "__main__":
    main()
