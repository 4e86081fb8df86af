"""What the rates say: ratios to the peers, speed-up by cores, and how flat the cost is over sizes. Tables by size."""

from workload import ATOM_STEPS

FORCES, MONTE_CARLO = "paper-forces", "mc"


def comparisons(results, ours, peers):
    """Tables by title: numbers by row and by size, for what was measured.

    Rates of different rows are compared on the fewest cores, per CPU second, which other programs on the
    machine disturb less, or per second of wall time where an accelerator did the work.

    Parameters
    ----------
    results : sequence of dict
        As from `report.summarise`.
    ours, peers : sequence of str
        Names of rows.
    """
    measured = [r for r in results if "per_wall_s" in r and r["unit"] == ATOM_STEPS]
    cores = sorted({r["cores"] for r in measured})
    if not measured:
        return {}
    kind = comparable(measured, ours)
    few, name = _rates(measured, cores[0], kind), f"per {'CPU' if kind == 'per_cpu_s' else 'wall'} second"
    tables = {
        f"{row}: times as many atom steps {name} as": {p: _ratios(few[row], few[p]) for p in peers if p in few}
        for row in ours if row in few
    }  # fmt: skip
    if {FORCES, MONTE_CARLO} <= set(few):
        tables[f"cost of a Monte Carlo pass over that of a force evaluation, {name}"] = {
            f"{MONTE_CARLO} / {FORCES}": _ratios(few[FORCES], few[MONTE_CARLO])
        }
    tables |= _by_cores(measured, cores)
    tables = {title: {row: found for row, found in rows.items() if found} for title, rows in tables.items()}
    return {title: rows for title, rows in tables.items() if rows}


def comparable(measured, ours):
    """The rate by which rows are compared: ``per_cpu_s``, or ``per_wall_s`` where `ours` ran on an accelerator."""
    return "per_cpu_s" if {r["device"] for r in measured if r["row"] in ours} <= {"cpu"} else "per_wall_s"


def as_text(tables):
    """The tables for people."""
    return "\n".join(_one_table(title, rows) for title, rows in tables.items())


def _by_cores(measured, cores):
    """Speed-up over the fewest cores, and cost over that of the cheapest size, both in wall time."""
    walls, tables = {n: _rates(measured, n, "per_wall_s") for n in cores}, {}
    for n in cores[1:]:
        tables[f"speed-up on {n} cores over {cores[0]}, wall time"] = {
            row: _ratios(rates, walls[cores[0]].get(row, {})) for row, rates in walls[n].items()
        }
    for n in cores:
        tables[f"flatness: cost of an atom step over that at the cheapest size, wall time, cores: {n}"] = {
            row: {size: max(rates.values()) / rate for size, rate in rates.items()}
            for row, rates in walls[n].items() if len(rates) > 1
        }  # fmt: skip
    return tables


def _rates(measured, cores, kind):
    """Rates by row and size."""
    rates = {}
    for r in measured:
        if r["cores"] == cores:
            rates.setdefault(r["row"], {})[r["size"]] = r[kind]
    return rates


def _ratios(rates, others):
    """Quotients at the sizes that both have."""
    return {size: rate / others[size] for size, rate in rates.items() if size in others}


def _one_table(title, rows):
    sizes = sorted({size for found in rows.values() for size in found})
    lines = [f"\n{title}", f"{'':<22}" + "".join(f"{f'{size}^3':>9}" for size in sizes)]
    for row, found in rows.items():
        cells = (f"{found[size]:.3g}" if size in found else "-" for size in sizes)
        lines.append(f"{row:<22}" + "".join(f"{cell:>9}" for cell in cells))
    return "\n".join(lines)
