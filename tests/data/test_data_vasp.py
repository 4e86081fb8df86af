"""Outputs of VASP: numbers, signs, convergence, and every kind of damage."""

import gzip
import lzma
import re
import tarfile
from collections import Counter
from xml.etree import ElementTree

import ase.io
import numpy as np
import pytest

from anharmonic.conventions import GPA, stress_from_vasp, to_voigt
from anharmonic.data import read_structures
from anharmonic.data.files import read_text
from anharmonic.data.table import file_table

RELAXATION = "vasp_outputs/multi_step/Si8_vasp5.4.1_relax19.vasprun.xml"

OUTPUTS = {  # file: frames taken, frames without stress, refusals by kind, a word of the first reason
    "good/CaTiO3_Pnma40_vasp5.2.12_disp1.vasprun.xml": (1, 0, {}, ""),
    "good/CaTiO3_Pnma40_vasp5.2.12_disp2.vasprun.xml": (1, 0, {}, ""),
    "good/CaTiO3_Pnma40_vasp5.2.12_disp3.vasprun.xml": (1, 0, {}, ""),
    "good/CaTiO3_Pnma40_vasp5.2.12_disp4.vasprun.xml": (1, 0, {}, ""),
    "good/Si8_vasp5.4.1_static.vasprun.xml": (1, 0, {}, ""),
    "md/Cu_pypolymlp_md.vasprun.xml.gz": (66, 0, {}, ""),
    "md/H2O_vasp5.4.4_md10.OUTCAR": (10, 0, {}, ""),
    "md/H2O_vasp5.4.4_md10.vasprun.xml": (10, 0, {}, ""),
    "md/H2O_vasp5.4.4_triclinic_md3.vasprun.xml": (3, 0, {}, ""),
    "md/LiPS_vasp5.4.1_npt10.OUTCAR": (10, 0, {}, ""),
    "multi_step/FASnI3_cubic_vasp6.3.1_nostress.vasprun.xml.gz": (422, 422, {}, ""),
    "multi_step/FASnI3_tetra_vasp6.3.1_nostress.vasprun.xml.gz": (378, 378, {}, ""),
    "multi_step/FeO_vasp5.3.5_relax28.vasprun.xml.gz": (28, 0, {}, ""),
    "multi_step/Si2_vasp5.4.4_relax8.OUTCAR": (8, 0, {}, ""),
    "multi_step/Si8_vasp5.4.1_relax19.vasprun.xml": (19, 0, {}, ""),
    "unconverged/CH4_unconverged_step.OUTCAR": (2, 0, {"unconverged": 1}, "NELM = 15"),
    "unconverged/Si2_elec_unconverged.vasprun.xml": (0, 0, {"unconverged": 1}, "NELM = 8"),
    "unconverged/Si2_ionic_not_converged.OUTCAR": (2, 0, {}, ""),  # not relaxed, but each step is sound
    "unconverged/Si2_ionic_unconverged.vasprun.xml": (5, 0, {}, ""),
    "unconverged/Si2_nelm_breach_all.OUTCAR": (0, 0, {"unconverged": 5}, "NELM = 6"),
    "unconverged/V4O10_elec_unconverged.vasprun.xml.gz": (0, 0, {"unconverged": 5}, "NELM = 100"),
    "damaged/InAs_ill_format.vasprun.xml.gz": (0, 0, {"not self-consistent": 1}, "ICHARG = 11"),
    "damaged/Si2_crashed_0steps.OUTCAR": (0, 0, {"crashed": 1}, "crashed"),
    "damaged/Si2_unfinished_no_stress.vasprun.xml": (0, 0, {"truncated": 1}, "ends within"),
    "multi_step/FASnI3_cubic.INCAR": (0, 0, {"unknown format": 1}, "known kind"),
    "multi_step/FASnI3_cubic.POSCAR": (0, 0, {"unknown format": 1}, "known kind"),
    "multi_step/FASnI3_cubic_vasp6.3.1.XDATCAR.gz": (0, 0, {"unknown format": 1}, "known kind"),
}
READABLE = [name for name, (taken, *_) in OUTPUTS.items() if taken]


def test_the_table_has_every_file(shared):
    folder = shared("vasp_outputs")
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} == set(OUTPUTS)


@pytest.mark.parametrize("name", OUTPUTS)
def test_every_output_gives_frames_or_reasons(shared, name):
    path = shared("vasp_outputs/" + name)
    structures, refusals = read_structures(path)
    taken, without_stress, refused, word = OUTPUTS[name]
    (record,) = file_table(structures, refusals)
    assert record.path == str(path) and record.taken == taken and dict(record.refused) == refused
    assert record.missing == Counter({"stress": without_stress})
    assert all(reason for reason in record.reasons) and (not refusals or word in refusals[0].reason)
    for structure in structures:
        assert np.isfinite(structure.energy) and structure.forces.shape == structure.atoms.positions.shape
        assert structure.energy_name.startswith("free energy") and not structure.info
        assert structure.settings.cutoff >= 200 and structure.settings.functional in ("PBE", "R2SCAN")


@pytest.mark.parametrize("name", READABLE)
def test_equal_to_the_reader_of_ase_to_the_last_digit(shared, name):
    """Energies, forces, cells, positions without any difference; of stresses VASP prints nine components, ASE takes
    those above the diagonal, and here they are averaged: equal up to half of what VASP's own components differ by."""
    path = shared("vasp_outputs/" + name)
    structures, _ = read_structures(path)
    reference = ase.io.read(path, ":", format="vasp-xml" if "vasprun" in name else "vasp-out")
    raw = raw_stresses(read_text(path)[0]) if "vasprun" in name else None
    for structure in structures:
        step = int(structure.source.rsplit(":")[-1])
        atoms = reference[step]
        assert (structure.atoms.symbols == atoms.symbols).all()
        np.testing.assert_array_equal(structure.atoms.cell[:], atoms.cell[:])
        np.testing.assert_allclose(structure.atoms.positions, atoms.positions, atol=1e-13)
        np.testing.assert_array_equal(structure.forces, atoms.get_forces(apply_constraint=False))
        assert structure.energy == atoms.get_potential_energy(force_consistent=True)
        if structure.stress is None:
            assert "stress" not in atoms.calc.results
        elif raw is None:
            np.testing.assert_array_equal(to_voigt(structure.stress), atoms.get_stress())
        else:
            np.testing.assert_array_equal(np.diag(structure.stress), atoms.get_stress()[:3])
            asymmetry = np.abs(stress_from_vasp(raw[step] - raw[step].T)).max()
            assert np.abs(to_voigt(structure.stress) - atoms.get_stress()).max() <= 0.5001 * asymmetry
            np.testing.assert_allclose(structure.stress, stress_from_vasp((raw[step] + raw[step].T) / 2), atol=1e-15)


def raw_stresses(text):
    """Stresses (kB) of the ionic steps of a vasprun.xml, by an XML parser."""
    blocks = ElementTree.fromstring(text).iterfind("calculation/varray[@name='stress']")
    return [np.array([row.text.split() for row in block], float) for block in blocks]


def raw_block(text, name):
    block = re.search(rf'<varray name="{name}"\s*>(.*?)</varray>', text, re.DOTALL)[1]
    return np.array([row.split() for row in re.findall("<v>(.*?)</v>", block)], float)


def test_signs_and_units_against_the_raw_numbers(shared):
    path = shared(RELAXATION)
    text = path.read_text()
    text = text[text.index("<calculation>") : text.index("</calculation>")]
    structure = read_structures(path)[0][0]
    raw = raw_block(text, "stress")  # kB, positive in compression
    assert raw[1, 1] > 10 and structure.stress[1, 1] < 0
    np.testing.assert_allclose(structure.stress, stress_from_vasp((raw + raw.T) / 2), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(structure.stress / GPA, -(raw + raw.T) / 20, rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(structure.forces, raw_block(text, "forces"))
    assert structure.energy == float(re.findall(r'name="e_fr_energy">\s*(\S+)', text)[-1])


def test_outcar_and_vasprun_of_one_run_agree(shared):
    folder = shared("vasp_outputs/md/H2O_vasp5.4.4_md10.OUTCAR").parent
    outcar, _ = read_structures(folder / "H2O_vasp5.4.4_md10.OUTCAR")
    vasprun, _ = read_structures(folder / "H2O_vasp5.4.4_md10.vasprun.xml")
    for one, other in zip(outcar, vasprun, strict=True):
        assert one.energy == pytest.approx(other.energy, abs=2e-8)
        np.testing.assert_allclose(one.forces, other.forces, atol=1e-6)
        np.testing.assert_allclose(one.stress / GPA, other.stress / GPA, atol=5e-6)
        np.testing.assert_allclose(one.atoms.get_scaled_positions(), other.atoms.get_scaled_positions(), atol=1e-5)


def test_a_step_that_needed_all_iterations_but_converged_is_taken(shared):
    structures, refusals = read_structures(shared("vasp_outputs/unconverged/CH4_unconverged_step.OUTCAR"))
    assert [refusal.source.rsplit(":")[-1] for refusal in refusals] == ["0"]
    assert [structure.source.rsplit(":")[-1] for structure in structures] == ["1", "2"]


@pytest.mark.parametrize("name", [RELAXATION, "vasp_outputs/multi_step/Si2_vasp5.4.4_relax8.OUTCAR"])
def test_cut_anywhere_keeps_complete_steps_and_says_so(shared, tmp_path, name):
    text = shared(name).read_text()
    whole, _ = read_structures(shared(name))
    path = tmp_path / shared(name).name
    previous = 0
    for length in np.linspace(0, len(text) - 400, 12).astype(int):
        path.write_text(text[:length])
        structures, refusals = read_structures(path)
        assert previous <= len(structures) <= len(whole)
        assert refusals if "vasprun" in name else refusals or len(structures) > 0
        for one, other in zip(structures, whole, strict=False):
            assert one.energy == other.energy and np.array_equal(one.forces, other.forces)
        previous = len(structures)
    assert previous >= len(whole) - 1


def test_cut_off_compressed_file(shared, tmp_path):
    text = shared(RELAXATION).read_bytes()
    path = tmp_path / "vasprun.xml.gz"
    path.write_bytes(gzip.compress(text)[:-3000])
    structures, refusals = read_structures(path)
    assert 0 < len(structures) < 19
    assert "cut off" in refusals[-1].reason
    (tmp_path / "vasprun.xml.xz").write_bytes(lzma.compress(text))
    assert len(read_structures(tmp_path / "vasprun.xml.xz")[0]) == 19
    (tmp_path / "b.vasprun.xml.gz").write_bytes(b"not compressed at all")
    assert read_structures(tmp_path / "b.vasprun.xml.gz")[1]


@pytest.mark.parametrize("name", ["forces", "positions", "stress"])
def test_overflow_costs_one_step(shared, tmp_path, name):
    text = shared(RELAXATION).read_text()
    start = text.index("<v>", text.index(f'<varray name="{name}"', text.index("<calculation>")))
    path = tmp_path / "vasprun.xml"
    path.write_text(text[:start] + "<v> ********  0.0 0.0 </v>" + text[text.index("</v>", start) + 4 :])
    structures, refusals = read_structures(path)
    assert len(structures) == 18 and len(refusals) == 1
    assert refusals[0].source.endswith(":0") and "overflow" in refusals[0].reason


def test_a_row_too_many_in_an_outcar_costs_one_step(shared, tmp_path):
    """ASE would take the first rows for the atoms, each one off."""
    path = tmp_path / "OUTCAR"
    lines = shared("vasp_outputs/md/LiPS_vasp5.4.1_npt10.OUTCAR").read_text().splitlines(keepends=True)
    row = next(k for k, line in enumerate(lines) if "TOTAL-FORCE" in line) + 7
    path.write_text("".join(lines[: row + 1] + lines[row:]))
    structures, (refusal,) = read_structures(path)
    assert len(structures) == 9 and refusal.source.endswith(":0") and "rows of positions" in refusal.reason


def test_pressure_term_is_taken_out_of_the_energy(shared, tmp_path):
    text = shared(RELAXATION).read_text()
    path = tmp_path / "vasprun.xml"
    path.write_text(re.sub(r'(name="PSTRESS">)[^<]*', r"\1 20.0", text))
    plain, pressed = read_structures(shared(RELAXATION))[0], read_structures(path)[0]
    for one, other, atoms in zip(plain, pressed, ase.io.read(path, ":", format="vasp-xml"), strict=True):
        assert one.energy - other.energy == pytest.approx(2 * GPA * one.atoms.get_volume(), rel=1e-6)
        assert other.energy == pytest.approx(atoms.get_potential_energy(force_consistent=True), abs=1e-9)
        assert other.energy_name == "free energy (e_fr_energy less PSTRESS V)"


def test_stripped_vaspruns_agree_with_the_extxyz(shared, tmp_path, perovskite):
    with tarfile.open(shared("srtio3_dft/vaspruns.tar.gz")) as archive:
        members = sorted((m for m in archive if "vasprun" in m.name), key=lambda m: m.name)[:6]
        archive.extractall(tmp_path, members, filter="data")
    vaspruns, refusals = read_structures(tmp_path)
    assert len(vaspruns) == 6 and not refusals
    extxyz = {s.info["source"]: s for s in read_structures(shared("srtio3_dft/train.extxyz"))[0]}
    for structure in vaspruns:
        other = extxyz[structure.source.rsplit(":")[0].rsplit("/")[-1]]
        assert structure.energy == other.energy
        np.testing.assert_allclose(structure.forces, other.forces, atol=1e-8)
        np.testing.assert_allclose(structure.stress, other.stress, atol=1e-8)
        np.testing.assert_allclose(structure.atoms.cell[:], other.atoms.cell[:], atol=1e-8)
        np.testing.assert_allclose(structure.atoms.positions, other.atoms.positions, atol=1e-6)


def test_stripped_files_say_that_convergence_is_not_told(shared, tmp_path):
    with tarfile.open(shared("srtio3_dft/vaspruns.tar.gz")) as archive:
        archive.extractall(tmp_path, [m for m in archive if m.name.endswith(".00153")], filter="data")
    (structure,), _ = read_structures(tmp_path)
    assert structure.info == {"convergence": "not told"}
    assert structure.settings.functional == "PBE" and structure.settings.cutoff is None


def force_field_run(shared):
    """The text of a relaxation, as a run with a machine-learned force field would have it."""
    return shared(RELAXATION).read_text().replace("<incar>", '<incar><i type="logical" name="ML_LMLFF"> T </i>', 1)


def test_steps_of_a_force_field_are_refused(shared, tmp_path):
    """VASP writes them outside of <calculation>; were one inside, it would have no electronic step."""
    text, path = force_field_run(shared), tmp_path / "vasprun.xml"
    steps = re.findall(r"<calculation>.*?</calculation>", text, re.DOTALL)
    bare = re.search(r"<structure>.*</structure>", steps[1], re.DOTALL)[0]
    path.write_text(text.replace(steps[1], bare).replace(steps[2], bare))
    structures, (refusal,) = read_structures(path)
    assert len(structures) == 17 and refusal.kind == "force field" and "2 ionic steps" in refusal.reason
    path.write_text(text.replace(steps[1], re.sub(r"<scstep>.*</scstep>", "", steps[1], flags=re.DOTALL)))
    structures, (refusal,) = read_structures(path)
    assert len(structures) == 18 and refusal.kind == "force field" and refusal.source.endswith(":1")


def test_a_run_that_was_started_again_in_the_same_file(shared, tmp_path):
    """The step that was cut off is lost, those after it are not."""
    text, path = shared(RELAXATION).read_text(), tmp_path / "vasprun.xml"
    third = [match.start() for match in re.finditer("<calculation>", text)][2]
    path.write_text(text[: third + 3000] + text[text.index("<modeling>") :])
    structures, refusals = read_structures(path)
    whole = read_structures(shared(RELAXATION))[0]
    assert [s.energy for s in structures] == [s.energy for s in whole[:2] + whole]
    assert [refusal.kind for refusal in refusals] == ["truncated"]
