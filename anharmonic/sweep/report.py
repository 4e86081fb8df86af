"""A run in one HTML page: what was found, how sure it is, how it came about."""

import hashlib
import platform
import shlex
import tempfile
from importlib.metadata import version
from itertools import groupby
from pathlib import Path

from anharmonic.analysis.transitions import in_kelvin
from anharmonic.errors import AnharmonicError
from anharmonic.files import replacing
from anharmonic.interfaces import html
from anharmonic.interfaces.correlation_figures import draw_tilt_correlations
from anharmonic.interfaces.exchange_figures import draw_exchange
from anharmonic.interfaces.structure_figures import draw_structures
from anharmonic.interfaces.sweep_figures import draw_lattice, draw_order
from anharmonic.interfaces.thermodynamics_figures import draw_pair_distributions, draw_thermodynamics
from anharmonic.potential.library import load
from anharmonic.sweep.analysis_files import RunAnalysis
from anharmonic.sweep.exchange import walks_of
from anharmonic.sweep.report_tables import doubt_sentences, points_html, responses_html, structures_html
from anharmonic.sweep.samplers import potential_digest, potential_name

PACKAGES = ("anharmonic", "jax", "numpy", "scipy", "ase", "spglib", "h5py", "matplotlib")

FLAGS = {
    "direction": "direction", "ensemble": "ensemble", "equilibration": "equilibration", "production": "production",
    "timestep": "timestep", "thermostat": "thermostat", "barostat": "barostat", "friction": "friction",
    "pressure_GPa": "pressure", "cell": "cell", "swap_stride": "swap-every", "batch": "batch", "seed": "seed",
    "dtype": "precision", "snapshots": "snapshots",
}  # fmt: skip
"""Options of the command line by those of a plan."""


def write_report(found: RunAnalysis, path):
    """Write the page; returns its path.

    Parameters
    ----------
    found : RunAnalysis
    path : path
        An .html file.
    """
    path = Path(path)
    with replacing(path) as part:
        part.write_text(report(found), encoding="utf-8")
    return path


def report(found: RunAnalysis):
    """The page as text."""
    run, record = found.run, found.record
    kind = (
        "replica exchange" if run.is_exchange else "temperature sweep" if "direction" in run.options else "simulation"
    )
    title = f"{record['potential']}: {kind}"
    cells = " × ".join(map(str, run.supercell.shape))
    subtitle = (
        f"{run.structure.n_atoms} atoms ({cells} cells of {run.crystal.formula}), "
        f"{'molecular dynamics' if run.plan.method == 'md' else 'Monte Carlo'}, {_load(run.plan)}"
    )
    sections = [
        ("Answer", html.sentences(answer(found))),
        ("Doubts", html.sentences(doubt_sentences(found), "doubts")),
        ("Phases", _drawn_phases(found) + points_html(found.summary)),
        ("Thermodynamics", _drawn_thermodynamics(found) + responses_html(record)),
        ("Structures", _drawn_structures(found) + structures_html(record)),
        ("Provenance", provenance(found)),
    ]
    return html.page(title, subtitle, sections)


def answer(found: RunAnalysis):
    """What was found, one sentence each: phases and transitions, direction by direction; the heat capacity."""
    record = found.record
    for direction in dict.fromkeys(p["direction"] for p in record["points"]):
        points = sorted((p for p in record["points"] if p["direction"] == direction), key=lambda p: p["temperature_K"])
        changes = [t for t in record["transitions"] if t["direction"] == direction]
        where = f"On {direction}" if direction in ("heating", "cooling") else "In equilibrium" if direction else "Here"
        yield f"{where} {record['potential']} is {_phases(points)}."
        for t in sorted(changes, key=lambda t: t["temperature_K"]):
            sure = " (not resolved: a finer step or a longer run may move it)" if t["unresolved"] else ""
            verb = "gives way to" if direction == "cooling" else "becomes"
            yield f"{where} {t['from']} {verb} {t['to']} at {in_kelvin(t)} K{sure}."
        if not changes and len(points) > 1:
            low, high = points[0]["temperature_K"], points[-1]["temperature_K"]
            yield f"{where} no transition was found between {low:g} and {high:g} K."
    hottest = max(record["points"], key=lambda p: p["temperature_K"])
    if hottest.get("heat_capacity_kB_per_atom") is not None:
        yield (
            f"The heat capacity at {hottest['temperature_K']:g} K is {hottest['heat_capacity_kB_per_atom']:.2f} ± "
            f"{hottest['heat_capacity_error_kB_per_atom']:.2f} k_B per atom; a harmonic crystal has 3."
        )


def _phases(points):
    """Phases of rising temperatures, within one domain, and where they are in doubt."""
    words = []
    for (name, glazer), group in groupby(points, key=lambda p: (p["phase"], p.get("glazer"))):
        group = list(group)
        low, high = group[0]["temperature_K"], group[-1]["temperature_K"]
        span = f"at {low:g} K" if low == high else f"from {low:g} to {high:g} K"
        detail = ", ".join(filter(None, (glazer, group[0].get("space_group_of_tilts"))))
        words.append(f"{name}{f' ({detail})' if detail else ''} {span}{_in_doubt(group)}")
    return ", ".join(words)


def _in_doubt(points):
    """Where the name of a phase is in doubt; nothing if it is nowhere."""
    found = [f"{p['temperature_K']:g}" for p in points if p.get("doubtful")]
    if not found:
        return ""
    return " (in doubt)" if len(found) == len(points) else f" (in doubt at {', '.join(found)} K)"


def _load(plan):
    if plan.stress_GPa is not None:
        return "stress " + " ".join(f"{x:g}" for x in plan.stress_GPa) + " GPa"
    pressures = sorted(set(getattr(plan, "pressures_GPa", None) or (plan.pressure_GPa,)))
    return f"{pressures[0]:g} GPa" if len(pressures) == 1 else f"{pressures[0]:g} to {pressures[-1]:g} GPa"


def _svg(draw):
    """Bytes of what ``draw(path)`` draws."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "figure.svg"
        draw(path)
        return path.read_bytes()


def _drawn_phases(found):
    """Lattice and tilts of a sweep, or the four panels of an exchange."""
    summary, run = found.drawn_summary, found.run
    if "exchange" in summary:
        walks = walks_of(run.plan, {"walker": run.columns["walker"]})
        caption = "Two walkers, accepted swaps, tilts and lattice parameters."
        return html.figure(_svg(lambda p: draw_exchange(summary, walks, p)), caption, caption)
    if "transitions" not in summary:
        return ""
    captions = (
        "Pseudo-cubic lattice parameters; shaded: brackets of the transitions, hatched where they are not resolved. "
        "Colours follow one physical axis.",
        "Order of the phases: tilts, or the distortion of the lattice.",
    )
    drawn = zip((draw_lattice, draw_order), captions, strict=True)
    return "".join(html.figure(_svg(lambda p, draw=draw: draw(summary, p)), text, text) for draw, text in drawn)


def _drawn_thermodynamics(found):
    drawn = _svg(lambda p: draw_thermodynamics(found.record, p))
    caption = (
        "Heat capacity and expansion of the volume by two routes, from fluctuations at each temperature and from the "
        "slope of the means between them (dotted across two phases); volume; linear expansion along the axes of the "
        "reference in one domain; isothermal elastic constants, averaged over the axes; displacement parameters. Bars "
        "are standard errors."
    )
    return html.figure(drawn, caption, "Thermodynamic functions against temperature")


def _drawn_structures(found):
    parts = []
    if found.drawn_structures:
        caption = "Average structures of one domain; ellipses hold half of the positions of an atom."
        parts.append(html.figure(_svg(lambda p: draw_structures(found.drawn_structures, p)), caption, caption))
    if found.drawn_distributions:
        caption = "Pair distribution functions by pair of species, with standard errors."
        parts.append(
            html.figure(_svg(lambda p: draw_pair_distributions(found.drawn_distributions, p)), caption, caption)
        )
    if found.correlations:
        caption = (
            "Correlation of the rotations of octahedra, staggered within the layer across the rotation axis: along the "
            "axis +1 is in-phase and changing signs anti-phase; bars are standard errors."
        )
        drawn = _svg(lambda p: draw_tilt_correlations(found.drawn_correlations, p))
        parts.append(html.figure(drawn, caption, "Correlation of tilts over distance"))
    return "".join(parts)


def provenance(found: RunAnalysis):
    """Command, options, potential and its errors, versions, checksum of the run file."""
    run = found.run
    file = run.folder / "run.h5"
    rows = [[name, str(value)] for name, value in run.options.items() if value not in (None, [], ())]
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES) + f", Python {platform.python_version()}"
    facts = [
        ["run file", f"{file.name}, sha256 {hashlib.sha256(file.read_bytes()).hexdigest()}"],
        ["finished", "yes" if run.finished else "no"],
        ["versions of this analysis", versions],
    ]
    parts = [html.paragraph("The run as a command:"), html.code(command(run)), _potential(run)]
    parts.append(html.table("Files and versions", ["<what", "<<"], facts))
    parts.append(html.table("Options of the run", ["<option", "<<value"], rows))
    return "".join(parts)


def _potential(run):
    """Where the potential comes from and how good it is, if it is at hand and the same."""
    name = potential_name(run.options)
    try:
        potential = load(name)
    except (AnharmonicError, OSError):
        return html.paragraph(f"The potential {name} is not at hand: its errors are in its own file.")
    if potential_digest(potential) != run.options["potential"]:
        return html.paragraph(f"The potential {name} at hand is not the one of this run: its errors are not shown.")
    facts = potential.metadata
    kinds = [(kind, what) for kind in ("energy", "forces", "stress") for what in ("rmse", "mae")]
    columns = ["<part", "energy rmse\nmeV/atom", "mae", "forces rmse\nmeV/Å", "mae", "stress rmse\nGPa", "mae"]
    rows = [
        [part, *(None if (x := row.get(f"{k}_{w}")) is None else f"{x:.3g}" for k, w in kinds)]
        for part, row in facts.get("errors", {}).items()
    ]
    text = f"Potential {name}, {facts.get('model', 'unknown')} model, {potential.basis.n_invariants} invariants."
    return html.paragraph(text) + (html.table("Errors of the potential", columns, rows) if rows else "")


def command(run):
    """A command line that repeats the run."""
    options = run.options
    kind = "exchange" if run.is_exchange else "sweep" if "direction" in options else options["method"]
    matrix = run.supercell.matrix
    is_diagonal = (matrix == (matrix * [[1, 0, 0], [0, 1, 0], [0, 0, 1]])).all()
    cells = "--supercell " + " ".join(map(str, matrix.diagonal())) if is_diagonal else "--matrix '" + "; ".join(
        " ".join(map(str, row)) for row in matrix) + "'"  # fmt: skip
    words = [
        f"anharmonic {kind} {shlex.quote(potential_name(options))} {cells}",
        "--temperatures " + ",".join(f"{t:g}" for t in options["temperatures"]),
    ]
    if kind in ("sweep", "exchange"):
        words.append(f"--method {options['method']}")
    for key, flag in FLAGS.items():
        is_held = options.get("ensemble", "npt") != "npt" and key in ("pressure_GPa", "cell", "barostat")
        is_bath = is_held or key in ("timestep", "thermostat", "barostat", "friction") and options["method"] == "mc"
        if options.get(key) is not None and not is_bath and not (key == "snapshots" and run.is_exchange):
            words.append(
                f"--{flag} {options[key]:g}" if isinstance(options[key], float) else f"--{flag} {options[key]}"
            )
    if options.get("stress_GPa"):
        words = [w for w in words if not w.startswith("--pressure")]
        words.append("--stress " + " ".join(f"{x:g}" for x in options["stress_GPa"]))
    if options.get("pressures_GPa"):
        words = [w for w in words if not w.startswith("--pressure")]
        words.append("--pressure " + ",".join(f"{x:g}" for x in options["pressures_GPa"]))
    words += ["--observe " + shlex.quote(",".join(options["observe"]))] if options["observe"] else []
    words += [f"--until {name}={error:g}" for name, error in options["until"]]
    return " ".join(words)
