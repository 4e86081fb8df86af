"""Files of phonons: phonopy's own, tables, JSON."""

from pathlib import Path

from anharmonic.files import replacing, write_csv, write_json
from anharmonic.phonons.run import temperature_folder

COLUMNS = (
    "temperature_K", "point", "harmonic_THz", "frequency_THz", "error_THz", "peak_THz", "peak_error_THz",
    "linewidth_THz", "linewidth_error_THz", "frozen_share", "distorted", "explained",
)  # fmt: skip
PARAMETERS = "phonopy_params.yaml"


def write_files(result, folder):
    """Write phonons.json, phonons.csv, and for each phonopy object its ``phonopy_params.yaml``.

    ``phonopy.load`` reads the latter, with force constants and Born charges. Beside those of a temperature stand the
    spectra, ``spectra.csv``.

    Parameters
    ----------
    result : PhononResult
    folder : path

    Returns
    -------
    list of Path
    """
    folder = Path(folder)
    written = [folder / "phonons.json", folder / "harmonic" / PARAMETERS]
    write_json(written[0], result.summary)
    save_phonopy(result.harmonic, written[1])
    for thermal in result.thermal:
        own = temperature_folder(folder, thermal.record["temperature_K"])
        save_phonopy(thermal.fit.phonon, own / PARAMETERS)
        _write_spectra(thermal.spectra, own / "spectra.csv")
        written += [own / PARAMETERS, own / "spectra.csv"]
    if result.thermal:
        _write_table(result.points, folder / "phonons.csv")
        written.append(folder / "phonons.csv")
    return written


def save_phonopy(phonon, path):
    """Write a phonopy object with its force constants."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as part:
        phonon.save(part, settings={"force_constants": True, "displacements": False, "force_sets": False})


def _write_table(points, path):
    """Soft modes: a line for each temperature and special point."""
    rows = (point | mode | {"point": label} for point in points for label, mode in point["soft_modes"].items())
    write_csv(path, COLUMNS, rows)


def _write_spectra(spectra, path):
    """Spectral densities of all modes: frequency (THz), then 1/THz for each set of degenerate modes of each point."""
    names = [f"{label} {'+'.join(str(k + 1) for k in s)}" for label, own in spectra.items() for s in own["modes"]]
    frequency = next(iter(spectra.values()))["frequency"]
    rows = ([f, *(x for own in spectra.values() for x in own["density"][k])] for k, f in enumerate(frequency))
    write_csv(path, ["frequency_THz", *names], ([f"{x:.6g}" for x in row] for row in rows))
