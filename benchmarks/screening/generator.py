"""What a trained generator makes of latent numbers drawn from the prior; and the figure of a descriptor.

python benchmarks/screening/generator.py --model generator/generator.model --count 300
python benchmarks/screening/generator.py --structure CaTiO3.cif --figure docs/figures/descriptor.png
"""

import argparse
import re
from collections import Counter

import ase.io
import numpy as np

from anharmonic.interfaces.generator_figures import draw_descriptor
from anharmonic.screening.generator import layout
from anharmonic.screening.generator.decoding import decode
from anharmonic.screening.generator.descriptor import encode
from anharmonic.screening.generator.training import Generator


def drawn(generator, count, seed):
    """Decoded images of latent numbers drawn from the prior."""
    z = np.random.default_rng(seed).normal(size=(count, generator.sizes.latent))
    return [decode(image, generator.reading) for image in generator.decode(z)]


def report(found):
    """Shares, reasons, and how far the images agree with themselves."""
    valid = [one for one in found if one.valid]
    formulas = {one.atoms.get_chemical_formula("metal", empirical=True) for one in valid}
    print(f"{len(found)} drawn, {100 * len(valid) / len(found):.1f} % valid, {len(formulas)} formulas")
    for reason, count in Counter(re.sub(r"[\d.]+", "#", p) for one in found for p in one.problems).most_common():
        print(f"{count:6d}  {reason}")
    print(f"{100 * np.mean([one.properties for one in found]):.0f} % of the properties are those of the elements")
    print(f"Fourier sums differ by {np.nanmedian([one.reciprocal for one in found]):.2f} of their size (median)")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model")
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--structure")
    parser.add_argument("--figure", default="descriptor.png")
    options = parser.parse_args()
    if options.structure:
        image = encode(ase.io.read(options.structure))
        draw_descriptor(layout.array(image), image, layout.ROWS, options.figure)
    if options.model:
        report(drawn(Generator.load(options.model), options.count, options.seed))
