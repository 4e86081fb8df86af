"""What the screening benchmarks share: the table of crystals, timing, and how results are printed."""

import time
from contextlib import contextmanager

from anharmonic.screening import read_entries

PROPERTY = "elasticity.K_VRH"


def add_arguments(parser):
    """The table, such as MP_modulus.json of gridrdf's source distribution, and the property (GPa)."""
    parser.add_argument("table", help="JSON table of crystals with bulk moduli (gridrdf's source distribution has one)")
    parser.add_argument("--property", default=PROPERTY, help=f"default {PROPERTY}")


def crystals(path):
    """Entries of the table; refuses none in silence."""
    entries, refused = read_entries([path])
    for one in refused:
        print(f"refused {one.name}: {one.reason}")
    return entries


class Timer:
    """CPU and wall seconds of a block."""

    def __enter__(self):
        self.wall, self.cpu = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *error):
        self.wall, self.cpu = time.perf_counter() - self.wall, time.process_time() - self.cpu


@contextmanager
def optional(row):
    """A row whose package is missing says so and is left out."""
    try:
        yield
    except ImportError as error:
        print(f"| {row} | skipped: {error} |", flush=True)


def line(*cells):
    """A row of a table in Markdown."""
    print("| " + " | ".join(map(str, cells)) + " |", flush=True)
