"""Tables of runs: a line for each temperature, a line for each transition."""

from anharmonic.cli.terminal import table, with_error


def points_table(title, points, with_direction=True):
    """Phases, lattice parameters (A), tilts (degrees) and health of the run, by temperature."""
    has_tilts = any(p.get("tilt_in_phase") for p in points)
    dynamics = any("drift_meV_per_atom_per_ps" in p for p in points)
    columns = ["T\nK", *(["<direction"] if with_direction else []), "<phase", "<tilts", "a\nÅ", "b\nÅ", "c\nÅ"]
    columns += ["in-phase\ntilts (°)", "anti-phase\ntilts (°)"] if has_tilts else []
    columns += ["kinetic T\nK"] if dynamics and not with_direction else []
    graded = any(p.get("extrapolation") for p in points)
    columns += ["outside\ndata (%)"] if graded else []
    columns += ["energy\nmeV/cell", "drift\nmeV/atom/ps" if dynamics else "acceptance"]
    rows = [
        [
            f"{p['temperature_K']:g}",
            *([p["direction"]] if with_direction else []),
            p["phase"] + (" ?" if p["doubtful"] else ""),
            p["glazer"],
            *(with_error(p[k], p["errors"][k]) for k in "abc"),
            *([_angles(p, "tilt_in_phase"), _angles(p, "tilt_anti_phase")] if has_tilts else []),
            *([f"{p['kinetic_temperature_K']:.1f}"] if dynamics and not with_direction else []),
            *([f"{100 * p.get('samples_outside', 0):.0f}"] if graded else []),
            with_error(1000 * p["energy"], 1000 * p["errors"]["energy"], 2),
            f"{p['drift_meV_per_atom_per_ps']:.1e}" if dynamics else f"{p['acceptance']:.2f}",
        ]
        for p in points
    ]
    return table(title, columns, rows)


def transitions_table(transitions):
    """Transition temperatures."""
    from anharmonic.analysis.transitions import in_kelvin

    if not transitions:
        return "no phase transition between these temperatures"
    rows = [
        [
            t["from"],
            t["to"],
            in_kelvin(t),
            t["direction"],
            "not resolved: a finer step or longer run may move it" if t["unresolved"] else "",
        ]
        for t in transitions
    ]
    return table("transitions", ["<from", "<to", "T (K)", "<direction", "<note"], rows)


def _angles(point, name):
    """Three angles; those that the supercell does not hold are dashes."""
    if not point.get(name):
        return None
    return " ".join("-" if value is None else f"{abs(value):.1f}" for value in point[name])
