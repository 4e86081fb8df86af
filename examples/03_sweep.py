"""Heat CsPbBr3 through its phase transitions.

    python examples/03_sweep.py           # 6x6x6 cells, some minutes
    python examples/03_sweep.py --short   # 2x2x2 cells, three temperatures

Run it again after an interruption and it goes on where it stopped.
"""

import argparse
from pathlib import Path

import anharmonic as ah

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--out", default="sweep", help="folder for the run file and the figures")
parser.add_argument("--short", action="store_true", help="a tiny system, for a quick look")
options = parser.parse_args()

size, temperatures = (2, [100, 300, 500]) if options.short else (6, range(150, 551, 50))
steps = {"equilibration": 200, "production": 400} if options.short else {}
folder = Path(options.out)
folder.mkdir(parents=True, exist_ok=True)


def report(progress, plan):
    """One line per temperature."""
    if progress.chunk == 0:
        print(f"{plan.stages[progress.stage - 1].temperature:.0f} K done", flush=True)


result = ah.sweep("CsPbBr3", (size, size, size), temperatures, folder / "run.h5", report, method="md", **steps)
result.save(folder)
result.plot(folder)
for point in result.points():
    print(f"{point['temperature_K']:5.0f} K  {point['phase']:<13} a, b, c =", *(f"{point[x]:.3f}" for x in "abc"))
for transition in result.transitions():
    print("{from} to {to} at {temperature_K:.0f} +- {error_K:.0f} K".format(**transition))
