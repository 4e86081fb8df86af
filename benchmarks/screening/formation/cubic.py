"""Formation energies of cubic perovskite oxides: what the error of a fingerprint is made of.

    python benchmarks/screening/formation/cubic.py TABLE --seeds 3

The protocol of Williams, Mukherjee and Rajan (fingerprints of unrelaxed structures, networks, 70/30) and, one by one,
what can be changed in it: the lattice, the channels, the bins, the names of the elements. Compositions are divided,
70 % for training, of which a tenth decides the epoch that is kept. Finished rows are read from --json.
"""

import argparse
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import product
from pathlib import Path

import jax
import numpy as np
import surfaces
from rows import Rows, errors

from anharmonic.screening.elements import PROPERTIES, element_table
from anharmonic.screening.extras import extra
from anharmonic.screening.models.evaluation import split_groups
from anharmonic.screening.networks.convolutional import FingerprintNetwork
from anharmonic.screening.networks.graph import GraphNetwork, crystal_graph, stack
from anharmonic.screening.networks.naming import ProfileNetwork
from anharmonic.screening.networks.samples import Samples
from anharmonic.screening.networks.training import Training, train, train_ensemble

PROPERTY, SHARE = "e_form_eV_atom", 0.7
COLUMNS = {
    "mae": ("test MAE", ".3f"), "median": ("median", ".3f"), "r2": ("R2", ".3f"), "outliers": ("> 0.5 eV", ".0f"),
    "train": ("training MAE", ".3f"), "boosted": ("MAE, linear boost", ".3f"), "named_a": ("A named (%)", ".0f"),
    "named_b": ("B named (%)", ".0f"), "cpu_s": ("CPU s", ".0f"),
}  # fmt: skip


@dataclass(frozen=True)
class Row:
    """A model and what it is told.

    Attributes
    ----------
    model : str
        images, profiles, graph; of the composition: names (network), one-hot (ridge), properties (boosting).
    lattice : str
        Of the structures: random, fixed or relaxed.
    bins, channels : int
        Of images.
    named : bool
        Whether A and B are named on the way.
    also : tuple of str
        Lattices at which the compounds of the training are shown as well.
    every : bool
        Whether those of the test are shown there, too, with their elements and without their energies.
    members : int
        Networks whose mean is taken.
    """

    model: str
    lattice: str = "random"
    bins: int = 50
    channels: int = 3
    named: bool = False
    also: tuple = ()
    every: bool = False
    members: int = 1


ROWS = {
    "one-hot A and B, ridge": Row("one-hot"),
    "properties of the elements, boosting": Row("properties"),
    "names given, network": Row("names"),
    "profiles, relaxed, named": Row("profiles", "relaxed", named=True),
    "CNN, random (the paper's protocol)": Row("images", channels=1),
    "profiles, relaxed, named, ensemble of 5": Row("profiles", "relaxed", named=True, members=5),
    "profiles, relaxed, named, other lattices shown": Row("profiles", "relaxed", named=True, also=("random", "fixed")),
    "profiles, relaxed, named, other lattices of all compositions": Row(
        "profiles", "relaxed", named=True, also=("random", "fixed"), every=True
    ),
    "profiles, random, named, fixed lattice of all compositions": Row(
        "profiles", "random", named=True, also=("fixed",), every=True
    ),
    "profiles, random, named": Row("profiles", "random", named=True),
    "profiles, random, named, other lattices shown": Row("profiles", "random", named=True, also=("fixed", "relaxed")),
    "CNN, random, A B X apart": Row("images"),
    "CNN, random, A B X apart, named": Row("images", named=True),
    "CGCNN, random": Row("graph", "random"),
    "CGCNN, relaxed": Row("graph", "relaxed"),
    "CNN, fixed": Row("images", "fixed", channels=1),
    "CNN, relaxed": Row("images", "relaxed", channels=1),
    "CNN, relaxed, A B X apart": Row("images", "relaxed"),
    "CNN, relaxed, A B X apart, named": Row("images", "relaxed", named=True),
    "profiles, fixed, named": Row("profiles", "fixed", named=True),
    "profiles, relaxed": Row("profiles", "relaxed"),
    "CNN, fixed, A B X apart, named": Row("images", "fixed", named=True),
    "CNN, relaxed, A B X apart, named, 100 bins": Row("images", "relaxed", bins=100, named=True),
    "CNN, random, 100 bins": Row("images", bins=100, channels=1),
}
"""In the order of what they are needed for."""


class Bench:
    """The data of all settings, read when they are asked for."""

    def __init__(self, table, kept, epochs):
        self.path, self.kept, self.epochs = table, Path(kept), epochs
        self.table = cache(lambda lattice: surfaces.cubic(self.path, lattice, self.kept))
        self.samples = cache(self.samples)

    def samples(self, model, lattice, bins=50, channels=3):
        """Samples for a model of the structures at a lattice."""
        table = self.table(lattice)
        if model == "images":
            inputs = surfaces.images(table, bins, channels == 3, self.kept / f"{lattice}-{bins}.npy")
        elif model == "profiles":
            inputs = surfaces.profiles(table, self.kept / f"{lattice}-profiles.npy")
        elif model == "graph":
            inputs = stack([crystal_graph(atoms) for atoms in table.structures])
        else:
            inputs = composition(model, table.roles)
        values = np.array([[entry.properties[PROPERTY]] for entry in table.entries])
        return Samples(inputs, values, np.array([entry.formula for entry in table.entries]), table.roles[:, :2])

    def run(self, row, seed):
        """Errors of a row."""
        samples = self.samples(row.model, row.lattice, row.bins, row.channels)
        inside = split_groups(samples.groups, SHARE, seed)
        known, asked = samples.part(inside), samples.part(~inside)
        shown = known
        for lattice in row.also:
            other = self.samples(row.model, lattice, row.bins, row.channels)
            given = np.isin(other.groups, known.groups)
            other = replace(other, targets=np.where(given[:, None], other.targets, np.nan))
            shown = shown.joined(other if row.every else other.part(given))
        if row.model in ("one-hot", "properties"):
            done = regression(row.model).fit(known.inputs, known.targets[:, 0])
        elif row.members > 1:
            settings = self.settings(row, 100 * seed)
            done = train_ensemble(lambda key: network(row, shown.inputs, key), shown, settings, row.members)
        else:
            done = train(network(row, shown.inputs, jax.random.key(seed)), shown, self.settings(row, seed))
        found = errors(asked.targets, done.predict(asked.inputs), known.targets, done.predict(known.inputs))
        named = np.mean([m.name(asked.inputs) == asked.elements for m in getattr(done, "members", (done,))],
                        axis=(0, 1)) if row.named else None  # fmt: skip
        return found if named is None else found | {"named_a": float(100 * named[0]), "named_b": float(100 * named[1])}

    def settings(self, row, seed):
        """Where several lattices are shown, batches are twice as large."""
        epochs = self.epochs.get(row.model, self.epochs["profiles"])
        return Training(epochs=epochs, batch=128 if row.also else 64, seed=seed)


def network(row, inputs, key):
    """The network of a row, before its training."""
    if row.model == "graph":
        return GraphNetwork(key=key)
    kind = FingerprintNetwork if row.model == "images" else ProfileNetwork
    return kind(inputs, named=2 if row.named else 0, key=key)


def composition(model, roles):
    """Descriptors (n, ...) of which elements are on A and B."""
    if model in ("one-hot", "names"):
        return np.concatenate([np.eye(104, dtype=np.float32)[roles[:, k]] for k in (0, 1)], axis=1)
    known = element_table()
    columns = np.stack([np.arange(104), *(known[name] for name in PROPERTIES)], axis=1)
    return columns[roles[:, :2]].reshape(len(roles), -1)


def regression(model):
    """A model of scikit-learn for descriptors of the composition."""
    if model == "one-hot":
        return extra("sklearn.linear_model").Ridge(alpha=1.0)
    return extra("sklearn.ensemble").HistGradientBoostingRegressor(
        loss="absolute_error", max_iter=600, learning_rate=0.1, random_state=0
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table")
    parser.add_argument("--cache", default=".cache/formation")
    parser.add_argument("--json", default=".cache/formation/cubic.json")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rows", nargs="*", help="parts of the names of the rows to run; none: the table alone")
    parser.add_argument("--skip", nargs="*", default=(), help="parts of the names of rows not to run")
    parser.add_argument("--epochs", type=int, nargs=3, default=(30, 60, 60), help="of images, profiles, graph")
    options = parser.parse_args()
    bench = Bench(options.table, options.cache, dict(zip(("images", "profiles", "graph"), options.epochs, strict=True)))
    rows = Rows(options.json)
    chosen = [name for name in ROWS if options.rows is None or any(part in name for part in options.rows)]
    chosen = [name for name in chosen if not any(part in name for part in options.skip)]
    for seed, name in product(range(options.seeds), chosen):
        rows.run(name, seed, partial(bench.run, ROWS[name], seed))
    print(rows.table(COLUMNS))
