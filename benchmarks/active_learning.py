"""How many labels a potential needs when it chooses them: 20 frames at random, then those that teach most.

    python benchmarks/active_learning.py potentials/CsPbBr3/fit-first.toml --figure docs/figures/active_learning.png

Beside it the same number chosen by chance. The frames that fit.toml holds out are the test, all others the pool.
Labels of the pool are looked at only once a frame is chosen. The fits are those of fit.toml (ridge regression),
solved from the same equations for every subset.
"""

import argparse
from pathlib import Path

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from anharmonic.conventions import GPA
from anharmonic.fitting import Weights
from anharmonic.fitting.config import FitConfig
from anharmonic.fitting.geometry import Geometry
from anharmonic.fitting.information import choose, in_tolerances
from anharmonic.fitting.problem import untrained
from anharmonic.fitting.statistics import Statistics
from anharmonic.fitting.unit_predictions import UnitPredictions
from anharmonic.interfaces.style import COLOURS, PAGE, figure

SIZES = (20, 30, 40, 50, 63, 80, 100, 126)
NAMES = ("energy (meV/atom)", "forces (meV/A)", "stress (GPa)")
START = 20


def rows_of(config):
    """By frame: scaled unit predictions with offsets, scaled labels, scales of the kinds; which are the test."""
    dataset = config.dataset(config.reference())
    _, test = config.parts(dataset)
    basis, weights = config.prepared(dataset.crystal)[0], config.fit.get("weights") or Weights()
    geometry, n_sites = Geometry(basis), dataset.crystal.n_sites
    unit = UnitPredictions(geometry, untrained(basis, Statistics.of_dataset(geometry, dataset)))
    rows = []
    for row in unit.rows(dataset, weights):
        rows.append((*row.scaled(), row.scales * row.by_kind(row.n_cells * n_sites, 1, 1)))
    held_out = {frame.source for frame in test.frames}
    is_test = np.array([frame.source in held_out for frame in dataset.frames])
    groups = np.array([dataset.groups.index(frame.group) for frame in dataset.frames])
    return rows, is_test, groups, unit.n_weights, in_tolerances(unit, dataset, weights)


def fitted(rows, chosen, n_weights, ridge):
    """Weights and offsets of a fit to some frames; the loss is a mean over them."""
    share = len(rows) / len(chosen)
    matrix = share * sum(rows[k][0] @ rows[k][0].T for k in chosen)
    target = share * sum(rows[k][0] @ rows[k][1] for k in chosen)
    diagonal = np.where(np.arange(len(target)) < n_weights, ridge, 1e-12)
    return cho_solve(cho_factor(matrix + np.diag(diagonal)), target)


def errors(rows, tested, groups, solution):
    """Root mean square errors; energies up to the mean of their group, as in reports of fits."""
    energy, forces, stress = [], [], []
    for k in tested:
        jacobian, labels, scales = rows[k]
        residual = (jacobian.T @ solution - labels) / scales
        energy.append(residual[0])
        forces.append(residual[1:-9])
        stress.append(residual[-9:])
    energy = np.array(energy)
    for group in np.unique(groups[tested]):
        energy[groups[tested] == group] -= energy[groups[tested] == group].mean()
    rms = [np.sqrt(np.mean(np.concatenate([np.ravel(x) for x in part]) ** 2)) for part in (energy, forces, stress)]
    return rms[0] * 1e3, rms[1] * 1e3, rms[2] / GPA


def curves(config, seeds):
    """Errors (seeds, sizes, 3) by name of the choice."""
    rows, is_test, groups, n_weights, predictions = rows_of(config)
    pool, tested = np.flatnonzero(~is_test), np.flatnonzero(is_test)
    ridge, sizes = config.fit.get("ridge", 1.0), [n for n in SIZES if n < len(pool)] + [len(pool)]
    found = {"chosen by information": [], "chosen by chance": []}
    for seed in range(seeds):
        order = np.random.default_rng(seed).permutation(pool)
        left = order[START:]
        chosen = choose([predictions[k] for k in order[:START]], [predictions[k] for k in left], len(left))
        informed = np.concatenate([order[:START], left[[k for k, _ in chosen]]])
        for name, sequence in zip(found, (informed, order), strict=True):
            fits = (fitted(rows, sequence[:n], n_weights, ridge) for n in sizes)
            found[name].append([errors(rows, tested, groups, one) for one in fits])
    return sizes, {name: np.array(values) for name, values in found.items()}


def draw(sizes, found, path):
    """Means over the seeds and their ranges."""
    with figure(path, PAGE, 2.3) as drawing:
        for k, (axis, label) in enumerate(zip(drawing.subplots(1, 3), NAMES, strict=True)):
            for colour, (name, values) in zip(COLOURS, found.items(), strict=False):
                axis.plot(sizes, values[..., k].mean(0), "o-", color=colour, label=name)
                axis.fill_between(sizes, values[..., k].min(0), values[..., k].max(0), color=colour, alpha=0.2, lw=0)
            axis.axvline(sizes[-1] / 2, color="0.6", ls=":")
            axis.set(xlabel="Labelled frames", ylabel=f"Held out: {label}".replace("A)", "Å)"), ylim=(0, None))
            if not k:
                axis.legend()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path, help="fit.toml of a polynomial")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--figure", type=Path)
    options = parser.parse_args()
    sizes, found = curves(FitConfig.read(options.config), options.seeds)
    print(f"| frames | {' | '.join(f'{name}: {n}' for name in found for n in NAMES)} |")
    for k, size in enumerate(sizes):
        cells = [f"{v[:, k, j].mean():.3g} +- {v[:, k, j].std():.2g}" for v in found.values() for j in range(3)]
        print(f"| {size} | {' | '.join(cells)} |")
    if options.figure:
        draw(sizes, found, options.figure)
