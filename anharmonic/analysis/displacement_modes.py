"""Symmetry-adapted displacement modes of any crystal at any wave vector that a supercell holds.

The displacements of one arm of a star, ``u_s(q) = 1/N sum_n u(s, n) exp(-2 pi i q n)`` over the N cells n, are a
representation of the little group of q (Bradley and Cracknell, The Mathematical Theory of Symmetry in Solids (1972),
section 3.7). It is taken apart over the real numbers: first by equivalent sites and by the irreps of their site
symmetry in which they move, as ISODISTORT does (Campbell, Stokes, Tanner and Hatch, J. Appl. Cryst. 39, 607 (2006)),
then into the eigenspaces of an operator averaged over the little group, which are irreducible. An operation of the
space group carries the basis of the first arm to every other.

Amplitudes are normalised to the reference cell (A_p of ISODISTORT): their squares, summed over all modes of all
stars, are the squared displacements summed over the sites of a cell and averaged over the cells.
"""

from dataclasses import dataclass

import numpy as np

from anharmonic.analysis.small_groups import LittleGroup, irrep_labels
from anharmonic.analysis.wave_vectors import Star, fractions, stars_of
from anharmonic.clusters.irreps import character_table
from anharmonic.clusters.subspaces import ZERO, sparse_basis
from anharmonic.crystal import Crystal
from anharmonic.errors import AnharmonicError

FREQUENCIES = 1.2345, 2.7182
"""Of sines of products of indices: symmetric matrices without any other regularity."""


@dataclass(frozen=True)
class DisplacementMode:
    """One mode: an irreducible set of displacement patterns over all arms of a star.

    Attributes
    ----------
    star : Star
    irrep : str
        Mulliken symbol in the point group of the little group, about the site of highest symmetry (of several, that
        with the shortest bonds); where the little group has no such symbol, dimension and a letter, ``2d a``.
    sites : str
        What moves: species (numbered where one species has sites of several kinds) and irrep of the site symmetry,
        ``Br Eu``.
    bases : ndarray, shape (n_arms, n_rows, 2, n_sites, 3)
        Real and imaginary parts of orthonormal u(q); imaginary parts are zero where -q is q.
    """

    star: Star
    irrep: str
    sites: str
    bases: np.ndarray

    @property
    def name(self):
        """Wave vector, irrep, and what moves."""
        return f"{self.star.label} {self.irrep} {self.sites}"

    @property
    def shape(self):
        """Numbers of arms and of components of each."""
        return self.bases.shape[:2]

    def patterns(self, supercell):
        """Displacements (A) at amplitude 1 A, shape (n_arms * n_rows, n_sites, 3, n_cells); NaN where no arm fits."""
        phases = 2 * np.pi * self.star.arms @ supercell.cells.T
        waves = np.stack([np.cos(phases), -np.sin(phases)], axis=1) * (1 if self.star.is_real else np.sqrt(2))
        found = np.einsum("akpsx,apn->aksxn", self.bases, waves)
        found[~self.star.fits(supercell)] = np.nan
        return found.reshape(-1, *found.shape[2:])

    def projection(self, supercell):
        """From displacements to amplitudes: ``(projection * u).sum((1, 2, 3))``, of the shape of `patterns`, 1."""
        return self.patterns(supercell) / supercell.n_cells

    def amplitudes(self, supercell, displacements):
        """Amplitudes (A), shape (..., n_arms, n_rows), of u (..., n_sites, 3, n_cells); NaN where no arm fits."""
        found = np.tensordot(np.asarray(displacements, float), self.projection(supercell), ([-3, -2, -1], [1, 2, 3]))
        return found.reshape(*found.shape[:-1], *self.shape)


def displacement_modes(crystal: Crystal, star: Star):
    """All displacement modes of a star.

    Parameters
    ----------
    crystal : Crystal
        The reference.
    star : Star

    Returns
    -------
    tuple of DisplacementMode
        Their components are as many as the star has displacements, ``3 n_sites n_arms`` or twice that.
    """
    group = LittleGroup.of_wave_vector(crystal, star.arms[0])
    found, operators = [], _operators(group)
    for sites, projector in _kinds_of_motion(crystal):
        space = np.kron(np.eye(len(group.parts)), projector)
        found += [(sites, basis) for basis in _irreducible(operators, space)]
    labels = irrep_labels(crystal, group, [basis for _, basis in found])
    names = [(label, sites) for label, (sites, _) in zip(labels, found, strict=True)]
    modes = []
    for k, (label, sites) in enumerate(names):
        number = f" {names[: k + 1].count((label, sites))}" if names.count((label, sites)) > 1 else ""
        modes.append(DisplacementMode(star, label, sites + number, _over_arms(crystal, star, group, found[k][1])))
    return tuple(modes)


def decompose(configuration, stars=None):
    """Amplitudes of a structure, mode by mode.

    Parameters
    ----------
    configuration : Configuration
    stars : iterable of Star, optional
        By default all that the supercell holds: then nothing of the displacements is left out.

    Returns
    -------
    list of (DisplacementMode, ndarray)
        Amplitudes (A), shape (n_arms, n_rows); NaN for arms that do not fit the supercell.
    """
    crystal, supercell = configuration.crystal, configuration.supercell
    stars = stars_of(crystal, supercell) if stars is None else stars
    return [
        (mode, mode.amplitudes(supercell, configuration.displacements))
        for star in stars
        for mode in displacement_modes(crystal, star)
    ]


def check_fits(star, supercell):
    """Refuse a star of which a supercell does not hold every arm."""
    fits = star.fits(supercell)
    if not fits.all():
        raise AnharmonicError(
            f"the supercell {supercell.matrix.tolist()} holds {fits.sum()} of the {len(fits)} arms of the wave vector "
            f"{star.label}: S q must be integer for {', '.join(f'({fractions(q)})' for q in star.arms[~fits])}"
        )


def _kinds_of_motion(crystal):
    """``(name, projector (3 n_sites, 3 n_sites))`` of each class of sites and each irrep of its site symmetry."""
    group, classes = crystal.space_group, crystal.site_classes
    rotations = group.cartesian_rotations(crystal.cell)
    species = [crystal.species[members[0]] for members in classes]
    for k, members in enumerate(classes):
        own = np.unique(np.round(rotations[group.site_map[:, members[0]] == members[0]], 9), axis=0)
        table = character_table(own)
        number = str(1 + species[:k].count(species[k])) if species.count(species[k]) > 1 else ""
        for label, first in zip(table.labels, table.projectors(own), strict=True):
            if np.trace(first) < 0.5:
                continue
            projector = np.zeros((crystal.n_sites, 3, crystal.n_sites, 3))
            for member in members:
                r = rotations[np.argmax(group.site_map[:, members[0]] == member)]
                projector[member, :, member] = r @ first @ r.T
            yield f"{species[k]}{number} {label}", projector.reshape(3 * crystal.n_sites, -1)


def _operators(group):
    """Two symmetric operators that commute with a group and are no more symmetric than that."""
    counts = 1 + np.arange(len(group.parts) * 3 * group.crystal.n_sites)
    return [group.average(np.sin(x * np.outer(counts, counts))) for x in FREQUENCIES]


def _irreducible(operators, projector):
    """Orthonormal rows of the irreducible subspaces within the space of a projector (n, n).

    What is equal under the first operator by chance differs under the second.
    """
    spaces = [np.linalg.eigh(projector)[1][:, -round(np.trace(projector)) :]]
    for operator in operators:
        spaces = [part for space in spaces for part in _eigenspaces(operator, space)]
    for space in spaces:
        own = space @ space.T
        support = np.flatnonzero(np.diag(own) > ZERO**2)
        basis = np.zeros((space.shape[1], len(projector)))
        basis[:, support] = sparse_basis(own[np.ix_(support, support)])
        yield basis


def _eigenspaces(operator, space):
    """Eigenspaces (n, d) of an operator within a space (n, m)."""
    values, vectors = np.linalg.eigh(space.T @ operator @ space)
    breaks = 1 + np.flatnonzero(np.diff(values) > ZERO * np.abs(operator).max())
    return np.split(space @ vectors, breaks, axis=1)


def _over_arms(crystal, star, group, basis):
    """The basis of the first arm carried to all arms: (n_arms, n_rows, 2, n_sites, 3)."""
    carried = [
        basis @ group.matrix(operation, conjugated).T
        for operation, conjugated in zip(star.operations, star.conjugated, strict=True)
    ]
    found = np.zeros((len(carried), len(basis), 2, crystal.n_sites, 3))
    found[:, :, : len(group.parts)] = np.reshape(carried, (len(carried), len(basis), -1, crystal.n_sites, 3))
    return found
