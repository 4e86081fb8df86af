"""From the options of a plan to a sampler, its model and what it records."""

import hashlib
from dataclasses import replace

import equinox as eqx
import jax
import numpy as np

from anharmonic.analysis import TiltModes
from anharmonic.analysis.displacement_modes import check_fits
from anharmonic.analysis.order_parameters import observed_modes
from anharmonic.analysis.tilt_correlations import staggered_octahedra
from anharmonic.crystal import Configuration
from anharmonic.errors import AnharmonicError
from anharmonic.evaluation import Evaluator, ShardedEvaluator
from anharmonic.sampling import dynamics
from anharmonic.sampling.conditions import strain_modes
from anharmonic.sampling.monte_carlo import MonteCarlo
from anharmonic.sampling.observables import Correlation, KineticStress, ModeAmplitudes, Observer, PotentialStress
from anharmonic.sampling.run import Run
from anharmonic.sampling.site_moments import LayerRotations, SiteMoments
from anharmonic.sweep.precision import precision_criterion

RESERVED = {"deformation", "projections", "stage", "production", "temperature", "pressure", "tension", "energy"}
RESERVED |= {"extrapolation", "extrapolation_mean", "extrapolation_share"}
RESERVED |= {"kinetic_temperature", "conserved", "stress", "kinetic_stress", "correlation", "sites", "layers", "modes"}
"""Names of columns that observables of one's own may not have."""


def build_run(potential, supercell, plan, observables=None, max_extrapolation=None, order=None, blocks=None):
    """The `Run` of a plan.

    Parameters
    ----------
    potential : Potential
    supercell : Supercell
    plan : SweepPlan or SimulationPlan
    observables : dict of callable, optional
        ``(state, model) -> array`` by name, recorded besides those of the plan.
    max_extrapolation : float, optional
        Largest extrapolation grade that is let through.
    order : ndarray, shape (n_sites, n_cells), optional
        Indices of the atoms in the structures that are written.
    blocks : Blocks, optional
        Of a supercell that is split over devices.
    """
    structure = Configuration.reference(potential.crystal, supercell)
    structure = structure if order is None else replace(structure, order=order)
    observer = _observer(potential.crystal, supercell, plan, check_observables(observables))
    if blocks is None:
        model, placed = Evaluator.create(potential, supercell, plan.dtype), lambda tree: tree
    else:
        model, placed = ShardedEvaluator.create(potential, supercell, blocks, plan.dtype), blocks.place
    if max_extrapolation is not None and model.grades is None:
        raise AnharmonicError(
            f"the potential {potential.name} knows nothing of the data of its fit: it has no extrapolation grade"
        )
    return Run(
        placed(_sampler(potential, supercell, plan, blocks)), model, placed(observer), plan.stages, plan.sampling,
        plan.seed, plan.dtype, plan.snapshots, precision_criterion(potential.crystal, supercell.n_cells, plan.until),
        max_extrapolation, structure, blocks,
    )  # fmt: skip


def check_observables(observables):
    """Observables of one's own as a dict, which may be empty."""
    observables = dict(observables or {})
    for name, function in observables.items():
        if name in RESERVED or not str(name).isidentifier():
            raise AnharmonicError(f"an observable needs a name of its own that is an identifier; found {name!r}")
        if not callable(function):
            raise AnharmonicError(f"the observable {name} is a function (state, model) -> array; found {function!r}")
    return observables


def recorded_options(potential, plan, observables):
    """What a run file remembers, and a run that continues it must repeat."""
    return plan.options(potential_digest(potential)) | {"observables": sorted(observables or {})}


def potential_digest(potential):
    """Short name of a potential's numbers: equal potentials have equal digests."""
    total, born = hashlib.sha256(), potential.born
    numbers = potential.lattice, () if born is None else (born.charges, born.dielectric)
    for leaf in jax.tree.leaves(eqx.filter(numbers, eqx.is_array_like)):
        total.update(np.asarray(leaf).tobytes())
    return f"{potential.name} {total.hexdigest()[:16]}"


def potential_name(options):
    """Name of the potential in the options of a run, whose ``potential`` is a `potential_digest`."""
    return options["potential"].rpartition(" ")[0]


def _sampler(potential, supercell, plan, blocks):
    modes = strain_modes(plan.cell)
    if plan.method == "mc":
        return MonteCarlo.create(potential, supercell, modes, dtype=plan.dtype, blocks=blocks)
    sampler = dynamics.MolecularDynamics.create(
        potential.crystal, supercell, modes, plan.timestep, _thermostat(plan), _barostat(plan), plan.dtype, blocks
    )
    return Microcanonical.of_sampler(sampler) if plan.isolated else sampler


def _thermostat(plan):
    """The rate of the Langevin thermostat is the friction; times of the others are a tenth of its inverse."""
    if plan.friction == 0:
        return None
    if plan.thermostat == "langevin":
        return dynamics.Langevin(plan.friction)
    kind = {"bussi": dynamics.BussiRescaling, "nose-hoover": dynamics.NoseHooverChain}[plan.thermostat]
    return kind(0.1 / plan.friction)


def _barostat(plan):
    if plan.barostat is None:
        return None
    if plan.barostat == "piston":
        return dynamics.Piston(friction=2 * plan.friction)
    return dynamics.CellRescaling()


def _observer(crystal, supercell, plan, observables):
    projections = tilt_projections(crystal, supercell)
    found = {}
    if "stress" in plan.observe:
        found["stress"] = PotentialStress()
        if plan.method == "md":
            found["kinetic_stress"] = KineticStress.of_crystal(crystal, plan.dtype)
    if "correlation" in plan.observe:
        if not projections.any():
            raise AnharmonicError(
                "the correlation of tilts between cells needs a perovskite, and even numbers of cells along the axes"
            )
        octahedra = staggered_octahedra(TiltModes.of_crystal(crystal), supercell)
        found["correlation"] = Correlation.of_places(*octahedra, supercell, dtype=plan.dtype)
    if "sites" in plan.observe:
        found["sites"] = SiteMoments.of_supercell(supercell)
        layers = layer_rotations(crystal, supercell, plan.dtype)
        found |= {} if layers is None else {"layers": layers}
    if modes := observed_modes(crystal, plan.observe):
        for mode in modes:
            check_fits(mode.star, supercell)
        found["modes"] = ModeAmplitudes.of_modes(modes, supercell, plan.dtype)
    return Observer(projections.astype(plan.dtype), found | observables)


def tilt_projections(crystal, supercell):
    """Tilt projections (6, n_sites, 3, n_cells), or none for crystals without tilts."""
    modes = TiltModes.of_crystal(crystal)
    if modes is None:
        return np.zeros((0, crystal.n_sites, 3, supercell.n_cells))
    return np.nan_to_num(modes.projection(supercell))


def layer_rotations(crystal, supercell, dtype="float32"):
    """What records the rotations of octahedra by layers; None without tilts, or if the supercell holds no layers."""
    modes = TiltModes.of_crystal(crystal)
    if modes is None or np.count_nonzero(supercell.matrix - np.diag(np.diag(supercell.matrix))):
        return None
    n_layers = np.array(supercell.shape)
    weights = np.nan_to_num(modes.projection(supercell))[:3] * n_layers[:, None, None, None]
    return LayerRotations(weights.astype(dtype), supercell.cells.T.astype(np.int32), int(n_layers.max()))


class Microcanonical(eqx.Module):
    """Newton's equations, equilibrated with a thermostat."""

    free: dynamics.MolecularDynamics
    thermostatted: dynamics.MolecularDynamics

    @classmethod
    def of_sampler(cls, sampler):
        """Without the thermostat of a `MolecularDynamics` in the production."""
        return cls(replace(sampler, thermostat=None), sampler)

    @property
    def n_exchanges(self):
        """See `MolecularDynamics.n_exchanges`."""
        return self.free.n_exchanges

    def adapting(self):
        """The sampler of the equilibration."""
        return self.thermostatted

    def init(self, *arguments):
        """See `MolecularDynamics.init`."""
        return self.thermostatted.init(*arguments)

    def step(self, *arguments):
        """See `MolecularDynamics.step`."""
        return self.free.step(*arguments)

    def observe(self, *arguments):
        """See `MolecularDynamics.observe`."""
        return self.free.observe(*arguments)
