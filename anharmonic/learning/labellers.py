"""Who labels structures: an ASE calculator, a command, or a person with VASP."""

import math
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import ase.io
import numpy as np
from ase.calculators.singlepoint import SinglePointCalculator

from anharmonic.data import read_structures
from anharmonic.data.files import kind_of
from anharmonic.errors import AnharmonicError
from anharmonic.files import function_of, replacing

LAST_LINES = 5
"""Of the output of a command that failed, in messages."""


class Waiting(Exception):
    """Labels are missing that somebody else makes."""


def labelled(atoms, labeller, folder):
    """A structure with its labels and its own facts; the labeller sees it without facts."""
    bare = atoms.copy()
    bare.info = {}
    found = labeller.label(bare, folder)
    found.info = dict(atoms.info)
    return found


@dataclass(frozen=True)
class AseLabeller:
    """A function of a Python file that returns an ASE calculator.

    It is called for every structure: calculators remember the last one (where atoms were, densities), and labels would
    depend on their order, and an interrupted project on where it was interrupted. What takes long to load the function
    may keep itself.

    Attributes
    ----------
    file : Path
    function : str
        Takes no argument.
    """

    file: Path
    function: str

    def label(self, atoms, folder):
        """A copy of `atoms` with energy, forces and stress."""
        atoms = atoms.copy()
        atoms.calc = function_of(self.file, self.function)()
        forces, stress = atoms.get_forces(), atoms.get_stress(voigt=False)
        energy = atoms.get_potential_energy(force_consistent=True)
        atoms.calc = SinglePointCalculator(atoms, energy=energy, free_energy=energy, forces=forces, stress=stress)
        return atoms


@dataclass(frozen=True)
class CommandLabeller:
    """A program that reads a structure and writes it with labels, both extended XYZ.

    Attributes
    ----------
    command : str
        With ``{input}`` and ``{output}``; run in `folder`.
    folder : Path
    """

    command: str
    folder: Path

    def label(self, atoms, folder):
        """A copy of `atoms` with energy, forces and stress."""
        source, target = (folder.resolve() / name for name in ("input.extxyz", "output.extxyz"))
        folder.mkdir(parents=True, exist_ok=True)
        ase.io.write(source, atoms, format="extxyz")
        words = [word.format(input=source, output=target) for word in shlex.split(self.command)]
        try:
            done = subprocess.run(words, cwd=self.folder, capture_output=True, text=True, check=False)
        except OSError as error:
            raise AnharmonicError(f"the command {self.command!r} cannot be run: {error}") from error
        if done.returncode or not target.is_file():
            last = "\n".join((done.stdout + done.stderr).strip().splitlines()[-LAST_LINES:])
            raise AnharmonicError(f"the command {self.command!r} failed (exit code {done.returncode}):\n{last}")
        labelled = ase.io.read(target)
        shutil.rmtree(folder)
        return labelled


@dataclass(frozen=True)
class VaspLabeller:
    """Writes POSCAR, INCAR and KPOINTS for each structure, and waits for the outputs.

    POTCAR files are not written: their licence belongs to the user.

    Attributes
    ----------
    incar : Path
    kspacing : float or None
        Largest distance of k-points (1/A, 2 pi included), for a mesh by cell.
    kpoints : Path or None
        A KPOINTS file for all structures instead.
    """

    incar: Path
    kspacing: float | None = None
    kpoints: Path | None = None

    def label(self, atoms, folder):
        """The labels found in `folder`.

        Raises
        ------
        Waiting
            If there is no output yet; the inputs are written.
        AnharmonicError
            If an output gives no labels.
        """
        if not (folder / "POSCAR").exists():
            self._write(atoms, folder)
        outputs = [path for path in sorted(folder.iterdir()) if kind_of(path)]
        if not outputs:
            raise Waiting(folder)
        structures, refusals = read_structures(folder)
        complete = [s for s in structures if s.energy is not None and s.forces is not None]
        if not complete:
            reasons = "; ".join(map(str, refusals[:3])) or "energies and forces are missing"
            raise AnharmonicError(f"{folder} gives no labels: {reasons}. Run it again, or remove its outputs")
        last = complete[-1]
        labels = {"energy": last.energy, "free_energy": last.energy, "forces": last.forces}
        labels |= {} if last.stress is None else {"stress": last.stress}
        labelled = last.atoms.copy()
        labelled.calc = SinglePointCalculator(labelled, **labels)
        return labelled

    def _write(self, atoms, folder):
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(self.incar, folder / "INCAR")
        if self.kpoints is not None:
            shutil.copy(self.kpoints, folder / "KPOINTS")
        else:
            (folder / "KPOINTS").write_text(_mesh(atoms, self.kspacing), encoding="utf-8")
        with replacing(folder / "POSCAR") as part:
            ase.io.write(part, atoms, format="vasp", direct=True, sort=True)


def labeller_of(path, table):
    """The labeller that a section [label] asks for.

    Raises
    ------
    AnharmonicError
        If it asks for none or for several, or a file is missing.
    """
    folder = path.parent.resolve()
    kinds = [key for key in ("calculator", "command", "incar") if key in table]
    if len(kinds) != 1:
        raise AnharmonicError(
            f'{path}: [label] takes one of calculator = "file.py:function", command = "... {{input}} {{output}}", or '
            f"incar with kspacing or kpoints; found {', '.join(kinds) or 'none'}"
        )
    if kinds == ["calculator"]:
        file, _, function = table["calculator"].rpartition(":")
        if not file:
            raise AnharmonicError(f'{path}: a calculator is named "file.py:function"; found {table["calculator"]!r}')
        return AseLabeller(folder / file, function)
    if kinds == ["command"]:
        if "{input}" not in table["command"] or "{output}" not in table["command"]:
            raise AnharmonicError(f"{path}: the command names {{input}} and {{output}}; found {table['command']!r}")
        return CommandLabeller(table["command"], folder)
    if ("kspacing" in table) == ("kpoints" in table):
        raise AnharmonicError(f"{path}: with incar goes either kspacing (1/A) or kpoints (a file)")
    files = {key: folder / table[key] for key in ("incar", "kpoints") if key in table}
    for file in files.values():
        if not file.is_file():
            raise AnharmonicError(f"{path}: no file {file}")
    return VaspLabeller(kspacing=table.get("kspacing"), **files)


def _mesh(atoms, spacing):
    """Text of a KPOINTS file: a mesh around Gamma with at most this distance of its points."""
    lengths = 2 * np.pi * np.linalg.norm(np.linalg.inv(atoms.cell.array), axis=0)
    numbers = [max(1, math.ceil(length / spacing - 1e-9)) for length in lengths]
    return f"spacing {spacing:g} 1/A\n0\nGamma\n{numbers[0]} {numbers[1]} {numbers[2]}\n0 0 0\n"
