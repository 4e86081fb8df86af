"""What JAX compiles is kept for the next run: switched on by commands, never by the library."""

import os
from pathlib import Path


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
