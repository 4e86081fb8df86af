"""Feature layers learnt on lattice constants, used for formation energies: error and time by the share of the data.

    python benchmarks/screening/formation/transfer.py TABLE --figure transfer.png

The source is a network for the relaxed lattice constant from the fingerprint of a structure with another one. Its
feature layers F are then frozen, or begin the training of all ("fine-tuned"), for the formation energy of a share of
the same compounds; a network from scratch has the same layers. Williams, Mukherjee and Rajan froze F.
"""

import argparse
from functools import partial
from pathlib import Path

import equinox as eqx
import jax
import numpy as np
import surfaces
from rows import Rows, errors

from anharmonic.interfaces.style import COLOURS, MARKERS, figure
from anharmonic.screening.models.evaluation import split_groups
from anharmonic.screening.networks.convolutional import FingerprintNetwork
from anharmonic.screening.networks.samples import Samples
from anharmonic.screening.networks.training import Training, train

SHARES = (0.1, 0.3, 1.0)
ARMS = ("from scratch", "frozen F", "fine-tuned")
COLUMNS = {
    "mae": ("test MAE", ".3f"), "train": ("training MAE", ".3f"), "r2": ("R2", ".3f"), "cpu_s": ("CPU s", ".0f"),
    "epoch_s": ("s per epoch", ".2f"),
}  # fmt: skip


def samples(options):
    """Of lattice constants (A) and of formation energies (eV/atom), the inputs the same."""
    table = surfaces.cubic(options.table, options.setting, options.cache)
    kept = Path(options.cache) / f"{options.setting}-{options.bins}.npy"
    inputs = surfaces.images(table, options.bins, options.channels == 3, kept)
    groups = np.array([entry.formula for entry in table.entries])
    lengths = np.array([[surfaces.lattice_constant(entry)] for entry in table.entries])
    energies = np.array([[entry.properties["e_form_eV_atom"]] for entry in table.entries])
    return Samples(inputs, lengths, groups), Samples(inputs, energies, groups)


def source(lengths, seed, epochs, path):
    """The network for lattice constants, from its checkpoint if it is done; and its errors (A)."""
    inside = split_groups(lengths.groups, 0.7, seed)
    known, asked = lengths.part(inside), lengths.part(~inside)
    settings = Training(epochs=epochs, seed=seed)
    done = train(FingerprintNetwork(known.inputs, key=jax.random.key(seed)), known, settings, checkpoint=path)
    return done.model, errors(asked.targets, done.predict(asked.inputs), known.targets, done.predict(known.inputs))


def target(arm, share, energies, model, seed, epochs):
    """Errors (eV/atom) of an arm that learns from a share of the training."""
    inside = split_groups(energies.groups, 0.7, seed)
    known, asked = energies.part(inside), energies.part(~inside)
    if share < 1:
        known = known.part(split_groups(known.groups, share, 1000 + seed))
    own = FingerprintNetwork(known.inputs, key=jax.random.key(100 + seed))
    frozen = (lambda m: m.features) if arm == "frozen F" else None
    if arm != "from scratch":
        own = eqx.tree_at(lambda m: m.features, own, model.features)
    settings = Training(epochs=epochs, batch=64 if share == 1 else 32, seed=seed)
    done = train(own, known, settings, frozen)
    found = errors(asked.targets, done.predict(asked.inputs), known.targets, done.predict(known.inputs))
    return found | {"epoch_s": done.seconds / len(done.curve)}


def draw(rows, path):
    """Errors and times against the share of the training."""
    with figure(path, height=3.0) as drawing:
        panels = drawing.subplots(1, 2)
        for k, arm in enumerate(ARMS):
            for axes, key in zip(panels, ("mae", "epoch_s"), strict=True):
                found = [[one[key] for one in rows.found.get(name(arm, share), {}).values()] for share in SHARES]
                points = [(100 * s, np.mean(v), np.std(v)) for s, v in zip(SHARES, found, strict=True) if v]
                if points:
                    share, mean, deviation = np.transpose(points)
                    axes.plot(share, mean, color=COLOURS[k], marker=MARKERS[k], label=arm)
                    axes.fill_between(share, mean - deviation, mean + deviation, color=COLOURS[k], alpha=0.2, lw=0)
        for axes, title in zip(panels, ("test MAE (eV/atom)", "wall time per epoch (s)"), strict=True):
            axes.set_xscale("log")
            axes.set_xticks([100 * share for share in SHARES], [f"{100 * share:g}" for share in SHARES])
            axes.minorticks_off()
            axes.set_xlabel("share of the training data (%)")
            axes.set_ylabel(title)
            axes.set_ylim(bottom=0)
        panels[0].legend()


def name(arm, share):
    return f"{arm}, {100 * share:g} %"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table")
    parser.add_argument("--cache", default=".cache/formation")
    parser.add_argument("--json", default=".cache/formation/transfer.json")
    parser.add_argument("--figure", default="transfer.png")
    parser.add_argument("--setting", choices=("random", "fixed"), default="random")
    parser.add_argument("--bins", type=int, default=50)
    parser.add_argument("--channels", type=int, choices=(1, 3), default=3)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=30)
    options = parser.parse_args()
    rows = Rows(options.json)
    lengths, energies = samples(options)
    for seed in range(options.seeds):
        learn = partial(source, lengths, seed, options.epochs, Path(options.json).with_suffix(f".{seed}.state"))
        rows.run("source: lattice constant (A)", seed, lambda learn=learn: learn()[1])
        model, _ = learn()  # from its checkpoint
        for share in SHARES:
            for arm in ARMS:
                call = partial(target, arm, share, energies, model, seed, options.epochs)
                rows.run(name(arm, share), seed, call)
    draw(rows, options.figure)
    print(rows.table(COLUMNS))
