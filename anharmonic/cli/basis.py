"""``anharmonic basis``: the clusters of a crystal, their deformations and invariants."""

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from anharmonic.cli import options as opt
from anharmonic.errors import AnharmonicError

CLUSTERS, POLYNOMIALS = "Clusters", "Polynomials"
SUFFIXES = (".png", ".pdf", ".svg")

CrystalFile = Annotated[
    Path, typer.Argument(help="Structure of the reference crystal: any file that ASE reads.")
]  # fmt: skip
Pairs = Annotated[
    str | None,
    typer.Option(
        "--pairs", metavar="CUTOFF|NUMBER", rich_help_panel=CLUSTERS, show_default="twice the shortest distance",
        help='Cutoff in Å with a decimal point ("7.0"), or how many of the shortest orbits ("8").',
    ),
]  # fmt: skip
Triplets = Annotated[
    str | None,
    typer.Option(
        "--triplets", metavar="CUTOFF|CHAINS", rich_help_panel=CLUSTERS, show_default="none",
        help='Cutoff in Å, or chains of nearest-neighbour bonds: "Pb-Br-Pb,Br-Pb-Br".',
    ),
]  # fmt: skip
Quadruplets = Annotated[
    float | None,
    typer.Option(
        "--quadruplets", metavar="CUTOFF", rich_help_panel=CLUSTERS, show_default="none", help="Cutoff in Å."
    ),
]  # fmt: skip
Polyhedra = Annotated[
    str | None,
    typer.Option(
        "--polyhedra", metavar="NAMES", rich_help_panel=CLUSTERS, show_default="none",
        help='octahedron, cuboctahedron, tetrahedron, cube, or a centre and its corners: "Pb:Br6".',
    ),
]  # fmt: skip
Order = Annotated[
    str | None,
    typer.Option(
        "--order", metavar="N|KIND=N,...", rich_help_panel=POLYNOMIALS, show_default="2",
        help="Highest degree, for all or by kind: pair=6,triplet=3,octahedron=3 (kinds that are not named: 2).",
    ),
]  # fmt: skip
Metric = Annotated[
    str | None,
    typer.Option(
        "--metric", metavar="NAME", rich_help_panel=POLYNOMIALS, show_default="quadratic",
        help="Measure of a distance: quadratic, linear, logarithmic, inverse.",
    ),
]  # fmt: skip
Reduce = Annotated[
    bool,
    typer.Option(
        "--reduce", rich_help_panel=POLYNOMIALS, help="Keep 3n-6 deformations of clusters of more than four sites."
    ),
]  # fmt: skip
Conventional = Annotated[
    bool, typer.Option("--conventional", help="Keep the conventional cell instead of the primitive one.")
]  # fmt: skip
Symprec = Annotated[
    float, typer.Option("--symprec", metavar="LENGTH", help="Tolerance of the symmetry search (Å).")
]  # fmt: skip
Preset = Annotated[
    str | None,
    typer.Option(
        "--preset", metavar="NAME", rich_help_panel=CLUSTERS, show_default="none",
        help="Clusters and orders by name; the options below replace parts of it: paper, fast, balanced, accurate.",
    ),
]  # fmt: skip
Draw = Annotated[
    str | None,
    typer.Option(
        "--draw", metavar="ORBIT", rich_help_panel=opt.OUTPUT,
        help="Draw the modes of this orbit (number or label).",
    ),
]  # fmt: skip
Out = Annotated[
    Path,
    typer.Option("--out", "-o", metavar="FILE", rich_help_panel=opt.OUTPUT, help="png, pdf or svg for --draw."),
]  # fmt: skip


def basis(
    crystal: CrystalFile,
    preset: Preset = None,
    pairs: Pairs = None,
    triplets: Triplets = None,
    quadruplets: Quadruplets = None,
    polyhedra: Polyhedra = None,
    order: Order = None,
    metric: Metric = None,
    reduce: Reduce = False,
    conventional: Conventional = False,
    symprec: Symprec = 1e-3,
    draw: Draw = None,
    out: Out = Path("modes.png"),
):
    """Print the clusters of a crystal with their symmetry, deformations and invariants.

    Each line is an orbit: all clusters that symmetry makes equal. Its collective deformations (CCDs) are combinations
    of the pair distances, sorted by the irreducible representations of the cluster's point group; the invariants are
    the polynomials of these that a potential is made of, counted by degree 1, 2, 3, ... They are as many as the
    Molien series of the group says.

    [cyan]anharmonic basis cubic.cif --polyhedra octahedron --order 4[/cyan]

    [cyan]anharmonic basis cubic.cif --pairs 8 --triplets Pb-Br-Pb --order pair=6,triplet=3[/cyan]

    [cyan]anharmonic basis cubic.cif --preset accurate[/cyan]

    [cyan]anharmonic basis cubic.cif --polyhedra octahedron --draw octahedron --out modes.pdf[/cyan]
    """
    from anharmonic.cli.terminal import show, table
    from anharmonic.clusters.basis import ClusterBasis
    from anharmonic.crystal import Crystal

    reference = Crystal.from_file(crystal, primitive=not conventional, symprec=symprec)
    asked = {
        "pairs": opt.cutoff_of(pairs), "triplets": opt.clusters_of(triplets), "quadruplets": quadruplets,
        "polyhedra": opt.names_of(polyhedra) or None, "order": None if order is None else opt.order_of(order),
        "metric": metric, "reduce": reduce or None,
    }  # fmt: skip
    asked = {name: value for name, value in asked.items() if value is not None}
    found = ClusterBasis.from_preset(reference, preset, **asked) if preset else ClusterBasis(reference, **asked)
    chosen = None if draw is None else _orbit_index(found, draw)
    if chosen is not None and out.suffix not in SUFFIXES:
        raise AnharmonicError(f"--out takes a file that ends in {', '.join(SUFFIXES)}; found {str(out)!r}")
    columns = ["", "<orbit", "per cell", "<point group", "<deformations", "<invariants by degree"]
    title = f"{len(found.orbits)} orbits, {found.n_invariants} invariants, {found.metric} metric"
    show(*crystal_lines(reference), table(title, columns, orbit_rows(found)))
    if chosen is not None:
        from anharmonic.interfaces.ccd_figures import draw_modes

        orbit = found.orbits[chosen]
        opt.output_folder(out.parent)
        draw_modes(orbit.positions, [reference.species[s] for s in orbit.sites[0]], found.ccds[chosen], out)
        show(f"\nwrote the modes of {found.labels[chosen]} to {out}")


def crystal_lines(crystal):
    """A reference crystal in words."""
    from ase.geometry import cell_to_cellpar

    group = crystal.space_group
    lengths = cell_to_cellpar(crystal.cell)
    sites = Counter(crystal.species)
    yield (
        f"reference crystal {crystal.formula}, space group {group.symbol} ({group.number}, {len(group)} operations)\n"
        f"cell {lengths[0]:.4f} {lengths[1]:.4f} {lengths[2]:.4f} Å, {lengths[3]:.2f} {lengths[4]:.2f} "
        f"{lengths[5]:.2f}°; {crystal.n_sites} sites: {', '.join(f'{n} {s}' for s, n in sites.items())}"
    )


def orbit_rows(basis):
    """Rows of the table of orbits."""
    parts = zip(basis.labels, basis.orbits, basis.ccds, basis.invariants, strict=True)
    for k, (label, orbit, ccd, invariants) in enumerate(parts, start=1):
        counts = " ".join(map(str, invariants.counts))
        yield k, label, orbit.n_clusters, " = ".join(ccd.point_group), irreps(ccd), counts


def irreps(ccd):
    """Irreducible subspaces with their numbers, such as ``2A1g + Eg``."""
    counts = Counter(label for label, _, _ in ccd.subspaces)
    order = sorted(counts, key=lambda label: (label.endswith("u"), label))
    return " + ".join(label if counts[label] == 1 else f"{counts[label]}{label}" for label in order)


def _orbit_index(basis, text):
    """Index of an orbit by its number in the table, its label, or the beginning of one."""
    if text.isdigit() and 1 <= int(text) <= len(basis.orbits):
        return int(text) - 1
    matches = [k for k, label in enumerate(basis.labels) if label == text]
    matches = matches or [k for k, label in enumerate(basis.labels) if label.startswith(text)]
    if len(matches) != 1:
        options = ", ".join(f"{k}: {label}" for k, label in enumerate(basis.labels, start=1))
        raise AnharmonicError(f"--draw {text!r} names {len(matches)} orbits; there are {options}")
    return matches[0]
