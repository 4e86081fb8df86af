"""How many DFT labels a potential needs after many cheap ones: learning curves with and without a start.

    python benchmarks/fine_tuning.py potentials/CsPbBr3/fit.toml universal.extxyz --figure docs/figures/fine_tuning.png

The cheap labels are those of a universal potential (potentials/CsPbBr3/label_universal.py). The frames that fit.toml
holds out are the test of all fits; the others are drawn from at random. Cheap and DFT energies have zeros of their own.
All fits are without walls.
"""

import argparse
from pathlib import Path

import numpy as np

import anharmonic as ah
from anharmonic.fitting import fit
from anharmonic.fitting.config import FitConfig
from anharmonic.interfaces.style import COLOURS, PAGE, figure

SIZES = (5, 10, 20, 40, 80, 158)
MEASURES = {"energy_rmse": "energy (meV/atom)", "forces_rmse": "forces (meV/A)", "stress_rmse": "stress (GPa)"}


def start_of(config, basis, path, count):
    """A potential of `count` cheap frames, chosen by chance from whole runs."""
    cheap = ah.Dataset.read(path, basis.crystal, trajectory_by="segment")
    few, _ = cheap.split(count / len(cheap), 0, "trajectory")
    print(f"start: {len(few)} of {len(cheap)} frames", flush=True)
    return fit(basis, few, model="polynomial", test=0.0, weights=config.fit.get("weights"), name="cheap").potential


def curves(config, basis, starts, repeats):
    """Errors (sizes, repeats, 3) on the test frames by name of the start."""
    known, test = config.parts(config.dataset(basis.crystal))
    sizes = [n for n in SIZES if n < len(known)] + [len(known)]
    found = {name: np.full((len(sizes), repeats, len(MEASURES)), np.nan) for name in starts}
    for k, size in enumerate(sizes):
        for repeat in range(repeats if size < len(known) else 1):
            few = known.subset(np.sort(np.random.default_rng(repeat).permutation(len(known))[:size]))
            options = {"model": "polynomial", "weights": config.fit.get("weights"), "test": test}
            options |= {"validation": 0.2 if size < 20 else 0.1, "wall": 0.0}  # walls around few frames would be met
            for name, start in starts.items():
                report = fit(basis, few, start=start, **options).report["test"]["all"]
                found[name][k, repeat] = [report[measure] for measure in MEASURES]
            print(f"{size} frames, choice {repeat + 1}", flush=True)
    return sizes, found


def draw(sizes, found, path):
    """Means over the choices, and their ranges."""
    with figure(path, PAGE, 2.3) as drawing:
        for k, (axis, label) in enumerate(zip(drawing.subplots(1, 3), MEASURES.values(), strict=True)):
            for colour, (name, values) in zip(COLOURS, found.items(), strict=False):
                axis.plot(sizes, np.nanmean(values[..., k], 1), "o-", color=colour, label=name)
                lowest, highest = np.nanmin(values[..., k], 1), np.nanmax(values[..., k], 1)
                axis.fill_between(sizes, lowest, highest, color=colour, alpha=0.2, lw=0)
            axis.set(
                xlabel="Labelled frames", ylabel=f"Held out: {label}".replace("A)", "Å)"), xscale="log", yscale="log"
            )
            if not k:
                axis.legend()


def main():
    """Fit, print the table, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path, help="fit.toml of a polynomial")
    parser.add_argument("cheap", type=Path, help="frames with cheap labels")
    parser.add_argument("--start-frames", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--figure", type=Path)
    options = parser.parse_args()
    config = FitConfig.read(options.config)
    basis = config.prepared(config.reference())[0]
    starts = {"DFT alone": None, "from cheap labels": start_of(config, basis, options.cheap, options.start_frames)}
    sizes, found = curves(config, basis, starts, options.repeats)
    print(f"| frames | {' | '.join(f'{measure}, {name}' for measure in MEASURES.values() for name in found)} |")
    for k, size in enumerate(sizes):
        cells = [v[k, :, j] for j in range(len(MEASURES)) for v in found.values()]
        print(f"| {size} | {' | '.join(f'{np.nanmean(c):.3g} +- {np.nanstd(c):.2g}' for c in cells)} |")
    if options.figure:
        draw(sizes, found, options.figure)


if __name__ == "__main__":
    main()
