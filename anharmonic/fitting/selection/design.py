"""A data set as flat arrays for the nets of one basis and architecture.

A net acts on items: the clusters of an orbit (eq. 13), or the equivalent sites (eqs. 15, 16). Items of all frames
stand in one list, and a fixed matrix per frame turns dE / d input into forces and stress.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from anharmonic.conventions import VOIGT
from anharmonic.fitting.geometry import Geometry
from anharmonic.fitting.selection.labels import arrange, padded

ARCHITECTURES = ("cluster", "site")
NOTHING = 1e-24
"""An invariant whose mean square is not above this is zero in all data."""


class Items(eqx.Module):
    """All that one net acts on.

    Attributes
    ----------
    inputs : array, shape (n_inputs, n)
        Invariants over their scale; (block, frame, item) flattened, padding is zero.
    responses : tuple of array, shape (n_block_frames, n_inputs * items per frame, n_components)
        By block, forces and stress for a unit of dE / d input; components as in `Labels`.
    real : ndarray of bool, shape (n,)
        False for padding.
    scales : ndarray, shape (n_inputs,)
        Root mean squares over the data set.
    used : ndarray of int, shape (n_inputs,)
        Which of all invariants these are: at a site, those of clusters that do not contain it are left out.
    """

    inputs: jax.Array
    responses: tuple
    real: np.ndarray
    scales: np.ndarray
    used: np.ndarray

    def energies(self, values):
        """Sums (m, n_frames) over the items of each frame, of values (m, n)."""
        return jnp.concatenate([piece.sum(-1) for piece in self._pieces(values)], axis=-1)

    def components(self, slopes):
        """Forces and stress by block, (m, n_block_frames, n_components), of dE / d input (m, n_inputs, n)."""
        rows = [jnp.moveaxis(piece, 1, 2) for piece in self._pieces(slopes)]
        rows = [row.reshape(*row.shape[:2], -1) for row in rows]
        return [jnp.einsum("mfr,frc->mfc", *pair) for pair in zip(rows, self.responses, strict=True)]

    def _pieces(self, values):
        """Values (..., n) by block, (..., n_block_frames, items per frame)."""
        shapes = [(len(r), r.shape[1] // len(self.inputs)) for r in self.responses]
        pieces = jnp.split(values, np.cumsum([n * k for n, k in shapes])[:-1], axis=-1)
        return [p.reshape(*p.shape[:-1], *shape) for p, shape in zip(pieces, shapes, strict=True)]


class Design(eqx.Module):
    """Items of every net, by orbit or by class of sites."""

    items: tuple

    def predict(self, nets):
        """``(energies (m, n_frames), components by block)`` of m models: a `Nets` for each entry of `items`."""
        energies, components = 0.0, None
        for items, net in zip(self.items, nets, strict=True):
            values, slopes = jax.vmap(lambda one, x: one(x), (0, None))(net, items.inputs)
            energies = energies + items.energies(values)
            found = items.components(slopes)
            components = found if components is None else [a + b for a, b in zip(components, found, strict=True)]
        return energies, components


def make_designs(basis, dataset, architectures=ARCHITECTURES, energies_alone=False):
    """`Design` of all frames by architecture, float64; sites that are in no cluster have no net.

    With `energies_alone` it predicts no forces or stresses, and takes a hundredth of the memory.
    """
    blocks, geometry = arrange(dataset), Geometry(basis)
    look = _invariants if energies_alone else _responses
    frames = [look(geometry(frame.configuration)) for frame in dataset]
    found = {}
    if "cluster" in architectures:
        orbits = range(len(basis.orbits))
        found["cluster"] = Design(tuple(_items(blocks, [_of_clusters(f[k]) for f in frames]) for k in orbits))
    if "site" in architectures:
        occupied = {site for orbit in basis.orbits for site in orbit.sites.ravel().tolist()}
        classes = [sites for sites in basis.crystal.site_classes if occupied.intersection(sites)]
        found["site"] = Design(tuple(_items(blocks, [_of_sites(f, c) for f in frames]) for c in classes))
    return found


def single(design, dtype=np.float32):
    """A design in another precision, on the device."""
    return jax.tree.map(lambda x: jnp.asarray(x, dtype) if np.result_type(x).kind == "f" else x, design)


def _responses(frame):
    """By orbit of a `FrameGeometry`: invariants (k, items, cells); forces (k, items, cells, site, axis, cell) and
    stress (k, items, cells, 6) for 1 eV per unit of an invariant; how often sites (.., n_sites, n_cells) are in items.
    """
    dense, found = frame.responses.toarray(), []
    for orbit in frame.orbits:
        bonds, n_cells = orbit.table.bonds, orbit.invariants.shape[-1]
        rows = np.einsum("kpcn,pcnx->kcnx", orbit.slopes, dense[bonds], optimize=True)
        forces, stress = rows[..., :-9], rows[..., -9:].reshape(*rows.shape[:-1], 3, 3)
        stress = np.stack([stress[..., i, j] for i, j in VOIGT], axis=-1)
        found.append((orbit.invariants, forces.reshape(*rows.shape[:-1], -1, 3, n_cells), stress, orbit.table.shares))
    return found


def _invariants(frame):
    """The same without components: arrays of no length instead of forces and stress."""
    found = []
    for orbit in frame.orbits:
        nothing = np.zeros((*orbit.invariants.shape, 0))
        found.append((orbit.invariants, nothing[..., None, None], nothing, orbit.table.shares))
    return found


def _of_clusters(orbit):
    """Inputs, forces and stress of an orbit: all clusters are items."""
    return orbit[:3]


def _of_sites(orbits, sites):
    """The same of the correlation functions (eq. 15) of some equivalent sites; cells are those of the site."""
    inputs, forces, stress = [], [], []
    for invariants, by_force, by_stress, shares in orbits:
        share = shares[:, :, list(sites)]
        inputs.append(np.einsum("cnsm,kcn->ksm", share, invariants))
        forces.append(np.einsum("cnsm,kcntil->ksmtil", share, by_force, optimize=True))
        stress.append(np.einsum("cnsm,kcnv->ksmv", share, by_stress, optimize=True))
    return np.concatenate(inputs), np.concatenate(forces), np.concatenate(stress)


def _items(blocks, frames):
    """`Items` of one net from its arrays in every frame; inputs that are zero everywhere are left out."""
    squares = sum((phi**2).sum((1, 2)) for phi, _, _ in frames) / sum(phi[0].size for phi, _, _ in frames)
    used = np.flatnonzero(squares > NOTHING)
    scales, inputs, responses, real = np.sqrt(squares[used]), [], [], []
    for n_cells, order in blocks:
        rows = []
        for i in order:
            phi, forces, stress = (x[used] / scales.reshape(-1, *[1] * (x.ndim - 1)) for x in frames[i])
            inputs.append(padded(phi, n_cells, -1).reshape(len(phi), -1))
            real.append(padded(np.ones(phi.shape[1:], bool), n_cells, -1).ravel())
            forces, stress = padded(forces, n_cells, 2, -1), padded(stress, n_cells, 2)
            count = np.prod(stress.shape[:3])
            rows.append(np.concatenate([forces.reshape(count, -1), stress.reshape(count, -1)], axis=1))
        responses.append(np.stack(rows))
    return Items(np.concatenate(inputs, axis=1), tuple(responses), np.concatenate(real), scales, used)
