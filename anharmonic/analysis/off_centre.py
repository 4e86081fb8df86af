"""How far atoms are on average from the centre of their coordination shell: cations off the middle of their cages."""

import numpy as np

from anharmonic.clusters.enumeration import neighbours

REACH = 1.05
"""Neighbours of another species up to this many times the shortest distance to one are the shell."""


def coordination(crystal, site):
    """Sites ``[(site, offset), ...]`` of the shell around a site: the nearest of other species, if there are any."""
    others = {s for s in range(crystal.n_sites) if crystal.species[s] != crystal.species[site]}
    others, reach, near = others or set(range(crystal.n_sites)), crystal.nearest_distance(), []
    while not near:
        reach *= 1.5
        near = [n for n in neighbours(crystal, site, reach) if n[1] in others]
    return [(s, offset) for d, s, offset in near if d <= REACH * near[0][0]]


def off_centre(configuration, position_error=None):
    """Distance of the atoms of each class of sites from the centre of their shells.

    Parameters
    ----------
    configuration : Configuration
        For instance of mean positions.
    position_error : ndarray, shape (n_sites, 3, n_cells), optional
        Standard errors of the displacements (A).

    Returns
    -------
    list of dict
        ``species``, ``site`` (the first of its class), ``neighbours``, ``off_centre_A`` (root mean square over the
        atoms), ``off_centre_error_A``.
    """
    crystal, supercell, u = configuration.crystal, configuration.supercell, configuration.displacements
    error = np.zeros_like(u) if position_error is None else np.asarray(position_error)
    found = []
    for members in crystal.site_classes:
        away, variance, shells = [], [], [coordination(crystal, site) for site in members]
        for site, shell in zip(members, shells, strict=True):
            cells = [supercell.index(supercell.cells + offset) for _, offset in shell]
            around = [(u[s][:, k], error[s][:, k]) for (s, _), k in zip(shell, cells, strict=True)]
            away.append(configuration.deformation @ (u[site] - np.mean([x for x, _ in around], axis=0)))
            variance.append(error[site] ** 2 + np.sum([e**2 for _, e in around], axis=0) / len(shell) ** 2)
        squares = (np.array(away) ** 2).sum(axis=1)
        found.append({
            "species": crystal.species[members[0]],
            "site": members[0],
            "neighbours": len(shells[0]),
            "off_centre_A": float(np.sqrt(squares.mean())),
            "off_centre_error_A": float(np.sqrt(np.array(variance).sum(axis=1).mean())),
        })  # fmt: skip
    return found
