"""What the ways to propose compounds are worth, side by side; and errors over the amount of data.

python benchmarks/screening/proposals.py --model generator/generator.model --count 1000 --target -2
python benchmarks/screening/proposals.py --model generator/generator.model --structures oqmd.jsonl.gz --elements X=Br
python benchmarks/screening/proposals.py --structures oqmd.jsonl.gz mp.jsonl.gz --curve data.png

The latent space is the latent.h5 beside the model. With structures, random substitution is compared too. A plain
autoencoder, without heads, is trained by the third command with --plain FILE and compared with --plain FILE.
"""

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from ase.data import chemical_symbols

from anharmonic.files import write_json
from anharmonic.interfaces.latent_figures import draw_learning_curve
from anharmonic.screening.generator.descriptor import encode_all
from anharmonic.screening.generator.evaluation import evaluate
from anharmonic.screening.generator.latent import LatentSpace
from anharmonic.screening.generator.layout import SHAPE
from anharmonic.screening.generator.network import STABLE
from anharmonic.screening.generator.objective import Weights
from anharmonic.screening.generator.proposals import METHODS, propose, read_again
from anharmonic.screening.generator.substitution import Known, substitute
from anharmonic.screening.generator.training import DEFAULT, Generator, train_generator
from anharmonic.screening.models.evaluation import split_groups
from anharmonic.screening.reading import read_entries

SHARES = 0.125, 0.25, 0.5, 1.0
"""Of the crystals of the training."""
SHOWN = {"energy_mae": "Energy MAE (eV / atom)", "elements": "Elements wrong", "lattice_mae": "Lattice MAE (Å)"}
HEAD = (
    "| method | proposed | valid (%) | formulas | not known | stable after decoding (%) | E asked | E given | "
    "MAE of the two | seconds |"
)
ENERGY, LARGEST = "e_form_eV_atom", 6.0


def read(files):
    """Entries with a plausible formation energy, and these (n,), eV/atom."""
    entries = [e for e in read_entries(files)[0] if abs(e.properties.get(ENERGY, np.inf)) < LARGEST]
    return entries, np.array([entry.properties[ENERGY] for entry in entries])


def row(name, found, seconds, formulas):
    """A line of the table: shares of what was proposed."""
    valid = [one for one in found if one.valid]
    own = {one.formula for one in valid}
    energies = np.array([one.energy for one in valid])
    again = np.array([one.energy_again for one in valid])
    if not valid:
        return print(f"| {name} | {len(found)} | 0 |" + " |" * 7)
    shares = 100 * len(valid) / len(found), len(own), len(own - formulas), 100 * np.mean(again <= STABLE)
    error = np.nanmean(abs(energies - again)) if np.isfinite(energies).any() else np.nan
    values = np.nanmean(energies) if np.isfinite(energies).any() else np.nan, np.nanmean(again), np.nanstd(again), error
    print("| {} | {} | {:.1f} | {} | {} | {:.0f} | ".format(name, len(found), *shares), end="")
    print("{:.2f} | {:.2f} ± {:.2f} | {:.2f} | {:.0f} |".format(*values, seconds), flush=True)


def compare(options):
    """The table of all methods."""
    elements = {site: set(names.split("/")) for site, names in (one.split("=") for one in options.elements)}
    generator = Generator.load(options.model)
    space = LatentSpace.load(Path(options.model).with_name("latent.h5"))
    formulas = abx(space)
    print(HEAD + "\n|" + " --- |" * 10)
    for method in options.methods:
        begin = time.process_time()
        found = propose(generator, space, options.count, method, options.target, elements, options.seed)
        row(method, found, time.process_time() - begin, formulas)
    if options.plain:
        plain, begin = Generator.load(options.plain), time.process_time()
        empty = LatentSpace.of(plain, np.empty((0, *SHAPE)), [], [])
        made = propose(plain, empty, options.count, "prior", None, elements, options.seed)
        again = read_again(generator, [one.decoded for one in made])  # its own heads know nothing
        values = zip(made, *again, strict=True)
        found = [replace(one, energy=np.nan, energy_again=e, stable_again=p) for one, e, p in values]
        row("plain autoencoder, prior", found, time.process_time() - begin, formulas)
    if options.structures:
        known, begin = Known.of(*read(options.structures)), time.process_time()
        found = substitute(known, options.count, elements, options.seed, generator)
        row("substitution", found, time.process_time() - begin, formulas)


def abx(space):
    """Formulas of a latent space in the order A, B, X."""
    return {"{}{}{}3".format(*(chemical_symbols[n] for n in sites)) for sites in space.sites.tolist()}


def learning_curve(options):
    """Errors on one fifth of the formulas, of trainings on shares of the others; each goes on where it stopped."""
    entries, energies = read(options.structures)
    images, taken, _ = encode_all(entries)
    energies = np.array([entry.properties[ENERGY] for entry in taken])
    groups = np.array([entry.formula for entry in taken])
    tested = split_groups(groups, 0.2, options.seed)
    settings = replace(DEFAULT, epochs=options.epochs, seed=options.seed)
    weights = Weights(energy=1e6, stability=0.0) if options.plain else Weights()
    counts, errors = [], []
    for share in (1.0,) if options.plain else SHARES:
        own = ~tested & ~split_groups(groups, 1 - share, options.seed + 1) if share < 1 else ~tested
        state = Path(options.plain or options.curve).with_suffix(f".{share:g}.state")
        parts = images[own], energies[own], groups[own]
        found = train_generator(*parts, weights=weights, settings=settings, checkpoint=state)
        if options.plain:
            found.save(options.plain)
        counts.append(int(own.sum()))
        errors.append(evaluate(found, images[tested], energies[tested])[0])
        print(counts[-1], errors[-1], flush=True)
    if not options.plain:
        write_json(Path(options.curve).with_suffix(".json"), {"counts": counts, "errors": errors})
        shown = {label: [one[name] for one in errors] for name, label in SHOWN.items()}
        draw_learning_curve(counts, shown, options.curve)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="compare the methods of this generator")
    parser.add_argument("--methods", nargs="+", default=METHODS)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--target", type=float)
    parser.add_argument("--elements", nargs="*", default=[], metavar="SITE=EL/EL")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--structures", nargs="+")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--curve", help="train on shares of the structures and draw the errors")
    parser.add_argument("--plain", help="a generator without heads: trained without --model, compared with it")
    given = parser.parse_args()
    compare(given) if given.model else learning_curve(given)
