"""A structure, or the mean structures of a run, as sums of modes: displacement modes, strains, and tilts."""

from dataclasses import dataclass, field

import numpy as np

from anharmonic.analysis import TiltModes
from anharmonic.analysis.displacement_modes import DisplacementMode, decompose
from anharmonic.analysis.order_parameters import order_parameters
from anharmonic.analysis.tilts import angles
from anharmonic.analysis.wave_vectors import fractions, read_wave_vector, star_of, stars_of
from anharmonic.crystal import Configuration
from anharmonic.errors import AnharmonicError
from anharmonic.files import write_csv
from anharmonic.sweep.structures import ADVICE, average_of

SIGMAS = 4.0
"""A mode of a mean structure that is this many standard errors long does not vanish."""


@dataclass(frozen=True)
class Amplitudes:
    """Amplitudes of one mode in one structure.

    Attributes
    ----------
    mode : DisplacementMode
    values : ndarray, shape (n_arms, n_rows)
        A per reference cell; NaN for arms that do not fit the supercell.
    errors : ndarray, shape (n_arms, n_rows)
        Standard errors; zeros for a structure without noise.
    """

    mode: DisplacementMode
    values: np.ndarray
    errors: np.ndarray

    @property
    def length(self):
        """Root of the sum of squares over arms and components (A)."""
        return float(np.sqrt(np.nansum(self.values**2)))

    @property
    def error(self):
        """Standard error of the length (A); of a length without significance that of a component."""
        values, errors = np.nan_to_num(self.values), np.nan_to_num(self.errors)
        spread = np.sqrt((errors**2).mean())
        return float(max(spread, np.sqrt(((values * errors) ** 2).sum()) / max(self.length, 1e-12)))


@dataclass(frozen=True)
class Distortion:
    """What makes a structure differ from the reference crystal.

    Attributes
    ----------
    name : str
        Of the structure.
    modes : tuple of Amplitudes
        In the order of wave vectors.
    strains : dict of ndarray
        Irreducible strains that break the symmetry, by Mulliken symbol.
    volume : float
        Relative to the reference.
    tilts : ndarray, shape (2, 3), or None
        In-phase and anti-phase tilts about x, y, z (degrees), NaN where the supercell holds none; of perovskites.
    """

    name: str
    modes: tuple = field(repr=False)
    strains: dict
    volume: float
    tilts: np.ndarray | None


def distortion(configuration: Configuration, name="", wave_vectors=None, position_error=None):
    """Take a structure apart.

    Parameters
    ----------
    configuration : Configuration
    name : str
    wave_vectors : sequence of str, optional
        Labels or fractions; by default all that the supercell holds.
    position_error : ndarray, shape (n_sites, 3, n_cells), optional
        Standard errors of the displacements (A).

    Returns
    -------
    Distortion

    Raises
    ------
    AnharmonicError
        If a wave vector is none, or none of its arms fits the supercell.
    """
    crystal, supercell, u = configuration.crystal, configuration.supercell, configuration.displacements
    error = np.zeros_like(u) if position_error is None else position_error
    found = []
    for mode, values in decompose(configuration, _stars(crystal, supercell, wave_vectors)):
        variance = np.tensordot(mode.projection(supercell) ** 2, error**2, 3).reshape(mode.shape)
        found.append(Amplitudes(mode, values, np.sqrt(variance)))
    strains = order_parameters(crystal, configuration.deformation[None])
    tilt_modes, tilts = TiltModes.of_crystal(crystal), None
    if tilt_modes is not None:
        tilts = angles(tilt_modes.tangents(supercell, u)).reshape(2, 3)
    strains = {label.removeprefix("strain "): values[0] for label, values in strains.items()}
    return Distortion(name, tuple(found), strains, float(np.linalg.det(configuration.deformation)), tilts)


def distortions_of_run(run, wave_vectors=None, progress=lambda done, total: None):
    """Distortions of the mean structures of a run, in one domain, temperature by temperature.

    Parameters
    ----------
    run : RecordedRun
    wave_vectors : sequence of str, optional
        See `distortion`; mean structures hold those of two cells along each axis.
    progress : callable
        Called with the number of temperatures done and of all.

    Returns
    -------
    list of Distortion

    Raises
    ------
    AnharmonicError
        If the run recorded nothing to average.
    """
    found = []
    for k, point in enumerate(run.points):
        average = average_of(run, point)
        if average is not None:
            found.append(distortion(average.configuration, point.name, wave_vectors, average.position_error))
        progress(k + 1, len(run.points))
    if not found:
        raise AnharmonicError(f"the run {run.folder} has no mean structure: {ADVICE}")
    return found


def write_distortions(found, path):
    """A CSV with a line for each structure, mode, arm and component; amplitudes in A per reference cell."""
    columns = ["structure", "wave_vector", "arm", "irrep", "sites", "component", "amplitude_A", "error_A"]
    rows = []
    for item in found:
        for a in item.modes:
            mode = a.mode
            for arm, component in np.argwhere(np.isfinite(a.values)):
                where = [item.name, mode.star.label, fractions(mode.star.arms[arm]), mode.irrep, mode.sites]
                rows.append(
                    [*where, component + 1, f"{a.values[arm, component]:.8g}", f"{a.errors[arm, component]:.3g}"]
                )
    write_csv(path, columns, rows)


def _stars(crystal, supercell, wave_vectors):
    """Stars that are asked for; all that fit if none is."""
    if not wave_vectors:
        return stars_of(crystal, supercell)
    found = []
    for text in wave_vectors:
        star = star_of(crystal, read_wave_vector(crystal, text.split())[0])
        if not star.fits(supercell).any():
            known = ", ".join(s.label for s in stars_of(crystal, supercell)[:12])
            raise AnharmonicError(
                f"the structure is of {supercell.matrix.tolist()} cells, which hold no wave {star.label}; among those "
                f"that they hold are {known}"
            )
        found.append(star)
    return found
