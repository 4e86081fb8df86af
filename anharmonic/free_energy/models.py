"""Energies that samplers see in place of a potential's own: coupled to a reference, or with a bias.

Coupling and bias are arrays in the record of the model, arguments of the compiled steps: one compilation serves all
windows.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np


class Altered(eqx.Module):
    """What is the same as in the potential itself: volume and extrapolation grades.

    Attributes
    ----------
    target : Evaluator
    """

    target: eqx.Module

    @property
    def volume(self):
        """Volume of the undeformed supercell (A^3)."""
        return self.target.volume

    @property
    def grades(self):
        """See `Evaluator`."""
        return self.target.grades

    def site_grades(self, displacements, deformation):
        """See `Evaluator.site_grades`."""
        return self.target.site_grades(displacements, deformation)

    def extrapolation(self, displacements, deformation):
        """See `Evaluator.extrapolation`."""
        return self.target.extrapolation(displacements, deformation)

    def signature(self, displacements, deformation):
        """See `Evaluator.signature`."""
        return self.target.signature(displacements, deformation)


class Coupled(Altered):
    """``(1 - coupling) U_reference + coupling U``: the path of thermodynamic integration.

    Attributes
    ----------
    reference : Einstein or Harmonic
    coupling : array, shape ()
        lambda: 0 is the reference, 1 the potential.
    """

    reference: eqx.Module
    coupling: jax.Array

    def energy(self, displacements, deformation):
        """Energy (eV)."""
        ours = self.target.energy(displacements, deformation)
        return self._mixed(self.reference.energy(displacements, deformation), ours)

    def derivatives(self, displacements, deformation):
        """``(dE/du, dE/dF)`` as of `Evaluator`."""
        theirs = self.reference.derivatives(displacements, deformation)
        ours = self.target.derivatives(displacements, deformation)
        return tuple(self._mixed(a, b) for a, b in zip(theirs, ours, strict=True))

    def _mixed(self, theirs, ours):
        return (1 - self.coupling) * theirs + self.coupling * ours


class Difference(eqx.Module):
    """Observable of a `Coupled` model: ``U - U_reference`` (eV), the derivative of its energy by the coupling."""

    def __call__(self, state, model):
        """The difference of a state."""
        u, deformation = state.displacements, state.deformation
        return model.target.energy(u, deformation) - model.reference.energy(u, deformation)


class Coordinate(eqx.Module):
    """An order parameter that is linear in displacements and strain, ``q = p . u + s : (F - 1)``.

    Attributes
    ----------
    pattern : array, shape (n_sites, 3, n_cells)
        p, in the unit of q per A.
    strain : array, shape (3, 3)
        s, in the unit of q.
    """

    pattern: jax.Array
    strain: jax.Array

    @classmethod
    def of_arrays(cls, pattern, strain=None, dtype="float32"):
        """From plain arrays; without `strain` of displacements alone."""
        strain = np.zeros((3, 3)) if strain is None else strain
        return cls(np.asarray(pattern, dtype), np.asarray(strain, dtype))

    def __call__(self, displacements, deformation):
        """q of a state."""
        off = deformation - jnp.eye(3, dtype=deformation.dtype)
        return jnp.sum(self.pattern * displacements) + jnp.sum(self.strain * off)


class Biased(Altered):
    """``U + stiffness (q - centre)^2 / 2``: one window of umbrella sampling (Torrie and Valleau 1977).

    Attributes
    ----------
    coordinate : Coordinate
    centre, stiffness : array, shape ()
        In the unit of q; eV per square of that unit. Zero stiffness is no bias.
    """

    coordinate: Coordinate
    centre: jax.Array
    stiffness: jax.Array

    def energy(self, displacements, deformation):
        """Energy (eV)."""
        off = self.coordinate(displacements, deformation) - self.centre
        return self.target.energy(displacements, deformation) + 0.5 * self.stiffness * off**2

    def derivatives(self, displacements, deformation):
        """``(dE/du, dE/dF)`` as of `Evaluator`."""
        by_u, by_f = self.target.derivatives(displacements, deformation)
        pull = self.stiffness * (self.coordinate(displacements, deformation) - self.centre)
        return by_u + pull * self.coordinate.pattern, by_f + pull * self.coordinate.strain


class BiasedCoordinate(eqx.Module):
    """Observable of a `Biased` model: q."""

    def __call__(self, state, model):
        """q of a state."""
        return model.coordinate(state.displacements, state.deformation)
