"""When the electrons of an ionic step are converged: one rule for all files of VASP."""

from anharmonic.data.refusals import Refused


def require_convergence(change, limit, tolerance):
    """Refuse an ionic step that used all its iterations and still changed.

    Parameters
    ----------
    change : float
        By how much the last iteration changed the energy (eV).
    limit : float
        NELM.
    tolerance : float or None
        EDIFF (eV).
    """
    tolerance = tolerance or 0.0
    if not change <= tolerance:
        raise Refused(
            "unconverged",
            f"not electronically converged: all NELM = {limit:.0f} iterations used, the last one changed the free "
            f"energy by {change:.1e} eV, EDIFF is {tolerance:.1e} eV",
        )


def check_self_consistency(icharg):
    """Refuse runs at fixed density (band structures): their forces belong to no energy."""
    if icharg is not None and icharg >= 10:
        reason = f"not self-consistent: ICHARG = {icharg:.0f} keeps the density fixed"
        raise Refused("not self-consistent", reason)
