"""The pieces of work of a selection: each gives the errors of some trainings and depends on nothing but the plan."""

from dataclasses import dataclass
from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np

from anharmonic.fitting.selection.design import make_designs, single
from anharmonic.fitting.selection.errors import errors
from anharmonic.fitting.selection.labels import make_labels
from anharmonic.fitting.selection.least_squares import Columns
from anharmonic.fitting.selection.linear_models import Rows, best_offsets, fit_linear
from anharmonic.fitting.selection.nets import Nets
from anharmonic.fitting.selection.tables import tabulated
from anharmonic.fitting.selection.training import (
    Start,
    Targets,
    predict,
    repeated,
    train_nets,
    unit_responses,
    with_outputs,
)

SHAPES = 5
"""Shapes with as many layers that are trained in one compiled program, padded to the widest of them."""

NEGLIGIBLE = 1e-10
"""Weights of linear models up to this are none."""


@dataclass(frozen=True)
class Job:
    """Trainings that are done together, over all folds.

    Attributes
    ----------
    clusters : str
    order : int or dict
    model : str
        An architecture, or the name of a linear method.
    shapes : tuple of tuple of int
        Empty for a linear method.
    """

    clusters: str
    order: object
    model: str
    shapes: tuple = ()

    @property
    def key(self):
        """A text that names the job."""
        shapes = " ".join("-".join(map(str, shape)) for shape in self.shapes)
        return f"{self.clusters} | order {self.order} | {self.model} | {shapes}".rstrip(" |")


def jobs_of(plan):
    """All jobs of a plan, those of one basis after each other."""
    chunks = []
    for layers in sorted({len(shape) for shape in plan.hidden}):
        alike = sorted(shape for shape in plan.hidden if len(shape) == layers)
        chunks += [tuple(alike[k : k + SHAPES]) for k in range(0, len(alike), SHAPES)]
    found = []
    for clusters, order in plan.sets:
        found += [Job(clusters, order, method) for method in plan.baselines]
        found += [Job(clusters, order, model, shapes) for model in plan.architectures for shapes in chunks]
    return found


class Workshop:
    """Data of a plan, the frames of its trainings, and the designs that its jobs share.

    Parameters
    ----------
    plan : SelectionPlan
    dataset : Dataset
    choose : callable
        From the order of the labels to `Trainings`.
    weights : Weights, optional
        Instead of those of the plan.
    """

    def __init__(self, plan, dataset, choose, weights=None):
        self.plan, self.dataset, self.weights = plan, dataset, weights or plan.weights
        self.energies_alone = not (plan.weights.forces or plan.weights.stress)
        self.labels = make_labels(dataset, self.weights.groups, self.energies_alone)
        self.n_groups = len(dataset.groups)
        self.trainings = choose(self.labels.order)
        self._of_basis = lru_cache(2)(self._prepare)

    def run(self, job):
        """Rows of results, one a training; a dict says which one, and its errors on the frames of both kinds."""
        return self._nets(job) if job.shapes else self._linear(job)

    def prepared(self, job):
        """`Design` by architecture of a job's basis (float64), the `Columns` of its invariants, and ridge strengths."""
        return self._of_basis(job.clusters, repr(job.order))

    def _prepare(self, clusters, order):
        order = next(o for o in self.plan.all_orders if repr(o) == order)
        basis = self.plan.basis(self.dataset.crystal, clusters, order)
        designs = make_designs(basis, self.dataset, energies_alone=self.energies_alone)
        columns = invariant_columns(designs["cluster"])
        return designs, columns, [sums.best_strength(parts) for sums, parts in self._problems(columns)]

    def _problems(self, columns):
        return self.trainings.problems(columns, self.labels, self.weights, self.n_groups)

    def _linear(self, job):
        _, columns, strengths = self.prepared(job)
        if job.model == "ridge":
            problems = zip(self._problems(columns), strengths, strict=True)
            solved = [sums.solve(parts, strength) for (sums, parts), strength in problems]
        else:
            solved = [self._sparse(job.model, columns, k) for k in range(len(self.trainings))]
        rows = []
        for k, (weights, offsets) in enumerate(solved):
            components = [np.tensordot(weights, c, 1) for c in columns.components]
            counts = {"n_parameters": len(weights), "n_used": int(np.count_nonzero(abs(weights) > NEGLIGIBLE))}
            rows.append(self._row(job, (), k, weights @ columns.energy, components, offsets, counts))
        return rows

    def _sparse(self, method, columns, k):
        """Weights and offsets of training k by a method that leaves invariants out."""
        training, parts = self.trainings.training[k], self.trainings.parts[k]
        weights = fit_linear(method, Rows.of_columns(columns, self.labels, self.weights, training, parts))
        return weights, best_offsets(columns, self.labels, self.weights, training, weights, self.n_groups)

    def _nets(self, job):
        trained, offsets, losses = self.train(job)
        design, rows, n = self.prepared(job)[0][job.model], [], len(self.trainings)
        energies, components = predict(single(design), trained)
        energies, components = np.asarray(energies, float), [np.asarray(c, float) for c in components]
        for k in range(len(offsets)):
            shape = job.shapes[k // n]
            counts = {"n_parameters": n_parameters(design, shape), "loss": [float(losses[0, k]), float(losses[-1, k])]}
            predicted = energies[k], [c[k] for c in components]
            rows.append(self._row(job, shape, k % n, *predicted, offsets[k], counts))
        return rows

    def train(self, job):
        """Trained `Nets` (shapes times trainings), offsets in eV per cell (NaN: no data), losses (steps, m)."""
        design = self.prepared(job)[0][job.model]
        quick = single(tabulated(design)) if job.model == "cluster" else single(design)
        starts = [self._start(job, quick, shape) for shape in job.shapes]
        start = jax.tree.map(lambda *x: jnp.concatenate(x), *[start for start, _ in starts])
        known = np.concatenate([known for _, known in starts])
        targets = Targets.of_labels(self.labels, self.weights, self.trainings.training, self.n_groups)
        nets, offsets, losses = train_nets(quick, targets, start, self.plan.iterations)
        return nets, np.where(known, np.asarray(offsets, float), np.nan), np.asarray(losses)

    def _start(self, job, design, shape):
        """`Start` of one shape for all trainings, all that its nets are linear in solved; which offsets are known."""
        widest = tuple(max(s[k] for s in job.shapes) for k in range(len(shape)))
        key = jax.random.fold_in(jax.random.key(self.plan.seed), sum((101 + n) * 211**k for k, n in enumerate(shape)))
        nets = tuple(
            Nets.init(len(items.inputs), shape, widest, jax.random.fold_in(key, k))
            for k, items in enumerate(design.items)
        )
        nets = jax.tree.map(lambda x: np.asarray(x, np.float32), nets)
        energies, components = unit_responses(design, nets)
        columns = Columns(energies.astype(float), tuple(c.astype(float) for c in components))
        strengths = self.prepared(job)[2]
        problems = [(sums, parts, s) for (sums, parts), s in zip(self._problems(columns), strengths, strict=True)]
        solved = [sums.solve(parts, s) for sums, parts, s in problems]
        outputs, offsets = (np.array(x) for x in zip(*solved, strict=True))
        inverse = np.array([sums.inverse(parts, s) for sums, parts, s in problems], np.float32)
        nets = with_outputs(repeated(nets, len(outputs)), outputs.astype(np.float32))
        arrays = np.nan_to_num(offsets).astype(np.float32), np.array(strengths, np.float32), inverse
        return Start(nets, *map(jnp.asarray, arrays)), np.isfinite(offsets)

    def _row(self, job, shape, k, energies, components, offsets, counts):
        training, validation = self.trainings.training[k], self.trainings.validation[k]
        arguments = self.labels, energies, components, offsets
        return {
            "clusters": job.clusters, "order": job.order, "model": job.model, "hidden": list(shape), "fold": k,
            "n_frames": [int(training.sum()), int(validation.sum())], **counts,
            "training": errors(*arguments, training), "validation": errors(*arguments, validation),
        }  # fmt: skip


def invariant_columns(design):
    """`Columns` of the standardised invariants, from the design of the cluster architecture."""
    energies, components = [], []
    for items in design.items:
        energies.append(np.asarray(items.energies(items.inputs)))
        n = len(items.inputs)
        units = [r.reshape(len(r), n, r.shape[1] // n, r.shape[-1]).sum(2) for r in items.responses]
        components.append([np.moveaxis(u, 1, 0) for u in units])
    return Columns(np.concatenate(energies), tuple(map(np.concatenate, zip(*components, strict=True))))


def n_parameters(design, shape):
    """Trained numbers of the nets of one shape, energy offsets not counted."""
    total = 0
    for items in design.items:
        widths = (len(items.scales), *shape)
        total += widths[0] + widths[-1] + sum(a * b + b for a, b in zip(widths, widths[1:], strict=False))
    return total
