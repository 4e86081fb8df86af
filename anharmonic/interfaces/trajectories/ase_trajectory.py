"""ASE's own trajectories: binary, read by ASE alone."""

from ase.io.trajectory import TrajectoryWriter


def write_ase_trajectory(path, structure, frames):
    """Write frames as an ASE trajectory; what is in ``info`` stays with each frame."""
    with TrajectoryWriter(str(path), mode="w") as writer:
        for frame in frames:
            writer.write(frame.atoms(structure))
