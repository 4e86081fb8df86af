"""Choosing clusters, orders, nets and architectures by cross-validation: many small trainings at once."""

from anharmonic.fitting.selection.plan import LearningCurve, SelectionPlan
from anharmonic.fitting.selection.selection import Selection

__all__ = ["LearningCurve", "Selection", "SelectionPlan"]
