"""All polynomials of the CCDs that are invariant under a cluster's point group.

The Reynolds operator R_d = mean_g Sym^d(D(g)) projects the homogeneous polynomials of degree d on
the invariant ones (Thomas et al., section II.A.5). Its rows are the images of the monomials. The
number of independent ones is its trace, the coefficient of the Molien series.
"""

from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

NOISE = 1e-10
"""Coefficients below this are zero."""


@dataclass(frozen=True)
class Invariants:
    """Invariant polynomials as combinations of monomials.

    Attributes
    ----------
    exponents : ndarray, shape (n_monomials, n_ccds), uint8
        Powers of the CCDs in each monomial that occurs, by degree.
    coefficients : ndarray, shape (n_invariants, n_monomials)
        The coefficient of largest magnitude of each invariant is 1.
    degrees : ndarray, shape (n_invariants,), int
        Degree of each invariant, ascending.
    """

    exponents: np.ndarray
    coefficients: np.ndarray
    degrees: np.ndarray

    @property
    def counts(self):
        """Numbers of invariants of degree 1, 2, ..."""
        return np.bincount(self.degrees)[1:].tolist()


def invariant_polynomials(representations, order):
    """All linearly independent invariant polynomials of degrees 1 to `order`.

    Among the images of the monomials the shortest are taken first. Two invariants share
    monomials only if symmetry mixes these monomials.

    Parameters
    ----------
    representations : ndarray, shape (n_operations, n_ccds, n_ccds)
        D(g) of every operation of the group. Operations that act alike, such as those that
        leave all sites of a pair in place, may be repeated equally often.
    order : int
        Highest degree.

    Returns
    -------
    Invariants
    """
    expected = molien_counts(representations, order)
    exponents, blocks, degrees = [], [], []
    for degree, reynolds in enumerate(_reynolds_operators(representations, order), start=1):
        rows = _independent_rows(reynolds)
        if rows.shape[0] != expected[degree - 1]:
            raise ArithmeticError(f"{rows.shape[0]} invariants of degree {degree}, Molien: {expected[degree - 1]}")
        used = np.flatnonzero(np.diff(rows.tocsc().indptr))
        exponents.append(_exponents(representations.shape[1], degree)[used])
        blocks.append(rows[:, used].toarray())
        degrees += [degree] * rows.shape[0]
    coefficients = sparse.block_diag(blocks).toarray() if blocks else np.zeros((0, 0))
    return Invariants(np.concatenate(exponents), coefficients, np.array(degrees))


def molien_counts(representations, order):
    """Numbers of independent invariants of degrees 1 to `order`, without constructing them.

    The dimension is the mean over the group of the complete symmetric polynomial h_d of the
    eigenvalues of D(g), which follows from the power sums p_k = tr D(g)^k by Newton's
    identities, d h_d = sum_k p_k h_(d-k).
    """
    power, sums = np.asarray(representations), []
    for _ in range(order):
        sums.append(np.trace(power, axis1=1, axis2=2))
        power = power @ representations
    complete = [np.ones(len(representations))]
    for degree in range(1, order + 1):
        complete.append(sum(sums[k - 1] * complete[degree - k] for k in range(1, degree + 1)) / degree)
    return [round(float(h.mean())) for h in complete[1:]]


def evaluate(invariants, q):
    """Values (..., n_invariants) of the invariants at CCDs q (..., n_ccds)."""
    q = np.asarray(q, float)
    monomials = np.ones((*q.shape[:-1], len(invariants.exponents)))
    for k in range(q.shape[-1]):
        powers = q[..., k, None] ** np.arange(int(invariants.exponents[:, k].max(initial=0)) + 1)
        monomials *= powers[..., invariants.exponents[:, k]]
    return monomials @ invariants.coefficients.T


def _exponents(n_variables, degree):
    """Exponents of all monomials of a degree, shape (n_monomials, n_variables), in the order of `_variables`."""
    variables = _variables(n_variables, degree)
    exponents = np.zeros((len(variables), n_variables), np.uint8)
    for column in variables.T:
        exponents[np.arange(len(variables)), column] += 1
    return exponents


def _variables(n_variables, degree):
    """Monomials as ascending variable indices, shape (n_monomials, degree), in lexicographic order."""
    return np.array(list(combinations_with_replacement(range(n_variables), degree)))


def _reynolds_operators(representations, order):
    """R_1, R_2, ...: row a holds the mean over the group of monomial a of D(g) q."""
    n = representations.shape[1]
    single = [sparse.csr_array(np.where(np.abs(matrix) < NOISE, 0.0, matrix)) for matrix in representations]
    powers = single
    yield _mean(powers)
    for degree in range(2, order + 1):
        variables = _variables(n, degree)
        parents = _index(variables[:, :-1], n)
        merge = _merge(n, degree)
        powers = [_row_kronecker(p[parents], s[variables[:, -1]]) @ merge for p, s in zip(powers, single, strict=True)]
        yield _mean(powers)


def _mean(matrices):
    total = matrices[0]
    for matrix in matrices[1:]:
        total = total + matrix
    total = total / len(matrices)
    total.data[np.abs(total.data) < NOISE] = 0
    total.eliminate_zeros()
    return total.tocsr()


def _index(variables, n):
    """Position in `_variables` of monomials given as ascending variable indices (n_monomials, degree)."""
    known = {tuple(row): k for k, row in enumerate(_variables(n, variables.shape[1]).tolist())}
    return np.array([known[tuple(row)] for row in variables.tolist()])


def _merge(n, degree):
    """0/1 matrix from (monomial of degree - 1, variable) to the monomial that is their product."""
    parents = _variables(n, degree - 1)
    products = np.concatenate([np.repeat(parents, n, axis=0), np.tile(np.arange(n), len(parents))[:, None]], axis=1)
    columns = _index(np.sort(products, axis=1), n)
    return sparse.csr_array((np.ones(len(columns)), (np.arange(len(columns)), columns)))


def _row_kronecker(left, right):
    """Kronecker product of each row of `left` with the same row of `right` (CSR)."""
    counts_left, counts_right = np.diff(left.indptr), np.diff(right.indptr)
    counts = counts_left * counts_right
    start = np.concatenate([[0], np.cumsum(counts)])
    rows = np.repeat(np.arange(len(counts)), counts)
    within = np.arange(start[-1]) - start[rows]
    i = left.indptr[rows] + within // counts_right[rows]
    j = right.indptr[rows] + within % counts_right[rows]
    data, columns = left.data[i] * right.data[j], left.indices[i].astype(np.int64) * right.shape[1] + right.indices[j]
    return sparse.csr_array((data, columns, start), shape=(len(counts), left.shape[1] * right.shape[1]))


def _independent_rows(reynolds):
    """Independent rows of a Reynolds operator, shortest first in each connected component, largest coefficient 1."""
    labels = connected_components(reynolds, directed=False)[1]
    chosen = []
    order = np.argsort(labels, kind="stable")
    for members in np.split(order, 1 + np.flatnonzero(np.diff(labels[order]))):
        block = reynolds[members][:, members].toarray()
        rank = round(float(np.trace(block)))
        chosen += [(members, row) for row in _greedy_rows(block, rank)]
    rows = sparse.lil_array((len(chosen), reynolds.shape[1]))
    for k, (members, row) in enumerate(chosen):
        rows[[k], members] = row
    return rows.tocsr()


def _greedy_rows(block, rank):
    """`rank` independent rows of a projector, those with fewest nonzeros first, normalised."""
    rows, basis = [], np.zeros((0, len(block)))
    block = np.where(np.abs(block) < NOISE, 0.0, block)
    for a in np.argsort((block != 0).sum(axis=1), kind="stable"):
        if len(rows) == rank:
            break
        norm = np.linalg.norm(block[a])
        if norm < NOISE:
            continue
        rest = block[a] / norm
        rest = rest - basis.T @ (basis @ rest)
        rest = rest - basis.T @ (basis @ rest)
        if np.linalg.norm(rest) > 1e-6:
            basis = np.concatenate([basis, rest[None] / np.linalg.norm(rest)])
            rows.append(_normalised(block[a]))
    return rows


def _normalised(row):
    """The row with its first coefficient of largest magnitude equal to 1, without noise."""
    size = np.abs(row)
    row = row / row[np.argmax(size > size.max() - NOISE)]
    return np.where(np.abs(row) < NOISE, 0.0, row)
