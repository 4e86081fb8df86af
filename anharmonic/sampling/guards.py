"""What a run must not do: numbers that are not finite, and states far outside the fitted data.

A chunk that does so is done again from the last good state, step by step and by the same compiled
code, so that the very step and the atoms where it began can be named.
"""

import equinox as eqx
import jax
import numpy as np

from anharmonic.errors import ExtrapolationError, RunFileError
from anharmonic.evaluation.blocks import collect

LARGEST_VOLUME = 1e3
"""Of a crystal, relative to the reference."""

MOST_ATOMS = 4
"""Atoms that a message names."""


def fault(samples, state, most=None):
    """``(index of the sample, what is wrong)`` of the first bad sample of a chunk; None if all are good.

    Parameters
    ----------
    samples : dict of ndarray, shape (n_samples, ...)
    state : record of arrays
        At the end of the chunk.
    most : float, optional
        Largest extrapolation grade that is let through.
    """
    found = []
    for name, values in samples.items():
        if np.issubdtype(values.dtype, np.inexact):
            bad = ~np.isfinite(values.reshape(len(values), -1)).all(axis=1)
            if bad.any():
                found.append((int(np.argmax(bad)), f"{name} is not finite"))
    if "deformation" in samples:
        with np.errstate(invalid="ignore", over="ignore"):
            volumes = np.linalg.det(samples["deformation"].astype(float)).reshape(len(samples["deformation"]), -1)
        bad = (abs(volumes) > LARGEST_VOLUME).any(axis=1)
        if bad.any():
            first = int(np.argmax(bad))
            worst = max(volumes[first], key=abs)
            found.append((first, f"the volume is {worst:.2g} times that of the reference: the crystal came apart"))
    if most is not None and "extrapolation" in samples:
        grades = samples["extrapolation"].reshape(len(samples["extrapolation"]), -1).max(axis=1)
        if (grades > most).any():
            first = int(np.argmax(grades > most))
            found.append((first, f"the extrapolation grade {grades[first]:.3g} is above {most:g}"))
    if not found and not all(np.isfinite(x).all() for x in _numbers(state)):
        found.append((len(next(iter(samples.values()))) - 1, "the state is not finite"))
    return min(found) if found else None


def explain(advance, state, step, sampling, most, stage, run):
    """The error about a bad chunk.

    Parameters
    ----------
    advance : callable
        ``(state, step, steps before each sample) -> state, samples``: the compiled code of the chunk.
    state : record of arrays
        Before the chunk.
    step : int
        Steps done before the chunk.
    sampling : Sampling
    most : float or None
    stage : Stage
    run : Run
        With the model, and the crystal for the names of atoms.

    Returns
    -------
    AnharmonicError, int, record of arrays
        The error, the step that it is about, and the state after it.
    """
    step, before, after, (_, what) = _first_bad_step(advance, state, step, sampling, most)
    outside = "extrapolation grade" in what
    advice = (
        "the run went further than the data of the fit: fit the potential further out, or give a higher limit"
        if outside
        else "the run left the range of the potential or the time step is too long: "
        "start again with a shorter time step or a potential fitted further out"
    )
    message = f"{what} at step {step} ({stage.name}), {_where(run, before, after, outside)}; {advice}"
    return (ExtrapolationError if outside else RunFileError)(message), step, after


def _first_bad_step(advance, state, step, sampling, most):
    """``(step, state before, state after, fault)`` of the first bad step of a chunk."""
    n, single = sampling.chunk, np.zeros(sampling.chunk, np.int32)
    for _ in range(sampling.stride):
        new, samples = advance(state, step, np.ones(n, np.int32))
        bad = fault(samples, new, most)
        if bad is not None:
            before, _ = advance(state, step, _only_first(single, bad[0]))
            after, _ = advance(before, step + bad[0], _only_first(single, 1))
            return step + bad[0] + 1, before, after, bad
        state, step = new, step + n
    raise RunFileError(f"a chunk that ended at step {step} was bad, and done again it was good: check the hardware")


def _only_first(zeros, n_steps):
    steps = zeros.copy()
    steps[0] = n_steps
    return steps


def _where(run, before, after, outside):
    """The atoms concerned, in words."""
    broken = ~np.isfinite(np.asarray(after.displacements)).all(axis=-2)
    if broken.any() and not broken.all() and not outside:
        places, what = np.argwhere(broken)[:, -2:], "at"
    else:
        places, what = (
            _worst_places(run.model, after if outside else before),
            "where the crystal is most unusual:",
        )
    names = [atom_name(run.structure, *place) for place in places[:MOST_ATOMS].tolist()]
    more = f" and {len(places) - MOST_ATOMS} more" if len(places) > MOST_ATOMS else ""
    return f"{what} {', '.join(names)}{more}"


def _worst_places(model, state):
    """``(site, cell)`` of the atom with the largest grade, or of those with the largest displacement."""
    u, deformation = (np.asarray(x) for x in (state.displacements, state.deformation))
    if u.ndim == 4:  # replicas
        grades = np.asarray(jax.vmap(model.site_grades)(u, deformation))
        worst = int(np.argmax(np.nan_to_num(grades).max(axis=(1, 2))))
        u, grades = u[worst], grades[worst]
    else:
        grades = collect(eqx.filter_jit(lambda model, *s: model.site_grades(*s))(model, u, deformation))
    grades = np.nan_to_num(grades)
    if not grades.any():
        sizes = np.linalg.norm(u - u.mean(axis=-1, keepdims=True), axis=1)
        return np.argwhere(sizes == sizes.max())
    order = np.argsort(-grades, axis=None, kind="stable")[:MOST_ATOMS]
    return np.stack(np.unravel_index(order, grades.shape), axis=1)


def atom_name(structure, site, cell):
    """Words for the atom on a site: its index in structures that are written, species, site and cell."""
    if structure is None:
        return f"site {site} of cell {cell}"
    species, place = structure.crystal.species[site], " ".join(map(str, structure.supercell.cells[cell]))
    return f"atom {structure.order[site, cell]} ({species}, site {site} of cell {place})"


def continues_exactly(observed, samples):
    """Whether `observed`, the state of a checkpoint looked at again, equals the last of the recorded samples."""
    last = len(samples.series) - 1
    return all(
        np.array_equal(values[-1], samples.series.read(name, last)[0], equal_nan=True)
        for name, values in observed.items()
    )


def _numbers(state):
    leaves = (np.asarray(x) for x in jax.tree.leaves(state))
    return [x for x in leaves if np.issubdtype(x.dtype, np.inexact)]
