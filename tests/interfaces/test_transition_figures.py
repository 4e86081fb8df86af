"""Figures of transitions: every supercell is drawn, nothing is drawn as measured where there are no samples."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from anharmonic.analysis.curves import BLOCKS, Curves
from anharmonic.interfaces.style import look
from anharmonic.interfaces.transition_figures import _draw_collapse, _draw_directions, _draw_sizes, draw_transitions

NAME, T0, GAP = "in-phase tilts", 300.0, (316.0, 340.0)
SIZES = tuple(n**3 for n in range(4, 12))


def curves_of(n_cells, gaps=()):
    """Curves of a cumulant that falls at T0, the more steeply the larger the supercell."""
    temperatures = np.arange(260.0, 361.0, 2.0)
    cumulant = 0.5 - 0.5 * np.tanh((temperatures / T0 - 1) * np.cbrt(n_cells))
    rng = np.random.default_rng(n_cells)
    parts = {
        f"order {NAME}": 8 * cumulant, f"cumulant {NAME}": cumulant, f"susceptibility {NAME}": 1 + cumulant,
        "heat_capacity": 7 + cumulant,
    }  # fmt: skip
    values = {name: v + rng.normal(0, 1e-3, (1 + BLOCKS, len(v))) for name, v in parts.items()}
    return Curves(temperatures, n_cells, values, np.array(gaps).reshape(-1, 2), temperatures[::5])


def transition(error=2.0):
    """What the record says of the one that all curves share."""
    return {
        "order_parameter": NAME, "temperature_K": T0, "error_K": error, "kind": "continuous",
        "collapse": {"temperature_K": {"value": T0}, "inverse_nu": {"value": 1.0}, "n_cells": SIZES[1:]},
    }  # fmt: skip


@pytest.fixture
def axes():
    return Figure().add_subplot()


def test_every_supercell_is_drawn(axes):
    """More of them than there are colours: each has a label, and no two look alike."""
    _draw_sizes(axes, {n: curves_of(n) for n in SIZES}, f"cumulant {NAME}")
    labels = axes.get_legend_handles_labels()[1]
    assert labels == [str(n) for n in SIZES] and len(axes.collections) == len(SIZES)
    named = [line for line in axes.lines if line.get_label() in labels]
    assert len({(line.get_color(), str(line._dash_pattern)) for line in named}) == len(SIZES)
    assert len({look(k)[::2] for k in range(24)}) == len({str(look(k)[:2]) for k in range(24)}) == 24


def test_every_supercell_is_on_the_common_curve(axes):
    _draw_collapse(axes, {n: curves_of(n) for n in SIZES}, NAME, transition())
    assert len(axes.containers) == len(SIZES)
    points = [container.lines[0] for container in axes.containers]
    assert len({(line.get_color(), line.get_marker()) for line in points}) == len(SIZES)
    assert [line.get_markerfacecolor() == "none" for line in points] == [True] + [False] * (len(SIZES) - 1)


def test_directions_are_not_drawn_across_gaps(axes):
    """Dashed and dotted curves are of samples, as the solid ones are."""
    found = {8: curves_of(8, [GAP])}
    _draw_directions(axes, {"all": found, "heating": found, "cooling": found}, "heat_capacity")
    assert len(axes.lines) == 2
    for line in axes.lines:
        x, y = line.get_data()
        np.testing.assert_array_equal(np.isnan(y), (x > GAP[0]) & (x < GAP[1]))


def test_the_whole_figure(tmp_path):
    """All sizes in its legend."""
    by_size = {n: curves_of(n) for n in SIZES}
    record = {"potential": "model", "transitions": [transition()]}
    draw_transitions(record, {"all": by_size}, tmp_path / "figure.svg")
    text = (tmp_path / "figure.svg").read_text()
    assert all(f">{n}</text>" in text for n in SIZES) and "300.0 ± 2.0 K" in text
