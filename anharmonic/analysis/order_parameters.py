"""What tells the phases of a crystal apart: tilts of perovskites, displacement modes and strains of any crystal.

Displacement modes are those that a run was told to record, by names such as ``mode M`` (all modes of a wave vector) or
``mode 1/2 1/2 0 A2g`` (those of one irrep). The strain is taken apart into the irreducible representations of the point
group of the reference. All but the invariant ones (the volume) vanish on average as long as the symmetry is that of the
reference.
"""

import numpy as np

from anharmonic.analysis.displacement_modes import displacement_modes
from anharmonic.analysis.tilts import angles
from anharmonic.analysis.wave_vectors import read_wave_vector, star_of
from anharmonic.clusters.irreps import character_table
from anharmonic.clusters.subspaces import irreducible_subspaces, oriented_bases
from anharmonic.conventions import to_voigt
from anharmonic.errors import AnharmonicError

MODE = "mode "
"""What names of displacement modes begin with, where they stand beside other names."""

KINDS = ("in-phase tilts", "anti-phase tilts")
ROOTS = np.sqrt([1, 1, 1, 2, 2, 2])
"""Of the Voigt components of a symmetric matrix, which then has the length of the vector."""


def order_parameters(crystal, deformation, projections=None, modes=None, supercell=None, amplitudes=None, displaced=()):
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
    amplitudes : ndarray, shape (n_samples, n_components), optional
        Amplitudes (A) of the modes `displaced`, one after the other.
    displaced : sequence of DisplacementMode, optional
        See `observed_modes`.

    Returns
    -------
    dict of ndarray
        Tilts in degrees, displacement modes in A per reference cell, strains without unit.
    """
    found = {}
    if modes is not None:
        holds = modes.commensurate(supercell).reshape(2, 3)
        tilts = angles(np.asarray(projections, float)).reshape(-1, 2, 3)
        found = {name: tilts[:, k] for k, name in enumerate(KINDS) if holds[k].all()}
    if amplitudes is not None:
        found |= split_modes(displaced, np.asarray(amplitudes, float))
    deformation = np.asarray(deformation, float)
    strain = 0.5 * (np.swapaxes(deformation, 1, 2) @ deformation - np.eye(3))
    vector = to_voigt(strain) * ROOTS
    return found | {f"strain {label}": vector @ rows.T for label, rows in strain_irreps(crystal)}


def observed_modes(crystal, observed):
    """Displacement modes that names such as ``mode M`` or ``mode M A2g`` stand for, each once, in their order.

    Parameters
    ----------
    crystal : Crystal
    observed : iterable of str
        Other names than those of modes are passed over.

    Raises
    ------
    AnharmonicError
        If a name has no wave vector, or an irrep that the displacements at it do not have.
    """
    found = {}
    for name in observed:
        if not name.startswith(MODE):
            continue
        wave_vector, rest = read_wave_vector(crystal, name.split()[1:])
        modes, irrep = displacement_modes(crystal, star_of(crystal, wave_vector)), " ".join(rest)
        chosen = [m for m in modes if irrep in ("", m.irrep, f"{m.irrep} {m.sites}")]
        if not chosen:
            known = ", ".join(dict.fromkeys(m.irrep for m in modes))
            raise AnharmonicError(f"modes at {modes[0].star.label} are of the irreps {known}; found {irrep!r}")
        found |= {m.name: m for m in chosen}
    return tuple(found.values())


def split_modes(modes, amplitudes):
    """Amplitudes (n_samples, n_components) of all modes one after the other, by the name of each."""
    ends = np.cumsum([int(np.prod(mode.shape)) for mode in modes])
    parts = np.split(amplitudes, ends[:-1], axis=1)
    return {f"{MODE}{mode.name}": part for mode, part in zip(modes, parts, strict=True)}


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
