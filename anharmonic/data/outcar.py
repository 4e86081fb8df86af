"""Frames of an OUTCAR, with ASE's parsers and a check of electronic convergence.

Only the parsers for cell, positions, forces, stress and energy are used: odd
eigenvalues or magnetic moments must not cost a frame. ASE's look into a POSCAR
beside the OUTCAR (for constraints) is switched off.
"""

import io
import re
from pathlib import Path

from ase.io.vasp_parsers import vasp_outcar_parsers as parsers

from anharmonic.data.files import read_text
from anharmonic.data.frames import Refusal
from anharmonic.data.labels import label_atoms
from anharmonic.data.vasprun import check_self_consistency
from anharmonic.errors import FileFormatError

ITERATION = re.compile(r"Iteration\s+(\d+)\(\s*(\d+)\)")
ENERGY_CHANGE = re.compile(r"total energy-change \(2\. order\)\s*:\s*(-?[\d.]+E[+-]\d+)")
NO_CONVERGENCE = ("EDIFF was not reached", "hard stop was set")


def read_outcar(path):
    """Read all electronically converged ionic steps of an OUTCAR.

    Energies are VASP's free energy (``TOTEN``), to which the forces belong.
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
        return [], [Refusal(str(path), reason)]
    structures, refusals = [], []
    for index, chunk in enumerate(chunks):
        source = f"{path}:{index}"
        try:
            _check_convergence(chunk.lines, text)
            structures.append(label_atoms(chunk.build(), source))
        except Exception as error:  # the same
            refusals.append(Refusal(source, _reason(error)))
    if problem or _begun(text) > len(chunks):
        problem = problem or "the file ends within this ionic step: the run crashed, is still going, or is cut off"
        refusals.append(Refusal(f"{path}:{len(chunks)}", problem))
    return structures, refusals


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


def _check_convergence(lines, text):
    """Refuse an ionic step whose electrons did not converge.

    VASP 5 writes "aborting loop because EDIFF is reached" also where NELM
    iterations were not enough, so the last change of the energy decides.
    """
    step = "".join(lines)
    if "ML FREE ENERGIE" in step:
        raise FileFormatError("energies of VASP's machine-learned force field, not of DFT")
    if any(phrase in step for phrase in NO_CONVERGENCE):
        raise FileFormatError("not electronically converged: VASP says that EDIFF was not reached or the run stopped")
    check_self_consistency(_parameter(text, "ICHARG"))
    limit, tolerance = _parameter(text, "NELM"), _parameter(text, "EDIFF") or 0.0
    iterations, changes = ITERATION.findall(step), ENERGY_CHANGE.findall(step)
    if limit is None or not iterations or int(iterations[-1][1]) < limit:
        return
    change = abs(float(changes[-1])) if changes else float("inf")
    if change > tolerance:
        raise FileFormatError(
            f"not electronically converged: all NELM = {limit:.0f} iterations used, the last one changed the energy "
            f"by {change:.1e} eV, EDIFF is {tolerance:.1e} eV"
        )


def _parameter(text, name):
    """A number of the head, or None."""
    match = re.search(rf"\b{name}\s*=\s*([\d.E+-]+)", text)
    return None if match is None else float(match[1])


def _reason(error):
    """What to say of an error of ASE's parsers."""
    if isinstance(error, FileFormatError):
        return str(error)
    return f"ASE reads no structure from this ionic step ({type(error).__name__}: {error})"
