"""``anharmonic screen promote``: what is written, what is waited for, what is refused."""

import json

import ase.io
import builders
import numpy as np
import pytest
from ase.calculators.singlepoint import SinglePointCalculator

from anharmonic.analysis import TiltModes
from anharmonic.crystal import Supercell
from anharmonic.learning import LearnPlan
from anharmonic.promotion.wells import SMALL, displaced


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """With a tilted crystal in candidate.cif."""
    monkeypatch.chdir(tmp_path)
    crystal, cell = builders.perovskite(), Supercell.from_matrix(SMALL)
    u = TiltModes.of_crystal(crystal).displacements((0, 0, 5), (4, 4, 0), cell)
    ase.io.write("candidate.cif", displaced(crystal, cell, u).to_atoms())
    return tmp_path


def test_vasp_is_waited_for(folder, call):
    """Without a calculator: the reference by volume, assumed tilts, inputs; outputs are collected later."""
    command = ["screen", "promote", "candidate.cif", "--inputs", "vasp", "--structures", "25", "--out", "out", "-q"]
    assert call(*command).code == 0
    folders = sorted((folder / "out" / "label").iterdir())
    assert len(folders) == 25 and all((f / "KPOINTS").exists() and (f / "INCAR").exists() for f in folders)
    assert not list(folder.rglob("POTCAR")) and not (folder / "out" / "labels.extxyz").exists()
    assert "25 structures wait" in (folder / "out" / "README.txt").read_text()
    for number in (0, 3):
        atoms = ase.io.read(folders[number] / "POSCAR")
        results = {"energy": -1.0 * number, "free_energy": -1.0 * number, "forces": np.ones((len(atoms), 3))}
        atoms.calc = SinglePointCalculator(atoms, **results)
        ase.io.write(folders[number] / "done.extxyz", atoms)
    assert call(*command).code == 0
    labels = ase.io.read(folder / "out" / "labels.extxyz", ":")
    assert [a.info["number"] for a in labels] == [0, 3] and labels[1].get_potential_energy() == -3.0
    assert json.loads((folder / "out" / "promotion.json").read_text())["missing_labels"] == 23
    assert LearnPlan.read(folder / "out" / "learn.toml").labeller.kspacing == 0.25


def test_refusals(folder, call):
    """Exit code 2 and a word of help."""
    for extra, message in (
        (["--inputs", "gpaw"], "written for vasp"),
        (["--incar", "none"], "goes with"),
        (["--calculator", "nothing"], "calculators are"),
    ):
        done = call("screen", "promote", "candidate.cif", *extra)
        assert done.code == 2 and message in done.err
