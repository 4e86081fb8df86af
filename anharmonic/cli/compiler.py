"""Settings of the compiler for a whole process: made by commands, never by the library."""

import os
from pathlib import Path

WIDE_VECTORS = "--xla_cpu_prefer_vector_width=512"
FEW = 512
"""Cells up to which one thread is faster than two; some 2,500 atoms of a perovskite."""


def prepare_compiler(cells=None):
    """Wide vectors, one thread for few cells, a cache of compiled programs; before the first computation.

    Parameters
    ----------
    cells : sequence of int, or 3x3 integer matrix, optional
        The supercell that is sampled; threads are left alone without it.
    """
    from anharmonic.crystal import Supercell

    prefer_wide_vectors()
    if cells is not None and Supercell.from_matrix(cells).n_cells <= FEW:
        compute_in_one_thread()
    enable_compilation_cache()


def prepare_worker():
    """As `prepare_compiler`, for one of several workers, each of which has a core."""
    compute_in_one_thread()
    prepare_compiler()


def prefer_wide_vectors(cpu_information=Path("/proc/cpuinfo")):
    """Let XLA use the whole width of processors with AVX-512: some 7 % more speed (benchmarks/README.md).

    Without such a processor, where this cannot be known, or where the user has set the width, do nothing. Sums come out
    in another order: a run that a command began goes on bit for bit from the command line, not from a script
    without the flag.
    """
    flags = os.environ.get("XLA_FLAGS", "")
    if "xla_cpu_prefer_vector_width" in flags:
        return
    try:
        wide = "avx512f" in cpu_information.read_text(encoding="utf-8")
    except OSError:
        return
    if wide:
        os.environ["XLA_FLAGS"] = f"{flags} {WIDE_VECTORS}".strip()


def compute_in_one_thread():
    """Let XLA compute in one thread, unless the user has set how many: it sees no more processors than one.

    The threads of a small supercell wait for each other longer than they compute (benchmarks/threads.py).
    """
    if "NPROC" not in os.environ:
        os.environ.setdefault("PJRT_NPROC", "1")


def enable_compilation_cache():
    """Let JAX keep what it compiles in the user's cache folder; without one that can be written, do nothing."""
    import jax

    if jax.config.jax_compilation_cache_dir:
        return
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = root / "anharmonic" / "jax"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return
    if os.access(folder, os.W_OK):
        jax.config.update("jax_compilation_cache_dir", str(folder))
