"""GPUMD's model.xyz: extended XYZ with the properties and units that GPUMD reads (its manual, "Simulation model")."""

from ase import units


def write_gpumd(path, atoms, title=""):
    """Write species, positions (A), masses (amu) and, if there are momenta, velocities (A/fs).

    Parameters
    ----------
    path : path
    atoms : ase.Atoms
        In any frame: cell and positions are written as they are.
    title : str
        Left out: every word of the second line is a keyword with a value.
    """
    columns = [atoms.positions, atoms.get_masses()[:, None]]
    properties = "species:S:1:pos:R:3:mass:R:1"
    if atoms.has("momenta"):
        columns.append(atoms.get_velocities() * units.fs)
        properties += ":vel:R:3"
    lattice = _numbers(atoms.cell.array.ravel())
    lines = [str(len(atoms)), f'pbc="T T T" Lattice="{lattice}" Properties={properties}']
    for symbol, *parts in zip(atoms.get_chemical_symbols(), *columns, strict=True):
        lines.append(" ".join([symbol, *map(_numbers, parts)]))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _numbers(values):
    return " ".join(f"{value:.12g}" for value in values)
