"""Frames of ASE's own files: trajectories and databases."""

from ase.db import connect
from ase.io.trajectory import Trajectory

from anharmonic.data.labels import label_atoms
from anharmonic.data.refusals import refusal_of


def read_trajectory(path):
    """Read all frames of an ASE trajectory.

    Returns
    -------
    structures : list of LabelledStructure
    refusals : list of Refusal
    """
    with Trajectory(str(path)) as trajectory:
        return _collect((f"{path}:{i}", lambda i=i: trajectory[i]) for i in range(len(trajectory)))


def read_database(path):
    """Read all rows of an ASE database; key-value pairs and data go to ``info``.

    Returns
    -------
    structures : list of LabelledStructure
    refusals : list of Refusal
    """
    with connect(str(path), use_lock_file=False) as database:
        ids = [row.id for row in database.select(columns=["id"], include_data=False)]
        return _collect((f"{path}:{i}", lambda i=i: _row_atoms(database.get(id=i))) for i in ids)


def _row_atoms(row):
    """Atoms of a database row with its facts in ``info``."""
    atoms = row.toatoms()
    atoms.info.update(row.data)
    atoms.info.update(row.key_value_pairs)
    return atoms


def _collect(readers):
    """Structures and refusals of (source, function that reads it) pairs."""
    structures, refusals = [], []
    for source, read in readers:
        try:
            structures.append(label_atoms(read(), source))
        except Exception as error:  # damaged entries
            refusals.append(refusal_of(source, error))
    return structures, refusals
