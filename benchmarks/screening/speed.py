"""GRID and earth mover's distances: time per crystal and per pair, beside the packages a user would take instead.

CPU seconds of one process, all on the same crystals, each after a first call that compiles and imports.
"""

import argparse

import numpy as np
import spglib
from tables import Timer, add_arguments, crystals, line, optional

from anharmonic.screening import GridSettings, Metric, describe, emd, grid
from anharmonic.screening.distances.nearest import QUERIES, distance_matrix

SETTINGS = GridSettings()


def descriptors(entries):
    """Milliseconds per crystal, and GRID of all by gridrdf."""
    atoms, theirs = [entry.atoms for entry in entries], None

    def timed(name, function, items):
        function(items[0])
        with Timer() as timer:
            found = [function(item) for item in items]
        line(name, f"{1e3 * timer.cpu / len(items):.2f}")
        return found

    line("descriptor, 100 neighbours", "CPU ms a crystal")
    line("---", "---")
    timed("GRID as histograms (smeared)", lambda a: grid(a, SETTINGS), atoms)
    timed("GRID without bins, and all else a library holds", lambda e: describe([e], SETTINGS), entries)
    with optional("gridrdf"):
        from gridrdf.extendRDF import calculate_rdf, get_pairwise_distances
        from pymatgen.io.ase import AseAtomsAdaptor

        structures = [AseAtomsAdaptor.get_structure(a) for a in atoms]

        def theirs_of(structure):
            found = get_pairwise_distances(structure, num_neighbours=SETTINGS.groups)
            return calculate_rdf(structure, found, max_dist=SETTINGS.cutoff, bin_width=0.1, smearing=0.1)

        theirs = timed("gridrdf, smeared", theirs_of, structures)
    with optional("average-minimum-distance"):
        import amd

        sets = [amd.PeriodicSet(a.positions, a.cell.array) for a in atoms]
        timed("AMD", lambda s: amd.AMD(s, 100), sets)
        timed("PDD", lambda s: amd.PDD(s, 100), sets)
    return theirs


def searches(entries):
    """Milliseconds per crystal of the neighbour searches one might take, and of finding the symmetry."""
    radii = [1.15 * (300 / (4 * np.pi * len(e.atoms) / e.atoms.get_volume())) ** (1 / 3) for e in entries]

    def timed(name, function, every=1):
        function(entries[0].atoms, radii[0])
        with Timer() as timer:
            for entry, radius in list(zip(entries, radii, strict=True))[::every]:
                function(entry.atoms, radius)
        line(name, f"{1e3 * timer.cpu / len(entries[::every]):.2f}")

    line("search for 100 neighbours", "CPU ms a crystal")
    line("---", "---")
    with optional("vesin"):
        from vesin import NeighborList

        timed("vesin", lambda a, r: NeighborList(cutoff=r, full_list=True).compute(
            points=a.positions, box=a.cell.array, periodic=True, quantities="id"))  # fmt: skip
    with optional("matscipy"):
        from matscipy.neighbours import neighbour_list

        timed("matscipy", lambda a, r: neighbour_list("id", a, cutoff=r))
    from ase.neighborlist import neighbor_list

    timed("ASE", lambda a, r: neighbor_list("id", a, r), every=10)
    timed("symmetry (spglib)", lambda a, r: spglib.get_symmetry_dataset(
        (a.cell.array, a.get_scaled_positions(), a.numbers), 1e-3))  # fmt: skip


def distances(entries, theirs):
    """Microseconds per pair; ours beside gridrdf's values."""
    rows = Metric(1, 0).rows(describe(entries, SETTINGS))
    many = np.tile(rows, (max(1, 3000 // len(rows)), 1))
    distance_matrix(many[:QUERIES])
    line("all pairs, each once", "CPU us a pair")
    line("---", "---")
    with Timer() as timer:
        distance_matrix(many)
    line(f"GRID, {rows.shape[1]} quantiles, blocks of L1 in JAX", f"{2e6 * timer.cpu / len(many) ** 2:.3f}")
    ours = distance_matrix(rows)
    with optional("gridrdf"):
        from gridrdf.earth_mover_distance import super_fast_EMD_matrix

        super_fast_EMD_matrix(theirs[:4], SETTINGS.width)
        with Timer() as timer:
            found = super_fast_EMD_matrix(theirs, SETTINGS.width)
        pairs = len(theirs) * (len(theirs) + 1) / 2
        line("gridrdf, super_fast_EMD_matrix", f"{1e6 * timer.cpu / pairs:.2f}")
        upper = np.triu_indices(len(theirs), 1)
        found, mine = np.asarray(found)[upper], ours[upper]
        print(f"ours against gridrdf's values: correlation {np.corrcoef(found, mine)[0, 1]:.5f}, "
              f"median ratio {np.median(mine / found):.4f}")  # fmt: skip
    with optional("scipy"):
        from scipy.stats import wasserstein_distance

        one, other = (grid(e.atoms, SETTINGS) for e in entries[:2])
        centres = SETTINGS.edges[:-1]
        with Timer() as timer:
            solved = [wasserstein_distance(centres, centres, a, b) for a, b in zip(one[:50], other[:50], strict=True)]
        line("scipy, 100 groups one by one", f"{2e6 * timer.cpu:.0f}")
        masses = one[:50].sum(1)[:, None], other[:50].sum(1)[:, None]
        closed = emd(one[:50] / masses[0], other[:50] / masses[1], SETTINGS.width)
        print(f"largest difference from scipy: {abs(closed - solved).max():.1e}")
    with optional("average-minimum-distance"):
        import amd

        sets = [amd.PeriodicSet(entry.atoms.positions, entry.atoms.cell.array) for entry in entries]
        means = np.array([amd.AMD(s, 100) for s in sets])
        with Timer() as timer:
            amd.AMD_pdist(means)
        line("AMD", f"{2e6 * timer.cpu / len(sets) ** 2:.3f}")
        parts = [amd.PDD(s, 100) for s in sets[:60]]
        amd.PDD_pdist(parts[:3])
        with Timer() as timer:
            amd.PDD_pdist(parts)
        line("PDD", f"{2e6 * timer.cpu / len(parts) ** 2:.1f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser)
    parser.add_argument("--crystals", type=int, default=300, help="a random sample of so many (default 300)")
    options = parser.parse_args()
    everything = crystals(options.table)
    chosen = np.random.default_rng(0).permutation(len(everything))[: options.crystals]
    sample = [everything[k] for k in chosen]
    print(f"{len(sample)} crystals, {np.mean([len(e.atoms) for e in sample]):.1f} atoms on average")
    searches(sample)
    distances(sample, descriptors(sample))
