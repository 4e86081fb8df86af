"""What a sweep found: one record per temperature and direction, and the transitions."""

import math
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from anharmonic.analysis import TiltModes, estimate, find_transitions, lattice_parameters, name_phase, tilt_estimate
from anharmonic.conventions import BOLTZMANN, GPA, to_voigt
from anharmonic.files import write_json
from anharmonic.sweep.precision import reached

DIGITS = 10

RARELY = 0.01
"""Larger shares of samples, or of sites, outside the fitted data are worth a warning."""

RENAMED = "a longer run may change the phase named at"
"""Begins the warning of temperatures whose tilts do not settle the phase."""


@dataclass(frozen=True)
class SweepResult:
    """Summary and samples of a sweep.

    Attributes
    ----------
    summary : dict
        The contents of summary.json.
    samples : mapping of ndarray
        By name, (n_samples, ...), equilibration included and marked; read from the run file when asked for.
    """

    summary: dict
    samples: dict = field(repr=False)

    def transitions(self):
        """Phase transitions: list of dict with from, to, temperature_K, error_K, direction."""
        return self.summary["transitions"]

    def points(self):
        """Records per temperature and direction, in the order in which they were run."""
        return self.summary["points"]

    def save(self, folder="."):
        """Write summary.json into a folder."""
        return write_summary(self.summary, folder)

    def plot(self, folder="."):
        """Draw lattice and order, each as png and pdf, into a folder; returns the paths."""
        from anharmonic.interfaces.style import files_of
        from anharmonic.interfaces.sweep_figures import draw_lattice, draw_order

        paths = Path(folder) / "lattice", Path(folder) / "order"
        draw_lattice(self.summary, paths[0])
        draw_order(self.summary, paths[1])
        return [file for path in paths for file in files_of(path)]


def write_summary(summary, folder):
    """Write summary.json into a folder; returns its path."""
    path = Path(folder) / "summary.json"
    write_json(path, summary)
    return path


def summarise(potential, supercell, plan, samples, notes=()):
    """The summary of a sweep from its samples; depends on nothing but the arguments."""
    series = [stage_samples(samples, k) for k in range(len(plan.stages))]
    return summary_of(potential.crystal, potential.name, supercell, plan, series, notes)


def summary_of(crystal, name, supercell, plan, series, notes=()):
    """The summary of a sweep, or of the temperatures that it has finished, from the production samples of each."""
    modes = TiltModes.of_crystal(crystal)
    points = [
        point_record(crystal, supercell, plan, modes, stage, samples)
        for stage, samples in zip(plan.stages, series, strict=False)
    ]
    transitions = []
    for direction in dict.fromkeys(p["direction"] for p in points):
        transitions += find_transitions([p for p in points if p["direction"] == direction], direction)
    return plain({
        "potential": name,
        "supercell": supercell.matrix.tolist(),
        "n_atoms": crystal.n_sites * supercell.n_cells,
        "method": plan.method,
        "pressure_GPa": plan.pressure_GPa if plan.stress_GPa is None else None,
        "stress_GPa": plan.stress_GPa,
        "steps_per_temperature": {"equilibration": plan.equilibration, "production": plan.production},
        "points": points,
        "transitions": transitions,
        "warnings": run_warnings(points, modes, supercell, plan) + list(notes),
    })  # fmt: skip


def stage_samples(samples, k):
    """Production samples of stage k: a mapping; each column is read when it is asked for."""
    chosen = np.flatnonzero((samples["stage"] == k) & samples["production"])
    return samples.rows(int(chosen[0]), int(chosen[-1]) + 1)


def point_record(crystal, supercell, plan, modes, stage, samples):
    """Record of one temperature, from its production samples; if a precision was asked for, from those that count."""
    precision = {}
    if plan.until:
        start, errors = reached(crystal, supercell.n_cells, samples, plan.until)
        samples = samples.rows(start, len(samples["stage"]))
        precision = {name: error for (name, _), error in zip(plan.until, errors, strict=True)}
    deformation = samples["deformation"].astype(float)
    lengths = estimate(lattice_parameters(crystal, deformation))
    energy = estimate(samples["energy"].astype(float) / supercell.n_cells)
    tangents = _tangents(modes, supercell, samples["projections"].astype(float))
    phase = name_phase(crystal, deformation, tangents)
    point = {
        "temperature_K": stage.temperature,
        "direction": stage.label,
        "phase": phase.name,
        "glazer": phase.glazer,
        "space_group": phase.space_group,
        **{name: lengths.mean[k] for k, name in enumerate("abc")},
        "energy": energy.mean,
        "errors": dict(zip("abc", lengths.error, strict=True)) | {"energy": energy.error},
        "n_samples": energy.n_samples,
        "correlation_time_samples": energy.correlation_time,
        "doubtful": bool(any(phase.doubtful)),
        **_extrapolation(samples),
    }
    if stage.end is not None:
        point["end_temperature_K"] = stage.end[0]
    if "stress" in samples:
        point |= _stress(crystal, supercell, stage, samples["stress"].astype(float), deformation)
    if plan.until:
        point["precision"] = precision | {"reached": all(precision[name] <= error for name, error in plan.until)}
    if tangents is not None:
        tilts = tilt_estimate(tangents)
        point |= {"tilt_in_phase": abs(tilts.mean[:3]), "tilt_anti_phase": abs(tilts.mean[3:])}
        point["errors"] |= {"tilt_in_phase": tilts.error[:3], "tilt_anti_phase": tilts.error[3:]}
    return point | _health(plan, crystal.n_sites * supercell.n_cells, samples)


def _stress(crystal, supercell, stage, stress, deformation):
    """Mean internal stress (GPa, Voigt order), motion included; along a ramp of temperature that of its middle."""
    n_atoms = crystal.n_sites * supercell.n_cells
    volume = crystal.volume * supercell.n_cells * np.linalg.det(deformation)
    end = stage.temperature if stage.end is None else stage.end[0]
    kinetic = (n_atoms - 1) * BOLTZMANN * 0.5 * (stage.temperature + end) / volume
    found = estimate(to_voigt(stress - kinetic[:, None, None] * np.eye(3)) / GPA)
    return {"stress_GPa": found.mean, "stress_error_GPa": found.error}


def _extrapolation(samples):
    """Largest grade of a site, mean grade, and the shares of samples and of sites outside the fitted data."""
    mean = samples["extrapolation_mean"].astype(float)
    return {
        "extrapolation": samples["extrapolation"].max(),
        "extrapolation_mean": mean.mean(),
        "samples_outside": (mean > 1).mean(),
        "sites_outside": samples["extrapolation_share"].astype(float).mean(),
    }


def _outside(points):
    """Words for the temperatures at which a run was outside the fitted data; None if there is none."""
    found = {}
    for p in points:
        if p["samples_outside"] > RARELY or p["sites_outside"] > RARELY:
            shares = f"{100 * p['samples_outside']:.0f} % of the samples, {100 * p['sites_outside']:.1f} % of the sites"
            found[f"{p['temperature_K']:g} K {p['direction']}".strip()] = shares
    if not found:
        return None
    return "outside the fitted data: " + "; ".join(f"{name}: {shares}" for name, shares in found.items())


def _tangents(modes, supercell, projections):
    """Tilt tangents (n_samples, 6), NaN where the supercell does not hold them; None without tilts."""
    if modes is None:
        return None
    return np.where(modes.commensurate(supercell), projections, np.nan)


def _health(plan, n_atoms, samples):
    """Acceptance of Monte Carlo, or temperature and drift of dynamics."""
    if plan.method == "mc":
        return {name: samples[name].astype(float).mean() for name in samples if name.endswith("acceptance")}
    conserved = samples["conserved"].astype(float)
    time = np.arange(len(conserved)) * plan.sampling.stride * plan.timestep * 1e-3
    drift = np.polyfit(time, conserved, 1)[0] / n_atoms * 1e3
    return {
        "kinetic_temperature_K": samples["kinetic_temperature"].astype(float).mean(),
        "drift_meV_per_atom_per_ps": drift,
    }


def run_warnings(points, modes, supercell, plan):
    """What a reader of the figures should know."""
    missing = modes.missing(supercell) if modes is not None else None
    doubtful = [f"{p['temperature_K']:g} K {p['direction']}".strip() for p in points if p["doubtful"]]
    found = [missing] if missing else []
    if doubtful:
        found.append(f"{RENAMED} {', '.join(doubtful)}")
    for p in points:
        missed = [name for name, error in plan.until if not p["precision"][name] <= error]
        if missed:
            found.append(
                f"the requested precision of {', '.join(missed)} is not reached after {plan.production} steps at "
                f"{p['temperature_K']:g} K {p['direction']}".strip()
            )
    outside = _outside(points)
    return found + ([outside] if outside else [])


def plain(value):
    """JSON-like copy: rounded floats, None for NaN."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [plain(item) for item in value]
    if isinstance(value, float | np.floating):
        return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None
    return value.item() if isinstance(value, np.generic) else value
