"""Many structures mapped to the reference crystal, by several processes where that pays."""

from dataclasses import replace
from functools import partial

from anharmonic.data.frames import map_structure, mapping_refusal, note_stress_offset
from anharmonic.data.processes import ordered_map
from anharmonic.data.progress import bar_of
from anharmonic.errors import MappingError

SECONDS = 5e-3
"""How long the mapping of a structure of some 40 atoms takes, roughly."""


def map_structures(structures, crystal, options, text, workers=1, progress=False):
    """Frames of the structures that map to a crystal, and refusals of the others.

    Parameters
    ----------
    structures : list of LabelledStructure
    crystal : Crystal
    options : dict
        Arguments of `anharmonic.data.frames.map_structure` behind the crystal.
    text : str
        Of the progress bar.
    workers : int or None
        Most processes; None for the number of cores.
    progress : bool
        Show a bar on the terminal.

    Returns
    -------
    frames : list of Frame
        In the order of the structures, as are the refusals.
    refusals : list of Refusal

    Raises
    ------
    DatasetError
        If a stress offset would be subtracted twice, or a process dies.
    """
    frames, refusals, supercells = [], [], {}
    structures = [note_stress_offset(structure, options["stress_offset"]) for structure in structures]
    bar = bar_of(text, len(structures), "frames", progress)
    seconds = SECONDS * len(structures)
    with bar as advance, ordered_map(len(structures), seconds, workers) as mapper:
        for frame, refusal in mapper(partial(_map_one, crystal=crystal, options=options), structures):
            if refusal is None:
                frames.append(_with_shared(frame, crystal, supercells))
            else:
                refusals.append(refusal)
            advance()
    return frames, refusals


def _map_one(structure, crystal, options):
    """A frame, or a refusal; the other is None."""
    try:
        return map_structure(structure, crystal, **options), None
    except MappingError as error:
        return None, mapping_refusal(structure, crystal, error)


def _with_shared(frame, crystal, supercells):
    """The frame with this crystal and one supercell object for each matrix: other processes send copies."""
    supercell = frame.configuration.supercell
    shared = supercells.setdefault(supercell.matrix.tobytes(), supercell)
    return replace(frame, configuration=replace(frame.configuration, crystal=crystal, supercell=shared))
