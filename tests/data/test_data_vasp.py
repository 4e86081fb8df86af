"""Outputs of VASP: numbers, signs, convergence, and every kind of damage."""

import gzip
import lzma
import re
import tarfile

import ase.io
import numpy as np
import pytest

from anharmonic.conventions import GPA, stress_from_vasp, to_voigt
from anharmonic.data import read_structures

STATIC = "vasp_outputs/good/CaTiO3_Pnma40_vasp5.2.12_disp1.vasprun.xml"
RELAXATION = "vasp_outputs/multi_step/Si8_vasp5.4.1_relax19.vasprun.xml"

OUTPUTS = {  # file: frames taken, refusals, a word of the first reason
    "good/CaTiO3_Pnma40_vasp5.2.12_disp1.vasprun.xml": (1, 0, ""),
    "good/CaTiO3_Pnma40_vasp5.2.12_disp2.vasprun.xml": (1, 0, ""),
    "good/CaTiO3_Pnma40_vasp5.2.12_disp3.vasprun.xml": (1, 0, ""),
    "good/CaTiO3_Pnma40_vasp5.2.12_disp4.vasprun.xml": (1, 0, ""),
    "good/Si8_vasp5.4.1_static.vasprun.xml": (1, 0, ""),
    "md/Cu_pypolymlp_md.vasprun.xml.gz": (66, 0, ""),
    "md/H2O_vasp5.4.4_md10.OUTCAR": (10, 0, ""),
    "md/H2O_vasp5.4.4_md10.vasprun.xml": (10, 0, ""),
    "md/H2O_vasp5.4.4_triclinic_md3.vasprun.xml": (3, 0, ""),
    "md/LiPS_vasp5.4.1_npt10.OUTCAR": (10, 0, ""),
    "multi_step/FASnI3_cubic_vasp6.3.1_nostress.vasprun.xml.gz": (422, 0, ""),
    "multi_step/FASnI3_tetra_vasp6.3.1_nostress.vasprun.xml.gz": (378, 0, ""),
    "multi_step/FeO_vasp5.3.5_relax28.vasprun.xml.gz": (28, 0, ""),
    "multi_step/Si2_vasp5.4.4_relax8.OUTCAR": (8, 0, ""),
    "multi_step/Si8_vasp5.4.1_relax19.vasprun.xml": (19, 0, ""),
    "unconverged/CH4_unconverged_step.OUTCAR": (2, 1, "NELM = 15"),
    "unconverged/Si2_elec_unconverged.vasprun.xml": (0, 1, "NELM = 8"),
    "unconverged/Si2_ionic_not_converged.OUTCAR": (2, 0, ""),  # not relaxed, but each step is sound
    "unconverged/Si2_ionic_unconverged.vasprun.xml": (5, 0, ""),
    "unconverged/Si2_nelm_breach_all.OUTCAR": (0, 5, "NELM = 6"),
    "unconverged/V4O10_elec_unconverged.vasprun.xml.gz": (0, 5, "NELM = 100"),
    "damaged/InAs_ill_format.vasprun.xml.gz": (0, 1, "ICHARG = 11"),
    "damaged/Si2_crashed_0steps.OUTCAR": (0, 1, "crashed"),
    "damaged/Si2_unfinished_no_stress.vasprun.xml": (0, 1, "ends within"),
    "multi_step/FASnI3_cubic.POSCAR": (0, 1, "known kind"),
    "multi_step/FASnI3_cubic_vasp6.3.1.XDATCAR.gz": (0, 1, "known kind"),
}


@pytest.mark.parametrize("name", OUTPUTS)
def test_every_output_gives_frames_or_reasons(shared, name):
    structures, refusals = read_structures(shared("vasp_outputs/" + name))
    taken, refused, word = OUTPUTS[name]
    assert (len(structures), len(refusals)) == (taken, refused)
    assert all(refusal.reason and name in refusal.source for refusal in refusals)
    assert not refusals or word in refusals[0].reason
    for structure in structures:
        assert np.isfinite(structure.energy)
        assert structure.forces.shape == structure.atoms.positions.shape
        assert (structure.stress is None) == ("nostress" in name)


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


@pytest.mark.parametrize("name", [STATIC, RELAXATION, "vasp_outputs/md/Cu_pypolymlp_md.vasprun.xml.gz"])
def test_same_numbers_as_the_reader_of_ase(shared, name):
    structures, _ = read_structures(shared(name))
    reference = ase.io.read(shared(name), ":", format="vasp-xml")
    assert len(structures) == len(reference)
    for structure, atoms in zip(structures, reference, strict=True):
        assert (structure.atoms.symbols == atoms.symbols).all()
        np.testing.assert_allclose(structure.atoms.positions, atoms.positions, atol=1e-12)
        np.testing.assert_allclose(structure.atoms.cell[:], atoms.cell[:], atol=1e-12)
        np.testing.assert_allclose(structure.forces, atoms.get_forces(apply_constraint=False), atol=1e-12)
        np.testing.assert_allclose(to_voigt(structure.stress), atoms.get_stress(), atol=1e-8)
        assert structure.energy == pytest.approx(atoms.get_potential_energy(force_consistent=True), abs=1e-10)


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


def test_pressure_term_is_taken_out_of_the_energy(shared, tmp_path):
    text = shared(RELAXATION).read_text()
    path = tmp_path / "vasprun.xml"
    path.write_text(re.sub(r'(name="PSTRESS">)[^<]*', r"\1 20.0", text))
    plain, pressed = read_structures(shared(RELAXATION))[0], read_structures(path)[0]
    for one, other in zip(plain, pressed, strict=True):
        assert one.energy - other.energy == pytest.approx(2 * GPA * one.atoms.get_volume())


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
