"""An error that is not known is a gap in a band, no bar, and a question mark: nothing that looks like zero."""

import numpy as np
import pytest
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from anharmonic.interfaces.free_energy_figures import draw_integration, draw_landau
from anharmonic.interfaces.numbers import plus_minus
from anharmonic.interfaces.thermodynamics_figures import _linear_expansion
from anharmonic.interfaces.transition_figures import _mark, _title

Q = [-0.1, -0.05, 0.0, 0.05, 0.1]


def bars(axes):
    """Places of all error bars that have a length, by series."""
    series = [c for c in axes.collections if isinstance(c, LineCollection)]
    return [[s[0, 0] for s in c.get_segments() if len(s) == 2 and s[0, 1] < s[1, 1]] for c in series]


def test_landau(drawn):
    """The band has no ends that pinch; circles have bars where their error is known."""
    point = {
        "temperature_K": 300.0, "x_label": "Tilt", "q": Q, "free_energy_meV": [2.0, 1.0, 0.0, 1.0, None],
        "error_meV": [None, 0.2, 0.0, 0.2, None], "unbiased_meV": [None, 1.1, 0.1, 0.9, None],
        "unbiased_error_meV": [None, 0.3, None, 0.3, None],
    }  # fmt: skip
    (axes,) = drawn(draw_landau, [point]).axes
    band = np.concatenate([path.vertices for path in axes.collections[0].get_paths()])
    assert (band[:, 0].min(), band[:, 0].max()) == (-0.05, 0.05)
    assert bars(axes)[-1] == [-0.05, 0.05]


def test_integration(drawn):
    """A window without an error has a point and no bar."""
    point = {
        "temperature_K": 300.0, "coupling": [1.0, 0.25, 0.0], "slope_meV": [1.0, 2.0, 3.0],
        "slope_error_meV": [0.1, None, 0.1], "overlap": [0.2, 0.2],
    }  # fmt: skip
    left, _ = drawn(draw_integration, [point]).axes
    assert bars(left) == [[1.0]] and len(left.lines[0].get_xdata()) == 2


def test_transition():
    """A line without a band, and the question in the title."""
    axes, found = Figure().add_subplot(), {"temperature_K": 310.5, "error_K": None, "kind": "continuous"}
    _mark(axes, found)
    assert len(axes.lines) == 1 and not axes.patches
    assert _title("strain", found) == "strain: 310.5 ± ? K, continuous"
    assert [plus_minus(310.5, error) for error in (None, 2.04)] == ["310.5 ± ?", "310.5 ± 2.0"]
    assert plus_minus(None, None) == "-"


@pytest.mark.parametrize("temperatures", [(4.0, 5.0, 6.0), (100.0, 300.0, 500.0), (300.0,)])
def test_markers_stay_where_they_were_measured(temperatures):
    """Apart by less than a hundredth of the range of temperatures, whatever it is."""
    names = ("thermal_expansion_1e-6_per_K", "thermal_expansion_error_1e-6_per_K")
    points = [{"temperature_K": t, "direction": "heating"} | dict.fromkeys(names, [1.0] * 6) for t in temperatures]
    axes = Figure().add_subplot()
    _linear_expansion(axes, {"points": points})
    drawn = np.array([container.lines[0].get_xdata() for container in axes.containers])
    assert (abs(drawn - temperatures) <= 0.01 * np.ptp(temperatures)).all()
    assert len(np.unique(drawn[:, 0])) == (3 if len(temperatures) > 1 else 1)
