"""Energy along paths through the configurations of a crystal (figure 9 of the paper), with labelled points near them."""

from dataclasses import dataclass, field
from functools import cached_property
from math import gcd

import equinox as eqx
import jax
import numpy as np

from anharmonic.analysis import TiltModes
from anharmonic.crystal import Crystal, Supercell
from anharmonic.errors import AnharmonicError
from anharmonic.potential.potential import precision
from anharmonic.sweep.start import relaxed_phases

MOST_TILT = 16.0
VOLUME_SCALES = (0.965, 1.035)
"""Largest tilt (degrees) and range of the lattice parameter that the paths go to."""

DISTINCT_ENERGY = 1e-4
"""Relaxed states closer than that (eV per reference cell) and of one space group are the same phase."""

SYMMETRY_TOLERANCE = 0.02
"""For the space group (A) of a relaxed state."""


@dataclass(frozen=True)
class Path:
    """Configurations in a 2x2x2 supercell and their energies.

    Attributes
    ----------
    name, x_label : str
    x : ndarray, shape (n,)
        Ascending coordinate.
    displacements : ndarray, shape (n, n_sites, 3, n_cells), A
    deformation : ndarray, shape (n, 3, 3)
    energy : ndarray, shape (n,)
        eV per formula unit, relative to the reference crystal.
    markers : tuple of (float, str)
        Named configurations on the path.
    """

    name: str
    x_label: str
    x: np.ndarray
    displacements: np.ndarray
    deformation: np.ndarray
    energy: np.ndarray = field(repr=False)
    markers: tuple = ()


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


@dataclass(frozen=True)
class Metric:
    """Distances between configurations of a crystal in its 2x2x2 supercell, the same for symmetric images.

    The square of a distance is the mean squared difference of the displacements plus the squared difference of the
    Green-Lagrange strains times the square of the cube root of the cell volume: A per atom.
    """

    crystal: Crystal

    @cached_property
    def supercell(self):
        """The 2x2x2 supercell."""
        return Supercell.from_matrix([2, 2, 2])

    def coordinates(self, displacements, deformation):
        """Vectors (..., d) whose Euclidean distances are those of this metric."""
        displacements, deformation = np.asarray(displacements, float), np.asarray(deformation, float)
        strain = 0.5 * (np.swapaxes(deformation, -1, -2) @ deformation - np.eye(3))
        n_atoms = self.crystal.n_sites * self.supercell.n_cells
        flat = displacements.reshape(*displacements.shape[:-3], -1) / np.sqrt(n_atoms)
        return np.concatenate([flat, self.crystal.volume ** (1 / 3) * strain.reshape(*strain.shape[:-2], 9)], axis=-1)

    def images(self, displacements, deformation):
        """All symmetric images: displacements (n, n_sites, 3, n_cells) and F (n, 3, 3)."""
        rotations, targets = self._operations
        moved = np.einsum("oij,sjn->osin", rotations, displacements)
        found = np.empty((*targets.shape[:2], *displacements.shape))
        sites = self.crystal.space_group.site_map
        for o in range(len(rotations)):
            for t in range(targets.shape[1]):
                for s in range(self.crystal.n_sites):
                    found[o, t, sites[o, s]][:, targets[o, t, s]] = moved[o, s]
        strained = rotations @ deformation @ np.swapaxes(rotations, 1, 2)
        return found.reshape(-1, *displacements.shape), np.repeat(strained, targets.shape[1], axis=0)

    def nearest_image(self, state, to):
        """The symmetric image of `state` that is nearest to `to`; both are (displacements, F)."""
        displacements, deformation = self.images(*state)
        distances = np.linalg.norm(self.coordinates(displacements, deformation) - self.coordinates(*to), axis=1)
        best = int(np.argmin(distances.round(9)))
        return displacements[best], deformation[best]

    @cached_property
    def _operations(self):
        """Rotations (n, 3, 3) and where each of n_translations operations takes a cell: (n, t, n_sites, n_cells)."""
        group, cells = self.crystal.space_group, self.supercell.cells
        moved = np.einsum("oij,nj->oni", group.rotations, cells)[:, None, None]
        targets = moved + group.shifts[:, None, :, None] + cells[None, :, None, None]
        return group.cartesian_rotations(self.crystal.cell), self.supercell.index(targets)


def energy_paths(potential, phases=None, n_points=81):
    """Phase to phase, in-phase tilt, anti-phase tilt, volume; without tilts only the first and the last.

    Parameters
    ----------
    potential : Potential
    phases : sequence of str, optional
        Which relaxed phases (names of `relaxed_phases`) the first path visits; default: the two lowest distinct ones,
        the higher one first.
    n_points : int
        On each path, or leg of a path.

    Returns
    -------
    list of Path
    """
    if n_points < 2:
        raise AnharmonicError(f"a path takes at least 2 points, found {n_points}")
    paths = []
    stops = phase_stops(potential, phases)
    if len(stops) > 1:
        paths.append(_phase_path(potential, stops, n_points))
    modes = TiltModes.of_crystal(potential.crystal)
    if modes is not None:
        paths += [_tilt_path(potential, modes, kind, n_points) for kind in ("in-phase", "anti-phase")]
    return [*paths, _volume_path(potential, n_points)]


def phase_stops(potential, phases=None):
    """``[(space group, (displacements, F)), ...]`` from the reference on, each oriented like the one after it."""
    crystal = potential.crystal
    found = distinct_phases(potential)
    if phases is None:
        chosen = [name for name, (_, energy, _) in found.items() if energy < -DISTINCT_ENERGY][:2][::-1]
    else:
        chosen = list(phases)
    unknown = [name for name in chosen if name not in found]
    if unknown:
        raise AnharmonicError(f"no relaxed phase {', '.join(unknown)}; the distinct ones are {', '.join(found)}")
    stops, metric = [], Metric(crystal)
    for name in reversed(chosen):
        configuration, _, symbol = found[name]
        state = configuration.displacements, configuration.deformation
        stops.insert(0, (symbol, metric.nearest_image(state, stops[0][1]) if stops else state))
    reference = np.zeros((crystal.n_sites, 3, metric.supercell.n_cells)), np.eye(3)
    return [(crystal.space_group.symbol, reference), *stops]


def distinct_phases(potential):
    """Relaxed phases that differ: name to (Configuration, energy in eV per reference cell, space group), lowest first."""
    found = {}
    for name, (state, energy) in relaxed_phases(potential).items():
        symbol = Crystal.from_atoms(state.to_atoms(), symprec=SYMMETRY_TOLERANCE).space_group.symbol
        if all(abs(energy - e) > DISTINCT_ENERGY or symbol != s for _, e, s in found.values()):
            found[name] = state, energy, symbol
    return found


def formula_units(crystal):
    """Formula units in the reference cell."""
    return gcd(*(crystal.species.count(s) for s in set(crystal.species)))


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
    predicted = dict(zip(states, _energies(potential, *map(np.stack, zip(*states.values(), strict=True))), strict=True))
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
    values, vectors = np.linalg.eigh(state.deformation.T @ state.deformation)
    stretch = vectors * np.sqrt(values) @ vectors.T
    return state.displacements[:, :, state.supercell.index(supercell.cells)], stretch


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


def _phase_path(potential, stops, n_points):
    """Linear interpolation of u and F from stop to stop."""
    fractions = np.linspace(0, len(stops) - 1, (n_points - 1) * (len(stops) - 1) + 1)
    knots = np.arange(len(stops))
    weights = np.maximum(0, 1 - abs(fractions[:, None] - knots))
    displacements = np.tensordot(weights, np.stack([state[0] for _, state in stops]), 1)
    deformation = np.tensordot(weights, np.stack([state[1] for _, state in stops]), 1)
    markers = tuple((float(k), label) for k, (label, _) in zip(knots, stops, strict=True))
    return _path(potential, "phase to phase", "Linear interpolation", fractions, displacements, deformation, markers)


def _tilt_path(potential, modes, kind, n_points):
    """One tilt about z in the reference cell."""
    supercell, angles = Metric(potential.crystal).supercell, np.linspace(0, MOST_TILT, n_points)
    unit = {"in-phase": ((0, 0, 1), (0, 0, 0)), "anti-phase": ((0, 0, 0), (0, 0, 1))}[kind]
    displacements = np.stack([modes.displacements(*(a * np.array(unit, float)), supercell) for a in angles])
    deformation = np.tile(np.eye(3), (n_points, 1, 1))
    label = f"{kind.capitalize()} tilt about z (°)"
    return _path(potential, f"{kind} tilt, reference cell", label, angles, displacements, deformation)


def _volume_path(potential, n_points):
    """The undistorted crystal, isotropically strained."""
    scales = np.linspace(*VOLUME_SCALES, n_points)
    volume = potential.crystal.volume * scales**3 / formula_units(potential.crystal)
    displacements = np.zeros((n_points, potential.crystal.n_sites, 3, 8))
    deformation = scales[:, None, None] * np.eye(3)
    return _path(potential, "volume, undistorted", "Volume (Å³ / f.u.)", volume, displacements, deformation)


def _path(potential, name, label, x, displacements, deformation, markers=()):
    return Path(name, label, x, displacements, deformation, _energies(potential, displacements, deformation), markers)


def _energies(potential, displacements, deformation):
    """Energies (n,) in eV per formula unit of configurations of the 2x2x2 supercell."""
    metric = Metric(potential.crystal)
    translations = potential.lattice.topology.translations(metric.supercell)
    with precision("float64"):
        energy = np.asarray(_many(potential.lattice, displacements, deformation, translations))
    return energy / metric.supercell.n_cells / formula_units(potential.crystal)


@eqx.filter_jit
def _many(lattice, displacements, deformation, translations):
    return jax.lax.map(lambda state: lattice.energy(*state, translations), (displacements, deformation), batch_size=16)
