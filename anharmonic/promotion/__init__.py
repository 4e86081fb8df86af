"""From a candidate crystal to a potential: cubic reference, unstable modes, structures to label, files of a project."""

from anharmonic.promotion.promote import Promotion, promote

__all__ = ["Promotion", "promote"]
