"""Numbers for people."""

import math

ROUNDING = 1e-9
"""An error below this share of the value is rounding, as of a cell that is fixed."""


def plus_minus(value, error):
    """A temperature with its error, ``351.2 ± 2.6``; a question mark for an error that is not known."""
    if value is None:
        return "-"
    return f"{value:.1f} ± {'?' if error is None else f'{error:.1f}'}"


def with_error(value, error, digits=4):
    """A value with its error in its last digits, ``5.8412(12)``; `digits` decimals if there is no error."""
    if value is None:
        return None
    if not error or not math.isfinite(error) or error < ROUNDING * abs(value):
        return f"{value:.{digits}f}"
    decimals = max(0, 1 - math.floor(math.log10(error)))
    last = round(error * 10**decimals)
    return f"{value:.{decimals}f}({last})"
