"""Inputs of codes that relax a structure elsewhere: Quantum ESPRESSO, GPAW, VASP; PBE, with spin."""

import ase.io
from ase.calculators.calculator import kptdensity2monkhorstpack

from anharmonic.errors import AnharmonicError
from anharmonic.files import replacing

DENSITY = 4.0
"""Points of k in each direction for every 2 pi / A of the reciprocal cell: distances below 0.25 / A."""
CUTOFF_RY, CUTOFF_EV = 60, 520
"""Of plane waves; pseudopotentials may ask for more."""
MOMENT = 1.0
"""Magnetic moment (Bohr magnetons) of every atom at the start, where spin is free."""
INCAR = """\
PREC = Accurate
ENCUT = {cutoff}     # above all ENMAX of the POTCAR
GGA = PE
EDIFF = 1E-6
EDIFFG = -0.02
IBRION = 2
ISIF = 3
NSW = 200
ISPIN = 2
ISMEAR = 0
SIGMA = 0.05
LREAL = .FALSE.
"""
GPAW = """\
# Relaxes atoms and cell with GPAW: python {name}.py
import ase.io
from ase.filters import FrechetCellFilter
from ase.optimize import BFGS
from gpaw import GPAW, PW, FermiDirac

atoms = ase.io.read("{name}.extxyz")
atoms.set_initial_magnetic_moments([{moment}] * len(atoms))
atoms.calc = GPAW(mode=PW({cutoff}), xc="PBE", spinpol=True, kpts={{"size": {mesh}, "gamma": True}},
                  occupations=FermiDirac(0.05), txt="{name}.txt")
BFGS(FrechetCellFilter(atoms), logfile="{name}.log").run(fmax=0.02, steps=200)
ase.io.write("{name}-relaxed.extxyz", atoms)
"""


def write_inputs(atoms, code, folder, name):
    """Write the inputs of a relaxation into a folder.

    Pseudopotentials are not written: their names in Quantum ESPRESSO's input are ``Cs.UPF`` and so on, to be replaced,
    and VASP's POTCAR is left out.

    Parameters
    ----------
    atoms : ase.Atoms
    code : str
        "qe", "gpaw" or "vasp".
    folder : Path
        Made if it is not there.
    name : str
        Of the files.

    Raises
    ------
    AnharmonicError
        If the code is unknown.
    """
    if code not in WRITERS:
        raise AnharmonicError(f"inputs are written for {', '.join(WRITERS)}; found {code!r}")
    folder.mkdir(parents=True, exist_ok=True)
    mesh = tuple(int(n) for n in kptdensity2monkhorstpack(atoms, DENSITY, even=False))
    WRITERS[code](atoms, mesh, folder, name)


def _write_qe(atoms, mesh, folder, name):
    symbols = sorted(set(atoms.get_chemical_symbols()))
    atoms = atoms.copy()
    atoms.set_initial_magnetic_moments([MOMENT] * len(atoms))
    settings = {
        "control": {"calculation": "vc-relax", "prefix": name, "pseudo_dir": "./", "forc_conv_thr": 1e-3},
        "system": {"ecutwfc": CUTOFF_RY, "ecutrho": 8 * CUTOFF_RY, "input_dft": "PBE", "nspin": 2,
                   "occupations": "smearing", "smearing": "cold", "degauss": 0.01},
        "electrons": {"conv_thr": 1e-9}, "ions": {}, "cell": {"press_conv_thr": 0.1},
    }  # fmt: skip
    with replacing(folder / f"{name}.pwi") as part:
        ase.io.write(
            part, atoms, format="espresso-in", input_data=settings, kpts=mesh,
            pseudopotentials={symbol: f"{symbol}.UPF" for symbol in symbols},
        )  # fmt: skip


def _write_gpaw(atoms, mesh, folder, name):
    with replacing(folder / f"{name}.extxyz") as part:
        ase.io.write(part, atoms, format="extxyz", write_info=False)
    text = GPAW.format(name=name, mesh=mesh, cutoff=CUTOFF_EV, moment=MOMENT)
    (folder / f"{name}.py").write_text(text, encoding="utf-8")


def _write_vasp(atoms, mesh, folder, name):
    place = folder / name
    place.mkdir(parents=True, exist_ok=True)
    (place / "INCAR").write_text(INCAR.format(cutoff=CUTOFF_EV), encoding="utf-8")
    (place / "KPOINTS").write_text(f"{name}\n0\nGamma\n{mesh[0]} {mesh[1]} {mesh[2]}\n", encoding="utf-8")
    with replacing(place / "POSCAR") as part:
        ase.io.write(part, atoms, format="vasp", direct=True, sort=True)


WRITERS = {"qe": _write_qe, "gpaw": _write_gpaw, "vasp": _write_vasp}
"""By the name of the code."""
