"""``anharmonic modes``: structures whose modes are known, and refusals."""

import csv

import ase.io
import builders
import numpy as np
import pytest

from anharmonic.crystal import Configuration


@pytest.fixture
def tilted(tmp_path):
    """A POSCAR of a perovskite with known tilts, strain, and a moved A cation."""
    state = builders.distorted(builders.perovskite(), [2, 2, 2], strain=0, displacement=0, tilts=([0, 0, 9], [5, 5, 0]))
    u = state.displacements.copy()
    u[state.crystal.species.index("Cs"), 0] += 0.2 * (-1.0) ** state.supercell.cells[:, 2]
    state = Configuration(state.crystal, state.supercell, np.diag([1.01, 1.01, 0.99]), u, state.order)
    path = tmp_path / "POSCAR"
    ase.io.write(path, state.to_atoms(), format="vasp")
    return path


def rows_of(path):
    with open(path, newline="") as stream:
        return list(csv.DictReader(stream))


def test_modes_of_a_structure(call, tilted, crystal_file, tmp_path):
    """Three modes and no other, the amplitudes in the file, tilts and strains on the screen."""
    done = call("modes", tilted, "--reference", crystal_file, "--out", tmp_path)
    assert done.code == 0, done.err
    lines = [line.split() for line in done.out.splitlines()]
    shown = {tuple(words[:4]): float(words[4]) for words in lines if words[:1] in (["R"], ["M"], ["X"], ["Γ"])}
    a, tangent = 5.87 / 2**0.5, np.tan(np.radians([9, 5]))
    expected = {
        ("R", "T1g", "Br", "Eu"): a * tangent[1] * 2**0.5,
        ("M", "A2g", "Br", "Eu"): a * tangent[0],
        ("X", "Eg", "Cs", "T1u"): 0.2,
    }
    assert shown == pytest.approx(expected, abs=1e-4)
    assert ["in-phase", "tilt", "about", "z", "(°)", "9.00"] in lines
    assert ["strain", "Eg", "1"] in [words[:3] for words in lines]
    total = sum(float(row["amplitude_A"]) ** 2 for row in rows_of(tmp_path / "modes.csv"))
    assert total == pytest.approx(sum(x**2 for x in expected.values()), rel=1e-6)


def test_frames_of_different_supercells(call, crystal_file, tmp_path):
    """Side by side; a wave that one of them does not hold is a dash there."""
    crystal, frames = builders.perovskite(), []
    for n in (2, 3):
        state = builders.distorted(crystal, [n, 1, 1], strain=0, displacement=0)
        u = state.displacements.copy()
        u[0, 2] = 0.1 * np.cos(2 * np.pi * state.supercell.cells[:, 0] / n)
        frames.append(builders.changed(state, u).to_atoms())
    ase.io.write(tmp_path / "two.extxyz", frames)
    done = call("modes", tmp_path / "two.extxyz", "--reference", crystal_file, "--out", tmp_path)
    assert done.code == 0, done.err
    lines = [line.split() for line in done.out.splitlines()]
    moved = crystal.species[0]
    assert [words[-2:] for words in lines if words[:1] == ["X"] and moved in words] == [["0.1000", "-"]]
    third = [words[-2:] for words in lines if words[:3] == ["0", "0", "1/3"] and moved in words]
    assert third == [["-", f"{0.1 / 2**0.5:.4f}"]]


def test_chosen_wave_vectors(call, tilted, springs, tmp_path):
    """Of a potential's crystal, by label or by fractions of any arm."""
    done = call("modes", tilted, "--reference", springs, "--wave-vectors", "0 1/2 1/2,R", "--out", tmp_path)
    assert done.code == 0, done.err
    assert {row["wave_vector"] for row in rows_of(tmp_path / "modes.csv")} == {"M", "R"}


@pytest.mark.parametrize(
    "options, message",
    [
        ((), "--reference"),
        (("--reference", "CRYSTAL", "--wave-vectors", "N"), "a label (Γ, M, R, X) or three fractions"),
        (("--reference", "CRYSTAL", "--wave-vectors", "1/3 0 0"), "hold no wave 0 0 1/3"),
        (("--reference", "nothing.cif"), "no structure file at nothing.cif"),
    ],
)
def test_refusals(call, tilted, crystal_file, tmp_path, options, message):
    options = [crystal_file if x == "CRYSTAL" else x for x in options]
    done = call("modes", tilted, *options, "--out", tmp_path)
    assert done.code == 2 and message in " ".join(done.err.split())


def test_no_structure(call, crystal_file, tmp_path):
    done = call("modes", tmp_path / "none", "--reference", crystal_file)
    assert done.code == 2 and "no structure file and no run" in done.err
    done = call("modes", tmp_path / "nowhere")
    assert done.code == 2 and "no structure file and no run" in done.err
    done = call("modes", tmp_path)
    assert done.code == 2 and "no run file" in done.err
