"""Relaxation of candidates, energies of formation and above competing phases, inputs for other codes."""

import csv
import json
import signal

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.calculator import Calculator as AseCalculator
from ase.calculators.calculator import all_changes
from ase.calculators.emt import EMT
from crystals import perovskite

import anharmonic as ah
from anharmonic.analysis import TiltModes
from anharmonic.conventions import GPA
from anharmonic.crystal import Configuration, Supercell
from anharmonic.errors import AnharmonicError
from anharmonic.parallel import Workers, team
from anharmonic.screening.entries import Entry
from anharmonic.screening.relaxation.formation_energies import (
    SITES,
    Competing,
    References,
    element,
    energy_above_competing,
    formation_energy,
)
from anharmonic.screening.relaxation.inputs import write_inputs
from anharmonic.screening.relaxation.many import anion_shifts, confirmed, relax_all, with_formation
from anharmonic.screening.relaxation.relax import relax
from anharmonic.stopping import Stopped

SETTINGS = {"fmax": 0.02, "steps": 100}


class Counting(EMT):
    """EMT that counts its calls, and stops after some."""

    def __init__(self, most=10**9):
        super().__init__()
        self.calls, self.most = 0, most

    def calculate(self, *arguments, **named):
        self.calls += 1
        if self.calls > self.most:
            raise KeyboardInterrupt
        super().calculate(*arguments, **named)


class Broken(AseCalculator):
    """Pushes without end, knows no number, or fails."""

    implemented_properties = ["energy", "forces", "stress"]

    def __init__(self, stress, force=0.0, fails=False):
        super().__init__()
        self.stress, self.force, self.fails = stress, force, fails

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        if self.fails:
            raise RuntimeError("no parameters for this element")
        forces = np.full((len(atoms), 3), self.force)
        self.results = {"energy": 0.0, "forces": forces, "stress": np.array([self.stress] * 3 + [0.0] * 3)}


@pytest.fixture(scope="module")
def tilted():
    """CsPbBr3 in 20 atoms, tilted by less than at rest, and the calculator of the shipped potential."""
    crystal = ah.load("CsPbBr3").crystal
    cell = Supercell.from_matrix([[1, -1, 0], [1, 1, 0], [0, 0, 2]])
    u = TiltModes.of_crystal(crystal).displacements((0, 0, 5), (4, 4, 0), cell)
    state = Configuration.reference(crystal, cell)
    start = Configuration(crystal, cell, state.deformation, u, state.order)
    return start, ah.Calculator("CsPbBr3", extrapolation="ignore")


def test_a_tilted_perovskite_relaxes_to_the_ground_state(tilted):
    """Energy and volume of the potential's own relaxation by another optimiser; still a perovskite."""
    start, calculator = tilted
    atoms = start.to_atoms()
    found = relax(atoms, calculator, fmax=0.003)
    state, energy = ah.relax(ah.load("CsPbBr3"), start)
    assert found.converged and found.fmax <= 0.003 and not found.reason
    assert 20 * found.energy == pytest.approx(energy, abs=2e-3)
    assert found.atoms.get_volume() == pytest.approx(state.volume, rel=1e-3)
    assert found.volume_change == pytest.approx(found.atoms.get_volume() / atoms.get_volume() - 1)
    assert found.perovskite_before and found.perovskite_after and found.displacement > 0.05
    assert atoms.calc is None


def test_pressure_and_rattle():
    """A metal under pressure has it as its stress; a rattled one comes back; what did not move has not moved."""
    squeezed = relax(bulk("Cu", a=3.5), EMT(), fmax=1e-3, pressure=5.0)
    squeezed.atoms.calc = EMT()
    assert -squeezed.atoms.get_stress()[:3].mean() / GPA == pytest.approx(5.0, abs=0.05)
    again = relax(bulk("Cu", cubic=True), EMT(), fmax=1e-3, rattle=0.05)
    assert again.energy == pytest.approx(relax(bulk("Cu"), EMT(), fmax=1e-3).energy, abs=1e-5)
    assert again.displacement < 5e-3 and again.perovskite_after is None


@pytest.mark.parametrize(
    ("calculator", "reason"),
    [
        (Broken(-0.5), "exploded"),
        (Broken(0.5), "collapsed"),
        (Broken(np.nan), "not finite"),
        (Broken(0.0, fails=True), "no parameters"),
    ],
)
def test_failures_are_told(calculator, reason):
    """None crashes; energies of what failed are not numbers to use."""
    found = relax(perovskite(), calculator, steps=200)
    assert not found.converged and reason in found.reason


def test_too_few_steps_are_told():
    found = relax(bulk("Cu", a=4.2), EMT(), fmax=1e-4, steps=2)
    assert not found.converged and found.steps <= 2 and "is left after" in found.reason


def test_nonsense_is_refused():
    with pytest.raises(AnharmonicError, match="no atoms"):
        relax(bulk("Cu")[:0], EMT())


def metals():
    return [Entry(name, bulk(name, a=a)) for name, a in {"Cu": 3.5, "Ag": 4.2, "Au": 4.3}.items()]


def test_interrupted_relaxations_go_on(tmp_path):
    """What is done is not done again; the records are those of an uninterrupted run."""
    whole, _ = relax_all(metals(), Counting, "emt", tmp_path / "whole", SETTINGS)
    few = Counting(6)
    with pytest.raises(KeyboardInterrupt):
        relax_all(metals(), lambda: few, "emt", tmp_path / "cut", SETTINGS)
    (tmp_path / "cut" / "relaxed.jsonl").open("a").write('{"name": "Ag", "ke')  # as a power failure leaves it
    (tmp_path / "cut" / "relaxed.jsonl").open("a").write("\n")
    again, _ = relax_all(metals(), Counting, "emt", tmp_path / "cut", SETTINGS)
    assert again == whole
    done = Counting()
    assert relax_all(metals(), lambda: done, "emt", tmp_path / "cut", SETTINGS)[0] == whole and done.calls == 0
    relax_all(metals()[:1], lambda: done, "emt", tmp_path / "cut", SETTINGS | {"fmax": 0.01})
    assert done.calls > 0
    assert ase.io.read(tmp_path / "cut" / "structures" / "Ag.cif").cell.lengths()[0] == pytest.approx(2.89, abs=0.02)


def test_a_stop_keeps_what_is_done(tmp_path):
    """Asked after the first structure, it stops within the second; what was done is not done again."""
    stop = lambda: signal.SIGTERM if (tmp_path / "relaxed.jsonl").exists() else None  # noqa: E731
    with pytest.raises(Stopped, match="stopped by SIGTERM$"):
        relax_all(metals(), Counting, "emt", tmp_path, SETTINGS, stop=stop)
    assert len((tmp_path / "relaxed.jsonl").read_text().splitlines()) == 1
    assert len(relax_all(metals(), Counting, "emt", tmp_path, SETTINGS)[0]) == 3


def test_workers_relax_the_same(tmp_path):
    """By two processes, one structure refused: the same records in the same order."""
    pytest.importorskip("distributed")
    flat = Entry("flat", Atoms("Cu", cell=[1, 1, 0], pbc=True))
    entries = [*metals(), flat, *(Entry(f"Cu {a}", bulk("Cu", a=a)) for a in (3.4, 3.8))]
    alone = relax_all(entries, EMT, "emt", tmp_path / "one", SETTINGS)
    with team(Workers(2), len(entries)) as crew:
        shared = relax_all(entries, EMT, "emt", tmp_path / "two", SETTINGS, crew=crew)
    assert shared == alone and len(shared[0]) == 5 and [r.name for r in shared[1]] == ["flat"]
    files = [sorted(path.name for path in (tmp_path / k / "structures").iterdir()) for k in ("one", "two")]
    assert files[0] == files[1] and len(files[0]) == 5


def test_energies_of_formation(tmp_path):
    """Of Cu3Au by EMT: that of the alloy less those of the metals, which are relaxed once."""
    alloy = bulk("Cu", cubic=True, a=3.75)
    alloy.symbols[0] = "Au"
    calculator = Counting()
    records, _ = relax_all([Entry("alloy", alloy)], lambda: calculator, "emt", tmp_path, SETTINGS)
    references = References(tmp_path / "elements.json", "emt", calculator)
    found, refused = with_formation(records, references, [Competing("CuAu", -0.3)], {"alloy": -0.5})
    pure = {s: relax(bulk(s), EMT(), steps=500).energy for s in ("Cu", "Au")}
    expected = records[0]["energy"] - 0.75 * pure["Cu"] - 0.25 * pure["Au"]
    assert found[0]["formation"] == pytest.approx(expected, abs=1e-9) and not refused
    assert found[0]["above_competing"] == pytest.approx(expected + 0.15)
    assert found[0]["error"] == pytest.approx(-0.5 - expected) and not confirmed(found[0])
    before = calculator.calls
    assert formation_energy(pure["Au"], ["Au"], References(tmp_path / "elements.json", "emt", calculator)) == (
        pytest.approx(0, abs=1e-9)
    )
    assert calculator.calls == before
    assert set(json.loads((tmp_path / "elements.json").read_text())["emt"]) == {"Cu", "Au"}


def test_shifts_of_anions():
    """A table whose oxygen is lower by 0.4 eV: found from two compounds, and what it shifts agrees with it."""
    base = {"converged": True, "perovskite_after": True, "phases": ""}
    records = [
        base | {"name": name, "symbols": symbols, "energy": energy, "formation": energy}
        for name, symbols, energy in (
            ("one", ["Sr", "Ti", *"OOO"], -3.0), ("two", ["Sr", "O"], -2.5), ("new", ["Ba", "Ti", *"OOO"], -2.9),
        )
    ]  # fmt: skip
    shifts = anion_shifts(records[:2], {"one": -3.0 + 0.6 * 0.4, "two": -2.5 + 0.5 * 0.4})
    assert shifts["O"] == (pytest.approx(0.4), 2)
    none = dict.fromkeys(("Sr", "Ti", "Ba", "O"), 0.0)
    found, _ = with_formation(records[2:], none, predicted={"new": -2.7}, shifts=shifts)
    assert found[0]["formation"] == -2.9 and found[0]["aligned"] == pytest.approx(-2.66)
    assert found[0]["error"] == pytest.approx(-0.04) and confirmed(found[0])


def test_crystals_of_elements():
    """Every element's nearest distance is that of its bond; unknown ones are refused, given ones are taken."""
    bonds = {"Cl": 1.98, "Br": 2.29, "I": 2.70, "Ga": 2.46, "P": 2.22, "Se": 2.37, "Te": 2.84, "B": 1.67}
    assert set(bonds) == set(SITES)
    for symbol, bond in bonds.items():
        distances = element(symbol).repeat(2).get_all_distances(mic=True)
        assert distances[distances > 0.1].min() == pytest.approx(bond, abs=0.04), symbol
    assert element("O").get_initial_magnetic_moments().sum() == 2 and len(element("Cs")) == 1
    with pytest.raises(AnharmonicError, match="Mn"):
        element("Mn")


def test_energies_above_competing_phases():
    """By hand: CsSnBr3 against CsBr + SnBr2; of elements alone; a rival of the same composition."""
    counts, rivals = {"Cs": 1, "Sn": 1, "Br": 3}, [Competing("CsBr", -1.9), Competing("SnBr2", -0.9)]
    distance, phases = energy_above_competing(counts, -1.28, [*rivals, Competing("NaCl", -9.0)])
    assert distance == pytest.approx(-1.28 + (2 * 1.9 + 3 * 0.9) / 5) and phases == ["CsBr", "SnBr2"]
    assert energy_above_competing(counts, -1.0, [])[0] == pytest.approx(-1.0)
    distance, phases = energy_above_competing(counts, -1.28, [*rivals, Competing("CsSnBr3", -1.4)])
    assert distance == pytest.approx(0.12) and phases == ["CsSnBr3"]


@pytest.mark.parametrize("code", ["qe", "gpaw", "vasp"])
def test_inputs(tmp_path, code):
    """The structure comes back from them; the mesh is as fine as said; spin, PBE and a free cell are asked for."""
    atoms = perovskite(5.87, "CsPbBr3")
    write_inputs(atoms, code, tmp_path, "one")
    path = {"qe": "one.pwi", "gpaw": "one.extxyz", "vasp": "one/POSCAR"}[code]
    assert ase.io.read(tmp_path / path).get_volume() == pytest.approx(atoms.get_volume())
    text = "".join(p.read_text() for p in tmp_path.rglob("*") if p.is_file())
    wanted = {"qe": ("vc-relax", "5 5 5", "nspin"), "gpaw": ("(5, 5, 5)", "FrechetCellFilter"), "vasp": ("ISIF = 3",)}
    for words in wanted[code]:
        assert words in text
    assert not list(tmp_path.rglob("POTCAR"))


def test_unknown_codes_are_refused(tmp_path):
    with pytest.raises(AnharmonicError, match="qe, gpaw, vasp"):
        write_inputs(perovskite(), "abinit", tmp_path, "one")


def test_command_line(tmp_path, monkeypatch, capsys):
    """Table, files and figure; unknown calculators end with exit code 2."""
    from anharmonic.cli.main import main

    monkeypatch.chdir(tmp_path)
    (tmp_path / "emt.py").write_text("from ase.calculators.emt import EMT\n")
    for entry in metals():
        ase.io.write(f"{entry.name}.cif", entry.atoms)
    (tmp_path / "guess.csv").write_text("name,e\nCu,0.1\nAg,0.5\n")
    files = ["Cu.cif", "Ag.cif", "Au.cif"]
    command = ["screen", "relax", *files, "--calculator", "emt.py:EMT", "--properties", "guess.csv", "--predicted", "e"]
    assert main([*command, "--out", "out"]) == 0
    rows = {row["name"]: row for row in csv.DictReader((tmp_path / "out" / "relax.csv").open())}
    assert abs(float(rows["Cu"]["formation"])) < 1e-3 and float(rows["Ag"]["error"]) == pytest.approx(0.5, abs=1e-3)
    assert (tmp_path / "out" / "relax.png").stat().st_size > 5000
    assert json.loads((tmp_path / "out" / "relax.json").read_text())["converged"] == 3
    assert main(["screen", "relax", "Cu.cif", "--inputs", "vasp", "--out", "in"]) == 0
    assert (tmp_path / "in" / "Cu" / "POSCAR").exists()
    capsys.readouterr()
    assert main(["screen", "relax", "Cu.cif", "--calculator", "none"]) == 2
    assert "7net-0" in capsys.readouterr().err
