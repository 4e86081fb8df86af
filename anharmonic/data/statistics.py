"""What a data set spans: energies, volumes, strains, displacements, forces and stresses as numbers."""

from dataclasses import dataclass

import numpy as np

from anharmonic.conventions import GPA

AXES = (("xx", 0, 0), ("yy", 1, 1), ("zz", 2, 2), ("yz", 1, 2), ("xz", 0, 2), ("xy", 0, 1))
"""Components of a symmetric tensor: name and indices."""


@dataclass(frozen=True)
class Span:
    """The distribution of one quantity.

    Attributes
    ----------
    name, unit : str
    count : int
        Of the numbers that it is about.
    least, largest : float
    mean : float
    deviation : float
        Standard deviation.
    """

    name: str
    unit: str
    count: int
    least: float
    largest: float
    mean: float
    deviation: float

    @classmethod
    def of(cls, name, unit, values):
        """The span of an array of any shape, with at least one number."""
        values = np.asarray(values, float)
        return cls(name, unit, values.size, *(float(f(values)) for f in (np.min, np.max, np.mean, np.std)))


def green_lagrange(frames):
    """Strains (F^T F - 1) / 2, shape (n_frames, 3, 3)."""
    f = np.array([frame.configuration.deformation for frame in frames]).reshape(-1, 3, 3)
    return 0.5 * (np.swapaxes(f, 1, 2) @ f - np.eye(3))


def displacement_lengths(dataset):
    """Lengths (A) of all displacements, by class of equal sites: pairs of a name and an array."""
    crystal = dataset.crystal
    lengths = [np.linalg.norm(frame.configuration.displacements, axis=1) for frame in dataset.frames]
    for sites in crystal.site_classes:
        name = crystal.species[sites[0]] + (f" x{len(sites)}" if len(sites) > 1 else "")
        yield name, np.concatenate([x[list(sites)].ravel() for x in lengths])


def energies_above_lowest(dataset):
    """Energies (eV per atom) above the lowest of their group, by group; groups without energies are left out."""
    found = {}
    for frame in dataset.frames:
        if frame.energy is not None:
            found.setdefault(frame.group, []).append(frame.energy / frame.n_atoms)
    return {group: np.array(values) - min(values) for group, values in found.items()}


def spans(dataset):
    """Distributions of everything that a data set of at least one frame holds.

    Returns
    -------
    list of Span
        Energies above the lowest of their group, volume, six strains, displacements by
        site, force components by element, pressure and shear stress; those that are there.
    """
    frames, species = dataset.frames, np.array(dataset.crystal.species)
    strain = 100 * green_lagrange(frames)
    energies = energies_above_lowest(dataset).values()
    found = [("energy above the lowest", "meV/atom", 1000 * np.concatenate([[], *energies]))]
    found.append(("volume per cell", "Å³", [frame.configuration.volume / frame.n_cells for frame in frames]))
    found += [(f"strain {axes}", "%", strain[:, i, j]) for axes, i, j in AXES]
    found += [(f"displacement of {name}", "Å", values) for name, values in displacement_lengths(dataset)]
    forces = [frame.forces for frame in frames if frame.forces is not None]
    for name in dict.fromkeys(species.tolist()):
        components = [f[species == name].ravel() for f in forces]
        found.append((f"force on {name}, component", "eV/Å", np.concatenate([[], *components])))
    stress = np.array([frame.stress for frame in frames if frame.stress is not None]).reshape(-1, 3, 3) / GPA
    found.append(("pressure", "GPa", -np.trace(stress, axis1=1, axis2=2) / 3))
    found.append(("shear stress, component", "GPa", stress[:, *np.triu_indices(3, 1)]))
    return [Span.of(*one) for one in found if np.size(one[2])]
