"""The structures of a run that were furthest outside the fitted data, as a file to label them from."""

from dataclasses import replace

import ase.io
import equinox as eqx
import numpy as np

from anharmonic.evaluation.blocks import collect
from anharmonic.files import replacing
from anharmonic.sampling.processes import is_first

NAME = "extrapolating.extxyz"


def write_outliers(outliers, structure, model, path):
    """Write `Outliers` as extended XYZ, the most extreme first; returns how many they are.

    Every structure has its step, temperature (K) and grades in its info, and the grade of each atom as the
    array ``extrapolation``.

    Parameters
    ----------
    outliers : Outliers or None
    structure : Configuration
        Crystal, supercell and order of the atoms.
    model : Evaluator
    path : path
    """
    if outliers is None or not len(outliers):
        return 0
    frames = []
    for k in np.argsort(-outliers.grade, kind="stable"):
        u, deformation = outliers.displacements[k], outliers.deformation[k]
        state = replace(structure, displacements=u.astype(float), deformation=deformation.astype(float))
        atoms = state.to_atoms()
        grades = collect(_site_grades(model, u, deformation)).astype(float)
        atoms.arrays["extrapolation"] = np.round(state.to_atom_order(grades), 4)
        atoms.info.update(step=int(outliers.step[k]), temperature=round(float(outliers.temperature[k]), 6))
        atoms.info.update(extrapolation=float(outliers.grade[k]), extrapolation_mean=float(outliers.mean[k]))
        frames.append(atoms)
    if is_first():
        with replacing(path) as part:
            ase.io.write(part, frames, format="extxyz")
    return len(frames)


@eqx.filter_jit
def _site_grades(model, displacements, deformation):
    return model.site_grades(displacements, deformation)
