"""Trajectories: how correlated their frames are, and which of them a division has torn apart."""

from dataclasses import dataclass

import numpy as np

CORRELATED = 0.3
"""Correlation from one frame to the next above which frames are no independent samples."""

FEWEST = 4
"""Frames of one supercell below which a trajectory has no measurable correlation."""


@dataclass(frozen=True)
class TornTrajectory:
    """A trajectory whose correlated frames are in several parts of a data set.

    Attributes
    ----------
    name : str
    counts : dict of str to int
        Frames by part.
    correlation : float
        From one frame to the next; see `correlation`.
    """

    name: str
    counts: dict
    correlation: float

    def __str__(self):
        parts = ", ".join(f"{n} in {part}" for part, n in self.counts.items())
        return (
            f"frames of the trajectory {self.name} are correlated ({self.correlation:.2f} from one to the next) and "
            f"are divided: {parts}"
        )


def correlation(frames):
    """Correlation of the displacements from one frame of a trajectory to the next.

    The autocorrelation at lag one, over all atoms and components, of the frames in the order
    of their files and steps that have the supercell of most of them:

        sum_t (u_t - <u>) (u_(t+1) - <u>) / sum_t (u_t - <u>)^2

    Near 0 for independent snapshots, near 1 for every step of a simulation; None for fewer
    than `FEWEST` frames, or frames that are all the same.
    """
    families = {}
    for frame in sorted(frames, key=lambda frame: (frame.file, frame.step or 0)):
        families.setdefault(frame.configuration.supercell.matrix.tobytes(), []).append(frame.configuration)
    states = max(families.values(), key=len, default=[])
    if len(states) < FEWEST:
        return None
    u = np.stack([state.to_atom_order(np.moveaxis(state.displacements, 1, 2)).ravel() for state in states])
    u -= u.mean(0)
    spread = (u**2).sum()
    return float((u[:-1] * u[1:]).sum() / spread) if spread > 1e-12 * u.size else None


def torn_trajectories(parts):
    """Trajectories with correlated frames in more than one part, most frames first.

    Parameters
    ----------
    parts : dict of str to sequence of Frame

    Returns
    -------
    list of TornTrajectory
    """
    found = {}
    for part, frames in parts.items():
        for frame in frames:
            found.setdefault(frame.trajectory, {}).setdefault(part, []).append(frame)
    torn = []
    for name, members in found.items():
        if len(members) > 1:
            value = correlation([frame for frames in members.values() for frame in frames])
            if value is not None and value > CORRELATED:
                torn.append(TornTrajectory(name, {part: len(frames) for part, frames in members.items()}, value))
    return sorted(torn, key=lambda one: -sum(one.counts.values()))


def leaks(parts):
    """Why parts are no independent samples, as a tuple of texts: what `torn_trajectories` found, in one sentence."""
    torn = torn_trajectories(parts)
    more = f"; so are {len(torn) - 1} more trajectories" if len(torn) > 1 else ""
    return tuple(
        f"{one}{more}. Errors of held-out frames come out too small: set split_by to trajectory, or to the key of info "
        "that names what belongs together"
        for one in torn[:1]
    )
