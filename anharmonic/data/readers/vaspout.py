"""Frames of a vaspout.h5, the HDF5 file of VASP 6.

The layout is that of py4vasp (``py4vasp/_raw/definition.py``): ionic steps under
``intermediate/ion_dynamics``, species under ``results/positions`` (absent where
a run did not end) or ``input/poscar``, tags of the INCAR under ``input/incar``.
Whether the electrons converged is there from VASP 6.5 on, as
``electronic_step_converged``, 0 for yes. Of older files nothing tells it, and
their structures say so in ``info``.
"""

import re

import h5py
import numpy as np

from anharmonic.conventions import stress_from_vasp
from anharmonic.data.labels import label_arrays
from anharmonic.data.readers.convergence import check_self_consistency
from anharmonic.data.readers.incar import TAGS, vasp_settings, weighted_points
from anharmonic.data.refusals import Refusal, Refused, refusal_of
from anharmonic.data.settings import UNKNOWN_CONVERGENCE
from anharmonic.errors import FileFormatError

STEPS = "intermediate/ion_dynamics"
ARRAYS = ("energies", "position_ions", "lattice_vectors", "forces", "stress")
NECESSARY = ("energies", "position_ions", "lattice_vectors")
FORCE_FIELD = (
    "the run trained or used VASP's machine-learned force field, and nothing in this file tells its steps from those "
    "of DFT: read the ML_ABN"
)
OTHER_TAGS = ("ICHARG", "PSTRESS", "NBLOCK", "ML_LMLFF")
SLACK, EXPANSION = 1e7, 20
"""A data set has at most this many bytes, and this many times those of the file: a damaged one may claim any size."""
PRESSURE = "the run had PSTRESS = {:g} kB, and nothing tells whether the energies hold that term: read the vasprun.xml"
DAMAGE = (OSError, LookupError, TypeError, ValueError, AttributeError, RuntimeError, MemoryError)
"""What h5py raises, here or there, when it meets a damaged file."""


def read_vaspout(path):
    """Read all electronically converged ionic steps of a vaspout.h5.

    Energies are the free energy (tag ``TOTEN``), to which the forces belong.

    Returns
    -------
    structures : list of LabelledStructure
    refusals : list of Refusal
    """
    try:
        with h5py.File(path) as file:
            arrays = _arrays(file)
            facts = _facts(file, arrays["position_ions"].shape[1])
    except FileFormatError as error:
        return [], [refusal_of(str(path), error)]
    except DAMAGE as error:
        kind = "truncated" if "truncated" in str(error) else "damaged"
        return [], [Refusal(str(path), f"not readable as vaspout.h5: {error}", kind)]
    if facts["force field"]:
        return [], [Refusal(str(path), FORCE_FIELD, "force field")]
    structures, refusals = [], []
    n_steps, n_begun = (extreme(len(a) for a in arrays.values()) for extreme in (min, max))
    for step in range(n_steps):
        source = f"{path}:{step}"
        try:
            _check_convergence(facts, step)
            structures.append(_read_step({name: array[step] for name, array in arrays.items()}, facts, source))
        except FileFormatError as error:
            refusals.append(refusal_of(source, error))
    if n_begun > n_steps:
        reason = "the file ends within this ionic step: the run crashed or is still going"
        refusals.append(Refusal(f"{path}:{n_steps}", reason, "truncated"))
    return structures, refusals


def _get(file, *names):
    """The first data set of several names that is there, or None; nothing larger than the file could hold."""
    for name in names:
        node = file.get(name)
        if isinstance(node, h5py.Dataset):
            if node.nbytes > SLACK + EXPANSION * file.id.get_filesize():
                raise FileFormatError(f"{name} claims {node.nbytes:.3g} bytes, more than the file can hold")
            return node[()]
    return None


def _arrays(file):
    """The arrays of the ionic steps."""
    if STEPS not in file:
        raise Refused("crashed", f"no group {STEPS}: the run crashed at its start, or this is no vaspout.h5")
    found = {name: _get(file, f"{STEPS}/{name}") for name in ARRAYS}
    arrays = {name: array for name, array in found.items() if array is not None}
    missing = [name for name in NECESSARY if name not in arrays]
    if missing or not len(arrays["energies"]):
        raise Refused("crashed", f"no ionic step in this file: {', '.join(missing) or 'energies'} missing or empty")
    return arrays


def _facts(file, n_atoms):
    """Species, column of the energy, scale of the cell, and settings."""
    tags = [" ".join(_text(item).split()) for item in np.ravel(_get(file, f"{STEPS}/energies_tags"))]
    column = next((k for k, tag in enumerate(tags) if "TOTEN" in tag), None)
    if column is None:
        raise FileFormatError(f"no free energy TOTEN among energies_tags, found {', '.join(tags)}")
    flags = _get(file, f"{STEPS}/electronic_step_converged")
    scale = _get(file, f"{STEPS}/scale", "results/positions/scale")
    scale = 1.0 if scale is None else float(np.ravel(scale)[0])
    incar = {name: _plain(_get(file, f"input/incar/{name}")) for name in (*TAGS, *OTHER_TAGS)}
    incar = {name: text for name, text in incar.items() if text}
    return {
        "symbols": _symbols(file, n_atoms),
        "column": column,
        "scale": scale,
        "settings": _settings(file, incar, scale * file[STEPS]["lattice_vectors"][0]),
        "incar": {name: _number(incar.get(name)) for name in ("ICHARG", "PSTRESS")},
        "unconverged": None if flags is None else np.ravel(flags) != 0,
        "block": int(_number(incar.get("NBLOCK")) or 1),
        "force field": str(incar.get("ML_LMLFF", "F")).strip(".").upper()[:1] in ("T", "1"),
    }


def _symbols(file, n_atoms):
    """Chemical symbols, one an atom."""
    groups = ("results/positions", "input/poscar")
    types, counts = (_get(file, *(f"{g}/{name}" for g in groups)) for name in ("ion_types", "number_ion_types"))
    if types is None or counts is None:
        raise FileFormatError("the file holds no list of atoms")
    if np.sum(counts) != n_atoms or np.min(counts) < 0:
        raise FileFormatError(f"the file lists {np.ravel(counts)} atoms, positions are there of {n_atoms}")
    names = [_text(item).split("_")[0].strip() for item in np.ravel(types)]
    return [name for name, count in zip(names, np.ravel(counts), strict=True) for _ in range(int(count))]


def _settings(file, incar, cell):
    """`Settings` from the INCAR, the titles in the POTCAR and the k-points."""
    points = _get(file, "results/electron_eigenvalues/kpoint_coords")
    weights = _get(file, "results/electron_eigenvalues/kpoints_symmetry_weight")
    points = None if points is None else weighted_points(points, () if weights is None else weights)
    titles = re.findall(r"TITEL\s*=\s*([^\n]+)", _plain(_get(file, "input/potcar/content")))
    return vasp_settings({name: incar[name] for name in TAGS if name in incar}, titles, points, cell)


def _check_convergence(facts, step):
    """Refuse a step at fixed density or without convergence.

    There is a flag for every step of the run, but only every NBLOCK-th is kept:
    a kept step counts as converged if all that may be meant are.
    """
    check_self_consistency(facts["incar"]["ICHARG"])
    if facts["unconverged"] is None:
        return
    block = facts["block"]
    flags = facts["unconverged"][max(0, (step - 1) * block + 1) : (step + 1) * block]
    if flags.any() or not len(flags):
        raise Refused("unconverged", "not electronically converged: VASP says so in electronic_step_converged")


def _read_step(step, facts, source):
    """One ionic step as a `LabelledStructure`; VASP creates the arrays with one row of zeros."""
    if not step["energies"].any():
        raise Refused(
            "crashed", "the energies of this ionic step were never written: the run crashed or is still going"
        )
    if facts["incar"]["PSTRESS"]:
        raise FileFormatError(PRESSURE.format(facts["incar"]["PSTRESS"]))
    cell = facts["scale"] * step["lattice_vectors"]
    stress = step.get("stress")
    return label_arrays(
        facts["symbols"],
        cell,
        step["position_ions"] @ cell,
        step["energies"][facts["column"]],
        step.get("forces"),
        None if stress is None or not stress.any() else stress_from_vasp(stress),  # zeros where none was calculated
        source,
        energy_name="free energy (TOTEN)",
        settings=facts["settings"],
        info=dict(UNKNOWN_CONVERGENCE) if facts["unconverged"] is None else {},
    )


def _text(value):
    """A text of an HDF5 file."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _plain(value):
    """A value of the INCAR as the text that VASP would write; empty for None."""
    if value is None:
        return ""
    if isinstance(value, bytes):
        return _text(value)
    return " ".join(_text(item) for item in np.ravel(value))


def _number(text):
    """A number, or None."""
    try:
        return float(text.split()[0])
    except (AttributeError, ValueError, IndexError):
        return None
