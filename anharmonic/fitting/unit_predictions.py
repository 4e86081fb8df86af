"""Predictions of structures for a unit of each linear weight of a model: the rows of its least-squares problem."""

from dataclasses import dataclass, replace

import equinox as eqx
import jax
import numpy as np

from anharmonic.data.batches import relative_energy
from anharmonic.fitting.prediction import label_scales
from anharmonic.potential.linear_weights import linear_weights
from anharmonic.potential.models import Network, SiteModel
from anharmonic.potential.potential import precision
from anharmonic.potential.walls import unwalled


@dataclass(frozen=True)
class Row:
    """One frame in a linear least-squares problem; labels are an energy, forces (site, axis, cell), nine of stress.

    Attributes
    ----------
    jacobian : ndarray, shape (n_unknowns, n_labels)
        eV, eV/A, eV/A^3 for a unit of each weight, and of each group's offset (eV per cell).
    labels : ndarray, shape (n_labels,)
    scales : ndarray, shape (n_labels,)
        What the loss multiplies residuals by; 0 where there is no label, or it does not count.
    group, n_cells : int
    """

    jacobian: np.ndarray
    labels: np.ndarray
    scales: np.ndarray
    group: int
    n_cells: int

    def scaled(self):
        """Jacobian and labels times the scales."""
        return self.jacobian * self.scales, self.labels * self.scales

    def with_unknowns(self, jacobian, after):
        """The row with more unknowns (n_more, n_labels) behind the first `after`."""
        return replace(self, jacobian=np.concatenate([self.jacobian[:after], jacobian, self.jacobian[after:]]))

    @property
    def kinds(self):
        """Whether each label is an energy (0), of forces (1) or of stress (2); -1 where it does not count."""
        return np.where(self.scales > 0, self.by_kind(0, 1, 2), -1)

    def by_kind(self, energy, forces, stress):
        """Three values, one for each kind, repeated as the labels are."""
        return _by_kind(len(self.labels), energy, forces, stress)


class UnitPredictions:
    """What each weight in which a model is linear does to energy, forces and stress.

    Parameters
    ----------
    geometry : Geometry
        Of the basis.
    model : ClusterModel or SiteModel
        Its walls are no part of it.
    last_layers : bool
        Count the last layers of networks among the weights; see `linear_weights`.
    """

    def __init__(self, geometry, model, last_layers=False):
        self.geometry, self.model, self.last_layers = geometry, model, last_layers
        self.n_sites = geometry.basis.crystal.n_sites
        self.n_weights = sum(map(len, linear_weights(model, last_layers)))

    def __call__(self, configuration):
        """Unit predictions of a `Configuration`, shape (n_weights, n_labels): see `Row`."""
        frame = self.geometry(configuration)
        if isinstance(self.model, SiteModel):
            return np.concatenate(list(self._of_sites(frame)))
        pairs = zip(self.model.terms, frame.orbits, strict=True)
        return np.concatenate([rows for term, orbit in pairs for rows in self._of_orbit(term, orbit, frame)])

    def rows(self, dataset, weights, offsets=True):
        """A `Row` for each frame of a data set, in its order.

        Parameters
        ----------
        dataset : Dataset
        weights : Weights
        offsets : bool
            Count one offset per energy group among the unknowns.
        """
        n_groups = len(dataset.groups) if offsets else 0
        for frame, scales in zip(dataset, label_scales(dataset, weights), strict=True):
            predictions, group = self(frame.configuration), dataset.groups.index(frame.group)
            columns = np.zeros((n_groups, predictions.shape[1]))
            columns[group : group + 1, 0] = frame.n_cells
            labels = _labels(frame, dataset.energy_offset)
            scales = _by_kind(len(labels), *scales)
            yield Row(np.concatenate([predictions, columns]), labels, scales, group, frame.n_cells)

    def _of_orbit(self, term, orbit, frame):
        """Rows of a function of the clusters of one orbit: of its expansion, then of its last layer."""
        term = unwalled(term)[0]
        expansion = term.linear if isinstance(term, Network) else term
        scales = np.asarray(expansion.scales)[:, None]
        energies = orbit.invariants.sum((1, 2))[:, None]
        yield np.concatenate([energies, frame.components(orbit, orbit.slopes)], axis=1) / scales
        if isinstance(term, Network) and self.last_layers:
            values, by_input = _hidden(term, orbit.invariants)
            by_metric = np.einsum("jkcn,kpcn->jpcn", by_input, orbit.slopes)
            yield np.concatenate([values.sum((1, 2))[:, None], frame.components(orbit, by_metric)], axis=1)

    def _of_sites(self, frame):
        """Rows of the functions of all classes of sites: of each its expansion, then its last layer."""
        descriptors = np.concatenate([orbit.at_sites(self.n_sites) for orbit in frame.orbits])
        n_cells = descriptors.shape[-1]
        ends = np.cumsum([len(orbit.invariants) for orbit in frame.orbits])[:-1]
        for term, sites in zip(self.model.terms, self.model.classes, strict=True):
            g, inside = descriptors[:, list(sites)], np.isin(np.arange(self.n_sites).repeat(n_cells), sites)
            expansion = term.linear if isinstance(term, Network) else term
            shares = [orbit.slopes * inside[orbit.table.sites].mean(0) for orbit in frame.orbits]
            parts = [frame.components(orbit, share) for orbit, share in zip(frame.orbits, shares, strict=True)]
            rows = np.concatenate([g.sum((1, 2))[:, None], np.concatenate(parts)], axis=1)
            yield rows / np.asarray(expansion.scales)[:, None]
            if isinstance(term, Network) and self.last_layers:
                values, by_input = _hidden(term, g)
                everywhere = np.zeros((len(values), *descriptors.shape))
                everywhere[:, :, list(sites)] = by_input
                pieces = np.split(everywhere, ends, axis=1)
                components = sum(map(frame.components, frame.orbits, map(_by_metric, frame.orbits, pieces)))
                yield np.concatenate([values.sum((1, 2))[:, None], components], axis=1)


def _by_metric(orbit, by_descriptor):
    """Slopes (m, n_pairs, n_clusters, n_cells) by the metrics, of slopes (m, k, n_sites, n_cells) by descriptors."""
    return np.einsum("jkcn,kpcn->jpcn", orbit.of_sites(by_descriptor), orbit.slopes)


def _hidden(network, features):
    """Units of the last hidden layer (m, ...) and their slopes (m, k, ...) by features (k, ...)."""
    with precision("float64"):
        values, slopes = _hidden_units(network, features.reshape(len(features), -1))
    shape = features.shape[1:]
    return np.asarray(values).reshape(-1, *shape), np.asarray(slopes).reshape(-1, len(features), *shape)


@eqx.filter_jit
def _hidden_units(network, flat):
    return network.hidden(flat), jax.vmap(jax.jacfwd(network.hidden), -1, -1)(flat)


def _labels(frame, energy_offset):
    """Labels of a frame as in a `Row`; zero where there is none."""
    energy = relative_energy(frame, energy_offset)
    shape = frame.configuration.displacements.shape
    forces = np.zeros(shape) if frame.forces is None else np.asarray(frame.forces)
    stress = np.zeros(9) if frame.stress is None else np.asarray(frame.stress).ravel()
    return np.concatenate([[0.0 if energy is None else energy], forces.ravel(), stress])


def _by_kind(n, energy, forces, stress):
    return np.repeat(np.array([energy, forces, stress], float), (1, n - 10, 9))
