"""What users install: quick to import, of one version, with potentials and examples, completed by their shells."""

import os
import re
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

import anharmonic

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
TESTED_LOWEST = ("selection", "screening", "ipi", "validation", "distributed")
"""Extras whose lower bounds are tested together with those of the package."""

IMPORT_SECONDS = 0.5
HEAVY = ("jax", "numpy", "scipy", "ase", "h5py", "matplotlib", "phonopy", "rich", "typer")
COMMAND_LINE = "import sys; from anharmonic.cli.main import main; sys.exit(main())"


def output(*arguments, **environment):
    """What a process prints; fails with what it complains about."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"} | environment
    done = subprocess.run(arguments, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-1000:] + done.stderr[-3000:]
    return done.stdout


def test_import_is_quick():
    """Best of three, without the start of Python; no heavy package is imported before a name needs it."""
    code = "import time; t = time.perf_counter(); import anharmonic; print(time.perf_counter() - t)"
    code += f"; import sys; print([name for name in {HEAVY} if name in sys.modules])"
    found = [output(sys.executable, "-c", code).splitlines() for _ in range(3)]
    assert min(float(seconds) for seconds, _ in found) < IMPORT_SECONDS
    assert found[0][1] == "[]"


def test_lowest_versions_are_the_lower_bounds():
    """constraints/lowest.txt pins every dependency to the lower bound that pyproject.toml promises."""
    lines = (ROOT / "constraints" / "lowest.txt").read_text(encoding="utf-8").splitlines()
    pinned = dict(line.split("==") for line in lines if line and not line.startswith("#"))
    extras = PROJECT["optional-dependencies"]
    wanted = [*PROJECT["dependencies"], *(each for extra in TESTED_LOWEST for each in extras[extra])]
    bounds = dict(re.sub(r"\[.*?\]", "", each).split(">=") for each in wanted)
    assert pinned == bounds and list(pinned) == sorted(pinned)


def test_extras_that_are_promised():
    extras = PROJECT["optional-dependencies"]
    assert {"all", "dev", "dft", "distributed", "docs", "ipi", "screening", "selection", "validation"} == set(extras)
    assert extras["all"] == [f"anharmonic[{','.join(sorted(TESTED_LOWEST))}]"]


@pytest.mark.parametrize(
    ("words", "found", "other"),
    [
        (["sc"], {"scan", "screen"}, "sweep"),
        (["screen", "gr"], {"grid"}, "similar"),
        (["sweep", "--temp"], {"--temperatures"}, "--timestep"),
    ],
)
def test_bash_completes(words, found, other):
    """Commands, commands below them, and options; what bash gets is one word a line."""
    words = ["anharmonic", *words]
    asked = {"COMP_WORDS": " ".join(words), "COMP_CWORD": str(len(words) - 1)}
    printed = output(sys.executable, "-c", COMMAND_LINE, _ANHARMONIC_COMPLETE="complete_bash", **asked).split()
    assert found <= set(printed) and other not in printed


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_complete(shell):
    asked = {"_TYPER_COMPLETE_ARGS": "anharmonic free-energy ", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    printed = output(sys.executable, "-c", COMMAND_LINE, _ANHARMONIC_COMPLETE=f"complete_{shell}", **asked)
    assert all(name in printed for name in ("phases", "integrate", "temperatures", "landau"))


def test_citation_names_this_version():
    """CITATION.cff: the keys that its format 1.2.0 demands, and version and licence of the package."""
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    for line in ("cff-version: 1.2.0", f"version: {anharmonic.__version__}", f"license: {PROJECT['license']}"):
        assert line in text.splitlines()
    assert all(f"\n{key}:" in text for key in ("message", "title", "authors", "type", "references"))


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Wheel and source archive."""
    pytest.importorskip("build")
    folder = tmp_path_factory.mktemp("dist")
    output(sys.executable, "-m", "build", "--outdir", str(folder), str(ROOT))
    return next(folder.glob("*.whl")), next(folder.glob("*.tar.gz"))


@pytest.mark.slow
def test_archives_carry_what_users_need(built):
    """Every potential with card, data and recipe, and the examples; of the source all but what only CI needs."""
    with zipfile.ZipFile(built[0]) as file:
        wheel = set(file.namelist())
    with tarfile.open(built[1]) as file:
        source = {name.partition("/")[2] for name in file.getnames()}
    for folder in ("potentials", "examples"):
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                name = path.relative_to(ROOT).as_posix()
                assert f"anharmonic/{name}" in wheel and name in source
    assert {"docs/index.md", "tests/builders.py", "CITATION.cff", "constraints/lowest.txt", "mkdocs.yml"} <= source
    assert not any(name.startswith((".ci", "tests/out", ".venv")) for name in source)
    assert not any(name.startswith(("tests/", "docs/", "benchmarks/")) for name in wheel)


@pytest.mark.slow
def test_a_wheel_in_an_environment_of_its_own(built, tmp_path):
    """The wheel and what it asks for, installed where nothing else is: version, potentials, examples, a short run."""
    venv.create(tmp_path / "venv", with_pip=True)
    place = {"PYTHONPATH": "", "XDG_CACHE_HOME": str(tmp_path / "cache")}
    output(str(tmp_path / "venv/bin/pip"), "install", "--quiet", str(built[0]), **place)
    command, python = (str(tmp_path / "venv/bin" / name) for name in ("anharmonic", "python"))
    assert output(command, "--version", **place) == f"anharmonic {anharmonic.__version__}\n"
    assert "Pm-3m" in output(command, "info", "CsPbBr3", **place)
    output(command, "examples", "--out", str(tmp_path / "examples"), **place)
    printed = output(python, str(tmp_path / "examples" / "02_ase_calculator.py"), "--short", **place)
    assert printed.splitlines()[0].split()[0] == "Pm-3m" or "Pnma" in printed
    short = "--equilibration", "200", "--production", "200", "--quiet", "--out", str(tmp_path / "out")
    output(command, "sweep", "CsPbBr3", "--supercell", "2", "2", "2", "--temperatures", "300", *short, **place)
    assert (tmp_path / "out" / "summary.json").is_file() and (tmp_path / "out" / "order.png").stat().st_size > 5000
