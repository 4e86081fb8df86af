"""The problem that a fit solves: parts of a data set, a model to start from, its linear weights, and its nets."""

from dataclasses import dataclass

import jax
import numpy as np
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn, track

from anharmonic.data import Dataset
from anharmonic.errors import DatasetError
from anharmonic.fitting.charges import fit_charges
from anharmonic.fitting.cross_validation import cross_validate
from anharmonic.fitting.errors import compare_predictions
from anharmonic.fitting.geometry import Geometry
from anharmonic.fitting.linear import NormalEquations, strongest_ridge
from anharmonic.fitting.predictor import Predictor
from anharmonic.fitting.statistics import Statistics
from anharmonic.fitting.training import train
from anharmonic.fitting.unit_predictions import UnitPredictions
from anharmonic.potential.linear_weights import linear_weights, with_linear_weights
from anharmonic.potential.models import ClusterModel, Expansion, Network, SiteModel

FITTED = "fitted"
CHARGE_RIDGE = 1.0
"""Of the clusters beside which charges are fitted."""


@dataclass(frozen=True)
class Solution:
    """A fitted model and what it was fitted with.

    Attributes
    ----------
    model : ClusterModel or SiteModel
        Without walls.
    offsets : ndarray, shape (n_groups,)
        eV per reference cell.
    strength : float
        Of the ridge.
    equations : NormalEquations
        Of the training frames, at the fitted model; last layers of networks among the unknowns.
    statistics : Statistics
        Of the training frames, with the reach of the validation frames.
    curve : ndarray, shape (n_checks, 3)
        Step, training and validation loss.
    """

    model: object
    offsets: np.ndarray
    strength: float
    equations: NormalEquations
    statistics: Statistics
    curve: np.ndarray


class Problem:
    """What to fit to: a basis, the parts of a data set, and what its labels count.

    Parameters
    ----------
    basis : ClusterBasis
    parts : dict of Dataset
        As of `divide`.
    weights : Weights
    start : ClusterModel or SiteModel, optional
        What the fit begins with, without walls; the ridge pulls towards its weights.
    born : BornCharges or "fitted", optional
        Of dipoles that the model comes beside; "fitted": to the training frames.
    seed : int
        Of initial weights and folds.
    progress : bool
        Show progress bars.
    """

    def __init__(self, basis, parts, weights, start=None, born=None, seed=0, progress=False):
        self.basis, self.geometry, self.weights = basis, Geometry(basis), weights
        self.start, self.seed, self.progress = start, seed, progress
        self.labelled = parts
        self.born = self._fitted_charges() if born == FITTED else born
        self.dipoles = Predictor(self.geometry, born=self.born)
        self.parts = {part: self.dipoles.without(data) if self.born else data for part, data in parts.items()}

    def solve(self, kind, hidden, ridge, schedule):
        """The `Solution` for a kind of model (see `fit`); `ridge` None: chosen on the validation frames."""
        statistics = Statistics.of_dataset(self.geometry, self.parts["training"])
        bare = self.start or untrained(self.basis, statistics, kind, hidden, self.seed)
        prior, curve = self._prior(bare), np.zeros((0, 3))
        refit_layers = self.start is not None
        equations = self._equations(bare, "training", refit_layers)
        strength = self._strength(equations, bare, prior, refit_layers) if ridge is None else ridge
        weights, offsets = equations.solve(strength, prior)
        model = with_linear_weights(bare, weights, refit_layers)
        if kind != "polynomial":
            with _training_bar(schedule, self.progress) as on_check:
                trained = train(self.basis, model, offsets, self.parts, self.weights, schedule, on_check)
            model, offsets, curve = trained.model, trained.offsets, trained.curve
            equations = self._equations(model, "training", last_layers=True)
        if "validation" in self.parts:
            statistics = statistics.with_reach(Statistics.of_dataset(self.geometry, self.parts["validation"]))
        return Solution(model, offsets, strength, equations, statistics, curve)

    def cross_validation(self, n_folds, ridge, split_by):
        """Strength of the ridge and `Comparison` of `cross_validate`: a polynomial, all frames but the test part.

        Fitted charges are those of all these frames.
        """
        dataset = _known(self.parts)
        model = self.start or untrained(self.basis, Statistics.of_dataset(self.geometry, dataset))
        unit, track = UnitPredictions(self.geometry, model), self._tracker(f"{n_folds} folds", len(dataset))
        arguments = self.weights, n_folds, ridge, split_by, self.seed, track, self._prior(model)
        found = cross_validate(unit, dataset, *arguments)
        pairs = zip(found.predictions, dataset, strict=True)
        predictions = [predicted + self.dipoles(frame.configuration) for predicted, frame in pairs]
        return found.strength, compare_predictions(_known(self.labelled), predictions)

    def _equations(self, model, part, last_layers=False):
        """`NormalEquations` of a part."""
        unit, dataset = UnitPredictions(self.geometry, model, last_layers), self.parts[part]
        rows = self._tracker(f"{part} frames", len(dataset))(unit.rows(dataset, self.weights))
        return NormalEquations(unit.n_weights, len(dataset.groups)).add(rows)

    def _prior(self, model):
        """Weights of the model that the fit begins with, last layers included; 0 without such."""
        return 0.0 if self.start is None else np.concatenate(linear_weights(model, last_layers=True))

    def _strength(self, equations, model, prior, last_layers):
        """The ridge for the loss of the validation frames; without such, of the training frames."""
        judge = self._equations(model, "validation", last_layers) if "validation" in self.parts else equations
        return strongest_ridge(lambda strength: judge.loss(*equations.solve(strength, prior)))

    def _fitted_charges(self):
        """Charges of the training frames, beside a polynomial."""
        training = self.labelled["training"]
        unit = UnitPredictions(self.geometry, untrained(self.basis, Statistics.of_dataset(self.geometry, training)))
        return fit_charges(unit, training, self.weights, CHARGE_RIDGE)

    def _tracker(self, text, n):
        """Passes `n` rows on with a progress bar."""
        return lambda rows: track(rows, text, n, disable=not self.progress)


def _known(parts):
    """All frames but those of the test part."""
    training = parts["training"]
    frames = [frame for part in ("training", "validation") if part in parts for frame in parts[part]]
    return Dataset(training.crystal, frames, (), training.energy_offset)


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
