"""Bands at several temperatures in one figure."""

import numpy as np
from matplotlib.colors import to_rgb

from anharmonic.interfaces.phonon_figures import draw_bands
from anharmonic.interfaces.style import evenly, shades


def bands_of(stiffness):
    """Two segments of a chain."""
    distance, segments = np.linspace(0, 1, 11), []
    for k, labels in enumerate((("G", "X"), ("X", "M"))):
        frequency = stiffness * np.sin(np.pi / 2 * (distance[:, None] + k) / 2) + [0.0, 1.0]
        segments.append({"labels": labels, "distance": distance + k, "frequency": frequency})
    frequency = np.linspace(0, stiffness + 1, 20)
    return {"segments": segments, "dos": {"frequency": frequency, "density": frequency**2}}


def test_every_temperature_is_drawn(drawn):
    """Bands and density of states of each, at rest dashed; lighter at higher temperatures."""
    thermal = [(t, bands_of(2 + t / 300)) for t in (100.0, 200.0, 300.0, 400.0)]
    figure = drawn(draw_bands, bands_of(2.0), thermal)
    axes, beside = figure.axes
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == ["100 K", "200 K", "300 K", "400 K", "at rest"]
    assert len(beside.lines) == len(names) + 1 and len(axes.lines) == 4 * len(names) + 3 + 1
    assert [line.get_linestyle() for line in beside.lines[:5]] == ["-"] * 4 + ["--"]
    brightness = [sum(to_rgb(line.get_color())) for line in beside.lines[:4]]
    assert brightness == sorted(brightness) and len(set(brightness)) == 4


def test_at_rest_alone(drawn):
    figure = drawn(draw_bands, bands_of(2.0), [])
    assert not figure.legends and figure.axes[1].lines[0].get_linestyle() == "-"


def test_some_of_many():
    """First and last always, never twice the same."""
    assert evenly(range(30), 8) == [0, 4, 8, 12, 17, 21, 25, 29]
    assert evenly([1, 2], 8) == [1, 2] and evenly([], 8) == []
    assert len(set(shades(8))) == 8
