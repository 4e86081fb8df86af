"""What is recorded of every sample: functions ``(state, model) -> array``, evaluated inside compiled code.

A function of one's own needs no more than that signature; arrays that it depends on belong
into the fields of an `equinox.Module`, so that they are arguments of the compiled code.
"""

from itertools import groupby

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from anharmonic.conventions import KINETIC
from anharmonic.evaluation.fields import outer

CORRELATION_CELLS = 4
"""Largest distance (cells) along each axis of the default correlations."""


class Observer(eqx.Module):
    """What is recorded of every sample besides the sampler's own scalars.

    Attributes
    ----------
    projections : array, shape (n_projections, n_sites, 3, n_cells)
        Linear order parameters of the displacements; may be empty.
    observables : dict of callable
        More of them by name, ``(state, model) -> array``.
    """

    projections: jax.Array
    observables: dict = eqx.field(default_factory=dict)

    def __call__(self, state, model):
        """Deformation gradient (3, 3), projections (n_projections,), extrapolation grades, and all observables.

        ``extrapolation`` is the largest grade of a site, ``extrapolation_mean`` and ``extrapolation_share`` are
        the mean and the share of `anharmonic.evaluation.extrapolation.Extrapolation`.
        """
        u, deformation = state.displacements, state.deformation
        found = model.extrapolation(u, deformation)
        return {
            "deformation": deformation,
            "projections": jnp.tensordot(self.projections.astype(u.dtype), u, 3),
            "extrapolation": found.largest,
            "extrapolation_mean": found.mean,
            "extrapolation_share": found.share,
        } | {name: jnp.asarray(observable(state, model)) for name, observable in self.observables.items()}


class PotentialStress(eqx.Module):
    """Internal stress of the potential energy, ``(dU/dF) F^T / V``: eV/A^3, positive in tension, shape (3, 3).

    Its mean and that of the kinetic part, ``-(N - 1) k_B T / V`` on the diagonal, add up to the applied stress.
    """

    def __call__(self, state, model):
        """The stress of a state."""
        _, by_deformation = model.derivatives(state.displacements, state.deformation)
        volume = model.volume * jnp.linalg.det(state.deformation)
        stress = by_deformation @ state.deformation.T / volume
        return 0.5 * (stress + stress.T)


class KineticStress(eqx.Module):
    """Internal stress of the motion of atoms, ``-sum_i p_i p_i^T / (m_i V)``: eV/A^3, shape (3, 3).

    Attributes
    ----------
    masses : array, shape (n_sites, 1, 1)
        eV fs^2/A^2.
    """

    masses: jax.Array

    @classmethod
    def of_crystal(cls, crystal, dtype="float32"):
        """For molecular dynamics of a crystal."""
        return cls(np.asarray(KINETIC * crystal.masses[:, None, None], dtype))

    def __call__(self, state, model):
        """The stress of a state with momenta conjugate to u, ``p = F^-T p_s``."""
        tensor = outer(state.momenta, state.momenta / self.masses)
        inverse = jnp.linalg.inv(state.deformation)
        return -inverse.T @ tensor @ inverse / (model.volume * jnp.linalg.det(state.deformation))


class Correlation(eqx.Module):
    """Correlation between cells of a local order parameter, ``<a(n) a(n + offset)>`` over the cells n.

    The local amplitude ``a(n)`` is linear in the displacements of some places near cell n, for instance the vertices of
    its octahedron; the mean of ``a`` over the cells is the order parameter. A staggered order, such as a tilt, has its
    signs in the weights: its correlations are positive where the cells follow the pattern.

    Attributes
    ----------
    weights : array, shape (n_parameters, n_places, 3, n_cells)
        1/A.
    sites : array, shape (n_places,), int32
        Site of each place ...
    cells : array, shape (n_places, n_cells), int32
        ... and its cell, for each cell n.
    targets : array, shape (n_offsets, n_cells), int32
        The cell at ``n + offset``.
    """

    weights: jax.Array
    sites: jax.Array
    cells: jax.Array
    targets: jax.Array

    @classmethod
    def of_places(cls, weights, sites, cells, supercell, offsets=None, dtype="float32"):
        """Of places (see the attributes); `offsets` (n, 3) in cells, by default those of `axis_offsets`."""
        offsets = axis_offsets(supercell) if offsets is None else offsets
        where = np.asarray(sites, np.int32), np.asarray(cells, np.int32)
        return cls(np.asarray(weights, dtype), *where, supercell.translations(offsets))

    @classmethod
    def of_projections(cls, projections, supercell, offsets=None, dtype="float32"):
        """Of the order parameters of `Observer`: ``a(n)`` is what the sites of cell n contribute, times the cells."""
        n_sites, n_cells = projections.shape[1], supercell.n_cells
        places = np.arange(n_sites), np.tile(np.arange(n_cells), (n_sites, 1))
        return cls.of_places(projections * n_cells, *places, supercell, offsets, dtype)

    def __call__(self, state, model):
        """Array (n_parameters, n_offsets)."""
        near = jnp.take_along_axis(state.displacements[self.sites], self.cells[:, None], axis=2)
        local = jnp.einsum("pscn,scn->pn", self.weights, near)
        return jnp.stack([jnp.mean(local * jnp.take(local, t, axis=1), axis=1) for t in self.targets], axis=1)


class ModeAmplitudes(eqx.Module):
    """Amplitudes of symmetry-adapted displacement modes, from the waves of their wave vectors.

    Attributes
    ----------
    waves : tuple of array, shape (n_waves, n_cells)
        Of each star cosines, and minus sines where -q is not q, divided by the number of cells.
    bases : tuple of array, shape (n_components, n_waves, n_sites, 3)
        Of the modes of each star.
    """

    waves: tuple
    bases: tuple

    @classmethod
    def of_modes(cls, modes, supercell, dtype="float32"):
        """Of `anharmonic.analysis.displacement_modes.DisplacementMode` whose arms all fit the supercell."""
        waves, bases = [], []
        for _, group in groupby(modes, key=lambda mode: mode.star.label):
            group = list(group)
            star, n_parts = group[0].star, 1 if group[0].star.is_real else 2
            phases = 2 * np.pi * star.arms @ supercell.cells.T
            parts = np.stack([np.cos(phases), -np.sin(phases)][:n_parts], axis=1) / supercell.n_cells
            waves.append(parts.reshape(-1, supercell.n_cells).astype(dtype))
            bases.append(np.concatenate([_on_waves(mode.bases[:, :, :n_parts]) for mode in group]).astype(dtype))
        return cls(tuple(waves), tuple(bases))

    def __call__(self, state, model):
        """Array (n_components,), A: arms of a mode one after the other, modes in their order."""
        found = []
        for waves, bases in zip(self.waves, self.bases, strict=True):
            components = jnp.einsum("wn,sxn->wsx", waves, state.displacements)
            found.append(jnp.tensordot(bases, components, 3))
        return jnp.concatenate(found)


def _on_waves(bases):
    """Bases (n_arms, n_rows, n_parts, n_sites, 3) as weights (n_components, n_waves, n_sites, 3) of all waves."""
    n_arms, n_rows, n_parts, *sites = bases.shape
    found = np.zeros((n_arms, n_rows, n_arms, n_parts, *sites))
    found[range(n_arms), :, range(n_arms)] = bases * np.sqrt(n_parts)
    return found.reshape(n_arms * n_rows, n_arms * n_parts, *sites)


def axis_offsets(supercell, most=CORRELATION_CELLS):
    """Offsets of no cell, then of 1, 2, ... cells along each axis, up to half the grid: (n_offsets, 3)."""
    offsets = [(0, 0, 0)]
    for axis, length in enumerate(supercell.shape):
        offsets += [tuple(n * int(axis == k) for k in range(3)) for n in range(1, min(most, length // 2) + 1)]
    return np.array(offsets)
