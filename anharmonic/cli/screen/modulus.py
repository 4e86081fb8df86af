"""``anharmonic screen modulus``: elastic moduli, or any positive property, from similar crystals."""

from pathlib import Path
from typing import Annotated

import typer

from anharmonic.cli.options import out_option, output_folder
from anharmonic.cli.screen import options as opt
from anharmonic.errors import AnharmonicError

Out = Annotated[Path, out_option("predictions.csv, predictions.json; of --validate validation.json and parity.png")]
SHOWN, ROWS = 3, 100
"""Neighbours named beside a prediction at least, and rows of the table on the screen."""


def modulus(
    library: opt.LibraryFile,
    files: Annotated[list[Path] | None, typer.Argument(metavar="FILES", help="Structures to predict.")] = None,
    properties: Annotated[
        list[str] | None,
        typer.Option(
            "--property", metavar="NAME", show_default="those named after moduli",
            help="Property of the library; may be repeated.",
        ),
    ] = None,
    model: Annotated[
        str,
        typer.Option(
            "--model", metavar="NAME",
            help="nearest (needs no training), kernel, boosting, or combined (the last two; most accurate).",
        ),
    ] = "nearest",
    neighbours: Annotated[
        int, typer.Option("--neighbours", "-k", metavar="N", help="Of the model nearest.")
    ] = 1,
    structure: opt.StructureWeight = 1.0,
    composition: opt.CompositionWeight = 1.0,
    largest: Annotated[
        float, typer.Option("--largest", metavar="GPa", help="Values above it, and not above 0, are not learnt from.")
    ] = 600.0,
    validate: Annotated[
        bool, typer.Option("--validate", help="Cross-validate on the library: errors and a parity figure.")
    ] = False,
    folds: Annotated[int, typer.Option("--folds", metavar="N", help="Of --validate.")] = 5,
    fitted: Annotated[
        Path | None,
        typer.Option("--fitted", metavar="FILE", help="Fitted models: read if it is there, else written."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of folds and models.")] = 0,
    out: Out = Path("modulus"),
    quiet: opt.Quiet = False,
):  # fmt: skip
    """Predict bulk and shear moduli from similar crystals, and name those.

    [cyan]anharmonic screen modulus new.cif --library elastic.h5[/cyan]

    [cyan]anharmonic screen modulus cifs/ --library elastic.h5 --model combined --fitted moduli.skops[/cyan]

    [cyan]anharmonic screen modulus --library elastic.h5 --model combined --validate[/cyan]

    Values have the unit of the library. Beside each stand the nearest crystals that were learnt from with theirs, and
    how far they are; one that is farther than 95 % of those are from their neighbours is outside: a guess.
    """
    from anharmonic.cli.terminal import show
    from anharmonic.screening import Library, Metric
    from anharmonic.screening.models.property import make_model

    if not files and not validate:
        raise AnharmonicError("nothing to do: give structures to predict, or --validate")
    options = {
        "model": model,
        "neighbours": neighbours,
        "structure": structure,
        "composition": composition,
        "seed": seed,
    }
    known, metric, folder = Library.load(library), Metric(structure, composition), output_folder(out)
    data = _data(known, properties, largest)
    if fitted:
        opt.writable(fitted)

    def make():
        return make_model(model, metric, neighbours, seed)

    make()
    items = _validated(data, make, folds, seed, folder, quiet) if validate else []
    if files:
        queries, _ = opt.described(files, known.settings, quiet)
        origin = options | {"largest": largest, "library": known.digest()}
        models, lines = _fitted(data, make, fitted, origin, quiet)
        items += [*_predicted(data, models, metric, queries, max(neighbours, SHOWN), folder), *lines]
    show(*items, *(line for _, _, line in data.values()))


def _data(library, wanted, largest):
    """By property: the entries to learn from, their values, and a line about the others."""
    from anharmonic.screening.models.predictor import learnable

    names = list(wanted or [n for n in library.property_names if "VRH" in n or "modulus" in n.lower()])
    if not names:
        known = ", ".join(library.property_names) or "none"
        raise AnharmonicError(f"no property of the library is named after a modulus; choose with --property: {known}")
    found = {}
    for name in names:
        part, values = learnable(library, name, largest)
        found[name] = part, values, f"{name}: {len(part)} of {len(library)} entries have a value in (0, {largest:g}]"
    return found


def _validated(data, make, folds, seed, folder, quiet):
    """Tables, and files, of a cross-validation."""
    from anharmonic.cli.terminal import counting, table
    from anharmonic.interfaces.screening_figures import draw_parity
    from anharmonic.screening.models.evaluation import cross_validate, scores

    panels, rows, record = {}, [], {}
    for name, (part, values, _) in data.items():
        with counting(f"{name}: folds", quiet) as progress:
            predicted = cross_validate(make, part, values, folds, seed, progress)
        found = scores(values, predicted)
        panels[name] = values, predicted, f"{found.count} crystals, MAE {found.mae:.3g}, median {found.median:.3g}"
        record[name] = found.asdict()
        numbers = (f"{x:.3g}" for x in (found.mae, found.median, found.rmse, found.r2))
        rows.append((name, found.count, *numbers))
    draw_parity(panels, folder / "parity.png")
    opt.write_json(folder / "validation.json", record)
    columns = "<property", "crystals", "MAE", "median", "RMSE", "R2"
    return [table(f"Cross-validation, {folds} folds", columns, rows),
            f"wrote validation.json and parity.png to {folder}"]  # fmt: skip


def _fitted(data, make, path, origin, quiet):
    """Models by property, read from `path` if it is there, and lines about that."""
    from anharmonic.cli.terminal import counting
    from anharmonic.screening.models.property import load_models, save_models

    if path and path.exists():
        models = load_models(path, origin)
        missing = [name for name in data if name not in models]
        if missing:
            raise AnharmonicError(f"{path} has models of {', '.join(models)}; none of {', '.join(missing)}")
        return models, [f"models of {path}"]
    models = {}
    with counting("fitting", quiet) as progress:
        for number, (name, (part, values, _)) in enumerate(data.items()):
            models[name] = make().fit(part, values)
            progress(number + 1, len(data))
    if not path:
        return models, []
    save_models(path, models, origin)
    return models, [f"wrote the models to {path}"]


def _predicted(data, models, metric, queries, count, folder):
    """Table, and files, of the predictions."""
    from dataclasses import asdict

    from anharmonic.cli.terminal import table
    from anharmonic.screening.models.predictor import predict

    found = [p for name, (part, values, _) in data.items()
             for p in predict(models[name], metric, name, part, values, queries, count)]  # fmt: skip
    opt.write_json(folder / "predictions.json", [asdict(p) for p in found])
    opt.write_csv(folder / "predictions.csv", [_flat(p) for p in found])
    rows = [(p.structure, p.formula, p.property, f"{p.value:.4g}", "outside" if p.outside else "",
             "; ".join(f"{n.formula} {n.name} ({n.distance:.2f}: {n.value:.4g})" for n in p.neighbours))
            for p in found[:ROWS]]  # fmt: skip
    columns = "<structure", "<formula", "<property", "value", "<", "<nearest known (distance: value)"
    far = sum(p.outside for p in found)
    return [
        table("Predictions", columns, rows),
        *([f"and {len(found) - ROWS} more rows in predictions.csv"] if len(found) > ROWS else []),
        *([f"warning: {far} of {len(found)} are outside: unlike anything that was learnt from"] if far else []),
        f"wrote predictions.csv and predictions.json to {folder}",
    ]


def _flat(prediction):
    """A prediction in one row: the first neighbour only."""
    near = prediction.neighbours[0]
    return {
        "structure": prediction.structure, "formula": prediction.formula, "property": prediction.property,
        "value": prediction.value, "outside": prediction.outside, "nearest": near.name, "nearest_formula": near.formula,
        "distance": near.distance, "nearest_value": near.value,
    }  # fmt: skip
