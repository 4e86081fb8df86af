"""Settings that must agree, the table of files, several processes, the report."""

import csv
import gzip
import lzma
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from itertools import product

import ase.io
import numpy as np
import pytest

from anharmonic.data import Dataset, Refusal, read_structures
from anharmonic.data.refusals import KINDS
from anharmonic.data.settings import Settings, disagreements, k_mesh
from anharmonic.data.table import file_table, outcome_lines, table_text, write_table
from anharmonic.errors import DatasetError

RELAXATION = "vasp_outputs/multi_step/Si8_vasp5.4.1_relax19.vasprun.xml"
STATIC = "vasp_outputs/good/CaTiO3_Pnma40_vasp5.2.12_disp1.vasprun.xml"


def test_settings_of_real_files(shared):
    settings = {name: read_structures(shared(f"vasp_outputs/{name}"))[0][0].settings for name in REAL}
    for name, expected in REAL.items():
        found = settings[name].to_dict()
        assert {key: found.get(key) for key in expected} == expected, name


REAL = {  # read by eye in the files
    "multi_step/FASnI3_cubic_vasp6.3.1_nostress.vasprun.xml.gz": {
        "cutoff": 700.0, "functional": "R2SCAN", "dispersion": "none", "hubbard": "none", "gamma": True,
        "k_spacing": round(2 * np.pi / 6.3074 / 4, 4), "smearing": "ISMEAR = 0, SIGMA = 0.05 eV",
        "precision": "accurate", "spin": "none",
    },
    "multi_step/FeO_vasp5.3.5_relax28.vasprun.xml.gz": {
        "cutoff": 520.0, "functional": "PBE", "hubbard": "LDAUTYPE = 2, LDAUU = 4 0, LDAUJ = 0 0", "spin": "polarised",
        "potentials": ["PAW_PBE Fe 06Sep2000", "PAW_PBE O 08Apr2002"],
    },
    "good/CaTiO3_Pnma40_vasp5.2.12_disp1.vasprun.xml": {"k_spacing": round(np.pi / 7.77065138, 4), "cutoff": 500.0},
    "good/Si8_vasp5.4.1_static.vasprun.xml": {"cutoff": 245.345, "functional": "PBE", "precision": "accurate"},
    "md/Cu_pypolymlp_md.vasprun.xml.gz": {"precision": "low", "k_spacing": round(2 * np.pi / 11.88417789, 4)},
    "md/LiPS_vasp5.4.1_npt10.OUTCAR": {
        "cutoff": 400.0, "functional": "PBE", "smearing": "ISMEAR = 0, SIGMA = 0.05 eV", "precision": "normal",
        "spin": "none", "gamma": True, "hubbard": "none",
    },
    "multi_step/Si2_vasp5.4.4_relax8.OUTCAR": {"cutoff": 300.0, "gamma": False},
    "unconverged/CH4_unconverged_step.OUTCAR": {"smearing": "ISMEAR = 1, SIGMA = 0.2 eV"},
}  # fmt: skip


def test_settings_of_vasprun_and_outcar_of_one_run_agree(shared):
    folder = shared("vasp_outputs/md")
    runs = [read_structures(folder / f"H2O_vasp5.4.4_md10.{kind}")[0] for kind in ("vasprun.xml", "OUTCAR")]
    assert disagreements(runs[0] + runs[1]) == []
    one, other = (run[0].settings.to_dict() for run in runs)
    assert {key: one[key] for key in other} == other


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('(name="ENMAX">)[^<]*', r"\g<1> 400.0", "plane-wave cutoffs differ: 350 eV in 19 frames .*, 400 eV in 19"),
        ('(name="GGA">)--', r"\g<1>PS", "functionals differ: PBE in 19 frames .*PBEsol in 19"),
        ('(name="LHFCALC">) F ', r"\g<1> T ", r"functionals differ: .*PBE hybrid with AEXX = 0, HFSCREEN = 0 in 19"),
        ('(name="SIGMA">)[^<]*', r"\g<1> 0.1", "smearings differ: .*SIGMA = 0.2 eV in 19 .*SIGMA = 0.1 eV in 19"),
        ('(name="PREC">)[^<]*', r"\g<1>normal", r"precisions \(PREC\) differ: accurate .*normal"),
        ('(name="ISPIN">)[^<]*', r"\g<1> 2", "treatments of spin differ: none .*polarised"),
        ('(name="LSORBIT">)[^<]*', r"\g<1> T", "treatments of spin differ: none .*spin-orbit"),
        ('(name="LUSE_VDW">)[^<]*', r"\g<1> T", "dispersion corrections differ: none .*LUSE_VDW"),
        ("PAW_PBE Si 05Jan2001", "PAW_PBE Si_sv 1Jan2011", "pseudopotentials of Si differ: PAW_PBE Si 05Jan2001 in 19"),
    ],
)
def test_disagreements_are_told(shared, tmp_path, old, new, words):
    text = re.sub(r'<i name="ENCUT">[^<]*</i>', "", shared(RELAXATION).read_text())
    for name, changed in (("a", text), ("b", re.sub(old, new, text))):
        (tmp_path / name).mkdir()
        (tmp_path / name / "vasprun.xml").write_text(changed)
    (sentence,) = disagreements(read_structures(tmp_path)[0])
    assert re.match(words, sentence) and "a/vasprun.xml:0" in sentence and "b/vasprun.xml:0" in sentence


def mesh(divisions, shift=0.0):
    return np.array(list(product(*((np.arange(n) + shift) / n for n in divisions))))


def test_k_density_does_not_depend_on_the_supercell():
    """Half the mesh in twice the cell is the same mesh; a reduced mesh and weights of zero do not matter."""
    cell = np.array([[4.0, 0, 0], [0.5, 4.2, 0], [0, 0.3, 5.0]])
    spacing, gamma = k_mesh(mesh((8, 8, 6)), cell)
    assert gamma and (spacing, True) == k_mesh(mesh((4, 4, 6)), np.diag([2, 2, 1]) @ cell)
    assert spacing == pytest.approx(
        (2 * np.pi * np.linalg.norm(np.linalg.inv(cell), axis=0) / (8, 8, 6)).max(), abs=1e-4
    )
    points = mesh((8, 8, 6))
    irreducible = points[(points <= 0.5).all(1)]
    assert k_mesh(irreducible, cell) == (spacing, True)
    assert k_mesh(mesh((8, 8, 6), 0.5), cell) == (spacing, False)
    assert k_mesh([[0, 0, 0]], np.eye(3) * 10) == (pytest.approx(0.6283, abs=1e-4), True)


def test_spacings_disagree_beyond_the_tolerance(shared):
    (structure,), _ = read_structures(shared(STATIC))

    def with_spacing(*spacings):
        changed = [replace(structure.settings, k_spacing=spacing) for spacing in spacings]
        return disagreements([replace(structure, settings=settings) for settings in changed])

    assert with_spacing(0.20, 0.21, 0.225) == []
    (sentence,) = with_spacing(0.20, 0.21, 0.26)
    assert "0.200 1/A" in sentence and "0.260 1/A" in sentence


def test_unknown_settings_disagree_with_nothing_and_energies_of_two_kinds_do(shared):
    (structure,), _ = read_structures(shared(STATIC))
    assert disagreements([structure, replace(structure, settings=None), replace(structure, settings=Settings())]) == []
    assert disagreements([structure, replace(structure, energy_name="free energy (TOTEN)")]) == []
    (sentence,) = disagreements([structure, replace(structure, energy_name="energy")])
    assert sentence.startswith("energies differ: free energy in 1 frames")


def test_settings_survive_in_a_data_set_and_its_file(shared, tmp_path, perovskite):
    structures, _ = read_structures(shared(STATIC))
    data = Dataset.read(shared(STATIC), perovskite("Ca", "Ti", "O", 3.9), max_displacement=1.0)
    assert data.frames[0].settings == structures[0].settings
    data.to_extxyz(tmp_path / "a.extxyz")
    again = Dataset.read(tmp_path / "a.extxyz", data.crystal, max_displacement=1.0)
    assert again.frames[0].settings == structures[0].settings
    assert again.frames[0].energy_name == "free energy (e_fr_energy)"


@pytest.fixture
def tree(shared, labelled, tmp_path):
    """A deep folder tree of sound, compressed and damaged files."""
    text = shared(RELAXATION).read_bytes()
    folder = tmp_path / "tree"
    for name, content in {
        "a/vasprun.xml": text,
        "a/b/c/d/vasprun.xml.gz": gzip.compress(text),
        "a/b/e/vasprun.xml.xz": lzma.compress(text),
        "a/b/f/vasprun.xml.xz": lzma.compress(text)[:-2000],
        "g/vasprun.xml": text[: len(text) // 2],
        "g/OUTCAR": shared("vasp_outputs/multi_step/Si2_vasp5.4.4_relax8.OUTCAR").read_bytes(),
        "h/OUTCAR": b"",
        "i/OUTCAR": shared("vasp_outputs/unconverged/CH4_unconverged_step.OUTCAR").read_bytes(),
        "i/vasprun.xml": b"\0\1\2" * 1000,
        "i/INCAR": b"ENCUT = 3",
        "j/vasprun.xml": re.sub(b'<varray name="stress" >.*?</varray>', b"", text, flags=re.DOTALL),
        "k/vaspout.h5": b"\x89HDF\r\n\x1a\n and nothing more",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    (folder / "l").mkdir()
    ase.io.write(folder / "l" / "labels.extxyz", labelled(3, forces=False))
    (folder / "m").symlink_to(folder / "nowhere")
    (folder / "l" / "OUTCAR").symlink_to(folder / "nowhere")
    return folder


def test_the_table_tells_file_by_file(tree, tmp_path):
    structures, refusals = read_structures(tree)
    records = file_table(structures, refusals, [tree])
    found = {r.path.removeprefix(f"{tree}/"): (r.format, r.taken, dict(r.missing), dict(r.refused)) for r in records}
    cut = found.pop("a/b/f/vasprun.xml.xz"), found.pop("g/vasprun.xml")
    assert all(0 < taken < 19 and refused == {"truncated": 1} for _, taken, _, refused in cut)
    assert found == {
        "a/vasprun.xml": ("vasprun", 19, {}, {}),
        "a/b/c/d/vasprun.xml.gz": ("vasprun", 19, {}, {}),
        "a/b/e/vasprun.xml.xz": ("vasprun", 19, {}, {}),
        "g/OUTCAR": ("outcar", 0, {}, {"duplicate run": 1}),
        "h/OUTCAR": ("outcar", 0, {}, {"crashed": 1}),
        "i/OUTCAR": ("outcar", 2, {}, {"unconverged": 1}),
        "i/vasprun.xml": ("vasprun", 0, {}, {"crashed": 1}),
        "i/INCAR": ("not read", 0, {}, {}),
        "j/vasprun.xml": ("vasprun", 19, {"stress": 19}, {}),
        "k/vaspout.h5": ("vaspout", 0, {}, {"damaged": 1}),
        "l/labels.extxyz": ("extxyz", 3, {"forces": 3}, {}),
        "l/OUTCAR": ("outcar", 0, {}, {"damaged": 1}),
        "m": ("not read", 0, {}, {}),
    }
    text = table_text(records)
    assert len(text.splitlines()) == len(records) + 1 and "duplicate run 1" in text
    write_table(tmp_path / "table.csv", records)
    with open(tmp_path / "table.csv", newline="") as file:
        rows = {row["file"].removeprefix(f"{tree}/"): row for row in csv.DictReader(file)}
    assert set(KINDS) <= set(rows["m"]) and len(rows) == len(records)
    assert rows["i/OUTCAR"]["taken"] == "2" and rows["i/OUTCAR"]["unconverged"] == "1"
    assert rows["j/vasprun.xml"]["no_stress"] == "19" and "same run" in rows["g/OUTCAR"]["reasons"]
    lines = outcome_lines(records)
    assert "3 vasprun: 57 frames" in lines[0] and len(lines) < len(records)
    assert sum(int(line.split()[0]) for line in outcome_lines(records, shown=3)) == len(records)


def test_a_verdict_on_a_run_is_not_evaded_by_its_other_files(shared, tmp_path):
    """What vasprun.xml says did not converge is not taken from a vaspout.h5 that cannot tell; a junk file may be."""
    source = shared("vasp_outputs/unconverged/Si2_elec_unconverged.vasprun.xml")
    shutil.copy(source, tmp_path / "vasprun.xml")
    shutil.copy(shared("vasp_outputs/multi_step/Si2_vasp5.4.4_relax8.OUTCAR"), tmp_path / "OUTCAR")
    structures, refusals = read_structures(tmp_path)
    assert not structures and [r.kind for r in refusals] == ["unconverged", "duplicate run"]
    (tmp_path / "vasprun.xml").write_text("junk")
    structures, refusals = read_structures(tmp_path)
    assert len(structures) == 8 and [r.kind for r in refusals] == ["crashed"]


def test_a_file_that_tells_convergence_is_preferred(shared, tmp_path):
    text = re.sub(r'<i type="int" name="NELM">[^<]*</i>', "", shared(RELAXATION).read_text())
    (tmp_path / "vasprun.xml").write_text(text)
    structures, _ = read_structures(tmp_path)
    assert len(structures) == 19 and all("convergence" in s.info for s in structures)
    shutil.copy(shared("vasp_outputs/multi_step/Si2_vasp5.4.4_relax8.OUTCAR"), tmp_path / "OUTCAR")
    structures, (refusal,) = read_structures(tmp_path)
    assert len(structures) == 8 and refusal.source.endswith("vasprun.xml") and refusal.kind == "duplicate run"


def assert_equal(one, other):
    assert [s.source for s in one[0]] == [s.source for s in other[0]] and one[1] == other[1]
    for a, b in zip(one[0], other[0], strict=True):
        assert (a.energy, a.settings, a.energy_name, a.info) == (b.energy, b.settings, b.energy_name, b.info)
        assert a.atoms == b.atoms
        assert (a.forces is None) == (b.forces is None) and (a.stress is None) == (b.stress is None)
        assert a.forces is None or np.array_equal(a.forces, b.forces)


def test_several_processes_give_the_same_in_the_same_order(tree, monkeypatch):
    monkeypatch.setattr("anharmonic.data.processes.START", 1e-6)
    serial = read_structures(tree)
    assert_equal(serial, read_structures(tree, workers=2))


def test_several_processes_map_alike(labelled, perovskite, tmp_path, monkeypatch):
    frames = labelled(6) + labelled(4, (1, 1, 2), 5)
    frames[3].symbols[0] = "Rb"
    ase.io.write(tmp_path / "a.extxyz", frames)
    crystal = perovskite("Cs", "Pb", "Br", 5.868)
    serial = Dataset.read(tmp_path, crystal)
    monkeypatch.setattr("anharmonic.data.processes.START", 1e-6)
    data = Dataset.read(tmp_path, crystal, workers=2)
    assert data.refusals == serial.refusals and len(data) == len(serial) == 9
    for one, other in zip(data, serial, strict=True):
        assert (one.source, one.energy, one.group) == (other.source, other.energy, other.group)
        assert one.configuration.crystal is crystal and np.array_equal(one.forces, other.forces)
        for name in ("deformation", "displacements", "order"):
            assert np.array_equal(getattr(one.configuration, name), getattr(other.configuration, name))
    assert len({id(frame.configuration.supercell) for frame in data}) == 2 and len(data.batches()) == 2


def test_little_work_starts_no_process(tree, monkeypatch):
    def refuse(*arguments, **options):
        raise AssertionError("a process was started")

    monkeypatch.setattr("anharmonic.data.processes.ProcessPoolExecutor", refuse)
    assert len(read_structures(tree, workers=None)[0]) > 70


def test_a_script_without_protection_gets_an_advice(tree, tmp_path):
    """Spawned processes import the script anew; without a guard it would read again, without end."""
    script = tmp_path / "script.py"
    script.write_text(
        "import anharmonic.data.processes\n"
        "from anharmonic.data import read_structures\n"
        "from anharmonic.errors import DatasetError\n"
        "anharmonic.data.processes.START = 1e-6\n"
        f"try:\n    read_structures({str(tree)!r}, workers=2)\n"
        "except DatasetError as error:\n    print('told:', error)\n"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60, env=environment)
    assert "told: a process that reads files died" in done.stdout and "__main__" in done.stdout


def test_progress_of_reading(tree, capsys):
    read_structures(tree, progress=True)
    out = capsys.readouterr().out
    assert "reading" in out and re.search(r"13/13 .*files/s", out)


def test_kinds_of_what_does_not_map(labelled, perovskite, tmp_path):
    frames = labelled(3)
    frames[0].symbols[0] = "Rb"
    frames[1].positions[4] += 3.0
    ase.io.write(tmp_path / "a.extxyz", frames)
    data = Dataset.read(tmp_path / "a.extxyz", perovskite("Cs", "Pb", "Br", 5.868))
    assert [r.kind for r in data.refusals] == ["composition", "mapping"] and len(data) == 1
    assert "refused: composition 1, mapping 1" in data.report()
    with pytest.raises(ValueError, match="no kind of refusal"):
        Refusal("a", "b", "whim")


def test_the_report_stays_short(labelled, perovskite, tmp_path):
    ase.io.write(tmp_path / "a.extxyz", labelled(1))
    data = Dataset.read(tmp_path, perovskite("Cs", "Pb", "Br", 5.868))
    refusals = [Refusal(f"{k}.xml:0", "often") for k in range(500)]
    refusals += [Refusal(f"{k}.xml", f"reason {'abcdefghij'[k // 10]}{'abcdefghij'[k % 10]}") for k in range(100)]
    report = replace(data, refusals=tuple(refusals)).report()
    assert len(report.splitlines()) < 50 and "81  for other reasons" in report
    assert report.index("500  often") < report.index("1  reason aa")


def test_the_report_warns(shared, tmp_path, perovskite):
    text = shared(STATIC).read_text()
    (tmp_path / "a.vasprun.xml").write_text(text)
    (tmp_path / "b.vasprun.xml").write_text(text.replace("500.00000000</i>", "450.00000000</i>"))
    data = Dataset.read(tmp_path, perovskite("Ca", "Ti", "O", 3.9), max_displacement=1.0)
    report = data.report()
    assert "warnings:" in report and "plane-wave cutoffs differ: 500 eV in 1 frames" in report
    assert "energies: free energy (e_fr_energy) in 2" in report and "2 vasprun: 2 frames" in report
    assert "warnings" not in Dataset.read(tmp_path / "a.vasprun.xml", data.crystal, max_displacement=1.0).report()


def test_one_of_two_energies_is_chosen(labelled, perovskite, tmp_path):
    """The free energy, or the other one if asked for; a difference that varies is a warning, a constant is none."""
    frames = labelled(4)
    free = [atoms.get_potential_energy() for atoms in frames]
    for k, atoms in enumerate(frames):
        atoms.calc.results |= {"free_energy": free[k], "energy": free[k] + 0.05 * k}
    ase.io.write(tmp_path / "a.extxyz", frames)
    crystal = perovskite("Cs", "Pb", "Br", 5.868)
    data = Dataset.read(tmp_path, crystal)
    assert [frame.energy for frame in data] == pytest.approx(free)
    assert "energy and free energy differ by" in data.report()
    other = Dataset.read(tmp_path, crystal, energy="energy")
    assert [frame.energy for frame in other] == pytest.approx([e + 0.05 * k for k, e in enumerate(free)])
    assert {frame.energy_name for frame in other} == {"free_energy", "energy"}  # of the first both are equal
    other.to_extxyz(tmp_path / "b.xyz")
    again = Dataset.read(tmp_path / "b.xyz", crystal)
    assert [frame.energy for frame in again] == pytest.approx([frame.energy for frame in other])
    for atoms, e in zip(frames, free, strict=True):
        atoms.calc.results["energy"] = e + 0.3
    ase.io.write(tmp_path / "a.extxyz", frames)
    assert "energy and free energy differ" not in Dataset.read(tmp_path / "a.extxyz", crystal).report()
    with pytest.raises(DatasetError, match="free_energy, energy"):
        Dataset.read(tmp_path / "a.extxyz", crystal, energy="enthalpy")
