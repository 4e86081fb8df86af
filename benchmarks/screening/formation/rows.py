"""Rows of a benchmark that are kept as they are finished, and tables of them."""

import json
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from anharmonic.files import replacing
from anharmonic.screening.networks.trained import LinearBoost


@dataclass
class Rows:
    """Results by row and seed in a JSON file; a row that is there is not run again.

    Attributes
    ----------
    path : path-like
    """

    path: str
    found: dict = field(default_factory=dict)

    def __post_init__(self):
        self.path = Path(self.path)
        if self.path.exists():
            self.found = json.loads(self.path.read_text(encoding="utf-8"))

    def run(self, row, seed, make):
        """The result of a row, made if it is not there."""
        own = self.found.setdefault(row, {})
        if str(seed) not in own:
            begin, cpu = time.perf_counter(), time.process_time()
            own[str(seed)] = make() | {
                "wall_s": round(time.perf_counter() - begin, 1), "cpu_s": round(time.process_time() - cpu, 1),
            }  # fmt: skip
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(self.path) as part:
                part.write_text(json.dumps(self.found, indent=1) + "\n", encoding="utf-8")
            print(f"{row}, seed {seed}: {own[str(seed)]}", flush=True)
        return own[str(seed)]

    def table(self, columns):
        """Markdown of the mean over the seeds, with the standard deviation of the first column.

        Parameters
        ----------
        columns : dict of str to (str, str)
            Title and format by key.
        """
        lines = [["row", "seeds", *(title for title, _ in columns.values())], ["---"] * (len(columns) + 2)]
        for row, by_seed in self.found.items():
            cells = [row, str(len(by_seed))]
            for k, (key, (_, form)) in enumerate(columns.items()):
                values = [one[key] for one in by_seed.values() if one.get(key) is not None]
                text = format(np.mean(values), form) if values else ""
                cells.append(f"{text} +- {np.std(values, ddof=1):{form}}" if k == 0 and len(values) > 1 else text)
            lines.append(cells)
        return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def errors(true, predicted, trained, fitted):
    """Errors (eV/atom) of predictions of the test, and of the training; with the linear boost of the latter."""
    true, predicted, trained, fitted = (np.ravel(x) for x in (true, predicted, trained, fitted))
    error = abs(predicted - true)
    boosted = LinearBoost.fit(fitted, trained)(predicted)
    return {
        "mae": float(error.mean()), "median": float(np.median(error)),
        "r2": float(1 - (error**2).sum() / ((true - true.mean()) ** 2).sum()),
        "outliers": int((error > 0.5).sum()), "train": float(abs(fitted - trained).mean()),
        "boosted": float(abs(boosted - true).mean()),
    }  # fmt: skip
