#!/usr/bin/env python3
"""Atom steps per second of this engine, of what a user would pick instead, and of the machine itself.

    pip install -e . -r benchmarks/requirements.txt
    python benchmarks/speed.py

Each row runs in a process of its own, limited to one core (or as many as `--cores` says); rows of one size take
their repeats in turn, and medians are compared. Machines differ and are noisy: compare rows, not runs. A row that
cannot run says why and is left out. Where JAX finds a GPU, it is used by the rows that run on JAX.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from threading import Timer

import ceiling
import child
import engine
import figure
import models
import peers
import report
from registry import ROWS

SPARE_MEMORY = 0.3
"""Share of the machine's memory that must be free for another row to be held ready beside the others."""


class Process:
    """A row on its way; `spec` as in `child.main`.

    Attributes
    ----------
    result : dict
        What the process has told; ``skipped`` or ``failed`` with a reason if it could not run.
    """

    def __init__(self, spec, timeout):
        self.errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 (closed by `finish`)
        command = [sys.executable, __file__, "--row", json.dumps(spec)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, text=True
        )
        self.timer = Timer(timeout, self.process.kill)
        self.timer.start()
        self.result = {"row": spec["row"], "size": spec["size"], "cores": spec["cores"], "repeats": []}

    def ready(self):
        """Wait until it is built."""
        self.result |= self._read()

    @property
    def runs(self):
        """Whether nothing has gone wrong so far."""
        return not {"skipped", "failed"} & set(self.result)

    def repeat(self):
        """Measure once."""
        if not self.runs:
            return
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        found = self._read()
        if "wall" in found:
            self.result["repeats"].append(found)
        else:
            self.result |= found

    def finish(self):
        """End the process and return all that it told."""
        if self.runs:
            self.process.stdin.close()
            self.result |= self._read()
        else:
            self.process.kill()
        self.process.wait()
        self.timer.cancel()
        self.errors.close()
        return self.result

    def _read(self):
        line = self.process.stdout.readline()
        if line:
            return json.loads(line)
        self.errors.seek(0)
        last = (self.errors.read().strip().splitlines() or ["nothing on standard error"])[-1]
        return {"failed": f"ended with {self.process.wait()} or took too long: {last}"}


def measure_group(specs, options):
    """Results of rows that share a size: built, then repeated in turn."""
    results, specs = [], sorted(specs, key=lambda spec: spec["cores"])
    while specs:
        group = []
        while specs and (not group or _free_memory() > SPARE_MEMORY):
            group += build(specs, options)
        for _ in range(options.repeats):
            for process in group:
                process.repeat()
        results += [process.finish() for process in group]
    return results


def build(specs, options):
    """The next processes, ready: built side by side if `options` say so, on cores of their own if there are enough."""
    n, cpus, processes = 0, _cpus(), []
    while specs and len(processes) < options.builds:
        cores = specs[0]["cores"]
        apart = n if n + cores <= cpus else 0
        processes.append(Process(specs.pop(0) | {"apart": apart}, options.timeout))
        n += cores
    for process in processes:
        process.ready()
    return processes


def specs_of(size, options, results):
    """What to measure at a size; rows that would take too long, judged by a smaller size, are left out."""
    specs = []
    for name in chosen(options):
        row = ROWS[name]
        earlier = [r for r in results if r["row"] == name]
        hopeless = any("skipped" in r or "failed" in r for r in earlier)
        if hopeless or not wanted(name, size, options):
            continue
        for cores in options.cores if row.parallel else options.cores[:1]:
            seconds = report.predicted_seconds(earlier, cores, size) * (options.repeats + 3)
            if seconds > options.patience:
                print(f"{name} at {size}^3 on {cores}: left out, would take {seconds:.0f} s (--patience)")
                continue
            spec = {"row": name, "size": size, "cores": cores, "seconds": options.seconds}
            specs.append(spec | ({"nep": options.nep} if options.nep else {}))
    return specs


def wanted(name, size, options):
    """Whether a row is to be measured at a size; the ceilings have none and are measured once."""
    if name in ceiling.ROWS:
        return size == options.sizes[0]
    return size in (ROWS[name].sizes or options.sizes) and size <= ROWS[name].largest


def chosen(options):
    """Names of the rows to measure."""
    return [name for name in ROWS if not options.only or name in options.only]


def prepare(options):
    """Fit the models that are missing, each in a process of its own."""
    for name in sorted({ROWS[row].model for row in chosen(options)} - {""}):
        if not models.prepared(name):
            print(f"fitting the model {name!r} once ...", flush=True)
            command = [sys.executable, __file__, "--row", json.dumps({"prepare": name, "cores": options.cores[-1]})]
            subprocess.run(command, check=True, stderr=subprocess.DEVNULL)


def _cpus():
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def _free_memory():
    """Share of the memory that is available; one where the system does not tell."""
    try:
        with open("/proc/meminfo", encoding="ascii") as table:
            kilobytes = {line.split(":")[0]: int(line.split()[1]) for line in table}
        return kilobytes["MemAvailable"] / kilobytes["MemTotal"]
    except (OSError, KeyError):
        return 1.0


def parse():
    """Options of the command line."""
    cpus = _cpus()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[4, 6, 8, 12, 20, 40], help="cells along each axis")
    parser.add_argument("--only", nargs="+", choices=list(ROWS), help=f"rows; ours are {', '.join(engine.ROWS)}")
    parser.add_argument("--cores", type=int, nargs="+", default=[1, 2][:cpus], help="for rows that can use several")
    parser.add_argument("--output", type=Path, default=Path("speed.json"), help="the figure goes beside it")
    parser.add_argument("--nep", help=f"nep-CsPbI3-SCAN.txt for calorine; default: {peers.NEP_VARIABLE}")
    parser.add_argument("--builds", type=int, default=1, help="rows built side by side: less to wait, longer compile s")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.5, help="about, of one repeat")
    parser.add_argument("--patience", type=float, default=120, help="seconds that a row may take at one size")
    parser.add_argument("--timeout", type=float, default=1200, help="seconds after which a row is ended")
    parser.add_argument("--row", help=argparse.SUPPRESS)
    return parser.parse_args()


def main():
    """Measure, print, and write."""
    options = parse()
    if options.row:
        return child.main(json.loads(options.row))
    options.sizes = sorted(set(options.sizes))
    prepare(options)
    results, ours, others = [], list(engine.ROWS), list(peers.ROWS)
    print(report.head())
    for size in sorted({size for name in chosen(options) for size in (*ROWS[name].sizes, *options.sizes)}):
        for result in measure_group(specs_of(size, options, results), options):
            results.append(report.summarise(result, results))
            print(report.line(results[-1]), flush=True)
        report.write(options.output, results, ours, others)
    print(report.closing(results, ours, others))
    figure.draw(results, options.output.with_suffix(".png"))
    print(f"{options.output}, {options.output.with_suffix('.png')}")
    return None


if __name__ == "__main__":
    main()
