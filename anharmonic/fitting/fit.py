"""From a basis and a data set to a potential with a report."""

import time
from dataclasses import asdict, dataclass, field

import numpy as np

from anharmonic.crystal import same_crystal
from anharmonic.data.trajectories import leaks
from anharmonic.errors import AnharmonicError, DatasetError
from anharmonic.fitting.calibration import calibrate, calibration_table
from anharmonic.fitting.charges import charges_table
from anharmonic.fitting.errors import compare, error_report, report_table
from anharmonic.fitting.prediction import Weights
from anharmonic.fitting.problem import FITTED, Problem, divide
from anharmonic.fitting.training import Schedule
from anharmonic.fitting.uncertainty import fit_posterior
from anharmonic.fitting.unit_predictions import UnitPredictions
from anharmonic.fitting.walls import walls_around
from anharmonic.potential.domain import Domain
from anharmonic.potential.models import MODELS
from anharmonic.potential.potential import Potential


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
        tables += [charges_table(self.potential)] if self.potential.born else []
        return "\n\n".join(tables + [f"warning: {text}" for text in self.warnings])


def fit(
    basis, dataset, model="cluster", hidden=(8,), weights=None, schedule=None,
    ridge=None, wall=300.0, validation=None, test=0.2, split_by="frame", folds=0, seed=0, name=None, metadata=None,
    progress=False, start=None, born=None,
):  # fmt: skip
    """Fit a potential to energies, forces and stresses.

    The linear part is solved directly; nets start from it and are trained by Adam. With `start` the ridge pulls towards
    the weights of another potential, so that labels change only what they determine: fit that one to many cheap labels,
    this one to a few good ones.

    Parameters
    ----------
    basis : ClusterBasis
    dataset : Dataset
    model : str
        ``"polynomial"`` (eq. 2), ``"cluster"`` (eq. 13) or ``"site"`` (eq. 16).
    hidden : sequence of int
        Widths of the hidden layers of the nets; those of `start` if there is one.
    weights : Weights
        Labels with a weight above zero must be present in every frame.
    schedule : Schedule
        Of the training of nets.
    ridge : float, optional
        Strength of the ridge regression; default: the best of a few on held-out folds, else on validation frames.
    wall : float
        Stiffness (eV) of the walls of clusters beyond what the data cover; see `walls_around`.
    validation : float, optional
        Share held out for ridge and early stopping; default: 0.1, without need of it (`folds`) 0.
    test : float or Dataset
        Share held out to the end, or a data set.
    split_by : str
        What is never divided between the parts: "frame", "trajectory", or another of
        `Dataset.split`. Single frames of a simulation are no independent test.
    folds : int
        Report errors of a cross-validation of all but the test part as well; for polynomials.
    seed : int
        Decides splits and initial weights.
    name : str, optional
    metadata : dict, optional
        Provenance to keep in the file.
    progress : bool
        Show a progress bar.
    start : Potential, optional
        Of the same model and basis.
    born : BornCharges or "fitted", optional
        Add their dipole-dipole interaction; "fitted": charges over the root of the dielectric constant, from the
        labels. Default: those of `start`.

    Returns
    -------
    FitResult

    Raises
    ------
    AnharmonicError
        If the model is unknown, folds are asked for with nets (see `anharmonic select`), or `start` has another model.
    DatasetError
        If labels that are asked for are missing, or the data set has another crystal.
    """
    validation = (0.0 if folds else 0.1) if validation is None else validation
    weights, schedule, started = weights or Weights(), schedule or Schedule(), time.perf_counter()
    _check(basis, dataset, model, folds, weights)
    parts = divide(dataset, validation, test, seed, split_by)
    problem = Problem(basis, parts, weights, *_beginning(start, model, basis, born), seed, progress)
    strength, crossed = problem.cross_validation(folds, ridge, split_by) if folds else (ridge, None)
    solved = problem.solve(model, hidden, strength, schedule)
    posterior = fit_posterior(
        UnitPredictions(problem.geometry, solved.model, last_layers=True), solved.offsets, solved.equations,
        solved.strength, problem.parts["training"], problem.parts.get("validation"), weights,
    )  # fmt: skip
    facts = {
        "name": name or basis.crystal.formula, "model": model, "hidden": _widths(model, hidden, start),
        "weights": asdict(weights), "schedule": asdict(schedule), "ridge": solved.strength, "wall": wall, "seed": seed,
        "start": start.name if start else None, "split_by": split_by,
        "n_frames": {part: len(data) for part, data in parts.items()},
        "seconds": round(time.perf_counter() - started, 1),
    }  # fmt: skip
    potential = _potential(problem, solved, posterior, start, wall, facts | (metadata or {}))
    return _judged(potential, parts, {f"{folds} folds": crossed} if crossed else {}, solved.curve)


def _check(basis, dataset, model, folds, weights):
    """Refuse what cannot be fitted."""
    if model not in MODELS:
        raise AnharmonicError(f"model is one of {', '.join(MODELS)}; found {model!r}")
    if folds and model != "polynomial":
        raise AnharmonicError(f"folds = {folds} is for polynomials; `anharmonic select` cross-validates nets")
    if not same_crystal(basis.crystal, dataset.crystal):
        raise DatasetError("the data set has another reference crystal than the basis: read it with that of the basis")
    dataset.require(energy=weights.energy > 0, forces=weights.forces > 0, stress=weights.stress > 0)


def _potential(problem, solved, posterior, start, wall, metadata):
    """The potential of a `Solution`, with walls around what its data and those of `start` cover, and their domain."""
    found = solved.statistics if start is None else solved.statistics.with_ranges(start.ranges)
    seen = [frame for part in ("training", "validation") for frame in problem.labelled.get(part, ())]
    walled = solved.model.walled(walls_around(problem.geometry, seen, found, wall, start and start.model))
    domain = Domain.of_environments(found.environments, problem.basis.crystal.site_classes)
    domain = domain if start is None or start.domain is None else domain.joined(start.domain)
    return Potential(problem.basis, walled, found.ranges, metadata, posterior, domain, problem.born)


def _judged(potential, parts, crossed, curve):
    """The `FitResult` of a potential, whose errors by part become part of its metadata."""
    comparisons = {part: compare(potential, data) for part, data in parts.items()} | crossed
    report = {part: error_report(comparison) for part, comparison in comparisons.items()}
    potential.metadata["errors"] = {part: r["all"] for part, r in report.items()}
    judged = [part for part in ("validation", "test") if part in parts]
    calibrations = {part: calibrate(potential, parts[part], comparisons[part]) for part in judged}
    potential.metadata["calibration"] = {part: c.record() for part, c in calibrations.items()}
    return FitResult(potential, report, comparisons, curve, leaks(parts), calibrations)


def _widths(model, hidden, start):
    """Of the hidden layers of the nets."""
    if model == "polynomial":
        return []
    return list(hidden) if start is None else start.metadata["hidden"]


def _beginning(start, kind, basis, born):
    """The model that a fit begins with, without walls, and its charges."""
    if start is None:
        return None, born
    if born == FITTED:
        raise AnharmonicError(f"charges cannot be fitted to a start, {start.name}: its weights belong beside its own")
    if start.metadata.get("model") != kind or not start.basis.equals(basis):
        raise AnharmonicError(
            f"the potential {start.name} cannot be where this fit starts: that takes the same crystal, basis and model "
            f"({kind}; found {start.metadata.get('model')})"
        )
    return start.model.bare(), start.born if born is None else born
