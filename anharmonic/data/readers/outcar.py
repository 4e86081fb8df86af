"""Frames of an OUTCAR, with ASE's parsers and a check of electronic convergence.

Only the parsers for cell, positions, forces, stress and energy are used: odd
eigenvalues or magnetic moments must not cost a frame. ASE's look into a POSCAR
beside the OUTCAR (for constraints) is switched off.
"""

import io
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
from ase.io.vasp_parsers import vasp_outcar_parsers as parsers

from anharmonic.data.files import read_text
from anharmonic.data.labels import label_atoms
from anharmonic.data.readers.convergence import check_self_consistency, require_convergence
from anharmonic.data.readers.incar import ABSENT, TAGS, vasp_settings, weighted_points
from anharmonic.data.refusals import Refusal, Refused, refusal_of
from anharmonic.errors import FileFormatError

ITERATION = re.compile(r"Iteration\s+(\d+)\(\s*(\d+)\)")
ENERGY_CHANGE = re.compile(r"total energy-change \(2\. order\)\s*:\s*(-?[\d.]+E[+-]\d+)")
METAGGA = re.compile(r"\bMETAGGA\s*=\s*(\S+)")
HUBBARD = {name: rf"\b{name}\s*=\s*([^\n]+)" for name in ("LDAUU", "LDAUJ")}
TITLE = re.compile(r"\bTITEL\s*=\s*([^\n]+)")
KPOINTS = re.compile(r"k-points in reciprocal lattice and weights:[^\n]*\n((?:(?:\s+-?\d+\.\d+){4}[ \t]*\n)+)")
NO_CONVERGENCE = ("EDIFF was not reached", "hard stop was set")


def read_outcar(path):
    """Read all electronically converged ionic steps of an OUTCAR.

    Energies are VASP's free energy (``TOTEN``), to which the forces belong; the energy at zero smearing is left out.
    Positions carry five decimals; a vasprun.xml of the same run is better.

    Returns
    -------
    structures : list of LabelledStructure
    refusals : list of Refusal
    """
    text, problem = read_text(path)
    try:
        chunks = list(_chunks(path, text))
    except Exception as error:  # ASE's parsers raise whatever a damaged head makes them raise
        reason = problem or f"no ionic step in this file: the run crashed at its start ({error})"
        return [], [Refusal(str(path), reason, "truncated" if problem else "crashed")]
    first = ITERATION.search(text)
    structures, refusals, head = [], [], text[: first.start() if first else None]
    for index, chunk in enumerate(chunks):
        source = f"{path}:{index}"
        try:
            _check_convergence(chunk.lines, head)
            structure = label_atoms(chunk.build(), source)
            _check_rows(chunk.lines, len(structure.atoms))
            structures.append(replace(structure, energy_name="free energy (TOTEN)", info={}))
        except Exception as error:  # the same
            refusals.append(refusal_of(source, error, "ASE reads no structure from this ionic step ({})"))
    if problem or _begun(text) > len(chunks):
        problem = problem or "the file ends within this ionic step: the run crashed, is still going, or is cut off"
        refusals.append(Refusal(f"{path}:{len(chunks)}", problem, "truncated"))
    settings = _settings(head, structures[0].atoms.cell[:]) if structures else None
    return [replace(structure, settings=settings) for structure in structures], refusals


def _chunks(path, text):
    """ASE's chunks, one an ionic step."""
    file = io.StringIO(text)
    file.name = str(Path(path))
    header = parsers.OutcarHeaderParser(parsers=[parsers.SpeciesTypes(), parsers.IonsPerSpecies()], workdir=None)
    names = (parsers.Cell, parsers.PositionsAndForces, parsers.Stress, parsers.Energy)
    chunk = parsers.OutcarChunkParser(parsers=[parser() for parser in names])
    return parsers.outcarchunks(file, chunk_parser=chunk, header_parser=header)


def _begun(text):
    """Number of ionic steps that were begun."""
    return len({ionic for ionic, _ in ITERATION.findall(text)})


def _check_rows(lines, n_atoms):
    """Refuse a step whose positions and forces are not as many as there are atoms: ASE counts no rows."""
    start = next(k for k, line in enumerate(lines) if "TOTAL-FORCE" in line) + 2
    if not any(line.strip().startswith("-----") for line in lines[start + n_atoms : start + n_atoms + 1]):
        raise FileFormatError(f"the rows of positions and forces are not {n_atoms}, the number of atoms")


def _check_convergence(lines, head):
    """Refuse an ionic step whose electrons did not converge.

    VASP 5 writes "aborting loop because EDIFF is reached" also where NELM
    iterations were not enough, so the last change of the energy decides.
    """
    step = "".join(lines)
    if "ML FREE ENERGIE" in step:
        raise Refused("force field", "energies of VASP's machine-learned force field, not of DFT")
    if any(phrase in step for phrase in NO_CONVERGENCE):
        reason = "not electronically converged: VASP says that EDIFF was not reached or the run stopped"
        raise Refused("unconverged", reason)
    check_self_consistency(_parameter(head, "ICHARG"))
    limit = _parameter(head, "NELM")
    iterations, changes = ITERATION.findall(step), ENERGY_CHANGE.findall(step)
    if limit is None or not iterations or int(iterations[-1][1]) < limit:
        return
    require_convergence(abs(float(changes[-1])) if changes else float("inf"), limit, _parameter(head, "EDIFF"))


def _parameter(text, name):
    """A number of the head, or None."""
    match = re.search(rf"\b{name}\s*=\s*([\d.E+-]+)", text)
    return None if match is None else float(match[1])


def _settings(head, cell):
    """`Settings` from the head of the file and the cell of its first ionic step."""
    tags = {name: match[1] for name in TAGS if (match := re.search(rf"\b{name}\s*=\s*([^\s;]+)", head))}
    if "ENCUT" not in tags:
        return None
    tags["METAGGA"] = next((name for name in METAGGA.findall(head)[::-1] if name not in ABSENT), "--")
    tags["LDAU"] = "T" if "LDA+U is selected" in head else "F"
    tags |= {name: match[1] for name, key in HUBBARD.items() if (match := re.search(key, head))}
    points = KPOINTS.search(head)
    rows = np.array(points[1].split(), float).reshape(-1, 4) if points else np.empty((0, 4))
    titles = {title.strip() for title in TITLE.findall(head)}
    return vasp_settings(tags, titles, weighted_points(rows[:, :3], rows[:, 3]), cell)
