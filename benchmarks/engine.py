"""This engine: dynamics, Monte Carlo and evaluations alone, in compiled loops of float32; calls by ASE in float64."""

import models
from workload import TEMPERATURE, Row, Workload, moving, perovskite

TIMESTEP = 5.0
"""fs."""

STATE_BYTES = 72
"""Least traffic of a step: u, p and dE/du of an atom read once and written once, in float32."""


def sampling(name, create, method):
    """Builder of a row: steps of ``create(potential, supercell)`` with the potential `name`."""

    def build(size, options):
        import anharmonic as ah

        potential, supercell = models.load(name), ah.Supercell.from_matrix([size] * 3)
        steps = Steps(potential, supercell, create(potential, supercell))
        return Workload(steps.n_atoms, steps, method, facts=steps.facts)

    return build


def dynamics(name):
    """Builder of a row: flexible-cell Langevin dynamics with the potential `name`."""

    def create(potential, supercell):
        from anharmonic.sampling import MolecularDynamics, strain_modes

        return MolecularDynamics.create(potential.crystal, supercell, strain_modes("full"), timestep=TIMESTEP)

    return sampling(name, create, "NPT Langevin, flexible cell, 5 fs")


def monte_carlo(name):
    """Builder of a row: passes of one trial per atom and two of the cell; a trial counts as an atom step."""

    def create(potential, supercell):
        from anharmonic.sampling import MonteCarlo, strain_modes

        return MonteCarlo.create(potential, supercell, strain_modes("full")).adapting()

    return sampling(name, create, "Monte Carlo passes at constant pressure")


def forces(name):
    """Builder of a row: evaluations alone, each of a state that depends on the result before."""

    def create(potential, supercell):
        from evaluations import Evaluations

        return Evaluations()

    return sampling(name, create, "energy, forces and stress alone, each state from the result before")


def calculator(name):
    """Builder of a row: calls of the ASE calculator as a user makes them, on atoms that move."""

    def build(size, options):
        import anharmonic as ah

        atoms = perovskite("CsPbBr3", 5.87, size, 0.0)
        atoms.calc = ah.Calculator(models.load(name))

        def call():
            return atoms.get_potential_energy(), atoms.get_forces(), atoms.get_stress()

        method = "calls of the ASE calculator: energy, forces and stress of moving atoms, float64"
        return Workload(len(atoms), moving(atoms, call), method, facts=lambda: {"energy": call()[0]})

    return build


class Steps:
    """Steps of a sampler in one compiled loop.

    Parameters
    ----------
    potential : Potential
    supercell : Supercell
    sampler : MolecularDynamics, MonteCarlo or Evaluations
    """

    def __init__(self, potential, supercell, sampler):
        import equinox as eqx

        from anharmonic.evaluation import Evaluator
        from anharmonic.sampling import Conditions

        model = Evaluator.create(potential, supercell, "float32")
        self.parts = on_device((sampler, Conditions.of(TEMPERATURE), model))
        self.shape = potential.crystal.n_sites, 3, supercell.n_cells
        self.n_atoms = potential.crystal.n_sites * supercell.n_cells
        self.advance, self.state, self.step = eqx.filter_jit(_advance), None, 0

    def __call__(self, n_steps):
        """Advance by `n_steps`, and wait for them; begins at the undisplaced crystal."""
        import equinox as eqx
        import jax
        import numpy as np

        if self.state is None:
            self.state = eqx.filter_jit(_first)(*self.parts, self.shape)
        begin, self.step = self.step, self.step + n_steps
        state = self.advance(*self.parts, self.state, np.int32(begin), np.int32(self.step))
        self.state = jax.block_until_ready(state)

    def facts(self):
        """Observed scalars of the last state, and its strain along the axes."""
        import equinox as eqx
        import numpy as np

        sampler, *others = self.parts
        observed = eqx.filter_jit(sampler.observe)(self.state, *others)
        observed = {name: float(value) for name, value in observed.items()}
        if not np.isfinite(list(observed.values())).all():
            raise FloatingPointError(f"the run left the range of its potential: {observed}")
        return observed | {"strain": (np.diag(np.asarray(self.state.deformation)) - 1).tolist()}


def _first(sampler, conditions, model, shape):
    """State of the undisplaced crystal; dynamics draws momenta."""
    import jax
    import jax.numpy as jnp

    start = jnp.zeros(shape, jnp.float32), jnp.eye(3, dtype=jnp.float32)
    return sampler.init(jax.random.key(0), *start, conditions, model)


def _advance(sampler, conditions, model, state, begin, end):
    """All steps from `begin` to `end`; the random key of a step is folded from its number."""
    import jax

    def one(step, state):
        return sampler.step(jax.random.fold_in(jax.random.key(1), step), state, conditions, model)

    return jax.lax.fori_loop(begin, end, one, state)


def on_device(tree):
    """The same record with its arrays where they are needed."""
    import equinox as eqx
    import jax

    return jax.tree.map(lambda x: jax.numpy.asarray(x) if eqx.is_array_like(x) else x, tree)


ROWS = {
    "paper": Row(dynamics("paper"), parallel=True, model="paper"),
    "paper-forces": Row(forces("paper"), parallel=True, model="paper"),
    "site": Row(dynamics("site"), parallel=True, model="site"),
    "order4": Row(dynamics("order4"), parallel=True, model="order4"),
    "shipped": Row(dynamics("CsPbBr3"), parallel=True),
    "mc": Row(monte_carlo("paper"), parallel=True, model="paper"),
    "calculator": Row(calculator("paper"), sizes=(2, 4), parallel=True, model="paper"),
}
