"""How well replicas exchange: acceptance of swaps, travels of the walkers between the extreme conditions.

Arrays are samples of a run as `ReplicaExchange` records them: first axis time, second axis conditions
(walkers for `heading` and `round_trips`, pairs of neighbours for swaps).
"""

from dataclasses import dataclass

import numpy as np

from anharmonic.analysis.statistics import estimate


@dataclass(frozen=True)
class ExchangeReport:
    """Swap statistics of a run of n conditions.

    Attributes
    ----------
    acceptance, acceptance_error : ndarray, shape (n - 1,)
        Share of accepted swaps between neighbours, and its standard error; NaN where none was tried.
    round_trips : int
        Travels of all walkers from the first to the last conditions and back.
    round_trip_time : float
        Mean time of such a travel, in attempts (of even and odd pairs together counted as two); infinite if none.
    ideal_round_trip_time : float
        What it would be if configurations forgot their past between attempts; infinite if a pair never swaps.
    barrier : float
        Sum of the shares of rejected swaps; about 2 barrier + 1 replicas are the best number.
    up_fraction : ndarray, shape (n,)
        At each of the conditions, the share of walkers that were at the first ones last rather than at the last
        ones; falls evenly from 1 to 0 where nothing holds the walkers up. NaN where neither is known.
    """

    acceptance: np.ndarray
    acceptance_error: np.ndarray
    round_trips: int
    round_trip_time: float
    ideal_round_trip_time: float
    barrier: float
    up_fraction: np.ndarray


def exchange_report(samples):
    """`ExchangeReport` of recorded samples.

    Parameters
    ----------
    samples : mapping
        ``walker``, ``heading``, ``round_trips``, shape (n_samples, n), ``swap_attempts``,
        ``swap_acceptances``, shape (n_samples, n - 1): counts since the beginning.
    """
    attempts, acceptances = (np.diff(samples[f"swap_{name}"], axis=0) for name in ("attempts", "acceptances"))
    acceptance, error = _shares(acceptances, attempts)
    n_conditions = acceptance.size + 1
    # all even pairs are tried at once, and then all odd ones
    n_attempts = attempts[:, : min(2, n_conditions - 1)].sum() * (2 if n_conditions == 2 else 1)
    trips = int((samples["round_trips"][-1] - samples["round_trips"][0]).sum())
    return ExchangeReport(
        acceptance, error, trips,
        n_conditions * n_attempts / trips if trips else np.inf,
        ideal_round_trip_time(acceptance), float(np.sum(1 - acceptance)),
        up_fraction(samples["walker"], samples["heading"]),
    )  # fmt: skip


def ideal_round_trip_time(acceptance):
    """Mean time of a round trip, in attempts, of walkers without memory.

    Syed, Bouchard-Cote, Deligiannidis and Doucet, J. R. Stat. Soc. B 84, 321 (2022): the n walkers
    together make 1 / (2 + 2 sum r / (1 - r)) round trips in one attempt, with the shares r of rejected swaps.

    Parameters
    ----------
    acceptance : array_like, shape (n - 1,)
        Of swaps between neighbours, even and odd pairs in turn.
    """
    acceptance = np.asarray(acceptance, float)
    if not (acceptance > 0).all():
        return np.inf
    return float((acceptance.size + 1) * (2 + 2 * np.sum((1 - acceptance) / acceptance)))


def up_fraction(walker, heading):
    """Share (n,) of walkers at each of the conditions that come from the first ones rather than the last.

    Katzgraber, Trebst, Huse and Troyer, J. Stat. Mech. (2006) P03018.
    """
    here = np.take_along_axis(np.asarray(heading), np.asarray(walker), axis=1)
    up, down = (here > 0).sum(axis=0), (here < 0).sum(axis=0)
    return np.where(up + down > 0, up / np.maximum(up + down, 1), np.nan)


def places(walker):
    """Where each walker is: index of its conditions, shape (n_samples, n); the inverse permutations of `walker`."""
    return np.argsort(walker, axis=1)


def _shares(acceptances, attempts):
    """Shares of accepted attempts with standard errors, of series (n_samples, n - 1) of both."""
    totals = attempts.sum(axis=0)
    share = np.where(totals > 0, acceptances.sum(axis=0) / np.maximum(totals, 1), np.nan)
    residues = acceptances - np.nan_to_num(share) * attempts
    if len(residues) < 2:
        return share, np.full_like(share, np.nan)
    error = estimate(residues).error * len(residues) / np.maximum(totals, 1)
    return share, np.where(totals > 0, error, np.nan)
