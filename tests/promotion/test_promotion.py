"""From a candidate to a project: by pair forces that cost nothing, and by the shipped potential of CsPbBr3 (slow)."""

import json
import tomllib
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ions import Ions

import anharmonic as ah
from anharmonic.analysis import TiltModes
from anharmonic.crystal import Supercell
from anharmonic.errors import AnharmonicError
from anharmonic.learning import LearnPlan
from anharmonic.phonons import harmonic_phonons
from anharmonic.phonons.points import frequencies_at
from anharmonic.promotion import promote
from anharmonic.promotion.instabilities import CELL, THZ, hessian_of, modes_of, phonons_of
from anharmonic.promotion.project import label_structures
from anharmonic.promotion.reference import cubic, reference_of
from anharmonic.promotion.structures import assumed_states, in_cell, training_structures
from anharmonic.promotion.wells import SMALL, directions_of, displaced
from anharmonic.sweep.start import relaxed_phases

POINTS = {"Γ": [0, 0, 0], "X": [0.5, 0, 0], "M": [0.5, 0.5, 0], "R": [0.5, 0.5, 0.5]}
COUNT = 30
GROUPS = {
    "a+b-b-": "Pnma", "a0a0c+": "P4/mbm", "a0b-b-": "Imma", "a0a0c-": "I4/mcm", "a-a-a-": "R-3c", "a+a+a+": "Im-3",
}  # fmt: skip
IONS = f"{Path(__file__).parent / 'ions.py'}:calculator"


def tilted(crystal):
    """A tilted crystal of 20 atoms, turned, its atoms in another order."""
    cell = Supercell.from_matrix(SMALL)
    u = TiltModes.of_crystal(crystal).displacements((0, 0, 5), (4, 4, 0), cell)
    atoms = displaced(crystal, cell, u).to_atoms()
    atoms.rotate(30, (1, 2, 3), rotate_cell=True)
    return atoms[np.random.default_rng(0).permutation(20)]


@pytest.fixture(scope="module")
def crystal():
    """The cubic crystal of the pair forces, roughly."""
    return cubic(("Cs", "Sn", "Br"), 5.9)


@pytest.fixture(scope="module")
def candidate(crystal):
    return tilted(crystal)


@pytest.fixture(scope="module")
def promoted(candidate, tmp_path_factory):
    """The promotion and its folder."""
    folder = tmp_path_factory.mktemp("promoted") / "out"
    folder.mkdir()
    return promote(candidate, folder, IONS, Ions(), count=COUNT), folder


def test_the_reference_is_recovered(promoted):
    """Who is who, the lattice parameter free of stress, the tilts of the candidate."""
    reference = promoted[0].reference
    assert reference.crystal.species == ("Cs", "Sn", "Br", "Br", "Br") and reference.relaxed
    assert reference.crystal.space_group.symbol == "Pm-3m"
    atoms = Atoms(reference.crystal.to_atoms(), calculator=Ions())
    assert abs(atoms.get_stress()).max() < 1e-5
    assert np.sort(abs(reference.tilts[np.isfinite(reference.tilts)])) == pytest.approx([0, 4, 4, 5], abs=0.1)


def compare(modes, phonon, within):
    """Frequencies (THz) of all modes with those of phonopy at the four points."""
    for label, q in POINTS.items():
        arms = 3 if label in "XM" else 1
        found = np.sort(np.concatenate([[m.frequency] * (len(m.patterns) // arms) for m in modes if m.star == label]))
        assert len(found) == (12 if label == "Γ" else 15)
        expected = frequencies_at(phonon, q)
        expected = expected[abs(expected) > 1e-3] if label == "Γ" else expected
        assert found == pytest.approx(expected, abs=within), label
    tilts = {mode.tilt: mode for mode in modes if mode.tilt}
    assert {kind: mode.star for kind, mode in tilts.items()} == {"in-phase tilt": "M", "anti-phase tilt": "R"}
    assert {modes[0].tilt, modes[1].tilt} == set(tilts) and modes[0].unstable and modes[1].unstable


def test_modes_are_those_of_phonopy(promoted):
    """Taken apart by irreps as by wave vectors; the two tilts are unstable, and nothing else."""
    result, _ = promoted
    crystal = result.reference.crystal
    cells = phonons_of(crystal, Ions())
    modes = modes_of(crystal, hessian_of(cells))
    compare(modes, cells.phonon, 1e-5)
    assert [mode.unstable for mode in modes] == [True] * 2 + [False] * (len(modes) - 2)
    assert [mode.name for mode in modes] == [mode.name for mode in result.modes]
    for mode in modes[:3]:
        assert np.linalg.norm(mode.patterns, axis=2).max(axis=(1, 2)) == pytest.approx(1)


def test_wells_curve_as_frequencies_say(promoted):
    """Second derivative of the energy along a mode: its mass times the square of its frequency."""
    result, _ = promoted
    crystal, mode = result.reference.crystal, result.modes[0]
    assert directions_of(mode) == [(1, 0, 0), (1, 1, 0), (1, 1, 1)]
    energies = []
    for amplitude in (-0.02, 0.0, 0.02):
        atoms = displaced(crystal, CELL, amplitude * mode.patterns[0]).to_atoms()
        energies.append(Ions().get_potential_energy(atoms))
    curvature = (energies[0] - 2 * energies[1] + energies[2]) / 0.02**2
    mass = (mode.patterns[0] ** 2 * crystal.masses[:, None, None]).sum()
    assert curvature == pytest.approx(-mass * (mode.frequency / THZ) ** 2, rel=0.02)
    well = next(w for w in result.wells if w.mode == mode.name)
    amplitude, energy = well.lowest
    assert 0 < amplitude < well.amplitude[-1] and energy < -1e-3


def test_phases_are_tilt_systems(promoted):
    """Each by its space group; none is above the cubic crystal; the candidate finds one of them."""
    found = {phase.name: phase for phase in promoted[0].phases}
    assert {name: found[name].space_group for name in GROUPS} == GROUPS
    assert max(phase.energy for phase in found.values()) < 1e-6
    assert found["candidate"].energy == pytest.approx(found["a+b-b-"].energy, abs=1e-3)
    for phase in found.values():
        atoms = Atoms(phase.atoms, calculator=Ions())
        assert abs(atoms.get_forces()).max() < 0.006 and phase.converged


@pytest.mark.slow
def test_the_potential_of_cspbbr3(tmp_path):
    """Frequencies are those of its Hessian, phases those of its own relaxation."""
    potential = ah.load("CsPbBr3")
    calculator = ah.Calculator(potential, extrapolation="ignore")
    crystal = cubic(("Cs", "Pb", "Br"), potential.crystal.cell[0, 0])
    modes = modes_of(crystal, hessian_of(phonons_of(crystal, calculator)))
    compare(modes, harmonic_phonons(potential, [2, 2, 2]), 0.02)
    source = (
        "import anharmonic as ah\n\ndef calculator():\n    return ah.Calculator('CsPbBr3', extrapolation='ignore')\n"
    )
    (tmp_path / "labels.py").write_text(source)
    atoms = tilted(potential.crystal)
    found = promote(atoms, tmp_path, f"{tmp_path}/labels.py:calculator", calculator, count=20)
    known = {phase.name: phase for phase in found.phases}
    own = relaxed_phases(potential)
    assert {name: known[name].space_group for name in GROUPS} == GROUPS and set(GROUPS) <= set(own)
    for name in GROUPS:
        assert known[name].energy == pytest.approx(own[name][1] - own["a0a0a0"][1], abs=1e-3), name
    assert known["candidate"].energy == pytest.approx(known["a+b-b-"].energy, abs=1e-3)


def test_structures_are_what_was_asked_for(promoted):
    """Number, sizes, all phases; no atoms on top of each other; labels of the calculator; one zero of energy."""
    _, folder = promoted
    labels = ase.io.read(folder / "labels.extxyz", ":")
    assert [a.info["number"] for a in labels] == list(range(COUNT)) and {len(a) for a in labels} == {20, 40}
    assert {"cubic", "a+b-b-", "a-a-a-", "a+a+a+"} <= {a.info["phase"] for a in labels}
    crystal = promoted[0].reference.crystal
    for atoms in labels:
        distances = atoms.get_all_distances(mic=True)[~np.eye(len(atoms), dtype=bool)]
        assert distances.min() > 0.7 * crystal.nearest_distance()
    hot = [a for a in labels if a.info["temperature"] > 0]
    energies = np.array([a.get_potential_energy() / len(a) for a in hot])
    assert (
        0.01 < energies.mean() - labels[1].get_potential_energy() / len(labels[1]) < 0.15
    )  # 3/2 kT, and what the ways cost
    assert {a.info["supercell"] for a in labels} == {"promotion"}


def test_the_project_is_taken_by_learn(promoted, tmp_path):
    """learn.toml and fit.toml are read as they are; the fit knows the labels."""
    _, folder = promoted
    plan = LearnPlan.read(folder / "learn.toml")
    crystal = plan.fit.reference()
    dataset = plan.fit.dataset(crystal)
    assert len(dataset) == COUNT and not dataset.refusals
    assert len({frame.group for frame in dataset.frames}) == 1
    atoms = promoted[0].reference.crystal.to_atoms()
    labelled = plan.labeller.label(atoms, tmp_path)
    assert labelled.get_potential_energy() == pytest.approx(Ions().get_potential_energy(atoms))
    assert "anharmonic learn learn.toml" in (folder / "README.txt").read_text()
    assert tomllib.loads((folder / "fit.toml").read_text())["fit"]["name"] == "CsSnBr3"


def test_resumed_promotions_are_the_same(promoted, candidate):
    """After a loss of labels and of a phase; nothing else is done again; edited files stay."""
    result, out = promoted
    labels, record = ase.io.read(out / "labels.extxyz", ":"), json.loads((out / "promotion.json").read_text())
    ase.io.write(out / "labels.extxyz", labels[:7] + labels[9:])
    (out / "phases" / "a0a0c+.json").unlink()
    (out / "learn.toml").write_text((out / "learn.toml").read_text().replace("rounds = 8", "rounds = 5"))
    steps = []
    again = promote(candidate, out, IONS, Ions(), count=COUNT, tell=lambda *s: steps.append(s[0]))
    assert "phonons" not in steps and "wells" not in steps
    for one, other in zip(ase.io.read(out / "labels.extxyz", ":"), labels, strict=True):
        assert one.positions == pytest.approx(other.positions, abs=1e-6)
        assert one.get_potential_energy() == pytest.approx(other.get_potential_energy(), abs=1e-6)
    now = json.loads((out / "promotion.json").read_text())
    assert [p["name"] for p in now["phases"]] == [p["name"] for p in record["phases"]]
    assert now["modes"] == record["modes"] and len(again.wells) == len(result.wells)
    assert "rounds = 5" in (out / "learn.toml").read_text()
    with pytest.raises(AnharmonicError, match="another promotion"):
        promote(candidate, out, IONS, Ions(), count=COUNT, seed=1)


def test_structures_depend_on_seed_and_number_only(crystal):
    states = assumed_states(crystal)
    few, many, other = (training_structures(crystal, states, None, n, s) for n, s in ((40, 0), (45, 0), (40, 1)))
    for one, two in zip(few, many, strict=False):
        assert np.array_equal(one.positions, two.positions)
    assert not np.array_equal(few[-1].positions, other[-1].positions)
    with pytest.raises(AnharmonicError, match="the least"):
        training_structures(crystal, states, None, 10)


def test_cells_hold_what_fits(crystal):
    """A state has the energy of its cell twice as large; what does not fit the smaller one is not put there."""
    states = assumed_states(crystal)
    for name, fits in {"a+b-b-": True, "a-a-a-": True, "a+a+a+": False, "B along 111": True}.items():
        small, large = in_cell(states[name], True), in_cell(states[name], False)
        assert (small is not None) == fits, name
        if fits:
            energies = [Ions().get_potential_energy(s.to_atoms()) / s.supercell.n_cells for s in (small, large)]
            assert energies[0] == pytest.approx(energies[1], abs=1e-9)


def test_an_interrupted_labelling_keeps_what_it_has(crystal, tmp_path):
    """Every label that was made is in the file."""

    class Stops:
        calls = 0

        def label(self, atoms, folder):
            self.calls += 1
            if self.calls > 3:
                raise KeyboardInterrupt
            atoms.calc = SinglePointCalculator(atoms, energy=0.0, forces=np.zeros((len(atoms), 3)))
            return atoms

    structures = training_structures(crystal, assumed_states(crystal), None, 25)
    with pytest.raises(KeyboardInterrupt):
        label_structures(structures, Stops(), tmp_path)
    assert len(ase.io.read(tmp_path / "labels.extxyz", ":")) == 3


def hexagonal():
    """BaNiO3, P6_3/mmc: chains of octahedra that share faces (Takeda et al., Acta Cryst. B 32, 2464 (1976))."""
    from ase.spacegroup import crystal

    sites = [(1 / 3, 2 / 3, 0.75), (0, 0, 0), (0.1462, 0.2924, 0.25)]
    return crystal(["Ba", "Ni", "O"], sites, spacegroup=194, cellpar=[5.629, 5.629, 4.811, 90, 90, 120])


@pytest.mark.parametrize(
    ("atoms", "message"),
    [
        (hexagonal(), "no distorted perovskite"),
        (Atoms("CsCl", cell=[4.1] * 3, scaled_positions=[[0, 0, 0], [0.5] * 3], pbc=True), "ABX3"),
    ],
)
def test_other_structures_are_refused(atoms, message):
    with pytest.raises(AnharmonicError, match=message):
        reference_of(atoms)


def test_cells_without_a_lattice_parameter_are_refused(candidate):
    """A calculator that always pushes."""
    from ase.calculators.calculator import Calculator as AseCalculator

    class Pushes(AseCalculator):
        implemented_properties = ["energy", "stress"]

        def calculate(self, atoms=None, properties=("energy",), system_changes=()):
            super().calculate(atoms, properties, system_changes)
            self.results = {"energy": 0.0, "stress": np.array([-1.0] * 3 + [0.0] * 3)}

    with pytest.raises(AnharmonicError, match="free of stress nowhere"):
        reference_of(candidate, Pushes())
