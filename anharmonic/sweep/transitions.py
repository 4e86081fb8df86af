"""Transition temperatures from sweeps and replica exchanges of one potential in several supercells."""

from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path

from anharmonic.analysis.curves import curves
from anharmonic.analysis.routes import ALL, transition
from anharmonic.errors import AnharmonicError
from anharmonic.files import write_csv, write_json
from anharmonic.sweep.result import plain
from anharmonic.sweep.samplers import potential_name
from anharmonic.sweep.sampling_warnings import left_out, warnings_of
from anharmonic.sweep.states import check_alike, common_orders, directions, head, states_of, with_orders


@dataclass(frozen=True)
class TransitionReport:
    """What several runs say about the transitions of a crystal.

    Attributes
    ----------
    record : dict
        The contents of transitions.json.
    curves : dict
        `Curves` by direction (``"all"`` for all together) and number of cells.
    """

    record: dict
    curves: dict

    @property
    def temperatures(self):
        """Transition temperature (K) by order parameter."""
        return {t["order_parameter"]: t["temperature_K"] for t in self.record["transitions"]}

    def with_errors(self, errors):
        """The report with more about each transition, by order parameter (see `potential_errors`)."""
        found = [t | errors.get(t["order_parameter"], {}) for t in self.record["transitions"]]
        words = [
            f"no run has snapshots enough near {temperature:.0f} K: of {name} the error of the potential is not known"
            for name, temperature in self.temperatures.items()
            if temperature is not None and name not in errors
        ]
        warnings = [*self.record["warnings"], *words]
        return replace(self, record=self.record | {"transitions": found, "warnings": warnings})

    def save(self, folder="."):
        """Write transitions.json and curves.csv into a folder."""
        folder = Path(folder)
        write_json(folder / "transitions.json", self.record)
        write_curves(self.curves, folder / "curves.csv")

    def plot(self, folder="."):
        """Draw transitions.png and transitions.pdf into a folder; returns their paths."""
        from anharmonic.interfaces.style import files_of
        from anharmonic.interfaces.transition_figures import draw_transitions

        path = Path(folder) / "transitions"
        draw_transitions(self.record, self.curves, path)
        return files_of(path)


def transitions(runs, on_curve=lambda done, total: None):
    """Find the transitions that runs of one potential went through.

    All samples after the equilibration count; warnings say where energies had not settled by then.

    Parameters
    ----------
    runs : sequence of RecordedRun
        Sweeps and replica exchanges: any directions, any supercells; three supercells or more tell what changes with
        size.
    on_curve : callable
        Called with the numbers of curves done and of all.

    Returns
    -------
    TransitionReport

    Raises
    ------
    AnharmonicError
        If the runs are of different potentials or pressures, or too short for error bars.
    """
    check_alike(runs)
    states = _by_direction_and_size(runs)
    found, sizes = defaultdict(dict), sorted({run.supercell.n_cells for run in runs})
    jobs = [(way, n) for way in states for n in sizes if len({s.temperature for s in states[way][n]}) > 1]
    if not jobs:
        why = "; ".join(left_out(runs, states[ALL]))
        raise AnharmonicError(f"a transition takes a supercell at two temperatures or more: {why}")
    _keep_common(states)
    for done, (way, n) in enumerate(jobs):
        on_curve(done, len(jobs))
        found[way][n] = curves(states[way][n], n)
    on_curve(len(jobs), len(jobs))
    made = {name: transition(name, found) for name in _names(states[ALL])}
    record = {
        "potential": potential_name(runs[0].options),
        "runs": [head(r) for r in runs],
        "transitions": [t for t in made.values() if t],
        "without": [name for name, t in made.items() if not t],
        "warnings": warnings_of(runs, found[ALL], states[ALL]),
    }
    return TransitionReport(plain(record), dict(found))


def _names(states):
    """Names of the order parameters; strains only where there is nothing else."""
    ordered = list(next(iter(states.values()))[0].order)
    return [n for n in ordered if not n.startswith("strain")] or ordered


def _by_direction_and_size(recorded):
    """States by direction (and all together) and number of cells."""
    found = defaultdict(lambda: defaultdict(list))
    is_one_way = len({direction for run in recorded for direction in directions(run)}) == 1
    for run in recorded:
        for direction, state in states_of(run):
            found[ALL][run.supercell.n_cells].append(state)
            if not is_one_way:
                found[direction][run.supercell.n_cells].append(state)
    if not found:
        raise AnharmonicError("no temperature of these runs has samples enough for error bars: run longer")
    return found


def _keep_common(states):
    """Leave out the order parameters that not all runs recorded."""
    common = common_orders([s for group in states[ALL].values() for s in group])
    for group in (group for by_size in states.values() for group in by_size.values()):
        group[:] = [with_orders(s, common) for s in group]


def write_curves(found, path):
    """All curves with their errors as CSV, a line for each direction, supercell and temperature."""
    names = list(dict.fromkeys(name for group in found.values() for c in group.values() for name in c.values))
    header = ["direction", "n_cells", "temperature_K", *(f"{n}{e}" for n in names for e in ("", " error"))]
    write_csv(path, header, _curve_rows(found, names))


def _curve_rows(found, names):
    """Lines of the table of curves."""
    for way, group in found.items():
        for n, c in sorted(group.items()):
            columns = [x for name in names for x in (c[name], c.error(name))]
            for row in zip(c.temperatures, *columns, strict=True):
                yield [way, n, *(f"{x:.8g}" for x in row)]
