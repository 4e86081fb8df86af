"""The little group of a wave vector, acting on the displacements of a crystal at that wave vector.

Displacements at q are complex vectors ``u_s(q) = 1/N sum_n u(s, n) exp(-2 pi i q n)``. They are kept as real ones: as
they are where -q is q, else as real parts followed by imaginary parts. An operation that takes q to -q belongs to the
group as well: with the complex conjugate it is a linear map of the real vectors.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from anharmonic.analysis.wave_vectors import is_integer, same_wave, turned
from anharmonic.clusters.enumeration import neighbours
from anharmonic.clusters.irreps import character_table
from anharmonic.crystal import Crystal


@dataclass(frozen=True)
class LittleGroup:
    """Operations of a crystal that keep a wave vector, or take it to its negative.

    Attributes
    ----------
    crystal : Crystal
    wave_vector : ndarray, shape (3,)
        In reciprocal vectors of the reference cell.
    members : tuple of (int, bool)
        Operations of the space group, and whether they take q to -q.
    """

    crystal: Crystal
    wave_vector: np.ndarray
    members: tuple

    @classmethod
    def of_wave_vector(cls, crystal: Crystal, wave_vector):
        """Find the operations."""
        q, images = np.asarray(wave_vector, float), turned(crystal, wave_vector)
        keeps = [same_wave(image, q) for image in images]
        turns = [same_wave(image, -q) for image in images]
        members = [(k, not keeps[k]) for k in range(len(images)) if keeps[k] or turns[k]]
        return cls(crystal, q, tuple(members))

    @property
    def parts(self):
        """Names of the parts of a real vector of displacements."""
        return ("real",) if is_integer(2 * self.wave_vector) else ("real", "imaginary")

    def complex_matrix(self, operation):
        """Unitary matrix (3 n_sites, 3 n_sites) from u(q) to the displacements at the image of q."""
        space_group, n_sites = self.crystal.space_group, self.crystal.n_sites
        phases = np.exp(-2j * np.pi * space_group.shifts[operation] @ self.images[operation])
        matrix = np.zeros((n_sites, 3, n_sites, 3), complex)
        sites = np.arange(n_sites)
        matrix[space_group.site_map[operation], :, sites] = phases[:, None, None] * self.rotations[operation]
        return matrix.reshape(3 * n_sites, -1)

    def matrix(self, operation, conjugated=False):
        """The same on real vectors, orthogonal; `conjugated`: the image stands for its negative."""
        matrix = self.complex_matrix(operation)
        if len(self.parts) == 1:
            return matrix.real
        sign = -1 if conjugated else 1
        return np.block([[matrix.real, -matrix.imag], [sign * matrix.imag, sign * matrix.real]])

    def average(self, operator):
        """Average of a symmetric operator on real vectors over the group, lattice translations included."""
        if len(self.parts) == 2:
            turn = np.kron([[0, -1], [1, 0]], np.eye(3 * self.crystal.n_sites))
            operator = 0.5 * (operator + turn @ operator @ turn.T)
        return np.mean([m @ operator @ m.T for m in self._matrices], axis=0)

    @cached_property
    def _matrices(self):
        return [self.matrix(*member) for member in self.members]

    @cached_property
    def images(self):
        """Images of q under all operations of the space group, shape (n_operations, 3)."""
        return turned(self.crystal, self.wave_vector)

    @cached_property
    def rotations(self):
        """Cartesian rotations of all operations, shape (n_operations, 3, 3)."""
        return self.crystal.space_group.cartesian_rotations(self.crystal.cell)

    @cached_property
    def keeping(self):
        """Operations that keep q itself."""
        return [k for k, turns in self.members if not turns]

    def characters(self, basis):
        """Complex characters (n_keeping,) of the space of orthonormal rows, for the operations that keep q."""
        vectors = basis.reshape(len(basis), len(self.parts), -1)
        vectors = vectors[:, 0] if len(self.parts) == 1 else vectors[:, 0] + 1j * vectors[:, 1]
        projector = vectors.T @ vectors.conj() / len(self.parts)
        return np.array([np.sum(self.complex_matrix(k) * projector.T) for k in self.keeping])


def irrep_labels(crystal, group: LittleGroup, bases):
    """A label for each irreducible subspace, given by orthonormal rows; equal labels for equal irreps.

    Mulliken symbols in the point group of the operations that keep q, where the little group is the product of that
    point group and the lattice (always at the zone centre and within the zone, and at its border if no operation
    interferes); else dimension and a letter. Symbols joined by ``+`` are those that q and -q together make one.
    """
    characters = np.array([group.characters(basis) for basis in bases])
    rotations, phases = _point_group(crystal, group)
    labels = [None] * len(bases)
    if phases is not None:
        table = character_table(rotations)
        labels = [_mulliken(table, phases * chi) for chi in characters]
    return labels if all(labels) else _numbered(characters, [len(b) // len(group.parts) for b in bases])


def _mulliken(table, characters):
    """Symbols of the irreps with these characters; None if they are none of the table."""
    counts = table.multiplicities(characters.real)
    if not np.allclose(counts @ table.characters, characters.real, atol=1e-4):
        return None
    return "+".join(label for label, n in zip(table.labels, counts, strict=True) for _ in range(n))


def _numbered(characters, dimensions):
    """Dimension and a letter, in the order in which irreps come."""
    kinds = []
    for chi in characters:
        if not any(_same(chi, other) for other in kinds):
            kinds.append(chi)
    which = [next(k for k, other in enumerate(kinds) if _same(chi, other)) for chi in characters]
    of_kind = dict(zip(which, dimensions, strict=True))
    return [
        f"{d}d {chr(ord('a') + sum(of_kind[j] == d for j in range(k)))}" for k, d in zip(which, dimensions, strict=True)
    ]


def _same(one, other):
    return np.allclose(one, other, atol=1e-4)


def _point_group(crystal, group):
    """Rotations (n, 3, 3) of the operations that keep q, and the phases that make them a point group, or None."""
    space_group, q = crystal.space_group, group.wave_vector
    keeping = np.array(group.keeping)
    w, rotations = space_group.rotations[keeping], group.rotations[keeping]
    waves = q - group.images[keeping]  # reciprocal vectors
    for origin in (highest_site(crystal), np.zeros(3)):
        shifts = space_group.translations[keeping] + (w - np.eye(3)) @ origin
        if is_integer(waves @ shifts.T) and len(np.unique(w, axis=0)) == len(w):
            return rotations, np.exp(2j * np.pi * shifts @ q)
    return rotations, None


def highest_site(crystal):
    """Position (fractional) of the site of highest symmetry; of several, that with the shortest bonds."""
    group = crystal.space_group
    orders = (group.site_map == np.arange(crystal.n_sites)).sum(axis=0)
    reach = 2 * crystal.nearest_distance()
    bonds = [min((d for d, _, _ in neighbours(crystal, s, reach)), default=np.inf) for s in range(crystal.n_sites)]
    return crystal.positions[min(range(crystal.n_sites), key=lambda s: (-orders[s], bonds[s], s))]
