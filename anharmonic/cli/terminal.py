"""What commands print: tables and text to stdout, progress and errors to stderr."""

from contextlib import contextmanager

from rich.console import Console
from rich.table import Table

from anharmonic.interfaces.numbers import with_error

PLAIN_WIDTH = 200
"""Columns of tables that go to a file or a pipe."""

__all__ = ["clock", "counting", "messages", "output", "say", "show", "table", "with_error"]

PLAIN = {"highlight": False, "markup": False, "emoji": False}
"""Texts come from files and users: nothing in them is markup, and 0:100:50 is no emoji."""


def output():
    """Console for results."""
    console = Console(**PLAIN)
    return console if console.is_terminal else Console(**PLAIN, width=PLAIN_WIDTH)


def messages():
    """Console for progress, warnings and errors."""
    return Console(stderr=True, **PLAIN)


def say(text):
    """A line on stderr, as it stands."""
    messages().print(text, soft_wrap=True)


@contextmanager
def counting(text, quiet=False):
    """A progress bar with rate and time left; yields a function of the numbers done and of all."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = messages()
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _rate(), TimeRemainingColumn()
    with Progress(*columns, console=console, disable=quiet or not console.is_terminal, transient=True) as bar:
        task = bar.add_task(text, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _rate():
    """A column of the progress bar: how many a second."""
    from rich.progress import ProgressColumn
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task):
            return Text(f"{task.speed:.3g}/s" if task.speed else "")

    return Rate()


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
        console.print(item, soft_wrap=isinstance(item, str))
        before = type(item)


def clock(seconds):
    """A duration as ``1:02:03`` or ``2:03``."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
