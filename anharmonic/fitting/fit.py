"""From a basis and a data set to a potential with a report."""

import time
from dataclasses import asdict, dataclass, field

import jax
import numpy as np
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn, track

from anharmonic.data.trajectories import leaks
from anharmonic.errors import AnharmonicError, DatasetError
from anharmonic.fitting.calibration import calibrate, calibration_table
from anharmonic.fitting.errors import compare, error_report, report_table
from anharmonic.fitting.geometry import Geometry
from anharmonic.fitting.linear import NormalEquations
from anharmonic.fitting.prediction import Weights
from anharmonic.fitting.statistics import Statistics
from anharmonic.fitting.training import Schedule, train
from anharmonic.fitting.uncertainty import fit_posterior
from anharmonic.fitting.unit_predictions import UnitPredictions
from anharmonic.potential.domain import Domain
from anharmonic.potential.linear_weights import with_linear_weights
from anharmonic.potential.models import MODELS, ClusterModel, Expansion, Network, SiteModel, Wall
from anharmonic.potential.potential import Potential

RIDGE_STRENGTHS = (1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0)
RIDGE_MARGIN = 1.02
"""The strongest ridge whose validation loss is within this factor of the best is taken."""

WALL_MARGIN = 0.2
"""Share of its fitted range by which a pair may leave it before it meets its wall."""


@dataclass(frozen=True)
class FitResult:
    """A fitted potential and how it was found.

    Attributes
    ----------
    potential : Potential
    report : dict
        By part (training, validation, test) an `error_report`.
    comparisons : dict
        By part, the `Comparison` behind the report.
    curve : ndarray, shape (n_checks, 3)
        Step, training and validation loss; empty for a linear model.
    warnings : tuple of str
        Why the errors of held-out frames may be too small.
    calibrations : dict
        By part that was held out, the `Calibration` of its predicted deviations.
    """

    potential: Potential
    report: dict
    comparisons: dict
    curve: np.ndarray = field(repr=False)
    warnings: tuple = ()
    calibrations: dict = field(default_factory=dict, repr=False)

    def table(self):
        """The report as plain text."""
        tables = [report_table(report, part) for part, report in self.report.items()]
        tables += [calibration_table(self.calibrations)] if self.calibrations else []
        return "\n\n".join(tables + [f"warning: {text}" for text in self.warnings])


def fit(
    basis, dataset, model="cluster", hidden=(8,), weights=None, schedule=None,
    ridge=None, wall=300.0, validation=0.1, test=0.2, split_by="frame", seed=0, name=None, metadata=None,
    progress=False,
):  # fmt: skip
    """Fit a potential to energies, forces and stresses.

    The linear part is solved directly; nets start from it and are trained by Adam.

    Parameters
    ----------
    basis : ClusterBasis
    dataset : Dataset
    model : str
        ``"polynomial"`` (eq. 2), ``"cluster"`` (eq. 13) or ``"site"`` (eq. 16).
    hidden : sequence of int
        Widths of the hidden layers of the nets.
    weights : Weights
        Labels with a weight above zero must be present in every frame.
    schedule : Schedule
        Of the training of nets.
    ridge : float, optional
        Strength of the ridge regression; default: the best of a few on validation frames.
    wall : float
        Stiffness (eV) of the walls of pairs beyond their fitted range; see `Wall`.
    validation, test : float or Dataset
        Shares held out, or a data set for `test`.
    split_by : str
        What is never divided between the parts: "frame", "trajectory", or another of
        `Dataset.split`. Single frames of a simulation are no independent test.
    seed : int
        Decides splits and initial weights.
    name : str, optional
    metadata : dict, optional
        Provenance to keep in the file.
    progress : bool
        Show a progress bar.

    Returns
    -------
    FitResult

    Raises
    ------
    AnharmonicError
        If the model is unknown.
    DatasetError
        If labels that are asked for are missing, or the data set has another crystal.
    """
    if model not in MODELS:
        raise AnharmonicError(f"model is one of {', '.join(MODELS)}; found {model!r}")
    weights, schedule, started = weights or Weights(), schedule or Schedule(), time.perf_counter()
    dataset.require(energy=weights.energy > 0, forces=weights.forces > 0, stress=weights.stress > 0)
    parts = divide(dataset, validation, test, seed, split_by)
    problem = _Problem(basis, parts, weights, progress)
    found = problem.statistics("training")
    bare = untrained(basis, found, model, hidden, seed)
    unit = UnitPredictions(problem.geometry, bare)
    equations = problem.equations(unit, "training")
    strength = ridge if ridge is not None else problem.strongest(equations, unit)
    solution, offsets = equations.solve(strength)
    bare, curve = with_linear_weights(bare, solution), np.zeros((0, 3))
    if model != "polynomial":
        with _training_bar(schedule, progress) as on_check:
            trained = train(basis, bare, offsets, parts, weights, schedule, on_check)
        bare, offsets, curve = trained.model, trained.offsets, trained.curve
        equations = problem.equations(UnitPredictions(problem.geometry, bare, last_layers=True), "training")
    unit = UnitPredictions(problem.geometry, bare, last_layers=True)
    posterior = fit_posterior(unit, offsets, equations, strength, parts["training"], parts.get("validation"), weights)
    if "validation" in parts:
        found = found.with_reach(problem.statistics("validation"))
    domain = Domain.of_environments(found.environments, basis.crystal.site_classes)
    facts = {
        "name": name or basis.crystal.formula, "model": model, "hidden": list(hidden) if model != "polynomial" else [],
        "weights": asdict(weights), "schedule": asdict(schedule), "ridge": strength, "wall": wall, "seed": seed,
        "split_by": split_by, "n_frames": {part: len(d) for part, d in parts.items()},
        "seconds": round(time.perf_counter() - started, 1),
    }  # fmt: skip
    walled, facts = bare.walled(_walls(basis, found.ranges, wall)), facts | (metadata or {})
    potential = Potential(basis, walled, found.ranges, facts, posterior, domain)
    comparisons = {part: compare(potential, data) for part, data in parts.items()}
    report = {part: error_report(comparison) for part, comparison in comparisons.items()}
    potential.metadata["errors"] = {part: r["all"] for part, r in report.items()}
    judged = [part for part in ("validation", "test") if part in parts]
    calibrations = {part: calibrate(potential, parts[part], comparisons[part]) for part in judged}
    potential.metadata["calibration"] = {part: c.record() for part, c in calibrations.items()}
    return FitResult(potential, report, comparisons, curve, leaks(parts), calibrations)


def divide(dataset, validation, test, seed, split_by):
    """Parts of a data set by name: training and, if asked for, validation and test."""
    parts, rest = {}, dataset
    if isinstance(test, float | int):
        if test > 0:
            rest, parts["test"] = rest.split(1 - test, seed, split_by)
    else:
        parts["test"] = test
    if validation > 0:
        rest, parts["validation"] = rest.split(1 - validation, seed + 1, split_by)
    if len(rest) < 2:
        raise DatasetError(f"only {len(rest)} of {len(dataset)} frames are left for training; hold out fewer")
    return {"training": rest} | parts


def untrained(basis, statistics, model="polynomial", hidden=(), seed=0):
    """A model with random nets and without linear weights, features standardised by the `Statistics` of data."""
    key = jax.random.key(seed)

    def term(squares, k):
        if model == "polynomial":
            return Expansion.init(_root(squares))
        return Network.init(_root(squares), hidden, jax.random.fold_in(key, k))

    if model != "site":
        return ClusterModel(tuple(term(squares, k) for k, squares in enumerate(statistics.squares)))
    classes = basis.crystal.site_classes
    means = [statistics.site_squares[:, list(sites)].mean(1) for sites in classes]
    terms = tuple(term(squares, k) for k, squares in enumerate(means))
    return SiteModel(terms, (None,) * len(basis.orbits), classes)


def _root(squares):
    """Scales of features; one that never differs from zero is not scaled."""
    return np.where(squares > 1e-20, np.sqrt(np.maximum(squares, 1e-20)), 1.0)


def _walls(basis, ranges, stiffness):
    """A `Wall` for each pair orbit, a margin beyond its fitted range; None for larger clusters."""
    limits = [r[0] + WALL_MARGIN * np.ptp(r[0]) * np.array([-1, 1]) for r in ranges]
    return [
        Wall(*limit, np.float64(stiffness)) if orbit.n_points == 2 else None
        for orbit, limit in zip(basis.orbits, limits, strict=True)
    ]


class _Problem:
    """The least-squares problem of a fit: a basis, the parts of its data, and what labels count."""

    def __init__(self, basis, parts, weights, progress):
        self.geometry, self.parts, self.weights, self.progress = Geometry(basis), parts, weights, progress

    def statistics(self, part):
        """`Statistics` of a part."""
        return Statistics.of_dataset(self.geometry, self.parts[part])

    def equations(self, unit, part):
        """`NormalEquations` of a part."""
        dataset = self.parts[part]
        rows = track(unit.rows(dataset, self.weights), f"{part} frames", len(dataset), disable=not self.progress)
        return NormalEquations(unit.n_weights, len(dataset.groups)).add(rows)

    def strongest(self, equations, unit):
        """The strongest ridge whose loss of the validation frames (without such, of the training) is near the best."""
        judge = self.equations(unit, "validation") if "validation" in self.parts else equations
        losses = {strength: judge.loss(*equations.solve(strength)) for strength in RIDGE_STRENGTHS}
        return max(s for s, value in losses.items() if value <= RIDGE_MARGIN * min(losses.values()))


class _training_bar:
    """Progress bar of a training; gives the callback that moves it."""

    def __init__(self, schedule, shown):
        columns = TextColumn("training"), BarColumn(), TextColumn("{task.fields[loss]}"), TimeRemainingColumn()
        self.bar = Progress(*columns, disable=not shown)
        self.total = schedule.steps

    def __enter__(self):
        self.bar.start()
        task = self.bar.add_task("", total=self.total, loss="")
        return lambda step, curve: self.bar.update(
            task,
            completed=step,
            loss=f"loss {curve[-1][1]:.3g}, validation {curve[-1][2]:.3g}, step {step}/{self.total}",
        )

    def __exit__(self, *error):
        self.bar.stop()
