"""What ``anharmonic learn`` shows: bars with rate and time left, a line for each round, the table, the figure."""

from anharmonic.cli.terminal import counting, say, table

COLUMNS = "round", "frames", "energy (meV/atom)", "forces (meV/Å)", "outside (%)", "highest grade", "labelled"


def tracker(quiet):
    """``track(items, text, total)`` with a progress bar."""

    def track(items, text, total):
        with counting(text, quiet) as tell:
            tell(0, total)
            for done, item in enumerate(items, 1):
                tell(done, total)
                yield item

    return track


class Report:
    """Tells each round as it ends.

    Parameters
    ----------
    plan : LearnPlan
    folder : Path
        For learning.png.
    quiet : bool
    """

    def __init__(self, plan, folder, quiet):
        self.plan, self.folder, self.quiet, self.history = plan, folder, quiet, []

    def __call__(self, history):
        from anharmonic.interfaces.learning_figures import draw_learning

        self.history = history
        draw_learning(history, self.plan.above, self.folder / "learning.png")
        if not self.quiet:
            say(", ".join(f"{name} {value}" for name, value in zip(COLUMNS, _row(history[-1]), strict=True)))

    def table(self):
        """All rounds."""
        return table("Rounds", COLUMNS, [_row(row) for row in self.history])


def _row(row):
    errors = row["errors"].get("test") or row["errors"].get("validation") or row["errors"]["training"]
    energy, forces = (None if errors[k] is None else f"{errors[k]:.3g}" for k in ("energy_rmse", "forces_rmse"))
    outside, highest = f"{100 * row['share']:.1f}", f"{row['highest']:.2f}"
    return row["round"], row["n_frames"], energy, forces, outside, highest, row["n_labelled"]
