"""Phonons at one temperature: what a sample of the motion says of forces, soft modes and spectra."""

from dataclasses import dataclass

import numpy as np

from anharmonic.analysis.spectra import fit_oscillator, power_spectrum
from anharmonic.analysis.statistics import jackknife_error
from anharmonic.conventions import BOLTZMANN
from anharmonic.phonons.effective import EffectiveFit, residual
from anharmonic.phonons.points import degenerate_sets, frequencies_at, frequency_of, modes_at, softest_modes
from anharmonic.phonons.waves import wave_amplitudes

FROZEN = 0.5
"""Of a soft mode whose mean over a segment holds more than this share of its mean square, the crystal is distorted."""

EMPTY = 0.01
"""A mode with less than this share of its kinetic energy does not move: a uniform translation."""


@dataclass(frozen=True)
class ThermalPhonons:
    """Phonons at one temperature.

    Attributes
    ----------
    fit : EffectiveFit
    record : dict
        What is written of them; frequencies in THz.
    spectra : dict
        By label of the special point, as of `spectra_at`. The ``set`` of a soft mode is its column there.
    """

    fit: EffectiveFit
    record: dict
    spectra: dict


def thermal_phonons(motion, fit_force_constants, harmonic, points, temperature):
    """Effective phonons, soft modes and spectra from a sample of the motion.

    Parameters
    ----------
    motion : Motion
        With velocities at all arms of `points`, in that order.
    fit_force_constants : ForceConstantFit
    harmonic : Phonopy
        Of the reference crystal: its softest mode at each point is followed.
    points : sequence of SpecialPoint
        That fit the supercell.
    temperature : float
        K.

    Returns
    -------
    ThermalPhonons

    Raises
    ------
    AnharmonicError
        If the sample is too small.
    """
    cells = motion.cells
    displacements, forces = cells.to_atoms(motion.displacements), cells.to_atoms(motion.forces)
    fit = fit_force_constants(displacements, forces, motion.segments, cells)
    first = np.cumsum([0, *(len(point.arms) for point in points)])
    modes, frequencies, spectra = {}, {}, {}
    for point, begin in zip(points, first, strict=False):
        value, error = fit.with_error(lambda phonon, q=point.q: frequencies_at(phonon, q))
        frequencies[point.label] = {"frequency_THz": value, "error_THz": error}
        series = [velocities[:, begin : begin + len(point.arms)] for velocities in motion.velocities]
        spectra[point.label] = spectra_at(point, series, fit.phonon, motion.interval, BOLTZMANN * temperature)
        soft = softest_modes(harmonic, point.q)
        if soft is not None:
            modes[point.label] = _soft_mode(point, soft, motion, fit, harmonic, spectra[point.label])
    of_harmonic = residual(cells, np.asarray(harmonic.force_constants), displacements, forces)
    return ThermalPhonons(fit, {
        "temperature_K": temperature,
        "kinetic_temperature_K": motion.kinetic_temperature,
        "drift_meV_per_atom": motion.drift,
        "cell_A": cells.phonon.unitcell.cell,
        "n_samples": fit.n_samples,
        "force_rms_eV_per_A": np.sqrt((forces**2).mean()),
        "residual_eV_per_A": fit.residual,
        "explained": fit.explained,
        "harmonic_explained": 1 - (of_harmonic / np.sqrt((forces**2).mean())) ** 2,
        "distorted": any(mode["frozen_share"] > FROZEN for mode in modes.values()),
        "soft_modes": modes,
        "frequencies": frequencies,
    }, spectra)  # fmt: skip


def spectra_at(point, series, phonon, interval, thermal):
    """Spectra of the modes at a special point and the oscillators fitted to them.

    Parameters
    ----------
    point : SpecialPoint
    series : sequence of ndarray, shape (n_times, n_arms, n_atoms, 3), complex
        Of each segment, as of `WaveVelocities`.
    phonon : Phonopy
        Its eigenvectors are the modes; degenerate ones, and those at all arms, are averaged.
    interval : float
        fs.
    thermal : float
        kT (eV), in units of which densities are.

    Returns
    -------
    dict
        ``frequency`` (n,) in THz, ``density`` (n, n_sets) in 1/THz, of which a mode in equilibrium has 1 in all (both
        signs of frequency); ``modes`` (n_sets,) numbers of the modes; ``peak_THz``, ``linewidth_THz`` (n_sets,) and
        their ``peak_error_THz``, ``linewidth_error_THz`` by jackknife over segments; NaN for translations.
    """
    sets = degenerate_sets(frequencies_at(phonon, point.q))
    vectors = [modes_at(phonon, q)[1] for q in point.arms]
    segments = []
    for waves in series:
        waves = waves.reshape(*waves.shape[:2], -1)
        amplitudes = np.stack([waves[:, k] @ v.conj() for k, v in enumerate(vectors)], axis=1)
        frequency, density = power_spectrum(amplitudes, interval)
        segments.append(density.mean(1) / thermal)
    segments = np.stack([np.array(segments)[:, :, s].mean(-1) for s in sets], axis=-1)
    window = len(series[0]), interval
    peaks = [_with_errors(segments[:, :, k], *window) for k in range(len(sets))]
    values, errors = np.array([p[0] for p in peaks]), np.array([p[1] for p in peaks])
    return {
        "frequency": frequency, "density": segments.mean(0), "modes": sets, "peak_THz": values[:, 0],
        "linewidth_THz": values[:, 1], "peak_error_THz": errors[:, 0], "linewidth_error_THz": errors[:, 1],
    }  # fmt: skip


def _with_errors(segments, n_samples, interval):
    """Frequency and linewidth (THz) of the spectra (n_segments, n), and errors by jackknife."""
    n, total = len(segments), segments.sum(0)
    if 2e3 * total.sum() / n < EMPTY * n_samples * interval:
        return np.full(2, np.nan), np.full(2, np.nan)
    whole = fit_oscillator(total / n, n_samples, interval)
    left_out = [fit_oscillator((total - one) / (n - 1), n_samples, interval, whole) for one in segments]
    found = np.array([(x.frequency, x.linewidth) for x in (whole, *left_out)])
    return found[0], jackknife_error(found[1:])


def _soft_mode(point, vectors, motion, fit, harmonic, spectra):
    """Record of the mode that is softest in the reference crystal at rest."""
    value, error = fit.with_error(lambda phonon: frequency_of(phonon, point.q, vectors))
    amplitudes = wave_amplitudes(motion.cells, [point.q], motion.displacements)[:, 0]
    amplitudes = amplitudes.reshape(len(amplitudes), -1) @ vectors.conj()
    means = [abs(amplitudes[motion.segments == k].mean(0)) ** 2 for k in np.unique(motion.segments)]
    own = np.argmax([(abs(vectors.conj().T @ modes_at(fit.phonon, point.q)[1][:, s]) ** 2).sum()
                     for s in spectra["modes"]])  # fmt: skip
    return {
        "harmonic_THz": frequency_of(harmonic, point.q, vectors),
        "frequency_THz": float(value),
        "error_THz": float(error),
        **{name: float(spectra[name][own]) for name in spectra if name.endswith("THz")},
        "set": int(own),
        "frozen_share": float(np.mean(means) * vectors.shape[1] / (abs(amplitudes) ** 2).sum(1).mean()),
    }
