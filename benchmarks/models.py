"""The potentials that the engine's rows run: models of CsPbBr3, made once and kept in ``.cache``.

Few steps of training, frames of one cell only, and at fourth order a random net around a fit of second order: speed
does not depend on the weights, but what runs must be a crystal at 300 K.
"""

import hashlib
import json
from pathlib import Path

CACHE = Path(__file__).parent / ".cache"
TRAINING = {"steps": 20}
PAPER = {"pairs": 8, "triplets": ["Pb-Br-Pb"], "polyhedra": ["octahedron"], "order": 2, "metric": "quadratic"}
MODELS = {
    "paper": (PAPER, "cluster"),
    "site": (PAPER, "site"),
    "order4": (PAPER | {"order": {"pair": 4, "triplet": 4, "polyhedron": 4}}, "cluster"),
}
"""Basis and kind of net, with one hidden layer of 8, by name."""


def path_of(name):
    """File of a model; other definitions have other names."""
    recipe = json.dumps([*MODELS[name], TRAINING], sort_keys=True)
    return CACHE / f"{name}-{hashlib.sha256(recipe.encode()).hexdigest()[:8]}.h5"


def load(name):
    """A potential by name: one of `MODELS`, which must have been prepared, or a shipped one."""
    import anharmonic as ah

    return ah.load(path_of(name) if name in MODELS else name)


def prepared(name):
    """Whether nothing is left to fit."""
    return name not in MODELS or path_of(name).exists()


def prepare(name):
    """Make a model from the 20-atom frames that the shipped potential was fitted to, and keep it."""
    import anharmonic as ah
    from anharmonic.potential.library import library_folder

    basis, kind = MODELS[name]
    crystal = ah.load("CsPbBr3").crystal
    dataset = ah.Dataset.read(library_folder() / "CsPbBr3" / "labels.extxyz", crystal)
    dataset = dataset.subset([k for k, frame in enumerate(dataset) if frame.group == "c20"])
    settings = {"hidden": (8,), "schedule": ah.Schedule(**TRAINING), "ridge": 1.0}
    if basis["order"] == 2:
        potential = ah.fit(ah.ClusterBasis(crystal, **basis), dataset, model=kind, **settings).potential
    else:
        fitted = ah.fit(ah.ClusterBasis(crystal, **PAPER), dataset, model="polynomial", **settings).potential
        potential = extended(fitted, ah.ClusterBasis(crystal, **basis))
    CACHE.mkdir(exist_ok=True)
    potential.save(path_of(name))


def extended(fitted, basis):
    """A cluster net over `basis` with the expansion, walls and ranges of a polynomial `fitted` to its lowest orders."""
    import jax
    import numpy as np

    from anharmonic.potential import Potential
    from anharmonic.potential.models import ClusterModel, WalledTerm

    terms = []
    for k, (term, invariants) in enumerate(zip(fitted.model.terms, basis.invariants, strict=True)):
        walled = isinstance(term, WalledTerm)
        net = _net_around(term.term if walled else term, invariants.degrees, jax.random.key(k))
        terms.append(WalledTerm(net, term.wall) if walled else net)
    ranges = tuple(
        np.pad(known, ((0, len(invariants.degrees) - len(known)), (0, 0)), constant_values=np.nan)
        for known, invariants in zip(fitted.ranges, basis.invariants, strict=True)
    )
    return Potential(basis, ClusterModel(tuple(terms)), ranges, {"name": "benchmark of fourth order"})


def _net_around(expansion, degrees, key):
    """A random net, small enough to leave an expansion over the first of its invariants stable."""
    import equinox as eqx
    import numpy as np

    from anharmonic.potential.models import Network

    known = len(expansion.scales)
    size = np.mean(expansion.scales ** (1 / degrees[:known]))
    scales = np.append(expansion.scales, size ** degrees[known:])
    net = Network.init(scales, (8,), key)
    weights = np.append(expansion.weights, np.zeros(len(scales) - known))
    return eqx.tree_at(lambda n: (n.linear.weights, n.weights[-1]), net, (weights, 0.1 * net.weights[-1]))
