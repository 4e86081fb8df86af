"""Special points of the Brillouin zone, bands along the lines between them, and the modes there."""

from dataclasses import dataclass

import numpy as np
from ase.cell import Cell
from ase.dft.kpoints import parse_path_string

DEGENERATE = 1e-3
"""Modes whose frequencies are that close (THz) are one."""

LINE_POINTS = 51
MESH_LENGTH = 100.0
"""Points of a band along each line, and the length (A) that phonopy divides by cell lengths for the mesh of the DOS."""

ACOUSTIC = 0.5
"""A mode of the zone centre with more than this share of a uniform translation is acoustic."""


@dataclass(frozen=True)
class SpecialPoint:
    """A special point with its arms: all wave vectors that the point group makes of it, without opposite ones.

    Attributes
    ----------
    label : str
        By the convention of Setyawan and Curtarolo (Comput. Mater. Sci. 49, 299 (2010)), as ASE has it.
    arms : ndarray, shape (n_arms, 3)
        In reciprocal vectors of phonopy's primitive cell.
    """

    label: str
    arms: np.ndarray

    @property
    def q(self):
        """The first arm."""
        return self.arms[0]


def special_points(phonon):
    """All special points of the lattice of a phonopy object, by label; Gamma first."""
    band_path = _band_path(phonon)
    rotations = phonon.primitive_symmetry.reciprocal_operations
    found = {"G": band_path.special_points["G"]} | band_path.special_points
    return [SpecialPoint(label, _arms(np.asarray(q, float), rotations)) for label, q in found.items()]


def commensurate_points(cells):
    """The special points that fit the supercell of `PhononCells`, with all their arms."""
    return [point for point in special_points(cells.phonon) if cells.is_commensurate(point.arms).all()]


def dynamical_matrix(phonon, q):
    """Dynamical matrix (3 n_primitive_atoms, 3 n_primitive_atoms) in eV/A^2/amu at one wave vector."""
    phonon.dynamical_matrix.run(q)
    return phonon.dynamical_matrix.dynamical_matrix


def modes_at(phonon, q):
    """Frequencies (n_modes,) in THz, imaginary ones as negative numbers, and eigenvectors (.., n_modes) at one q."""
    squares, vectors = np.linalg.eigh(dynamical_matrix(phonon, q))
    return _to_frequency(phonon, squares), vectors


def frequencies_at(phonon, q):
    """Frequencies (n_modes,) of `modes_at`."""
    return modes_at(phonon, q)[0]


def degenerate_sets(frequencies, tolerance=DEGENERATE):
    """Index arrays of modes (THz, ascending) that have one frequency."""
    return np.split(np.arange(len(frequencies)), np.flatnonzero(np.diff(frequencies) > tolerance) + 1)


def softest_modes(phonon, q):
    """The set of degenerate modes of lowest frequency at a wave vector, without uniform translations.

    Returns
    -------
    ndarray, shape (3 n_primitive_atoms, n_degenerate), complex, or None
        Eigenvectors; None where there are nothing but translations.
    """
    frequencies, vectors = modes_at(phonon, q)
    if np.allclose(q, np.round(q)):
        masses = np.sqrt(np.asarray(phonon.primitive.masses) / np.sum(phonon.primitive.masses))
        translations = np.kron(masses[:, None], np.eye(3))
        keep = (abs(translations.T @ vectors) ** 2).sum(0) < ACOUSTIC
        frequencies, vectors = frequencies[keep], vectors[:, keep]
    return vectors[:, degenerate_sets(frequencies)[0]] if len(frequencies) else None


def frequency_of(phonon, q, vectors):
    """Frequency (THz) that a phonopy object gives to modes: of the mean of ``e^+ D(q) e`` over eigenvectors e.

    The frequency of the modes themselves where symmetry allows them no partner to mix with.
    """
    squares = np.einsum("ia,ij,ja->a", vectors.conj(), dynamical_matrix(phonon, q), vectors)
    return float(_to_frequency(phonon, squares.real.mean()))


def bands(phonon, n_points=LINE_POINTS):
    """Bands along the lines of the convention, and the density of states.

    Returns
    -------
    dict
        ``segments``: list of ``{"labels": (from, to), "distance" (n,), "q" (n, 3), "frequency" (n, n_modes)}`` with
        distances in 1/A and frequencies in THz; ``dos``: ``{"frequency", "density"}``, density in states per THz and
        primitive cell.
    """
    band_path, segments, at = _band_path(phonon), [], 0.0
    reciprocal = np.linalg.inv(phonon.primitive.cell)
    for stretch in _stretches(band_path):
        for begin, end in zip(stretch, stretch[1:], strict=False):
            ends = band_path.special_points[begin], band_path.special_points[end]
            q = np.linspace(*ends, n_points)
            steps = np.linalg.norm((q - q[0]) @ reciprocal.T, axis=1)
            frequency = _along(phonon, q)
            segments.append({"labels": (begin, end), "distance": at + steps, "q": q, "frequency": frequency})
            at += steps[-1]
    return {"segments": segments, "dos": density_of_states(phonon)}


def density_of_states(phonon):
    """Density of states by tetrahedra: frequency (THz), density (1/THz per primitive cell)."""
    phonon.run_mesh(MESH_LENGTH)
    phonon.run_total_dos(use_tetrahedron_method=True)
    return {"frequency": phonon.total_dos.frequency_points, "density": phonon.total_dos.dos}


def _to_frequency(phonon, squares):
    """Frequencies (THz) of eigenvalues (eV/A^2/amu)."""
    return np.sign(squares) * np.sqrt(abs(squares)) * phonon.unit_conversion_factor


def _along(phonon, q):
    """Frequencies (n, n_modes) on a line; its direction is the limit at the zone centre for the non-analytic term."""
    phonon.run_band_structure([q])
    return np.array(phonon.band_structure.frequencies[0])


def _band_path(phonon):
    """ASE's path of the lattice of phonopy's primitive cell."""
    return Cell(phonon.primitive.cell).bandpath(npoints=0, eps=1e-3)


def _stretches(band_path):
    """The path as lists of labels, one for each unbroken part."""
    return [part for part in parse_path_string(band_path.path) if len(part) > 1]


def _arms(q, rotations):
    """Images (n_arms, 3) of a wave vector that differ by no reciprocal vector and are not opposite."""
    found = []
    for image in q @ np.swapaxes(rotations, 1, 2):
        image = image.round(9)
        if not any(_is_integer(image - other) or _is_integer(image + other) for other in found):
            found.append(image)
    return np.array(found)


def _is_integer(vector):
    return np.allclose(vector, np.round(vector), atol=1e-6)
