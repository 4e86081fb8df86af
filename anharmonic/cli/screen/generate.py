"""``anharmonic screen generate``: new compounds ABX3 from a trained generator, screened and ranked."""

from pathlib import Path
from typing import Annotated

import typer

from anharmonic.cli.options import out_option, output_folder
from anharmonic.cli.screen import options as opt
from anharmonic.errors import AnharmonicError

Out = Annotated[Path, out_option("candidates.csv, .json and .png; passed.jsonl and passed/ (CIF files)")]
PER_WANTED = 10
"""Proposals for each candidate that is wanted, where nothing else is said."""


def generate(
    trained: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder of `anharmonic screen train-generator`.")
    ] = Path("generator"),
    number: Annotated[int, typer.Option("--n", "-n", min=1, metavar="N", help="Candidates that are wanted.")] = 100,
    target: Annotated[
        float | None,
        typer.Option("--target-energy", metavar="EV", show_default="as low as known ones",
                     help="Formation energy (eV/atom) that is looked for."),
    ] = None,
    elements: Annotated[
        list[str] | None,
        typer.Option("--element", metavar="SITE=SYMBOLS", show_default="any",
                     help="Elements that a site may have, such as X=O or A=Cs,Rb. May be given several times."),
    ] = None,
    method: Annotated[
        str,
        typer.Option("--method", metavar="NAME",
                     help="slerp: between known stable compounds; perturb: around them; optimise: around them, then "
                     "downhill to the target and to perovskites; prior: anywhere."),
    ] = "slerp",
    substitute: Annotated[
        list[Path] | None,
        typer.Option("--substitute", metavar="FILE",
                     help="Not the network proposes, but random exchange of elements in these known compounds with "
                     "e_form_eV_atom. May be given several times."),
    ] = None,
    proposals: Annotated[
        int | None,
        typer.Option("--proposals", min=1, metavar="N", show_default=f"{PER_WANTED} for each that is wanted",
                     help="Crystals that are decoded and screened."),
    ] = None,
    known: Annotated[
        list[Path] | None,
        typer.Option("--known", metavar="FILE", show_default="what the generator was trained on",
                     help="Known compounds: structures, tables, folders, libraries. May be given several times."),
    ] = None,
    warn: Annotated[
        list[str] | None,
        typer.Option("--warn", metavar="SCREEN", show_default="factors",
                     help="A screen that only warns, such as novelty. May be given several times."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="The same one gives the same candidates.")] = 0,
    out: Out = Path("candidates"),
    quiet: opt.Quiet = False,
):  # fmt: skip
    """Generate compounds ABX3: propose, screen, rank.

    [cyan]anharmonic screen generate generator/ --n 100 --target-energy -2.0[/cyan]

    [cyan]anharmonic screen generate generator/ --element X=Br,I --element A=Cs --out halides[/cyan]

    Every proposal is in candidates.csv with all its numbers and every reason against it; the best of those that pass
    are written as CIF files. `anharmonic screen relax candidates/passed.jsonl --predicted e_form_eV_atom` and
    `anharmonic screen promote` take these on.
    """
    from anharmonic.cli.screen.results import known_compounds, stages, tables, write
    from anharmonic.cli.terminal import counting, say, show
    from anharmonic.screening.candidates.funnel import funnel
    from anharmonic.screening.candidates.screen import screen
    from anharmonic.screening.candidates.settings import ScreenSettings
    from anharmonic.screening.generator.substitution import substitute as propose_from

    settings = ScreenSettings(target_energy=target, rescale=True, warn=("factors", *(warn or ())))
    allowed, count = _elements(elements or []), proposals or PER_WANTED * number
    compounds = known_compounds(known or [_part(trained, "known.h5")], quiet)
    parents = _parents(substitute, quiet) if substitute else None
    folder = output_folder(out)
    with counting("proposals", quiet) as progress:
        if substitute:
            made = propose_from(parents, count, allowed, seed, on_progress=progress)
        else:
            made = _proposed(trained, count, method, target, allowed, seed, progress)
    entries = [_entry(one) for one in made if one.valid]
    if not entries:
        raise AnharmonicError(f"none of {len(made)} proposals is a crystal: {_why_not(made)}. Take another --method")
    with stages(quiet) as progress:
        found = screen(entries, compounds, settings, progress)
    counts = funnel(found, len(made))
    write(found, counts, folder, number, {_name(one): _origin(one) for one in made})
    passed = sum(one.passed for one in found)
    if len(entries) < len(made):
        say(f"{len(made) - len(entries)} proposals are no crystals: {_why_not(made)}")
    if passed < number:
        say(f"{passed} of the {number} that were wanted pass: more --proposals may help")
    show(*tables(found, counts), f"wrote candidates.csv, .json, .png and {min(passed, number)} CIF files to {folder}")


def _proposed(folder, count, method, target, allowed, seed, progress):
    """Proposals of the network."""
    from anharmonic.screening.generator.latent import LatentSpace
    from anharmonic.screening.generator.proposals import propose
    from anharmonic.screening.generator.training import Generator

    generator = Generator.load(_part(folder, "generator.model"))
    space = LatentSpace.load(_part(folder, "latent.h5"))
    return propose(generator, space, count, method, target, allowed, seed, on_progress=progress)


def _parents(files, quiet):
    """Known compounds whose elements are exchanged; says what was left out."""
    from anharmonic.cli.terminal import say
    from anharmonic.screening.generator.substitution import Known

    read, _ = opt.read(files, quiet, text="parents")
    entries = [entry for entry in read if opt.ENERGY in entry.properties]
    if not entries:
        raise AnharmonicError(f"no structure of {', '.join(map(str, files))} has a formation energy {opt.ENERGY}")
    known = Known.of(entries, [entry.properties[opt.ENERGY] for entry in entries])
    if others := len(read) - len(known.entries):
        say(f"{others} of {len(read)} structures are no parents: no compounds ABX3, or without {opt.ENERGY}")
    return known


def _part(folder, name):
    """A file of the training."""
    path = folder / name
    if not path.is_file():
        raise AnharmonicError(
            f"no file {path}: the folder of a finished `anharmonic screen train-generator` is expected; call that "
            "command (again) with --out and this folder"
        )
    return path


def _elements(given):
    """Elements by site, of texts such as ``X=Br,I``."""
    found = {}
    for text in given:
        site, equals, symbols = text.partition("=")
        if not equals or not symbols:
            raise AnharmonicError(f"elements are given as SITE=SYMBOLS, such as X=Br,I; found {text!r}")
        found.setdefault(site.strip().upper(), set()).update(s.strip() for s in symbols.split(","))
    return found


def _entry(proposal):
    """A proposal as the screens take it."""
    from anharmonic.screening import Entry

    return Entry(_name(proposal), proposal.atoms)


def _name(proposal):
    return f"{proposal.method}-{proposal.number:05d}"


def _origin(proposal):
    """Columns of the table: what it came from, and what the generator says of its energy, before and after decoding."""
    energies = {"asked_eV_atom": proposal.energy, "given_eV_atom": proposal.energy_again}
    return {"parents": " ".join(proposal.parents)} | {k: f"{v:.4f}" if v == v else "" for k, v in energies.items()}


def _why_not(made):
    """The most frequent reasons why proposals are no crystals, without their numbers."""
    from collections import Counter
    from re import sub

    reasons = Counter(sub(r"[-\d.]+", "N", problem) for one in made for problem in one.decoded.problems[:1])
    return "; ".join(f"{reason} ({count})" for reason, count in reasons.most_common(3))
