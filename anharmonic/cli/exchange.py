"""``anharmonic exchange``: replica exchange over temperatures or pressures."""

from pathlib import Path
from typing import Annotated

import typer

from anharmonic.cli import options as opt
from anharmonic.cli.sweep import Method
from anharmonic.errors import AnharmonicError

Temperatures = Annotated[
    str,
    typer.Option(
        "--temperatures", metavar="RANGE", rich_help_panel=opt.SYSTEM,
        help="Of the replicas: 180:480 with --replicas (in equal ratios), start:stop:step in K, or a list.",
    ),
]  # fmt: skip
Replicas = Annotated[
    int | None,
    typer.Option("--replicas", metavar="N", rich_help_panel=opt.SYSTEM, help="How many, for --temperatures LOW:HIGH."),
]
Pressure = Annotated[
    str | None,
    typer.Option(
        "--pressure", metavar="GPA", rich_help_panel=opt.ENSEMBLE, show_default="0",
        help="Pressure (GPa), or a list with one for each replica; one --temperatures T is then enough.",
    ),
]  # fmt: skip
SwapEvery = Annotated[
    int | None,
    typer.Option(
        "--swap-every", metavar="STEPS", rich_help_panel=opt.SAMPLING, show_default="10 (md), 1 (mc)",
        help="MD steps or MC passes between attempts to swap.",
    ),
]  # fmt: skip
Batch = Annotated[
    int | None,
    typer.Option(
        "--batch", metavar="N", rich_help_panel=opt.SAMPLING, show_default="1 on CPUs, all on GPUs",
        help="Replicas computed together, a divisor of their number: one after another is faster on CPUs.",
    ),
]  # fmt: skip
Out = Annotated[Path, opt.out_option("run.h5, summary.json, exchange.png and .pdf")]


def exchange(
    potential: opt.PotentialName,
    temperatures: Temperatures,
    replicas: Replicas = None,
    supercell: opt.SupercellShape = None,
    matrix: opt.SupercellMatrix = None,
    method: Method = "md",
    swap_every: SwapEvery = None,
    batch: Batch = None,
    equilibration: opt.Equilibration = None,
    production: opt.Production = None,
    timestep: opt.Timestep = None,
    thermostat: opt.Thermostat = None,
    friction: opt.Friction = None,
    barostat: opt.Barostat = None,
    pressure: Pressure = None,
    stress: opt.Stress = None,
    cell: opt.Cell = None,
    max_extrapolation: opt.MaxExtrapolation = None,
    seed: opt.Seed = 0,
    precision: opt.Precision = "float32",
    observe: opt.Observe = None,
    out: Out = Path("exchange"),
    quiet: opt.Quiet = False,
):
    """Sample a crystal at several temperatures at once; neighbours swap their configurations.

    What is slow when cold, such as turning a domain, happens where it is hot. Take temperatures whose swaps are
    accepted in 20 to 50 % of the attempts: their ratio may be about 1 + 1.5 / sqrt(number of atoms). A first run tells
    the temperatures of equal acceptance and the best number of replicas.

    [cyan]anharmonic exchange CsPbBr3 --supercell 4 4 4 --temperatures 180:480 --replicas 16 --out exchange[/cyan]

    [cyan]anharmonic exchange CsPbBr3 --supercell 4 4 4 --temperatures 300 --pressure 0,0.2,0.4,0.6[/cyan]

    Axes and signs of tilts change as the walkers come and go: the lengths of the tilt vectors, in-phase and
    anti-phase, do not depend on them. A run that was stopped goes on with the same command.
    """
    from anharmonic.cli.compiler import prepare_compiler
    from anharmonic.cli.reports import points_table, transitions_table
    from anharmonic.cli.running import sampling
    from anharmonic.cli.terminal import show
    from anharmonic.sweep.exchange import exchange as run_exchange

    cells = opt.supercell_of(supercell, matrix)
    if method == "mc":
        baths = {"--friction": friction, "--thermostat": thermostat, "--barostat": barostat}
        opt.refuse({"--timestep": timestep} | baths, "--method mc: they are for molecular dynamics")
    if stress is not None:
        opt.refuse({"--pressure": pressure}, "--stress, which includes the pressure")
    wanted, load = _replicas(temperatures, replicas, pressure)
    folder = opt.output_folder(out)
    prepare_compiler(cells)
    with sampling(folder, quiet) as control:
        result = run_exchange(
            potential, cells, wanted, file=folder / "run.h5", max_extrapolation=max_extrapolation, **control, **load,
            method=method, swap_stride=swap_every, batch=batch, equilibration=equilibration, production=production,
            observe=tuple(opt.names_of(observe)), seed=seed, dtype=precision,
            **opt.given(
                timestep=timestep, friction=friction, thermostat=thermostat, barostat=barostat, stress_GPa=stress,
                cell=cell,
            ),
        )  # fmt: skip
    result.save(folder)
    result.plot(folder)
    summary = result.summary
    title = f"{summary['potential']}, {summary['n_atoms']} atoms, {method}, {len(wanted)} replicas"
    show(
        points_table(title, summary["points"], with_direction=False),
        _swaps_table(summary),
        _verdict(summary["exchange"]),
        *([transitions_table(summary["transitions"])] if len(set(wanted)) > 1 else []),
        *(f"warning: {text}" for text in summary["warnings"]),
        f"wrote run.h5, summary.json, exchange.png and .pdf to {folder}",
    )


def _replicas(temperatures, count, pressure):
    """Temperatures (K) of the replicas, and the options of their pressures."""
    import numpy as np

    ends = temperatures.split(":")
    if len(ends) == 2 and "," not in temperatures:
        if count is None or count < 2:
            raise AnharmonicError(f"--temperatures {temperatures} needs --replicas N from 2 on")
        low, high = opt.temperatures_of(",".join(ends))
        if not low < high:
            raise AnharmonicError(f"--temperatures LOW:HIGH rises, found {temperatures}")
        found = [round(float(t), 2) for t in np.geomspace(low, high, count)]
    else:
        found = opt.temperatures_of(temperatures)
    pressures = [_number(p) for p in pressure.split(",")] if pressure else [0.0]
    if len(found) == 1 and len(pressures) > 1:
        found = found * len(pressures)
    if count is not None and count != len(found):
        raise AnharmonicError(f"--replicas {count} contradicts --temperatures {temperatures}: they are {len(found)}")
    return found, {"pressure_GPa": pressures[0]} if len(pressures) == 1 else {"pressures_GPa": tuple(pressures)}


def _number(text):
    try:
        return float(text)
    except ValueError:
        raise AnharmonicError(f"--pressure takes numbers parted by commas (GPa), found {text.strip()!r}") from None


def _swaps_table(summary):
    """A line for each pair of neighbours."""
    from anharmonic.cli.terminal import table

    points, exchange = summary["points"], summary["exchange"]
    expected = exchange.get("expected_acceptance") or [None] * (len(points) - 1)
    names = [f"{p['temperature_K']:g} K" for p in points]
    if len(set(names)) == 1:
        names = [f"{p['pressure_GPa']:g} GPa" for p in points]
    rows = [
        [f"{names[k]} - {names[k + 1]}", *(None if x is None else f"{100 * x:.1f}" for x in (share, error, wanted))]
        for k, (share, error, wanted) in enumerate(
            zip(exchange["acceptance"], exchange["acceptance_error"], expected, strict=True)
        )
    ]
    return table("swaps", ["<between", "accepted (%)", "error (%)", "expected (%)"], rows)


def _verdict(exchange):
    """Round trips, and what to take next time."""
    trips = f"{exchange['round_trips']} round trips"
    if exchange["round_trip_steps"]:
        trips += f", {exchange['round_trip_steps']:.3g} steps each"
    if exchange["ideal_round_trip_steps"]:
        trips += f" (without memory {exchange['ideal_round_trip_steps']:.3g})"
    even = exchange.get("temperatures_of_equal_acceptance_K")
    if even:
        trips += f"; temperatures of equal acceptance: {','.join(f'{t:.1f}' for t in even)} K"
    return f"{trips}; best number of replicas about {exchange['best_number_of_replicas']}"
