"""The potential that users hold: a basis, a model, how well data determine it, and where they come from."""

from dataclasses import dataclass, field, replace
from functools import cached_property

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from anharmonic.crystal import Crystal, Supercell
from anharmonic.electrostatics import BornCharges, DipoleInteractions
from anharmonic.errors import AnharmonicError, ExtrapolationError
from anharmonic.potential.domain import Domain, n_low
from anharmonic.potential.features import Features
from anharmonic.potential.lattice import LatticePotential
from anharmonic.potential.linear_weights import linear_weights, with_linear_weights
from anharmonic.potential.models import site_descriptor
from anharmonic.potential.posterior import KINDS, Posterior, variances
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
    posterior : Posterior, optional
        How well the data determine the weights; None for potentials that know nothing of it.
    domain : Domain, optional
        Of the environments of sites in the fitted data.
    born : BornCharges, optional
        Of the dipole-dipole interaction that is added to the model.
    """

    basis: object
    model: eqx.Module
    ranges: tuple = ()
    metadata: dict = field(default_factory=dict)
    posterior: Posterior | None = None
    domain: Domain | None = None
    born: BornCharges | None = None

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
        """The device record of the clusters (see `LatticePotential`)."""
        return LatticePotential(Topology.of_basis(self.basis), Features.of_basis(self.basis), self.model)

    def on(self, supercell) -> LatticePotential:
        """The device record on a supercell, with the dipoles of its cells if there are Born charges."""
        if self.born is None:
            return self.lattice
        return replace(self.lattice, dipoles=self._dipoles(supercell))

    @cached_property
    def _dipoles(self):
        return DipoleInteractions(self.crystal, self.born)

    def evaluate(self, configuration, dtype="float64"):
        """Energy and derivatives of a `Configuration`.

        Returns
        -------
        dict
            energy (eV, relative to the reference crystal), energies (n_sites, n_cells),
            forces (n_sites, 3, n_cells) in eV/A, stress (3, 3) in eV/A^3, extrapolations (n_sites, n_cells),
            the grades of the sites, and extrapolation, the largest of these; float64 arrays.
        """
        low = tuple(map(n_low, self.basis.invariants))
        with precision(dtype):
            result = _evaluate(self.on(configuration.supercell), *self._state(configuration, dtype), low)
            result = jax.tree.map(lambda x: np.asarray(x, float), result)
        environment, result["energy"] = result.pop("environment"), float(result["energy"])
        grades = np.zeros(environment.shape[1:]) if self.domain is None else self.domain.grades(environment)
        return result | {"extrapolations": grades, "extrapolation": float(grades.max())}

    def extrapolation(self, configuration, dtype="float64"):
        """How far a configuration is outside the fitted data: the largest grade of a site (see `Domain`).

        At most 1 for the frames of the fit, 0 if the potential knows no domain.
        """
        return self.evaluate(configuration, dtype)["extrapolation"]

    def uncertainty(self, configuration):
        """Standard deviations of what the potential predicts for a `Configuration`, calibrated on frames left out.

        Returns
        -------
        dict
            energy (eV, relative to the reference crystal), forces (n_sites, 3, n_cells) in eV/A, stress (3, 3)
            in eV/A^3.

        Raises
        ------
        AnharmonicError
            If the potential has no `posterior`.
        """
        state = self._state(configuration, "float64")
        with precision("float64"):
            found = variances(self.lattice, self._known_posterior().factor, *state)
            deviations = [s * np.sqrt(np.asarray(v)) for s, v in zip(self.posterior.scales, found, strict=True)]
        return {"energy": float(deviations[0])} | dict(zip(KINDS[1:], deviations[1:], strict=True))

    def committee(self, n, seed=0):
        """`n` (even) potentials whose weights are drawn from the posterior, in pairs whose mean is this potential.

        Their spread of forces is that of `uncertainty`: carried through a calculation, they give its error.

        Raises
        ------
        AnharmonicError
            If the potential has no `posterior`, or `n` is odd.
        """
        if n < 2 or n % 2:
            raise AnharmonicError(f"a committee has an even number of members, found {n}")
        posterior, name = self._known_posterior(), self.name
        mean = np.concatenate(linear_weights(self.model, last_layers=True))
        members = []
        with precision("float64"):
            for k, weights in enumerate(posterior.weights(mean, n, seed)):
                model = with_linear_weights(self.model, jnp.asarray(weights), last_layers=True)
                model = jax.tree.map(lambda x: np.asarray(x) if eqx.is_array(x) else x, model)
                members.append(self.with_model(model, f"{name}-{k}"))
        return members

    def with_model(self, model, name):
        """The same with another model of the same form and another name; what is compiled for one serves the other."""
        other = replace(self, model=model, metadata=self.metadata | {"name": name})
        other.__dict__["lattice"] = LatticePotential(self.lattice.topology, self.lattice.features, model)
        return other

    def save(self, path):
        """Write the potential to one HDF5 file; see `anharmonic.potential.storage`."""
        from anharmonic.potential.storage import save

        save(self, path)

    def _state(self, configuration, dtype):
        supercell: Supercell = configuration.supercell
        return (
            configuration.displacements.astype(dtype),
            configuration.deformation.astype(dtype),
            self.lattice.topology.translations(supercell),
            self.crystal.volume * supercell.n_cells,
        )

    def _known_posterior(self):
        if self.posterior is None:
            raise AnharmonicError(
                f"the potential {self.name} has no uncertainty: it was made by hand, or by an older version"
            )
        return self.posterior


def check_extrapolation(grade, limit, where):
    """Raise `ExtrapolationError` if `grade` is above `limit`."""
    if grade > limit:
        raise ExtrapolationError(
            f"{where} lies outside the data that the potential was fitted to: the environment of a site has grade "
            f"{grade:.2f}; the data reach to 1 (limit {limit:g}). Check the structure, or extend the data set there."
        )


@eqx.filter_jit
def _evaluate(lattice, displacements, deformation, translations, volume, low):
    energy, forces, stress = lattice.forces_and_stress(displacements, deformation, translations, volume)
    return {
        "energy": energy,
        "energies": lattice.site_energies(displacements, deformation, translations),
        "forces": forces,
        "stress": 0.5 * (stress + stress.T),
        "environment": environment(lattice, displacements, deformation, translations, low),
    }


def environment(lattice, displacements, deformation, translations, low):
    """Site-centred correlations (n_features, n_sites, n_cells) of the first `low` invariants of each orbit."""
    features = lattice.invariants(displacements, deformation, translations)
    return site_descriptor([phi[:n] for phi, n in zip(features, low, strict=True)], lattice.topology, translations)
