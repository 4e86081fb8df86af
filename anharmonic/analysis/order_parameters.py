"""What tells the phases of a crystal apart: tilts of perovskites, and the spontaneous strain of any crystal.

The strain is taken apart into the irreducible representations of the point group of the reference. All but the
invariant ones (the volume) vanish on average as long as the symmetry is that of the reference.
"""

import numpy as np

from anharmonic.analysis.tilts import angles
from anharmonic.clusters.irreps import character_table
from anharmonic.clusters.subspaces import irreducible_subspaces, oriented_bases
from anharmonic.conventions import to_voigt

KINDS = ("in-phase tilts", "anti-phase tilts")
ROOTS = np.sqrt([1, 1, 1, 2, 2, 2])
"""Of the Voigt components of a symmetric matrix, which then has the length of the vector."""


def order_parameters(crystal, deformation, projections=None, modes=None, supercell=None):
    """Series of order parameters by name, each (n_samples, n_components).

    Parameters
    ----------
    crystal : Crystal
        The reference.
    deformation : ndarray, shape (n_samples, 3, 3)
        Deformation gradients F.
    projections : ndarray, shape (n_samples, 6), optional
        Tangents of tilts, see `TiltModes.projection`.
    modes : TiltModes, optional
    supercell : Supercell, optional
        With `modes`: tilts that it does not hold are left out.

    Returns
    -------
    dict of ndarray
        Tilts in degrees, strains without unit.
    """
    found = {}
    if modes is not None:
        holds = modes.commensurate(supercell).reshape(2, 3)
        tilts = angles(np.asarray(projections, float)).reshape(-1, 2, 3)
        found = {name: tilts[:, k] for k, name in enumerate(KINDS) if holds[k].all()}
    deformation = np.asarray(deformation, float)
    strain = 0.5 * (np.swapaxes(deformation, 1, 2) @ deformation - np.eye(3))
    vector = to_voigt(strain) * ROOTS
    return found | {f"strain {label}": vector @ rows.T for label, rows in strain_irreps(crystal)}


def strain_irreps(crystal):
    """Irreducible parts of a symmetric tensor that break the symmetry of the crystal.

    Returns
    -------
    list of (str, ndarray)
        Mulliken label, with a number where a label comes twice, and orthonormal rows (n_components, 6) over
        ``xx yy zz sqrt(2) yz sqrt(2) xz sqrt(2) xy``.
    """
    rotations = np.unique(np.round(crystal.space_group.cartesian_rotations(crystal.cell), 9), axis=0)
    matrices = np.array([_on_tensors(r) for r in rotations])
    table = character_table(rotations)
    operator, tie_breaker = np.diag([6.0, 5.0, 4.0, 3.0, 2.0, 1.0]), np.diag([1.0, 3.0, 7.0, 2.0, 5.0, 11.0])
    subspaces = irreducible_subspaces(matrices, table, operator, tie_breaker)
    found = []
    for (label, _), rows in zip(subspaces, oriented_bases(subspaces, matrices), strict=True):
        if not np.allclose(matrices @ rows[0], rows[0], atol=1e-6):
            found.append((label, rows))
    labels = [label for label, _ in found]
    numbers = [labels[: i + 1].count(label) for i, label in enumerate(labels)]
    return [
        (label if labels.count(label) == 1 else f"{label} {n}", rows)
        for (label, rows), n in zip(found, numbers, strict=True)
    ]


def _on_tensors(rotation):
    """Matrix (6, 6) of a rotation on the vectors of `strain_irreps`."""
    columns = []
    for k in range(6):
        tensor = np.zeros((3, 3))
        i, j = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))[k]
        tensor[i, j] = tensor[j, i] = 1 / ROOTS[k] if k > 2 else 1.0
        columns.append(to_voigt(rotation @ tensor @ rotation.T) * ROOTS)
    return np.array(columns).T
