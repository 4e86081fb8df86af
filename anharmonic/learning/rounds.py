"""Rounds of learning: fit, sample, pick, label. What is done stands in the folder, so a stop costs little."""

import json
from dataclasses import dataclass, replace

import ase.io
import numpy as np

from anharmonic.data import Dataset
from anharmonic.data.frames import Frame
from anharmonic.data.provenance import file_digest
from anharmonic.errors import AnharmonicError
from anharmonic.files import replacing, write_json
from anharmonic.fitting import Weights, fit
from anharmonic.fitting.geometry import Geometry
from anharmonic.fitting.information import choose, in_tolerances
from anharmonic.fitting.problem import untrained
from anharmonic.fitting.statistics import Statistics
from anharmonic.fitting.unit_predictions import UnitPredictions
from anharmonic.learning.labellers import Waiting
from anharmonic.learning.tasks import Labelling, Sampling, perform
from anharmonic.parallel.team import Alone
from anharmonic.potential.library import load
from anharmonic.sweep.start import start_at_rest

DIGITS = 8
"""Of positions in files."""


@dataclass(frozen=True)
class Learned:
    """What the rounds found.

    Attributes
    ----------
    history : list of dict
        By round: round, n_frames (for the fit), test and training errors as of `error_report`, share (of the sampled
        structures above the grade), highest (grade), n_candidates, n_labelled.
    potential : Potential
        Of the last fit.
    finished : str
        Why it ended.
    """

    history: list
    potential: object
    finished: str


class Learner:
    """The rounds of a plan in a folder.

    Parameters
    ----------
    plan : LearnPlan
    folder : Path
    crew : Alone or Together
        Workers of `anharmonic.parallel.team` that sample and label.
    track : callable
        ``track(items, text, total)`` yields the items and shows how far it is.
    stop : callable
        See `anharmonic.sweep.sweep`.
    """

    def __init__(self, plan, folder, crew, track, stop):
        self.plan, self.folder, self.crew, self.track, self.stop = plan, folder.resolve(), crew, track, stop
        crystal = plan.fit.reference()
        self.basis, self.options = plan.fit.prepared(crystal)
        self.known, self.test = plan.fit.parts(plan.fit.dataset(crystal))

    def rounds(self):
        """Do the rounds; yields the history after each."""
        history = []
        for number in range(self.plan.rounds + 1):
            row = {"round": number, "n_frames": len(self.known)}
            here = self.folder / f"round-{number:02d}"
            here.mkdir(parents=True, exist_ok=True)
            row |= self._fit(here)
            candidates, found = self._sample(here)
            row |= found
            last = number == self.plan.rounds or found["share"] <= self.plan.share or not candidates
            labelled = None if last else self._label(here, self._pick(here, candidates))
            history.append(row | {"n_labelled": 0 if last else len(labelled)})
            yield history
            if last:
                return
            self.known = self.known + labelled

    def _fit(self, here):
        """Fit, or read what was fitted before; returns errors by part."""
        path, notes = here / "potential.h5", here / "errors.json"
        if not (path.exists() and notes.exists()):
            result = fit(self.basis, self.known, test=self.test, **self.options)
            result.potential.save(path)
            write_json(notes, {part: report["all"] for part, report in result.report.items()})
        return {"errors": json.loads(notes.read_text(encoding="utf-8"))}

    def _sample(self, here):
        """Candidates (configurations with grades), and what the runs say."""
        path, grades, candidates, ended, tasks = here / "potential.h5", [], [], [], {}
        starts = {cell: start_at_rest(load(path), cell) for cell in self.plan.supercells}
        for name, cell, temperature in self.plan.runs():
            (here / name).mkdir(exist_ok=True)
            tasks[name] = Sampling(path, self.plan, here / name / "run.h5", starts[cell], temperature)
        for name, (seen, reason) in zip(tasks, self._done(tasks.values(), f"{here.name}: sampling"), strict=True):
            grades += [grade for _, grade in seen]
            candidates += [(c, g, name) for c, g in seen if self.plan.above < g <= self.plan.below]
            ended += [f"{name}: {reason}"] if reason else []
        outside = [grade > self.plan.above for grade in grades]
        return candidates, {
            "share": float(np.mean(outside)) if grades else 1.0,
            "highest": float(max(grades, default=np.inf)),
            "n_candidates": len(candidates),
            "ended_early": ended,
        }

    def _pick(self, here, candidates):
        """The structures of a round to label, as they are written to picked.extxyz."""
        path = here / "picked.extxyz"
        if not path.exists():
            picked = []
            for index, gain in choose(*self._predictions(candidates), self.plan.per_round):
                configuration, grade, run = candidates[index]
                atoms = configuration.to_atoms()
                atoms.info = {"grade": grade, "information": gain, "run": run} | (self.plan.info or {})
                picked.append(atoms)
            with replacing(path) as part:
                ase.io.write(part, picked, format="extxyz")
        return ase.io.read(path, ":")

    def _predictions(self, candidates):
        """Unit predictions of the frames that are known and of candidates."""
        weights = self.plan.fit.fit.get("weights") or Weights()
        asked = Dataset(self.basis.crystal, [_unlabelled(c) for c, *_ in candidates])
        geometry = Geometry(self.basis)
        unit = UnitPredictions(geometry, untrained(self.basis, Statistics.of_dataset(geometry, self.known)))
        return [in_tolerances(unit, part, weights) for part in (self.known, asked)]

    def _label(self, here, picked):
        """Labels of the picked structures, each in a file of its own.

        Raises
        ------
        Waiting
            If some are not there yet.
        """
        (here / "labels").mkdir(exist_ok=True)
        tasks = [
            Labelling(self.plan.labeller, atoms, here / "label" / f"{k:03d}", here / "labels" / f"{k:03d}.extxyz")
            for k, atoms in enumerate(picked)
        ]
        left = [task for task in tasks if not task.file.exists()]
        if waiting := self._done(left, f"{here.name}: labelling").count(False):
            raise Waiting(
                f"{waiting} of {len(picked)} structures wait for labels in {here / 'label'}: run VASP in each of its "
                "folders (POTCAR is yours to add), then give the same command again"
            )
        return self._read(here / "labels")

    def _done(self, tasks, text):
        """Results of tasks, in their order; the first error ends the round."""
        tasks, results = list(tasks), {}
        for outcome in self.track(self.crew.run(perform, tasks, stop=self.stop), text, len(tasks)):
            if outcome.error is not None:
                raise outcome.error
            results[outcome.index] = outcome.result
        return [results[k] for k in range(len(tasks))]

    def _read(self, folder):
        """Labels of a round as a `Dataset`, with the options of the first data of the fit."""
        found = replace(self.plan.fit.sources[0], paths=(folder,)).read(self.basis.crystal)
        if found.refusals:
            raise AnharmonicError(f"a label cannot be used: {found.refusals[0]}; remove it to have it made again")
        return found


def learn(plan, folder, crew=None, track=lambda items, text, total: items, stop=lambda: None,
          on_round=lambda history: None):  # fmt: skip
    """Fit, sample, pick and label until no run leaves what is known, or for as many rounds as the plan has.

    Parameters
    ----------
    plan : LearnPlan
    folder : Path
        Holds all that is done; what is there is not done again.
    crew : Alone or Together, optional
        Workers of `anharmonic.parallel.team` that sample and label; this process by default.
    track : callable
        ``track(items, text, total)`` yields the items and shows how far it is.
    stop : callable
        Asked during runs and between labels for the number of a signal that asks to stop.
    on_round : callable
        Called with the history after every round.

    Returns
    -------
    Learned

    Raises
    ------
    Waiting
        If labels are missing that somebody else makes.
    Stopped
        If `stop` said so.
    AnharmonicError
        If the folder belongs to another plan, or labels cannot be had.
    """
    _claim(plan, folder)
    history = []
    for history in Learner(plan, folder, crew or Alone(), track, stop).rounds():
        write_json(folder / "history.json", history)
        on_round(history)
    last = history[-1]
    potential = load(folder / f"round-{last['round']:02d}" / "potential.h5")
    return Learned(history, potential, _why(plan, last))


def _why(plan, last):
    """Why learning ended, in words."""
    found = f"{100 * last['share']:.1f} % of the sampled structures are above grade {plan.above:g}"
    if last["share"] <= plan.share:
        return f"{found}; at most {100 * plan.share:g} % were asked for"
    if not last["n_candidates"]:
        return f"{found}, and none below {plan.below:g}: there is nothing to label"
    return f"{plan.rounds} rounds are done; {found}"


def _claim(plan, folder):
    """Keep the plan in the folder; refuse a folder of another one."""
    folder.mkdir(parents=True, exist_ok=True)
    text, kept = plan.path.read_text(encoding="utf-8"), folder / "learn.toml"
    text += f"\n# ---- {plan.fit.path.name}\n{plan.fit.path.read_text(encoding='utf-8')}"
    text += "".join(f"\n# ---- {path.name}: sha256 {file_digest(path)}" for path in plan.fit.other_files())
    if kept.exists() and kept.read_text(encoding="utf-8") != text:
        raise AnharmonicError(
            f"{folder} holds rounds of another learn.toml or fit.toml ({kept}): choose another folder with --out, or "
            "restore the files"
        )
    with replacing(kept) as part:
        part.write_text(text, encoding="utf-8")


def _unlabelled(configuration):
    """A frame whose labels are zero: of a candidate only the places for labels count."""
    zeros = np.zeros_like(configuration.displacements)
    return Frame(configuration, 0.0, zeros, np.zeros((3, 3)), "candidates", "", "")
