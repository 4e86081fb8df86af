#!/usr/bin/env python3
"""Build and label the systematic CsPbBr3 set with GPAW: volumes, phases, tilts, strains, paths and random snapshots.

label_systematic.py FOLDER                        label what FOLDER lacks (one process; stop and start at will)
label_systematic.py --collect FOLDER OUT.extxyz   gather the labels of FOLDER into one file
label_systematic.py --list                        print the structures, in the order in which they are labelled
label_systematic.py --pulay FOLDER                print the Pulay offset of the stress, from the cubic volume curve

Every structure lies in one 20-atom cell, rows (1,-1,0), (1,1,0), (0,0,2) in cubic axes, with one k-mesh, so that all
energies share one k-point error. `energy` and `free_energy` are both the force-consistent energy; stress in eV/A^3
with ASE's sign, as reported: it still carries the Pulay offset. Only the cell relaxations subtract it.
Needs GPAW, and GPAW_SETUP_PATH naming the folder with the PBEsol PAW data of Cs, Pb and Br."""

import os
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.filters import FrechetCellFilter
from ase.io import read, write
from ase.optimize import BFGS

A0 = 5.868  # PBEsol lattice parameter of the cubic phase, A
START = {
    "P4mbm": dict(tilt=(0, 0, 11), inphase=True, cell=(8.118, 8.118, 11.80)),
    "Pnma": dict(tilt=(7.5, 7.5, 10.5), inphase=True, cs=(-0.35, -0.1), cell=(8.00, 8.35, 11.68)),
}
ROWS = np.array([[1, -1, 0], [1, 1, 0], [0, 0, 2]], float)  # the c20 cell in cubic axes
SCALES = (0.97, 0.985, 1.0, 1.01, 1.02, 1.035)  # a / A0 of the cubic volume curve
FMAX, SMAX, STEPS, KEEP = 0.02, 4e-4, 20, 0.03  # relaxation: eV/A, eV/A^3, steps at most, A between kept steps


def perovskite(a=A0, tilt=(0, 0, 0), inphase=False, cs=(0, 0), cell=None):
    """The c20 cell with octahedra tilted by `tilt` degrees about the cubic axes x, y, z.

    Tilts about x and y alternate along z (anti-phase); that about z does unless `inphase`. Br moves by tan(angle) a/2.
    `cs`: shifts of Cs in A along (1,1,0), alternating along z, and along (1,-1,0), alternating along x, y and z.
    `cell`: lengths of the three cell vectors, in place of a * ROWS; fractional coordinates are kept."""
    sites = []
    for n in np.array([[0, 0, 0], [1, 0, 0], [0, 0, 1], [1, 0, 1]]):
        anti, layer = (-1) ** n.sum(), (-1) ** n[2]
        omega = np.tan(np.radians(tilt)) * [anti, anti, (-1) ** (n[0] + n[1]) if inphase else anti]
        shift = (cs[0] * layer * np.array([1, 1, 0]) + cs[1] * anti * np.array([1, -1, 0])) / np.sqrt(2) / a
        sites += [n + 0.5 + shift, n] + [n + (bond + np.cross(omega, bond)) / 2 for bond in np.eye(3)]
    atoms = Atoms("CsPbBr3" * 4, positions=a * np.array(sites), cell=a * ROWS, pbc=True)
    if cell is not None:
        atoms.set_cell(ROWS / np.linalg.norm(ROWS, axis=1)[:, None] * np.array(cell)[:, None], scale_atoms=True)
    return atoms


def load(folder, name):
    """A stored structure or phase. GPAW's symmetry search wants equivalent sites equal to 1e-10: rounding does it."""
    atoms = perovskite() if name == "cubic" else read(folder / f"{'relaxed-' * (name in START)}{name}.extxyz")
    atoms.set_scaled_positions(atoms.cell.scaled_positions(atoms.positions).round(6))
    return atoms


def strained(folder, phase, strain, sigma=0, seed=0):
    """A phase under homogeneous strain in cubic axes, then Gaussian displacements of `sigma` A."""
    atoms = load(folder, phase)
    atoms.set_cell(atoms.cell[:] @ (np.eye(3) + strain), scale_atoms=True)
    atoms.positions += np.random.default_rng(seed).normal(0, sigma, (len(atoms), 3))
    return atoms


def between(folder, phase, other, fraction):
    """Cell and fractional coordinates between (beyond 1: past) two phases, linearly."""
    pair = (load(folder, name) for name in (phase, other))
    one, two = (np.vstack([a.cell[:], a.cell.scaled_positions(a.positions)]) for a in pair)
    both = (1 - fraction) * one + fraction * two
    return Atoms("CsPbBr3" * 4, cell=both[:3], scaled_positions=both[3:], pbc=True)


def structures(folder):
    """(group, name, info, function that builds the atoms), in order of priority; for a relaxation, its start."""
    crystal = {"cubic": "cubic", "P4mbm": "tetragonal", "Pnma": "orthorhombic"}
    for s in SCALES:
        yield 1, f"cubic-{s:.3f}", dict(tag="sys-volume", phase="cubic", scale=s), partial(perovskite, a=A0 * s)
    for p in START:
        yield 2, f"relaxed-{p}", dict(tag="sys-relaxed", phase=crystal[p]), partial(perovskite, **START[p])
    for kind, t in ((kind, t) for kind in ("inphase", "antiphase") for t in (4, 8, 12, 16)):
        yield (
            3,
            f"tilt-{kind}-{t:02d}",
            dict(tag=f"sys-tilt-{kind}", phase="tetragonal", angle_deg=t),
            partial(perovskite, tilt=(0, 0, t), inphase=kind == "inphase"),
        )
    for t in ((6, 6, 9), (9, 9, 12)):
        yield (
            3,
            f"glazer-{t[0]:02d}-{t[2]:02d}",
            dict(tag="sys-glazer", phase="orthorhombic", angle_deg=np.array(t)),
            partial(perovskite, tilt=t, inphase=True),
        )
    legs = [(p, q, f) for p, q in (("cubic", "P4mbm"), ("P4mbm", "Pnma")) for f in (0.25, 0.5, 0.75)]
    for p, q, f in legs + [("P4mbm", "Pnma", 1.15)]:
        info = dict(tag="sys-path", phase=crystal[q], leg=f"{p}-{q}", fraction=f)
        yield 4, f"path-{p}-{q}-{f:.2f}", info, partial(between, folder, p, q, f)
    for s in (0.98, 1.02):
        info = dict(tag="sys-volume", phase="orthorhombic", scale=s)
        yield 5, f"Pnma-{s:.3f}", info, partial(strained, folder, "Pnma", (s - 1) * np.eye(3))
    unit = np.eye(3)  # strains in cubic axes
    modes = {"tet": np.diag([-0.5, -0.5, 1]), "xy": unit[[1, 0, 2]] * [1, 1, 0], "yz": unit[[0, 2, 1]] * [0, 1, 1]}
    cases = [(p, m, e, 0.08) for p in ("cubic", "P4mbm") for m in modes for e in (0.02, -0.02)]
    cases += [("cubic", "tet", e, 0) for e in (0.01, -0.01)]  # how much of the stress's anisotropy is in the energy
    for k, (p, m, e, sigma) in enumerate(cases):
        info = dict(tag="sys-strain", phase=crystal[p], mode=m, strain=e, sigma=sigma, seed=k)
        yield 6, f"strain-{p}-{m}{e:+.2f}", info, partial(strained, folder, p, e * modes[m], sigma, k)
    for k in range(24):
        p, rng = list(crystal)[k % 3], np.random.default_rng(2000 + k)
        sigma, e = round(rng.uniform(0.12, 0.25), 3), np.triu(rng.normal(0, 0.012, (3, 3)))
        info = dict(tag="sys-random", phase=crystal[p], sigma=sigma, seed=1000 + k)
        yield 7, f"random-{k:02d}-{p}", info, partial(strained, folder, p, e + np.triu(e, 1).T, sigma, 1000 + k)


def calculator(symmetry=None):
    """The settings of all CsPbBr3 labels; symmetry, with glides and screws, only saves time."""
    from gpaw import GPAW, PW, FermiDirac

    return GPAW(
        mode=PW(340),
        xc="PBEsol",
        kpts={"size": (2, 2, 2), "gamma": False},
        occupations=FermiDirac(0.01),
        nbands="110%",
        txt=None,
        symmetry=symmetry or {"symmorphic": False},
        maxiter=80,
        convergence={"energy": 5e-6, "density": 1e-5, "eigenstates": 1e-7},
    )


def save(folder, name, atoms, info, began):
    """Check and store the label that `atoms` carries: written aside, then renamed."""
    energy, forces = atoms.get_potential_energy(force_consistent=True), atoms.get_forces()
    stress, top, net = atoms.get_stress(voigt=False), np.abs(forces).max(), np.abs(forces.sum(0)).max()
    if not (np.isfinite(stress).all() and top < 30 and net < 0.05 and -17.5 < energy / 4 < -10):
        raise ValueError(f"implausible: {energy:.3f} eV, largest force {top:.2f}, net force {net:.3f} eV/A")
    out = atoms.copy()
    out.info = dict(info, name=name, supercell="c20", kpts="2x2x2", cpu_s=round(time.process_time() - began, 1))
    out.calc = SinglePointCalculator(out, energy=energy, free_energy=energy, forces=forces, stress=stress)
    write(folder / f"{name}.part", out, format="extxyz")
    os.replace(folder / f"{name}.part", folder / f"{name}.extxyz")
    print(f"{name}: {energy / 4:.4f} eV per formula unit, largest force {top:.3f} eV/A, {out.info['cpu_s']} CPU s")


def relax(folder, name, atoms, info, began):
    """Relax ions and cell, the stress less its Pulay offset; steps apart from earlier ones become sys-relax-path."""
    phase, offset = name.split("-")[1], pulay(folder)[0] / atoms.get_volume()
    kept = [load(folder, path.stem) for path in sorted(folder.glob(f"relaxpath-{phase}-*.extxyz"))]
    atoms = kept[-1].copy() if kept else atoms
    atoms.info, atoms.calc = {}, calculator()
    cell = FrechetCellFilter(atoms, scalar_pressure=-offset, exp_cell_factor=4)  # 4: cell about as stiff as the ions
    for step, _ in enumerate(BFGS(cell, alpha=18, maxstep=0.12, logfile=None).irun(fmax=0, steps=STEPS)):
        fmax = np.linalg.norm(atoms.get_forces(), axis=1).max()
        smax = np.abs(atoms.get_stress(voigt=False) - offset * np.eye(3)).max()
        if fmax < FMAX and smax < SMAX or step == STEPS:
            return save(folder, name, atoms, dict(info, fmax=fmax, smax=smax, steps=step), began)
        if all(np.linalg.norm(atoms.positions - k.positions, axis=1).max() > KEEP for k in kept):
            kept.append(atoms.copy())
            save(folder, f"relaxpath-{phase}-{len(kept) - 1:02d}", atoms, dict(info, tag="sys-relax-path"), began)
        began = time.process_time()


def pulay(folder):
    """Pulay offset of each diagonal stress, as P / V with P in eV per cell, and a0 (A), from the cubic volume curve.

    At one cutoff dE/dV is the true mean stress; the reported one is a derivative at a fixed number of plane waves. So
    E(V) = E0 + integral of (reported - P / V) dV: least squares in E0 and P, with no equation of state for E(V)."""
    curve = [read(folder / f"cubic-{s:.3f}.extxyz") for s in SCALES]
    volume, energy = (np.array([f(a) for a in curve]) for f in (Atoms.get_volume, Atoms.get_potential_energy))
    reported, v1 = np.array([a.get_stress()[:3].mean() for a in curve]), 4 * A0**3
    stress = np.polynomial.Polynomial.fit(volume, reported, 4)
    p, _ = np.polyfit(-np.log(volume), energy - stress.integ()(volume), 1)
    grid = np.linspace(volume[0], volume[-1], 100001)
    a0 = (grid[np.abs(stress(grid) - p / grid).argmin()] / 4) ** (1 / 3)
    print(f"Pulay offset {p:.4f} eV / V, that is {p / v1:.6f} eV/A^3 at a = {A0} A; a0 {a0:.4f} A")
    return p, a0


def work(folder):
    """Label what is missing; FOLDER.extxyz always holds what is done."""
    sys.stdout.reconfigure(line_buffering=True)
    folder.mkdir(parents=True, exist_ok=True)
    for group, name, info, build in structures(folder):
        if (folder / f"{name}.extxyz").exists():
            continue
        try:
            atoms, began = build(), time.process_time()
            if group == 2:
                relax(folder, name, atoms, info, began)
            else:
                atoms.calc = calculator()
                save(folder, name, atoms, info, began)
            collect(folder, folder.with_suffix(".extxyz"))
        except Exception as error:  # one structure that does not converge must not stop the rest
            print(name, "failed:", repr(error))


def collect(folder, out):
    write(f"{out}.part", [read(path) for path in sorted(folder.glob("*.extxyz"))], format="extxyz")
    os.replace(f"{out}.part", out)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--list"]:
            print(*(f"{group} {name} {info}" for group, name, info, _ in structures(Path())), sep="\n")
        case ["--collect", folder, out]:
            collect(Path(folder), out)
        case ["--pulay", folder]:
            pulay(Path(folder))
        case [folder] if not folder.startswith("-"):
            work(Path(folder))
        case _:
            sys.exit(__doc__)
