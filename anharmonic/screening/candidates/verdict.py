"""What a screen says of a candidate."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Verdict:
    """A number, a decision, and words.

    Attributes
    ----------
    passed : bool or None
        None if the screen was not run; the words say why.
    words : str
        What was found; of what failed, also what was expected.
    value : float or None
    warning : str
        What is strange, though it passed.
    """

    passed: bool | None
    words: str
    value: float | None = None
    warning: str = ""


def not_run(why):
    """The verdict of a screen that was not run."""
    return Verdict(None, f"not run: {why}")
