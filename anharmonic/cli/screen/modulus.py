"""``anharmonic screen modulus``: elastic moduli, or any positive property, from similar crystals."""

import math
from pathlib import Path
from typing import Annotated

import typer

from anharmonic.cli.options import out_option, output_folder
from anharmonic.cli.screen import options as opt
from anharmonic.errors import AnharmonicError

Out = Annotated[Path, out_option("predictions.csv, predictions.json; of --validate validation.json and parity.png")]
SHOWN = 3
"""Neighbours named beside a prediction."""


def modulus(
    library: opt.Library,
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
    models: Annotated[
        Path | None,
        typer.Option("--fitted", metavar="FILE", help="Fitted models: read if it is there, else written."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of folds and models.")] = 0,
    out: Out = Path("modulus"),
    quiet: opt.Quiet = False,
):  # fmt: skip
    """Predict bulk and shear moduli from similar crystals, and name those.

    [cyan]anharmonic screen modulus new.cif --library elastic.h5[/cyan]

    [cyan]anharmonic screen modulus cifs/ --library elastic.h5 --model combined --fitted moduli.skops[/cyan]

    [cyan]anharmonic screen modulus --library elastic.h5 --model combined --validate[/cyan]

    Beside every value stand the nearest known crystals with theirs, and how far they are: a crystal farther from all
    others than 95 % of the library is from its neighbours is marked, its value is a guess.
    """
    from anharmonic.cli.terminal import show
    from anharmonic.screening import Library, Metric
    from anharmonic.screening.models.property import make_model

    if not files and not validate:
        raise AnharmonicError("nothing to do: give structures to predict, or --validate")
    known, metric, folder = Library.load(library), Metric(structure, composition), output_folder(out)
    names = _properties(known, properties)

    def make():
        return make_model(model, metric, neighbours, seed)

    make()
    items = _validated(known, names, make, largest, folds, seed, folder, quiet) if validate else []
    if files:
        queries = opt.described(files, known.settings, quiet)
        items += _predicted(known, queries, names, make, largest, metric, models, folder, quiet)
    show(*items)


def _properties(library, wanted):
    """The properties to predict."""
    names = list(wanted or [n for n in library.property_names if "VRH" in n or "modulus" in n.lower()])
    if not names:
        known = ", ".join(library.property_names) or "none"
        raise AnharmonicError(f"no property of the library is named after a modulus; choose with --property: {known}")
    for name in names:
        library.property(name)
    return names


def _learnable(library, name, largest):
    """The entries to learn from, their values, and a line about the others."""
    from anharmonic.screening.models.property import usable

    values = library.property(name)
    mask = usable(values, largest)
    if mask.sum() < 2:
        raise AnharmonicError(f"{name}: {mask.sum()} entries have a value in (0, {largest:g}]; at least 2 are needed")
    return (
        library.part(mask),
        values[mask],
        f"{name}: {mask.sum()} of {len(mask)} entries have a value in (0, {largest:g}]",
    )


def _validated(library, names, make, largest, folds, seed, folder, quiet):
    """Tables, and files, of a cross-validation."""
    from anharmonic.cli.terminal import table
    from anharmonic.interfaces.screening_figures import draw_parity
    from anharmonic.screening.models.evaluation import cross_validate, scores

    panels, rows, record, lines = {}, [], {}, []
    for name in names:
        part, values, line = _learnable(library, name, largest)
        with opt.counting(f"{name}: folds", quiet) as progress:
            predicted = cross_validate(make, part, values, folds, seed, progress)
        found = scores(values, predicted)
        panels[name] = values, predicted, f"{found.count} crystals, MAE {found.mae:.1f}, median {found.median:.1f} GPa"
        rows.append(
            (name, found.count, *(f"{x:.2f}" for x in (found.mae, found.median, found.rmse)), f"{found.r2:.3f}")
        )
        record[name] = found.asdict()
        lines.append(line)
    draw_parity(panels, folder / "parity.png")
    opt.write_json(folder / "validation.json", record)
    columns = "<property", "crystals", "MAE (GPa)", "median", "RMSE", "R2"
    return [table(f"Cross-validation, {folds} folds", columns, rows), *lines,
            f"wrote validation.json and parity.png to {folder}"]  # fmt: skip


def _predicted(library, queries, names, make, largest, metric, path, folder, quiet):
    """Table, and files, of the predictions."""
    from anharmonic.cli.terminal import table
    from anharmonic.screening.models.domain import Domain

    fitted, lines = _fitted(library, names, make, largest, path, quiet)
    values = {name: model.predict(queries) for name, model in fitted.items()}
    domain = Domain.of(metric, library)
    numbers, distances = domain.nearest(queries, SHOWN)
    records = []
    for k, name in enumerate(queries.names):
        near = [
            {"name": library.names[n], "formula": library.formulas[n], "distance": float(d)}
            | {p: _known(library.property(p)[n]) for p in names}
            for n, d in zip(numbers[k], distances[k], strict=True)
        ]  # fmt: skip
        outside = bool(distances[k, 0] > domain.edge)
        records.append({"structure": name, "formula": queries.formulas[k], "outside": outside, "neighbours": near}
                       | {p: float(values[p][k]) for p in names})  # fmt: skip
    opt.write_json(folder / "predictions.json", records)
    opt.write_csv(folder / "predictions.csv", [_flat(record) for record in records])
    shown = [
        (r["structure"], r["formula"], *(f"{r[p]:.1f}" for p in names), "outside" if r["outside"] else "",
         "; ".join(_neighbour(n, names) for n in r["neighbours"])) for r in records
    ]  # fmt: skip
    columns = ("<structure", "<formula", *(f"{p} (GPa)" for p in names), "<", "<nearest (distance: values)")
    return [table("Predictions", columns, shown), *lines, *_warning(records, domain),
            f"wrote predictions.csv and predictions.json to {folder}"]  # fmt: skip


def _fitted(library, names, make, largest, path, quiet):
    """Models by property, read from `path` if it is there, and lines about what they learnt from."""
    from anharmonic.screening.models.property import load_models, save_models

    if path and path.exists():
        models = load_models(path)
        missing = [name for name in names if name not in models]
        if missing:
            raise AnharmonicError(f"{path} has models of {', '.join(models)}; none of {', '.join(missing)}")
        kinds = {type(models[name]).__name__ for name in names}
        if kinds != {type(make()).__name__}:
            raise AnharmonicError(
                f"{path} holds {', '.join(kinds)} models; ask for them with --model, or for a new file"
            )
        return {name: models[name] for name in names}, [f"models of {path}, with the distance they were fitted with"]
    models, lines = {}, []
    with opt.counting("fitting", quiet) as progress:
        for number, name in enumerate(names):
            part, values, line = _learnable(library, name, largest)
            models[name] = make().fit(part, values)
            lines.append(line)
            progress(number + 1, len(names))
    if path:
        save_models(path, models)
        lines.append(f"wrote the models to {path}")
    return models, lines


def _known(value):
    return float(value) if math.isfinite(value) else None


def _neighbour(near, names):
    values = ", ".join("unknown" if near[p] is None else f"{near[p]:.0f}" for p in names)
    return f"{near['formula']} {near['name']} ({near['distance']:.2f}: {values})"


def _flat(record):
    """A record in one row: the first neighbour only."""
    near = record["neighbours"][0]
    return {k: v for k, v in record.items() if k != "neighbours"} | {f"nearest_{k}": v for k, v in near.items()}


def _warning(records, domain):
    count = sum(record["outside"] for record in records)
    far = (
        f"warning: {count} of {len(records)} are farther from every known crystal than {domain.edge:.2f}, as only 5 % "
    )
    return [far + "of the library are from their neighbours"] if count else []
