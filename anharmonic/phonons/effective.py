"""Effective force constants: the harmonic crystal whose forces are nearest to those of a sample at temperature.

Least squares of the forces over displacements from the mean positions, in the symmetry of the crystal (symfc: Seko
and Togo, Phys. Rev. B 110, 214302 (2024)), as in the temperature-dependent effective potential (Hellman, Steneteg,
Abrikosov and Simak, Phys. Rev. B 87, 104111 (2013)). In the classical canonical ensemble ``<u f> = -kT``: the result is
the inverse of the covariance of the displacements, the static response, to which a continuous phase transition makes
one mode infinitely soft. Frequencies of motion are in the spectra (see `anharmonic.analysis.spectra`).
"""

from dataclasses import dataclass

import numpy as np
from phonopy.harmonic.force_constants import compact_fc_to_full_fc
from symfc import Symfc
from symfc.utils.utils import SymfcAtoms

from anharmonic.analysis.statistics import jackknife_error
from anharmonic.errors import AnharmonicError

FEWEST_BLOCKS = 3
"""Blocks that an error bar takes."""

BATCH = 50
"""Samples that symfc takes at once."""


@dataclass(frozen=True)
class EffectiveFit:
    """Effective force constants of one sample.

    Attributes
    ----------
    cells : PhononCells
    force_constants : ndarray, shape (n_primitive_atoms, n_atoms, 3, 3)
        eV/A^2, of the whole sample.
    without : ndarray, shape (n_blocks, n_primitive_atoms, n_atoms, 3, 3)
        The same without one block of the sample, for each of them.
    residual : float
        Root mean square component (eV/A) of the part of the forces that no harmonic crystal of this symmetry has.
    explained : float
        Share of the squared forces that it does have (R^2).
    n_samples : int
    """

    cells: object
    force_constants: np.ndarray
    without: np.ndarray
    residual: float
    explained: float
    n_samples: int

    @property
    def phonon(self):
        """The phonopy object with the force constants of the whole sample."""
        return self.cells.with_force_constants(self.force_constants)

    def with_error(self, function):
        """``(value, error)`` of a number, or an array, that depends on a phonopy object: jackknife over the blocks."""
        left_out = [function(self.cells.with_force_constants(found)) for found in self.without]
        return np.asarray(function(self.phonon)), jackknife_error(left_out)


class ForceConstantFit:
    """Fits for one set of `PhononCells`; what depends on symmetry alone is computed once.

    Parameters
    ----------
    cells : PhononCells
        Of the mean positions: they decide the symmetry.
    """

    def __init__(self, cells):
        supercell, symmetry = cells.phonon.supercell, cells.phonon.symmetry
        atoms = SymfcAtoms(
            cell=supercell.cell, scaled_positions=supercell.scaled_positions, numbers=supercell.numbers
        )  # fmt: skip
        self.cells = cells
        self.solver = Symfc(atoms, spacegroup_operations=symmetry.symmetry_operations, symprec=symmetry.tolerance)
        self.solver.compute_basis_set(orders=[2])

    @property
    def n_parameters(self):
        """Number of independent force constants."""
        return self.solver.basis_set[2].basis_set.shape[1]

    def __call__(self, displacements, forces, blocks, cells=None):
        """Fit a sample.

        Parameters
        ----------
        displacements : ndarray, shape (n_samples, n_atoms, 3)
            From the mean positions (A), in phonopy's order of atoms and the frame of the crystal.
        forces : ndarray, shape (n_samples, n_atoms, 3)
            eV/A.
        blocks : ndarray of int, shape (n_samples,)
            Samples of different blocks are taken as independent of each other.
        cells : PhononCells, optional
            Cells to give the force constants to, if these differ from the ones of the symmetry by a strain.

        Raises
        ------
        AnharmonicError
            If there are fewer than three blocks, or too few samples for the number of force constants.
        """
        numbers, counts = np.unique(blocks, return_counts=True)
        equations = 3 * forces.shape[1] * (counts.sum() - counts.max())
        if len(numbers) < FEWEST_BLOCKS or equations < 2 * self.n_parameters:
            raise AnharmonicError(
                f"{len(forces)} samples in {len(numbers)} blocks are too few for {self.n_parameters} force constants "
                f"with error bars: take at least {FEWEST_BLOCKS} blocks and a longer run"
            )
        cells = self.cells if cells is None else cells
        whole = self._solve(displacements, forces)
        without = [self._solve(displacements[blocks != k], forces[blocks != k]) for k in numbers]
        left = residual(cells, whole, displacements, forces)
        explained = 1 - (left / np.sqrt((forces**2).mean())) ** 2
        return EffectiveFit(cells, whole, np.array(without), left, float(explained), len(forces))

    def _solve(self, displacements, forces):
        """Compact force constants (n_primitive_atoms, n_atoms, 3, 3)."""
        self.solver.displacements, self.solver.forces = displacements, forces
        rows = self.cells.representatives
        compact = np.array_equal(self.solver.p2s_map, rows)
        found = self.solver.solve(orders=[2], is_compact_fc=compact, batch_size=BATCH).force_constants[2]
        return found.copy() if compact else found[rows]


def residual(cells, force_constants, displacements, forces):
    """Root mean square component (eV/A) of the forces without those of compact force constants."""
    full = compact_fc_to_full_fc(cells.phonon.primitive, force_constants)
    n_samples, matrix = len(forces), full.transpose(0, 2, 1, 3).reshape(forces[0].size, -1)
    left = forces.reshape(n_samples, -1) + displacements.reshape(n_samples, -1) @ matrix.T
    return float(np.sqrt((left**2).mean()))
