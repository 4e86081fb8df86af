"""Evaluation on the grid of cells: forces, stresses and energies for simulation."""

from anharmonic.evaluation.evaluation import Evaluation
from anharmonic.evaluation.evaluator import Evaluator
from anharmonic.evaluation.local import SiteChanges, conflicts

__all__ = ["Evaluation", "Evaluator", "SiteChanges", "conflicts"]
