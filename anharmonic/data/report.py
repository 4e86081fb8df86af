"""A data set as a plain text table."""

import re
from collections import Counter, defaultdict

import numpy as np

from anharmonic.conventions import GPA
from anharmonic.data.frames import OTHER_ENERGY
from anharmonic.data.settings import disagreements, unknown_convergence
from anharmonic.data.table import file_table, outcome_lines

VARIES = 2e-4
"""Spread (eV/atom) from which two energies are worth a warning."""

HEADER = ("group", "phase", "frames", "atoms", "energy (meV/atom)", "force rms (eV/A)", "stress rms (GPa)", "missing")
SHOWN = 20
"""Most reasons for refusals that are shown."""
NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?")


def report_text(dataset):
    """What a data set holds, by group and phase; what came of the files; what was refused, by reason; warnings.

    Energies are relative to the lowest energy per atom of the group.
    """
    strata, lowest = defaultdict(list), {}
    for frame in dataset.frames:
        strata[frame.group, frame.phase].append(frame)
        if frame.energy is not None:
            lowest[frame.group] = min(lowest.get(frame.group, np.inf), frame.energy / frame.n_atoms)
    rows = [HEADER] + [_row(*key, strata[key], lowest.get(key[0])) for key in sorted(strata)]
    title = f"{dataset.crystal.formula}: {len(dataset)} frames, {len(dataset.refusals)} refused"
    lines = [title, "", *_aligned(rows), *_file_lines(dataset), *_refusal_lines(dataset.refusals), *_warnings(dataset)]
    return "\n".join(lines) + "\n"


def _file_lines(dataset):
    """Files by their outcome, and what their energies are."""
    lines = outcome_lines(file_table(dataset.frames, dataset.refusals))
    names = Counter(frame.energy_name or "not told" for frame in dataset.frames if frame.energy is not None)
    energies = ", ".join(f"{name} in {count}" for name, count in names.most_common()) or "none"
    return ["", "files:", *lines, "", f"energies: {energies}"]


def two_energies(frames):
    """A sentence on frames whose files give two energies that differ by more than a constant; empty without such.

    A constant does no harm. What varies may spoil a fit: a potential can follow only the energy whose gradient
    the forces are.
    """
    pairs = [(f.info[OTHER_ENERGY] - f.energy) / f.n_atoms for f in frames if OTHER_ENERGY in f.info and f.energy]
    if not pairs or np.std(pairs) < VARIES:
        return ""
    mean, spread = 1000 * np.mean(np.abs(pairs)), 1000 * np.std(pairs)
    return (
        f"energy and free energy differ by {mean:.2f} meV/atom (spread {spread:.2f}) in {len(pairs)} frames: forces "
        "are the gradient of the free energy in VASP, of the other one in some files of other programs. The choice is "
        'energy = "free_energy" or "energy" of [data]; the fit with the smaller errors tells'
    )


def _warnings(dataset):
    """Settings that differ, convergence that nothing tells, energies that differ."""
    found = [*disagreements(dataset.frames), unknown_convergence(dataset.frames), two_energies(dataset.frames)]
    lines = [f"  {text}" for text in found if text]
    return ["", "warnings:", *lines] if lines else []


def _row(group, phase, frames, lowest):
    """Cells of the table for one group and phase."""
    atoms = sorted({frame.n_atoms for frame in frames})
    energies = [1000 * (f.energy / f.n_atoms - lowest) for f in frames if f.energy is not None]
    forces = [f.forces.ravel() for f in frames if f.forces is not None]
    stresses = [f.stress.ravel() / GPA for f in frames if f.stress is not None]
    missing = Counter(name for frame in frames for name in frame.missing)
    return (
        group,
        phase,
        str(len(frames)),
        str(atoms[0]) if len(atoms) == 1 else f"{atoms[0]}-{atoms[-1]}",
        f"{min(energies):.1f} to {max(energies):.1f}" if energies else "-",
        f"{_rms(forces):.3f}" if forces else "-",
        f"{_rms(stresses):.3f}" if stresses else "-",
        ", ".join(f"{name} in {count}" for name, count in missing.items()) or "none",
    )


def _rms(arrays):
    """Root mean square of all components."""
    return np.sqrt(np.mean(np.concatenate(arrays) ** 2))


def _aligned(rows):
    """Rows as lines with columns of equal width: text to the left, numbers to the right."""
    aligned = []
    for k, column in enumerate(zip(*rows, strict=True)):
        width = max(len(cell) for cell in column)
        left = HEADER[k] in ("group", "phase", "missing")
        aligned.append([cell.ljust(width) if left else cell.rjust(width) for cell in column])
    return ["  ".join(row).rstrip() for row in zip(*aligned, strict=True)]


def _refusal_lines(refusals):
    """Refusals counted by reason (reasons that differ in numbers alone are one), with the first of each.

    The most frequent reasons come first; the table of files has them all.
    """
    reasons = defaultdict(list)
    for refusal in refusals:
        reasons[NUMBER.sub("#", refusal.reason)].append(refusal)
    ranked = sorted(reasons.values(), key=len, reverse=True)
    lines = [f"{len(same):6d}  {same[0].reason} (first: {same[0].source})" for same in ranked[:SHOWN]]
    rest = sum(map(len, ranked[SHOWN:]))
    return ["", "refused:", *lines, *([f"{rest:6d}  for other reasons"] if rest else [])] if lines else []
