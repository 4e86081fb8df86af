"""What commands print: tables and text to stdout, progress and errors to stderr."""

import math
import os
from pathlib import Path

from rich.console import Console
from rich.table import Table

PLAIN_WIDTH = 200
"""Columns of tables that go to a file or a pipe."""


def output():
    """Console for results."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=PLAIN_WIDTH)


def messages():
    """Console for progress, warnings and errors."""
    return Console(stderr=True, highlight=False)


def say(text):
    """A line on stderr, as it stands."""
    messages().print(text, markup=False, soft_wrap=True)


def table(title, columns, rows):
    """A `rich` table; columns that begin with ``<`` are aligned to the left, rows may hold None."""
    found = Table(title=title, title_justify="left", title_style="bold", header_style="bold", box=None, pad_edge=False)
    for name in columns:
        found.add_column(name.removeprefix("<"), justify="left" if name.startswith("<") else "right")
    for row in rows:
        found.add_row(*("-" if cell is None else str(cell) for cell in row))
    return found


def show(*items):
    """Print tables and lines, with an empty line before and after every table."""
    console, before = output(), str
    for item in items:
        if before is not str or (item is not items[0] and not isinstance(item, str)):
            console.print()
        console.print(item, markup=False, soft_wrap=isinstance(item, str))
        before = type(item)


def with_error(value, error, digits=4):
    """A value with its error in its last digits, ``5.8412(12)``; `digits` decimals if there is no error."""
    if value is None:
        return None
    if not error or not math.isfinite(error):
        return f"{value:.{digits}f}"
    decimals = max(0, 1 - math.floor(math.log10(error)))
    last = round(error * 10**decimals)
    return f"{value:.{decimals}f}({last})"


def clock(seconds):
    """A duration as ``1:02:03`` or ``2:03``."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"


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
