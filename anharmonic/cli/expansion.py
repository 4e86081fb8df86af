"""The quasi-harmonic part of ``anharmonic phonons``: table, figure, and volumes of a sweep beside them."""

ROWS = 6
"""Temperatures in the printed table."""


def expand(potential, most, supercell, sampled, folder, quiet):
    """Write expansion.csv, .png and .pdf for the lowest phase; returns the table to print."""
    from anharmonic.cli.terminal import counting, table
    from anharmonic.interfaces.phonon_figures import draw_expansion
    from anharmonic.phonons.expansion import quasi_harmonic

    with counting("volumes", quiet) as progress:
        found = quasi_harmonic(potential, most, supercell, on_volume=progress)
    _write(found, folder / "expansion.csv")
    draw_expansion({name: (e.temperature, e.volume) for name, e in found.items()}, sampled, folder / "expansion")
    quantum, classical = found["quantum"], found["classical"]
    every = max(1, (len(quantum.temperature) - 1) // ROWS)
    rows = [
        (f"{t:g}", f"{v:.3f}", f"{c:.3f}", f"{1e6 * a:.1f}", f"{b:.2f}")
        for t, v, c, a, b in list(
            zip(quantum.temperature, quantum.volume, classical.volume, quantum.expansion, quantum.bulk_modulus,
                strict=True)
        )[::every]
    ]  # fmt: skip
    columns = ["T\nK", "volume\nÅ³/cell", "classical\nÅ³/cell", "expansion\n1e-6/K", "bulk modulus\nGPa"]
    left_out = f"; {len(quantum.unstable)} unstable volumes left out" if quantum.unstable else ""
    return table(f"quasi-harmonic expansion of the lowest phase{left_out}", columns, rows)


def read_sampled(folder):
    """Temperatures (K) and mean volumes (A^3 per reference cell) of a run.

    Raises
    ------
    AnharmonicError, FileFormatError
        See `anharmonic.sweep.recorded.open_run`.
    """
    import numpy as np

    from anharmonic.sweep.recorded import open_run

    run = open_run(folder)
    growth = [np.linalg.det(point.samples["deformation"].astype(float)).mean() for point in run.points]
    return [point.temperature for point in run.points], [float(run.crystal.volume * g) for g in growth]


def _write(found, path):
    """All temperatures, with both statistics."""
    from anharmonic.files import write_csv

    rows = []
    for name, e in found.items():
        for t, *values in zip(e.temperature, e.volume, e.expansion, e.bulk_modulus, strict=True):
            rows.append([f"{t:g}", name, *(f"{x:.8g}" for x in values)])
    write_csv(path, ["temperature_K", "statistics", "volume_A3", "expansion_per_K", "bulk_modulus_GPa"], rows)
