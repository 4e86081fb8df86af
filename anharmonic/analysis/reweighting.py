"""Means at any temperature from samples at several: multi-histogram reweighting without histograms (MBAR).

Samples of a flexible or a fixed cell at inverse temperatures ``beta_k`` have densities proportional to
``exp(-beta_k H)`` with one and the same measure, where H is the energy or the enthalpy. All of them together are a
sample of the mixture of these densities, so that at any other ``beta``

    <A> = sum_n w_n A_n,    w_n ~ exp(-beta H_n) / sum_k N_k exp(f_k - beta_k H_n)

with the free energies f_k that make every ``sum_n w_n`` at beta_k equal 1 (Ferrenberg and Swendsen, Phys. Rev. Lett.
63, 1195 (1989); Shirts and Chodera, J. Chem. Phys. 129, 124105 (2008), eq. 11). They are solved for by pymbar.

That needs overlap: each temperature's enthalpies must occur at its neighbours, too. They do where the exponent
``m = (beta_1 - beta_2)(H_2 - H_1)`` of a swap is small, see `anharmonic.analysis.replica_spacing`.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp

from anharmonic.analysis.mbar import multistate_solver
from anharmonic.errors import AnharmonicError

APART = 16.0
"""Neighbours whose exponent m is larger share no samples: an exchange would be accepted once in 200 times."""


@dataclass(frozen=True)
class Reweighting:
    """Samples of temperatures that overlap.

    Attributes
    ----------
    betas : ndarray, shape (n_states,)
        Inverse temperatures 1/kT (1/eV).
    counts : ndarray, shape (n_states,), int
        Samples of each state.
    enthalpies : ndarray, shape (n,)
        Of all samples, state by state (eV, of the whole supercell).
    free_energies : ndarray, shape (n_states,)
        ``f_k = beta_k G_k``, the first 0; without unit.
    """

    betas: np.ndarray
    counts: np.ndarray
    enthalpies: np.ndarray
    free_energies: np.ndarray

    @classmethod
    def of_series(cls, betas, series, start=None):
        """Solve for the free energies.

        Parameters
        ----------
        betas : array_like, shape (n_states,)
            1/eV.
        series : sequence of array_like, shape (n_samples,)
            Enthalpies (eV) of each state.
        start : array_like, shape (n_states,), optional
            Free energies to begin with.

        Raises
        ------
        AnharmonicError
            If neighbours do not overlap (see `islands`).
        """
        betas = np.asarray(betas, float)
        gap = next((i for i in range(len(betas) - 1) if _apart(betas, series, i)), None)
        if gap is not None:
            raise AnharmonicError(
                f"samples at 1/kT = {betas[gap]:g} and {betas[gap + 1]:g} per eV do not overlap, so that one cannot be "
                "reweighted to the other: sample temperatures between them"
            )
        enthalpies, counts = np.concatenate(series).astype(float), np.array([len(s) for s in series])
        # energies relative to their mean: exponents as small as they can be
        middle = enthalpies.mean()
        free = _solve(betas, enthalpies - middle, counts, start)
        return cls(betas, counts, enthalpies, free + betas * middle - (free[0] + betas[0] * middle))

    def log_weights(self, betas):
        """Logarithms of the normalised weights of all samples at inverse temperatures (m,): shape (m, n)."""
        mixture = logsumexp(self._exponents(), b=self.counts[:, None], axis=0)
        plain = -np.multiply.outer(np.asarray(betas, float), self.enthalpies) - mixture
        return plain - logsumexp(plain, axis=1, keepdims=True)

    def means(self, values, betas):
        """Means of samples (n, n_values) at inverse temperatures (m,): shape (m, n_values)."""
        return np.exp(self.log_weights(betas)) @ np.asarray(values, float)

    def free_energy(self, betas):
        """``beta G`` relative to the first state at inverse temperatures (m,), without unit: shape (m,)."""
        mixture = logsumexp(self._exponents(), b=self.counts[:, None], axis=0)
        return -logsumexp(-np.multiply.outer(np.asarray(betas, float), self.enthalpies) - mixture, axis=1)

    def overlap(self):
        """Overlap matrix of the states, shape (n_states, n_states), its rows adding up to 1.

        Neighbours should have 0.03 or more (Klimovich, Shirts and Mobley, J. Comput.-Aided Mol. Des. 29, 397 (2015)).
        """
        weights = np.exp(self.log_weights(self.betas))
        return weights @ weights.T * self.counts

    def n_effective(self, betas):
        """Kish's number of samples that count at inverse temperatures (m,), correlations apart: shape (m,)."""
        return np.exp(-logsumexp(2 * self.log_weights(betas), axis=1))

    def _exponents(self):
        return self.free_energies[:, None] - np.multiply.outer(self.betas, self.enthalpies)


def islands(betas, series):
    """Runs of neighbouring states that overlap: list of slices.

    Parameters
    ----------
    betas : array_like, shape (n_states,)
        Inverse temperatures, falling or rising throughout (1/eV).
    series : sequence of array_like, shape (n_samples,)
        Enthalpies (eV).
    """
    betas = np.asarray(betas, float)
    cuts = [i + 1 for i in range(len(betas) - 1) if _apart(betas, series, i)]
    return [slice(a, b) for a, b in zip([0, *cuts], [*cuts, len(betas)], strict=True)]


def _apart(betas, series, i):
    """Whether neighbours i and i + 1 share no samples."""
    return abs((betas[i + 1] - betas[i]) * (np.mean(series[i + 1]) - np.mean(series[i]))) > APART


def _solve(betas, enthalpies, counts, start):
    """Free energies of the states, without unit."""
    if len(betas) == 1:
        return np.zeros(1)
    with multistate_solver() as solve:
        return np.asarray(solve(np.multiply.outer(betas, enthalpies), counts, start).f_k, float)
