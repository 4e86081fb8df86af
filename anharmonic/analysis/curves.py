"""Order parameters, their fluctuations and the heat capacity as functions of temperature, for one supercell.

Of an order parameter m with n components (tilts about three axes, say) the curves are

    order            <|m|>
    susceptibility   N (<m^2> - <|m|>^2) / kT
    cumulant         (n + 2)/2 (1 - n/(n + 2) <m^4> / <m^2>^2)

The last is Binder's (Z. Phys. B 43, 119 (1981)), scaled to 0 for n independent Gaussians and 1 for a fixed length:
curves of different supercells cross at a transition. The heat capacity is that of the enthalpy of the configurations
(motion adds 3/2 k_B an atom), per cell of the reference crystal. All of these come from reweighting where temperatures
overlap; between those that do not, means are interpolated linearly and `Curves.gaps` says so. Errors are from the
jackknife over blocks of all runs.
"""

from dataclasses import dataclass

import numpy as np

from anharmonic.analysis.reweighting import Reweighting, islands
from anharmonic.analysis.statistics import jackknife_error
from anharmonic.conventions import BOLTZMANN
from anharmonic.errors import AnharmonicError

BLOCKS = 16
"""Of the jackknife: an error bar is then known to a fifth."""

LARGEST = 1600
"""Samples of one temperature that are used; more are thinned evenly, so that every run counts by its length."""

STEPS = 150
"""Points of the temperature grid, at most `FINEST` apart in any case."""

FINEST = 1.0
"""Temperatures (K) that near are one."""


@dataclass(frozen=True)
class State:
    """Samples of one temperature in equilibrium.

    Attributes
    ----------
    temperature : float
        K.
    enthalpy : ndarray, shape (n_samples,)
        eV, of the whole supercell.
    order : dict of ndarray, shape (n_samples, n_components)
        Order parameters by name.
    """

    temperature: float
    enthalpy: np.ndarray
    order: dict


@dataclass(frozen=True)
class Curves:
    """Curves of one supercell over temperature, and their replicas of the jackknife.

    Attributes
    ----------
    temperatures : ndarray, shape (n,)
        K.
    n_cells : int
    values : dict of ndarray, shape (1 + BLOCKS, n)
        By name, ``heat_capacity`` (k_B per cell), ``enthalpy`` (eV per cell), and ``order NAME``,
        ``susceptibility NAME``, ``cumulant NAME``: of all samples first, then without one block each.
    gaps : ndarray, shape (n_gaps, 2)
        Neighbouring temperatures (K) that do not overlap: between them curves are interpolated.
    sampled : ndarray, shape (n_sampled,)
        Those of the temperatures that samples are of (K).
    """

    temperatures: np.ndarray
    n_cells: int
    values: dict
    gaps: np.ndarray
    sampled: np.ndarray

    @property
    def span(self):
        """Lowest and highest temperature (K)."""
        return float(self.temperatures[0]), float(self.temperatures[-1])

    def resolution(self, temperature):
        """Half the widest gap (K) with a temperature in it, or within `FINEST` of its ends; 0 where there is none."""
        inside = (self.gaps[:, 0] - FINEST <= temperature) & (temperature <= self.gaps[:, 1] + FINEST)
        return 0.5 * float(np.diff(self.gaps, axis=1)[inside].max(initial=0.0))

    def __getitem__(self, name):
        """A curve, shape (n,)."""
        return self.values[name][0]

    def error(self, name):
        """Standard errors of a curve, shape (n,)."""
        return jackknife_error(self.values[name][1:])

    def at_samples(self, name):
        """A curve and its replicas where there are samples, shape (1 + BLOCKS, n_sampled)."""
        return self.values[name][:, np.isin(self.temperatures, self.sampled)]


def curves(states, n_cells, temperatures=None):
    """Curves of one supercell.

    Parameters
    ----------
    states : sequence of State
        Several of one temperature (heating and cooling, say) count as one.
    n_cells : int
        Of the supercell.
    temperatures : array_like, shape (n,), optional
        K; by default a fine grid over all.

    Returns
    -------
    Curves

    Raises
    ------
    AnharmonicError
        If there is but one temperature, or a state has fewer samples than `BLOCKS`.
    """
    states = joined(states)
    known = np.array([s.temperature for s in states])
    if len(known) < 2:
        raise AnharmonicError(f"curves over temperature take two temperatures or more, found {known.tolist()} K")
    grid = fine_grid(known) if temperatures is None else np.asarray(temperatures, float)
    features = [_features(s, n_cells) for s in states]
    groups = islands(1 / (BOLTZMANN * known), [f[:, 0] * n_cells for f in features])
    anchors = [_within(grid, known[group]) for group in groups]
    moments, start = [], {}
    for block in (None, *range(BLOCKS)):
        kept = [without(f, block) for f in features]
        moments.append(_moments(known, kept, groups, anchors, n_cells, start))
    sizes = {name: x.shape[1] for name, x in states[0].order.items()}
    anchors = np.concatenate(anchors)
    values = _quantities(np.array(moments), anchors, sizes, n_cells)
    values = {name: np.array([np.interp(grid, anchors, row) for row in rows]) for name, rows in values.items()}
    gaps = np.array([[known[group.stop - 1], known[group.stop]] for group in groups[:-1]]).reshape(-1, 2)
    return Curves(grid, n_cells, values, gaps, known)


def fine_grid(temperatures):
    """Temperatures (K) from the lowest to the highest, at most `FINEST` apart, the given ones (rising) among them."""
    parts = [
        np.linspace(a, b, 1 + max(int(np.ceil((b - a) / FINEST)), STEPS // len(temperatures)))[:-1]
        for a, b in zip(temperatures[:-1], temperatures[1:], strict=True)
    ]
    return np.concatenate([*parts, temperatures[-1:]])


def joined(states, largest=LARGEST):
    """One `State` for each temperature, rising, of `BLOCKS` blocks of equal lengths one after the other.

    Parameters
    ----------
    states : sequence of State
        Several of one temperature are taken together, block by block.
    largest : int
        Samples of one temperature that are used: more are thinned evenly, so that every run counts by its length.

    Raises
    ------
    AnharmonicError
        If a state has fewer samples than `BLOCKS`.
    """
    found = {}
    for state in states:
        if len(state.enthalpy) < BLOCKS:
            raise AnharmonicError(
                f"{len(state.enthalpy)} samples at {state.temperature:g} K: error bars take {BLOCKS} or more"
            )
        found.setdefault(float(state.temperature), []).append(state)
    return [_join(t, found[t], largest) for t in sorted(found)]


def _join(temperature, states, largest):
    """States of one temperature as one: of each the same blocks one after the other."""
    names = states[0].order
    order = {name: _in_blocks([s.order[name] for s in states], largest) for name in names}
    return State(temperature, _in_blocks([s.enthalpy for s in states], largest), order)


def _in_blocks(series, largest):
    """Series cut into `BLOCKS` and thinned, block k of all of them together, shape (BLOCKS * m, ...)."""
    lengths = [len(values) // BLOCKS for values in series]
    kept = min(largest / BLOCKS / sum(lengths), 1.0)
    parts = []
    for length, values in zip(lengths, series, strict=True):
        chosen = np.linspace(0, length, max(round(kept * length), 1), endpoint=False).astype(int)
        blocks = np.asarray(values, float)[-length * BLOCKS :].reshape(BLOCKS, length, *np.shape(values)[1:])
        parts.append(blocks[:, chosen])
    whole = np.concatenate(parts, axis=1)
    return whole.reshape(-1, *whole.shape[2:])


def _features(state, n_cells):
    """What is averaged, shape (n_samples, n_features): the enthalpy per cell, then |m|, m^2, m^4 of each order."""
    columns = [state.enthalpy / n_cells]
    for values in state.order.values():
        square = (values**2).sum(axis=1)
        columns += [np.sqrt(square), square, square**2]
    return np.stack(columns, axis=1)


def without(values, block):
    """Samples (n_samples, ...) of a state of `joined` without one block; all for None."""
    if block is None:
        return values
    return np.delete(values.reshape(BLOCKS, -1, *values.shape[1:]), block, axis=0).reshape(-1, *values.shape[1:])


def _within(grid, known):
    """Temperatures of the grid between the first and the last of those that overlap, and these themselves."""
    return np.union1d(grid[(grid >= known[0]) & (grid <= known[-1])], known)


def _moments(known, features, groups, anchors, n_cells, start):
    """Means of the features at the anchors, and last the variance of the enthalpy: shape (n, n_features + 1)."""
    values = []
    for k, (group, wanted) in enumerate(zip(groups, anchors, strict=True)):
        betas = 1 / (BOLTZMANN * known[group])
        found = Reweighting.of_series(betas, [f[:, 0] * n_cells for f in features[group]], start.get(k))
        start.setdefault(k, found.free_energies)
        rows = np.concatenate(features[group])
        middle = rows[:, 0].mean()
        means = found.means(np.column_stack([rows, (rows[:, 0] - middle) ** 2]), 1 / (BOLTZMANN * wanted))
        means[:, -1] -= (means[:, 0] - middle) ** 2
        values.append(means)
    return np.concatenate(values)


def _quantities(moments, temperatures, sizes, n_cells):
    """Curves by name, shape (1 + BLOCKS, n), from moments (1 + BLOCKS, n, n_features)."""
    beta = 1 / (BOLTZMANN * temperatures)
    found = {
        "enthalpy": moments[..., 0],
        "heat_capacity": n_cells * moments[..., -1] * beta**2,
    }
    for k, (name, n) in enumerate(sizes.items()):
        length, square, fourth = np.moveaxis(moments[..., 1 + 3 * k : 4 + 3 * k], -1, 0)
        found[f"order {name}"] = length
        found[f"susceptibility {name}"] = n_cells * (square - length**2) * beta
        found[f"cumulant {name}"] = (n + 2) / 2 * (1 - n / (n + 2) * fourth / square**2)
    return found
