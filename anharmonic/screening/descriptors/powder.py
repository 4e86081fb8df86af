"""The Fourier descriptor that knows no cell: intensities averaged over all directions.

Turning every reflection over all directions leaves the intensity as a function of |S| alone, the powder pattern.
It is the same for every cell of a crystal, every origin and every orientation, and smooth in strains and positions.
"""

from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.geometry import minkowski_reduce

from anharmonic.errors import AnharmonicError
from anharmonic.screening.descriptors.reflections import FINEST, structure_factors
from anharmonic.screening.descriptors.smearing import REACH, smeared
from anharmonic.screening.entries import check_structure

MOST = 20_000_000
"""Terms (reflections times atoms) that fit into some gigabytes."""
CHUNK = 2_000_000


@dataclass(frozen=True)
class PowderSettings:
    """Range (1/A), bins and smearing (1/A) of |S|; the smearing is integrated exactly over each bin."""

    longest: float = 1.2
    width: float = 0.02
    smearing: float = 0.02

    def __post_init__(self):
        if not (self.longest > 0 and self.width > 0 and self.smearing > 0):
            raise AnharmonicError("range, width and smearing of a powder pattern are above 0 1/A")
        if self.longest + REACH * self.smearing > FINEST:
            raise AnharmonicError(f"form factors are known up to |S| = {FINEST:g} 1/A")

    @property
    def bins(self):
        """Number of bins."""
        return round(self.longest / self.width)


def powder(atoms, settings=None):
    """The intensity scattered into shells of |S|, per electron of the crystal and volume of the shell.

    I(S) = sum over hkl of |F|^2 g(S - |S_hkl|) / (V Z 4 pi S^2), Z the electrons of the cell and g a Gaussian: the
    mean of |F|^2 / Z, 1 on average for scatterers without order whose form factor is their number of electrons.

    Parameters
    ----------
    atoms : ase.Atoms
    settings : PowderSettings, optional

    Returns
    -------
    ndarray, shape (bins,)
        The origin S = 0 is left out.

    Raises
    ------
    AnharmonicError
        If the structure is none, or has too many reflections for the memory.
    """
    settings = settings or PowderSettings()
    check_structure(atoms)
    atoms = Atoms(atoms.numbers, atoms.positions, cell=minkowski_reduce(atoms.cell.array)[0], pbc=True)
    indices = _indices(atoms, settings.longest + REACH * settings.smearing)
    total, edges = np.zeros(settings.bins), settings.width * np.arange(settings.bins + 1)
    for part in np.array_split(indices, max(1, len(indices) * len(atoms) // CHUNK)):
        factors, lengths = structure_factors(atoms, part)
        bins, shares = smeared(lengths, settings.width, settings.smearing)
        shares = shares * (2 * abs(factors) ** 2)[:, None]
        inside = (bins >= 0) & (bins < settings.bins)
        total += np.bincount(bins[inside], shares[inside], minlength=settings.bins)
    shells = 4 / 3 * np.pi * np.diff(edges**3)
    return total / (shells * atoms.get_volume() * atoms.numbers.sum())


def _indices(atoms, longest):
    """Half of the reciprocal lattice vectors (n, 3) up to a length, without the origin: one of each pair."""
    reciprocal = np.linalg.inv(atoms.cell.array).T
    number = 4 / 3 * np.pi * longest**3 * atoms.get_volume()
    if number * len(atoms) > MOST:
        raise AnharmonicError(
            f"{number:.2g} reflections of {len(atoms)} atoms are more than memory is expected to hold; "
            "ask for a shorter range of |S|"
        )
    limits = np.floor(longest * np.linalg.norm(atoms.cell.array, axis=1)).astype(int)
    grid = np.stack(np.meshgrid(*[np.arange(-n, n + 1) for n in limits], indexing="ij"), axis=-1).reshape(-1, 3)
    grid = grid[len(grid) // 2 + 1 :]
    return grid[np.linalg.norm(grid @ reciprocal, axis=1) <= longest]
