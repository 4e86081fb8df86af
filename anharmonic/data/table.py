"""What came of each file: frames taken, labels they lack, and what was refused, by kind."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from anharmonic.data.files import all_files, kind_of
from anharmonic.data.refusals import KINDS, file_of
from anharmonic.files import write_csv

LABELS = ("energy", "forces", "stress")
HEADER = ("file", "format", "taken", *(f"no {name}" for name in LABELS), "refused", "why")
NOT_READ = "not read"


@dataclass
class FileRecord:
    """What came of one file.

    Attributes
    ----------
    path : str
    format : str
        One of the kinds of `anharmonic.data.files.kind_of`; "not read" for other files.
    taken : int
        Number of frames.
    missing : Counter
        Of the frames taken, how many lack the energy, forces, stress.
    refused : Counter
        How many structures (or the file itself) were refused, by kind.
    reasons : list of str
    """

    path: str
    format: str
    taken: int = 0
    missing: Counter = field(default_factory=Counter)
    refused: Counter = field(default_factory=Counter)
    reasons: list = field(default_factory=list)


def file_table(taken, refusals, folders=()):
    """A record of every file that something was taken from or that was refused.

    Parameters
    ----------
    taken : iterable of LabelledStructure or Frame
        Of a data set: its ``frames``.
    refusals : iterable of Refusal
    folders : iterable of str or Path
        Folders that were read: their files of no known kind are listed too, as "not read".

    Returns
    -------
    list of FileRecord
        Sorted by path.
    """
    records = {}

    def record(source):
        path = file_of(source)
        return records.setdefault(path, FileRecord(path, kind_of(path) or "unknown"))

    for frame in taken:
        entry = record(frame.source)
        entry.taken += 1
        entry.missing.update(name for name in LABELS if getattr(frame, name) is None)
    for refusal in refusals:
        entry = record(refusal.source)
        entry.refused[refusal.kind] += 1
        entry.reasons.append(refusal.reason)
    for path in (path for folder in folders if Path(folder).is_dir() for path in all_files(folder)):
        if kind_of(path) is None:
            records.setdefault(str(path), FileRecord(str(path), NOT_READ))
    return [records[path] for path in sorted(records)]


def table_text(records):
    """The table as plain text, one line a file, with the first reason of each."""
    rows = [HEADER] + [_cells(record) for record in records]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "".join(_line(row, widths) for row in rows)


def _line(row, widths):
    """Cells of a row side by side: texts to the left, numbers to the right."""
    numbers, pairs = range(2, 6), list(zip(row, widths, strict=True))
    padded = [cell.rjust(width) if k in numbers else cell.ljust(width) for k, (cell, width) in enumerate(pairs)]
    return "  ".join(padded).rstrip() + "\n"


def _cells(record):
    """A record as texts: the counts of refusals by kind, and the first reason."""
    kinds = ", ".join(f"{kind} {count}" for kind, count in record.refused.items())
    counts = [record.taken, *(record.missing[name] for name in LABELS)]
    reason = record.reasons[0] if record.reasons else ""
    return record.path, record.format, *(str(n) if n else "-" for n in counts), kinds or "-", reason


def write_table(path, records):
    """The table as CSV: a column for each kind of refusal, all different reasons in the last one."""
    rows = []
    for r in records:
        missing, refused = [r.missing[name] for name in LABELS], [r.refused[kind] for kind in KINDS]
        rows.append([r.path, r.format, r.taken, *missing, *refused, "; ".join(dict.fromkeys(r.reasons))])
    write_csv(path, ["file", "format", "taken", *(f"no_{name}" for name in LABELS), *KINDS, "reasons"], rows)


def outcome_lines(records, shown=12):
    """The table for thousands of files: files with the same outcome are one line, the most frequent first.

    Parameters
    ----------
    records : list of FileRecord
    shown : int
        Most lines.
    """
    groups = defaultdict(list)
    for record in records:
        lacking = tuple(name for name in LABELS if record.missing[name])
        groups[record.format, bool(record.taken), lacking, tuple(sorted(record.refused))].append(record)
    ranked = sorted(groups.items(), key=lambda item: -len(item[1]))
    lines = [_outcome(*key, members) for key, members in ranked[:shown]]
    rest = sum(len(members) for _, members in ranked[shown:])
    return lines + ([f"{rest:6d} files with other outcomes"] if rest else [])


def _outcome(form, _, lacking, kinds, members):
    """A line for files with one outcome."""
    frames = sum(record.taken for record in members)
    refused = sum((record.refused for record in members), Counter())
    words = [f"{frames} frames"] * (frames > 0)
    words += [f"no {name} in {sum(record.missing[name] for record in members)}" for name in lacking]
    words += [f"refused: {', '.join(f'{kind} {refused[kind]}' for kind in kinds)}"] if kinds else []
    first = f" (first: {members[0].path})" if kinds or lacking or form == NOT_READ else ""
    return f"{len(members):6d} {form}: {'; '.join(words) or 'nothing'}{first}"
