"""Sweeps and replica exchanges of one potential as states in equilibrium, with their order parameters."""

from dataclasses import replace

from anharmonic.analysis import TiltModes
from anharmonic.analysis.curves import BLOCKS, State
from anharmonic.analysis.order_parameters import observed_modes, order_parameters
from anharmonic.errors import AnharmonicError
from anharmonic.sweep.exchange_plan import ExchangePlan
from anharmonic.sweep.plan import SweepPlan


def check_alike(recorded):
    """That runs (`RecordedRun`) are sweeps and exchanges of one potential at one pressure.

    Raises
    ------
    AnharmonicError
        If there is none, a run is at one condition, or they are of different potentials or pressures.
    """
    if not recorded:
        raise AnharmonicError("no runs: give the --out folder of one sweep or exchange, or of several")
    for run in recorded:
        if not isinstance(run.plan, SweepPlan | ExchangePlan):
            raise AnharmonicError(
                f"{run.folder} is a run at one condition; a sweep or a replica exchange is wanted here: "
                "`anharmonic sweep` with several --temperatures"
            )
    for what, key in (
        ("potentials", lambda r: r.options["potential"]),
        ("pressures (GPa)", lambda r: r.plan.pressure_GPa),
        ("stresses (GPa)", lambda r: r.plan.stress_GPa),
    ):
        if len({str(key(r)) for r in recorded}) > 1:
            listed = "; ".join(f"{r.folder}: {key(r)}" for r in recorded)
            raise AnharmonicError(f"runs of different {what} have no transition or free energy in common: {listed}")


def states_of(run):
    """``(direction, State)`` of every temperature whose production has samples enough for error bars."""
    crystal, supercell = run.crystal, run.supercell
    modes, displaced = TiltModes.of_crystal(crystal), observed_modes(crystal, run.plan.observe)
    for point in run.points:
        if len(point.samples["energy"]) >= BLOCKS:
            series = point.samples["deformation"], point.samples["projections"]
            amplitudes = point.samples["modes"] if displaced else None
            order = order_parameters(crystal, *series, modes, supercell, amplitudes, displaced)
            yield point.label, State(float(point.temperature), point.enthalpy(run.volume), order)


def directions(run):
    """``heating`` and ``cooling``, or ``equilibrium`` of an exchange, in the order in which they were run."""
    return tuple(dict.fromkeys(stage.label for stage in run.plan.stages))


def head(run):
    """A line about a run."""
    return {
        "file": str(run.folder),
        "n_cells": run.supercell.n_cells,
        "n_atoms": run.structure.n_atoms,
        "directions": list(directions(run)),
        "method": run.plan.method,
        "temperatures_K": [min(run.plan.temperatures), max(run.plan.temperatures), len(run.plan.temperatures)],
        "steps_per_temperature": run.plan.production,
        "finished": run.finished,
    }


def common_orders(states):
    """Names of the order parameters that all states have."""
    return set.intersection(*({*s.order} for s in states))


def with_orders(state, names):
    """The state with these order parameters alone."""
    return replace(state, order={name: x for name, x in state.order.items() if name in names})
