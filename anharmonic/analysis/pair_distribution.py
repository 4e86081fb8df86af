"""Pair distribution functions of snapshots of a crystal whose neighbours never change."""

from dataclasses import dataclass

import numpy as np

from anharmonic.analysis.statistics import Estimate, estimate
from anharmonic.clusters.enumeration import neighbours
from anharmonic.errors import AnharmonicError

BIN = 0.05
"""Width of a bin (A)."""

REACH = 2.0
"""Pairs that are this much farther apart in the reference (A) than the largest distance are looked at, too."""

FARTHEST = 12.0
"""Largest distance (A), in cells that are large enough."""


@dataclass(frozen=True)
class PairDistribution:
    """Pair distribution functions by pair of species.

    Attributes
    ----------
    distances : ndarray, shape (n_bins,), A
        Middles of the bins.
    functions : dict of Estimate
        g(r), shape (n_bins,), by names such as ``Pb-Br``; 1 for atoms without correlation.
    densities : dict of float
        Atoms of the second species of a pair per volume (1/A^3).
    """

    distances: np.ndarray
    functions: dict
    densities: dict

    def coordination(self, pair, farthest):
        """Mean number of neighbours of the second species that an atom of the first has within `farthest` (A)."""
        width = self.distances[1] - self.distances[0]
        shells = 4 * np.pi * self.distances**2 * width * self.densities[pair] * self.functions[pair].mean
        return float(shells[self.distances < farthest].sum())


def pair_distribution(states, farthest=None):
    """Pair distribution functions from snapshots.

    ``g_ab(r) = V n_ab(r) / (N_a N_b 4 pi r^2 dr)`` with the number n_ab(r) of ordered pairs in a bin (Allen and
    Tildesley, Computer Simulation of Liquids, 2nd ed., section 2.6), the mean volume of the bin taken exactly.

    Parameters
    ----------
    states : sequence of Configuration
        Of one crystal and supercell, in the order of the run.
    farthest : float, optional
        Largest distance (A); half the smallest height of the supercell by default, `FARTHEST` at most.

    Returns
    -------
    PairDistribution
        Errors are those of the mean over snapshots.

    Raises
    ------
    AnharmonicError
        If there are fewer than two snapshots, or `farthest` is less than a bin.
    """
    if len(states) < 2:
        raise AnharmonicError(f"a pair distribution with errors takes at least 2 snapshots, found {len(states)}")
    farthest = _half_height(states[0]) if farthest is None else farthest
    if farthest < BIN:
        raise AnharmonicError(f"the largest distance of a pair distribution is above {BIN} Å; found {farthest:g}")
    edges = np.arange(round(farthest / BIN) + 1) * BIN
    shells = 4 / 3 * np.pi * np.diff(edges**3)
    crystal, n_cells = states[0].crystal, states[0].supercell.n_cells
    number = {species: n_cells * crystal.species.count(species) for species in dict.fromkeys(crystal.species)}
    pairs = _reference_pairs(crystal, farthest + REACH)
    counts = {f"{a}-{b}": [] for k, a in enumerate(number) for b in list(number)[k:]}
    for state in states:
        found = _histograms(state, pairs, edges)
        for name, rows in counts.items():
            a, b = name.split("-")
            rows.append(state.volume * found[a, b] / (number[a] * number[b] * shells))
    volume = float(np.mean([state.volume for state in states]))
    densities = {name: number[name.split("-")[1]] / volume for name in counts}
    functions: dict[str, Estimate] = {name: estimate(rows) for name, rows in counts.items()}
    return PairDistribution((edges[1:] + edges[:-1]) / 2, functions, densities)


def _half_height(state):
    """Half the smallest height of the supercell (A), `FARTHEST` at most."""
    heights = 1 / np.linalg.norm(np.linalg.inv(state.cell), axis=0)
    return min(FARTHEST, float(heights.min()) / 2)


def _reference_pairs(crystal, cutoff):
    """``(site, other, offsets (n, 3))`` of the ordered pairs within `cutoff` (A) in the reference."""
    found = {}
    for site in range(crystal.n_sites):
        for _, other, offset in neighbours(crystal, site, cutoff):
            found.setdefault((site, other), []).append(offset)
    return [(*pair, np.array(offsets)) for pair, offsets in found.items()]


def _histograms(state, pairs, edges):
    """Numbers of ordered pairs in each bin, by the species of both atoms."""
    crystal, supercell, found = state.crystal, state.supercell, {}
    for site, other, offsets in pairs:
        between = (crystal.positions[other] + offsets - crystal.positions[site]) @ crystal.cell
        moved = np.moveaxis(state.displacements[other][:, supercell.translations(offsets)], 0, -1)
        vectors = between[:, None] + moved - state.displacements[site].T
        distances = np.linalg.norm(vectors @ state.deformation.T, axis=-1)
        key = crystal.species[site], crystal.species[other]
        found[key] = found.get(key, 0) + np.histogram(distances, edges)[0]
    return {**{(a, b): np.zeros(len(edges) - 1) for a in crystal.species for b in crystal.species}, **found}
