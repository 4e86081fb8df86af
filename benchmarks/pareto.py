"""Errors against cost of descriptions of CsPbBr3: pareto.py OUT

For each basis: five-fold cross-validated errors on the labels of the shipped potential (ridge), and how many atom steps
of flexible-cell dynamics it does in a second: 2,560 atoms, float32, on one core if begun by ``taskset -c 0``. OUT gets
pareto.json and pareto.png; what is in pareto.json is not measured again.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
from engine import TIMESTEP, Steps

import anharmonic as ah
from anharmonic.clusters.presets import PRESETS, preset
from anharmonic.fitting import Weights, error_report
from anharmonic.fitting.config import FitConfig
from anharmonic.fitting.problem import Problem
from anharmonic.fitting.walls import walls_around
from anharmonic.interfaces.style import COLOURS, MUTED, PAGE, figure
from anharmonic.potential import Potential
from anharmonic.potential.library import library_folder
from anharmonic.sampling import MolecularDynamics, strain_modes

A = 5.868
TICKS = 20, 30, 40, 60, 80, 100, 140, 200
"""meV/Å."""
SIZE, REPEATS, SECONDS = 8, 5, 3.0
BRIDGE = {"triplets": ["Pb-Br-Pb"], "polyhedra": ["octahedron"]}
LOW, HIGH = {"pair": 4, "triplet": 2, "polyhedron": 2}, {"pair": 4, "triplet": 3, "polyhedron": 2}
CASES = {name: {"preset": name} for name in PRESETS} | {
    "pairs to 1.13 a, order 4": {"pairs": 1.13 * A, "order": 4},
    "pairs to 1.6 a, order 4": {"pairs": 1.6 * A, "order": 4},
    "bridge, octahedron; pairs to 1.6 a": {"pairs": 1.6 * A, "order": HIGH, **BRIDGE},
    "triplets to 0.72 a; pairs to 1.13 a": {"pairs": 1.13 * A, "triplets": 0.72 * A, "order": HIGH},
    "triplets to 1.13 a, order 2; pairs to 1.13 a": {"pairs": 1.13 * A, "triplets": 1.13 * A, "order": LOW},
    "triplets to 1.01 a, order 2; pairs to 1.13 a": {"pairs": 1.13 * A, "triplets": 1.01 * A, "order": LOW},
    "triplets to 1.01 a; pairs to 1.6 a": {"pairs": 1.6 * A, "triplets": 1.01 * A, "order": HIGH},
    "triplets to 1.13 a, order 2; pairs to 1.6 a": {"pairs": 1.6 * A, "triplets": 1.13 * A, "order": LOW},
    "triplets to 1.13 a; pairs to 1.6 a": {"pairs": 1.6 * A, "triplets": 1.13 * A, "order": HIGH},
    "triplets to 1.23 a; pairs to 1.6 a": {"pairs": 1.6 * A, "triplets": 1.23 * A, "order": HIGH},
}  # fmt: skip


def main():
    """Measure what is missing, print the table, draw the figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    file = out / "pareto.json"
    known = json.loads(file.read_text()) if file.exists() else {}
    config = FitConfig.read(library_folder() / "CsPbBr3" / "fit.toml")
    dataset = config.dataset(config.reference())
    for name, options in CASES.items():
        if name not in known:
            known[name] = measured(dataset, options)
            file.write_text(json.dumps(known, indent=1))
        print(f"{name:<46}" + "".join(f"{key} {value:<8.4g} " for key, value in known[name].items()), flush=True)
    draw(known, out / "pareto.png")


def measured(dataset, options):
    """Errors and speed of one basis."""
    named = "preset" in options
    options = preset(dataset.crystal, options["preset"]) if named else {"metric": "inverse"} | options
    basis = ah.ClusterBasis(dataset.crystal, **options)
    problem, begin = Problem(basis, {"training": dataset}, Weights()), time.process_time()
    strength, crossed = problem.cross_validation(5, None, "frame")
    seconds = time.process_time() - begin
    solved = problem.solve("polynomial", (), strength, None)
    walls = walls_around(problem.geometry, dataset, solved.statistics, 300.0)
    errors = error_report(crossed)["all"]
    return {
        "parameters": basis.n_invariants,
        "clusters": sum(orbit.n_clusters for orbit in basis.orbits),
        "energy": errors["energy_rmse"],
        "forces": errors["forces_rmse"],
        "stress": errors["stress_rmse"],
        "fit_cpu_s": seconds,
        "atom_steps": speed(Potential(basis, solved.model.walled(walls))),
    }


def speed(potential):
    """Atom steps per second: the best of some repeats, since other work on a machine only slows."""
    supercell = ah.Supercell.from_matrix([SIZE] * 3)
    sampler = MolecularDynamics.create(potential.crystal, supercell, strain_modes("full"), timestep=TIMESTEP)
    steps = Steps(potential, supercell, sampler)
    steps(2)
    begin = time.perf_counter()
    steps(3)
    n_steps, found = max(3, int(SECONDS / (time.perf_counter() - begin) * 3)), []
    for _ in range(REPEATS):
        begin = time.perf_counter()
        steps(n_steps)
        found.append(n_steps * steps.n_atoms / (time.perf_counter() - begin))
    return max(found)


def draw(known, path):
    """Force errors against atom steps per second; the line joins what no other case beats in both."""
    points = {name: (row["atom_steps"], row["forces"]) for name, row in known.items()}
    best = {
        name for name, (speed, error) in points.items()
        if not any(s > speed and e < error for s, e in points.values())
    }  # fmt: skip
    with figure(path, 0.75 * PAGE, 0.5 * PAGE) as page:
        axes = page.subplots()
        front = np.array(sorted(points[name] for name in best))
        axes.plot(*front.T, "-", color=MUTED, lw=0.8)
        for name, point in points.items():
            named = name in PRESETS
            axes.plot(*point, "o", color=COLOURS[1] if named else COLOURS[0], ms=5 if named else 3.5)
            text = name if named else f"{known[name]['parameters']}"
            place = {"xytext": (-5, -10), "ha": "right"} if named else {"xytext": (4, 3)}
            axes.annotate(text, point, textcoords="offset points", fontsize=7 if named else 6, **place)
        axes.set(
            xscale="log", yscale="log", xlabel="atom steps per second", ylabel="held-out force error (meV/Å)",
            title="CsPbBr3, polynomials: error against cost; numbers are parameters", yticks=TICKS, yticklabels=TICKS,
        )  # fmt: skip


if __name__ == "__main__":
    main()
