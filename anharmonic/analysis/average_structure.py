"""The average structure of a run: mean positions, space group, displacement parameters.

Equivalent cells of the supercell and all samples are averaged, on a folded cell that holds the doublings of the axes.
A space group needs a tolerance: here it follows from the standard errors of the mean positions and of the mean cell.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from ase.data import atomic_numbers

from anharmonic.analysis.statistics import Estimate, estimate
from anharmonic.conventions import from_voigt
from anharmonic.crystal import Configuration
from anharmonic.crystal.symmetry import symmetry_dataset
from anharmonic.errors import AnharmonicError

TOLERANCE_SIGMAS = 4.0
"""Tolerance of the space group in standard errors of the least certain position ..."""

SMALLEST_TOLERANCE = 5e-3
"""... and at least this (A): smaller displacements are rounding of single precision and of short runs."""

LARGEST_TOLERANCE = 0.25
"""A tolerance above this (A) takes different phases as equal: the run is too short to tell."""

MOST_ROWS = 1000
"""Longer series of displacement parameters are kept as means of a few samples each."""

TOLERANCES = np.geomspace(1e-3, 0.5, 28)
"""Tolerances (A) at which the space group is asked for, to know how far it holds."""


@dataclass(frozen=True)
class AverageStructure:
    """Mean structure of one temperature on a folded cell.

    Attributes
    ----------
    configuration : Configuration
        Mean cell and mean displacements.
    position_error : ndarray, shape (n_sites, 3, n_cells), A
        Standard errors of the mean positions in the frame of the laboratory.
    cell_error : float
        Largest standard error of a component of the folded cell's vectors (A).
    fluctuations : ndarray, shape (n_samples, n_sites, 3, 3, n_cells), A^2
        Series whose means are the displacement parameters U, in the frame of the laboratory.
    is_short : bool
        Whether a mean position comes from too few correlation times for its error to be trusted.
    """

    configuration: Configuration
    position_error: np.ndarray
    cell_error: float
    fluctuations: np.ndarray
    is_short: bool

    @property
    def tolerance(self):
        """Distance (A) within which positions are equal as far as this run can tell."""
        largest = max(np.linalg.norm(self.position_error, axis=1).max(), self.cell_error)
        return max(SMALLEST_TOLERANCE, TOLERANCE_SIGMAS * float(largest))

    @cached_property
    def symmetry(self):
        """What spglib finds at `tolerance`."""
        return symmetry_dataset(self.spglib_cell, self.tolerance)

    @property
    def spglib_cell(self):
        """``(lattice, positions, numbers)`` of the folded cell, sites first, cells running fastest."""
        state = self.configuration
        positions = np.einsum("ij,sjn->sni", state.deformation, state.reference_positions() + state.displacements)
        numbers = np.repeat([atomic_numbers[s] for s in state.crystal.species], state.supercell.n_cells)
        return state.cell, positions.reshape(-1, 3) @ np.linalg.inv(state.cell), numbers

    def groups(self):
        """Space groups by tolerance: list of (tolerance (A), symbol), None where spglib finds none."""
        found = []
        for tolerance in TOLERANCES:
            try:
                found.append((float(tolerance), str(symmetry_dataset(self.spglib_cell, tolerance).international)))
            except AnharmonicError:
                found.append((float(tolerance), None))
        return found

    def tolerance_range(self):
        """Tolerances (A) around `tolerance` between which the space group is the same."""
        symbol, low, high = str(self.symmetry.international), self.tolerance, self.tolerance
        groups = self.groups()
        for tolerance, other in reversed([g for g in groups if g[0] < self.tolerance]):
            if other != symbol:
                break
            low = tolerance
        for tolerance, other in [g for g in groups if g[0] > self.tolerance]:
            if other != symbol:
                break
            high = tolerance
        return low, high

    def displacement_parameters(self):
        """U of the atoms that the space group makes different, each averaged over all that it makes equal.

        Returns
        -------
        list of (int, Estimate)
            Index of an atom of `spglib_cell`, and its U, shape (3, 3), A^2, in the frame of the laboratory.
        """
        series = np.moveaxis(self.fluctuations, -1, 2)
        series = series.reshape(len(series), -1, 3, 3)
        rotations, targets = _operations(self.spglib_cell, self.symmetry)
        found = []
        for atom in np.unique(self.symmetry.equivalent_atoms):
            turned = [_back(series[:, t], w) for w, t in _distinct(rotations, targets[:, atom])]
            found.append((int(atom), estimate(np.mean(turned, axis=0))))
        return found


def average_structure(crystal, folded, moments, deformation):
    """Average of a run.

    Parameters
    ----------
    crystal : Crystal
    folded : Supercell
        That onto which the cells were folded.
    moments : array_like, shape (n_samples, n_sites, 9, n_cells)
        Of the displacements in the reference frame; see `anharmonic.sampling.site_moments`.
    deformation : array_like, shape (n_samples, 3, 3)
        F of the same samples.

    Returns
    -------
    AverageStructure
    """
    moments, deformation = np.asarray(moments, float), np.asarray(deformation, float)
    first, second = _about_the_centre(moments)
    cell, found = estimate(deformation), estimate(first)
    tensors = from_voigt(np.moveaxis(second, 2, -1))
    cross = np.einsum("sin,tsjn->tsnij", found.mean, first)
    static = np.einsum("sin,sjn->snij", found.mean, found.mean)
    fluctuations = tensors - cross - np.swapaxes(cross, -1, -2) + static
    fluctuations = np.moveaxis(cell.mean @ _coarse(fluctuations) @ cell.mean.T, 2, -1)
    error = np.sqrt(np.einsum("ij,sjn->sin", cell.mean**2, found.error**2))
    vectors = folded.matrix @ crystal.cell
    cell_error = np.sqrt(np.einsum("kj,ij->ki", vectors**2, cell.error**2)).max()
    reference = Configuration.reference(crystal, folded, cell.mean)
    state = Configuration(crystal, folded, cell.mean, found.mean, reference.order)
    return AverageStructure(state, error, float(cell_error), fluctuations, bool(found.is_short.any()))


def _coarse(series):
    """At most about `MOST_ROWS` rows of a series: means of so many in a row."""
    each = max(1, len(series) // MOST_ROWS)
    n_rows = len(series) // each
    return series[len(series) - n_rows * each :].reshape(n_rows, each, *series.shape[1:]).mean(axis=1)


def _about_the_centre(moments):
    """First moments (t, s, 3, n) and second ones (t, s, 6, n) about the mean displacement of all atoms."""
    first, second = moments[:, :, :3], moments[:, :, 3:]
    centre = first.mean(axis=(1, 3), keepdims=True)
    pairs = np.array([(0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)]).T
    i, j = pairs
    shift = first[:, :, i] * centre[:, :, j] + centre[:, :, i] * first[:, :, j] - centre[:, :, i] * centre[:, :, j]
    return first - centre, second - shift


def _operations(cell, symmetry):
    """Cartesian rotations (n, 3, 3) of a symmetry data set, and the atom that each takes each atom to (n, n_atoms)."""
    lattice, positions, numbers = cell
    rotations = np.einsum("ji,njk,kl->nil", lattice, symmetry.rotations, np.linalg.inv(lattice.T))
    targets = np.empty((len(rotations), len(numbers)), int)
    for k, (rotation, translation) in enumerate(zip(symmetry.rotations, symmetry.translations, strict=True)):
        away = (positions @ rotation.T + translation)[:, None] - positions[None]
        distance = np.linalg.norm((away - away.round()) @ lattice, axis=-1)
        targets[k] = np.where(numbers[:, None] == numbers[None], distance, np.inf).argmin(axis=1)
    return rotations, targets


def _distinct(rotations, targets):
    """Distinct pairs of a rotation and a target."""
    keys = {(*w.round(6).ravel(), t): (w, t) for w, t in zip(rotations, targets, strict=True)}
    return keys.values()


def _back(series, rotation):
    """Tensors (n, 3, 3) of an image turned back onto the atom itself."""
    return rotation.T @ series @ rotation


def isotropic(tensor: Estimate):
    """``U_iso`` and its error (A^2): a third of the trace; errors of the diagonal are taken as independent."""
    return float(np.trace(tensor.mean) / 3), float(np.sqrt((np.diag(tensor.error) ** 2).sum()) / 3)
