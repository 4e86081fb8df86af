"""What devices that share a supercell send each other: counted in the program, and by a model.

The halo of one evaluation is `depth` planes of displacements to each of two neighbours,

    bytes = 2 depth (cells of a plane) n_sites 3 (bytes of a number),

whatever the number of devices. Sums over cells (energy, stress, kinetic tensor, total momentum) are of a few numbers:
they cost the time that a message takes, not its length.
"""

from dataclasses import dataclass

import equinox as eqx
import jax
import numpy as np

PERMUTE = "ppermute"


@dataclass(frozen=True)
class Traffic:
    """Halos of one step.

    Attributes
    ----------
    n_devices, n_processes : int
    counted : int
        Bytes that each device sends in a step, from the shapes of all collective permutes of the traced program.
    modelled : int
        The same by the model.
    """

    n_devices: int
    n_processes: int
    counted: int
    modelled: int


def step_traffic(run):
    """`Traffic` of a step of a `Run` on several devices; nothing is computed."""
    blocks, sampler = run.blocks, run.sampler
    conditions, _ = run.stages[0].conditions(run.dtype)
    n_sites = len(run.model.of_block.positions)
    begin = jax.ShapeDtypeStruct((n_sites, 3, blocks.n_cells), run.dtype), jax.ShapeDtypeStruct((3, 3), run.dtype)
    key = jax.random.key(0)
    state = eqx.filter_eval_shape(sampler.init, key, *begin, conditions, run.model)
    counted = counted_bytes(sampler.step, key, state, conditions, run.model)
    modelled = sampler.n_exchanges * halo_bytes(blocks, n_sites, np.dtype(run.dtype).itemsize)
    return Traffic(blocks.count, jax.process_count(), counted, modelled)


def halo_bytes(blocks, n_sites, itemsize):
    """Bytes that each device sends when the displacements of all sites are exchanged."""
    return 2 * blocks.halo * n_sites * 3 * itemsize


def counted_bytes(function, *arguments):
    """Bytes that each device sends by collective permutes in a call of `function`."""
    jaxpr, *_ = eqx.filter_make_jaxpr(function)(*arguments)
    return _sent(jaxpr.jaxpr)


def _sent(jaxpr):
    return sum(_sent_by(equation) for equation in jaxpr.eqns)


def _sent_by(equation):
    """Bytes of an equation, and of the programs within it as often as they run."""
    if equation.primitive.name == PERMUTE:
        return sum(x.aval.size * x.aval.dtype.itemsize for x in equation.invars)
    inner = [_sent(program) for program in _programs(equation.params.values())]
    if not any(inner):
        return 0
    if equation.primitive.name == "while":
        raise ValueError("a loop of unknown length sends halos: their number is unknown")
    if equation.primitive.name == "cond":
        return max(inner)
    return equation.params.get("length", 1) * sum(inner)


def _programs(parameters):
    """The programs among the parameters of an equation, such as the body of a loop or the branches of a conditional."""
    for value in parameters:
        yield from (p for p in (value if isinstance(value, tuple | list) else [value]) if hasattr(p, "eqns"))
