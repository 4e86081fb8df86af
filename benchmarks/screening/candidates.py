"""Where the limits of the screens come from: measured on two tables of known compounds.

python benchmarks/screening/candidates.py --mp mp_structures.jsonl.gz --oqmd oqmd_structures.jsonl.gz
"""

import argparse
from collections import defaultdict
from itertools import combinations

import numpy as np
import spglib
from sklearn.metrics import roc_auc_score
from tables import Timer, crystals, line

from anharmonic.errors import AnharmonicError
from anharmonic.interfaces.candidate_figures import draw_limits
from anharmonic.screening import describe
from anharmonic.screening.candidates.charges import charges
from anharmonic.screening.candidates.matching import NEAR, SAME, same_crystal, shape_distances
from anharmonic.screening.candidates.similarity import MOST_DISTANT, similarity
from anharmonic.screening.candidates.sizes import LEAST_CONTACT, closest_contact, expected_lengths, strain
from anharmonic.screening.perovskites.coordination import coordination
from anharmonic.screening.perovskites.roles import roles

SYMPREC = 1e-2


def compounds(entries):
    """Entries ABX3 with their roles."""
    found = []
    for entry in entries:
        try:
            found.append((entry, roles(entry.atoms)))
        except AnharmonicError:
            continue
    return found


def similarities(table):
    """How well the distance from the standards tells perovskites, by coordination and corners, from the others."""
    around = [coordination(entry.atoms, own) for entry, own in table]
    perovskites = np.array([one.perovskite and one.corners for one in around])
    with Timer() as timer:
        found = [similarity(entry.atoms, own) for entry, own in table]
    print(f"{len(table)} compounds, {perovskites.sum()} perovskites; {1e3 * timer.cpu / len(table):.1f} ms each")
    line("distance from", "area under the curve", f"perovskites within {MOST_DISTANT}", "others within")
    distances = {"all six": [f.distance for f in found], "the paper's three": [f.paper for f in found]}
    for name, values in distances.items():
        values = np.array(values)
        near = values <= MOST_DISTANT
        shares = (f"{100 * near[chosen].mean():.1f} %" for chosen in (perovskites, ~perovskites))
        line(name, f"{roc_auc_score(perovskites, -values):.4f}", *shares)
    exchanged = sum(f.exchanged for f, one in zip(found, perovskites, strict=True) if one)
    print(f"nearer with A and B exchanged: {exchanged} of the perovskites")
    near = np.array(distances["all six"]) <= MOST_DISTANT
    inside = [one for one, close, right in zip(around, near, perovskites, strict=True) if close and not right]
    print(f"of the {len(inside)} others within, {sum(o.corners and o.b == (6, 6) for o in inside)} have octahedra that "
          "share corners, and too few neighbours of A")  # fmt: skip
    return np.array(distances["all six"]), perovskites


def sizes(tables):
    """Quantiles of contacts, and of strains of perovskites."""
    for name, table in tables.items():
        ratios = np.array([closest_contact(entry.atoms).ratio for entry, _ in table])
        print(f"{name}: closest contacts {np.quantile(ratios, [0, 0.001, 0.01, 0.5]).round(3)} (0, 0.1, 1, 50 %); "
              f"{(ratios < LEAST_CONTACT).sum()} of {len(ratios)} below {LEAST_CONTACT}")  # fmt: skip


def strains(table, perovskites, step=2):
    """Of perovskites against what elements expect; every `step`-th."""
    chosen = [pair for pair, one in zip(table, perovskites, strict=True) if one][::step]
    expected = expected_lengths([own for _, own in chosen])
    found = np.array([strain(entry.atoms, expected[own][0]) for entry, own in chosen])
    quantiles = 100 * np.quantile(found, [0, 0.01, 0.5, 0.99, 1])
    print(f"strain (%) of {len(found)} perovskites: {quantiles.round(1)} (0, 1, 50, 99, 100 %)")


def neutral(tables):
    """How many have charges that cancel."""
    for name, table in tables.items():
        known = []
        for _, own in table:
            try:
                known.append(charges(own).electronegativity > 0)
            except AnharmonicError:
                continue
        print(f"{name}: {len(known)} of {len(table)} have charges that cancel, {sum(known)} in the right order")


def pairs(tables, step):
    """Distances of crystals with the same formula and roles from different tables, and whether they are the same."""
    by_formula = defaultdict(lambda: defaultdict(list))
    for name, table in tables.items():
        for entry, own in table:
            by_formula[entry.formula][name].append((entry, own))
    common = [members for members in by_formula.values() if len(members) == 2][::step]
    chosen = [(name, *pair) for members in common for name, some in members.items() for pair in some]
    library = describe([entry for _, entry, _ in chosen])
    groups = [_group(entry.atoms) for _, entry, _ in chosen]
    numbers, found = defaultdict(list), []
    for k, (_, entry, own) in enumerate(chosen):
        numbers[entry.formula, own].append(k)
    with Timer() as timer:
        for some in numbers.values():
            for a, b in combinations(some, 2):
                if chosen[a][0] != chosen[b][0]:
                    distance = shape_distances(library, a, library, np.array([b]))[0]
                    same = same_crystal(chosen[a][1].atoms, chosen[b][1].atoms)
                    found.append((distance, same, groups[a] == groups[b]))
    distances, same, alike = (np.array(column) for column in zip(*found, strict=True))
    print(f"{len(common)} formulas in both tables, {len(found)} pairs, {1e3 * timer.cpu / len(found):.0f} ms each")
    line("StructureMatcher", "space group", "pairs", f"within {SAME} A", "median", "95 %", "greatest")
    for equal, group in ((True, True), (True, False), (False, True), (False, False)):
        some = distances[(same == equal) & (alike == group)]
        if len(some):
            line("same" if equal else "different", "same" if group else "different", len(some), (some <= SAME).sum(),
                 *(f"{x:.4f}" for x in np.quantile(some, [0.5, 0.95, 1])))  # fmt: skip
    print(f"{(same & (distances > NEAR)).sum()} pairs that are the same are beyond {NEAR} A")
    return distances, same, alike


def _group(atoms):
    cell = atoms.cell.array, atoms.get_scaled_positions(), atoms.numbers
    return spglib.get_spacegroup(cell, symprec=SYMPREC)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mp", required=True, help="structures of the Materials Project")
    parser.add_argument("--oqmd", required=True, help="structures of OQMD")
    parser.add_argument("--every", type=int, default=2, help="n-th formula of the pairs; default 2")
    parser.add_argument("--figure", default="candidate_limits.png")
    given = parser.parse_args()
    tables = {name: compounds(crystals(path)) for name, path in (("MP", given.mp), ("OQMD", given.oqmd))}
    distances, perovskites = similarities(tables["MP"])
    sizes(tables)
    neutral(tables)
    strains(tables["MP"], perovskites)
    apart, same, alike = pairs(tables, given.every)
    draw_limits(
        (distances[perovskites], distances[~perovskites], MOST_DISTANT),
        (apart[same & alike], apart[same & ~alike], apart[~same], SAME), given.figure,
    )  # fmt: skip


if __name__ == "__main__":
    main()
