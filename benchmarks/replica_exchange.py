"""Replica exchange against independent runs of the same length: averages, and correlation times of the tilts.

    python benchmarks/replica_exchange.py --minutes 9 --out exchange-benchmark

CsPbBr3, 4x4x4 cells, 8 temperatures across both transitions. Independent runs are replicas that are never swapped, so
that both cost the same. The same command continues until both are done, then prints the table and writes it, with the
figure's numbers, to OUT/replica_exchange.json.
"""

import argparse
import json
import signal
import time
from pathlib import Path

import jax
import numpy as np

import anharmonic
from anharmonic.analysis import TiltModes, estimate
from anharmonic.analysis.replicas import exchange_report
from anharmonic.analysis.tilts import angles
from anharmonic.crystal import Supercell
from anharmonic.evaluation import Evaluator
from anharmonic.sampling.conditions import strain_modes
from anharmonic.sampling.dynamics import MolecularDynamics
from anharmonic.sampling.observables import Observer
from anharmonic.sampling.replica_exchange import ReplicaExchange
from anharmonic.sampling.run import Run, Sampling, Stage
from anharmonic.sampling.runfile import RunFile
from anharmonic.stopping import Stopped
from anharmonic.sweep.start import ground_state

NEVER = 2**30
EQUILIBRATION = 100
"""Picoseconds; a chunk is one."""
PAIRS = ("energy", "edge", "in-phase", "anti-phase")


def make_run(temperatures, swap_stride, picoseconds, seed):
    """The run of one method, and its start."""
    potential, cells = anharmonic.load("CsPbBr3"), Supercell.from_matrix([4, 4, 4])
    dynamics = MolecularDynamics.create(potential.crystal, cells, strain_modes("full"))
    sampler = ReplicaExchange.create(dynamics, len(temperatures), swap_stride)
    observer = Observer(TiltModes.of_crystal(potential.crystal).projection(cells).astype("float32"))
    stage = Stage(tuple(temperatures), equilibration=EQUILIBRATION, production=picoseconds)
    model = Evaluator.create(potential, cells)
    run = Run(sampler, model, observer, (stage,), Sampling(20, 10), seed)
    return run, lambda: ground_state(potential, cells)


def perform(name, run, start, folder, options, deadline):
    """Samples of a run if it is finished; its CPU time is kept beside it."""
    file = RunFile(folder / f"{name}.h5", options)
    progress = file.load() or run.start(*start())
    clock, began = folder / f"{name}.seconds", time.process_time()

    def save(progress):
        nonlocal began
        file.save(progress)
        spent = float(clock.read_text()) if clock.exists() else 0.0
        clock.write_text(str(spent + time.process_time() - began))
        began = time.process_time()

    def stop():
        return signal.SIGTERM if time.monotonic() > deadline else None

    try:
        run.go(progress, save, stop=stop)
    except Stopped:
        share = progress.step / (run.sampling.steps * run.stages[0].chunks)
        print(f"{name}: {100 * share:.0f} % done; the same command continues")
        return None
    columns = progress.columns()
    return {key: values[columns["production"]].astype(float) for key, values in columns.items()}


def observables(samples):
    """Series by name (n_samples, n): energy (meV/cell), edge (A), lengths of the tilt vectors (degrees)."""
    tilts = samples["projections"].reshape(*samples["energy"].shape, 2, 3)
    lengths = angles(np.linalg.norm(tilts, axis=-1))
    edge = np.cbrt(np.linalg.det(samples["deformation"])) * 5.87
    return dict(zip(PAIRS, (1000 * samples["energy"] / 64, edge, lengths[..., 0], lengths[..., 1]), strict=True))


def compare(temperatures, found):
    """Rows by temperature: averages of both, deviations in standard errors, correlation times (ps)."""
    estimates = {m: {k: estimate(v) for k, v in observables(s).items()} for m, s in found.items()}
    signed = {m: estimate(s["projections"]).correlation_time * 0.1 for m, s in found.items()}
    rows = []
    for k, temperature in enumerate(temperatures):
        row = {"temperature_K": float(temperature)}
        for name in PAIRS:
            one, other = (estimates[m][name] for m in ("exchange", "independent"))
            error = np.hypot(one.error[k], other.error[k])
            row[name] = [float(x) for e in (one, other) for x in (e.mean[k], e.error[k])]
            row[f"{name} z"] = float((one.mean[k] - other.mean[k]) / error)
        for number, name in enumerate(("in-phase", "anti-phase")):
            times = [float(signed[m][k, 3 * number : 3 * number + 3].mean()) for m in ("exchange", "independent")]
            row[f"{name} time"] = times
            row[f"{name} stuck"] = is_stuck(found["independent"]["projections"][:, k, 3 * number : 3 * number + 3])
        rows.append(row)
    return rows


def is_stuck(tilts):
    """Whether tilts (n_samples, 3) kept their domain for the whole run: their correlation time is then unknown."""
    return bool((tilts.mean(axis=0) ** 2).sum() > 0.5 * (tilts**2).mean(axis=0).sum())


def report(rows, exchanged, seconds):
    """The table as text."""
    lines = ["T (K)  E (meV/cell)       z    edge z  in-phase (deg)  z    anti-phase (deg)  z    tau in-phase (ps)"
             "        tau anti-phase (ps)      swaps (%)"]  # fmt: skip
    shares = [f"{100 * a:.1f}" for a in exchanged.acceptance] + ["-"]
    for row, share in zip(rows, shares, strict=True):
        taus = [
            f"  stuck /{swapped:6.1f}         " if stuck else f"{alone:7.1f} /{swapped:6.1f} ={alone / swapped:6.1f}"
            for (swapped, alone), stuck in ((row[f"{n} time"], row[f"{n} stuck"]) for n in ("in-phase", "anti-phase"))
        ]
        lines.append(
            f"{row['temperature_K']:5.0f}  {row['energy'][0]:8.3f}({row['energy'][1]:.3f})  {row['energy z']:5.1f}"
            f"  {row['edge z']:5.1f}  {row['in-phase'][0]:7.2f}({row['in-phase'][1]:.2f})  {row['in-phase z']:5.1f}"
            f"  {row['anti-phase'][0]:7.2f}({row['anti-phase'][1]:.2f})  {row['anti-phase z']:5.1f}"
            f"  {'  '.join(taus)}  {share:>6}"
        )
    lines.append(
        f"{exchanged.round_trips} round trips; CPU seconds: "
        + ", ".join(f"{name} {value:.0f}" for name, value in seconds.items())
    )
    lines.append("times of the signed tilts, mean of three axes: independent / exchange = ratio (stuck: never turned)")
    return "\n".join(lines)


def main():
    """Run, or continue, and report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("exchange-benchmark"))
    parser.add_argument("--minutes", type=float, default=9.0, help="wall-clock time of this call")
    parser.add_argument("--picoseconds", type=int, default=1500, help="production at each temperature")
    parser.add_argument("--temperatures", default="200:420:8", help="lowest : highest : number")
    parser.add_argument("--swap-every", type=int, default=5, help="steps")
    chosen = parser.parse_args()
    deadline = time.monotonic() + 60 * chosen.minutes
    chosen.out.mkdir(parents=True, exist_ok=True)
    low, high, number = (float(x) for x in chosen.temperatures.split(":"))
    temperatures = np.geomspace(low, high, int(number)).round(2)
    found = {}
    for seed, (name, stride) in enumerate({"exchange": chosen.swap_every, "independent": NEVER}.items()):
        options = {"temperatures": temperatures.tolist(), "stride": stride, "picoseconds": chosen.picoseconds}
        run, start = make_run(temperatures, stride, chosen.picoseconds, seed)
        found[name] = perform(name, run, start, chosen.out, options, deadline)
        if found[name] is None:
            return
        jax.clear_caches()
    rows, exchanged = compare(temperatures, found), exchange_report(found["exchange"] | _counts(found["exchange"]))
    seconds = {name: float((chosen.out / f"{name}.seconds").read_text()) for name in found}
    print(report(rows, exchanged, seconds))
    record = {"rows": rows, "acceptance": exchanged.acceptance.tolist(), "round_trips": exchanged.round_trips}
    (chosen.out / "replica_exchange.json").write_text(json.dumps(record | {"cpu_seconds": seconds}, indent=1) + "\n")


def _counts(samples):
    """The columns of whole numbers as such."""
    names = ("walker", "heading", "round_trips", "swap_attempts", "swap_acceptances")
    return {name: samples[name].astype(int) for name in names}


if __name__ == "__main__":
    main()
