#!/usr/bin/env python3
"""Sample and label a broad, cheap CsPbBr3 set with the universal potential 7net-0, scaled to the PBEsol lattice.

label_universal.py OUT.extxyz [--frames N] [--seed S] [--cells c20 ...] [--random P] [--driver CsPbBr3]
                                                        sample until OUT holds N frames or a few more; resumes from OUT
label_universal.py                                      check derivatives, cubic lattice parameter, relaxed phases

The potential is trained on PBE and swells the lattice: a0 is 6.008 A, against 5.868 A with PBEsol. What is sampled and
stored is E'(r) = E(LAMBDA r), LAMBDA = 6.008 / 5.868: forces F' = LAMBDA F, stress (dE'/dstrain) / V = LAMBDA^3 sigma.
That corrects the lattice parameter alone: energies of phases, say, stay those of PBE as 7net-0 has learnt them.

Each segment draws a cell (2x2x2, 20 atoms, 12 formula units, 3x3x1, 3x3x3: wave vectors at the zone boundary and away
from it), a start (cubic, a tilt system, or tilt waves that the cell can hold) and a homogeneous strain about the
thermal expansion; then Langevin dynamics at fixed cell, with snapshots every 72 fs after 90 fs. About one frame in ten
is instead a start with random displacements of 0.1 to 0.3 A, for the repulsive walls (--random 0: none). A segment
depends on seed and number only, up to rounding, so that an interrupted run continues as if it had not stopped. 7net-0
drives the dynamics; with --driver a potential of anharmonic does, and 7net-0 is asked for the labels alone: one call a
frame, not eleven. Needs ase and sevenn (0.13; its wheel holds the weights). Set OMP_NUM_THREADS=1 on a machine that
does other work."""

import argparse
import itertools
import os
import time
from pathlib import Path

import numpy as np
from ase import Atoms, units
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.singlepoint import SinglePointCalculator
from ase.filters import FrechetCellFilter
from ase.io import read, write
from ase.optimize import BFGS
from sevenn.calculator import SevenNetCalculator

A0, LAMBDA = 5.868, 6.008 / 5.868  # PBEsol lattice parameter of the cubic phase, A; that of 7net-0 relative to it
TEMPERATURES = (300, 600, 50, 450, 150, 750)  # K, in turn
STEP, FRICTION, EQUILIBRATE, EVERY = 6.0, 0.02, 15, 12  # fs, 1/fs, steps, steps between snapshots
STRAIN, EXPANSION = 0.012, 3e-5  # standard deviation of each strain component; linear thermal expansion, 1/K
SPREAD = {"Cs": 0.17, "Pb": 0.08, "Br": 0.10}  # displacements at the start of a segment at 300 K, A
CELLS = {  # share of the segments, snapshots per segment, choices of rows in cubic axes
    "c40": (0.35, 6, [[[2, 0, 0], [0, 2, 0], [0, 0, 2]]]),
    "c20": (0.26, 6, [[[1, -1, 0], [1, 1, 0], [0, 0, 2]]]),
    "c60": (
        0.20,
        6,
        [
            [[2, 1, 0], [-1, 2, 1], [0, -1, 2]],
            [[2, 1, 1], [-1, 2, 1], [1, -1, 2]],
            [[1, 1, 0], [0, 1, 1], [4, -4, 4]],
            [[1, -1, 0], [1, 1, 0], [0, 0, 6]],
            [[2, 0, 0], [0, 2, 0], [0, 0, 3]],
            [[1, 1, 0], [-3, 3, 0], [0, 0, 2]],
        ],
    ),
    "c45": (0.15, 6, [[[3, 0, 0], [0, 3, 0], [0, 0, 1]]]),
    "c135": (0.04, 2, [[[3, 0, 0], [0, 3, 0], [0, 0, 3]]]),
}
TILTS = {  # nominal angles in degrees about three axes, and whether each is in-phase (M) or anti-phase (R)
    "P4mbm": ((0, 0, 11), "--+"),
    "I4mcm": ((0, 0, 11), "---"),
    "Imma": ((8.5, 8.5, 0), "---"),
    "Pnma": ((7.5, 7.5, 10.5), "--+"),
    "R3c": ((7, 7, 7), "---"),
    "Im3": ((7, 7, 7), "+++"),
}


class ScaledCalculator(Calculator):
    """E'(r) = E(scale r) of another calculator: its equilibrium lattice shrinks by `scale`."""

    implemented_properties = ["energy", "free_energy", "forces", "stress"]

    def __init__(self, base, scale=LAMBDA):
        super().__init__()
        self.base, self.scale = base, scale

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        swollen = Atoms(atoms.numbers, self.scale * atoms.positions, cell=self.scale * atoms.cell[:], pbc=atoms.pbc)
        self.base.calculate(swollen, ["energy", "forces", "stress"], all_changes)
        energy, forces, stress = (np.asarray(self.base.results[p], float) for p in ("energy", "forces", "stress"))
        forces = self.scale * (forces - forces.mean(0))  # the mean is only what single precision leaves
        self.results = dict(energy=float(energy), free_energy=float(energy), forces=forces)
        self.results["stress"] = self.scale**3 * stress


def mapped_calculator(name):
    """The ASE calculator of a potential of anharmonic."""
    import anharmonic as ah

    return ah.Calculator(ah.load(name), extrapolation="ignore")


def points(rows):
    """Integer points in the cell spanned by integer `rows`, and their fractional coordinates."""
    low, high = np.minimum(rows, 0).sum(0), np.maximum(rows, 0).sum(0)
    n = np.array(list(itertools.product(*map(range, low, high + 1))))
    f = np.round(n @ np.linalg.inv(rows), 9)
    return tuple(x[((f >= 0) & (f < 1)).all(1)] for x in (n, f))


def perovskite(rows, waves=()):
    """The crystal at A0 with tilt waves (q, rotation vector in rad, phase): Br follows its two octahedra."""

    def rotation(n):
        return sum((np.array(axis) * np.cos(2 * np.pi * (q @ n) + phase) for q, axis, phase in waves), np.zeros(3))

    sites = []
    for n in points(rows)[0]:
        sites += [n, n + 0.5, *(n + 0.5 + e / 2 + np.cross(rotation(n) - rotation(n + e), e) / 4 for e in np.eye(3))]
    return Atoms("CsPbBr3" * (len(sites) // 5), positions=A0 * np.array(sites), cell=A0 * np.array(rows), pbc=True)


def tilted(rows, angles, signs):
    """A tilt system, cubic axes shortened as for rigid octahedra; None if the cell cannot hold it."""
    q = [(1 - axis if sign == "+" else np.ones(3)) / 2 for axis, sign in zip(np.eye(3), signs, strict=True)]
    if any(angles[i] and (rows @ q[i] % 1).any() for i in range(3)):
        return None
    atoms = perovskite(rows, [(q[i], np.tan(np.radians(angles[i])) * np.eye(3)[i], 0) for i in range(3)])
    cos = np.cos(np.radians(angles))
    atoms.set_cell(atoms.cell[:] * (cos.prod() / cos), scale_atoms=True)
    return atoms


def start(rows, rng):
    """A random start and its name: one in five cubic, half a tilt system of random axes and size, the rest waves."""
    kind = rng.uniform()
    if kind < 0.2:
        return "cubic", perovskite(rows)
    orders = rng.permutation(list(itertools.permutations(range(3))))
    for name, order in itertools.product(rng.permutation(list(TILTS)), orders):
        angles, signs = (np.array(list(x))[order] for x in TILTS[name])
        atoms = tilted(rows, rng.uniform(0.4, 1.2) * rng.choice([-1, 1], 3) * angles, signs)
        if kind < 0.7 and atoms is not None:
            return str(name), atoms
    q = rng.choice([q for q in points(np.transpose(rows))[1] if q.any()], 3)  # of those that the cell can hold
    return "waves", perovskite(rows, [(k, rng.normal(0, np.radians(6), 3), rng.uniform(0, 2 * np.pi)) for k in q])


def langevin(atoms, velocities, kt, steps, rng):
    """Langevin dynamics (BAOAB) with the centre of mass at rest; changes positions, returns the velocities."""
    mass, dt, keep = atoms.get_masses()[:, None], STEP * units.fs, np.exp(-FRICTION * STEP)
    for _ in range(steps):
        velocities = velocities + dt / 2 * atoms.get_forces() / mass
        atoms.positions += dt / 2 * velocities
        velocities = keep * velocities + np.sqrt((1 - keep**2) * kt / mass) * rng.normal(size=velocities.shape)
        velocities -= (mass * velocities).sum(0) / mass.sum()
        atoms.positions += dt / 2 * velocities
        velocities = velocities + dt / 2 * atoms.get_forces() / mass
    return velocities


def segment(number, seed, calc, driver, cells, random):
    """The frames of one segment."""
    rng, t = np.random.default_rng([seed, number]), TEMPERATURES[number % len(TEMPERATURES)]
    shares = np.array([CELLS[name][0] for name in cells])
    cell = str(rng.choice(cells, p=shares / shares.sum()))
    _, snapshots, choices = CELLS[cell]
    rows, frames = choices[rng.integers(len(choices))], []
    for kind in (["random"] if rng.uniform() < random else []) + [f"T{t}"]:
        name, atoms = start(rows, rng)
        strain = np.triu(rng.normal(0, STRAIN, (3, 3)))
        strain += np.triu(strain, 1).T + EXPANSION * t * np.eye(3)
        atoms.set_cell(atoms.cell[:] @ (np.eye(3) + strain), scale_atoms=True)
        thermal, wide = np.array([SPREAD[s] for s in atoms.symbols]) * np.sqrt(t / 300), rng.uniform(0.1, 0.3)
        spread = np.full(len(atoms), wide) if kind == "random" else thermal
        atoms.positions += spread[:, None] * rng.normal(size=(len(atoms), 3))
        atoms.calc, kt = driver, units.kB * t
        velocities = np.sqrt(kt / atoms.get_masses()[:, None]) * rng.normal(size=(len(atoms), 3))
        for k in range(1 if kind == "random" else snapshots):
            if kind != "random":
                velocities = langevin(atoms, velocities, kt, EVERY if k else EQUILIBRATE, rng)
            frames.append(Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=True))
            calc.calculate(frames[-1], ["energy", "forces", "stress"], all_changes)
            frames[-1].calc = SinglePointCalculator(frames[-1], **calc.results)
            frames[-1].info = dict(
                tag=f"7net-{cell}-{kind}", phase="universal", supercell="7net", start=name, seed=seed, segment=number
            )
    return frames


def sample(out, wanted, seed, cells, random, calc, driver):
    """Append segments to what `out` holds; the file is replaced as a whole, so it is never cut off."""
    frames = read(out, ":") if out.exists() else []
    number = 1 + max((f.info["segment"] for f in frames if f.info["seed"] == seed), default=-1)
    began, saved = time.time(), len(frames)
    while len(frames) < wanted:
        try:
            frames += segment(number, seed, calc, driver, cells, random)
        except ValueError as error:  # a start so far out that the driver's crystal comes apart
            print(f"segment {number} left out: {error}", flush=True)
        number += 1
        if len(frames) - saved >= 50 or len(frames) >= wanted:
            write(f"{out}.part", frames, format="extxyz")
            os.replace(f"{out}.part", out)
            saved = len(frames)
            print(f"{saved} frames, {number} segments, {time.time() - began:.0f} s", flush=True)


def check(calc):
    """Forces and stress against differences of energies, then relaxed phases in the 20-atom cell."""
    rng, rows = np.random.default_rng(0), CELLS["c20"][2][0]
    base = tilted(rows, *TILTS["Pnma"])
    base.rattle(0.1, seed=0)
    base.calc = calc
    forces, stress = base.get_forces(), base.get_volume() * base.get_stress(voigt=False)
    for _ in range(3):
        shift, strain, energy = rng.normal(0, 0.01, forces.shape), rng.normal(0, 0.003, (3, 3)), []
        for sign, do in itertools.product((1, -1), (0, 1)):
            atoms = base.copy()
            atoms.set_cell(atoms.cell[:] @ (np.eye(3) + do * sign * (strain + strain.T) / 2), scale_atoms=True)
            atoms.positions += (1 - do) * sign * shift
            energy.append(calc.get_property("energy", atoms))
        for kind, e, f in (("forces", 0, -(forces * shift).sum()), ("stress", 1, (stress * strain).sum())):
            print(f"{kind}: {f:.5f} eV predicted, {(energy[e] - energy[e + 2]) / 2:.5f} eV found")
    zero, held = None, [name for name in TILTS if tilted(rows, *TILTS[name])]
    for name, atoms in [("cubic", perovskite(rows))] + [(name, tilted(rows, *TILTS[name])) for name in held]:
        atoms.set_cell(atoms.cell[:] * 1.01, scale_atoms=True)
        atoms.calc = calc
        BFGS(FrechetCellFilter(atoms), logfile=None).run(fmax=0.002, steps=300)
        zero, a = zero or atoms.get_potential_energy(), atoms.cell.lengths() / np.linalg.norm(rows, axis=1)
        print(f"{name}: {(atoms.get_potential_energy() - zero) / 4e-3:.1f} meV a formula unit, cell {a.round(4)} A")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, nargs="?", metavar="OUT.extxyz")
    parser.add_argument("--frames", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cells", nargs="+", choices=list(CELLS), default=list(CELLS))
    parser.add_argument("--random", type=float, default=0.65, help="how often a segment has a random start as well")
    parser.add_argument("--driver", metavar="POTENTIAL", help="potential of anharmonic that runs the dynamics")
    args, calc = parser.parse_args(), ScaledCalculator(SevenNetCalculator("7net-0", device="cpu"))
    if args.out:
        driver = calc if args.driver is None else mapped_calculator(args.driver)
        sample(args.out, args.frames, args.seed, args.cells, args.random, calc, driver)
    else:
        check(calc)
