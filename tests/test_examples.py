"""Examples run as they stand, in their short mode; README's snippets run as they are printed."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted((ROOT / "examples").glob("0*.py"))
SNIPPETS = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
FIGURES = {
    "01_fit_from_vasp": "parity.png",
    "03_sweep": "order.png",
    "04_scan": "scan.png",
    "05_ase_dynamics": "dynamics.png",
    "07_similarity": "similarity.png",
    "08_candidate_to_transition": "sweep/order.png",
}
LONG = "03_sweep", "04_scan", "08_candidate_to_transition"
"""Run with the slow tests; a sweep and its figures are also README's snippet and the first tutorial."""


def run(arguments, folder):
    """Standard output of a Python run in `folder`; fails with what it printed."""
    environment = os.environ | {"MPLBACKEND": "Agg", "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.mark.parametrize(
    "example",
    [pytest.param(path, marks=pytest.mark.slow if path.stem in LONG else ()) for path in EXAMPLES],
    ids=lambda path: path.stem,
)
def test_example(example, tmp_path):
    """Prints what it found and writes its figure."""
    if example.stem == "06_ipi":
        pytest.importorskip("ipi")
    out = ["--out", "out"] if example.stem in FIGURES else []
    printed = run([str(example), "--short", *out], tmp_path)
    assert "nan" not in printed
    if example.stem in FIGURES:
        assert (tmp_path / "out" / FIGURES[example.stem]).stat().st_size > 5000


def test_examples_are_short():
    """An example fits on a screen or two."""
    assert EXAMPLES and max(len(path.read_text().splitlines()) for path in EXAMPLES) < 80


def test_relaxed_phases_come_out_in_order(tmp_path):
    """The calculator example finds Pnma below P4/mbm below Pm-3m."""
    printed = run([str(ROOT / "examples" / "02_ase_calculator.py"), "--short"], tmp_path)
    energy = {line.split()[0]: float(line.split()[2]) for line in printed.splitlines()}
    assert energy["Pnma"] < energy["P4/mbm"] < energy["Pm-3m"]


@pytest.mark.parametrize("snippet", SNIPPETS, ids=["calculator", "sweep", "fit"])
def test_readme_snippet(snippet, tmp_path):
    """Runs as printed."""
    assert run(["-c", snippet], tmp_path).strip()
