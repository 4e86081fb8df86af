"""Whether two configurations are the same one, seen through an operation of the space group."""

import numpy as np

from anharmonic.crystal.supercell import Supercell


def image(configuration, operation):
    """A configuration as an operation of the crystal's space group shows it.

    Displacements turn with the rotation R and move with the sites, u'(g s) = R u(s), and
    the deformation becomes F' = F R^T; energies are the same.

    Parameters
    ----------
    configuration : Configuration
    operation : int
        Index of an operation of ``crystal.space_group``.

    Returns
    -------
    supercell : Supercell
        Of the image.
    metric : ndarray, shape (3, 3)
        F'^T F': the rotation of the whole does not matter.
    displacements : ndarray, shape (n_sites, 3, n_cells), A
    """
    crystal, old = configuration.crystal, configuration.supercell
    group = crystal.space_group
    rotation = group.cartesian_rotations(crystal.cell)[operation]
    new = Supercell.from_matrix(old.matrix @ group.rotations[operation].T)
    cells = new.index(old.cells[None] @ group.rotations[operation].T + group.shifts[operation][:, None])
    turned = np.einsum("ij,sjn->sin", rotation, configuration.displacements)
    displacements = np.empty_like(turned)
    for site, target in enumerate(group.site_map[operation]):
        displacements[target][:, cells[site]] = turned[site]
    metric = configuration.deformation.T @ configuration.deformation
    return new, rotation @ metric @ rotation.T, displacements


def difference(one, other, tolerance=0.0):
    """Largest distance (A) between an atom of one configuration and the same atom of another.

    The least of all superpositions by the space group, by lattice translations, and by a
    rigid shift; atoms of one species are alike. Where the cells differ in shape, the
    difference of the longest vector of the supercell counts as well.

    Parameters
    ----------
    one, other : Configuration
        Of the same crystal.
    tolerance : float
        The search ends where a difference (A) is not above this.

    Returns
    -------
    float
        Infinite where the supercells are different lattices.
    """
    target, metric = other.supercell, other.deformation.T @ other.deformation
    moves = target.translations(target.cells)
    length = np.linalg.norm(target.matrix @ other.crystal.cell, axis=1).max()
    best = np.inf
    for operation in range(len(one.crystal.space_group)):
        supercell, turned, displacements = image(one, operation)
        if not np.array_equal(supercell.hermite, target.hermite):
            continue
        strain = 0.5 * length * np.abs(turned - metric).max()
        if strain >= best:
            continue
        steps = displacements[:, :, moves] - other.displacements[:, :, None]
        steps = steps - steps.mean(axis=(0, 3), keepdims=True)
        best = min(best, max(strain, np.sqrt((steps**2).sum(1).max(axis=(0, 2)).min())))
        if best <= tolerance:
            break
    return float(best)
