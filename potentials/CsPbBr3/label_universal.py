#!/usr/bin/env python3
"""Sample and label a broad, cheap CsPbBr3 set with a universal potential (SevenNet 7net-0), scaled to the PBEsol lattice.

label_universal.py OUT.extxyz --frames N [--seed S]   sample until OUT holds N frames or just above; resumes from OUT
label_universal.py --check                            derivatives, cubic lattice parameter, relaxed phases

The potential is trained on PBE and swells the lattice: a0 is 6.008 A, against 5.868 A with PBEsol. So it is evaluated at
positions and cell times LAMBDA = 6.008 / 5.868, and what is sampled and stored is E'(r) = E(LAMBDA r), a potential on the
PBEsol lattice: forces F' = LAMBDA F, stress (dE'/dstrain) / V = LAMBDA^3 sigma. The scaling corrects the lattice parameter
alone: energies, force constants and elastic constants stay those of PBE as 7net-0 has learnt them, and the latter two are
stiffer by LAMBDA^2 and LAMBDA^3. The set tells a model what a wide range of configurations looks like; DFT says the rest.

Sampling goes in segments. Each draws a cell (2x2x2, 20 atoms, skewed cells of 12 formula units, 3x3x1, 3x3x3: wave vectors
at the zone boundary and away from it), a start (cubic, a tilt system, or tilt waves at random wave vectors of the cell) and
a homogeneous strain about the thermal expansion; then Langevin dynamics at fixed cell, with snapshots every 72 fs after
90 fs. About one frame in ten is a start with random displacements of 0.1 to 0.3 A, for the repulsive walls.
A segment depends on seed and number only, up to rounding, so that an interrupted run continues as if it had not stopped.
Needs ase and sevenn (0.13; its wheel holds the weights). Set OMP_NUM_THREADS=1 on a machine that does other work too."""
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

A0 = 5.868  # PBEsol lattice parameter of the cubic phase, A
LAMBDA = 6.008 / A0
TEMPERATURES = (300, 600, 50, 450, 150, 750)  # K, in turn
STEP, FRICTION, EQUILIBRATE, EVERY = 6.0, 0.02, 15, 12  # fs, 1/fs, steps, steps between snapshots
STRAIN, EXPANSION = 0.012, 3e-5  # standard deviation of each strain component; linear thermal expansion, 1/K
SPREAD = {"Cs": 0.17, "Pb": 0.08, "Br": 0.10}  # displacements at the start of a segment at 300 K, A
RANDOM = 0.65  # probability that a segment adds a frame of random displacements
SAVE = 50  # frames between two writings
CELLS = {  # share of the segments, snapshots per segment, choices of rows in cubic axes
    "c40": (0.35, 6, [[[2, 0, 0], [0, 2, 0], [0, 0, 2]]]),
    "c20": (0.26, 6, [[[1, -1, 0], [1, 1, 0], [0, 0, 2]]]),
    "c60": (0.20, 6, [[[2, 1, 0], [-1, 2, 1], [0, -1, 2]], [[2, 1, 1], [-1, 2, 1], [1, -1, 2]],
                      [[1, 1, 0], [0, 1, 1], [4, -4, 4]], [[1, -1, 0], [1, 1, 0], [0, 0, 6]],
                      [[2, 0, 0], [0, 2, 0], [0, 0, 3]], [[1, 1, 0], [-3, 3, 0], [0, 0, 2]]]),
    "c45": (0.15, 6, [[[3, 0, 0], [0, 3, 0], [0, 0, 1]]]),
    "c135": (0.04, 2, [[[3, 0, 0], [0, 3, 0], [0, 0, 3]]]),
}
TILTS = {  # nominal angles in degrees about three axes, and whether each is in-phase (M) or anti-phase (R)
    "P4mbm": ((0, 0, 11), "--+"), "I4mcm": ((0, 0, 11), "---"), "Imma": ((8.5, 8.5, 0), "---"),
    "Pnma": ((7.5, 7.5, 10.5), "--+"), "R3c": ((7, 7, 7), "---"), "Im3": ((7, 7, 7), "+++"),
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
        energy = float(self.base.results["energy"])
        forces = self.scale * np.asarray(self.base.results["forces"], float)
        forces -= forces.mean(0)  # only what single precision leaves
        stress = self.scale**3 * np.asarray(self.base.results["stress"], float)
        self.results = dict(energy=energy, free_energy=energy, forces=forces, stress=stress)


def calculator():
    from sevenn.calculator import SevenNetCalculator
    return ScaledCalculator(SevenNetCalculator("7net-0", device="cpu"))


def points(rows):
    """Integer points in the cell spanned by integer `rows`, and their fractional coordinates."""
    low, high = np.minimum(rows, 0).sum(0), np.maximum(rows, 0).sum(0)
    n = np.array(list(itertools.product(*(range(a, b + 1) for a, b in zip(low, high)))))
    f = np.round(n @ np.linalg.inv(rows), 9)
    inside = ((f >= 0) & (f < 1)).all(1)
    return n[inside], f[inside]


def perovskite(rows, waves=()):
    """The crystal at A0 with tilt waves (q, rotation vector in rad, phase): Br follows the mean of its two octahedra."""
    def rotation(n):
        return sum((np.array(axis) * np.cos(2 * np.pi * (q @ n) + phase) for q, axis, phase in waves), np.zeros(3))
    sites = []
    for n in points(rows)[0]:
        sites += [n, n + 0.5]
        sites += [n + 0.5 + e / 2 + np.cross(rotation(n) - rotation(n + e), e) / 4 for e in np.eye(3)]
    return Atoms("CsPbBr3" * (len(sites) // 5), positions=A0 * np.array(sites), cell=A0 * np.array(rows), pbc=True)


def tilted(rows, angles, signs):
    """A tilt system, cubic axes shortened as for rigid octahedra; None if the cell cannot hold it."""
    q = [(1 - axis if sign == "+" else np.ones(3)) / 2 for axis, sign in zip(np.eye(3), signs)]
    if any(angle and (rows @ k % 1).any() for angle, k in zip(angles, q)):
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
    for name, order in itertools.product(rng.permutation(list(TILTS)), itertools.permutations(range(3))):
        angles, signs = np.array(TILTS[name][0]), TILTS[name][1]
        size = rng.uniform(0.4, 1.2) * rng.choice([-1, 1], 3)
        atoms = tilted(rows, size * angles[list(order)], [signs[i] for i in order])
        if kind < 0.7 and atoms is not None:
            return str(name), atoms
    q = points(np.transpose(rows))[1]  # what the cell can hold
    q = q[q.any(1)]
    waves = [(q[rng.integers(len(q))], rng.normal(0, np.radians(6), 3), rng.uniform(0, 2 * np.pi)) for _ in range(3)]
    return "waves", perovskite(rows, waves)


def deform(atoms, temperature, rng):
    strain = np.triu(rng.normal(0, STRAIN, (3, 3)))
    strain += np.triu(strain, 1).T + EXPANSION * temperature * np.eye(3)
    atoms.set_cell(atoms.cell[:] @ (np.eye(3) + strain), scale_atoms=True)


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


def frame(atoms, calc, info):
    """A copy with its labels; energy and free_energy are the same, stress in eV/A^3 with ASE's sign."""
    calc.calculate(atoms)
    out = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=True, info=info)
    out.calc = SinglePointCalculator(out, **calc.results)
    return out


def segment(number, seed, calc):
    """The frames of one segment."""
    rng, temperature = np.random.default_rng([seed, number]), TEMPERATURES[number % len(TEMPERATURES)]
    cell = str(rng.choice(list(CELLS), p=[share for share, *_ in CELLS.values()]))
    _, snapshots, choices = CELLS[cell]
    rows = choices[rng.integers(len(choices))]
    common, frames = dict(phase="universal", supercell="7net", seed=seed, segment=number), []
    if rng.uniform() < RANDOM:
        name, atoms = start(rows, rng)
        deform(atoms, 300, rng)
        sigma = round(rng.uniform(0.1, 0.3), 3)
        atoms.positions += rng.normal(0, sigma, (len(atoms), 3))
        frames.append(frame(atoms, calc, dict(tag=f"7net-{cell}-random", start=name, sigma=sigma, **common)))
    name, atoms = start(rows, rng)
    deform(atoms, temperature, rng)
    spread = np.array([SPREAD[s] for s in atoms.symbols]) * np.sqrt(temperature / 300)
    atoms.positions += spread[:, None] * rng.normal(size=(len(atoms), 3))
    kt, atoms.calc = units.kB * temperature, calc
    velocities = np.sqrt(kt / atoms.get_masses()[:, None]) * rng.normal(size=(len(atoms), 3))
    for k in range(snapshots):
        velocities = langevin(atoms, velocities, kt, EVERY if k else EQUILIBRATE, rng)
        frames.append(frame(atoms, calc, dict(tag=f"7net-{cell}-T{temperature}", start=name, **common)))
    return frames


def sample(out, wanted, seed):
    """Append segments to what `out` holds; the file is replaced as a whole, every SAVE frames, so it is never cut off."""
    frames = read(out, ":") if out.exists() else []
    number = 1 + max((f.info["segment"] for f in frames if f.info["seed"] == seed), default=-1)
    calc, began, had, saved = calculator(), time.time(), len(frames), len(frames)
    while len(frames) < wanted:
        frames += segment(number, seed, calc)
        number += 1
        if len(frames) - saved >= SAVE or len(frames) >= wanted:
            write(f"{out}.part", frames, format="extxyz")
            os.replace(f"{out}.part", out)
            saved, wall = len(frames), time.time() - began
            print(f"{saved} frames, {number} segments, {wall:.0f} s, {wall / (saved - had):.2f} s a frame", flush=True)


def check():
    """Forces and stress against differences of energies, then relaxed phases in the 20-atom cell."""
    calc, rng, rows = calculator(), np.random.default_rng(0), CELLS["c20"][2][0]
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
    zero = None
    for name, atoms in [("cubic", perovskite(rows))] + [(name, tilted(rows, *TILTS[name])) for name in TILTS]:
        if atoms is not None:
            atoms.set_cell(atoms.cell[:] * 1.01, scale_atoms=True)
            atoms.calc = calc
            BFGS(FrechetCellFilter(atoms), logfile=None).run(fmax=0.002, steps=300)
            zero, a = zero or atoms.get_potential_energy(), atoms.cell.lengths() / np.linalg.norm(rows, axis=1)
            print(f"{name}: {(atoms.get_potential_energy() - zero) / 4e-3:.1f} meV per formula unit, cell {a.round(4)} A")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, nargs="?", metavar="OUT.extxyz")
    parser.add_argument("--frames", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    if args.check:
        check()
    elif args.out:
        sample(args.out, args.frames, args.seed)
    else:
        parser.error("OUT.extxyz or --check is needed")
