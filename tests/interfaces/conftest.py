"""Figures as objects: what a drawing function drew can be counted."""

import pytest
from matplotlib.figure import Figure

from anharmonic.interfaces import style


@pytest.fixture
def drawn(monkeypatch, tmp_path):
    """Calls a drawing function and returns the `Figure` that it drew."""
    kept = []

    class Kept(Figure):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            kept.append(self)

    def call(draw, *arguments):
        draw(*arguments, tmp_path / "figure.png")
        return kept[-1]

    monkeypatch.setattr(style, "Figure", Kept)
    return call
