"""Which files belong to one run, and which of them is read first."""

from pathlib import Path

from anharmonic.data.files import COMPRESSION, bare_name, kind_of

VASP = ("vasprun", "vaspout", "outcar")
"""Files of one run of VASP, the most precise with the most facts first."""
PHONOPY = ("phonopy_params", "phonopy_disp", "phonopy", "force_sets")
"""Files of one phonopy calculation; those that hold the forces first."""


def divide_into_runs(paths):
    """Files that hold the same data, together, the best of each first.

    Parameters
    ----------
    paths : sequence of Path
        Sorted.

    Returns
    -------
    list of list of Path
        In the order of the first file of each.
    """
    runs = {}
    for path in paths:
        runs.setdefault(_run(path), []).append(path)
    return [sorted(run, key=_rank) for run in runs.values()]


def _run(path):
    """What the files of one run have in common: folder, program and rest of the name."""
    kind, name, folder = kind_of(path), bare_name(path), Path(path).parent
    if kind in VASP:
        for word in ("vasprun.xml", "vaspout.h5", "outcar"):
            name = name.replace(word, "")
        return folder, "vasp", name.strip("._-")
    if kind == "ml_ab":
        return folder, kind, name.replace("ml_abn", "").replace("ml_ab", "").strip("._-")
    return (folder, kind, "") if kind == "phonopy" else (path, kind, "")


def _rank(path):
    """Sort key of the files of one run; ML_ABN goes on where ML_AB stops, and repeats it."""
    kind, name = kind_of(path), bare_name(path)
    place = 0
    if kind in VASP:
        place = VASP.index(kind)
    elif kind == "phonopy":
        place = next((k for k, start in enumerate(PHONOPY) if name.startswith(start)), len(PHONOPY))
    elif kind == "ml_ab":
        place = int("ml_abn" not in name)
    return place, path.suffix in COMPRESSION, path
