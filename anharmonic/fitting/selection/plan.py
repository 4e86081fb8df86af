"""The file select.toml: what is compared, on which data, checked before anything is computed."""

from dataclasses import asdict, dataclass, replace
from itertools import product
from pathlib import Path

from anharmonic.clusters import ClusterBasis
from anharmonic.errors import AnharmonicError
from anharmonic.fitting.config import FitConfig
from anharmonic.fitting.prediction import Weights
from anharmonic.fitting.sections import KEYS, LIST, NUMBER, TABLE, TEXT, check_keys, fit_record, read_sections
from anharmonic.fitting.selection.design import ARCHITECTURES
from anharmonic.fitting.selection.folds import FRAME

BASELINES = ("ridge", "lasso", "ard")
SELECTION = {
    "clusters": TABLE, "orders": LIST, "metric": TEXT, "reduce": (bool,), "architectures": LIST, "hidden": LIST,
    "baselines": LIST, "folds": (int,), "fold_by": TEXT, "test": NUMBER, "seed": (int,), "weights": TABLE,
    "iterations": (int,),
}  # fmt: skip
CURVE = {"frames": LIST, "repeats": (int,), "clusters": TEXT, "order": (int, dict), "hidden": LIST}
SECTIONS = {"crystal": KEYS["crystal"], "data": KEYS["data"], "selection": SELECTION, "learning_curve": CURVE}
PAPER_SHAPES = tuple((n,) * layers for layers in (1, 2) for n in range(2, 21, 2))
"""One or two hidden layers of 2, 4, ... 20 nodes: twenty shapes, as the count of 400 hyperparameter sets says."""


@dataclass(frozen=True)
class LearningCurve:
    """Errors against the number of frames, with and without forces and stresses.

    Attributes
    ----------
    frames : tuple of int
        Frames to train on.
    repeats : int
        Random choices of them.
    clusters : str
        Name of a cluster set.
    order : int or dict
    hidden : tuple of int
        Layers of the cluster net beside the linear model.
    """

    frames: tuple
    repeats: int = 5
    clusters: str = ""
    order: int | dict = 2
    hidden: tuple = (8,)


@dataclass(frozen=True)
class SelectionPlan:
    """A checked select.toml.

    Attributes
    ----------
    source : FitConfig
        The crystal and the data.
    clusters : dict of str to dict
        Options of `ClusterBasis` for each named set of clusters.
    orders : tuple of int or dict
    metric : str
    reduce : bool
    architectures : tuple of str
    hidden : tuple of tuple of int
        Widths of the hidden layers of each shape.
    baselines : tuple of str
        Linear models beside the nets.
    folds : int
    fold_by : str
    test : float
        Share that no fold sees.
    seed : int
    weights : Weights
    iterations : int
        Quasi-Newton steps of every net.
    learning_curve : LearningCurve or None
    """

    source: FitConfig
    clusters: dict
    orders: tuple = (2, 4)
    metric: str = "quadratic"
    reduce: bool = False
    architectures: tuple = ARCHITECTURES
    hidden: tuple = PAPER_SHAPES
    baselines: tuple = ("ridge",)
    folds: int = 10
    fold_by: str = FRAME
    test: float = 0.2
    seed: int = 0
    weights: Weights = Weights()
    iterations: int = 100
    learning_curve: LearningCurve | None = None

    @classmethod
    def read(cls, path):
        """Read and check a file; paths in it are relative to it.

        Raises
        ------
        AnharmonicError
            If the file cannot be read, or a section, key or value is not known or missing.
        """
        path = Path(path)
        content, sources = read_sections(path, SECTIONS, ("crystal", "data", "selection"))
        values = {key: _value(path, key, value) for key, value in content["selection"].items()}
        if not values.get("clusters"):
            raise AnharmonicError(f"{path}: [selection.clusters] names at least one set of clusters")
        plan = cls(FitConfig(path, content["crystal"], {}, {}, sources, 0.0), **values)
        plan._check(path)
        return plan._with_curve(path, content.get("learning_curve"))

    @property
    def sets(self):
        """All ``(name of the clusters, order)``."""
        return list(product(self.clusters, self.orders))

    @property
    def all_orders(self):
        """Orders of the sets and of the learning curve."""
        return self.orders + ((self.learning_curve.order,) if self.learning_curve else ())

    @property
    def n_trainings(self):
        """Nets to train, over all folds."""
        return len(self.sets) * len(self.architectures) * len(self.hidden) * self.folds

    def basis(self, crystal, name, order):
        """`ClusterBasis` of a named set of clusters."""
        return ClusterBasis(crystal, **self.clusters[name], order=order, metric=self.metric, reduce=self.reduce)

    def options(self):
        """Everything that decides the results, JSON-like; not what only says how much of it is done."""
        names = ("clusters", "orders", "metric", "reduce", "architectures", "hidden", "baselines", "folds", "fold_by",
                 "test", "seed")  # fmt: skip
        return {name: getattr(self, name) for name in names} | {
            "weights": asdict(self.weights), "iterations": self.iterations
        }  # fmt: skip

    def _check(self, path):
        def refuse(what, found):
            raise AnharmonicError(f"{path}: {what}, found {found!r}")

        for name, options in self.clusters.items():
            if not isinstance(options, dict):
                refuse(f"clusters {name!r} of [selection.clusters] is a table of options", options)
            known = [key for key in KEYS["basis"] if key not in ("order", "metric", "reduce")]
            check_keys(options, known, path, f"keys of clusters {name!r}")
        for name, known in (("architectures", ARCHITECTURES), ("baselines", BASELINES)):
            wrong = [value for value in getattr(self, name) if value not in known]
            if wrong:
                refuse(f"{name} of [selection] are of {', '.join(known)}", wrong[0])
        for shape in self.hidden:
            if not shape or not all(isinstance(n, int) and not isinstance(n, bool) and n > 0 for n in shape):
                refuse("hidden of [selection] is a list of lists of widths from 1 on", list(shape))
        if not self.orders:
            refuse("orders of [selection] names at least one order", [])
        if self.iterations < 1:
            refuse("iterations of [selection] is 1 or more", self.iterations)
        if self.folds < 2:
            refuse("folds of [selection] is 2 or more", self.folds)
        if not 0 <= self.test < 1:
            refuse("test of [selection] is a share from 0 to below 1", self.test)

    def _with_curve(self, path, table):
        """The plan with its checked learning curve."""
        if table is None:
            return self
        values = {key: tuple(v) if isinstance(v, list) else v for key, v in table.items()}
        curve = LearningCurve(**{"frames": (), "clusters": next(iter(self.clusters))} | values)
        if curve.clusters not in self.clusters:
            known = ", ".join(self.clusters)
            raise AnharmonicError(f"{path}: clusters of [learning_curve] is one of {known}, found {curve.clusters!r}")
        if not curve.frames or not all(isinstance(n, int) and n > 1 for n in curve.frames) or curve.repeats < 1:
            raise AnharmonicError(
                f"{path}: [learning_curve] takes frames, a list of numbers from 2 on, and repeats from 1 on; "
                f"found {list(curve.frames)}, {curve.repeats}"
            )
        return replace(self, learning_curve=curve)


def _value(path, key, value):
    """Lists as tuples, weights as a record."""
    if key == "hidden":
        if not all(isinstance(shape, list) for shape in value):
            raise AnharmonicError(f"{path}: hidden of [selection] is a list of lists of widths, found {value!r}")
        return tuple(map(tuple, value))
    value = fit_record(path, key, value, "selection")
    return tuple(value) if isinstance(value, list) else value
