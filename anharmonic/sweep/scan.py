"""Energy along paths through the configurations of a crystal (figure 9 of the paper)."""

from dataclasses import dataclass, field
from math import gcd

import equinox as eqx
import jax
import numpy as np

from anharmonic.analysis import TiltModes
from anharmonic.crystal import Crystal
from anharmonic.errors import AnharmonicError
from anharmonic.potential.potential import precision
from anharmonic.sweep.metric import Metric
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

    def record(self, labelled=()):
        """What `anharmonic.interfaces.scan_figures.draw_scan` draws, with the `PathPoint`s near the path."""
        found = {"name": self.name, "x_label": self.x_label, "x": self.x, "energy_meV": 1000 * self.energy}
        found["markers"] = [{"x": x, "label": label} for x, label in self.markers]
        if labelled:
            values = {"x": [p.x for p in labelled], "energy_meV": [1000 * p.energy for p in labelled]}
            found["dft"] = values | {"predicted_meV": [1000 * p.predicted for p in labelled]}
        return found


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
    """Relaxed phases that differ, lowest first: name to (Configuration, eV per reference cell, space group)."""
    found = {}
    for name, (state, energy) in relaxed_phases(potential).items():
        symbol = Crystal.from_atoms(state.to_atoms(), symprec=SYMMETRY_TOLERANCE).space_group.symbol
        if all(abs(energy - e) > DISTINCT_ENERGY or symbol != s for _, e, s in found.values()):
            found[name] = state, energy, symbol
    return found


def formula_units(crystal):
    """Formula units in the reference cell."""
    return gcd(*(crystal.species.count(s) for s in set(crystal.species)))


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
    return Path(name, label, x, displacements, deformation, energies_of(potential, displacements, deformation), markers)


def energies_of(potential, displacements, deformation):
    """Energies (n,) in eV per formula unit of configurations of the 2x2x2 supercell."""
    metric = Metric(potential.crystal)
    translations = potential.lattice.topology.translations(metric.supercell)
    with precision("float64"):
        energy = np.asarray(_many(potential.on(metric.supercell), displacements, deformation, translations))
    return energy / metric.supercell.n_cells / formula_units(potential.crystal)


@eqx.filter_jit
def _many(lattice, displacements, deformation, translations):
    return jax.lax.map(lambda state: lattice.energy(*state, translations), (displacements, deformation), batch_size=16)
