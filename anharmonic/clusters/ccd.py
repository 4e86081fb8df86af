"""Collective cluster deformations (CCDs): symmetry-adapted combinations of pair metrics.

J. C. Thomas et al., arXiv 2019, section II.A and appendix A. A cluster of n sites has
P = n(n-1)/2 pairs with metrics F (eqs. 3-5). Its CCDs are Q = U F (eq. 6), where the rows of U
are orthonormal, span the irreducible subspaces of the cluster's point group, and diagonalise
the correlations G = <F F^T> (eq. A1). The scaling to unit variance, which the paper includes in
U (eqs. A2 and A3, which contradict each other), is kept apart as `CCD.scales`.
"""

from dataclasses import dataclass

import numpy as np

from anharmonic.clusters.irreps import character_table
from anharmonic.clusters.metrics import CURVATURES, get_metric
from anharmonic.clusters.subspaces import irreducible_subspaces, oriented_bases
from anharmonic.errors import AnharmonicError


@dataclass(frozen=True)
class CCD:
    """Collective deformations of a cluster.

    Attributes
    ----------
    positions : ndarray, shape (n_sites, 3)
        Reference positions of the sites (A).
    metric : str
        Name of the deformation metric.
    sigma : float
        Spread of the displacements in G, as a fraction of the shortest pair distance.
    pairs : ndarray, shape (n_pairs, 2), int
        Pairs i < j in lexicographic order.
    distances : ndarray, shape (n_pairs,)
        Reference distances (A).
    matrix : ndarray, shape (n_ccds, n_pairs)
        U, orthonormal rows.
    scales : ndarray, shape (n_ccds,)
        Factors that give the CCDs unit variance over the distribution of G.
    representations : ndarray, shape (n_operations, n_ccds, n_ccds)
        D(g) = U M(g) U^T: if g carries a deformed cluster to another one (the displacement of
        site i rotated and moved to site g(i)), its CCDs change from q to D(g) q.
    point_group : tuple of str
        Schoenflies and Hermann-Mauguin symbol.
    subspaces : tuple of (str, int, int)
        Irreducible subspaces: Mulliken label, first CCD, and one past the last.
    """

    positions: np.ndarray
    metric: str
    sigma: float
    pairs: np.ndarray
    distances: np.ndarray
    matrix: np.ndarray
    scales: np.ndarray
    representations: np.ndarray
    point_group: tuple
    subspaces: tuple

    @classmethod
    def of_cluster(cls, positions, permutations, rotations, metric="quadratic", reduce=False, sigma=0.15):
        """CCDs of a cluster in order of descending variance.

        Parameters
        ----------
        positions : array_like, shape (n_sites, 3)
            Reference positions (A).
        permutations : array_like, shape (n_operations, n_sites), int
            Site that each site is mapped to by each operation of the cluster's point group.
        rotations : array_like, shape (n_operations, 3, 3)
            The same operations as orthogonal matrices acting on Cartesian columns.
        metric : str
            Name of a deformation metric, see `anharmonic.clusters.metrics`.
        reduce : bool
            Keep only the leading 3n - 6 CCDs where there are more pairs than that, i.e. n > 4
            (appendix A). Irreducible subspaces are kept whole. Linear and planar clusters
            of up to four sites keep all pairs: distances out of line or plane are
            quadratic in the displacements, and no other CCD stands for them.
        sigma : float
            Spread of the displacements in G relative to the shortest pair (paper: 0.10-0.25).

        Raises
        ------
        AnharmonicError
            If the operations do not map the cluster onto itself or are no point group.
        """
        positions, rotations = np.asarray(positions, float), np.asarray(rotations, float)
        permutations = np.asarray(permutations, int)
        get_metric(metric)
        _check_cluster(positions, permutations, rotations)
        pairs = np.stack(np.triu_indices(len(positions), 1), axis=1)
        distances = np.linalg.norm(positions[pairs[:, 0]] - positions[pairs[:, 1]], axis=1)
        correlations = correlation_matrix(positions, pairs, metric, sigma * distances.min())
        matrices = pair_representations(permutations, pairs)
        table = character_table(rotations, (permutations == np.arange(len(positions))).sum(axis=1))
        found = irreducible_subspaces(matrices, table, correlations, _tie_breaker(positions, pairs))
        rows = oriented_bases(found, matrices)
        n_free = 3 * len(positions) - 6
        n_kept = n_free if reduce and 0 < n_free < len(pairs) else len(pairs)
        subspaces = []
        for (label, _), basis in zip(found, rows, strict=True):
            start = subspaces[-1][2] if subspaces else 0
            if start < n_kept:
                subspaces.append((label, start, start + len(basis)))
        matrix = np.concatenate(rows[: len(subspaces)])
        variances = np.einsum("kp,pq,kq->k", matrix, correlations, matrix)
        return cls(
            positions, metric, float(sigma), pairs, distances, matrix, 1 / np.sqrt(variances),
            matrix @ matrices @ matrix.T, table.symbol, tuple(subspaces),
        )  # fmt: skip

    @property
    def n_ccds(self):
        """Number of CCDs."""
        return len(self.matrix)

    @property
    def irreps(self):
        """Irreducible subspaces as a list of (Mulliken label, slice of the CCDs)."""
        return [(label, slice(start, stop)) for label, start, stop in self.subspaces]

    @property
    def labels(self):
        """Mulliken label of each CCD."""
        return tuple(label for label, start, stop in self.subspaces for _ in range(start, stop))

    def evaluate(self, positions):
        """CCDs (..., n_ccds) of deformed clusters with positions (..., n_sites, 3) in A (eq. 6)."""
        positions = np.asarray(positions, float)
        vectors = positions[..., self.pairs[:, 0], :] - positions[..., self.pairs[:, 1], :]
        return get_metric(self.metric)((vectors**2).sum(-1) / self.distances**2) @ self.matrix.T

    def jacobian(self):
        """dq/dr at the reference, shape (n_ccds, n_sites, 3), 1/A."""
        jacobian = self.matrix @ pair_jacobian(self.positions, self.pairs)
        return jacobian.reshape(len(jacobian), -1, 3)


def pair_jacobian(positions, pairs):
    """df/dr of all pair metrics at the reference, shape (n_pairs, 3 n_sites), 1/A; the same for every metric."""
    vectors = positions[pairs[:, 0]] - positions[pairs[:, 1]]
    gradients = vectors / (vectors**2).sum(axis=1, keepdims=True)
    jacobian = np.zeros((len(pairs), len(positions), 3))
    rows = np.arange(len(pairs))
    jacobian[rows, pairs[:, 0]] = gradients
    jacobian[rows, pairs[:, 1]] = -gradients
    return jacobian.reshape(len(pairs), -1)


def pair_hessians(positions, pairs, metric):
    """Second derivatives of all pair metrics, shape (n_pairs, 3 n_sites, 3 n_sites), 1/A^2."""
    jacobian = pair_jacobian(positions, pairs)
    incidence = np.zeros((len(pairs), len(positions)))
    rows = np.arange(len(pairs))
    incidence[rows, pairs[:, 0]], incidence[rows, pairs[:, 1]] = 1, -1
    squares = ((positions[pairs[:, 0]] - positions[pairs[:, 1]]) ** 2).sum(axis=1)
    strain = np.einsum("pi,pj,ab,p->piajb", incidence, incidence, np.eye(3), 1 / squares)
    strain = strain.reshape(len(pairs), 3 * len(positions), -1)
    return strain + CURVATURES[metric] * jacobian[:, :, None] * jacobian[:, None, :]


def correlation_matrix(positions, pairs, metric, sigma):
    """G = <f_m f_n> over independent normal displacements of spread `sigma` (A) (eq. A1).

    With each metric expanded to second order in the displacements, gradient J and Hessian H,
    G = sigma^2 J J^T + sigma^4 [tr(H_m H_n)/2 + tr(H_m) tr(H_n)/4]. This is exact for the quadratic
    metric. For the others it is exact to order sigma^2, and keeps of order sigma^4 the part
    that makes G positive definite (third derivatives are left out; for the inverse metric
    the integral itself diverges at d = 0).

    Returns
    -------
    ndarray, shape (n_pairs, n_pairs)
    """
    jacobian, hessians = pair_jacobian(positions, pairs), pair_hessians(positions, pairs, metric)
    traces, flat = np.trace(hessians, axis1=1, axis2=2), hessians.reshape(len(pairs), -1)
    return sigma**2 * jacobian @ jacobian.T + sigma**4 * (flat @ flat.T / 2 + np.outer(traces, traces) / 4)


def pair_representations(permutations, pairs):
    """M(g), shape (n_operations, n_pairs, n_pairs): the pair metrics after g are M(g) F.

    Eq. 10 for unordered pairs: M = 1 where g carries the column's pair to the row's pair.
    """
    number = np.empty((permutations.shape[1],) * 2, int)
    number[pairs[:, 0], pairs[:, 1]] = number[pairs[:, 1], pairs[:, 0]] = np.arange(len(pairs))
    images = number[permutations[:, pairs[:, 0]], permutations[:, pairs[:, 1]]]
    return (images[:, None, :] == np.arange(len(pairs))[:, None]).astype(float)


def _check_cluster(positions, permutations, rotations):
    """Refuse fewer than two sites and operations that do not map the cluster onto itself."""
    if len(positions) < 2:
        raise AnharmonicError("a cluster needs at least two sites to have deformations")
    if permutations.shape != (len(rotations), len(positions)) or rotations.shape[1:] != (3, 3):
        shapes = f"permutations {permutations.shape} and rotations {rotations.shape}"
        raise AnharmonicError(f"{shapes} do not fit together with {len(positions)} sites")
    centred = positions - positions.mean(axis=0)
    images = np.einsum("gij,nj->gni", rotations, centred)
    deviation = np.abs(images - centred[permutations]).max()
    if deviation > 0.02 * np.linalg.norm(centred, axis=1).max():
        raise AnharmonicError(f"an operation misses a site of the cluster by {deviation:.3f} A: check the permutations")


def _tie_breaker(positions, pairs):
    """A fixed symmetric matrix (n_pairs, n_pairs) that depends on where the pairs are, not on their order.

    Averaged over the group, it separates equivalent irreps whose variances happen to be equal.
    """
    centred = positions - positions.mean(axis=0)
    x, y, z = (centred / np.linalg.norm(centred, axis=1).max()).T
    weights = np.sin(1.0 + 1.3 * x + 1.7 * y + 2.3 * z) + x * y - 0.7 * y * z
    pair_weights = weights[pairs].sum(axis=1) + 0.9 * weights[pairs].prod(axis=1)
    return np.cos(2.0 * np.outer(pair_weights, pair_weights))
