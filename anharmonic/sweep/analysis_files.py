"""Thermodynamics and structures of a recorded run as files: JSON, CSV, CIF and figures."""

import json
from dataclasses import dataclass, field
from pathlib import Path

from anharmonic.conventions import VOIGT
from anharmonic.files import write_csv, write_json
from anharmonic.interfaces.cif import write_cif
from anharmonic.interfaces.correlation_figures import draw_tilt_correlations
from anharmonic.interfaces.structure_figures import draw_structures
from anharmonic.interfaces.sweep_figures import draw_lattice, draw_order
from anharmonic.interfaces.thermodynamics_figures import draw_pair_distributions, draw_thermodynamics
from anharmonic.sweep.correlations import correlation_record, correlations_of_run, write_correlations
from anharmonic.sweep.plan import SweepPlan
from anharmonic.sweep.recorded import RecordedRun
from anharmonic.sweep.result import plain, summary_of
from anharmonic.sweep.samplers import potential_name
from anharmonic.sweep.structures import ADVICE, pair_distributions, structures
from anharmonic.sweep.thermodynamics import thermodynamics

MOST_DRAWN = 4
"""Structures in one figure."""

NAMES = tuple("xyz"[i] + "xyz"[j] for i, j in VOIGT)


@dataclass(frozen=True)
class RunAnalysis:
    """Everything that is known of a run.

    Attributes
    ----------
    run : RecordedRun
    summary : dict
        The contents of summary.json beside the run; of a sweep without one, what its finished temperatures say.
    record : dict
        Of `thermodynamics`, with ``structures``, ``pair_distributions`` and ``tilt_correlations``: lists of records.
    averages : list of (RecordedPoint, AverageStructure, dict)
    distributions : list of (RecordedPoint, PairDistribution)
    correlations : list of (RecordedPoint, TiltCorrelations)
    """

    run: RecordedRun
    summary: dict
    record: dict
    averages: list = field(repr=False)
    distributions: list = field(repr=False)
    correlations: list = field(repr=False)

    @property
    def drawn_summary(self):
        """The summary with phases and transitions of the record: figures of a page say what its text says."""
        if "transitions" not in self.summary:
            return self.summary
        named = {(p["temperature_K"], p["direction"]): (p["phase"], p["glazer"]) for p in self.record["points"]}
        points = []
        for p in self.summary["points"]:
            phase, glazer = named.get((p["temperature_K"], p["direction"]), (p["phase"], p["glazer"]))
            points.append(p | {"phase": phase, "glazer": glazer})
        return self.summary | {"points": points, "transitions": self.record["transitions"]}

    @property
    def drawn_structures(self):
        """``(title, AverageStructure)`` of one temperature for each stretch of one space group: the least doubtful."""
        named = [(p, a, r["space_group"], len(r["doubts"])) for p, a, r in self.averages if "space_group" in r]
        stretches = []
        for item in named:
            if stretches and stretches[-1][-1][2] == item[2]:
                stretches[-1].append(item)
            else:
                stretches.append([item])
        longest = sorted(stretches, key=len, reverse=True)[:MOST_DRAWN]
        chosen = [min(s, key=lambda item, s=s: (item[3], abs(s.index(item) - len(s) // 2))) for s in longest]
        order = [id(item) for item in named]
        return [(f"{p.name}: {group}", a) for p, a, group, _ in sorted(chosen, key=lambda item: order.index(id(item)))]

    @property
    def drawn_distributions(self):
        """``(name, PairDistribution)`` of the temperatures with snapshots."""
        return [(p.name, d) for p, d in self.distributions]

    @property
    def drawn_correlations(self):
        """``(name, TiltCorrelations)`` of the temperatures that recorded them."""
        return [(p.name, c) for p, c in self.correlations]


def analyse(run: RecordedRun, progress=lambda text: lambda done, total: None):
    """Analyse a run.

    Parameters
    ----------
    run : RecordedRun
    progress : callable
        Called with the name of a step; gives what is called with numbers done and of all.

    Returns
    -------
    RunAnalysis
    """
    record = thermodynamics(run, progress("thermodynamics"))
    averages = structures(run, record["points"], progress("average structures"))
    distributions = pair_distributions(run, progress("pair distributions"))
    if not averages:
        record["warnings"].append(f"no average structure, displacement parameters or layers: {ADVICE}")
    if not distributions:
        record["warnings"].append("no pair distribution: it takes snapshots (`--snapshots STEPS`)")
    correlations = correlations_of_run(run)
    record["structures"] = [r for _, _, r in averages]
    record["pair_distributions"] = plain([_pair_record(*found) for found in distributions])
    record["tilt_correlations"] = plain([correlation_record(*found) for found in correlations])
    return RunAnalysis(run, _summary(run), record, averages, distributions, correlations)


def _summary(run):
    """What the run says of itself; that of a sweep without summary.json is made from its samples."""
    file = run.folder / "summary.json"
    if run.finished and file.is_file():
        return json.loads(file.read_text())
    if not isinstance(run.plan, SweepPlan):
        return {}
    series = [p.samples for p in run.points]
    return summary_of(run.crystal, potential_name(run.options), run.supercell, run.plan, series)


def write_analysis(found: RunAnalysis, folder):
    """Write thermodynamics.json and .csv, displacement_parameters.csv, pair_distribution.csv, structures/ and figures.

    Returns
    -------
    list of str
        What was written, relative to `folder`.
    """
    folder, written = Path(folder), ["thermodynamics.json", "thermodynamics.csv"]
    write_json(folder / written[0], found.record)
    _write_rows(folder / written[1], [_row(p) for p in found.record["points"]])
    drawings = {"thermodynamics": lambda p: draw_thermodynamics(found.record, p)}
    if found.averages:
        written += _write_structures(found, folder)
        drawings["structures"] = lambda p: draw_structures(found.drawn_structures, p)
    if found.distributions:
        _write_rows(folder / "pair_distribution.csv", list(_pair_rows(found)))
        written.append("pair_distribution.csv")
        drawings["pair_distribution"] = lambda p: draw_pair_distributions(found.drawn_distributions, p)
    if found.correlations:
        write_correlations(found.record["tilt_correlations"], folder / "tilt_correlation.csv")
        written.append("tilt_correlation.csv")
        drawings["tilt_correlation"] = lambda p: draw_tilt_correlations(found.drawn_correlations, p)
    if "transitions" in found.summary and "exchange" not in found.summary:
        drawings |= {
            "lattice": lambda p: draw_lattice(found.drawn_summary, p),
            "order": lambda p: draw_order(found.drawn_summary, p),
        }
    for name, draw in drawings.items():
        draw(folder / name)
        written.append(f"{name}.png and .pdf")
    return written


def _write_structures(found, folder):
    """CIF files and the table of displacement parameters."""
    (folder / "structures").mkdir(exist_ok=True)
    for point, average, record in found.averages:
        if "space_group" in record:
            write_cif(average, folder / "structures" / f"{point.name.replace(' ', '-')}.cif", f"{point.name}")
    rows = []
    for _, _, record in found.averages:
        for atom in record.get("atoms", ()):
            row = {name: record[name] for name in ("temperature_K", "direction", "space_group")}
            row |= {name: atom[name] for name in ("species", "site", "wyckoff", "multiplicity")}
            row |= {f"{x}_fractional": value for x, value in zip("xyz", atom["fractional"], strict=True)}
            row |= {"U_iso_A2": atom["U_iso_A2"], "U_iso_error_A2": atom["U_iso_error_A2"]}
            row |= _components(atom, "U_A2", "U_{}_A2") | _components(atom, "U_error_A2", "U_{}_error_A2")
            rows.append(row)
    _write_rows(folder / "displacement_parameters.csv", rows)
    return ["displacement_parameters.csv", "structures/*.cif"]


def _components(record, key, name):
    return {name.format(component): value for component, value in zip(NAMES, record[key], strict=True)}


def _row(point):
    """A point as one line: tensors by their components, no sentences."""
    row = {}
    for key, value in point.items():
        if key in ("layers", "doubts", "tilt_in_phase", "tilt_anti_phase"):
            continue
        if isinstance(value, list) and len(value) == 6 and not isinstance(value[0], list):
            row |= {f"{key.replace('_1e-6', f'_{name}_1e-6')}": x for name, x in zip(NAMES, value, strict=True)}
        elif isinstance(value, list):
            unit = key.removeprefix("elastic_constants")
            upper = [(i, j) for i in range(6) for j in range(i, 6)]
            row |= {f"C{i + 1}{j + 1}{unit}": value[i][j] for i, j in upper}
        else:
            row[key] = value
    return row | {"signs_of_layers": " ".join(f"{k}:{v['signs']}" for k, v in point.get("layers", {}).items())}


def _pair_record(point, distribution):
    """The distributions of one temperature: numbers at all distances, by pair."""
    at = {"temperature_K": point.temperature, "direction": point.label}
    at["distance_A"] = distribution.distances.round(4)
    pairs = distribution.functions.items()
    return at | {"pairs": {pair: {"g": f.mean.round(6), "g_error": f.error.round(6)} for pair, f in pairs}}


def _pair_rows(found):
    """The same as lines of a table."""
    for record in found.record["pair_distributions"]:
        at = {name: record[name] for name in ("temperature_K", "direction")}
        for pair, function in record["pairs"].items():
            for r, g, error in zip(record["distance_A"], function["g"], function["g_error"], strict=True):
                yield at | {"pair": pair, "distance_A": r, "g": g, "g_error": error}


def _write_rows(path, rows):
    """A CSV with the columns of all rows."""
    write_csv(path, dict.fromkeys(key for row in rows for key in row), rows)
