"""Runs of a process of its own, with as many devices as asked for: ``python split.py OUT SPEC_JSON``.

Of several processes the first writes what came of the runs to OUT (.npz): arrays by ``"<run> <devices> <name>"``, where
0 devices stand for the ordinary run on one.
"""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np

QUICK = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
"""Tests of equality wait for the compiler more than for anything else."""


def results(folder, runs, processes=1, seconds=500, flags=QUICK):
    """What came of each of some runs (see `split`), by number of devices and name."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        spec = {"runs": runs, "processes": processes, "address": f"127.0.0.1:{probe.getsockname()[1]}"}
    path, environment = Path(folder) / "split.npz", os.environ | {"XLA_FLAGS": flags}
    commands = [[sys.executable, __file__, path, json.dumps(spec | {"process": k})] for k in range(processes)]
    running = [
        subprocess.Popen(c, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for c in commands
    ]
    try:
        texts = [process.communicate(timeout=seconds)[0] for process in running]
    finally:
        for process in running:
            process.kill()
    assert [process.returncode for process in running] == [0] * processes, "\n".join(texts)
    with np.load(path) as file:
        found = [{n: {} for n in run["devices"]} for run in runs]
        for key, value in file.items():
            run, n, name = key.split()
            found[int(run)][int(n)][name] = value
    return found


def split(spec):
    """Steps of a sampler, or evaluations, on each number of devices, all from one state.

    `spec` has potential ("rich", "springs" or the name of a shipped one), matrix, method ("evaluate", "md", "mc"),
    devices, dtype, and optionally steps, displacement, strain, timestep, thermostat.
    """
    import builders
    import equinox as eqx

    from anharmonic.evaluation import Blocks, Evaluator, ShardedEvaluator
    from anharmonic.evaluation.blocks import collect
    from anharmonic.potential import precision
    from anharmonic.sampling import Conditions

    chosen, dtype = potential(spec["potential"]), spec["dtype"]
    sizes = {name: spec[name] for name in ("strain", "displacement") if name in spec}
    start = builders.distorted(chosen.crystal, spec["matrix"], **sizes)
    found = {}
    for n in spec["devices"]:
        with precision(dtype):
            blocks = Blocks.create(chosen.basis, start.supercell, n) if n else None
            state = start.displacements.astype(dtype), start.deformation.astype(dtype)
            if n:
                model = ShardedEvaluator.create(chosen, start.supercell, blocks, dtype)
            else:
                model = Evaluator.create(chosen, start.supercell, dtype)
            placed = blocks.place if n else lambda tree: tree
            if spec["method"] == "evaluate":
                told = collect(eqx.filter_jit(_evaluated)(model, *placed(state)))
            else:
                conditions = Conditions.of(300.0, 0.001, dtype=dtype)
                arguments = (
                    placed(_sampler(chosen, start.supercell, spec, blocks)),
                    model,
                    conditions,
                    placed(state),
                    spec["steps"],
                )
                told = collect(eqx.filter_jit(_steps)(*arguments))
        found |= {f"{n} {name}": value for name, value in told.items()}
    return found


def potential(name):
    """A potential: "rich" has orbits of two, three and six sites, "long" pairs that are two cells long."""
    import builders

    import anharmonic as ah
    from anharmonic.clusters import ClusterBasis

    if name == "springs":
        return builders.spring_perovskite()
    if name == "long":
        return builders.random_potential(ClusterBasis(builders.simple_cubic(), pairs=4, order=3), "polynomial", 2)
    if name != "rich":
        return ah.load(name)
    order = {"pair": 2, "triplet": 2, "polyhedron": 2}
    crystal = builders.perovskite()
    basis = ClusterBasis(crystal, pairs=3, triplets=["Pb-Br-Pb"], polyhedra=["octahedron"], order=order)
    return builders.random_potential(basis, "polynomial", 1, domain=builders.simple_domain(basis))


def _sampler(potential, supercell, spec, blocks):
    from anharmonic import sampling

    modes, dtype = sampling.strain_modes("full"), spec["dtype"]
    if spec["method"] == "mc":
        return sampling.MonteCarlo.create(potential, supercell, modes, dtype=dtype, blocks=blocks).adapting()
    thermostat = getattr(sampling, spec.get("thermostat", "Langevin"))()
    timestep = spec.get("timestep", 2.0)
    return sampling.MolecularDynamics.create(
        potential.crystal, supercell, modes, timestep, thermostat, dtype=dtype, blocks=blocks
    )


def _steps(sampler, model, conditions, state, n_steps):
    """The state after some steps, and what is observed of it."""
    import jax

    state = sampler.init(jax.random.key(0), *state, conditions, model)

    def one(step, state):
        return sampler.step(jax.random.fold_in(jax.random.key(1), step), state, conditions, model)

    state = jax.lax.fori_loop(0, n_steps, one, state)
    after = {"displacements": state.displacements, "deformation": state.deformation}
    if hasattr(state, "momenta"):
        after |= {"momenta": state.momenta, "slopes": state.by_displacement, "strain_slopes": state.by_deformation}
    seen = sampler.observe(state, conditions, model)
    return after | {f"observed_{name}": value for name, value in seen.items()}


def _evaluated(model, *state):
    """Energy, forces, stress, grades and signature of a state."""
    energy, forces, stress = model.forces_and_stress(*state)
    found = {"energy": energy, "forces": forces, "stress": stress}
    return found | {"grades": model.site_grades(*state), "signature": model.signature(*state)}


def _main(path, spec):
    import jax

    most = max(n for run in spec["runs"] for n in run["devices"])
    jax.config.update("jax_num_cpu_devices", max(most // spec["processes"], 1))
    if spec["processes"] > 1:
        jax.distributed.initialize(spec["address"], spec["processes"], spec["process"])
    found = {f"{k} {key}": value for k, run in enumerate(spec["runs"]) for key, value in split(run).items()}
    if jax.process_index() == 0:
        np.savez(path, **found)


if __name__ == "__main__":
    _main(sys.argv[1], json.loads(sys.argv[2]))
