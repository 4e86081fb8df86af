"""Spherical free atoms with exact exchange: where the table of free-atom densities comes from.

Spin-polarised Kohn-Sham equations, not relativistic, with the exchange potential of Krieger, Li and Iafrate (Phys. Rev.
A 45, 101 (1992), eqs. 24-31) and no correlation. Open shells are averaged over the ways in which whole electrons fill
their orbitals, so that no electron repels itself: among f electrons of one spin in m orbitals there are f (f - 1) / 2
pairs, and each has the mean interaction of the m (m - 1) / 2 pairs of a full shell. The potential falls as -1/r, so the
density has the tail of the highest orbital; local functionals, whose potential falls exponentially, reach too far.

Radial functions P(r) = sqrt(r') f(x) live on a uniform grid of x, r = a (exp(x) - 1), with sines as the basis: nearly
logarithmic, but linear at the nucleus, where f = 0. Then -f''/2 + f/8 + r'^2 (v + l(l+1)/2r^2) f = e r'^2 f. Atomic
units throughout.
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh

from anharmonic.errors import AnharmonicError

POINTS, LINEAR, OUTERMOST = 240, 1e-3, 60.0
"""Of the radial grid; the length a is LINEAR over the nuclear charge."""
NEGLIGIBLE = 1e-28
"""Density, against its maximum, below which the exchange potential is that of the highest orbital alone, -1/r."""


@dataclass(frozen=True)
class Shell:
    """Electrons of one spin in one shell.

    Attributes
    ----------
    n, l : int
        Quantum numbers.
    electrons : float
        From 0 to 2 l + 1.
    """

    n: int
    l: int  # noqa: E741
    electrons: float


@dataclass(frozen=True)
class FreeAtom:
    """A converged atom.

    Attributes
    ----------
    radii, density : ndarray, shape (n,)
        Bohr; electrons/Bohr^3.
    energy : float
        Total energy, Hartree.
    levels : dict of (int, Shell) to float
        Orbital energies by spin and shell.
    """

    radii: np.ndarray
    density: np.ndarray
    energy: float
    levels: dict


def hund(configuration):
    """Shells of both spins by Hund's first rule.

    Parameters
    ----------
    configuration : dict of (n, l) to int
        Electrons of each shell.

    Returns
    -------
    tuple of two tuples of Shell
    """
    up = [Shell(n, q, min(e, 2 * q + 1)) for (n, q), e in configuration.items()]
    down = [Shell(n, q, max(0, e - 2 * q - 1)) for (n, q), e in configuration.items()]
    return tuple(up), tuple(shell for shell in down if shell.electrons)


def solve(charge, configuration, tolerance=1e-7, most=400, mixing=0.4):
    """The self-consistent atom of a nuclear charge.

    Parameters
    ----------
    charge : int
    configuration : dict of (n, l) to int
    tolerance : float
        Largest change of r times the density times r^2 between two iterations.
    most : int
        Iterations.
    mixing : float
        Share of the new potential.

    Raises
    ------
    AnharmonicError
        If it does not converge.
    """
    grid = _Grid(charge)
    spins = hund(configuration)
    potentials = [_screened(grid, charge) for _ in spins]
    before = 0.0
    for _ in range(most):
        orbitals = [grid.orbitals(v, shells) for v, shells in zip(potentials, spins, strict=True)]
        densities = [_density(o, shells) for o, shells in zip(orbitals, spins, strict=True)]
        total = sum(densities)
        change = abs(grid.radii * (total - before)).max()
        coulomb = grid.coulomb(total, 0)
        fields = [_exchange(grid, o, shells) for o, shells in zip(orbitals, spins, strict=True)]
        if change < tolerance:
            break
        before = total
        new = [coulomb - charge / grid.radii + field for field, _ in fields]
        potentials = [(1 - mixing) * old + mixing * fresh for old, fresh in zip(potentials, new, strict=True)]
    else:
        raise AnharmonicError(
            f"the atom of charge {charge} has not converged: its density still changes by {change:.1e}"
        )
    energy = _energy(grid, charge, orbitals, spins, total, coulomb, fields)
    levels = {
        (spin, shell): float(level)
        for spin, (shells, (_, values)) in enumerate(zip(spins, orbitals, strict=True))
        for shell, level in zip(shells, values, strict=True)
    }
    return FreeAtom(grid.radii, total / (4 * np.pi * grid.radii**2), energy, levels)


class _Grid:
    """The radial grid, its kinetic energy, and Coulomb integrals of multipoles."""

    def __init__(self, charge):
        length = np.log(OUTERMOST * charge / LINEAR + 1)
        self.step = length / (POINTS + 1)
        x = self.step * np.arange(1, POINTS + 1)
        self.radii, self.slope = LINEAR / charge * np.expm1(x), LINEAR / charge * np.exp(x)
        self.weights = self.step * self.slope
        self.kinetic = _sine_kinetic(length) + np.eye(POINTS) / 8
        self._multipoles = {}

    def orbitals(self, potential, shells):
        """P (n_shells, n), normalised, and orbital energies (n_shells,)."""
        functions, levels = [], []
        by_l = {}
        for q in sorted({shell.l for shell in shells}):
            matrix = self.kinetic / np.outer(self.slope, self.slope)
            matrix += np.diag(0.5 * q * (q + 1) / self.radii**2 + potential)
            highest = max(shell.n for shell in shells if shell.l == q) - q
            by_l[q] = eigh(matrix, subset_by_index=(0, highest - 1))
        for shell in shells:
            values, vectors = by_l[shell.l]
            levels.append(values[shell.n - shell.l - 1])
            functions.append(vectors[:, shell.n - shell.l - 1] / np.sqrt(self.weights))
        return np.array(functions), np.array(levels)

    def coulomb(self, density, k):
        """Integral over r' of r_<^k / r_>^(k+1) density(r'), by the trapezoidal rule, corrected for the kink at r."""
        if k not in self._multipoles:
            greater = np.maximum.outer(self.radii, self.radii)
            kernel = (np.minimum.outer(self.radii, self.radii) / greater) ** k / greater * self.weights
            kink = (2 * k + 1) * (self.step * self.slope / self.radii) ** 2 / 12
            self._multipoles[k] = kernel - np.diag(kink)
        return self._multipoles[k] @ density

    def integral(self, values):
        return values @ self.weights


def _sine_kinetic(length):
    """-1/2 of the second derivative (n, n) for functions that vanish at 0 and `length`, at the points between."""
    numbers, size = np.arange(1, POINTS + 1), POINTS + 1
    difference, total = np.subtract.outer(numbers, numbers), np.add.outer(numbers, numbers)
    diagonal = difference == 0
    near = np.sin(np.pi * np.where(diagonal, 1, difference) / (2 * size)) ** -2
    far = np.sin(np.pi * total / (2 * size)) ** -2
    shape = np.where(diagonal, (2 * size**2 + 1) / 3 - far, (-1.0) ** difference * (near - far))
    return (np.pi / (2 * length)) ** 2 * shape


def _screened(grid, charge):
    """A first guess: the nucleus screened within an atom's size, by all electrons but one."""
    size = 0.9 / charge ** (1 / 3)
    return -(1 + (charge - 1) * np.exp(-grid.radii / size) / (1 + grid.radii / size)) / grid.radii


def _density(orbitals, shells):
    """Electrons per Bohr of radius."""
    functions, _ = orbitals
    return sum((s.electrons * p**2 for s, p in zip(shells, functions, strict=True)), np.zeros(POINTS))


def _exchange(grid, orbitals, shells):
    """KLI potential (n,) and exchange energy (Hartree) of one spin."""
    functions, levels = orbitals
    if not len(shells):
        return np.zeros(POINTS), 0.0
    fields = np.array([_orbital_field(grid, k, functions, shells) for k in range(len(shells))])
    filled = np.array([s.electrons for s in shells])
    shares = filled[:, None] * functions**2
    total = shares.sum(axis=0)
    inside = total > NEGLIGIBLE * total.max()
    safe = np.where(inside, total, 1.0)
    slater = np.where(inside, (filled[:, None] * functions * fields).sum(axis=0) / safe, -1 / grid.radii)
    own = grid.integral(functions * fields)
    below = np.arange(len(shells)) != np.argmax(levels)
    weights = np.where(inside, shares[below] / safe, 0.0)
    overlap = (functions[below] ** 2 * grid.weights) @ weights.T
    shift = (functions[below] ** 2 * slater) @ grid.weights - own[below]
    constants = np.linalg.solve(np.eye(below.sum()) - overlap, shift)
    return slater + constants @ weights, float(0.5 * filled @ own)


def _orbital_field(grid, k, functions, shells):
    """The exchange operator of the spin on orbital k (n,)."""
    own, total = shells[k], np.zeros(POINTS)
    for other, function in zip(shells, functions, strict=True):
        places, electrons = 2 * other.l + 1, other.electrons
        weight = electrons
        if other == own and places > 1:
            pairs = (electrons - 1) / (places - 1)
            weight = pairs * places
            total += (pairs * places - electrons) * grid.coulomb(function**2, 0) * function
        for order in range(abs(own.l - other.l), own.l + other.l + 1, 2):
            square = weight * _squared_3j(own.l, order, other.l)
            total -= square * grid.coulomb(functions[k] * function, order) * function
    return total


def _squared_3j(a, b, c):
    """Square of the Wigner symbol (a b c; 0 0 0); a + b + c even, in a triangle."""
    from math import factorial

    half = (a + b + c) // 2
    triangle = factorial(2 * half - 2 * a) * factorial(2 * half - 2 * b) * factorial(2 * half - 2 * c)
    ratio = factorial(half) / (factorial(half - a) * factorial(half - b) * factorial(half - c))
    return triangle / factorial(2 * half + 1) * ratio**2


def _energy(grid, charge, orbitals, spins, total, coulomb, fields):
    """Kinetic, nuclear, Hartree and exchange energy."""
    kinetic = 0.0
    for (functions, _), shells in zip(orbitals, spins, strict=True):
        for shell, function in zip(shells, functions, strict=True):
            scaled = function / np.sqrt(grid.slope)
            own = grid.step * scaled @ grid.kinetic @ scaled
            kinetic += shell.electrons * (
                own + grid.integral(0.5 * shell.l * (shell.l + 1) * (function / grid.radii) ** 2)
            )
    rest = grid.integral(total * (0.5 * coulomb - charge / grid.radii))
    return float(kinetic + rest + sum(exchange for _, exchange in fields))
