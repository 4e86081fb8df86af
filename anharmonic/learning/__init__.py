"""Active learning: sample with a potential, label what it does not know, fit again."""

from anharmonic.learning.plan import LearnPlan
from anharmonic.learning.rounds import Learned, learn

__all__ = ["LearnPlan", "Learned", "learn"]
