"""The command line in this process: arguments in, exit code and texts out."""

import os
from collections import namedtuple

import ase.io
import builders
import jax
import numpy as np
import pytest
from ase.calculators.singlepoint import SinglePointCalculator

from anharmonic.cli.main import main
from anharmonic.conventions import to_voigt

Done = namedtuple("Done", "code out err")


@pytest.fixture(scope="session")
def cache_home(tmp_path_factory):
    """Cache folder of all tests of the command line."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, cache_home):
    """Nothing is kept in the user's cache; other tests keep nothing at all, and compile as if no command had run."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache_home))
    monkeypatch.setenv("XLA_FLAGS", os.environ.get("XLA_FLAGS", ""))
    before = jax.config.jax_compilation_cache_dir
    yield
    jax.config.update("jax_compilation_cache_dir", before)


@pytest.fixture
def call(capsys):
    """Run a command line: ``call("info", path)``."""

    def run(*arguments):
        capsys.readouterr()
        code = main([str(a) for a in arguments])
        return Done(code, *capsys.readouterr())

    return run


@pytest.fixture(scope="session")
def springs(tmp_path_factory):
    """Path of a potential file: a perovskite of anharmonic springs."""
    path = tmp_path_factory.mktemp("potential") / "springs.h5"
    builders.spring_perovskite().save(path)
    return path


@pytest.fixture(scope="session")
def crystal_file(tmp_path_factory):
    """Path of the cubic perovskite as a CIF."""
    path = tmp_path_factory.mktemp("crystal") / "cubic.cif"
    ase.io.write(path, builders.perovskite().to_atoms())
    return path


@pytest.fixture(scope="session")
def labels(tmp_path_factory):
    """Path of 20 random 2x2x2 structures with the labels of the springs."""
    path = tmp_path_factory.mktemp("labels") / "labels.extxyz"
    potential, frames = builders.spring_perovskite(), []
    for seed in range(20):
        state = builders.distorted(potential.crystal, [2, 2, 2], seed, strain=0.02, displacement=0.1)
        found = potential.evaluate(state)
        atoms = state.to_atoms()
        forces = state.to_atom_order(np.moveaxis(found["forces"], 1, 2))
        energy = found["energy"] - 100.0
        stress = to_voigt(found["stress"])
        atoms.calc = SinglePointCalculator(atoms, energy=energy, free_energy=energy, forces=forces, stress=stress)
        atoms.info["phase"] = ("calm", "wild")[seed % 2]
        frames.append(atoms)
    ase.io.write(path, frames)
    return path


@pytest.fixture
def fit_toml():
    """Writes a small fit.toml: ``fit_toml(folder, labels, change=(old, new))``."""
    return write_fit_toml


def write_fit_toml(folder, labels, **changes):
    """A small fit.toml with pieces of text replaced."""
    text = f"""
[crystal]
cell = [5.87, 5.87, 5.87]
species = ["Cs", "Pb", "Br", "Br", "Br"]
positions = {np.array([[0.5] * 3, [0] * 3, [0.5, 0, 0], [0, 0.5, 0], [0, 0, 0.5]]).tolist()}
[basis]
pairs = 4
order = 4
[data]
paths = "{labels}"
[fit]
model = "polynomial"
"""
    for old, new in changes.values():
        assert old in text
        text = text.replace(old, new)
    path = folder / "fit.toml"
    path.write_text(text)
    return path
