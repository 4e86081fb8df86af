"""The models that predict a property from a library, by name; their file."""

from dataclasses import dataclass

import numpy as np

from anharmonic.errors import AnharmonicError, FileFormatError
from anharmonic.files import replacing
from anharmonic.screening.extras import extra
from anharmonic.screening.metric import Metric
from anharmonic.screening.models.kernel import EmdKernelRidge
from anharmonic.screening.models.nearest import NearestNeighbours
from anharmonic.screening.models.trees import Boosting

LARGEST = 600.0
"""GPa. Diamond, the stiffest crystal, has a bulk modulus of 443 and a shear modulus of 535 GPa."""


@dataclass
class Combined:
    """The mean of kernel ridge regression and boosting, whose errors have little in common."""

    models: tuple

    def fit(self, library, values):
        """Fit both to values (n,) of the entries of a library."""
        for model in self.models:
            model.fit(library, values)
        return self

    def predict(self, library):
        """Values (n,) for the entries of a library."""
        return np.mean([model.predict(library) for model in self.models], axis=0)


def make_model(name, metric=None, k=1, seed=0):
    """A model by name.

    Parameters
    ----------
    name : str
        nearest, kernel, boosting or combined.
    metric : Metric, optional
    k : int
        Neighbours of "nearest".
    seed : int

    Raises
    ------
    AnharmonicError
        If there is no such model.
    """
    metric = metric or Metric()
    makers = {
        "nearest": lambda: NearestNeighbours(metric, k),
        "kernel": lambda: EmdKernelRidge(metric, seed),
        "boosting": lambda: Boosting(seed=seed),
        "combined": lambda: Combined((EmdKernelRidge(metric, seed), Boosting(seed=seed))),
    }
    if name not in makers:
        raise AnharmonicError(f"models are {', '.join(makers)}; found {name!r}")
    return makers[name]()


def usable(values, largest=LARGEST):
    """Mask (n,) of the moduli to learn from: known, above 0, and at most `largest` (GPa)."""
    with np.errstate(invalid="ignore"):
        return (values > 0) & (values <= largest)


TYPES = [
    *(f"anharmonic.screening.{name}" for name in (
        "metric.Metric", "composition.Composition", "models.property.Combined", "models.kernel.EmdKernelRidge",
        "models.nearest.NearestNeighbours", "models.trees.Boosting",
    )),
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.metrics._regression.mean_absolute_error",
    "sklearn.metrics._scorer._Scorer",
    "sklearn.model_selection._split.KFold",
]  # fmt: skip
"""What a file of models may hold besides arrays and what skops trusts by itself."""


def save_models(path, models, origin):
    """Write fitted models, by property, without pickle (skops).

    Parameters
    ----------
    path : path-like
    models : dict of str to model
    origin : dict of str to plain values
        What they were fitted to and with; `load_models` compares it.
    """
    with replacing(path) as part:
        extra("skops.io").dump({"origin": origin, "models": models}, part)


def load_models(path, origin):
    """Models by property, as `save_models` wrote them.

    Raises
    ------
    FileFormatError
        If the file is damaged, holds types that models do not have, or models of another origin.
    """
    skops = extra("skops.io")
    try:
        unknown = set(skops.get_untrusted_types(file=path)) - set(TYPES)
        if unknown:
            raise FileFormatError(f"{path} holds {', '.join(sorted(unknown))}, which are no models; it is not read")
        found = skops.load(path, trusted=TYPES)
        stored, models = found["origin"], found["models"]
    except FileNotFoundError:
        raise
    except FileFormatError:
        raise
    except Exception as error:  # a file may be damaged in any way
        raise FileFormatError(f"{path} is no file of models, or is damaged: {error}") from None
    other = [f"{k} {stored.get(k)!r} there, {origin[k]!r} here" for k in origin if stored.get(k) != origin[k]]
    if other:
        raise FileFormatError(f"the models in {path} are of another origin: {'; '.join(other)}. Choose a new file")
    return models
