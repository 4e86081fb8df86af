#!/usr/bin/env python3
"""How right predicted errors of CsPbBr3 are, how well grades tell hotter runs, and what grades cost.

    python benchmarks/uncertainty.py calibration --out OUT    # posterior against bootstrap, on held-out frames
    python benchmarks/uncertainty.py roc --out OUT            # runs in the training range against one 1.5 times hotter
    python benchmarks/uncertainty.py cost --out OUT           # dynamics with and without grades

Each writes NAME.json and its figure; docs/uncertainty.md shows them. A few minutes each.
"""

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

import equinox as eqx
import jax
import numpy as np
from scipy.linalg import qr

import anharmonic as ah
from anharmonic.fitting import calibrate, compare
from anharmonic.fitting.config import FitConfig
from anharmonic.fitting.geometry import Geometry
from anharmonic.fitting.prediction import Weights
from anharmonic.fitting.problem import divide
from anharmonic.fitting.uncertainty import _scales
from anharmonic.fitting.unit_predictions import Row, UnitPredictions
from anharmonic.interfaces.calibration_figures import draw_reliabilities, draw_roc
from anharmonic.potential import precision
from anharmonic.potential.domain import n_low
from anharmonic.potential.library import library_folder
from anharmonic.potential.posterior import Posterior
from anharmonic.potential.potential import environment
from anharmonic.sampling.runfile import read_snapshots
from anharmonic.sweep.simulation import simulate
from anharmonic.sweep.start import start_at_rest

CELLS = {"20 atoms": [[1, 1, 0], [-1, 1, 0], [0, 0, 2]], "320 atoms": [4, 4, 4]}
N_BOOTSTRAP = 100
RANK = 1e-9
"""Relative singular value below which features are linearly dependent."""


def parts_of_fit(potential):
    """Frames of the shipped potential by part: training, test (held out), and validation where the fit has one."""
    config = FitConfig.read(library_folder() / "CsPbBr3" / "fit.toml")
    dataset = config.dataset(potential.crystal)
    return divide(dataset, config.fit.get("validation", 0.0), config.test, config.fit["seed"], "frame")


# --- calibration ---


def calibration(out):
    """Shares of held-out errors within predicted intervals: by the posterior and by bootstrap over frames."""
    potential = ah.load("CsPbBr3")
    parts = parts_of_fit(potential)
    comparison = compare(potential, parts["test"])
    others = {"bootstrap of frames": replace(potential, posterior=bootstrap(potential, parts["training"]))}
    found = {name: calibrate(p, parts["test"], comparison) for name, p in ({"posterior": potential} | others).items()}
    draw_reliabilities(found, out / "reliability.png", title="held-out forces, CsPbBr3")
    return {
        name: c.record() | {"scales": scales_of(p)}
        for (name, c), p in zip(found.items(), [potential, *others.values()], strict=True)
    }


def scales_of(potential):
    """Calibrated scales as a list."""
    return potential.posterior.scales.tolist()


def bootstrap(potential, training):
    """A `Posterior` from refits to frames drawn with repetition, scaled by errors of frames that were not drawn."""
    unit = UnitPredictions(Geometry(potential.basis), potential.model)
    rows = list(unit.rows(training, Weights()))
    n, rng = unit.n_weights, np.random.default_rng(0)
    squares = np.array([j @ j.T for j, _ in map(Row.scaled, rows)])
    targets = np.array([j @ y for j, y in map(Row.scaled, rows)])
    prior = np.diag(np.r_[np.full(n, potential.metadata["ridge"]), np.full(len(targets[0]) - n, 1e-12)])
    times = np.array(
        [np.bincount(rng.integers(len(rows), size=len(rows)), minlength=len(rows)) for _ in range(N_BOOTSTRAP)]
    )
    solutions = np.array([np.linalg.solve(prior + np.tensordot(t, squares, 1), t @ targets) for t in times])
    errors, variances, kinds = [], [], []
    for k, row in enumerate(rows):
        jacobian, labels = row.scaled()
        predictions, kind = solutions[times[:, k] == 0] @ jacobian, row.kinds
        kind[0] = -1  # energies need the offsets of their groups, which some draws lack
        errors.append((predictions.mean(axis=0) - labels)[kind >= 0])
        variances.append(predictions.var(axis=0)[kind >= 0])
        kinds.append(kind[kind >= 0])
    scales = _scales(*(np.concatenate(x) for x in (errors, variances, kinds)))
    factor = (solutions[:, :n] - solutions[:, :n].mean(axis=0)).T / np.sqrt(N_BOOTSTRAP)
    return Posterior(factor, np.array([scales[1], scales[1], scales[2]]))


# --- receiver operating characteristics ---


def roc(out):
    """Areas under the curves, and shares beyond the limits, of grades for runs in and above the training range.

    No free cell of 20 atoms: at 600 K it leaves the crystal for good within 150 ps.
    """
    potential = ah.load("CsPbBr3")
    parts = parts_of_fit(potential)
    known = [state for name in ("training", "validation") if name in parts for state in states_of(parts[name])]
    grader, result, panels = Grader(potential, known), {}, {}
    held_out = grader(states_of(parts["test"]))
    for name, cell, ensemble, temperatures, n in (
        ("fixed cell, 20 atoms", "20 atoms", "nvt", (150, 300, 450, 700, 1050), 40),
        ("free cell, 320 atoms", "320 atoms", "npt", (300, 450, 600, 900), 12),
    ):
        runs = sampled(potential, CELLS[cell], ensemble, temperatures, n, out / f"{cell[:3].strip()}-{ensemble}.h5")
        values = {t: grader(states) for t, states in runs.items()}
        result[name], panels[name] = rates(values, held_out, grader.limits)
    draw_roc(panels, out / "roc.png")
    return result


def states_of(dataset):
    """Configurations of the frames of 20 atoms: nearly all."""
    return [frame.configuration for frame in dataset if frame.n_cells == 4]


def sampled(potential, cell, ensemble, temperatures, n, path):
    """States of a run, `n` at each temperature: dict of temperature to list of Configuration."""
    simulate(
        potential, start_at_rest(potential, cell, "reference"), path, temperatures=temperatures, ensemble=ensemble,
        equilibration=4000, production=600 * n, snapshots=600,
    )  # fmt: skip
    _, structure, series = read_snapshots(path)
    columns = {k: series.read(k) for k in ("temperature", "production", "displacements", "deformation")}
    found = {t: [] for t in temperatures}
    for t, production, u, f in zip(*columns.values(), strict=True):
        if production:
            found[int(round(float(t)))].append(
                replace(structure, displacements=u.astype(float), deformation=f.astype(float))
            )
    return found


class Grader:
    """What may tell extrapolation: grades by name, and the limits above which they say so."""

    def __init__(self, potential, known):
        self.potential, self.low = potential, tuple(map(n_low, potential.basis.invariants))
        vectors = [self.look(state)[2] for state in known]
        self.active = []
        for sites in potential.domain.classes:
            own = np.concatenate([phi[:, list(sites)].reshape(len(phi), -1).T for phi in vectors])
            scale = abs(own).max(axis=0)
            used = scale > 1e-12
            scaled = own[:, used] / scale[used]
            _, sizes, axes = np.linalg.svd(scaled, full_matrices=False)
            axes = axes[sizes > RANK * sizes[0]].T  # metrics of the clusters around a site depend on each other
            inverse = axes @ np.linalg.inv(maxvol(scaled @ axes)) / scale[used, None]
            self.active.append((list(sites), used, inverse))
        found = self(known)
        self.limits = {name: float(values.max()) for name, values in found.items()}

    def __call__(self, states):
        rows = [self.one(state) for state in states]
        return {name: np.array([row[name] for row in rows]) for name in rows[0]}

    def one(self, state):
        """All grades of a configuration."""
        energy, features, phi = self.look(state)
        grades, active = self.potential.domain.grades(phi), []
        for sites, used, inverse in self.active:
            active.append(abs(inverse.T @ phi[used][:, sites].reshape(used.sum(), -1)).max(axis=0))
        active = np.concatenate(active)
        return {
            "mean grade of sites": grades.mean(),
            "largest grade": grades.max(),
            "MaxVol, mean of sites": active.mean(),
            "MaxVol, largest": active.max(),
            "predicted deviation of forces": np.sqrt(np.mean(self.potential.uncertainty(state)["forces"] ** 2)),
            "ranges of invariants (before)": self.by_ranges(features),
            "energy (the bound)": energy / state.supercell.n_cells,
        }

    def look(self, state):
        """Energy (eV), invariants by orbit, and site-centred correlations of degrees 1 and 2."""
        lattice = self.potential.on(state.supercell)
        translations = lattice.topology.translations(state.supercell)
        with precision("float64"):
            found = _look(lattice, state.displacements, state.deformation, translations, self.low)
            return float(found[0]), [np.asarray(x) for x in found[1]], np.asarray(found[2])

    def by_ranges(self, features):
        """Largest distance of an invariant of degree 1 or 2 from the middle of its fitted range, in half-ranges."""
        worst, orbits = (
            0.0,
            zip(features, self.potential.ranges, self.potential.basis.invariants, self.low, strict=True),
        )
        for values, limits, invariants, n in orbits:
            middle, half = limits[:n].mean(axis=1), np.maximum(np.ptp(limits[:n], axis=1) / 2, 1e-12)
            distance = abs(values[:n] - middle[:, None, None]).max(axis=(1, 2)) / half
            worst = max(worst, float((distance ** (1 / invariants.degrees[:n])).max()))
        return worst


@eqx.filter_jit
def _look(lattice, u, deformation, translations, low):
    invariants = lattice.invariants(u, deformation, translations)
    return (
        lattice.energy(u, deformation, translations),
        invariants,
        environment(lattice, u, deformation, translations, low),
    )


def maxvol(vectors, tolerance=1.001):
    """Rows of (n, m) vectors whose m x m matrix has (locally) the largest volume (Goreinov et al. 2010)."""
    _, _, order = qr(vectors.T, pivoting=True, mode="economic")
    chosen = order[: vectors.shape[1]].copy()
    for _ in range(10000):
        coefficients = vectors @ np.linalg.inv(vectors[chosen])
        row, column = np.unravel_index(np.argmax(abs(coefficients)), coefficients.shape)
        if abs(coefficients[row, column]) <= tolerance:
            break
        chosen[column] = row
    return vectors[chosen]


def rates(values, held_out, limits):
    """``(record, curves)``: the hotter run against all others, the hottest of these, held-out frames."""
    record, curves = {}, []
    hottest, hotter = sorted(values)[-2:]
    for name in held_out:
        hot = values[hotter][name]
        calm = np.concatenate([v[name] for t, v in values.items() if t < hotter])
        limit = limits[name]
        record[name] = {
            "area": area(calm, hot),
            "area_hottest": area(values[hottest][name], hot),
            "area_held_out": None if "energy" in name else area(held_out[name], hot),
            "beyond": {f"{t} K": float(np.mean(v[name] > limit)) for t, v in values.items()}
            | {"held out": float(np.mean(held_out[name] > limit))},
        }
        if not name.startswith("MaxVol, largest"):
            edges = np.sort(np.concatenate([calm, hot, [-np.inf, np.inf]]))[::-1]
            false, true = ([float(np.mean(x > e)) for e in edges] for x in (calm, hot))
            point = None if "energy" in name else (float(np.mean(calm > limit)), float(np.mean(hot > limit)))
            curves.append({"name": name, "false": false, "true": true, "area": record[name]["area"], "limit": point})
    return record, curves


def area(calm, hot):
    """Chance that a hot state has the higher grade."""
    return float(np.mean(hot[:, None] > calm) + 0.5 * np.mean(hot[:, None] == calm))


# --- cost ---


def cost(out):
    """CPU seconds of 4,000 steps of dynamics at 300 K, sampled every 20 steps, with grades and without."""
    graded = ah.load("CsPbBr3")
    result = {}
    for n in (4, 8):
        start = start_at_rest(graded, [n, n, n])
        for name, potential in (("without", replace(graded, domain=None)), ("with", graded)):
            seconds = []
            for seed in range(4):
                began = time.process_time()
                simulate(potential, start, temperatures=(300,), equilibration=200, production=4000, seed=seed)
                seconds.append(time.process_time() - began)
            result[f"{5 * n**3} atoms, {name} grades"] = {"steps": 4200, "seconds": sorted(seconds[1:])[0]}
    return result


def main():
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("calibration", "roc", "cost"))
    parser.add_argument("--out", type=Path, default=Path("uncertainty"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    found = {"calibration": calibration, "roc": roc, "cost": cost}[options.what](options.out)
    text = json.dumps(jax.tree.map(lambda x: round(x, 4) if isinstance(x, float) else x, found), indent=1)
    (options.out / f"{options.what}.json").write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
