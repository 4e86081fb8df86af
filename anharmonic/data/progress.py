"""A progress bar with rate and time left."""

from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn
from rich.text import Text


class _Rate(ProgressColumn):
    """How many a second."""

    def render(self, task):
        speed = task.finished_speed or task.speed
        return Text(f"{speed:.3g} {task.fields['unit']}/s" if speed else "")


@contextmanager
def bar_of(text, total, unit, shown):
    """Yield a function to be called after each of `total` pieces of work, or with the number of several.

    Parameters
    ----------
    text : str
    total : int
    unit : str
        What the pieces are, for the rate.
    shown : bool
        Otherwise nothing is printed.
    """
    if not shown:  # a bar that is switched off still ends its line before Rich 15
        yield lambda count=1: None
        return
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Rate(), TimeRemainingColumn()
    with Progress(*columns) as bar:
        task = bar.add_task(text, total=total, unit=unit)
        yield lambda count=1: bar.advance(task, count)
