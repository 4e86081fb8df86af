"""Frames of ML_AB and ML_ABN, the DFT data that VASP's on-the-fly training keeps.

The format (VASP manual, page ML_AB): a head, then configurations, each of
titled sections between lines of stars, dashes and equal signs. Positions are
Cartesian, the stress is in kB, positive in compression, in the order xx, yy,
zz, xy, yz, zx. Only converged calculations are kept in it, and no settings.
"""

import re
from itertools import pairwise

import numpy as np

from anharmonic.conventions import from_vasp_order, stress_from_vasp
from anharmonic.data.files import read_text
from anharmonic.data.labels import label_arrays
from anharmonic.data.refusals import Refusal, refusal_of
from anharmonic.errors import FileFormatError

CONFIGURATION = re.compile(r"^\s*Configuration num\.\s*\d+\s*$", re.MULTILINE)
RULE = re.compile(r"^\s*[*=-]{10,}\s*$", re.MULTILINE)
COUNT = re.compile(r"The number of configurations\s*-+\s*(\d+)")
SECTIONS = {
    "types": "Atom types and atom numbers",
    "cell": "Primitive lattice vectors (ang.)",
    "positions": "Atomic positions (ang.)",
    "energy": "Total energy (eV)",
    "forces": "Forces (eV ang.^-1)",
    "diagonal": "XX YY ZZ",
    "others": "XY YZ ZX",
}


def read_ml_ab(path):
    """Read all configurations of an ML_AB or ML_ABN file.

    Returns
    -------
    structures : list of LabelledStructure
        ``info`` holds VASP's name of the system as "system".
    refusals : list of Refusal
    """
    text, problem = read_text(path)
    starts = [match.end() for match in CONFIGURATION.finditer(text)]
    structures, refusals = [], []
    for number, (start, stop) in enumerate(pairwise([*starts, len(text)])):
        source, is_last = f"{path}:{number}", number == len(starts) - 1
        try:
            structures.append(_read_configuration(text[start:stop], source))
        except FileFormatError as error:
            is_cut = is_last and getattr(error, "kind", "") != "truncated" and not _is_complete(text[start:stop])
            refusals.append(Refusal(source, f"{CUT} ({error})", "truncated") if is_cut else refusal_of(source, error))
    reason = problem or _missing(text, len(starts))
    if reason:
        refusals.append(Refusal(f"{path}:{len(starts)}", reason, "truncated" if starts or problem else "damaged"))
    return structures, refusals


CUT = "the file ends within this configuration"


def _missing(text, n_read):
    """What a file lacks of the configurations that its head promises, or None."""
    count = COUNT.search(text)
    if count is None:
        return "no number of configurations in the head: this is no ML_AB file"
    if int(count[1]) > n_read:
        return f"the head promises {count[1]} configurations, the file ends after {n_read}"
    return None


def _is_complete(block):
    """Whether the last section of a configuration has its line of numbers."""
    return bool(re.search(r"XY YZ ZX\s*-+\s*\S+\s+\S+\s+\S+[^\S\n]*\n", block))


def _read_configuration(block, source):
    """One configuration as a `LabelledStructure`."""
    sections = _sections(block)
    symbols = _symbols(sections)
    stress = np.concatenate([_numbers(sections, "diagonal", (3,)), _numbers(sections, "others", (3,))])
    return label_arrays(
        symbols,
        _numbers(sections, "cell", (3, 3)),
        _numbers(sections, "positions", (len(symbols), 3)),
        _numbers(sections, "energy", ()),
        _numbers(sections, "forces", (len(symbols), 3)),
        stress_from_vasp(from_vasp_order(stress)),
        source,
        info={"system": name} if (name := " ".join(sections.get("System name", "").split())) else {},
        energy_name="free energy (Total energy)",
    )


def _sections(block):
    """Text of each section by its key in `SECTIONS`; others under their own title."""
    parts = [part.strip() for part in RULE.split(block)]
    by_title = {title: body for title, body in zip(parts, parts[1:], strict=False) if title and "\n" not in title}
    missing = [title for title in SECTIONS.values() if not by_title.get(title)]
    if missing:
        raise FileFormatError(f"the configuration lacks '{missing[0]}'")
    return by_title | {key: by_title[title] for key, title in SECTIONS.items()}


def _symbols(sections):
    """Chemical symbols, one an atom, from lines of a symbol and a number."""
    words = sections["types"].split()
    try:
        counts = [(symbol, int(count)) for symbol, count in zip(words[::2], words[1::2], strict=True)]
    except ValueError as error:
        raise FileFormatError(f"'{' '.join(words)[:60]}' are no atom types and numbers") from error
    expected, found = 3 * sum(count for _, count in counts), len(sections["positions"].split())
    if found != expected:
        raise FileFormatError(f"'{SECTIONS['positions']}' has {found} numbers, expected {expected}")
    return [symbol for symbol, count in counts for _ in range(count)]


def _numbers(sections, key, shape):
    """Numbers of a section in a shape."""
    words = sections[key].split()
    if len(words) != np.prod(shape, dtype=int):
        expected = np.prod(shape, dtype=int)
        raise FileFormatError(f"'{SECTIONS[key]}' has {len(words)} numbers, expected {expected}")
    try:
        return np.array(words, float).reshape(shape)
    except ValueError as error:
        raise FileFormatError(f"'{SECTIONS[key]}' holds what is no number: VASP's output overflowed") from error
