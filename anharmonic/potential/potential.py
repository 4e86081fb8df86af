"""The potential that users hold: a basis, a model, and where they come from."""

from dataclasses import dataclass, field
from functools import cached_property

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from anharmonic.crystal import Crystal, Supercell
from anharmonic.errors import AnharmonicError, ExtrapolationError
from anharmonic.potential.features import Features
from anharmonic.potential.lattice import LatticePotential
from anharmonic.potential.topology import Topology

PRECISIONS = ("float32", "float64")


def precision(dtype):
    """Context in which JAX computes in `dtype`, whatever other packages have switched; no global switch is touched.

    Raises
    ------
    AnharmonicError
        If `dtype` is neither ``"float32"`` nor ``"float64"``.
    """
    if dtype not in PRECISIONS:
        raise AnharmonicError(f"precision is one of {', '.join(PRECISIONS)}, found {dtype!r}")
    return jax.enable_x64(dtype == "float64")


@dataclass(frozen=True)
class Potential:
    """A fitted potential.

    Attributes
    ----------
    basis : ClusterBasis
    model : eqx.Module
        Parameters in float64 on the host.
    ranges : tuple of ndarray, shape (n_invariants, 2)
        Lowest and highest value of each invariant in the fitted data, by orbit;
        empty if unknown.
    metadata : dict
        Provenance: name, data set, settings, errors. JSON-like.
    """

    basis: object
    model: eqx.Module
    ranges: tuple = ()
    metadata: dict = field(default_factory=dict)

    @property
    def crystal(self) -> Crystal:
        """The reference crystal."""
        return self.basis.crystal

    @property
    def name(self):
        """Name given at fitting, or the formula."""
        return self.metadata.get("name", self.crystal.formula)

    @cached_property
    def lattice(self) -> LatticePotential:
        """The device record (see `LatticePotential`)."""
        return LatticePotential(Topology.of_basis(self.basis), Features.of_basis(self.basis), self.model)

    def evaluate(self, configuration, dtype="float64"):
        """Energy and derivatives of a `Configuration`.

        Returns
        -------
        dict
            energy (eV, relative to the reference crystal), energies (n_sites, n_cells),
            forces (n_sites, 3, n_cells) in eV/A, stress (3, 3) in eV/A^3, and
            extrapolation (see `extrapolation`); float64 arrays.
        """
        with precision(dtype):
            result = _evaluate(*self._arguments(configuration, dtype), self.range_arrays(dtype))
            result = jax.tree.map(lambda x: np.asarray(x, float), result)
        result["energy"], result["extrapolation"] = float(result["energy"]), float(result["extrapolation"])
        return result

    def extrapolation(self, configuration, dtype="float64"):
        """How far a configuration is outside the fitted data.

        The largest distance of an invariant of degree 1 or 2 from the middle of its
        fitted range, in units of half that range (its root for degree 2): at most 1
        inside, 0 if the range is not known.
        """
        return self.evaluate(configuration, dtype)["extrapolation"]

    def save(self, path):
        """Write the potential to one HDF5 file; see `anharmonic.potential.storage`."""
        from anharmonic.potential.storage import save

        save(self, path)

    def _arguments(self, configuration, dtype):
        supercell: Supercell = configuration.supercell
        return (
            self.lattice,
            configuration.displacements.astype(dtype),
            configuration.deformation.astype(dtype),
            self.lattice.topology.translations(supercell),
            self.crystal.volume * supercell.n_cells,
        )

    def range_arrays(self, dtype="float64"):
        """``(middle, half-range, 1 / degree)`` by orbit, for `extrapolation_grade`; None if unknown."""
        if not self.ranges:
            return None
        result = []
        for limits, invariants in zip(self.ranges, self.basis.invariants, strict=True):
            limits, degrees = limits[invariants.degrees <= 2], invariants.degrees[invariants.degrees <= 2]
            half = np.maximum(np.ptp(limits, axis=1) / 2, 1e-12)
            result.append(tuple(np.asarray(x, dtype) for x in (limits.mean(1), half, 1 / degrees)))
        return tuple(result)


def check_extrapolation(grade, limit, where):
    """Raise `ExtrapolationError` if `grade` is above `limit`."""
    if grade > limit:
        raise ExtrapolationError(
            f"{where} lies outside the data that the potential was fitted to: an invariant is {grade:.2f} half-ranges "
            f"from the middle of its fitted range (limit {limit:g}). Check the structure, or extend the data set there."
        )


@eqx.filter_jit
def _evaluate(lattice, displacements, deformation, translations, volume, ranges):
    energy, forces, stress = lattice.forces_and_stress(displacements, deformation, translations, volume)
    return {
        "energy": energy,
        "energies": lattice.site_energies(displacements, deformation, translations),
        "forces": forces,
        "stress": 0.5 * (stress + stress.T),
        "extrapolation": extrapolation_grade(lattice, displacements, deformation, translations, ranges),
    }


def extrapolation_grade(lattice, displacements, deformation, translations, ranges):
    """Grade of `Potential.extrapolation` inside compiled code; `ranges` from `Potential.range_arrays`."""
    if ranges is None:
        return jnp.zeros((), displacements.dtype)
    features = lattice.invariants(displacements, deformation, translations)
    grades = [
        jnp.max((jnp.max(abs(phi[: len(middle)] - middle[:, None, None]), axis=(1, 2)) / half) ** power)
        for phi, (middle, half, power) in zip(features, ranges, strict=True)
    ]
    return jnp.stack(grades).max()
