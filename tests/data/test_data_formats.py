"""vaspout.h5, ML_AB, phonopy's and DeePMD-kit's files, written here in their documented layouts.

No real vaspout.h5 or ML_AB is at hand. The first is written as py4vasp's definition of the file has it, the second
after the page of the VASP manual.
"""

import lzma
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
from phonopy import Phonopy
from phonopy.file_IO import write_FORCE_SETS
from phonopy.interface.calculator import get_calculator_physical_units
from phonopy.structure.atoms import PhonopyAtoms

from anharmonic.conventions import GPA, to_voigt
from anharmonic.data import read_structures

INCAR = {"ENCUT": 520.0, "ISMEAR": 0, "SIGMA": 0.05, "PREC": b"Accurate", "ISPIN": 1, "GGA": b"PS", "LDAU": 0}


@pytest.fixture
def truth(labelled):
    """Frames of one composition, atoms sorted by species, with their labels in VASP's units and signs."""

    def make(n, matrix=(2, 2, 1), seed=0):
        found = []
        for atoms in labelled(n, matrix, seed):
            results = atoms.calc.results
            order = np.argsort(atoms.numbers, kind="stable")
            stress = atoms.get_stress(voigt=False)
            forces = results["forces"][order]
            found.append(SimpleNamespace(atoms=atoms[order], energy=results["energy"], forces=forces, stress=stress))
            found[-1].kilobar = -10 * stress / GPA
        return found

    return make


def assert_read(structures, truth, precision=1e-9):
    assert len(structures) == len(truth)
    for structure, true in zip(structures, truth, strict=True):
        assert (structure.atoms.symbols == true.atoms.symbols).all() and structure.atoms.pbc.all()
        np.testing.assert_allclose(structure.atoms.cell[:], true.atoms.cell[:], atol=precision)
        np.testing.assert_allclose(structure.atoms.positions, true.atoms.positions, atol=precision)
        np.testing.assert_allclose(structure.forces, true.forces, atol=precision)
        np.testing.assert_allclose(structure.stress, true.stress, atol=precision)
        assert structure.energy == pytest.approx(true.energy, abs=precision)


def write_vaspout(path, truth, incar=None, flags=None, scale=1.0, is_complete=True, molecular_dynamics=False):
    """The groups of a vaspout.h5 that hold ionic steps, input, and k-points."""
    symbols, counts = np.unique(truth[0].atoms.numbers, return_counts=True)
    names = [truth[0].atoms.symbols[list(truth[0].atoms.numbers).index(z)] for z in symbols]
    tags = ["free energy    TOTEN   ", "energy without entropy ", "energy(sigma->0)       "]
    if molecular_dynamics:
        tags = ["ion-electron   TOTEN   ", "kinetic energy EKIN    ", "temperature    TEIN    "]
    with h5py.File(path, "w") as file:
        for name, value in zip(("major", "minor", "patch"), (6, 4, 2), strict=True):
            file[f"version/{name}"] = value
        for group in ("input/poscar", "results/positions") if is_complete else ("input/poscar",):
            file[f"{group}/ion_types"] = np.array([f"{name:2s}" for name in names], "S")
            file[f"{group}/number_ion_types"] = counts
        for name, value in (INCAR if incar is None else incar).items():
            file[f"input/incar/{name}"] = value
        file["input/potcar/content"] = b"  PAW_PBE Cs_sv 08Apr2002\n   TITEL  = PAW_PBE Cs_sv 08Apr2002\n"
        steps = file.create_group("intermediate/ion_dynamics")
        steps["energies_tags"] = np.array(tags, "S24")
        steps["energies"] = [[true.energy, true.energy + 0.3, true.energy + 0.7] for true in truth]
        steps["scale"] = scale
        steps["lattice_vectors"] = [true.atoms.cell[:] / scale for true in truth]
        steps["position_ions"] = [true.atoms.get_scaled_positions(wrap=False) for true in truth]
        steps["forces"] = [true.forces for true in truth]
        steps["stress"] = [true.kilobar for true in truth]
        if flags is not None:
            steps["electronic_step_converged"] = np.reshape(flags, (-1, 1))
        points = np.array(np.meshgrid([0, 0.25, 0.5], [0, 0.25, 0.5], [0, 0.5])).reshape(3, -1).T
        file["results/electron_eigenvalues/kpoint_coords"] = points
        file["results/electron_eigenvalues/kpoints_symmetry_weight"] = np.ones(len(points))


@pytest.mark.parametrize("options", [{}, {"scale": 2.0}, {"is_complete": False}, {"molecular_dynamics": True}])
def test_vaspout(truth, tmp_path, options):
    true = truth(4)
    write_vaspout(tmp_path / "vaspout.h5", true, flags=[0, 0, 0, 0], **options)
    structures, refusals = read_structures(tmp_path / "vaspout.h5")
    assert not refusals
    assert_read(structures, true)
    settings = structures[0].settings
    assert (settings.cutoff, settings.functional, settings.precision) == (520.0, "PBEsol", "accurate")
    assert settings.potentials == ("PAW_PBE Cs_sv 08Apr2002",) and settings.gamma
    spacings = 2 * np.pi * np.linalg.norm(np.linalg.inv(true[0].atoms.cell[:]), axis=0) / (4, 4, 2)
    assert settings.k_spacing == pytest.approx(spacings.max(), abs=1e-4)
    assert structures[0].energy_name == "free energy (TOTEN)" and not structures[0].info


def test_convergence_in_vaspout(truth, tmp_path):
    true = truth(4)
    write_vaspout(tmp_path / "a.vaspout.h5", true, flags=[0, 1, 0, 0])
    structures, refusals = read_structures(tmp_path / "a.vaspout.h5")
    assert_read(structures, [true[0], *true[2:]])
    assert refusals[0].kind == "unconverged" and refusals[0].source.endswith(":1")
    write_vaspout(tmp_path / "b.vaspout.h5", true)  # VASP 6.4 does not tell
    structures, refusals = read_structures(tmp_path / "b.vaspout.h5")
    assert len(structures) == 4 and all(s.info == {"convergence": "not told"} for s in structures)
    write_vaspout(tmp_path / "c.vaspout.h5", true, INCAR | {"NBLOCK": 3}, [0] * 4 + [1] + [0] * 7)
    structures, refusals = read_structures(tmp_path / "c.vaspout.h5")
    assert [r.source.rsplit(":")[-1] for r in refusals] == ["1", "2"]  # one of them is the step that did not converge
    assert len(structures) == 2


@pytest.mark.parametrize(
    ("incar", "kind", "word"),
    [
        ({"ICHARG": 11}, "not self-consistent", "ICHARG = 11"),
        ({"ML_LMLFF": b"T"}, "force field", "ML_ABN"),
        ({"PSTRESS": 20.0}, "damaged", "PSTRESS = 20 kB"),
    ],
)
def test_runs_of_vaspout_that_hold_no_labels(truth, tmp_path, incar, kind, word):
    write_vaspout(tmp_path / "vaspout.h5", truth(2), INCAR | incar, [0, 0])
    structures, refusals = read_structures(tmp_path / "vaspout.h5")
    assert not structures and {r.kind for r in refusals} == {kind} and word in refusals[0].reason


def test_damaged_vaspouts(truth, tmp_path):
    true, path = truth(4), tmp_path / "vaspout.h5"

    def damaged(change):
        write_vaspout(path, true, flags=[0] * 4)
        with h5py.File(path, "a") as file:
            change(file["intermediate/ion_dynamics"])
        return read_structures(path)

    def replace(name, value):
        def change(group):
            del group[name]
            group[name] = value

        return change

    structures, (refusal,) = damaged(replace("forces", [t.forces for t in true[:2]]))
    assert len(structures) == 2 and refusal.kind == "truncated" and refusal.source.endswith(":2")
    structures, refusals = damaged(replace("energies", np.zeros((1, 3))))  # as VASP creates them
    assert not structures and {r.kind for r in refusals} == {"crashed", "truncated"}
    structures, refusals = damaged(replace("position_ions", [t.forces[:3] for t in true]))
    assert not structures and all("positions are there of 3" in r.reason for r in refusals)
    structures, (refusal,) = damaged(lambda group: group.pop("energies_tags"))
    assert not structures and "energies_tags" in refusal.reason
    structures, refusals = damaged(lambda group: group.pop("stress"))
    assert not refusals and all(s.stress is None and s.forces is not None for s in structures)
    structures, refusals = damaged(replace("stress", np.zeros((4, 3, 3))))  # a run with ISIF = 0
    assert not refusals and all(s.stress is None for s in structures)
    write_vaspout(path, true)
    whole = path.read_bytes()
    for length in np.linspace(1, len(whole) - 1, 25).astype(int):
        path.write_bytes(whole[:length])
        structures, refusals = read_structures(path)
        assert not structures and refusals
    for length in np.linspace(1, len(whole) - 1, 25).astype(int):  # space that was reserved and never written
        path.write_bytes(whole[:length] + b"\0" * (len(whole) - length))
        structures, refusals = read_structures(path)
        assert structures or refusals


LINE = {"*": "*" * 50, "-": "-" * 50, "=": "=" * 50}


def ml_ab(truth):
    """Text of an ML_AB as in the manual: a head, then configurations of titled sections."""
    rows = [" 1.0 Version", LINE["*"], "     The number of configurations", LINE["-"], f"         {len(truth)}"]
    rows += [LINE["*"], "     The atom types in the data file", LINE["-"], "     Cs Pb Br", LINE["*"]]
    for number, true in enumerate(truth, start=1):
        symbols = list(dict.fromkeys(true.atoms.symbols))
        counts = "\n".join(f"     {s:2s} {list(true.atoms.symbols).count(s):6d}" for s in symbols)
        sections = [
            ("System name", "cubic   CsPbBr3"),
            ("The number of atom types", f"  {len(symbols)}"),
            ("The number of atoms", f"  {len(true.atoms)}"),
            ("Atom types and atom numbers", counts),
            ("CTIFOR", "  2.000000000000000E-002"),
            ("Primitive lattice vectors (ang.)", numbers(true.atoms.cell[:])),
            ("Atomic positions (ang.)", numbers(true.atoms.positions)),
            ("Total energy (eV)", numbers([[true.energy]])),
            ("Forces (eV ang.^-1)", numbers(true.forces)),
        ]
        rows += [LINE["*"], f"     Configuration num. {number:6d}"]
        for title, body in sections:
            rows += [LINE["="], f"     {title}", LINE["-"], body]
        xx, yy, zz, yz, xz, xy = to_voigt(true.kilobar)
        rows += [LINE["="], "     Stress (kbar)", LINE["-"], "     XX YY ZZ", LINE["-"], numbers([[xx, yy, zz]])]
        rows += [LINE["-"], "     XY YZ ZX", LINE["-"], numbers([[xy, yz, xz]])]
    return "\n".join([*rows, LINE["*"], ""])


def numbers(rows):
    return "\n".join(" ".join(f"{x:24.15E}" for x in row) for row in rows)


def test_ml_ab(truth, tmp_path):
    true = truth(3) + truth(2, (1, 1, 1), 5)
    lead = truth(1, (1, 1, 1), 7)[0]
    keep = [i for i, symbol in enumerate(lead.atoms.symbols) if symbol != "Cs"]  # its own list of elements
    lead.atoms, lead.forces = lead.atoms[keep], lead.forces[keep]
    (tmp_path / "ML_ABN").write_text(ml_ab([*true, lead]))
    structures, refusals = read_structures(tmp_path / "ML_ABN")
    assert not refusals
    assert_read(structures, [*true, lead], 1e-12)
    assert structures[0].info == {"system": "cubic CsPbBr3"} and structures[0].settings is None
    (tmp_path / "run.ML_AB.xz").write_bytes(lzma.compress(ml_ab(true).encode()))
    assert_read(read_structures(tmp_path / "run.ML_AB.xz")[0], true, 1e-12)


def test_ml_ab_cut_anywhere_keeps_complete_configurations_and_says_so(truth, tmp_path):
    text, path = ml_ab(truth(3)), tmp_path / "ML_AB"
    whole = [s.energy for s in read_structures_of(path, text)[0]]
    end = text.rindex("E") - 20  # within the last line of numbers
    for length in np.linspace(0, end, 60).astype(int):
        structures, refusals = read_structures_of(path, text[:length])
        assert len(structures) < 3 and [s.energy for s in structures] == whole[: len(structures)]
        assert refusals and (length < 300 or "truncated" in {r.kind for r in refusals})


def read_structures_of(path, text):
    path.write_text(text)
    return read_structures(path)


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ("     Total energy (eV)", "     Total ener", "lacks 'Total energy (eV)'"),
        ("     Pb      4", "     Xx      4", "unknown chemical symbols"),
        ("     Pb      4", "     Pb      5", "'Atomic positions (ang.)' has 60 numbers"),
        ("     Pb      4", "     Pb  ****", "no atom types"),
    ],
)
def test_a_damaged_configuration_costs_itself_alone(truth, tmp_path, old, new, word):
    text = ml_ab(truth(3))
    where = text.index(old, text.index("Configuration num.      2"))
    structures, (refusal,) = read_structures_of(tmp_path / "ML_AB", text[:where] + new + text[where + len(old) :])
    assert len(structures) == 2 and refusal.source.endswith(":1") and word in refusal.reason
    assert refusal.kind == "damaged"


def test_ml_abn_goes_before_ml_ab(truth, tmp_path):
    (tmp_path / "ML_AB").write_text(ml_ab(truth(2)))
    (tmp_path / "ML_ABN").write_text(ml_ab(truth(4)))
    structures, (refusal,) = read_structures(tmp_path)
    assert len(structures) == 4 and refusal.source.endswith("ML_AB") and refusal.kind == "duplicate run"
    (tmp_path / "ML_ABN").write_text("")
    structures, (refusal,) = read_structures(tmp_path)
    assert len(structures) == 2 and refusal.source.endswith("ML_ABN:0")


@pytest.fixture
def displaced():
    """Function (calculator, n_snapshots) to a Phonopy object with displacements, forces and energies."""

    def make(calculator=None, snapshots=None):
        length = 5.87 / get_calculator_physical_units(calculator).distance_to_A
        cell = PhonopyAtoms(
            symbols=["Cs", "Pb", "Br", "Br", "Br"],
            cell=np.eye(3) * length,
            scaled_positions=[[0.5, 0.5, 0.5], [0, 0, 0], [0.5, 0, 0], [0, 0.5, 0], [0, 0, 0.5]],
        )
        phonon = Phonopy(cell, np.diag([2, 2, 2]), primitive_matrix="P", calculator=calculator)
        phonon.generate_displacements(0.05, number_of_snapshots=snapshots, random_seed=1)
        random = np.random.default_rng(2)
        supercells = phonon.supercells_with_displacements
        phonon.forces = random.normal(size=(len(supercells), 40, 3)).round(10)
        phonon.supercell_energies = random.normal(size=len(supercells)).round(8)
        return phonon

    return make


def assert_phonopy(structures, phonon, calculator=None, has_energies=True):
    units = get_calculator_physical_units(calculator)
    supercells = phonon.supercells_with_displacements
    assert len(structures) == len(supercells) > 2
    for k, (structure, cell) in enumerate(zip(structures, supercells, strict=True)):
        assert list(structure.atoms.symbols) == cell.symbols and structure.stress is None
        np.testing.assert_allclose(structure.atoms.positions, cell.positions * units.distance_to_A, atol=1e-8)
        np.testing.assert_allclose(structure.atoms.cell[:], cell.cell * units.distance_to_A, atol=1e-8)
        np.testing.assert_allclose(structure.forces, phonon.forces[k] * units.force_to_eVperA, atol=1e-6)
        energy = phonon.supercell_energies[k] * units.energy_to_eV
        assert structure.energy == (pytest.approx(energy, abs=1e-6) if has_energies else None)


@pytest.mark.parametrize("snapshots", [None, 4])
@pytest.mark.parametrize("calculator", [None, "qe"])
def test_phonopy_params(displaced, tmp_path, calculator, snapshots):
    phonon = displaced(calculator, snapshots)
    phonon.save(tmp_path / "phonopy_params.yaml", settings={"force_sets": True, "displacements": True})
    structures, refusals = read_structures(tmp_path)
    assert not refusals
    assert_phonopy(structures, phonon, calculator)
    assert abs(structures[0].atoms.cell[0, 0] - 11.74) < 1e-6


@pytest.mark.parametrize("snapshots", [None, 4])
def test_phonopy_disp_with_force_sets(displaced, tmp_path, snapshots, monkeypatch):
    phonon = displaced(None, snapshots)
    phonon.save(tmp_path / "phonopy_disp.yaml", settings={"force_sets": False, "displacements": True})
    _, (refusal,) = read_structures(tmp_path)
    assert refusal.kind == "no forces" and "FORCE_SETS" in refusal.reason
    (tmp_path / "elsewhere").mkdir()
    write_FORCE_SETS(phonon.dataset, filename=tmp_path / "elsewhere" / "FORCE_SETS")
    monkeypatch.chdir(tmp_path / "elsewhere")  # a FORCE_SETS in the working folder is of another calculation
    assert read_structures(tmp_path / "phonopy_disp.yaml")[1][0].kind == "no forces"
    _, (refusal,) = read_structures(tmp_path / "elsewhere")
    assert "no phonopy_disp.yaml" in refusal.reason
    write_FORCE_SETS(phonon.dataset, filename=tmp_path / "FORCE_SETS")
    structures, refusals = read_structures(tmp_path / "FORCE_SETS")
    assert not refusals
    assert_phonopy(structures, phonon, has_energies=False)
    (tmp_path / "elsewhere" / "FORCE_SETS").unlink()
    structures, refusals = read_structures(tmp_path)
    assert_phonopy(structures, phonon, has_energies=False)
    assert [r.kind for r in refusals] == ["duplicate run"] and refusals[0].source.endswith("FORCE_SETS")
    text = (tmp_path / "FORCE_SETS").read_text()
    (tmp_path / "FORCE_SETS").write_text(text[: len(text) // 2])
    structures, refusals = read_structures(tmp_path / "phonopy_disp.yaml")
    assert refusals and not structures
    displaced(None, snapshots or 3).save(tmp_path / "phonopy_disp.yaml", settings={"force_sets": False})
    other = displaced(None, 3)
    other.generate_displacements(0.05, number_of_snapshots=snapshots or 3, random_seed=9)
    other.forces = np.zeros((len(other.supercells_with_displacements), 40, 3))
    write_FORCE_SETS(other.dataset, filename=tmp_path / "FORCE_SETS")
    structures, (refusal,) = read_structures(tmp_path / "phonopy_disp.yaml")
    assert not structures and "two calculations" in refusal.reason


def write_deepmd(folder, truth, form="npy", mixed=False):
    """A system as DeePMD-kit's manual describes it; the virial is that of -V sigma."""
    folder.mkdir(parents=True)
    kinds = {"Cs": 0, "Pb": 2, "Br": 1}
    types = np.array([kinds[s] for s in truth[0].atoms.symbols])
    np.savetxt(folder / "type.raw", types * 0 if mixed else types, fmt="%d")
    (folder / "type_map.raw").write_text("Cs\nBr\nPb\n")
    volumes = [true.atoms.get_volume() for true in truth]
    arrays = {
        "coord": [true.atoms.positions.ravel() for true in truth],
        "box": [true.atoms.cell[:].ravel() for true in truth],
        "energy": [true.energy for true in truth],
        "force": [true.forces.ravel() for true in truth],
        "virial": [-volume * true.stress.ravel() for volume, true in zip(volumes, truth, strict=True)],
    }
    arrays |= {"real_atom_types": [types] * len(truth)} if mixed else {}
    for start in range(0, len(truth), 2) if form == "npy" else ():
        (folder / f"set.{start:03d}").mkdir()
        for name, array in arrays.items():
            np.save(folder / f"set.{start:03d}" / f"{name}.npy", np.array(array[start : start + 2]))
    for name, array in arrays.items() if form == "raw" else ():
        np.savetxt(folder / f"{name}.raw", np.array(array).reshape(len(truth), -1), fmt="%.17g")


@pytest.mark.parametrize("options", [{}, {"form": "raw"}, {"mixed": True}])
def test_deepmd(truth, tmp_path, options):
    true = truth(5)
    write_deepmd(tmp_path / "a" / "system", true, **options)
    structures, refusals = read_structures(tmp_path)
    assert not refusals and structures[4].source.endswith("type.raw:4")
    assert_read(structures, true, 1e-12)


@pytest.mark.parametrize(
    ("name", "content", "kind", "word", "left"),
    [
        ("set.002/energy.npy", None, "", "", 5),
        ("set.002/force.npy", b"", "truncated", "force.npy is no array", 3),
        ("set.002/box.npy", np.eye(3), "damaged", "different numbers of frames", 3),
        ("set.002/coord.npy", np.ones((2, 59)), "damaged", "coord has 59 numbers a frame, expected 60", 3),
        ("set.000/force.npy", np.full((2, 60), np.nan), "damaged", "not finite", 3),
        ("set.000/virial.npy", np.array([{"a": 1}, None]), "damaged", "virial.npy is no array", 3),
        ("type_map.raw", None, "damaged", "no type_map.raw", 0),
        ("type_map.raw", b"Cs Br", "damaged", "type_map.raw names 2", 0),
        ("type.raw", b"0 1 x", "damaged", "one integer an atom", 0),
    ],
)
def test_damaged_deepmd(truth, tmp_path, name, content, kind, word, left):
    write_deepmd(tmp_path / "system", truth(5))
    path = tmp_path / "system" / name
    path.unlink()
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        np.save(path, content, allow_pickle=True)
    structures, refusals = read_structures(tmp_path)
    assert len(structures) == left and all(r.kind == kind and word in r.reason for r in refusals)
    assert bool(refusals) == bool(kind)
    if not kind:
        assert [s.energy is None for s in structures] == [False, False, True, True, False]
