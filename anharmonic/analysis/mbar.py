"""pymbar, held back: it would greet, narrate, and switch JAX to double precision for good."""

import logging
from contextlib import contextmanager

import jax

SOLVER = ({"method": "adaptive", "options": {"maximum_iterations": 1000, "tol": 1e-10, "min_sc_iter": 2}},)
"""Of pymbar: Newton steps on the convex objective, self-consistent ones where they are better."""


@contextmanager
def multistate_solver():
    """Within this context: a function ``(reduced energies, counts, start)`` that gives pymbar's ``MBAR``, solved.

    JAX computes in double precision within and is as it was after; everything that pymbar computes belongs inside.
    """
    logger = logging.getLogger("pymbar")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with jax.enable_x64(True):
            from pymbar import MBAR

            yield lambda reduced, counts, start=None: MBAR(reduced, counts, initial_f_k=start, solver_protocol=SOLVER)
    finally:
        logger.setLevel(level)
