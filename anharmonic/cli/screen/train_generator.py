"""``anharmonic screen train-generator``: a network that makes new compounds ABX3, from known ones."""

from pathlib import Path
from typing import Annotated

import typer

from anharmonic.cli.options import out_option, output_folder
from anharmonic.cli.screen import options as opt

Out = Annotated[
    Path,
    out_option(
        "generator.model, latent.h5, training.state, known.h5, train-generator.csv, .json, .png, latent-space.png"
    ),
]
PANELS = {
    "Reconstruction (nats)": (1, 7), "Divergence (nats)": (2, 8), "Energy MAE, validation (eV / atom)": (None, 10),
    "Misclassified, validation": (None, 11),
}  # fmt: skip
"""Columns of the curve."""
LARGEST = 6.0
"""eV/atom; formation energies beyond are failures."""
SHOWN = 20
"""Refused structures that are named one by one."""


def train_generator(
    files: Annotated[list[Path], typer.Argument(metavar="FILES", help="Structures, tables, folders.")],
    energy: Annotated[
        str, typer.Option("--energy", metavar="NAME", help="Property that holds formation energies, eV/atom.")
    ] = opt.ENERGY,
    preset: Annotated[str, typer.Option("--preset", metavar="NAME", help="Layers: default, or published.")] = "default",
    reading: Annotated[
        str, typer.Option("--reading", metavar="NAME", help="Of eq. 1: structure_factor, principal or linear.")
    ] = "structure_factor",
    epochs: Annotated[int, typer.Option("--epochs", min=1, metavar="N", help="Passes through the data.")] = 100,
    batch: Annotated[int, typer.Option("--batch", min=1, metavar="N", help="Crystals of a step.")] = 64,
    rate: Annotated[float, typer.Option("--rate", min=0, metavar="R", help="Learning rate at its peak.")] = 2e-3,
    beta: Annotated[float, typer.Option("--beta", min=0, metavar="B", help="Weight of the divergence.")] = 1.0,
    free: Annotated[
        float, typer.Option("--free", min=0, metavar="NATS", help="Of each latent number that cost nothing.")
    ] = 0.05,
    test: Annotated[
        float, typer.Option("--test", min=0, max=0.9, metavar="SHARE", help="Of the formulas: tested on, never seen.")
    ] = 0.2,
    seed: Annotated[int, typer.Option("--seed", metavar="N")] = 0,
    out: Out = Path("generator"),
    quiet: opt.Quiet = False,
):  # fmt: skip
    """Train the generator of compounds ABX3 on crystals with formation energies.

    [cyan]anharmonic screen train-generator oqmd.jsonl.gz --out generator[/cyan]

    The same command goes on where an interrupted training stopped (training.state), and ends as if it had not been.
    A fifth of the formulas is kept for the test, a tenth of the others decides which epoch is kept.
    """
    from dataclasses import replace

    import numpy as np

    from anharmonic.cli.terminal import counting, show
    from anharmonic.errors import AnharmonicError
    from anharmonic.interfaces.generator_figures import draw_training
    from anharmonic.screening import describe
    from anharmonic.screening.generator.evaluation import evaluate
    from anharmonic.screening.generator.network import PRESETS, STABLE
    from anharmonic.screening.generator.objective import ERRORS, TERMS, Weights
    from anharmonic.screening.generator.training import DEFAULT
    from anharmonic.screening.generator.training import train_generator as train
    from anharmonic.screening.models.evaluation import split_groups

    if preset not in PRESETS:
        raise AnharmonicError(f"presets are {', '.join(PRESETS)}; found {preset!r}")
    folder = output_folder(out)
    images, energies, entries = _read(files, energy, reading, quiet)
    groups, names = (np.array([getattr(entry, name) for entry in entries]) for name in ("formula", "name"))
    tested = split_groups(groups, test, seed)
    if min((~tested).sum(), tested.sum()) < 2:
        raise AnharmonicError(f"too few crystals for a training and a test: {len(groups)}")
    settings = replace(DEFAULT, epochs=epochs, batch=batch, learning_rate=rate, seed=seed)
    with counting("training", quiet) as progress:
        found = train(
            images[~tested], energies[~tested], groups[~tested], PRESETS[preset], Weights(beta=beta, free=free),
            settings, reading, folder / "training.state", _told(progress, epochs, quiet),
        )  # fmt: skip
    found.save(folder / "generator.model")
    errors, predicted, divergences = evaluate(found, images[tested], energies[tested])
    columns = [*(f"training {name}" for name in TERMS), *(f"validation {name}" for name in ERRORS)]
    rows = [dict(zip(columns, row.tolist(), strict=True)) for row in found.curve]
    opt.write_csv(folder / "train-generator.csv", rows)
    record = {
        "crystals": len(groups), "trained on": int((~tested).sum()), "stable": float((energies <= STABLE).mean()),
        "seconds": found.seconds, "best epoch": found.best_epoch, "divergences": divergences.tolist(),
        "test": {name: value if np.isfinite(value) else None for name, value in errors.items()},
    }  # fmt: skip
    trained = (part[~tested] for part in (images, energies, groups, names))
    record["region of interest"] = _latent_space(found, *trained, folder, quiet)
    with counting("known compounds", quiet) as progress:
        describe(entries, on_entry=progress).save(folder / "known.h5")
    opt.write_json(folder / "train-generator.json", record)
    draw_training(found.curve, PANELS, energies[tested], predicted, divergences, folder / "train-generator.png", STABLE)
    show(_table(errors), f"epoch {found.best_epoch} of {epochs} kept; {found.seconds:.0f} s", f"wrote {folder}")


def _read(files, energy, reading, quiet):
    """Images, formation energies and entries of all that can be described and has a plausible energy."""
    import numpy as np

    from anharmonic.cli.terminal import counting, say
    from anharmonic.screening.generator.descriptor import encode_all

    entries, _ = opt.read(files, quiet)
    known = [entry for entry in entries if abs(entry.properties.get(energy, np.inf)) < LARGEST]
    if len(known) < len(entries):
        say(f"{len(entries) - len(known)} structures have no {energy} between -{LARGEST:g} and {LARGEST:g}")
    with counting("describing", quiet) as progress:
        images, taken, refused = encode_all(known, reading, progress)
    if taken and len(refused) > SHOWN:
        say(f"{len(refused)} structures were refused, such as {refused[0].name}: {refused[0].reason}")
    else:
        opt.complain(refused, len(taken))
    return images, np.array([entry.properties[energy] for entry in taken]), taken


def _latent_space(generator, images, energies, formulas, names, folder, quiet):
    """Write and draw where the crystals of the training lie; what there is to say of the region of interest."""
    import numpy as np

    from anharmonic.cli.terminal import counting, say
    from anharmonic.interfaces.latent_figures import draw_latent_space
    from anharmonic.screening.generator.latent import LatentSpace, region_of_interest
    from anharmonic.screening.generator.maps import maps

    with counting("latent space", quiet) as progress:
        space = LatentSpace.of(generator, images, energies, formulas, names, progress)
    space.save(folder / "latent.h5")
    if not quiet:
        say("drawing the latent space, half a minute")
    region, drawn = region_of_interest(space), maps(space)
    own, chosen = drawn.numbers, np.isin(drawn.numbers, region.chosen)
    parts = drawn.embedded, drawn.planar, drawn.axes, space.energies[own], space.stable[own], chosen
    draw_latent_space(*parts, folder / "latent-space.png")
    return {"points": len(region.chosen), "stable neighbours": region.share}


def _told(progress, epochs, quiet):
    """What is called after every epoch: the bar; without a terminal, a line for every tenth."""
    from anharmonic.cli.terminal import messages, say

    def on_epoch(done, curve):
        progress(done, epochs)
        if not quiet and not messages().is_terminal and (done % 10 == 0 or done == epochs):
            error, kl, used, mae = curve[-1, 7:11]
            where = f"epoch {done} of {epochs}: reconstruction {error:.0f}, divergence {kl:.0f} nats"
            say(f"{where} in {used:.0f} numbers, energy {mae:.3f} eV/atom")

    return on_epoch


def _table(errors):
    """Table 1 of the paper, and its numbers."""
    from anharmonic.cli.terminal import table

    rows = [
        ("elements wrong (%)", f"{100 * errors['elements']:.1f}", "1.6"),
        ("sites wrong (%)", f"{100 * errors['sites']:.1f}", "24.1"),
        ("lattice vectors, MAE (Å)", f"{errors['lattice_mae']:.3f}", "0.820"),
        ("angles, MAE (degrees)", f"{errors['angles_mae']:.2f}", "5.29"),
        ("coordinates, MAE", f"{errors['coordinates_mae']:.4f}", "0.136"),
        ("number of atoms wrong (%)", f"{100 * errors['number_of_atoms']:.1f}", "3.8"),
        ("valid when given back (%)", f"{100 * errors['valid']:.1f}", None),
        ("formation energy, MAE (eV/atom)", f"{errors['energy_mae']:.3f}", "0.125"),
        ("formation energy, R2 (%)", f"{100 * errors['energy_r2']:.1f}", "96.0"),
        ("stable, F1 (%)", f"{100 * errors['f1']:.1f}", "95"),
        ("stable, ROC (%)", f"{100 * errors['roc']:.1f}", "98.5"),
        ("divergence (nats)", f"{errors['kl']:.1f}", None),
        ("latent numbers used", str(errors["used"]), None),
    ]
    return table(f"Test, {errors['count']} crystals", ("<", "found", "paper"), rows)
