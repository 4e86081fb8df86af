"""Numbers with standard errors from curves of independent runs."""

from dataclasses import dataclass

import numpy as np

from anharmonic.analysis.statistics import jackknife_error


@dataclass(frozen=True)
class Measured:
    """A number with its standard error; both NaN where there is none."""

    value: float
    error: float

    @property
    def is_known(self):
        """Whether there is a value."""
        return bool(np.isfinite(self.value))


UNKNOWN = Measured(np.nan, np.nan)


def measured(function, *series):
    """A function of curves of independent runs, with the error that the jackknife of each brings.

    Parameters
    ----------
    function : callable
        Takes one array (n,) for each series; gives a float, NaN where there is none.
    *series : ndarray, shape (1 + n_blocks, n)
        See `anharmonic.analysis.curves.Curves.values`.
    """
    full = [s[0] for s in series]
    left_out = ([function(*full[:k], row, *full[k + 1 :]) for row in s[1:]] for k, s in enumerate(series))
    return Measured(float(function(*full)), float(np.linalg.norm([jackknife_error(values) for values in left_out])))
