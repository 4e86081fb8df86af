"""Active learning: choices by information, rounds that end where they should, labellers, interruptions."""

import json
import signal
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase.calculators.singlepoint import SinglePointCalculator
from typer.testing import CliRunner

import anharmonic as ah
from anharmonic.cli.compiler import prepare_worker
from anharmonic.cli.main import app
from anharmonic.errors import AnharmonicError
from anharmonic.fitting.information import choose
from anharmonic.learning import LearnPlan, learn
from anharmonic.learning.labellers import VaspLabeller, Waiting
from anharmonic.parallel import Workers, team
from anharmonic.stopping import Stopped

CELL = np.array([[1, -1, 0], [1, 1, 0], [0, 0, 2]])
FIT = """
[crystal]
cell = [5.868, 5.868, 5.868]
species = ["Cs", "Pb", "Br", "Br", "Br"]
positions = [[0, 0, 0], [0.5, 0.5, 0.5], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]]
[basis]
pairs = 3
order = 3
metric = "inverse"
[data]
paths = "start.extxyz"
[fit]
model = "polynomial"
ridge = 0.01
validation = 0
test = "held_out.extxyz"
"""
LEARN = """
fit = "fit.toml"
rounds = 1
[sample]
supercells = [[[1, -1, 0], [1, 1, 0], [0, 0, 2]]]
temperatures = [300]
equilibration = 200
production = 2000
[pick]
per_round = 4
below = 30
[label]
calculator = "labels.py:truth"
"""
TRUTH = """
import anharmonic as ah

def truth():
    return ah.Calculator("CsPbBr3", extrapolation="ignore")
"""


def displaced(sigma, count, seed):
    """Labelled structures around the cubic one."""
    crystal, rng, found = ah.load("CsPbBr3").crystal, np.random.default_rng(seed), []
    for _ in range(count):
        atoms = ah.Configuration.reference(crystal, ah.Supercell.from_matrix(CELL)).to_atoms()
        atoms.set_cell(atoms.cell.array @ (np.eye(3) + 0.1 * sigma * rng.standard_normal((3, 3))), scale_atoms=True)
        atoms.positions += sigma * rng.standard_normal(atoms.positions.shape)
        found.append(labelled(atoms))
    return found


def labelled(atoms):
    atoms.calc = ah.Calculator("CsPbBr3", extrapolation="ignore")
    energy, forces, stress = atoms.get_potential_energy(), atoms.get_forces(), atoms.get_stress()
    atoms.calc = SinglePointCalculator(atoms, energy=energy, free_energy=energy, forces=forces, stress=stress)
    return atoms


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with labels of small displacements, and the files of the plan."""
    folder = tmp_path_factory.mktemp("learning")
    ase.io.write(folder / "start.extxyz", displaced(0.03, 4, 0))
    ase.io.write(folder / "held_out.extxyz", displaced(0.06, 4, 1))
    for name, text in (("fit.toml", FIT), ("learn.toml", LEARN), ("labels.py", TRUTH)):
        (folder / name).write_text(text)
    return folder


@pytest.fixture(scope="module")
def learned(folder):
    return learn(LearnPlan.read(folder / "learn.toml"), folder / "whole")


def test_learning_lowers_the_errors(learned):
    """Fitted near the cubic structure, the potential asks for labels of what it meets, and is better for them."""
    first, last = learned.history
    assert first["share"] > 0.3 and first["n_labelled"] == 4
    assert last["n_frames"] == 4 + 4
    errors = [row["errors"]["test"] for row in (first, last)]
    assert errors[1]["forces_rmse"] < 0.6 * errors[0]["forces_rmse"]


@pytest.mark.slow
def test_interrupted_rounds_end_the_same(folder, learned):
    """A folder that lost everything after its first label gets the same potential."""
    again = folder / "again"
    plan = LearnPlan.read(folder / "learn.toml")

    labels = again / "round-00" / "labels"
    with pytest.raises(Stopped):
        learn(plan, again, stop=lambda: signal.SIGINT if labels.exists() and any(labels.iterdir()) else None)
    assert len(list(labels.iterdir())) == 1
    assert_same(learn(plan, again), learned, folder / "again", folder / "whole")


@pytest.mark.slow
def test_two_workers_learn_the_same(folder, learned):
    """Runs and labels by two processes: the same rounds and the same potential."""
    pytest.importorskip("distributed")
    with team(Workers(2), 4, prepare_worker) as crew:
        shared = learn(LearnPlan.read(folder / "learn.toml"), folder / "shared", crew)
    assert_same(shared, learned, folder / "shared", folder / "whole")


def assert_same(one, other, *folders):
    """Two histories and last potentials that agree to a bit."""
    assert one.history == other.history
    for a, b in zip(*(ah.load(f / "round-01/potential.h5").model.terms for f in folders), strict=True):
        assert np.array_equal(a.term.weights, b.term.weights)


def test_another_plan_is_refused(folder, learned):
    other = folder / "other.toml"
    other.write_text(LEARN.replace("per_round = 4", "per_round = 5"))
    with pytest.raises(AnharmonicError, match="another learn.toml"):
        learn(LearnPlan.read(other), folder / "whole")


def test_choices_do_not_repeat_each_other():
    """Of two equal candidates one is chosen; the gain is the factor of the determinant, by direct computation."""
    rng = np.random.default_rng(0)
    known = [rng.standard_normal((8, 3))]
    strong, weak = 3 * rng.standard_normal((8, 4)), rng.standard_normal((8, 4))
    chosen = choose(known, [strong, strong.copy(), weak], 2)
    assert [k for k, _ in chosen] == [0, 2]
    information = np.eye(8) + known[0] @ known[0].T
    for index, gain in chosen:
        jacobian = (strong, strong, weak)[index]
        new = information + jacobian @ jacobian.T
        assert gain == pytest.approx(np.linalg.slogdet(new)[1] - np.linalg.slogdet(information)[1])
        information = new


def test_vasp_inputs_are_written_and_outputs_read(tmp_path):
    """Without outputs it waits; with one, its labels are taken in the order of its own atoms."""
    (tmp_path / "INCAR").write_text("ENCUT = 340\n")
    labeller = VaspLabeller(tmp_path / "INCAR", kspacing=0.25)
    atoms = displaced(0.05, 1, 3)[0]
    with pytest.raises(Waiting):
        labeller.label(atoms, tmp_path / "000")
    poscar = ase.io.read(tmp_path / "000" / "POSCAR")
    lengths = 2 * np.pi * np.linalg.norm(np.linalg.inv(atoms.cell.array), axis=0)
    mesh = np.array((tmp_path / "000" / "KPOINTS").read_text().splitlines()[3].split(), int)
    assert (lengths / mesh <= 0.25).all() and (lengths / np.maximum(mesh - 1, 1) > 0.25).all()
    assert (tmp_path / "000" / "INCAR").read_text() == "ENCUT = 340\n"
    ase.io.write(tmp_path / "000" / "out.extxyz", labelled(poscar))
    found = labeller.label(atoms, tmp_path / "000")
    assert found.get_potential_energy() == pytest.approx(atoms.get_potential_energy(), abs=1e-6)
    assert found.get_chemical_symbols() == poscar.get_chemical_symbols()


def test_a_command_labels(folder, tmp_path):
    """A program in another environment reads and writes extended XYZ; its failure is shown."""
    program = tmp_path / "label.py"
    program.write_text(
        "import sys, ase.io\nfrom ase.calculators.singlepoint import SinglePointCalculator as S\n"
        "a = ase.io.read(sys.argv[1])\n"
        "a.calc = S(a, energy=1.0, free_energy=1.0, forces=a.positions, stress=[0.0] * 6)\n"
        "ase.io.write(sys.argv[2], a)\n"
    )
    plan = folder / "command.toml"
    plan.write_text(
        LEARN.replace('calculator = "labels.py:truth"', f"command = 'python {program} {{input}} {{output}}'")
    )
    labeller = LearnPlan.read(plan).labeller
    atoms = displaced(0.05, 1, 3)[0]
    assert np.allclose(labeller.label(atoms, tmp_path / "000").get_forces(), atoms.positions, atol=1e-7)
    program.write_text("raise SystemExit('no licence')")
    with pytest.raises(AnharmonicError, match="no licence"):
        labeller.label(atoms, tmp_path / "001")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("rounds = 1", "rounds = 0"), "rounds is above 0"),
        (("rounds = 1", "round = 2"), "did you mean 'rounds'"),
        (("below = 30", "below = 1"), "below must be the larger"),
        (("temperatures = [300]", ""), "temperatures is missing"),
        (("temperatures = [300]", "temperatures = [-1]"), "above 0 K"),
        (('calculator = "labels.py:truth"', ""), "takes one of calculator"),
        (('calculator = "labels.py:truth"', 'incar = "INCAR"'), "kspacing"),
        (('calculator = "labels.py:truth"', 'command = "label"'), "{input}"),
        (("[[[1, -1, 0], [1, 1, 0], [0, 0, 2]]]", "[[2, 2]]"), "three rows of three integers"),
        (('"fit.toml"', '"none.toml"'), "cannot be read"),
    ],
)
def test_refusals(folder, tmp_path, change, message):
    """One message and exit code 2."""
    path = folder / "bad.toml"
    path.write_text(LEARN.replace(*change))
    with pytest.raises(AnharmonicError) as error:
        LearnPlan.read(path)
    assert message in str(error.value)


def test_command_line(folder, learned, capsys):
    """The command goes on with a folder, draws its figure, and writes the potential."""
    done = CliRunner().invoke(app, ["learn", str(folder / "learn.toml"), "--out", str(folder / "whole"), "-q"])
    assert done.exit_code == 0, done.output
    assert (folder / "whole" / "learning.png").stat().st_size > 10_000
    assert ah.load(folder / "whole" / "CsPbBr3.h5").name == "CsPbBr3"
    assert len(json.loads(Path(folder / "whole" / "history.json").read_text())) == 2
    example = CliRunner().invoke(app, ["learn", "--example"])
    assert example.exit_code == 0 and "[label]" in example.output
