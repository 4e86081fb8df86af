"""Tables and doubts of the report of a run."""

from anharmonic.interfaces import html
from anharmonic.interfaces.numbers import with_error
from anharmonic.sweep.doubts import DOUBTED
from anharmonic.sweep.result import RENAMED

AXES = (("xx", 0), ("yy", 1), ("zz", 2))


def doubt_sentences(found):
    """Everything that a reader should doubt: of the run, of its averages, of its structures; each sentence once."""
    where = {}
    for kind in ("points", "structures"):
        for p in found.record[kind]:
            for text in p["doubts"]:
                where.setdefault(text, []).append(_name(p))
    everything = [*found.summary.get("points", ()), *found.record["points"]]
    unsettled = {_name(p) for p in everything if p.get("doubtful")}
    named = dict.fromkeys(_name(p) for p in found.record["points"])
    where |= {DOUBTED: [name for name in named if name in unsettled]} if unsettled else {}
    yield from (text for text in found.summary.get("warnings", ()) if not text.startswith(RENAMED))
    yield from found.record["warnings"]
    yield from _other_names(found)
    yield from (f"{', '.join(names)}: {text}" for text, names in where.items())


def _other_names(found):
    """Where turning samples into one domain names another phase than the averages over all domains do."""
    named = {_name(p): _kind(p) for p in found.summary.get("points", ())}
    other = [_name(p) for p in found.record["points"] if named.get(_name(p), _kind(p)) != _kind(p)]
    if named and other:
        yield f"{', '.join(other)}: the tilts turned; the averages of the whole run alone would name another phase"


def points_html(summary):
    """Phases, lattice parameters and tilts, as the run itself reports them."""
    if "points" not in summary:
        return ""
    points = summary["points"]
    has_tilts = any(p.get("tilt_in_phase") for p in points)
    columns = ["T (K)", "<direction", "<phase", "<tilts", "a (Å)", "b (Å)", "c (Å)"]
    columns += ["<in-phase (°)", "<anti-phase (°)"] if has_tilts else []
    rows = [
        [
            *_head(p),
            p["phase"] + (" ?" if p["doubtful"] else ""),
            p["glazer"],
            *(with_error(p[k], p["errors"][k]) for k in "abc"),
            *([_angles(p, "tilt_in_phase"), _angles(p, "tilt_anti_phase")] if has_tilts else []),
            with_error(1000 * p["energy"], 1000 * p["errors"]["energy"], 2),
        ]
        for p in points
    ]
    caption = "Phases by the averages of the whole run (axes as they were; a question mark: a longer run may change it)"
    return html.table(caption, [*columns, "energy\nmeV/cell"], rows)


def responses_html(record):
    """Heat capacity and expansion; the same by slopes; elastic constants; layers."""
    alpha = "thermal_expansion_1e-6_per_K", "thermal_expansion_error_1e-6_per_K"
    rows = [
        [
            *_head(p),
            p["phase"],
            _value(p, "volume_A3_per_cell", "volume_error_A3_per_cell"),
            _value(p, "heat_capacity_kB_per_atom", "heat_capacity_error_kB_per_atom"),
            _value(p, "heat_capacity_J_per_mol_K", "heat_capacity_error_J_per_mol_K"),
            *(_value(p, *alpha, k) for _, k in AXES),
            _value(p, "volume_expansion_1e-6_per_K", "volume_expansion_error_1e-6_per_K"),
            f"{p['n_independent']:.0f}",
        ]
        for p in record["points"]
    ]
    columns = ["T (K)", "<direction", "<phase", "volume\nÅ³/cell", "C\nk_B/atom", "C\nJ/(mol K)"]
    columns += [f"α {name}\n10⁻⁶/K" for name, _ in AXES] + ["volume\n10⁻⁶/K", "independent\nsamples"]
    parts = [html.table("From fluctuations, within one domain, at constant stress (per mole of cells)", columns, rows)]
    return "".join([*parts, _intervals(record), _elastic(record), _layers(record)])


def structures_html(record):
    """Average structures with tolerances; atoms with displacement parameters."""
    known = [s for s in record["structures"] if "space_group" in s]
    if not known:
        return ""
    groups = [
        [*_head(s), f"{s['space_group']} ({s['number']})", f"{s['tolerance_A']:.3f}",
         f"{s['same_group_from_A']:.3f} – {s['same_group_to_A']:.3f}", f"{s['position_error_A']:.4f}"]
        for s in known
    ]  # fmt: skip
    atoms = [
        [*_head(s), a["species"], f"{a['multiplicity']} {a['wyckoff']}", *(f"{x:.4f}" for x in a["fractional"]),
         with_error(a["U_iso_A2"], a["U_iso_error_A2"]), *(f"{x:.4f}" for x in a["principal_U_A2"])]
        for s in known
        for a in s["atoms"]
    ]  # fmt: skip
    caption = (
        "Average structures: space groups at the tolerance of the error bars, and the tolerances that give the same"
    )
    columns = [
        "T (K)",
        "<direction",
        "<space group",
        "tolerance\nÅ",
        "same from – to\nÅ",
        "largest error of\na position (Å)",
    ]
    atom_columns = [
        "T (K)",
        "<direction",
        "<species",
        "<sites",
        "x",
        "y",
        "z",
        "U_iso\nÅ²",
        "U 1\nÅ²",
        "U 2\nÅ²",
        "U 3\nÅ²",
    ]
    parts = html.table(caption, columns, groups) + html.table(
        "Atoms: positions in the folded cell, displacement parameters and their principal values", atom_columns, atoms
    )
    return parts + _off_centre(known)


def _off_centre(structures):
    """How far mean positions are from the centres of their neighbours."""
    rows = [
        [*_head(s), a["species"], a["neighbours"], with_error(a["off_centre_A"], a["off_centre_error_A"])]
        for s in structures
        for a in s["off_centre"]
    ]
    caption = "Mean positions off the centre of the nearest neighbours of another species (root mean square)"
    return html.table(caption, ["T (K)", "<direction", "<species", "neighbours", "off centre\nÅ"], rows)


def _intervals(record):
    if not record["intervals"]:
        return ""
    key = "heat_capacity_kB_per_atom", "heat_capacity_error_kB_per_atom"
    volume = "volume_expansion_1e-6_per_K", "volume_expansion_error_1e-6_per_K"
    rows = [
        [
            f"{i['from_K']:g} – {i['to_K']:g}",
            i["direction"],
            "yes" if i["one_phase"] else "no",
            _value(i, *key),
            _value(i, *(f"fluctuations_{name}" for name in key)),
            _value(i, *volume),
            _value(i, *(f"fluctuations_{name}" for name in volume)),
        ]
        for i in record["intervals"]
    ]
    columns = ["T (K)", "<direction", "<one phase", "C, slope\nk_B/atom", "C, fluctuations\nk_B/atom"]
    return html.table(
        "Two routes: slopes of the means between temperatures, and the mean of the fluctuations at both ends",
        [*columns, "volume, slope\n10⁻⁶/K", "volume, fluctuations\n10⁻⁶/K"], rows,
    )  # fmt: skip


def _elastic(record):
    points = [p for p in record["points"] if p.get("elastic_constants_GPa") is not None]
    if not points:
        return ""
    names = ("11", "22", "33", "12", "13", "23", "44", "55", "66")
    rows = []
    for p in points:
        pairs = [(int(n[0]) - 1, int(n[1]) - 1) for n in names]
        values = [
            with_error(p["elastic_constants_GPa"][i][j], p["elastic_constants_error_GPa"][i][j]) for i, j in pairs
        ]
        bulk = _value(p, "bulk_modulus_GPa", "bulk_modulus_error_GPa")
        rows.append([*_head(p), *values, bulk, "yes" if p["born_stable"] else "no"])
    columns = ["T (K)", "<direction", *(f"C{n}" for n in names), "bulk modulus", "<stable"]
    return html.table(
        "Isothermal elastic constants from strain fluctuations (GPa), axes of the reference", columns, rows
    )


def _layers(record):
    points = [p for p in record["points"] if p.get("layers")]
    if not points:
        return ""
    rows = []
    for p in points:
        words = []
        for axis in "xyz":
            layers = p["layers"].get(axis)
            if layers is None:
                words.append(None)
            elif layers["order"] is None:
                words.append(layers["signs"] if set(layers["signs"]) != {"0"} else "not turned")
            else:
                walls = f", {layers['walls']} walls" if layers["walls"] else ""
                words.append(f"{layers['signs']} {layers['order']}{walls}")
        rows.append([*_head(p), *words])
    caption = "Layers of octahedra: sense of the mean rotation about each axis, layer by layer (0: within its error)"
    return html.table(caption, ["T (K)", "<direction", *(f"<about {axis}" for axis in "xyz")], rows)


def _name(record):
    return f"{record['temperature_K']:g} K {record.get('direction', '')}".strip()


def _kind(record):
    return record["phase"], record.get("glazer")


def _head(record):
    return [f"{record['temperature_K']:g}", record.get("direction", "")]


def _value(record, key, error, index=None):
    if record.get(key) is None:
        return None
    value, uncertain = record[key], record[error]
    return with_error(*((value, uncertain) if index is None else (value[index], uncertain[index])), 2)


def _angles(point, name):
    if not point.get(name):
        return None
    pairs = zip(point[name], point["errors"][name], strict=True)
    return "  ".join("–" if value is None else with_error(abs(value), error, 1) for value, error in pairs)
