"""How much the free atoms matter: cubic oxides from the profiles of surfaces of other densities.

    pip install mendeleev
    python benchmarks/screening/formation/density.py TABLE --seeds 3

The densities of the package are of exact exchange (KLI); beside them those of the local density approximation without
correlation, whose tails are too long, and those of Slater's rules, one exponential a shell (Phys. Rev. 36, 57 (1930)).
The network is that of `cubic.py`: profiles at the relaxed lattice, elements named on the way.
"""

import argparse
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import jax
import numpy as np
import surfaces
from ase.units import Bohr
from rows import Rows, errors
from scipy.interpolate import CubicSpline

from anharmonic.errors import AnharmonicError
from anharmonic.files import replacing
from anharmonic.screening.hirshfeld import free_atom
from anharmonic.screening.hirshfeld import surfaces as package
from anharmonic.screening.hirshfeld.densities import STEP, density_table
from anharmonic.screening.hirshfeld.profile import profile
from anharmonic.screening.models.evaluation import split_groups
from anharmonic.screening.networks.naming import ProfileNetwork
from anharmonic.screening.networks.samples import Samples
from anharmonic.screening.networks.training import Training, train
from anharmonic.screening.tables.make_free_atoms import configuration

PROPERTY, SHARE, EPOCHS = "e_form_eV_atom", 0.7, 60
EFFECTIVE = {1: 1.0, 2: 2.0, 3: 3.0, 4: 3.7, 5: 4.0, 6: 4.2, 7: 4.3}
"""Slater's effective principal quantum numbers."""


def local_exchange(grid, orbitals, shells):
    """Exchange potential (n,) and energy (Hartree) of one spin in the local density approximation."""
    density = np.asarray(free_atom._density(orbitals, shells)) / (4 * np.pi * grid.radii**2)
    potential = -np.cbrt(6 * density / np.pi)
    return potential, float(0.75 * grid.integral(potential * density * 4 * np.pi * grid.radii**2))


def by_local_exchange(number):
    """Logarithm of the density (electrons/A^3) on the radii of the table; the package's where it does not converge."""
    free_atom._exchange = local_exchange
    try:
        atom = free_atom.solve(number, configuration(number), tolerance=1e-6)
    except AnharmonicError as error:
        print(f"{number} keeps its density: {error}")
        return density_table()[number]
    radii = STEP * np.arange(density_table().shape[1]) / Bohr
    logarithm = CubicSpline(atom.radii, np.log(np.maximum(atom.density, 1e-300)))
    return logarithm(np.maximum(radii, atom.radii[0])) - 3 * np.log(Bohr)


def by_slaters_rules(number):
    """The same from Slater's screened exponents."""
    radii, total = STEP * np.arange(density_table().shape[1]) / Bohr + 1e-6, 0.0
    shells = configuration(number)
    for (n, q), electrons in shells.items():
        power, exponent = 2 * (EFFECTIVE[n] - 1), 2 * (number - screening(shells, n, q)) / EFFECTIVE[n]
        shape = radii**power * np.exp(-exponent * radii)
        fine = np.linspace(1e-6, 60 / exponent, 4000)
        norm = np.trapezoid(4 * np.pi * fine ** (2 + power) * np.exp(-exponent * fine), fine)
        total = total + electrons * shape / norm
    return np.log(np.maximum(total, 1e-300)) - 3 * np.log(Bohr)


def screening(shells, n, q):
    """Charge by which the other electrons screen the nucleus, for an electron of shell (n, q)."""
    total = 0.0
    for (m, p), electrons in shells.items():
        same = m == n and max(p, q) < 2 if q < 2 else (m, p) == (n, q)
        outside = m > n or (m == n and p > 1 and p > q)
        if same:
            total += (electrons - (p == q)) * (0.30 if n == 1 else 0.35)
        elif not outside:
            total += electrons * (0.85 if q < 2 and m == n - 1 else 1.0)
    return total


def table_of(kind, kept):
    """Logarithms of densities (104, n)."""
    if kind == "exact exchange":
        return density_table()
    path = kept / f"densities-{kind.replace(' ', '-')}.npy"
    if not path.exists():
        make = by_local_exchange if kind == "local exchange" else by_slaters_rules
        with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
            rows = list(pool.map(make, range(1, 104)))
        with replacing(path) as part, open(part, "wb") as file:
            np.save(file, np.concatenate([density_table()[:1], rows]).astype(np.float32))
    return np.load(path)


def profiles_of(kind, table, kept):
    """Profiles (n, 3, 54) of the relaxed structures."""
    path = kept / f"profiles-{kind.replace(' ', '-')}.npy"
    if not path.exists():
        densities, found = table_of(kind, kept), []
        package.density_table = lambda: densities
        for begin in range(0, len(table.structures), 64):
            sites = [package.standard_sites(atoms) for atoms in table.structures[begin : begin + 64]]
            for own, elements in zip(package.surfaces_of_sites(sites), table.roles[begin : begin + 64], strict=True):
                found.append(profile(own, elements))
        with replacing(path) as part, open(part, "wb") as file:
            np.save(file, np.array(found, np.float32))
    return np.load(path)


def run(table, profiles, seed):
    """Errors of a network on profiles."""
    values = np.array([[entry.properties[PROPERTY]] for entry in table.entries])
    formulas = np.array([entry.formula for entry in table.entries])
    samples = Samples(profiles, values, formulas, table.roles[:, :2])
    inside = split_groups(formulas, SHARE, seed)
    known, asked = samples.part(inside), samples.part(~inside)
    network = ProfileNetwork(known.inputs, named=2, key=jax.random.key(seed))
    done = train(network, known, Training(epochs=EPOCHS, seed=seed))
    found = errors(asked.targets, done.predict(asked.inputs), known.targets, done.predict(known.inputs))
    named = np.mean(done.name(asked.inputs) == asked.elements, axis=0)
    return found | {"named_a": 100 * named[0], "named_b": 100 * named[1]}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table")
    parser.add_argument("--cache", type=Path, default=Path(".cache/formation"))
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    table, rows = surfaces.cubic(options.table, "relaxed", options.cache), Rows(options.cache / "density.json")
    for kind in ("exact exchange", "local exchange", "Slater's rules"):
        profiles = profiles_of(kind, table, options.cache)
        for seed in range(options.seeds):
            rows.run(kind, seed, lambda profiles=profiles, seed=seed: run(table, profiles, seed))
    columns = {"mae": ("test MAE", ".3f"), "named_a": ("A named (%)", ".0f"), "named_b": ("B named (%)", ".0f")}
    print(rows.table(columns))
