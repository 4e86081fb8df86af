"""How sure a potential is of the transitions that runs of it found."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from anharmonic.analysis import TiltModes
from anharmonic.analysis.order_parameters import observed_modes, order_parameters
from anharmonic.analysis.sensitivity import BLOCKS, temperature_deviation, temperature_slopes
from anharmonic.errors import AnharmonicError
from anharmonic.potential.linear_weights import linear_weights, with_linear_weights
from anharmonic.potential.posterior import KINDS
from anharmonic.potential.potential import precision
from anharmonic.sweep.result import plain
from anharmonic.sweep.samplers import potential_digest

TEMPERATURES = 3
"""Those next to the transition whose snapshots count."""

NEAR = 30.0
"""Snapshots further than this (K) from a transition say nothing of it."""

FEWEST = 4 * BLOCKS
"""Snapshots below which covariances are noise."""


def potential_errors(potential, runs, transitions, on_frame=lambda done, total: None):
    """Standard errors that the data behind a potential leave to its transition temperatures.

    The weights' posterior (`anharmonic.potential.posterior`, scaled as for energies) moves the temperatures by what
    `anharmonic.analysis.sensitivity` finds in snapshots next to the transition: what a committee of potentials would
    show to first order, without a run of any member.

    Parameters
    ----------
    potential : Potential
        That of the runs, with a posterior.
    runs : sequence of RecordedRun
        Of `runs_with_snapshots`; for each transition the largest supercell with snapshots near it counts.
    transitions : dict of float
        Temperature (K) by order parameter.
    on_frame : callable
        Called with the numbers of snapshots done and of all.

    Returns
    -------
    dict of dict
        By order parameter: ``potential_K``, its error ``potential_error_K``, ``n_cells``, ``temperatures_K`` and
        ``n_snapshots``. What has too few snapshots near its transition is left out.
    """
    runs = sorted(runs, key=lambda r: -r.supercell.n_cells)
    chosen = {name: _next_to(runs, t) for name, t in transitions.items() if t is not None}
    chosen = {name: found for name, found in chosen.items() if found}
    samples = _sampled(potential, chosen.values(), on_frame)
    factor = potential.posterior.factor * potential.posterior.scales[KINDS.index("energy")]
    return plain({name: _error(points, name, samples, factor, run) for name, (run, points) in chosen.items()})


def runs_with_snapshots(potential, runs):
    """The runs whose snapshots can tell the error of their potential.

    Raises
    ------
    AnharmonicError
        If the potential has no posterior, is not that of the runs, or no run has snapshots enough.
    """
    if potential.posterior is None:
        raise AnharmonicError(f"{potential.name} does not know its uncertainty: fit it again to have it")
    given = potential_digest(potential)
    for run in runs:
        if run.options["potential"] != given:
            raise AnharmonicError(
                f"{run.folder} is a run of {run.options['potential']}, the potential given is {given}"
            )
    chosen = [run for run in runs if sum(len(p.frames) for p in run.points) >= FEWEST]
    if not chosen:
        raise AnharmonicError(
            f"the error of the potential takes {FEWEST} snapshots or more next to a transition: make a run with "
            "`--snapshots STEPS`"
        )
    return chosen


def _next_to(runs, temperature):
    """The first run with snapshots next to a transition, and its points there; None where no run has enough."""
    for run in runs:
        points = [p for p in run.points if p.frames and abs(p.temperature - temperature) <= NEAR]
        known = sorted({p.temperature for p in points}, key=lambda t: abs(t - temperature))[:TEMPERATURES]
        chosen = [p for p in points if p.temperature in known]
        if sum(len(p.frames) for p in chosen) >= FEWEST:
            return run, chosen
    return None


def _sampled(potential, chosen, on_frame):
    """Order parameters, enthalpy and slopes of all snapshots, by point."""
    runs = {id(point): (run, point) for run, points in chosen for point in points}
    total, done, found = sum(len(point.frames) for _, point in runs.values()), 0, {}
    derivatives = {id(run): _Derivatives(potential, run.supercell) for run, _ in chosen}
    for run, point in runs.values():
        frames = [run.snapshots[k] for k in point.frames]
        u, deformation = (np.array([getattr(f, x) for f in frames], float) for x in ("displacements", "deformation"))
        slopes = []
        for state in zip(u, deformation, strict=True):
            on_frame(done, total)
            slopes.append(derivatives[id(run)](*state))
            done += 1
        enthalpy = np.array([f.energy for f in frames]) + run.volume * point.work(deformation)
        found[id(point)] = _squares(run, u, deformation), enthalpy, np.array(slopes)
    on_frame(total, total)
    return found


def _squares(run, displacements, deformation):
    """Squared lengths (n_frames,) of the order parameters, by name."""
    modes, supercell = TiltModes.of_crystal(run.crystal), run.supercell
    tangents = None if modes is None else modes.tangents(supercell, displacements)
    displaced, amplitudes = observed_modes(run.crystal, run.plan.observe), None
    if displaced:
        parts = [mode.amplitudes(supercell, displacements).reshape(len(displacements), -1) for mode in displaced]
        amplitudes = np.concatenate(parts, axis=1)
    series = order_parameters(run.crystal, deformation, tangents, modes, supercell, amplitudes, displaced)
    return {name: (values**2).sum(axis=1) for name, values in series.items()}


class _Derivatives:
    """Derivatives (n_weights,) of the energy by the weights of the posterior, of any state of a supercell."""

    def __init__(self, potential, supercell):
        self.lattice = potential.on(supercell)
        self.weights = np.concatenate(linear_weights(potential.model, last_layers=True)).astype(float)
        self.translations = self.lattice.topology.translations(supercell)

    def __call__(self, displacements, deformation):
        with precision("float64"):
            state = jnp.asarray(displacements), jnp.asarray(deformation), self.translations
            return np.asarray(_by_weights(self.lattice, jnp.asarray(self.weights), *state))


@eqx.filter_jit
def _by_weights(lattice, weights, *state):
    def energy(weights):
        model = with_linear_weights(lattice.model, weights, last_layers=True)
        return eqx.tree_at(lambda x: x.model, lattice, model).energy(*state)

    return jax.grad(energy)(weights)


def _error(points, name, samples, factor, run):
    """The record of one order parameter."""
    squares = np.concatenate([samples[id(p)][0][name] for p in points])
    enthalpy, slopes = (np.concatenate([samples[id(p)][k] for p in points]) for k in (1, 2))
    temperatures = np.concatenate([np.full(len(p.frames), p.temperature) for p in points])
    deviation, error = temperature_deviation(temperature_slopes(squares, enthalpy, slopes, temperatures), factor)
    return {
        "potential_K": deviation,
        "potential_error_K": error,
        "n_cells": run.supercell.n_cells,
        "temperatures_K": sorted({p.temperature for p in points}),
        "n_snapshots": len(temperatures),
    }
