"""What the screens of candidates take and leave: known compounds, progress, files, tables."""

from anharmonic.cli.screen import options as opt

SHOWN = 30
"""Rows of the table on the screen."""


def stages(quiet=False):
    """A context with a function of the name of a stage and the numbers done and of all: a bar for each stage."""
    from contextlib import ExitStack, contextmanager

    from anharmonic.cli.terminal import counting

    @contextmanager
    def bars():
        with ExitStack() as stack:
            now = {"stage": None, "bar": None}

            def tell(stage, done, total):
                if stage != now["stage"]:
                    stack.close()
                    now.update(stage=stage, bar=stack.enter_context(counting(stage, quiet)))
                now["bar"](done, total)

            yield tell

    return bars()


def write(found, counts, folder, most=None, more=None):
    """Tables, figure and CIF files of `Screened` candidates.

    Parameters
    ----------
    found : sequence of Screened
    counts : dict of str to int
        Of `funnel`.
    folder : path
        CIF files of an earlier call in its folder ``passed`` are removed.
    most : int, optional
        Number of CIF files, the best ones.
    more : dict of str to dict, optional
        By name of the candidate, further columns.
    """
    from anharmonic.interfaces.candidate_figures import draw_candidates

    opt.write_csv(
        folder / "candidates.csv", [_row(k, one) | (more or {}).get(one.name, {}) for k, one in enumerate(found)]
    )
    opt.write_json(folder / "candidates.json", {"funnel": counts, "candidates": [_record(one) for one in found]})
    passed = [one for one in found if one.passed and one.prediction][:most]
    _write_structures(passed, folder / "passed")
    write_table(passed, folder / "passed.jsonl")
    draw_candidates(
        counts, [f"{one.compound} ({one.name})" for one in passed], [one.prediction.value for one in passed],
        [one.prediction.deviation for one in passed], [bool(one.verdicts["energy"].warning) for one in passed],
        folder / "candidates.png", next((one.settings.target_energy for one in found), None),
    )  # fmt: skip


def write_table(passed, path):
    """Candidates with their predicted energies, a line each, as all screening commands read them."""
    import json

    from anharmonic.files import replacing

    with replacing(path) as part, open(part, "w", encoding="utf-8") as file:
        for one in passed:
            structure = {
                "cell": one.atoms.cell.tolist(), "symbols": one.atoms.get_chemical_symbols(),
                "frac": one.atoms.get_scaled_positions().tolist(),
            }  # fmt: skip
            energy = {opt.ENERGY: one.prediction.value, "deviation_eV_atom": one.prediction.deviation}
            file.write(json.dumps({"name": one.name} | structure | energy) + "\n")


def known_compounds(paths, quiet):
    """The known compounds, or None."""
    import h5py

    from anharmonic.screening import Library
    from anharmonic.screening.candidates.novelty import Known

    if not paths:
        return None
    described = [path for path in paths if path.is_file() and h5py.is_hdf5(path)]
    entries = []
    if len(described) < len(paths):
        entries, _ = opt.read([path for path in paths if path not in described], quiet, text="known")
    return Known(tuple(entries), tuple(Library.load(path) for path in described))


def _write_structures(passed, folder):
    """Files in the order of the ranking; those of an earlier call are removed."""
    import re

    import ase.io

    folder.mkdir(exist_ok=True)
    for old in folder.glob("[0-9][0-9][0-9][0-9]_*.cif"):
        old.unlink()
    for number, one in enumerate(passed):
        name = re.sub(r"[^A-Za-z0-9.-]+", "-", one.name).strip("-.")[:60]
        ase.io.write(folder / f"{number + 1:04d}_{one.compound}_{name}.cif", one.atoms, format="cif")


def _row(number, one):
    """A row of the file."""
    energy = one.prediction
    head = {
        "rank": number + 1 if one.passed else "", "name": one.name, "formula": one.formula,
        "passed": "yes" if one.passed else "no", "reasons": "; ".join(one.reasons),
        "warnings": "; ".join(one.warnings), "a": "", "b": "", "x": "",
    } | dict(zip("abx", one.symbols, strict=False))  # fmt: skip
    found = {
        "space_group": one.space_group, "atoms": len(one.atoms),
        "energy_eV_atom": f"{energy.value:.4f}" if energy else "",
        "deviation_eV_atom": f"{energy.deviation:.4f}" if energy else "",
    }  # fmt: skip
    for name, verdict in one.verdicts.items():
        found[f"{name}_value"] = "" if verdict.value is None else f"{verdict.value:.5g}"
        found[name] = verdict.words
    return head | found


def _record(one):
    """A candidate as plain data."""
    from dataclasses import asdict

    return {
        "name": one.name, "formula": one.formula, "passed": one.passed, "sites": list(one.symbols),
        "space_group": one.space_group, "reasons": list(one.reasons), "warnings": list(one.warnings),
        "verdicts": {name: asdict(verdict) for name, verdict in one.verdicts.items()},
        "prediction": asdict(one.prediction) if one.prediction else None,
    }  # fmt: skip


def tables(found, counts):
    """What is shown: the funnel, what fails, the best."""
    from anharmonic.cli.terminal import table
    from anharmonic.screening.candidates.funnel import failures_by_screen

    failed, passed = failures_by_screen(found), [one for one in found if one.passed]
    yield table("Left after each stage", ("<stage", "candidates"), counts.items())
    if failed:
        yield "failed: " + ", ".join(f"{name} {number}" for name, number in failed.items())
    columns = "rank", "<name", "<compound", "<space group", "energy (eV/atom)", "distance", "<novelty", "<warnings"
    if passed:
        yield table("Candidates that pass", columns, [_shown(k, one) for k, one in enumerate(passed[:SHOWN])])
    for one in [one for one in found if not one.passed][: SHOWN if len(found) <= SHOWN else 3]:
        yield f"{one.name} ({one.compound}) fails: {'; '.join(one.reasons)}"


def _shown(number, one):
    """A row on the screen; of warnings the screens that give them."""
    energy = one.prediction
    return (
        number + 1, one.name, one.compound, one.space_group,
        f"{energy.value:.3f} ± {energy.deviation:.3f}", f"{one.verdicts['similarity'].value:.3f}",
        one.verdicts["novelty"].words, ", ".join(dict.fromkeys(text.split(":")[0] for text in one.warnings)),
    )  # fmt: skip
