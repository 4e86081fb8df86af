"""POSCAR files: VASP, phonopy, pymatgen and most viewers read them."""

from ase.io import write


def write_vasp(path, atoms, title=""):
    """Write a POSCAR: fractional positions, and velocities (A/fs) if there are momenta.

    Parameters
    ----------
    path : path
    atoms : ase.Atoms
        They are put together by element, in the order in which the elements appear. VASP wants right-handed cells: of
        others all three vectors are reversed, which leaves the lattice.
    title : str
        Left out: the first line has the elements, which older programs look for there.
    """
    symbols = atoms.get_chemical_symbols()
    elements = list(dict.fromkeys(symbols))
    atoms = atoms[sorted(range(len(atoms)), key=lambda k: elements.index(symbols[k]))]
    if atoms.cell.handedness < 0:
        atoms.set_cell(-atoms.cell.array)
    write(path, atoms, format="vasp", direct=True)
