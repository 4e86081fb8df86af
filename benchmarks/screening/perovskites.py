"""Perovskites of a table: which lowest structures are some, by limit and by element (figures 6 and 7 of the paper).

Williams, Mukherjee and Rajan trained on 8,412 structures of OQMD; this table is another cut, and mostly cubic.
"""

import argparse
from collections import Counter
from pathlib import Path

import numpy as np
from ase.data import chemical_symbols
from tables import Timer, crystals, line

from anharmonic.interfaces.perovskite_figures import draw_elements, draw_factors
from anharmonic.screening.perovskites.factors import NAMES, Limits
from anharmonic.screening.perovskites.geometry import geometries
from anharmonic.screening.perovskites.radii import radius
from anharmonic.screening.perovskites.statistics import formed, formers, lowest, shares

PAPER = {
    "a": "Ac Ba Bi Ca Cd Ce Cs Dy Eu Gd K La Na Nd Np Pb Pm Pr Pu Rb Sm Sr Tb Th Y Yb",
    "b": "Al Au Co Cr Cu Fe Ga Hf Ir Lu Mg Mn Mo Nb Ni Os Pd Pt Re Rh Ru Sc Ta Tc Ti V W Zr",
}
"""Elements that form perovskites in over half of their compositions; "Nz" of the list on B is no element."""
OXYGEN = 8


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table", help="JSON lines of structures ABO3 with formation energies")
    parser.add_argument("--property", default="e_form_eV_atom", help="energy per atom; default e_form_eV_atom")
    parser.add_argument("--highest", type=float, default=5.0, help="failures are above it (eV/atom); default 5")
    parser.add_argument("--least", type=int, default=5, help="compositions of an element that is named; default 5")
    parser.add_argument("--out", type=Path, default=Path("perovskites"), help="folder of the figures")
    given = parser.parse_args()
    entries = crystals(given.table)
    kept = [e for e in entries if np.mean(e.atoms.numbers == OXYGEN) == 0.6
            and e.properties.get(given.property, np.inf) <= given.highest]  # fmt: skip
    with Timer() as timer:
        found, refused = geometries(kept)
    print(f"{len(entries)} structures, {len(kept)} oxides ABO3, {len(refused)} refused, "
          f"{1e3 * timer.cpu / len(kept):.2f} CPU ms each")  # fmt: skip
    best = lowest(found, given.property)
    report_coordination(found, best)
    report_regions(best, given)
    report_elements(best, given)


def report_coordination(found, best):
    """How octahedra are joined, of all structures and of the lowest."""
    line("coordination of a perovskite", "octahedra share", "structures", "lowest of their composition")
    counts = [Counter((g.coordination.perovskite, g.coordination.sharing) for _, g in part)
              for part in (found, best.values())]  # fmt: skip
    for key in sorted(counts[0], reverse=True):
        line("yes" if key[0] else "no", key[1], counts[0][key], counts[1][key])


def report_regions(best, given):
    """Figure 7, and the share of perovskites inside the region and beyond each limit."""
    limits = Limits.of_anion(radius(OXYGEN, -2).value)
    known = {roles: pair for roles, pair in best.items() if pair[1].factors}
    mu, t = np.array([(g.factors.octahedral, g.factors.tolerance) for _, g in known.values()]).T
    masks = [np.array([found[roles] for roles in known]) for found in (formed(best), formed(best, given.property))]
    energies = np.array([e.properties[given.property] for e, _ in known.values()])
    estimated = sum(not g.factors.exact for _, g in known.values())
    print(f"{len(best)} compositions, {len(known)} with factors, {estimated} of them with an estimated radius")
    line("region", "compositions", "perovskite lowest (%)", "and not lower with A, B exchanged (%)",
         "energy (eV/atom), median")  # fmt: skip
    broken = limits.broken(mu, t)
    for name, mask in {"inside": limits.inside(mu, t), **{f"beyond {n}": broken[n] for n in NAMES}}.items():
        if mask.any():
            percent = (f"{100 * found[mask].mean():.1f}" for found in masks)
            line(name, mask.sum(), *percent, f"{np.median(energies[mask]):.2f}")
    panels = {title: (mu[mask], t[mask], energies[mask]) for title, mask in (
        ("Perovskite lowest", masks[1]), ("Another structure, or A and B exchanged", ~masks[1]))}  # fmt: skip
    draw_factors(panels, limits, given.out / "factors.png", "Formation energy (eV/atom)")


def report_elements(best, given):
    """Figure 6, and the elements that form perovskites beside the paper's, by both ways to count."""
    for name, rival in (("as in the paper", None), ("not if A and B exchanged are lower", given.property)):
        found = shares(formed(best, rival))
        print(f"Elements with {given.least} compositions or more, {name}")
        for site, of_site in found.items():
            _compare(site, of_site, given.least)
    panels = {f"Element on {site.upper()}": {n: (share.value, share.compositions) for n, share in of_site.items()}
              for site, of_site in found.items()}  # fmt: skip
    label = "Share of its compositions with a perovskite lowest"
    draw_elements(panels, given.out / "forming_elements.png", label)


def _compare(site, found, least):
    """Elements that form here and in the paper."""
    seen = {chemical_symbols[n] for n, share in found.items() if share.compositions >= least}
    ours, paper = {chemical_symbols[n] for n in formers(found)} & seen, set(PAPER[site].split())
    print(f"  on {site.upper()}: {len(ours)} of {len(seen)} form; of the paper's {len(paper)}, {len(paper & ours)} do; "
          f"not here: {' '.join(sorted(paper - ours))}; only here: {' '.join(sorted(ours - paper))}")  # fmt: skip
    print(f"    least: {' '.join(_least(found, least))}")


def _least(found, least):
    """The ten elements with the least shares."""
    named = sorted((share.value, n) for n, share in found.items() if share.compositions >= least)
    return [f"{chemical_symbols[n]} {100 * value:.0f} %" for value, n in named[:10]]


if __name__ == "__main__":
    main()
