"""Rows of trainings as means over folds: tables, and the best of every kind."""

import csv
import io
from dataclasses import dataclass

import numpy as np

from anharmonic.conventions import GPA

MEASURES = ("energy_rmse", "forces_rmse", "stress_rmse")


@dataclass(frozen=True)
class Setting:
    """One set of hyperparameters over all folds.

    Attributes
    ----------
    clusters : str
    order : int or dict
    model : str
    hidden : tuple of int
    n_parameters : int
    training, validation : dict of str to ndarray, shape (n_folds,)
        Errors by measure, NaN without labels; ``loss`` is their sum as the weights count them.
    """

    clusters: str
    order: object
    model: str
    hidden: tuple
    n_parameters: int
    training: dict
    validation: dict

    @property
    def shape(self):
        """Layers as text."""
        return "x".join(map(str, self.hidden)) or "-"


def by_setting(rows, weights):
    """A `Setting` for each set of hyperparameters in the rows, in their order."""
    groups = {}
    for row in rows:
        key = row["clusters"], repr(row["order"]), row["model"], tuple(row["hidden"])
        groups.setdefault(key, []).append(row)
    return [
        Setting(
            clusters, members[0]["order"], model, hidden, members[0]["n_parameters"],
            *(_errors(members, part, weights) for part in ("training", "validation")),
        )
        for (clusters, _, model, hidden), members in groups.items()
    ]  # fmt: skip


def loss_of(errors, weights):
    """The loss of a fit for root mean square errors in the units of reports; kinds without labels count nothing."""
    scales = {
        "energy_rmse": (weights.energy, 1000 * weights.energy_tolerance),
        "forces_rmse": (weights.forces, 1000 * weights.force_tolerance),
        "stress_rmse": (weights.stress, weights.stress_tolerance / GPA),
    }
    return sum(w * (errors[name] / t) ** 2 for name, (w, t) in scales.items() if errors[name] is not None)


def best_of(settings):
    """By model, the setting with the lowest mean validation loss."""
    found = {}
    for setting in settings:
        value = setting.validation["loss"].mean()
        if np.isfinite(value) and (
            setting.model not in found or value < found[setting.model].validation["loss"].mean()
        ):
            found[setting.model] = setting
    return found


def csv_table(settings):
    """All settings with means and standard deviations over folds, as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    columns = [(part, name) for part in ("training", "validation") for name in (*MEASURES, "loss")]
    head = ["clusters", "order", "model", "hidden", "n_parameters", "folds"]
    writer.writerow(head + [f"{part}_{name}_{what}" for part, name in columns for what in ("mean", "std")])
    for s in settings:
        values = [f"{x:.6g}" for part, name in columns for x in mean_and_spread(getattr(s, part)[name])]
        writer.writerow([s.clusters, s.order, s.model, s.shape, s.n_parameters, len(s.validation["loss"]), *values])
    return text.getvalue()


def text_table(settings):
    """The best net and the linear models of every set of clusters and order, as plain text."""
    wide = max([len(s.clusters) for s in settings], default=8)
    lines = [
        f"{'clusters':<{wide}} {'order':>5} {'model':<8} {'hidden':>7} {'parameters':>10} {'E train':>8} {'E val':>12} "
        f"{'F train':>8} {'F val':>12} {'S train':>8} {'S val':>14}",
        f"{'':<{wide}} {'':>5} {'':<8} {'':>7} {'':>10} {'meV/atom':>21} {'meV/A':>21} {'GPa':>23}",
    ]
    for clusters, order in dict.fromkeys((s.clusters, repr(s.order)) for s in settings):
        alike = [s for s in settings if (s.clusters, repr(s.order)) == (clusters, order)]
        lines += [_line(s, wide) for s in best_of(alike).values()]
    return "\n".join(lines)


def winners_table(rows):
    """The best setting of every model, trained on all frames of the folds, on the test frames, as plain text."""
    lines = [f"{'model':<8} {'clusters':<34} {'order':>5} {'hidden':>7} {'parameters':>10} {'E test':>8} {'F test':>8} "
             f"{'S test':>8}"]  # fmt: skip
    for row in rows:
        numbers = [row["validation"][name] for name in MEASURES]
        texts = ["-" if x is None else f"{x:.{d}f}" for x, d in zip(numbers, (2, 1, 3), strict=True)]
        hidden = "x".join(map(str, row["hidden"])) or "-"
        lines.append(
            f"{row['model']:<8} {row['clusters']:<34} {str(row['order']):>5} {hidden:>7} {row['n_parameters']:>10} "
            f"{texts[0]:>8} {texts[1]:>8} {texts[2]:>8}"
        )
    return "\n".join(lines)


def mean_and_spread(values):
    """Mean and standard deviation over folds, without NaN."""
    values = values[np.isfinite(values)]
    return (float(values.mean()), float(values.std())) if len(values) else (np.nan, np.nan)


def _line(setting, wide):
    cells = f"{setting.clusters:<{wide}} {str(setting.order):>5} {setting.model:<8} {setting.shape:>7} "
    cells += f"{setting.n_parameters:>10}"
    for name, digits, width in (("energy_rmse", 2, 12), ("forces_rmse", 1, 12), ("stress_rmse", 3, 14)):
        (train, _), (held_out, spread) = (mean_and_spread(p[name]) for p in (setting.training, setting.validation))
        texts = f"{train:.{digits}f}", f"{held_out:.{digits}f}({spread:.{digits}f})"
        train, held_out = texts if np.isfinite(held_out) else ("-", "-")
        cells += f" {train:>8} {held_out:>{width}}"
    return cells


def _errors(rows, part, weights):
    found = {name: np.array([np.nan if r[part][name] is None else r[part][name] for r in rows]) for name in MEASURES}
    return found | {"loss": np.array([loss_of(row[part], weights) for row in rows])}


def curve_table(rows):
    """Errors on the test frames by labels, model and number of frames, as plain text."""
    lines = [f"{'trained on':<26} {'model':<8} {'frames':>6} {'E test':>14} {'F test':>14} {'S test':>14}",
             f"{'':<42} {'meV/atom':>14} {'meV/A':>14} {'GPa':>14}"]  # fmt: skip
    for labels, model, n in dict.fromkeys((r["labels"], r["model"], r["n_frames"][0]) for r in rows):
        mine = [r["validation"] for r in rows if (r["labels"], r["model"], r["n_frames"][0]) == (labels, model, n)]
        cells = ""
        for name, digits in zip(MEASURES, (2, 1, 3), strict=True):
            mean, spread = mean_and_spread(np.array([np.nan if m[name] is None else m[name] for m in mine]))
            cells += f" {f'{mean:.{digits}f}({spread:.{digits}f})':>14}"
        lines.append(f"{labels:<26} {model:<8} {n:>6}{cells}")
    return "\n".join(lines)
