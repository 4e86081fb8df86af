"""Labelled structures on the paths of a scan: found by their atoms and cells, in any orientation."""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import polar

from anharmonic.sweep.metric import Metric
from anharmonic.sweep.scan import energies_of, formula_units


@dataclass(frozen=True)
class PathPoint:
    """A labelled structure near a path.

    Attributes
    ----------
    x : float
        Coordinate of the nearest point of the path.
    energy, predicted : float
        Label, and energy of the potential for the structure itself (eV per formula unit, relative to the reference).
    distance : float
        From the path (A per atom, see `Metric`).
    source : str
    """

    x: float
    energy: float
    predicted: float
    distance: float
    source: str


def points_near(paths, potential, dataset, limit=0.05):
    """Labelled frames within `limit` (A per atom) of paths.

    A frame is as near as the nearest of its symmetric images, and belongs to the path that it is nearest to (and to
    others that are nearly as near). Its energy is taken relative to the reference crystal by one offset for its group:
    that of the frame nearest to the reference if this is within a quarter of `limit`, else the mean difference between
    labels and potential.

    Returns
    -------
    list of list of PathPoint
        For each path, by coordinate.
    """
    metric, units = Metric(potential.crystal), formula_units(potential.crystal)
    states = {i: _on_2x2x2(frame, metric.supercell) for i, frame in enumerate(dataset) if frame.energy is not None}
    states = {i: state for i, state in states.items() if state is not None}
    if not states:
        return [[] for _ in paths]
    predicted = dict(
        zip(states, energies_of(potential, *map(np.stack, zip(*states.values(), strict=True))), strict=True)
    )
    labels = {i: dataset.frames[i].energy / dataset.frames[i].n_cells / units for i in states}
    offsets = _offsets(metric, dataset, states, labels, predicted, limit / 4)
    lines = [(path.x, metric.coordinates(path.displacements, path.deformation)) for path in paths]
    found = [[] for _ in paths]
    for i, state in states.items():
        images, frame = metric.coordinates(*metric.images(*state)), dataset.frames[i]
        places = [_project(line, x, images) for x, line in lines]
        nearest = min(distance for _, distance in places)
        for points, (x, distance) in zip(found, places, strict=True):
            if distance <= min(limit, nearest + limit / 5):
                points.append(PathPoint(x, labels[i] - offsets[frame.group], predicted[i], distance, frame.source))
    return [sorted(points, key=lambda p: p.x) for points in found]


def _offsets(metric, dataset, states, labels, predicted, limit):
    """Label minus energy relative to the reference crystal, by group (eV per formula unit)."""
    origin = metric.coordinates(np.zeros_like(next(iter(states.values()))[0]), np.eye(3))
    offsets = {}
    for group in {dataset.frames[i].group for i in states}:
        members = [i for i in states if dataset.frames[i].group == group]
        distances = [np.linalg.norm(metric.coordinates(*states[i]) - origin) for i in members]
        near = members if min(distances) > limit else [members[int(np.argmin(distances))]]
        offsets[group] = float(np.mean([labels[i] - predicted[i] for i in near]))
    return offsets


def _on_2x2x2(frame, supercell):
    """Displacements and F of a frame repeated to 2x2x2; None if its own cell does not fit."""
    state = frame.configuration
    times = supercell.matrix @ np.linalg.inv(state.supercell.matrix)
    if not np.allclose(times, np.round(times)):
        return None
    return state.displacements[:, :, state.supercell.index(supercell.cells)], polar(state.deformation)[1]


def _project(line, x, images):
    """Coordinate and distance of the nearest point of a polyline (n, d) to any of `images` (m, d)."""
    starts, steps = line[:-1], np.diff(line, axis=0)
    lengths = (steps**2).sum(axis=1)
    inner = images @ steps.T - (starts * steps).sum(axis=1)
    along = np.clip(inner / lengths, 0, 1)
    squares = (images**2).sum(axis=1)[:, None] - 2 * images @ starts.T + (starts**2).sum(axis=1)
    squares = squares - 2 * along * inner + along**2 * lengths
    image, k = np.unravel_index(np.argmin(squares.round(12)), squares.shape)
    return float(x[k] + along[image, k] * (x[k + 1] - x[k])), float(np.sqrt(max(squares[image, k], 0)))
