"""Entry point: one message and exit code 2 for errors of input, 128 plus its number when stopped by a signal."""

import os
import sys
from typing import Annotated

import typer

from anharmonic.cli.basis import basis
from anharmonic.cli.campaign import campaign
from anharmonic.cli.dataset.import_files import import_files
from anharmonic.cli.dataset.info import info as dataset_info
from anharmonic.cli.dataset.merge import merge
from anharmonic.cli.dataset.split import split
from anharmonic.cli.elastic import elastic
from anharmonic.cli.examples import examples
from anharmonic.cli.exchange import exchange
from anharmonic.cli.export import export
from anharmonic.cli.fit import fit
from anharmonic.cli.free_energy.integrate import integrate
from anharmonic.cli.free_energy.landau import landau
from anharmonic.cli.free_energy.phases import phases
from anharmonic.cli.free_energy.surface import surface
from anharmonic.cli.free_energy.temperatures import temperatures
from anharmonic.cli.info import info
from anharmonic.cli.learn import learn
from anharmonic.cli.mc import mc
from anharmonic.cli.md import md
from anharmonic.cli.modes import modes
from anharmonic.cli.phonons import phonons
from anharmonic.cli.report import report
from anharmonic.cli.running import StoppedBySignal
from anharmonic.cli.scan import scan
from anharmonic.cli.screen.candidates import candidates
from anharmonic.cli.screen.fingerprint import fingerprint
from anharmonic.cli.screen.formation_energy import formation_energy
from anharmonic.cli.screen.generate import generate
from anharmonic.cli.screen.grid import grid
from anharmonic.cli.screen.modulus import modulus
from anharmonic.cli.screen.perovskite import perovskite
from anharmonic.cli.screen.promote import promote
from anharmonic.cli.screen.relax import relax
from anharmonic.cli.screen.similar import similar
from anharmonic.cli.screen.train_generator import train_generator
from anharmonic.cli.select import select
from anharmonic.cli.sweep import sweep
from anharmonic.cli.thermo import thermo
from anharmonic.cli.transitions import transitions
from anharmonic.cli.validate import validate
from anharmonic.errors import AnharmonicError

REFUSED, INTERRUPTED = 2, 130
PANELS = {
    "Make and check a potential": (basis, fit, select, learn, validate, scan, elastic),
    "Simulate": (sweep, exchange, campaign, md, mc, phonons),
    "Look": (transitions, report, thermo, modes, info, export, examples),
}
GROUPS = {
    "dataset": (
        "Make and check a potential", "Collect labelled structures in one file: import, look, split, merge.",
        {"import": import_files, "info": dataset_info, "split": split, "merge": merge},
    ),
    "free-energy": (
        "Simulate", "Free energies: of phases at 0 K, by integration, along temperature, along order parameters.",
        {"phases": phases, "integrate": integrate, "temperatures": temperatures, "landau": landau,
         "surface": surface},
    ),
    "screen": (
        "Screen compounds", "Compare crystals by structure and composition, and predict properties from similar ones.",
        {"grid": grid, "similar": similar, "modulus": modulus, "fingerprint": fingerprint,
         "formation-energy": formation_energy, "perovskite": perovskite, "train-generator": train_generator,
          "generate": generate, "candidates": candidates, "relax": relax, "promote": promote},
    ),
}  # fmt: skip
"""Commands below a command: where it stands in the help, what it says there, its commands by name."""

RESUMABLE = "sweep", "exchange", "campaign", "md", "mc", "phonons", "select", "learn", "free-energy"
RESUMABLE += "screen train-generator", "screen relax", "screen promote"


def _reflowed(docstring):
    """A docstring with every paragraph in one line, for typer to break where the terminal ends."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in docstring.split("\n\n"))


app = typer.Typer(
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
for panel, commands in PANELS.items():
    for command in commands:
        app.command(rich_help_panel=panel, help=_reflowed(command.__doc__))(command)
for group, (panel, text, commands) in GROUPS.items():
    below = typer.Typer(rich_markup_mode="rich", context_settings=app.info.context_settings)
    for name, command in commands.items():
        below.command(name, help=_reflowed(command.__doc__))(command)
    app.add_typer(below, name=group, rich_help_panel=panel, no_args_is_help=True, help=text)


def _print_version(wanted: bool):
    if wanted:
        from importlib.metadata import version

        print(f"anharmonic {version('anharmonic')}")
        raise typer.Exit


HELP = """Finite-temperature physics of crystals that harmonic models cannot describe.

    Fit a potential to DFT results, then sample it by molecular dynamics or Monte Carlo: phases, transition
    temperatures, lattice parameters and tilts, with error bars.

    [bold]The way from a potential to its phase transitions:[/bold]

    [cyan]anharmonic info CsPbBr3[/cyan]

    [cyan]anharmonic sweep CsPbBr3 --supercell 8 8 8 --temperatures 150:550:25 --out sweep[/cyan]

    [bold]From DFT results to a potential:[/bold]

    [cyan]anharmonic dataset import runs/ --reference cubic.cif --out set.h5[/cyan]

    [cyan]anharmonic basis cubic.cif --polyhedra octahedron --order 4[/cyan]

    [cyan]anharmonic fit fit.toml --out fit[/cyan]

    Inside files: Å, eV, amu, K, fs. On screens and figures also GPa, ps, meV, always labelled."""


@app.callback(help=_reflowed(HELP))
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and stop.")
    ] = False,
):
    pass


def main(arguments=None):
    """Run the command line; returns the exit code."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    try:
        code = app(arguments or ["--help"], prog_name="anharmonic", standalone_mode=False) or 0
        return _interrupted(arguments) if code == INTERRUPTED else code
    except (KeyboardInterrupt, typer.Abort):
        return _interrupted(arguments)
    except StoppedBySignal as stopped:
        _complain(str(stopped))
        return stopped.exit_code
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except AnharmonicError as error:
        _complain(f"error: {error}")
    except OSError as error:
        _complain(f"error: {error.filename or 'a file'}: {error.strerror or error}")
    except Exception as error:
        if not hasattr(error, "format_message"):  # an option that the parser refuses
            raise
        context = getattr(error, "ctx", None)
        hint = f" (see {context.command_path} --help)" if context else ""
        _complain(f"error: {error.format_message().rstrip('.')}{hint}")
    return REFUSED


def _interrupted(arguments):
    resumes = any(arguments[: len(words)] == words for words in map(str.split, RESUMABLE))
    _complain("interrupted" + ("; the same command goes on from the last checkpoint" if resumes else ""))
    return INTERRUPTED


def _complain(message):
    from anharmonic.cli.terminal import say

    say(message)
