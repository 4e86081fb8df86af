"""Free-energy surfaces over two order parameters from runs without a bias: read, computed, written, drawn."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from anharmonic.analysis.order_parameters import KINDS, MODE
from anharmonic.analysis.surfaces import FEWEST, Coordinate, free_energy_surfaces
from anharmonic.conventions import BOLTZMANN
from anharmonic.errors import AnharmonicError
from anharmonic.files import write_csv
from anharmonic.sweep.recorded import open_run
from anharmonic.sweep.result import plain, write_summary
from anharmonic.sweep.samplers import potential_name
from anharmonic.sweep.sampling_warnings import short_series, too_few, unfinished, unsettled
from anharmonic.sweep.scan import formula_units
from anharmonic.sweep.states import check_alike, common_orders, head, states_of, with_orders

DOUBTFUL = 0.1
"""Probability in blank bins that is worth a warning."""


@dataclass(frozen=True)
class SurfaceReport:
    """Free energies over two order parameters at several temperatures.

    Attributes
    ----------
    record : dict
        The contents of summary.json.
    surfaces : list of Surface
        One for each temperature.
    """

    record: dict
    surfaces: list = field(repr=False)

    def save(self, folder="."):
        """Write summary.json and surface.csv into a folder."""
        write_summary(self.record, folder)
        header = ["temperature_K", "x", "y", "free_energy_meV", "error_meV", "probability", "n_effective"]
        write_csv(Path(folder) / "surface.csv", header, self._rows())

    def plot(self, folder="."):
        """Draw surface.png and surface.pdf into a folder; returns their paths."""
        from anharmonic.interfaces.style import files_of
        from anharmonic.interfaces.surface_figures import draw_surfaces

        labels, path = [_label(self.record[axis]) for axis in "xy"], Path(folder) / "surface"
        draw_surfaces(self.surfaces, labels, self.record["n_formula_units"], path)
        return files_of(path)

    def _rows(self):
        """Lines of the table, of every bin with a sample; free energies in meV per formula unit."""
        meV = 1000 / self.record["n_formula_units"]
        for surface in self.surfaces:
            for i, j in np.argwhere(surface.probability > 0):
                place = [centres[k] for centres, k in zip(surface.centres, (i, j), strict=True)]
                heights = meV * surface.free_energy[i, j], meV * surface.error[i, j]
                counts = surface.probability[i, j], surface.n_effective[i, j]
                yield plain([surface.temperature, *place, *heights, *counts])


def surfaces_of_runs(runs, temperatures, along=(), bins=25):
    """Free energies over two order parameters from sweeps and replica exchanges.

    Parameters
    ----------
    runs : sequence of path
        Folders or run files, of one potential in one supercell; finished or not.
    temperatures : sequence of float
        K, within those of the runs.
    along : sequence of str
        Two coordinates as of `Coordinate.named`; by default the first two order parameters: lengths of the in-phase
        and the anti-phase tilts of a perovskite.
    bins : int
        Along each.

    Returns
    -------
    SurfaceReport

    Raises
    ------
    AnharmonicError
        If the runs are of different potentials, loads or supercells, or too short for error bars; if a temperature is
        outside of theirs or an order parameter unknown.
    FileFormatError
        If a path leads to no run.
    """
    recorded = [open_run(path) for path in runs]
    check_alike(recorded)
    _check_supercells(recorded)
    states = [state for run in recorded for _, state in states_of(run)]
    if not states:
        raise AnharmonicError("no temperature of these runs has samples enough for error bars: run longer")
    common = common_orders(states)
    states = [with_orders(state, common) for state in states]
    coordinates = _coordinates(along, states[0].order)
    found = free_energy_surfaces(states, coordinates, temperatures, bins)
    supercell = recorded[0].supercell
    n_units = formula_units(recorded[0].crystal) * supercell.n_cells
    followed = [with_orders(state, {c.name for c in coordinates}) for state in states]
    record = {
        "kind": "surface",
        "potential": potential_name(recorded[0].options),
        "supercell": supercell.matrix.tolist(),
        "n_formula_units": n_units,
        "runs": [head(r) for r in recorded],
        "x": _axis(coordinates[0]),
        "y": _axis(coordinates[1]),
        "fewest_samples_of_a_bin": FEWEST,
        "points": [_point(surface, n_units) for surface in found],
        "warnings": [
            *unfinished(recorded),
            *too_few(recorded),
            *unsettled(recorded),
            *_blank(found),
            *short_series({supercell.n_cells: followed}),
        ],
    }
    return SurfaceReport(plain(record), found)


def _check_supercells(recorded):
    """One supercell: the free energy of an order parameter belongs to it."""
    if len({str(r.supercell.matrix.tolist()) for r in recorded}) > 1:
        listed = "; ".join(f"{r.folder}: {r.supercell.matrix.tolist()}" for r in recorded)
        raise AnharmonicError(f"a free-energy surface is that of one supercell, found different ones: {listed}")


def _coordinates(along, order):
    """Two coordinates, those asked for or the first two."""
    names = list(along) or [name for name in order if not name.startswith("strain")][:2]
    names = names if along or len(names) == 2 else list(order)[:2]
    if len(names) != 2 or names[0] == names[1]:
        raise AnharmonicError(
            f"a surface has two different order parameters, found {', '.join(map(repr, names)) or 'none'}; known are "
            f"{', '.join(map(repr, order))}"
        )
    return tuple(Coordinate.named(name, order) for name in names)


def _axis(coordinate):
    """What an axis is, for the record."""
    unit = "degrees" if coordinate.name in KINDS else "A" if coordinate.name.startswith(MODE) else None
    component = None if coordinate.component is None else coordinate.component + 1
    return {
        "order_parameter": coordinate.name,
        "component": component,
        "n_components": coordinate.n_components,
        "unit": unit,
    }


def _label(axis):
    """An axis in words."""
    unit = {"degrees": " (°)", "A": " (Å)", None: ""}[axis["unit"]]
    if axis["component"] is None:
        return f"|{axis['order_parameter']}|{unit}"
    return f"{axis['order_parameter']}, component {axis['component']}{unit}"


def _point(surface, n_units):
    """One temperature of the record."""
    meV, known = 1000 / n_units, np.isfinite(surface.free_energy)
    return {
        "temperature_K": surface.temperature,
        "kT_meV": meV * BOLTZMANN * surface.temperature,
        "lowest_at": list(surface.lowest_at),
        "highest_meV": meV * np.nanmax(surface.free_energy),
        "median_error_meV": meV * np.nanmedian(surface.error),
        "bins_drawn": known.sum(),
        "bins_left_out": (surface.probability > 0).sum() - known.sum(),
        "probability_left_out": surface.blank,
        "n_effective": surface.n_samples,
    }


def _blank(surfaces):
    """Temperatures at which much of the density is in bins with too few samples."""
    found = [f"{s.temperature:g} K ({100 * s.blank:.0f} %)" for s in surfaces if s.blank > DOUBTFUL]
    words = "much of the density is in bins with too few samples, which are blank: take fewer bins, or run longer"
    return [f"at {', '.join(found)} {words}"] if found else []
