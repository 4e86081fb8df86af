"""Irreducible subspaces of a permutation representation, with bases that no library decides.

Eigenvectors are unique only up to signs and, in degenerate spaces, up to rotations: what LAPACK
returns there changes with version and machine. Here eigenvectors only ever define subspaces;
their bases follow from rules.
"""

import numpy as np

ZERO = 1e-6
"""Components of unit vectors below this are zero by symmetry; eigenvalues this close are equal."""


def irreducible_subspaces(matrices, table, operator, tie_breaker):
    """Irreducible subspaces in order of descending eigenvalue of an operator.

    The projectors on each irrep separate inequivalent subspaces exactly, degenerate or not.
    Inside one irrep of dimension d the eigenvalues come in groups of d. Equivalent subspaces
    with equal eigenvalues are separated by the group average of `tie_breaker`, which commutes
    with the group as the operator does.

    Parameters
    ----------
    matrices : ndarray, shape (n_operations, n, n)
        Orthogonal representation.
    table : CharacterTable
        Characters for the same operations.
    operator, tie_breaker : ndarray, shape (n, n)
        Symmetric; the group averages are taken.

    Returns
    -------
    list of (str, ndarray)
        Label and projector (n, n) of each subspace. Equal eigenvalues: order of the table.
    """
    operator, tie_breaker = _group_average(matrices, operator), _group_average(matrices, tie_breaker)
    counts = table.multiplicities(np.trace(matrices, axis1=1, axis2=2))
    found = []
    for row, (projector, count) in enumerate(zip(table.projectors(matrices), counts, strict=True)):
        if not count:
            continue
        d = table.dimensions[row]
        space = np.linalg.eigh(projector)[1][:, -d * count :]
        for vectors in _split(space, d, operator, tie_breaker):
            eigenvalue = np.trace(vectors.T @ operator @ vectors) / d
            found.append((eigenvalue, row, _group_average(matrices, vectors @ vectors.T)))
    largest = max(abs(eigenvalue) for eigenvalue, _, _ in found)
    found.sort(key=lambda item: (-round(item[0] / largest, 9), item[1]))
    return [(table.labels[row], projector) for _, row, projector in found]


def oriented_bases(subspaces, matrices):
    """Orthonormal rows (d, n) for each ``(label, projector)``.

    The first subspace of an irrep gets the basis with most zeros (`sparse_basis`). Later ones are
    turned so that the group acts on them by the same matrices, D'(g) = D(g): an invariant of two
    equivalent subspaces is then the plain sum of q_k q'_k.
    """
    first, bases = {}, []
    for label, projector in subspaces:
        basis = sparse_basis(projector)
        own = basis @ matrices @ basis.T
        if label in first:
            basis = _positive(_intertwiner(own, first[label]).T @ basis)
        first.setdefault(label, own)
        bases.append(basis)
    return bases


def sparse_basis(projector):
    """Orthonormal rows (d, n) of the space of a projector (n, n), with many zeros.

    Each vector is the projection, on what is left of the space, of a unit vector e_p or of
    e_p + e_q or e_p - e_q: the one with most zeros, and of those the first in this order. Its
    first nonzero component is positive.
    """
    basis = np.zeros((0, len(projector)))
    first, second = np.triu_indices(len(projector), 1)
    for _ in range(round(np.trace(projector))):
        left = projector - basis.T @ basis
        candidates = left
        if np.trace(left) > 1.5:
            candidates = np.concatenate([left, left[first] + left[second], left[first] - left[second]])
        norms = np.linalg.norm(candidates, axis=1)
        keep = norms > 0.1 * norms.max()
        candidates = candidates[keep] / norms[keep, None]
        chosen = candidates[np.argmin((np.abs(candidates) > ZERO).sum(axis=1))]
        basis = np.concatenate([basis, _positive(chosen[None])])
    return basis


def _group_average(matrices, operator):
    """Mean over the group of M(g) A M(g)^T."""
    return np.mean(matrices @ operator @ matrices.transpose(0, 2, 1), axis=0)


def _split(space, d, operator, tie_breaker):
    """Irreducible subspaces (n, d) of the space (n, count * d) of one irrep, largest eigenvalue first."""
    values, vectors = np.linalg.eigh(space.T @ operator @ space)
    ordered = space @ vectors[:, ::-1]
    levels = values[::-1].reshape(-1, d).mean(axis=1)
    breaks = 1 + np.flatnonzero(-np.diff(levels) > ZERO * np.abs(levels).max())
    for start, stop in zip([0, *breaks], [*breaks, len(levels)], strict=True):
        level = ordered[:, d * start : d * stop]
        if stop - start > 1:
            level = level @ np.linalg.eigh(level.T @ tie_breaker @ level)[1][:, ::-1]
        yield from np.split(level, stop - start, axis=1)


def _positive(basis):
    """The basis (d, n) with the sign that makes the first nonzero component of its first row positive."""
    return basis * np.sign(basis[0][np.abs(basis[0]) > ZERO][0])


def _intertwiner(own, target):
    """Orthogonal C with own(g) C = C target(g): the group average of own(g) Z target(g)^T.

    C is unique up to its sign, or up to a rotation for pairs of complex conjugate irreps; the
    first of a few fixed Z that does not average to nothing decides.
    """
    d = len(own[0])
    seeds = [np.eye(d), *np.eye(d * d).reshape(-1, d, d)]
    averages = [np.mean(own @ seed @ target.transpose(0, 2, 1), axis=0) for seed in seeds]
    sizes = [np.linalg.norm(average) for average in averages]
    best = next(average for average, size in zip(averages, sizes, strict=True) if size > 0.3 * max(sizes))
    return best * np.sqrt(d) / np.linalg.norm(best)
