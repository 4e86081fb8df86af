#!/usr/bin/env python3
"""Atom steps per CPU second against the number of atoms, from the JSON of speed.py.

    python benchmarks/figure.py speed.json speed.png

Rows on the fewest cores that were measured; atom steps per second of wall time where a GPU was used.
"""

import json
import sys
from pathlib import Path

import engine
import peers
from comparisons import comparable
from workload import BYTES

LABELS = {
    "paper": "this engine: the paper's clusters and nets", "paper-forces": "energy, forces and stress alone",
    "site": "net per site", "order4": "fourth order",
    "shipped": "shipped CsPbBr$_3$", "mc": "Monte Carlo trials", "calorine": "NEP (calorine CPUNEP)",
    "lammps-snap": "SNAP (LAMMPS)", "lammps-sw": "Stillinger-Weber (LAMMPS)", "hiphive": "force constants (hiphive)",
    "jax-md": "Stillinger-Weber (jax-md)", "ase-verlet": "ASE's loop alone, Verlet",
    "ase-langevin": "ASE's loop alone, Langevin", "ase-engine": "this engine in ASE's loop",
}  # fmt: skip


def draw(results, path):
    """Write the figure of the `results` of speed.py to `path`."""
    from anharmonic.interfaces.style import COLOURS, INK, MARKERS, figure

    measured = [r for r in results if "per_wall_s" in r]
    cores = min((r["cores"] for r in measured), default=1)
    rows = {name: [r for r in measured if r["row"] == name and r["cores"] == cores] for name in LABELS}
    rows = {name: points for name, points in rows.items() if points}
    kind = comparable(measured, engine.ROWS)
    with figure(path, height=4.2) as drawing:
        axes = drawing.subplots()
        for k, (name, points) in enumerate(rows.items()):
            ours = name in engine.ROWS
            place = list(engine.ROWS if ours else peers.ROWS).index(name)
            colour, marker = COLOURS[place % len(COLOURS)], MARKERS[(place + place // len(COLOURS)) % len(MARKERS)]
            axes.loglog(
                [r["amount"] for r in points], [r[kind] for r in points], marker=marker,
                linestyle="-" if ours else "--", linewidth=1.6 if ours else 0.8, color=colour,
                markerfacecolor=colour if ours else "white", label=LABELS[name], zorder=10 - k / 10,
            )  # fmt: skip
        _bandwidth(axes, measured, cores, INK)
        axes.set_xlabel("atoms")
        axes.set_ylabel(f"atom steps per {'CPU ' if kind == 'per_cpu_s' else ''}second")
        drawing.legend(loc="outside right upper")


def _bandwidth(axes, measured, cores, colour):
    """Line of the rate at which memory can read and write the state of the atoms once a step."""
    limit = [r["per_wall_s"] for r in measured if r["unit"] == BYTES and r["cores"] == cores]
    if limit:
        axes.axhline(limit[0] / engine.STATE_BYTES, color=colour, linewidth=0.8, linestyle=":")
        axes.annotate(
            f"memory's limit: {engine.STATE_BYTES} bytes per atom step", (0.02, limit[0] / engine.STATE_BYTES),
            (0, 3), xycoords=("axes fraction", "data"), textcoords="offset points", fontsize=7,
        )  # fmt: skip


if __name__ == "__main__":
    source, target = map(Path, sys.argv[1:3])
    draw(json.loads(source.read_text(encoding="utf-8"))["results"], target)
