"""How well a generator gives back what it is shown, and what it knows of energies: Table 1 and section 3.2."""

import numpy as np

from anharmonic.screening.extras import extra
from anharmonic.screening.generator import layout
from anharmonic.screening.generator.decoding import decode, nearest_elements
from anharmonic.screening.generator.network import STABLE
from anharmonic.screening.generator.objective import ALIVE, divergences

DECODED = 500
"""Images that are decoded for the share of valid ones: the first ones."""


def evaluate(generator, images, energies):
    """Errors on crystals that were not trained on.

    Parameters
    ----------
    generator : Generator
    images : ndarray, shape (n, 60, 88, 3)
    energies : ndarray, shape (n,)
        Formation energies, eV/atom.

    Returns
    -------
    found : dict of str to float
        What `reconstruction_errors` and `energy_errors` say; `valid`, the share of valid crystals among the first 500
        given back; `kl` and `used`, the divergence in nats and how many latent numbers have more than 0.1 of it.
    predicted : ndarray, shape (n,)
        eV/atom.
    each : ndarray, shape (latent,)
        Mean divergence of each latent number, nats.
    """
    mean, log_variance = generator.encode(images)
    predicted, stable = generator.heads(mean)
    given = generator.decode(mean)
    each = np.asarray(divergences(mean, log_variance)).mean(axis=0)
    valid = np.mean([decode(one, generator.reading).valid for one in given[:DECODED]])
    found = {"count": len(images)} | reconstruction_errors(images, given) | energy_errors(energies, predicted, stable)
    return found | {"valid": float(valid), "kl": float(each.sum()), "used": int((each > ALIVE).sum())}, predicted, each


def reconstruction_errors(images, given):
    """Table 1: errors of images (n, 60, 88, 3) that were given back.

    Of elements, sites and the number of atoms the share that is wrong; of lattice vectors (A), angles (degrees) and
    coordinates of the sites where atoms are, mean absolute and root mean square errors.
    """
    true, back = ({n: layout.array(x)[:, r, layout.DIRECT] for n, r in layout.ROWS.items()} for x in (images, given))
    there = true["sites"].sum(axis=-1) > 0.5
    names = true["elements"].argmax(axis=1) != nearest_elements(back["elements"], back["properties"])
    roles = true["sites"].argmax(axis=-1) != back["sites"].argmax(axis=-1)
    sites = (there != (back["sites"].sum(axis=-1) > 0.5)) | (there & roles)
    counts = [(part["count"].mean(axis=1) > 0.5).sum(axis=-1) for part in (true, back)]
    found = {"elements": names.mean(), "sites": sites.mean(), "number_of_atoms": (counts[0] != counts[1]).mean()}
    for name, mask in (("lattice", None), ("angles", None), ("coordinates", there)):
        error = (back[name] - true[name])[... if mask is None else mask]
        found |= {f"{name}_mae": abs(error).mean(), f"{name}_rmse": np.sqrt((error**2).mean())}
    return {name: float(value) for name, value in found.items()}


def energy_errors(energies, predicted, stable):
    """Section 3.2: errors of formation energies (n,), eV/atom, and of being stable.

    F1 and the area under the ROC curve are those of the probabilities `stable` (n,).
    """
    metrics = extra("sklearn.metrics")
    error, is_stable = predicted - energies, energies <= STABLE
    both = is_stable.any() and not is_stable.all()
    return {
        "energy_mae": float(abs(error).mean()), "energy_rmse": float(np.sqrt((error**2).mean())),
        "energy_r2": float(1 - (error**2).sum() / ((energies - energies.mean()) ** 2).sum()),
        "f1": float(metrics.f1_score(is_stable, stable > 0.5, zero_division=0.0)),
        "roc": float(metrics.roc_auc_score(is_stable, stable)) if both else float("nan"),
    }  # fmt: skip
