"""Thermodynamics of a recorded run: a record for each temperature, a record for each interval between them."""

from itertools import pairwise

import numpy as np

from anharmonic.analysis import (
    TiltModes,
    equilibration_start,
    estimate,
    find_transitions,
    lattice_parameters,
    name_phase,
)
from anharmonic.analysis.domains import align, layer_signs, stacking
from anharmonic.analysis.order_parameters import observed_modes, split_modes
from anharmonic.analysis.phases import tilt_estimate
from anharmonic.analysis.responses import heat_capacity, kinetic_heat_capacity, mean_slopes, temperature_derivative
from anharmonic.analysis.strains import elastic_constants, thermal_expansion
from anharmonic.analysis.tilts import angles
from anharmonic.conventions import AVOGADRO, BOLTZMANN, ELEMENTARY_CHARGE, GPA
from anharmonic.crystal.folding import Folding
from anharmonic.errors import AnharmonicError
from anharmonic.sweep.doubts import doubts_of, interval_doubts
from anharmonic.sweep.exchange_plan import LABEL
from anharmonic.sweep.result import plain
from anharmonic.sweep.samplers import potential_name

JOULE_PER_MOLE = BOLTZMANN * ELEMENTARY_CHARGE * AVOGADRO
"""k in J/(mol K)."""

MICRO = 1e6
"""Expansions are given in millionths per K."""


def thermodynamics(run, progress=lambda done, total: None):
    """Heat capacity, thermal expansion and elastic constants of a run.

    Parameters
    ----------
    run : RecordedRun
    progress : callable
        Called with the number of temperatures done and of all.

    Returns
    -------
    dict
        ``points``, ``intervals``, ``transitions``, ``warnings``; JSON-like, units in the names. Values that a run
        does not hold, or is too short for, are missing.
    """
    points = []
    for k, point in enumerate(run.points):
        points.append(_point(run, point))
        progress(k + 1, len(run.points))
    intervals, transitions = [], []
    for direction in dict.fromkeys(p["direction"] for p in points):
        chosen = [p for p in points if p["direction"] == direction]
        intervals += _intervals(run, chosen)
        transitions += _transitions(chosen, direction)
    return plain({
        "potential": potential_name(run.options),
        "n_atoms": run.structure.n_atoms,
        "formula": run.crystal.formula,
        "points": points,
        "intervals": intervals,
        "transitions": transitions,
        "warnings": _warnings(run, intervals),
    })  # fmt: skip


def alignment_of(run, point):
    """How the samples of a point are turned into one domain; None for crystals without tilts or too small cells."""
    modes, folded = TiltModes.of_crystal(run.crystal), Folding.of_supercell(run.supercell).folded
    if modes is None or folded.n_cells < 8 or "projections" not in point.samples:
        return None
    return align(modes, folded, point.samples["projections"].astype(float))


def _point(run, point):
    """Record of one temperature."""
    enthalpy, deformation = point.enthalpy(run.volume), point.samples["deformation"].astype(float)
    alignment = alignment_of(run, point)
    deformation = deformation if alignment is None else alignment.deformation(deformation)
    volume = run.volume * np.linalg.det(deformation)
    start = equilibration_start(np.stack([enthalpy, volume], axis=1))
    cut = slice(start, None)
    energy = estimate(enthalpy[cut])
    record = {
        "temperature_K": point.temperature,
        "direction": point.label,
        "n_samples": energy.n_samples,
        "n_discarded": start,
        "n_independent": energy.n_effective,
        **_phase(run, deformation[cut], alignment, cut),
        **_pair("enthalpy_eV_per_cell", energy, 1 / run.supercell.n_cells),
        **_pair("volume_A3_per_cell", estimate(volume[cut]), 1 / run.supercell.n_cells),
        **_lengths(run, deformation[cut]),
    }
    record |= _heat_capacity(run, point, enthalpy[cut])
    if run.plan.cell != "fixed":
        record |= _expansion(run, point, deformation[cut], enthalpy[cut], volume[cut])
    if run.plan.cell == "full":
        record |= _elasticity(run, point, deformation[cut], volume[cut])
    record |= _layers(point) | _modes(run, point, cut)
    return record | {"doubts": doubts_of(run, record, energy, alignment)}


def _phase(run, deformation, alignment, cut):
    """Name of the phase within one domain, and how often the domain changed."""
    if alignment is None:
        phase = name_phase(run.crystal, deformation)
        return {"phase": phase.name, "glazer": phase.glazer, "turns": None}
    phase, tilts = name_phase(run.crystal, deformation, alignment.turned[cut]), tilt_estimate(alignment.turned[cut])
    return {
        "phase": phase.name,
        "glazer": phase.glazer,
        "space_group_of_tilts": phase.space_group,
        "turns": alignment.n_turns,
        "tilt_in_phase": abs(tilts.mean[:3]),
        "tilt_anti_phase": abs(tilts.mean[3:]),
        "doubtful": bool(any(phase.doubtful)),
    }


def _lengths(run, deformation):
    """Lengths of the axes of the reference cell in one domain (A)."""
    found = estimate(lattice_parameters(run.crystal, deformation))
    return {
        key: value
        for k, name in enumerate("abc")
        for key, value in ((f"{name}_A", found.mean[k]), (f"{name}_error_A", found.error[k]))
    }


def _heat_capacity(run, point, enthalpy):
    """From the fluctuations of the enthalpy."""
    if run.plan.isolated:
        return {}
    try:
        found = heat_capacity(enthalpy, point.temperature, run.structure.n_atoms)
    except AnharmonicError:
        return {}
    per_mole = JOULE_PER_MOLE * run.crystal.n_sites
    return _pair("heat_capacity_kB_per_atom", found) | _pair("heat_capacity_J_per_mol_K", found, per_mole)


def _expansion(run, point, deformation, enthalpy, volume):
    """Thermal expansion, linear as a tensor and of the volume."""
    try:
        tensor = thermal_expansion(run.crystal, deformation, enthalpy, point.temperature)
        slope = temperature_derivative(volume / volume.mean(), enthalpy, point.temperature)
    except AnharmonicError:
        return {}
    return _pair("thermal_expansion_1e-6_per_K", tensor, MICRO) | _pair("volume_expansion_1e-6_per_K", slope, MICRO)


def _elasticity(run, point, deformation, volume):
    """Isothermal elastic constants, and what follows from them."""
    try:
        found = elastic_constants(run.crystal, deformation, float(volume.mean()), point.temperature)
    except AnharmonicError:
        return {}
    compressibility = estimate((volume - volume.mean()) ** 2)
    bulk = BOLTZMANN * point.temperature * volume.mean() / compressibility.mean / GPA
    return {
        "elastic_constants_GPa": found.stiffness,
        "elastic_constants_error_GPa": found.error,
        "elastic_constants_short": found.is_short,
        "smallest_stiffness_GPa": found.smallest_eigenvalue,
        "born_stable": found.is_stable,
        "bulk_modulus_GPa": bulk,
        "bulk_modulus_error_GPa": bulk * compressibility.error / compressibility.mean,
    }


def _layers(point):
    """Rotations of the layers of octahedra (degrees), their signs, and the walls between domains."""
    if "layers" not in point.samples:
        return {}
    series = point.samples["layers"].astype(float)
    found = {}
    for k, axis in enumerate("xyz"):
        n_layers = series.shape[2] - int(np.argmax(series[0, k, ::-1] != 0)) if series[0, k].any() else 0
        if not n_layers:
            continue
        layers = estimate(series[:, k, :n_layers])
        signs = layer_signs(layers)
        order, walls = stacking(signs)
        found[axis] = {
            "rotation_deg": angles(layers.mean), "error_deg": angles(layers.error), "signs": signs,
            "order": order, "walls": walls,
        }  # fmt: skip
    return {"layers": found}


def _modes(run, point, cut):
    """Mean lengths of the displacement modes that were recorded (A per reference cell), under their names."""
    if "modes" not in point.samples:
        return {}
    modes = observed_modes(run.crystal, run.plan.observe)
    series = split_modes(modes, point.samples["modes"].astype(float)[cut])
    lengths = {name: estimate(np.linalg.norm(values, axis=1)) for name, values in series.items()}
    return {key: x for name, found in lengths.items() for key, x in _pair(f"{name}_A_per_cell", found).items()}


def _transitions(points, direction):
    """Transitions between the phases named within one domain; none where temperatures have no order."""
    ways = {"heating": "heating", "cooling": "cooling", LABEL: "heating"}
    temperatures = [p["temperature_K"] for p in points]
    if direction not in ways or (direction == LABEL and sorted(set(temperatures)) != temperatures):
        return []
    return [t | {"direction": direction} for t in find_transitions(points, ways[direction])]


def _intervals(run, points):
    """Slopes of mean enthalpy and mean volume between neighbouring temperatures of one direction."""
    if len(points) < 2 or len({p["temperature_K"] for p in points}) < len(points):
        return []
    temperatures = [p["temperature_K"] for p in points]
    slopes = {}
    for key in ("enthalpy_eV_per_cell", "volume_A3_per_cell"):
        values, errors = ([p[name] for p in points] for name in _names(key))
        slopes[key] = mean_slopes(temperatures, values, errors)
    return [_interval(run, k, *pair, slopes) for k, pair in enumerate(pairwise(points))]


def _interval(run, k, one, other, slopes):
    """Record of one interval: the slope of the enthalpy beside the mean of the fluctuations at both ends."""
    kinetic, scale = kinetic_heat_capacity(run.structure.n_atoms), 1 / (BOLTZMANN * run.crystal.n_sites)
    slope, error = (x[k] * scale for x in slopes["enthalpy_eV_per_cell"])
    volume = 0.5 * (one["volume_A3_per_cell"] + other["volume_A3_per_cell"])
    record = {
        "from_K": one["temperature_K"],
        "to_K": other["temperature_K"],
        "direction": one["direction"],
        "one_phase": (one["phase"], one["glazer"]) == (other["phase"], other["glazer"]),
        "heat_capacity_kB_per_atom": slope + kinetic,
        "heat_capacity_error_kB_per_atom": error,
        "volume_expansion_1e-6_per_K": MICRO * slopes["volume_A3_per_cell"][0][k] / volume,
        "volume_expansion_error_1e-6_per_K": MICRO * slopes["volume_A3_per_cell"][1][k] / volume,
    }
    for key in ("heat_capacity_kB_per_atom", "volume_expansion_1e-6_per_K"):
        value, uncertain = _names(key)
        if one.get(value) is not None and other.get(value) is not None:
            mean, spread = (one[value] + other[value]) / 2, np.hypot(one[uncertain], other[uncertain]) / 2
            record |= dict(zip(_names("fluctuations_" + key), (mean, spread), strict=True))
            record[f"sigmas_{key.split('_')[0]}"] = (record[value] - mean) / np.hypot(record[uncertain], spread)
    return record | {"doubts": interval_doubts(record)}


def _warnings(run, intervals):
    found = [] if run.finished else ["the run is not finished: temperatures that are not done are missing"]
    if run.plan.isolated:
        found.append("without a thermostat there is no heat capacity from fluctuations: this run has none")
    return found + [text for interval in intervals for text in interval["doubts"]]


def _names(key):
    """``(name of a value, name of its error)``: the unit stays at the end."""
    for unit in ("_kB_per_atom", "_J_per_mol_K", "_1e-6_per_K", "_eV_per_cell", "_A3_per_cell", "_A_per_cell"):
        if key.endswith(unit):
            return key, key.removesuffix(unit) + "_error" + unit
    raise KeyError(key)


def _pair(key, found, scale=1.0):
    """Value and error under their names."""
    return dict(zip(_names(key), (scale * found.mean, scale * found.error), strict=True))
