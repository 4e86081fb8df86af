"""A selection from its plan to its results: jobs, progress, resuming, and the winner on the frames that no fold saw."""

from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from pathlib import Path

import jax
import numpy as np

from anharmonic.data import Dataset
from anharmonic.errors import AnharmonicError
from anharmonic.fitting.selection.jobs import Job, Workshop, jobs_of
from anharmonic.fitting.selection.store import Store, digest_of
from anharmonic.fitting.selection.summary import best_of, by_setting
from anharmonic.fitting.selection.trainings import cross_validation, everything, learning_curve

RESULTS, CURVE, WINNERS = "selection.jsonl", "learning_curve.jsonl", "winners.jsonl"
LABELS = {"energies, forces, stresses": {}, "energies only": {"forces": 0.0, "stress": 0.0}}
"""What a learning curve trains on, by name: weights that replace those of the plan."""


@dataclass(frozen=True)
class Selection:
    """A plan with its data.

    Attributes
    ----------
    plan : SelectionPlan
    dataset : Dataset
    test : ndarray of bool, shape (n_frames,)
        Frames that no fold sees.
    """

    plan: object
    dataset: Dataset
    test: np.ndarray

    @classmethod
    def of_plan(cls, plan, progress=False):
        """Read the data and put the test frames aside."""
        dataset = plan.source.dataset(plan.source.reference(), progress)
        weights = plan.weights
        dataset.require(energy=weights.energy > 0, forces=weights.forces > 0, stress=weights.stress > 0)
        test = np.zeros(len(dataset), bool)
        if plan.test:
            kept = {id(frame) for frame in dataset.split(1 - plan.test, plan.seed, plan.fold_by)[0]}
            test = np.array([id(frame) not in kept for frame in dataset])
        return cls(plan, dataset, test)

    def options(self):
        """What decides the results, the data included."""
        return self.plan.options() | {"data": digest_of(self.dataset)}

    def cross_validate(self, folder, on_job=None, workers=1, stop=lambda: False):
        """Train and test everything that the results in a folder do not have yet.

        Parameters
        ----------
        folder : path-like
        on_job : callable, optional
            Called with ``(number of trainings done, of all, job)`` after every job; first with None for what was there.
        workers : int
            Jobs at a time.
        stop : callable
            Asked before each job.

        Returns
        -------
        list of dict
            Rows of all finished jobs; see `anharmonic.fitting.selection.jobs.Workshop.run`.
        """
        plan, frames = self.plan, self.dataset.subset(np.flatnonzero(~self.test))
        workshop = Workshop(plan, frames, lambda order: cross_validation(plan, frames, order))
        jobs = jobs_of(plan)
        store = Store(Path(folder) / RESULTS, self.options(), [job.key for job in jobs])
        _work(store, jobs, lambda job: workshop.run(job), on_job, workers, stop)
        return store.all_rows()

    def learn(self, folder, on_job=None, workers=1, stop=lambda: False):
        """Errors on the test frames against the number of frames, for both entries of `LABELS`.

        Returns rows as `cross_validate`; each says its labels and how many frames it saw.
        """
        curve = self.plan.learning_curve
        if not self.test.any():
            raise AnharmonicError("a learning curve is judged on test frames: [selection] needs test above 0")
        if not self.plan.weights.energy > 0:
            raise AnharmonicError(
                "a learning curve compares fits to energies only: it needs a weight of energies above 0"
            )
        if max(curve.frames) > (~self.test).sum():
            raise AnharmonicError(
                f"a learning curve to {max(curve.frames)} frames takes as many that are no test: {(~self.test).sum()}"
            )
        options = self.options() | {"learning_curve": vars(curve)}
        workshops = {
            name: Workshop(self.plan, self.dataset, self._growing, replace(self.plan.weights, **changed))
            for name, changed in LABELS.items()
        }
        kinds = [("ridge", ()), ("cluster", (tuple(curve.hidden),))]
        jobs = {f"{name} | {m}": (name, Job(curve.clusters, curve.order, m, s)) for name in LABELS for m, s in kinds}
        store = Store(Path(folder) / CURVE, options, list(jobs))

        def work(named):
            return [row | {"labels": named.labels} for row in workshops[named.labels].run(named.job)]

        _work(store, [_Named(key, *pair) for key, pair in jobs.items()], work, on_job, workers, stop)
        return store.all_rows()

    def winners(self, folder, rows):
        """Retrain the best setting of every model on all frames of the folds; rows judged on the test frames.

        Nothing is chosen here: the settings are those of the lowest mean validation loss.
        """
        best = best_of(by_setting(rows, self.plan.weights))
        jobs = [Job(s.clusters, s.order, model, (s.hidden,) if s.hidden else ()) for model, s in best.items()]
        workshop = Workshop(self.plan, self.dataset, lambda order: everything(self.test, order))
        store = Store(Path(folder) / WINNERS, self.options() | {"jobs": [j.key for j in jobs]}, [j.key for j in jobs])
        _work(store, jobs, workshop.run, None, 1, lambda: False)
        return store.all_rows()

    def _growing(self, order):
        return learning_curve(self.plan.learning_curve, self.test, self.plan.seed, order)


@dataclass(frozen=True)
class _Named:
    """A job of a learning curve: the key is not that of the job alone."""

    key: str
    labels: str
    job: Job


def _work(store, jobs, run, on_job, workers, stop):
    """Run pending jobs, some at a time; results are kept as they come.

    An interrupt lets the running jobs end and keeps their results; a second one does not.
    """
    report = on_job or (lambda job, rows: None)
    report(None, store.all_rows())
    pending = iter(store.pending(jobs))
    with ThreadPoolExecutor(max(workers, 1)) as pool:
        running, interrupt = {}, None
        while True:
            while len(running) < workers and not (interrupt or stop()) and (job := next(pending, None)) is not None:
                running[pool.submit(_in_single_precision, run, job)] = job
            if not running:
                break
            try:
                finished = wait(running, return_when=FIRST_COMPLETED).done
            except KeyboardInterrupt as found:
                if interrupt:
                    raise
                interrupt, finished = found, ()
            for done in finished:
                job = running.pop(done)
                store.add(job.key, done.result())
                report(job, store.rows[job.key])
            jax.clear_caches()  # every job has programs of its own: kept, they use up the memory maps of a process
    if interrupt:
        raise interrupt


def _in_single_precision(run, job):
    """Trainings are made in float32 whatever the process has switched; sums of a data set are float64 on the host."""
    with jax.enable_x64(False):
        return run(job)
