"""The order parameters of umbrella sampling in runs without a bias: free energies where a run goes by itself."""

import numpy as np

from anharmonic.errors import AnharmonicError
from anharmonic.free_energy.landau import STRAINS, TILTS, free_energy_of_run

KIND = {"in-phase": slice(0, 3), "anti-phase": slice(3, 6)}


def unbiased_free_energy(run, options):
    """The `LandauFreeEnergy` of the samples of a run at the temperature of some options.

    Translations of the crystal turn the sign of a tilt, so that samples of both signs count where the range begins at
    or above 0; tilts about all three axes count in supercells of equal lengths.

    Parameters
    ----------
    run : dict
        As of `anharmonic.free_energy.temperatures.samples_of_run`.
    options : LandauOptions

    Raises
    ------
    AnharmonicError
        If the run has no samples at that temperature, or another load or cell.
    """
    temperatures = np.asarray(run["temperatures"], float)
    k = int(np.argmin(abs(temperatures - options.temperature)))
    if abs(temperatures[k] - options.temperature) > 1e-3:
        raise AnharmonicError(
            f"the run has no samples at {options.temperature:g} K; its temperatures are "
            f"{', '.join(f'{t:g}' for t in temperatures)} K"
        )
    load = run["options"].get("pressure_GPa", 0.0), run["options"].get("cell") or "fixed"
    if load != (options.pressure_GPa, options.cell):
        raise AnharmonicError(
            f"the run has the cell {load[1]} under {load[0]:g} GPa, and the windows the cell {options.cell} under "
            f"{options.pressure_GPa:g} GPa"
        )
    return free_energy_of_run(_coordinate(run, k, options), options.temperature, options)


def _coordinate(run, k, options):
    """Samples (n,) of the order parameter, equal ones of one time together."""
    if options.along in STRAINS:
        return run["strains"][k][(slice(None), *STRAINS[options.along])]
    name, tilts = options.along, run["tilts"][k]
    if tilts.shape[1] != len(TILTS):
        raise AnharmonicError("the run is of a crystal without tilts")
    shape = run["structure"].supercell.matrix
    alike = np.array_equal(shape, shape[0, 0] * np.eye(3)) and options.cell in ("full", "isotropic", "orthorhombic")
    chosen = tilts[:, KIND[name.rsplit("-", 1)[0]]] if alike else tilts[:, [TILTS.index(name)]]
    return (abs(chosen) if options.lowest >= 0 else chosen).ravel()
