"""Evaluation on the grid of cells: forces, stresses and energies for simulation."""

from anharmonic.evaluation.blocks import Blocks
from anharmonic.evaluation.evaluation import Evaluation
from anharmonic.evaluation.evaluator import Evaluator
from anharmonic.evaluation.local import SiteChanges, conflicts
from anharmonic.evaluation.sharded import ShardedEvaluator

__all__ = ["Blocks", "Evaluation", "Evaluator", "ShardedEvaluator", "SiteChanges", "conflicts"]
