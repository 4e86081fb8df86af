"""Bulk moduli from structures and compositions: every model on the same split, the last fifth of a random order."""

import argparse

import numpy as np
from tables import Timer, add_arguments, crystals, line, optional

from anharmonic.screening import Composition, GridSettings, Metric, describe, grid
from anharmonic.screening.descriptors.powder import powder
from anharmonic.screening.descriptors.reflections import reflections
from anharmonic.screening.distances.nearest import distance_matrix, nearest
from anharmonic.screening.models.evaluation import scores, splits
from anharmonic.screening.models.linear import kernel_ridge, lasso, ridge
from anharmonic.screening.models.property import make_model, usable

COARSE = GridSettings(groups=50, cutoff=10.0, width=0.5, smearing=0.2)
"""GRID with 1,000 columns for the linear models."""


class Bench:
    """The data of one split."""

    def __init__(self, entries, name, seed):
        library = describe(entries)
        for one in library.refused:
            print(f"refused {one.name}: {one.reason}")
        mask = usable(library.property(name))
        print(f"{mask.sum()} of {len(mask)} crystals have a value in (0, 600] GPa")
        refused = {one.name for one in library.refused}
        self.library = library.part(mask)
        kept = [entry.atoms for entry in entries if entry.name not in refused]
        self.atoms = [atoms for atoms, use in zip(kept, mask, strict=True) if use]
        self.values = self.library.property(name)
        self.splits = splits(len(self.values), 5, seed)
        self.train, self.test = self.splits[0]

    def report(self, name, predicted, seconds=0.0):
        """A row of the table, of predictions for the test crystals."""
        found = scores(self.values[self.test], predicted)
        cells = f"{found.mae:.1f}", f"{found.median:.1f}", f"{found.r2:.3f}", f"{100 * found.relative:.0f}"
        line(name, *cells, f"{seconds:.0f}")

    def nearest(self, name, rows):
        """1-NN on rows, on this split and on all five."""
        with Timer() as timer:
            errors = []
            for train, test in self.splits:
                numbers, _ = nearest(rows[test], rows[train], 1)
                errors.append(abs(self.values[train][numbers[:, 0]] - self.values[test]))
        numbers, _ = nearest(rows[self.test], rows[self.train], 1)
        self.report(name, self.values[self.train][numbers[:, 0]], timer.cpu / 5)
        every = np.concatenate(errors)
        print(f"    all five splits: MAE {every.mean():.2f}, median {np.median(every):.1f}")

    def model(self, name, model, rows=None):
        """A model of a library, or of rows of numbers."""
        with Timer() as timer:
            if rows is None:
                model.fit(self.library.part(self.train), self.values[self.train])
                predicted = model.predict(self.library.part(self.test))
            else:
                model.fit(rows[self.train], self.values[self.train])
                predicted = model.predict(rows[self.test])
        self.report(name, predicted, timer.cpu)


def neighbours(bench):
    """Nearest neighbours by several distances."""
    values, library = bench.values, bench.library
    bench.report("median of all", np.full(len(bench.test), np.median(values[bench.train])))
    bench.nearest("1-NN, GRID + EMD", Metric(1, 0).rows(library))
    bench.nearest("1-NN, composition EMD, one scale (Glawe)",
                  Metric(0, 1, Composition(("chemical_scale",))).rows(library))  # fmt: skip
    composition = Metric(0, 1).rows(library)
    bench.nearest("1-NN, composition EMD, three scales", composition)
    bench.nearest("1-NN, GRID + composition (the default)", Metric().rows(library))
    bench.model("3-NN, the same distance", make_model("nearest", k=3))
    with optional("average-minimum-distance"):
        import amd

        means = np.array([amd.AMD(amd.PeriodicSet(a.positions, a.cell.array), 100) for a in bench.atoms])
        bench.nearest("1-NN, AMD (L1 mean) + composition", np.concatenate([means / 100, composition], axis=1))


def descriptors(bench):
    """Linear and kernel models on GRID, on the Fourier descriptor, and on the powder pattern."""
    coarse = np.array([grid(a, COARSE).ravel() for a in bench.atoms], np.float32)
    bench.model("LASSO on GRID (50 groups, 0.5 A)", lasso(), coarse)
    bench.model("ridge on GRID (50 groups, 0.5 A)", ridge(), coarse)
    for name, function in (("Fourier descriptor (Niggli cell)", reflections), ("powder pattern", powder)):
        rows = np.array([function(a) for a in bench.atoms], np.float32)
        bench.model(f"LASSO on the {name}", lasso(), rows)
        bench.model(f"kernel ridge on the {name}", kernel_ridge(rows.shape[1]), rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser)
    parser.add_argument("--seed", type=int, default=0, help="of the order")
    parser.add_argument("--binaries", action="store_true", help="only crystals of two elements")
    options = parser.parse_args()
    entries = crystals(options.table)
    if options.binaries:
        entries = [entry for entry in entries if len(set(entry.atoms.numbers)) == 2]
    bench = Bench(entries, options.property, options.seed)
    distance_matrix(np.zeros((2, 3), "f4"))
    line("model", "MAE (GPa)", "median", "R2", "mean error of ln K (%)", "CPU s")
    line("---", "---", "---", "---", "---", "---")
    neighbours(bench)
    for name in ("kernel", "boosting", "combined"):
        bench.model(f"{name}: `make_model`", make_model(name))
    descriptors(bench)
