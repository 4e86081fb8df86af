"""The folder that `anharmonic learn` and `anharmonic sweep` take: crystal, basis, labels, labeller, next commands."""

import os
from pathlib import Path

import ase.io
import numpy as np

from anharmonic.errors import AnharmonicError
from anharmonic.files import replacing
from anharmonic.learning.labellers import AseLabeller, VaspLabeller, Waiting, labelled
from anharmonic.promotion.structures import SMALL
from anharmonic.screening.relaxation.calculators import UNIVERSAL

LABELS, STRUCTURES, PENDING = "labels.extxyz", "structures.extxyz", "label"
KSPACING = 0.25
EVERY = 10
"""Labels after which they are on disk."""
FIT = """\
# The cubic reference of {name}, and labels of its distortions. See `anharmonic fit --example`.

[crystal]
cell = [[{a:.6f}, 0, 0], [0, {a:.6f}, 0], [0, 0, {a:.6f}]]
species = {species}
positions = [[0, 0, 0], [0.5, 0.5, 0.5], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]]

[basis]
preset = "{preset}"

[data]
paths = ["labels.extxyz"]
phase_by = ["phase"]

[fit]
name = "{name}"
model = "polynomial"
validation = 0.1
test = 0.15
seed = 0
"""
LEARN = """\
# anharmonic learn learn.toml --out learn: see `anharmonic learn --example`

fit = "fit.toml"
rounds = 8
seed = 0

[sample]
supercells = [[2, 2, 2], {small}]
temperatures = [100, 300, 500]
equilibration = 50
production = 4000
every = 10

[pick]
per_round = 25
above = 1.0
below = 4.0
share = 0.01

[label]
{label}
info = {{ supercell = "promotion", phase = "learned" }}
"""
CALCULATOR = '''\
"""The calculator of all labels here."""

from anharmonic.screening.relaxation.calculators import calculator_of


def calculator():
    return calculator_of("{name}")
'''
INCAR = """\
# Single points. Magnetic or correlated ions need ISPIN, MAGMOM, LDAU; another functional its GGA.
GGA = PS
PREC = Accurate
ENCUT = 500          # above all ENMAX of the POTCAR
EDIFF = 1E-7
ISMEAR = 0
SIGMA = 0.05
LREAL = .FALSE.
ISYM = 0
NSW = 0
"""
README = """\
{name}, promoted from {candidate} ({calculator}).

{waiting}Next:

    anharmonic learn learn.toml --out learn
    anharmonic sweep learn/{name}.h5 --supercell 6 6 6 --temperatures 50:600:25 --out sweep
    anharmonic transitions sweep

fit.toml     the cubic reference and the basis; `anharmonic fit fit.toml` fits the first labels alone
learn.toml   where molecular dynamics looks for structures that the fit does not know, and who labels them
structures.extxyz, labels.extxyz   what was and is to be labelled, by number
promotion.json, promotion.png      reference, unstable modes, phases
phonons.yaml, phases/              phonons of the reference (phonopy), relaxed phases
"""


def write_labeller(folder, calculator=None, incar=None):
    """Write what labels, and return it.

    Parameters
    ----------
    folder : Path
    calculator : str, optional
        Name of a universal potential or "file.py:function".
    incar : Path or str, optional
        For VASP: an INCAR file, or "" for the one that is kept here.

    Returns
    -------
    labeller : AseLabeller or VaspLabeller
    text : str
        Its lines of a section [label].
    """
    if incar is not None:
        text = Path(incar).read_text(encoding="utf-8") if incar else INCAR
        if not (folder / "INCAR").exists():
            (folder / "INCAR").write_text(text, encoding="utf-8")
        return VaspLabeller(folder / "INCAR", KSPACING), f'incar = "INCAR"\nkspacing = {KSPACING}'
    if calculator in UNIVERSAL:
        (folder / "calculator.py").write_text(CALCULATOR.format(name=calculator), encoding="utf-8")
        return AseLabeller(folder / "calculator.py", "calculator"), 'calculator = "calculator.py:calculator"'
    file, _, function = calculator.rpartition(":")
    beside = Path(os.path.relpath(file, folder)).as_posix()
    return AseLabeller(Path(file), function), f'calculator = "{beside}:{function}"'


def write_project(folder, crystal, name, label, preset, facts, waiting=0):
    """Write fit.toml and learn.toml, unless they are there and may have been edited, and README.txt.

    Parameters
    ----------
    folder : Path
    crystal : Crystal
    name : str
        Of the compound.
    label : str
        Lines of the section [label].
    preset : str
        Of the basis.
    facts : dict of str
        ``candidate`` and ``calculator``, for README.txt.
    waiting : int
        Labels that are missing.
    """
    species = "[" + ", ".join(f'"{s}"' for s in crystal.species) + "]"
    texts = {
        "fit.toml": FIT.format(name=name, a=crystal.cell[0, 0], species=species, preset=preset),
        "learn.toml": LEARN.format(small=SMALL, label=label),
    }
    for file, text in texts.items():
        if not (folder / file).exists():
            (folder / file).write_text(text, encoding="utf-8")
    first = (
        f"{waiting} structures wait for labels: run VASP in each folder of label/ (POTCAR is yours to add, INCAR yours "
        "to check),\nthen give the same command again to collect them.\n\n"
    )
    text = README.format(name=name, waiting=first if waiting else "", **facts)
    (folder / "README.txt").write_text(text, encoding="utf-8")


def label_structures(structures, labeller, folder, on_done=None):
    """Label structures; labels that are there already stay.

    Parameters
    ----------
    structures : sequence of ase.Atoms
        With a ``number`` in info.
    labeller : AseLabeller or VaspLabeller
    folder : Path
        For `LABELS` and, with VASP, inputs.
    on_done : callable, optional
        Called with the numbers of structures done and of all.

    Returns
    -------
    int
        Labels that are still missing.
    """
    path = folder / LABELS
    known = {int(a.info["number"]): a for a in ase.io.read(path, ":")} if path.exists() else {}
    missing, begun = 0, len(known)
    try:
        for done, atoms in enumerate(structures):
            number = int(atoms.info["number"])
            if number not in known:
                try:
                    known[number] = _labelled(atoms, labeller, folder / PENDING / f"{number:03d}")
                except Waiting:
                    missing += 1
            if (len(known) - begun) % EVERY == EVERY - 1:
                _write(path, known)
            if on_done:
                on_done(done + 1, len(structures))
    finally:
        if len(known) > begun:
            _write(path, known)
    return missing


def write_structures(folder, structures):
    """Write `STRUCTURES`."""
    with replacing(folder / STRUCTURES) as part:
        ase.io.write(part, structures, format="extxyz")


def _labelled(atoms, labeller, folder):
    """A structure with its labels and facts, whose forces are numbers."""
    found = labelled(atoms, labeller, folder)
    if not np.isfinite(found.get_forces()).all():
        raise AnharmonicError(f"structure {atoms.info['number']} has forces that are no numbers")
    return found


def _write(path, known):
    with replacing(path) as part:
        ase.io.write(part, [known[number] for number in sorted(known)], format="extxyz")
