#!/usr/bin/env python3
"""Label one structure as all labels of CsPbBr3 were: label.py INPUT.extxyz OUTPUT.extxyz

GPAW with the settings of label_systematic.py, then the corrections of assemble.py. `anharmonic learn` calls it.
"""

import sys
from pathlib import Path

import ase.io

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "CsPbBr3"))
from assemble import prepared, reference_crystal  # noqa: E402
from label_systematic import calculator  # noqa: E402


def main(source, target):
    """Read, compute, correct, write."""
    atoms = ase.io.read(source)
    atoms.calc = calculator({"point_group": False})
    ase.io.write(target, prepared(atoms, reference_crystal()), format="extxyz")


if __name__ == "__main__":
    main(*sys.argv[1:])
