"""What a potential predicts of a structure, as one row of labels: its clusters by their geometry, and its dipoles."""

from dataclasses import replace

import numpy as np

from anharmonic.electrostatics import DipoleInteractions
from anharmonic.fitting.evaluate import evaluate
from anharmonic.potential.potential import precision


class Predictor:
    """Predictions of a model, of dipoles, or of both; tables of supercells are kept.

    Parameters
    ----------
    geometry : Geometry
        Of the basis.
    model : ClusterModel or SiteModel, optional
        Walls included.
    born : BornCharges, optional
    """

    def __init__(self, geometry, model=None, born=None):
        self.geometry, self.model = geometry, model
        self.dipoles = None if born is None else DipoleInteractions(geometry.basis.crystal, born)

    def __call__(self, configuration):
        """Energy (eV), forces (site, axis, cell; eV/A), nine components of stress (eV/A^3): shape (n_labels,)."""
        total = np.zeros(configuration.displacements.size + 10)
        if self.model is not None:
            total += evaluate(self.model, self.geometry(configuration), configuration.crystal.n_sites)
        if self.dipoles is not None:
            total += self._of_dipoles(configuration)
        return total

    def without(self, dataset):
        """The data set with what is predicted taken off its labels."""
        return replace(dataset, frames=[self._taken_off(frame) for frame in dataset])

    def _taken_off(self, frame):
        predicted = self(frame.configuration)
        return replace(
            frame,
            energy=None if frame.energy is None else frame.energy - predicted[0],
            forces=None if frame.forces is None else frame.forces - predicted[1:-9].reshape(frame.forces.shape),
            stress=None if frame.stress is None else frame.stress - predicted[-9:].reshape(3, 3),
        )

    def _of_dipoles(self, configuration):
        with precision("float64"):
            found = self.dipoles(configuration.supercell).energies_and_slopes(configuration.displacements)
            energies, slopes = map(np.asarray, found)
        forces = -np.einsum("ji,sjn->sin", np.linalg.inv(configuration.deformation), slopes)
        return np.concatenate([[energies.sum()], forces.ravel(), np.zeros(9)])
