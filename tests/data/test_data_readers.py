"""extxyz, ASE databases and trajectories, folders: constraints, names of labels, damage."""

import json
import lzma

import ase.io
import numpy as np
import pytest
from ase.calculators.singlepoint import SinglePointCalculator
from ase.constraints import FixAtoms
from ase.db import connect

from anharmonic.data import read_structures
from anharmonic.data.refusals import file_of
from anharmonic.errors import DatasetError


@pytest.mark.parametrize("name", ["a.extxyz", "a.xyz", "a.traj", "a.db", "a.json"])
def test_constraints_do_not_zero_forces(labelled, tmp_path, name):
    frames = labelled(3)
    for atoms in frames:
        atoms.set_constraint(FixAtoms(range(5)))
    if name.endswith(("xyz", "traj")):
        ase.io.write(tmp_path / name, frames)
    else:
        with connect(tmp_path / name) as database:
            for atoms in frames:
                database.write(atoms, phase="alpha", data={"k": 3})
    structures, refusals = read_structures(tmp_path / name)
    assert not refusals and len(structures) == 3
    for structure, atoms in zip(structures, frames, strict=True):
        assert not structure.atoms.constraints and structure.atoms.calc is None
        np.testing.assert_allclose(structure.forces, atoms.calc.results["forces"], atol=1e-8)
        assert structure.energy == pytest.approx(atoms.calc.results["energy"], abs=1e-9)
        assert structure.stress.shape == (3, 3)
    if name.endswith(("db", "json")):
        assert structures[0].info == {"phase": "alpha", "k": 3} and structures[0].source.endswith(":1")


def test_free_energy_is_preferred(rattled, tmp_path):
    (atoms,) = rattled(1)
    atoms.calc = SinglePointCalculator(atoms, energy=-1.0, free_energy=-2.0)
    ase.io.write(tmp_path / "a.extxyz", atoms)
    assert read_structures(tmp_path / "a.extxyz")[0][0].energy == -2.0


@pytest.mark.parametrize(
    ("energy", "forces"), [("dft_energy", "DFT_forces"), ("REF_energy", "REF_forces"), ("Energy", "force")]
)
def test_labels_under_other_names(rattled, tmp_path, energy, forces):
    (atoms,) = rattled(1)
    virial = np.arange(9.0).reshape(3, 3) + np.arange(9.0).reshape(3, 3).T
    atoms.info = {energy: -7.5, "kinetic_energy": 1.0, "virial": virial}
    atoms.arrays[forces] = np.ones((len(atoms), 3))
    ase.io.write(tmp_path / "a.extxyz", atoms)
    (structure,), _ = read_structures(tmp_path / "a.extxyz")
    assert structure.energy == -7.5 and (structure.forces == 1).all()
    np.testing.assert_allclose(structure.stress, -virial / atoms.get_volume())


def test_the_virial_of_cspbi3_has_the_sign_of_the_stress_taken_from_it(shared):
    for structure in read_structures(shared("cspbi3_dft/train.xyz"))[0][:20]:
        from_virial = -structure.info["virial"] / structure.atoms.get_volume()
        np.testing.assert_allclose(structure.stress, from_virial, atol=1e-8)


def test_ambiguous_labels_are_refused_and_decoys_ignored(rattled, tmp_path):
    atoms, other = rattled(2)
    atoms.info = {"dft_energy": -7.5, "mace_energy": -7.4}
    other.info = {"formation_energy": -0.1, "fermi_energy": 3.0}
    ase.io.write(tmp_path / "a.extxyz", [atoms, other])
    structures, refusals = read_structures(tmp_path / "a.extxyz")
    assert structures[0].energy is None and structures[0].forces is None and structures[0].stress is None
    assert "dft_energy, mace_energy" in refusals[0].reason and refusals[0].source.endswith("a.extxyz:0")


def test_a_damaged_frame_costs_itself_alone(labelled, tmp_path):
    path = tmp_path / "a.extxyz"
    ase.io.write(path, labelled(4))
    lines = path.read_text().splitlines()
    lines[22 + 4] = "Cs what is this"
    lines[44 + 5] = " ".join([*lines[44 + 5].split()[:4], "nan", "0.0", "0.0"])
    path.write_text("\n".join(lines[:-3]))
    structures, refusals = read_structures(path)
    assert [s.source.rsplit(":")[-1] for s in structures] == ["0"]
    assert [r.source.rsplit(":")[-1] for r in refusals] == ["1", "2", "3"]
    assert "not finite" in refusals[1].reason and "ends within this frame of 20 atoms" in refusals[2].reason


def test_a_lost_line_stops_with_a_reason(labelled, tmp_path):
    path = tmp_path / "a.extxyz"
    ase.io.write(path, labelled(4))
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[:30] + lines[31:]))
    structures, refusals = read_structures(path)
    assert len(structures) == 1
    assert "nothing from there on is read" in refusals[-1].reason and "line 45" in refusals[-1].reason


NAMES = ["a.xyz", "a.traj", "a.db", "a.json", "vasprun.xml", "OUTCAR", "a.txt", "OUTCAR.gz", "vasprun.xml.xz"]
NAMES += ["vaspout.h5", "ML_AB", "ML_ABN.bz2", "phonopy_disp.yaml", "phonopy_params.yaml.xz", "FORCE_SETS", "type.raw"]
CONTENTS = [b"", b"\x00\xff rubbish \n", b"<modeling><calculation>", b"3\n\nH 0 0\n", b"\x89HDF\r\n\x1a\n"]
CONTENTS += [
    lzma.compress(b"The number of configurations\n-----\n 2")[:-20],
    b"Configuration num. 1\n",
    b"a: [1, {b: *c}]",
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("content", CONTENTS)
def test_rubbish_is_refused_and_never_raises(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    structures, refusals = read_structures(tmp_path / name)
    assert not structures and refusals and all(r.reason and file_of(r.source) == str(tmp_path / name) for r in refusals)
    assert len(read_structures(tmp_path)[1]) >= (name != "a.json")  # other .json files are of no known kind


def test_a_cut_off_trajectory(labelled, tmp_path):
    path = tmp_path / "a.traj"
    ase.io.write(path, labelled(5))
    path.write_bytes(path.read_bytes()[:-700])
    structures, refusals = read_structures(path)
    assert refusals and len(structures) < 5


def test_folders_are_walked(labelled, shared, tmp_path):
    source = shared("vasp_outputs/md/H2O_vasp5.4.4_md10.OUTCAR").parent
    for folder in ("one/deep", "two", "three"):
        (tmp_path / folder).mkdir(parents=True)
    ase.io.write(tmp_path / "one/deep/a.extxyz", labelled(2))
    (tmp_path / "one/notes.txt").write_text("no data")
    (tmp_path / "one/settings.json").write_text(json.dumps({"encut": 500}))
    for name, text in (("OUTCAR", "OUTCAR"), ("vasprun.xml", "vasprun.xml")):
        (tmp_path / "two" / name).write_bytes((source / f"H2O_vasp5.4.4_md10.{text}").read_bytes())
    (tmp_path / "three/vasprun.xml").write_text("<modeling>")
    (tmp_path / "three/OUTCAR").write_bytes((source / "H2O_vasp5.4.4_md10.OUTCAR").read_bytes())
    structures, refusals = read_structures(tmp_path)
    assert len(structures) == 2 + 10 + 10
    assert sorted(r.source.removeprefix(str(tmp_path)) for r in refusals) == ["/three/vasprun.xml:0", "/two/OUTCAR"]
    assert "same run as vasprun.xml" in next(r.reason for r in refusals if "two" in r.source)


def test_nothing_there(tmp_path):
    with pytest.raises(DatasetError, match="no file or folder at"):
        read_structures(tmp_path / "absent.extxyz")
    _, (refusal,) = read_structures(tmp_path)
    assert "no file of a known kind" in refusal.reason
