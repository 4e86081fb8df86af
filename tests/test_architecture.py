"""The rules that keep the package in order: who may import whom, how long things may be, nothing global at import."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import anharmonic

PACKAGE = Path(anharmonic.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
BASE = {"conventions", "errors", "files", "records", "stopping"}
MAY_IMPORT = {
    "crystal": set(),
    "clusters": {"crystal"},
    "electrostatics": {"crystal"},
    "potential": {"crystal", "clusters", "electrostatics"},
    "evaluation": {"crystal", "clusters", "electrostatics", "potential"},
    "data": {"crystal"},
    "fitting": {"crystal", "clusters", "electrostatics", "potential", "data"},
    "analysis": {"crystal", "clusters"},
    "sampling": {"crystal", "clusters", "potential", "evaluation"},
    "parallel": set(),
    "screening": {"crystal", "parallel"},
    "interfaces": {"crystal", "clusters", "potential", "evaluation", "analysis", "data", "fitting"},
}
MAY_IMPORT["sweep"] = MAY_IMPORT["interfaces"] | {"sampling", "interfaces"}
MAY_IMPORT["campaign"] = MAY_IMPORT["sweep"] | {"sweep", "parallel"}
MAY_IMPORT["free_energy"] = MAY_IMPORT["sweep"] | {"sweep"}
MAY_IMPORT["learning"] = MAY_IMPORT["sweep"] | {"sweep", "parallel"}
MAY_IMPORT["phonons"] = MAY_IMPORT["sweep"] | {"sweep", "electrostatics"}
MAY_IMPORT["promotion"] = MAY_IMPORT["phonons"] | {"learning", "phonons", "screening"}
MAY_IMPORT["cli"] = MAY_IMPORT["promotion"] | {"campaign", "free_energy", "parallel", "promotion"}
"""Folders that each folder may import, besides itself and the base modules."""

MODULE_LINES, FUNCTION_LINES = 300, 60


def tree(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def name_of(path):
    return path.relative_to(PACKAGE).as_posix()


def imported(path):
    """First names below the package that a module imports, anywhere in it."""
    found = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)}:{node.lineno} imports relatively"
            direct = node.module == "anharmonic"
            names = [f"anharmonic.{alias.name}" for alias in node.names] if direct else [node.module]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        found |= {n.split(".")[1] if "." in n else "" for n in names if n.split(".")[0] == "anharmonic"}
    return found


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_point_downwards(path):
    """What a module imports lies below it."""
    parts = path.relative_to(PACKAGE).parts
    if len(parts) == 1:
        folder = parts[0].removesuffix(".py")
        allowed = {"__init__": set(MAY_IMPORT) | BASE, "__main__": {"cli"}}.get(folder, BASE)
        allowed = allowed - {"cli"} if folder == "__init__" else allowed
    else:
        assert parts[0] in MAY_IMPORT, f"the folder {parts[0]} has no place in the order of imports: give it one"
        allowed = MAY_IMPORT[parts[0]] | {parts[0]} | BASE | ({""} if parts[0] == "cli" else set())
    wrong = imported(path) - allowed
    assert not wrong, f"{name_of(path)} imports {sorted(wrong)}; it may import {sorted(allowed)}"


def test_the_order_has_no_cycles():
    done = set()
    for folder in MAY_IMPORT:
        pending = [folder]
        reached = set()
        while pending:
            for below in MAY_IMPORT[pending.pop()] - reached:
                reached.add(below)
                pending.append(below)
        assert folder not in reached
        done.add(folder)
    assert {p.name for p in PACKAGE.iterdir() if (p / "__init__.py").exists()} <= done


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_lengths(path):
    """Short modules, short functions; of commands only the body counts, not the table of their options."""
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= MODULE_LINES, f"{name_of(path)} has {lines} lines, more than {MODULE_LINES}"
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = node.end_lineno - node.lineno + 1 - docstring_lines(node)
            if path.relative_to(PACKAGE).parts[0] == "cli":
                length = node.end_lineno - node.body[0].lineno + 1 - docstring_lines(node)
            assert length <= FUNCTION_LINES, f"{name_of(path)}: {node.name} has {length} lines"


def docstring_lines(node):
    """Lines of the docstring of a function."""
    return node.body[0].end_lineno - node.body[0].lineno + 1 if ast.get_docstring(node) else 0


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_no_global_switches(path):
    """No precision switch and no pickle anywhere; settings of the process are for the command line alone."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            assert node.value not in ("jax_enable_x64", "JAX_ENABLE_X64"), f"{name_of(path)}:{node.lineno}"
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = {alias.name for alias in node.names} | {getattr(node, "module", "")}
            assert not names & {"pickle", "dill", "cloudpickle"}, f"{name_of(path)}:{node.lineno} imports pickle"
        if isinstance(node, ast.Call | ast.Subscript | ast.Attribute) and path.parent.name != "cli":
            text = ast.unparse(node)
            for forbidden in ("config.update", "os.environ", "os.getenv", "np.random.seed", "filterwarnings"):
                assert forbidden not in text, f"{name_of(path)}:{node.lineno} has {forbidden}"


def test_importing_leaves_jax_as_it_is():
    """Double precision stays off after using it, and importing everything reads no environment and writes nothing."""
    code = """
import importlib, pkgutil, anharmonic
for module in pkgutil.walk_packages(anharmonic.__path__, "anharmonic."):
    if "__main__" not in module.name:
        importlib.import_module(module.name)
import jax, numpy as np
from ase import Atoms
assert not jax.config.jax_enable_x64
crystal = anharmonic.Crystal.from_atoms(Atoms("Ar", cell=[3] * 3, pbc=True))
from anharmonic.potential import precision
with precision("float64"):
    assert jax.numpy.ones(1).dtype == "float64"
assert not jax.config.jax_enable_x64
assert jax.numpy.ones(1).dtype == "float32"
print("unchanged")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "unchanged", done.stderr


def test_modules_of_tests_have_names_of_their_own():
    """They are imported by their name alone: a second one of the same name would hide the first."""
    names = [path.name for path in Path(__file__).parent.rglob("*.py") if path.name != "conftest.py"]
    assert not {name for name in names if names.count(name) > 1}


def test_public_names():
    """The names that are called from outside."""
    promised = {"Crystal", "ClusterBasis", "Dataset", "fit", "load", "Calculator", "sweep", "Potential", "Supercell"}
    assert promised <= set(anharmonic.__all__)
    for name in anharmonic.__all__:
        assert callable(getattr(anharmonic, name)), name
    assert len(anharmonic.__all__) <= 20
