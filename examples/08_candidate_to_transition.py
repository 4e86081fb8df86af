"""From a candidate to its phase transitions: CsPbCl3, labelled by a universal potential.

    python examples/08_candidate_to_transition.py            # needs sevenn (7net-0); some 10 minutes on one core
    python examples/08_candidate_to_transition.py --short    # CsPbBr3 by its shipped potential, no learning, few steps

Run it again after an interruption and it goes on where it stopped. On the command line:

    anharmonic screen promote CsPbCl3.cif --calculator 7net-0 --structures 300 --out candidate/promoted
    anharmonic learn candidate/promoted/learn.toml --out candidate/learn
    anharmonic sweep candidate/learn/CsPbCl3.h5 --supercell 6 6 6 --temperatures 25:450:25 --out candidate/sweep
"""

import argparse
from pathlib import Path

from ase.spacegroup import crystal

import anharmonic as ah
from anharmonic.fitting.config import FitConfig
from anharmonic.learning import LearnPlan, learn
from anharmonic.promotion import promote
from anharmonic.screening.relaxation.calculators import calculator_of

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--out", default="candidate", help="folder for everything")
parser.add_argument("--short", action="store_true", help="a quick look without a universal potential")
options = parser.parse_args()
folder = Path(options.out)
for part in ("promoted", "sweep"):
    (folder / part).mkdir(parents=True, exist_ok=True)

symbols, a, calculator, count = ("Cs", "Pb", "Cl"), 5.605, "7net-0", 300
if options.short:
    symbols, a, calculator, count = ("Cs", "Pb", "Br"), 5.87, f"{folder / 'shipped.py'}:calculator", 40
    text = (
        "import anharmonic as ah\n\n\ndef calculator():\n    return ah.Calculator('CsPbBr3', extrapolation='ignore')\n"
    )
    (folder / "shipped.py").write_text(text)
sites = [(0, 0, 0), (0.5, 0.5, 0.5), (0.5, 0.5, 0)]
candidate = crystal(symbols, sites, spacegroup=221, cellpar=[a] * 3 + [90] * 3)

found = promote(candidate, folder / "promoted", calculator, calculator_of(calculator), count=count)
print(f"cubic: a = {found.reference.lattice_parameter:.3f} A")
for mode in [mode for mode in found.modes if mode.unstable]:
    print(f"unstable: {mode.name}, {-mode.frequency:.2f}i THz")
for phase in found.phases:
    print(f"{phase.space_group:<8} {1000 * phase.energy:7.1f} meV/f.u.")

if options.short:
    potential = FitConfig.read(folder / "promoted" / "fit.toml").run().potential
else:
    potential = learn(LearnPlan.read(folder / "promoted" / "learn.toml"), folder / "learn").potential
potential.save(folder / f"{potential.name}.h5")

size, temperatures = (2, [100, 400]) if options.short else (6, range(25, 451, 25))
steps = {"equilibration": 100, "production": 200} if options.short else {}
result = ah.sweep(potential, (size,) * 3, temperatures, folder / "sweep" / "run.h5", method="md", **steps)
result.save(folder / "sweep")
result.plot(folder / "sweep")
for point in result.points():
    print(f"{point['temperature_K']:5.0f} K  {point['phase']:<13} a, b, c =", *(f"{point[x]:.3f}" for x in "abc"))
for transition in result.transitions():
    print("{from} to {to} at {temperature_K:.0f} +- {error_K:.0f} K".format(**transition))
