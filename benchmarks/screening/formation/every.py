"""Formation energies of all compounds ABX3 of a table: the shipped kind of predictor beside others, by symmetry.

    python benchmarks/screening/formation/every.py TABLE --seeds 3

Formulas are divided, 70 % for training. Rows: the Gaussian process on elements and surfaces, on elements alone,
a crystal graph network, boosting on properties of the elements by site, ridge on one-hot elements, and the nearest
neighbours by GRID and composition. Then the order of the structures of one formula. Finished rows are read from --json.
"""

import argparse
import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import jax
import numpy as np
import spglib
from rows import Rows

from anharmonic.files import replacing
from anharmonic.records import load_record, save_record
from anharmonic.screening import Metric, describe, read_entries
from anharmonic.screening.elements import PROPERTIES, element_table
from anharmonic.screening.extras import extra
from anharmonic.screening.formation import gaussian_process, make_shipped
from anharmonic.screening.formation.compounds import Compounds
from anharmonic.screening.models.evaluation import scores, split_groups
from anharmonic.screening.models.nearest import NearestNeighbours
from anharmonic.screening.networks.graph import GraphNetwork, crystal_graph, stack
from anharmonic.screening.networks.samples import Samples
from anharmonic.screening.networks.training import Training, train

NEIGHBOURS, EPOCHS, GAP = 3, 60, 0.005
"""Of GRID; of the graph network; eV/atom by which two structures of a formula must differ to have an order."""
GROUPS = {
    "all": lambda table: np.ones(len(table.energies), bool),
    "oxides": lambda table: table.compounds.sites[:, 2] == 8,
    "halides": lambda table: np.isin(table.compounds.sites[:, 2], (9, 17, 35, 53)),
    "other X": lambda table: ~np.isin(table.compounds.sites[:, 2], (8, 9, 17, 35, 53)),
    "cubic oxides": lambda table: (table.symmetry == "Pm-3m") & (table.compounds.sites[:, 2] == 8),
    "Pm-3m": lambda table: table.symmetry == "Pm-3m",
    "P4mm": lambda table: table.symmetry == "P4mm",
    "P4/mmm": lambda table: table.symmetry == "P4/mmm",
    "Amm2, Cmmm": lambda table: np.isin(table.symmetry, ("Amm2", "Cmmm")),
    "R-3m, R3m": lambda table: np.isin(table.symmetry, ("R-3m", "R3m")),
}


@dataclass
class Table:
    """Compounds, their structures, energies (n,) in eV/atom, and the symbols (n,) of their space groups."""

    compounds: Compounds
    entries: list
    energies: np.ndarray
    symmetry: np.ndarray

    @classmethod
    def read(cls, path, kept):
        entries, _ = read_entries([path])
        if kept.exists():
            compounds, own = load_record(kept, "described compounds", 1, (Compounds,)), {e.name: e for e in entries}
            entries = [own[name] for name in compounds.names]
            energies = np.array([e.properties[make_shipped.PROPERTY] for e in entries])
        else:
            compounds, energies, entries = make_shipped.usable(entries)
            save_record(kept, compounds, "described compounds", 1)
        return cls(compounds, entries, energies, np.array([symmetry(e.atoms) for e in entries]))


def symmetry(atoms):
    """Symbol of the space group, to 0.01 A."""
    cell = atoms.cell.array, atoms.get_scaled_positions(), atoms.numbers
    return spglib.get_spacegroup(cell, symprec=1e-2).split()[0]


def by_process(surfaces):
    def run(table, known, seed):
        process = gaussian_process.fit(table.compounds.part(known), table.energies[known], surfaces)
        values, deviations = process.predict(table.compounds.part(~known))
        return {"predicted": values, "deviations": deviations}

    return run


def by_graphs(table, known, seed):
    graphs = stack([crystal_graph(entry.atoms) for entry in table.entries])
    samples = Samples(graphs, table.energies[:, None], np.array(table.compounds.formulas), None)
    done = train(GraphNetwork(key=jax.random.key(seed)), samples.part(known), Training(epochs=EPOCHS, seed=seed))
    return {"predicted": done.predict(samples.part(~known).inputs)[:, 0]}


def by_boosting(table, known, seed):
    columns = np.stack([np.arange(104), *(element_table()[name] for name in PROPERTIES)], axis=1)
    features = columns[table.compounds.sites].reshape(len(known), -1)
    model = extra("sklearn.ensemble").HistGradientBoostingRegressor(
        loss="absolute_error", max_iter=1500, learning_rate=0.05, random_state=seed
    )
    return {"predicted": model.fit(features[known], table.energies[known]).predict(features[~known])}


def by_ridge(table, known, seed):
    features = np.concatenate([np.eye(104)[table.compounds.sites[:, k]] for k in range(3)], axis=1)
    model = extra("sklearn.linear_model").Ridge(alpha=1.0)
    return {"predicted": model.fit(features[known], table.energies[known]).predict(features[~known])}


def by_neighbours(table, known, seed):
    library = describe(table.entries)
    model = NearestNeighbours(Metric(), NEIGHBOURS).fit(library.part(known), table.energies[known])
    return {"predicted": model.predict(library.part(~known))}


ROWS = {
    "elements and surfaces (shipped)": by_process(True),
    "elements alone": by_process(False),
    "properties of the elements, boosting": by_boosting,
    "one-hot elements, ridge": by_ridge,
    f"GRID + composition, {NEIGHBOURS} nearest": by_neighbours,
    "crystal graph network": by_graphs,
}


def order(table, asked, predicted):
    """Of formulas asked for with several structures: their number, lowest ones right, and pairs in the right order."""
    lowest = defaultdict(dict)
    for k, value in zip(np.flatnonzero(asked), predicted, strict=True):
        key = (*table.compounds.sites[k, :2].tolist(), table.symmetry[k])
        own = lowest[table.compounds.formulas[k]]
        own[key] = min(own.get(key, (np.inf, 0.0)), (table.energies[k], value))
    several = [np.array(list(own.values())) for own in lowest.values() if len(own) > 1]
    several = [pairs for pairs in several if np.ptp(np.sort(pairs[:, 0])[:2]) > GAP]
    right = np.mean([np.argmin(pairs[:, 0]) == np.argmin(pairs[:, 1]) for pairs in several])
    agree = []
    for true, guess in (pairs.T for pairs in several):
        i, j = np.triu_indices(len(true), 1)
        apart = abs(true[i] - true[j]) > GAP
        agree.extend(((true[i] - true[j]) * (guess[i] - guess[j]) > 0)[apart])
    return len(several), right, np.mean(agree)


def result(table, known, found):
    """Scores by group, the order of structures, and how many values lie within their deviations."""
    asked, error = ~known, np.asarray(found["predicted"]) - table.energies[~known]
    row = {"order": [float(x) for x in order(table, asked, found["predicted"])]}
    for name, mask in GROUPS.items():
        own = mask(table)[asked]
        true = table.energies[asked][own]
        s = scores(true, true + error[own])
        row[name] = {"mae": s.mae, "rmse": s.rmse, "r2": s.r2, "count": s.count}
    if "deviations" in found:
        ratio = abs(error) / found["deviations"]
        row["within"] = [float((ratio < n).mean()) for n in (1, 2, 3)]
    return row


def report(found, path):
    """Tables in Markdown of the means over the seeds."""

    def mean(row, *keys):
        values = list(found[row].values())
        for key in keys:
            values = [v[key] for v in values]
        return np.mean(values, axis=0)

    print("\n| model | MAE | RMSE | R2 | " + " | ".join(GROUPS) + " |")
    for row in found:
        total = f"{mean(row, 'all', 'mae'):.3f} | {mean(row, 'all', 'rmse'):.3f} | {mean(row, 'all', 'r2'):.4f}"
        print(f"| {row} | {total} | " + " | ".join(f"{mean(row, g, 'mae'):.3f}" for g in GROUPS) + " |")
    print("| compounds of the test | | | | " + " | ".join(f"{mean(row, g, 'count'):.0f}" for g in GROUPS) + " |")
    print("\n| model | formulas with an order | lowest right | pairs right | within 1, 2, 3 deviations |")
    for row, own in found.items():
        count, right, pairs = mean(row, "order")
        within = ", ".join(f"{x:.0%}" for x in mean(row, "within")) if "within" in next(iter(own.values())) else ""
        print(f"| {row} | {count:.0f} | {right:.0%} | {pairs:.0%} | {within} |")
    with replacing(path) as part:
        part.write_text(json.dumps(found, indent=1), encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table")
    parser.add_argument("--cache", type=Path, default=Path(".cache/formation"))
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    options.cache.mkdir(parents=True, exist_ok=True)
    table, rows = Table.read(options.table, options.cache / "compounds.h5"), Rows(options.cache / "every.json")
    for seed in range(options.seeds):
        known = split_groups(table.compounds.formulas, seed=seed)
        for name, make in ROWS.items():
            rows.run(name, seed, lambda run=make, k=known, seed=seed: result(table, k, run(table, k, seed)))
    report(rows.found, rows.path)
