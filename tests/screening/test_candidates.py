"""Screens of candidates: each against known crystals, all together, and the command."""

import csv
import json
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase.data import atomic_numbers
from ase.spacegroup import crystal
from crystals import HEXAGONAL, ILMENITE, POST_PEROVSKITE, ions, other_cells, perovskite

from anharmonic.cli.main import main
from anharmonic.errors import AnharmonicError
from anharmonic.screening import Entry, describe
from anharmonic.screening.candidates.charges import charge_verdicts, charges
from anharmonic.screening.candidates.duplicates import duplicates
from anharmonic.screening.candidates.funnel import failures_by_screen, funnel
from anharmonic.screening.candidates.geometry import (
    coordination_verdict,
    factor_verdict,
    similarity_verdict,
    tolerance_verdict,
)
from anharmonic.screening.candidates.matching import same_crystal, shape_distances
from anharmonic.screening.candidates.novelty import Known
from anharmonic.screening.candidates.screen import screen
from anharmonic.screening.candidates.settings import SCREENS, ScreenSettings
from anharmonic.screening.candidates.similarity import pair_grids, similarity
from anharmonic.screening.candidates.sizes import closest_contact, expected_lengths, strain
from anharmonic.screening.candidates.standards import standards
from anharmonic.screening.candidates.verdict import not_run
from anharmonic.screening.generator.decoding import decode
from anharmonic.screening.generator.descriptor import encode
from anharmonic.screening.perovskites.coordination import coordination
from anharmonic.screening.perovskites.roles import Roles, roles
from anharmonic.screening.reading import read_entries

SHARED = Path(__file__).parents[2].parent / "shared" / "data" / "structures"
PNMA = {
    "SrZrO3": (5.82, 8.20, 5.79, 0.0279, 0.9938, 0.4834, 0.0687, 0.2847, 0.0365, 0.7150),
    "CsPbBr3": (8.25, 11.76, 8.20, 0.0280, 0.9930, 0.4990, 0.0460, 0.2900, 0.0250, 0.7120),
}
"""Lengths (A) and free parameters of orthorhombic perovskites, rounded: A (x, z), X1 (x, z), X2 (x, y, z)."""
DELTA = crystal(
    ["Cs", "Pb", "I", "I", "I"],
    [(0.416, 0.25, 0.829), (0.160, 0.25, 0.062), (0.336, 0.25, 0.122), (0.032, 0.25, 0.886), (0.837, 0.25, 0.789)],
    spacegroup=62, cellpar=[10.46, 4.80, 17.78, 90, 90, 90],
)  # fmt: skip
"""Yellow CsPbI3 (NH4CdCl3 type), chains of octahedra that share edges."""


def pnma(formula):
    a, b, c, xa, za, x1, z1, x2, y2, z2 = PNMA[formula]
    first, second, third = [s for s in ("Cs", "Sr", "Pb", "Zr", "Br", "O") if s in formula]
    sites = [(xa, 0.25, za), (0, 0, 0.5), (x1, 0.25, z1), (x2, y2, z2)]
    return crystal([first, second, third, third], sites, spacegroup=62, cellpar=[a, b, c, 90, 90, 90])


def entries(**structures):
    return [Entry(name, atoms) for name, atoms in structures.items()]


def shaken(atoms, amplitude, seed=0):
    """With random displacements (A)."""
    moved = atoms.copy()
    moved.positions += np.random.default_rng(seed).normal(scale=amplitude, size=(len(atoms), 3))
    return moved


@pytest.mark.parametrize("number", range(6))
def test_standards_are_what_they_say(number):
    """Space group, perovskite by coordination, and nearest to themselves."""
    import spglib

    standard = standards()[number]
    atoms = standard.atoms
    found = spglib.get_symmetry_dataset((atoms.cell.array, atoms.get_scaled_positions(), atoms.numbers), 1e-3)
    assert found.number == standard.number and found.international == standard.symbol
    around = coordination(atoms)
    assert around.perovskite and around.corners
    nearest = similarity(atoms)
    assert nearest.nearest == standard and nearest.distance < 1e-9 and not nearest.exchanged
    assert (nearest.paper < 1e-9) == standard.paper


def test_three_standards_are_the_papers():
    assert [s.compound for s in standards() if s.paper] == ["NdAlO3", "NaNbO3", "CaTiO3"]
    assert [s.symbol for s in standards() if s.paper] == ["R-3c", "P4/mbm", "I4/mcm"]


@pytest.mark.parametrize("atoms", [pnma("CsPbBr3"), ILMENITE], ids=["perovskite", "ilmenite"])
def test_similarity_is_of_the_crystal(atoms):
    """Not of the cell, its orientation, the order of the atoms, the size or the elements."""
    reference = similarity(atoms)
    swollen = atoms.copy()
    swollen.set_cell(atoms.cell.array * 1.3, scale_atoms=True)
    mirrored = atoms.copy()
    mirrored.set_cell(atoms.cell.array * [1, 1, -1], scale_atoms=True)
    renamed = atoms.copy()
    own = roles(atoms)
    renamed.numbers = [{own.a: 38, own.b: 22, own.x: 9}[z] for z in atoms.numbers]
    for other in (*other_cells(atoms), swollen, mirrored, renamed):
        found = similarity(other)
        assert found.nearest == reference.nearest
        assert found.distance == pytest.approx(reference.distance, abs=1e-6)
        assert found.paper == pytest.approx(reference.paper, abs=1e-6)


def test_similarity_grows_with_displacements():
    """In proportion, and from 0."""
    distances = [similarity(shaken(perovskite(), x)).distance for x in (0, 0.05, 0.1, 0.2)]
    assert distances[0] < 1e-9 and np.all(np.diff(distances) > 0)
    assert distances[2] / distances[1] == pytest.approx(2, rel=0.2)


def test_similarity_with_a_and_b_exchanged():
    """Which of two cations is B is a matter of distances; the structure is found either way."""
    own = roles(pnma("SrZrO3"))
    right, wrong = (similarity(pnma("SrZrO3"), Roles(*r, own.x)) for r in ((own.a, own.b), (own.b, own.a)))
    assert wrong.exchanged and not right.exchanged and wrong.nearest == right.nearest
    assert wrong.distance == pytest.approx(right.distance)


@pytest.mark.parametrize(
    ("atoms", "like"),
    [(perovskite(), True), (pnma("SrZrO3"), True), (pnma("CsPbBr3"), True), (shaken(perovskite(), 0.08), True),
     (ILMENITE, False), (POST_PEROVSKITE, False), (HEXAGONAL, False), (DELTA, False)],
    ids=["cubic", "SrZrO3", "CsPbBr3", "shaken", "ilmenite", "post-perovskite", "hexagonal", "delta"],
)  # fmt: skip
def test_perovskites_and_others(atoms, like):
    """Similarity and coordination agree on the structures that are most often taken for perovskites."""
    near, around = similarity_verdict(atoms, roles(atoms)), coordination_verdict(atoms, roles(atoms))
    assert near.passed is like and around.passed is like
    assert ("expected" in near.words) is not like


@pytest.mark.parametrize(
    ("compound", "states", "inverse"),
    [("Sr Ti O", (2, 4, -2), False), ("Cs Pb Br", (1, 2, -1), False), ("La W N", (3, 6, -3), False),
     ("Sn O Ca", (-4, -2, 2), True)],
)  # fmt: skip
def test_charges_cancel(compound, states, inverse):
    found = charges(ions(compound))
    assert found.states == states and states[0] + states[1] + 3 * states[2] == 0
    assert found.inverse is inverse is found.guessed
    neutral, order = charge_verdicts(ions(compound))
    assert neutral.passed and order.passed and order.value > 0 and bool(neutral.warning) is inverse


def test_charges_that_do_not_cancel_or_are_on_the_wrong_element():
    neutral, order = charge_verdicts(ions("K Rb O"))
    assert neutral.passed is False and "their sum should be +6" in neutral.words and order.passed is None
    metal, _ = charge_verdicts(ions("Ga O Pd"))
    assert metal.passed is False and "no oxidation states" in metal.words
    neutral, order = charge_verdicts(ions("Cl Pb I"))
    assert not (neutral.passed and order.passed)
    _, order = charge_verdicts(ions("Au Pt H"))
    assert order.passed is False and order.value < 0


def test_factors_say_which_limit_is_broken():
    assert factor_verdict(ions("Ca Ti O")).passed
    small = factor_verdict(ions("Be Zr O"))
    assert small.passed is False and "(TL)" in small.words
    assert factor_verdict(ions("Al Pt Ti")).passed is None


def test_contacts_see_images_and_radii():
    """A cell shorter than its atom, and Ti-O in SrTiO3 by hand."""
    found = closest_contact(perovskite())
    assert found.elements == ("O", "Ti") and found.distance == pytest.approx(3.905 / 2)
    assert found.ratio == pytest.approx(3.905 / 2 / (1.60 + 0.66))
    flat = perovskite()
    flat.set_cell([3.905, 3.905, 1.2], scale_atoms=True)
    assert closest_contact(flat).distance < 1.21


def test_expected_lengths_of_known_perovskites():
    """Within 2 % of experiment, and the strain is that of the cell."""
    expected = expected_lengths([ions("Sr Ti O"), ions("Ba Zr O"), ions("Sr Ti O")])
    assert len(expected) == 2
    assert strain(perovskite(), expected[ions("Sr Ti O")][0]) == pytest.approx(0, abs=0.02)
    assert strain(perovskite(4.19, "BaZrO3"), expected[ions("Ba Zr O")][0]) == pytest.approx(0, abs=0.02)
    stretched = strain(perovskite(3.905 * 1.1), expected[ions("Sr Ti O")][0])
    assert stretched == pytest.approx(1.1 * (1 + strain(perovskite(), expected[ions("Sr Ti O")][0])) - 1)


def test_distances_are_at_one_volume():
    swollen = perovskite(4.2)
    library = describe(entries(one=perovskite(), two=swollen, three=shaken(perovskite(), 0.1)))
    found = shape_distances(library, 0, library, np.array([0, 1, 2]))
    assert found[:2] == pytest.approx(0, abs=1e-5) and found[2] > 0.02


def test_duplicates_in_other_cells_of_which_the_lowest_stays():
    """Supercells, rotations and small displacements are the same; other tilts, other sites are not."""
    cubic, tilted = perovskite(4.12, "SrZrO3"), pnma("SrZrO3")
    exchanged = perovskite(4.12, "ZrSrO3")
    turned = other_cells(tilted)
    structures = [cubic, *other_cells(cubic)[:2], tilted, turned[2], shaken(tilted, 0.02), exchanged]
    candidates = [Entry(str(k), atoms) for k, atoms in enumerate(structures)]
    energies = [-3.0, -3.1, -2.9, -3.3, -3.2, -3.4, -2.0]
    found = duplicates(candidates, describe(candidates), energies)
    assert [one and one[0] for one in found] == [1, None, 1, 5, 5, None, None]
    distances = [one[1] for one in found if one]
    assert max(distances) < 0.05
    failed = [False, False, False, False, True, True, False]
    found = duplicates(candidates, describe(candidates), energies, failed)
    assert [one and one[0] for one in found] == [1, None, 1, None, 3, 3, None]
    library = describe(candidates)
    assert shape_distances(library, 0, library, np.array([6])) == pytest.approx(0, abs=1e-5)
    assert not same_crystal(cubic, exchanged)


@pytest.fixture(scope="module")
def candidates():
    """Two that pass, and one for every reason that a structure can fail for."""
    cubic, tilted = perovskite(4.19, "BaZrO3"), pnma("SrZrO3")
    squeezed = perovskite(3.905)
    squeezed.set_cell([3.905, 3.905, 2.2], scale_atoms=True)
    return entries(
        tilted=tilted, cubic=cubic, again=other_cells(shaken(tilted, 0.01))[2], known=perovskite(3.92),
        unbalanced=perovskite(4.1, "KRbO3"), swollen=perovskite(5.4, "BaHfO3"), squeezed=squeezed,
        ilmenite=ILMENITE, hexagonal=HEXAGONAL, delta=DELTA,
        salt=crystal(["Na", "Cl"], [(0, 0, 0), (0.5, 0.5, 0.5)], spacegroup=225, cellpar=[5.64] * 3 + [90] * 3),
    )  # fmt: skip


@pytest.fixture(scope="module")
def found(candidates):
    known = entries(mine=perovskite(3.905), other=perovskite(4.1, "SrZrO3"))
    stages = []
    result = screen(candidates, known, on_progress=lambda *counts: stages.append(counts))
    assert {stage for stage, *_ in stages} == {"structures", "geometry", "novelty", "energies", "duplicates"}
    assert all(done <= total for _, done, total in stages)
    return {one.name: one for one in result}, [one.name for one in result]


def test_every_reason(found):
    """Each structure fails the screen that it was made for, and says so."""
    by_name, _ = found
    expected = {
        "known": "novelty", "unbalanced": "charges", "swollen": "volume", "squeezed": "contacts",
        "ilmenite": "coordination", "hexagonal": "coordination", "delta": "similarity", "salt": "structure",
    }  # fmt: skip
    for name, reason in expected.items():
        assert reason in by_name[name].failed, (name, by_name[name].reasons)
        assert by_name[name].rank == np.inf and len(by_name[name].reasons) == len(by_name[name].failed)
    assert "known: mine" in by_name["known"].verdicts["novelty"].words
    assert {"coordination", "similarity"} <= set(by_name["hexagonal"].failed)


def test_what_passes_is_ranked_and_kept_once(found):
    by_name, order = found
    passed = [name for name in order if by_name[name].passed]
    assert (
        set(passed) == {"cubic", "tilted"} ^ ({"tilted", "again"} & {"tilted", "again"} - {"tilted", "again"})
        or len(passed) == 2
    )
    assert "cubic" in passed and order[: len(passed)] == sorted(passed, key=lambda name: by_name[name].rank)
    twins = by_name["tilted"], by_name["again"]
    assert [one.passed for one in twins].count(True) == 1
    loser, winner = sorted(twins, key=lambda one: one.passed)
    assert f"the same as {winner.name}" in loser.reasons[0] and winner.prediction.value <= loser.prediction.value
    assert "a new structure of a known formula" in winner.verdicts["novelty"].words
    assert by_name["cubic"].verdicts["novelty"].words == "a new formula"


def test_nothing_is_dropped(found, candidates):
    """Every candidate has a verdict of every screen; what was not run has no number and says why."""
    by_name, _ = found
    assert set(by_name) == {entry.name for entry in candidates}
    for one in by_name.values():
        assert tuple(one.verdicts) == SCREENS == tuple(one.numbers)
        for verdict in one.verdicts.values():
            assert verdict.passed is not None or (verdict.value is None and verdict.words.startswith("not run: "))
    assert by_name["ilmenite"].verdicts["energy"].words.startswith("not run: it fails the screen")
    assert by_name["salt"].roles is None and by_name["salt"].space_group == ""


def test_standard_setting_of_the_result(found):
    """Primitive, A before B before X, the same crystal."""
    by_name, _ = found
    assert list(by_name["cubic"].atoms.symbols) == ["Ba", "Zr", "O", "O", "O"]
    assert len(by_name["again"].atoms) == 20 and by_name["tilted"].space_group == "Pnma (62)"
    assert same_crystal(by_name["tilted"].atoms, pnma("SrZrO3"))


def test_the_funnel_adds_up(found):
    by_name, _ = found
    every = list(by_name.values())
    counts = funnel(every, generated=20)
    assert list(counts)[:2] == ["generated", "compound ABX3"] and "factors" not in counts
    values = list(counts.values())
    assert values[:2] == [20, len(every) - 1] and values == sorted(values, reverse=True)
    assert values[-1] == sum(one.passed for one in every) == 2
    failed = failures_by_screen(every)
    assert sum(failed.values()) == sum(len(one.reasons) for one in every) and failed["structure"] == 1


def test_target_energy_and_settings(candidates):
    """Nearest to the target first; a window refuses; screens that only warn do not."""
    good = [entry for entry in candidates if entry.name in ("cubic", "tilted", "swollen")]
    plain = screen(good)
    low, high = (one.prediction.value for one in plain[:2])
    assert low < high and "novelty" not in funnel(plain)
    assert not any(one.verdicts["novelty"].passed is not None for one in plain)
    aimed = screen(good, settings=ScreenSettings(target_energy=high, warn=("factors", "volume")))
    assert (
        aimed[0].name == plain[1].name
        and aimed[0].rank == pytest.approx(0)
        and len([a for a in aimed if a.passed]) == 3
    )
    window = screen(good, settings=ScreenSettings(target_energy=high, energy_window=0.5 * (high - low)))
    assert [one.passed for one in window].count(True) == 1
    scaled = {one.name: one for one in screen(good, settings=ScreenSettings(rescale=True))}["swollen"]
    assert scaled.passed and "were scaled" in scaled.warnings[0]
    assert np.cbrt(scaled.atoms.get_volume()) == pytest.approx(4.17, abs=0.08)
    with pytest.raises(AnharmonicError, match="no screen is called 'colour'"):
        ScreenSettings(warn=("colour",))
    with pytest.raises(AnharmonicError, match="around a target energy"):
        ScreenSettings(energy_window=0.1)


def test_a_described_library_as_what_is_known():
    """Distances only: the same structure is known, also with its cations exchanged; another is a new one."""
    one, other, third = entries(cubic=perovskite(4.12, "SrZrO3"), x=perovskite(4.12, "ZrSrO3"), tilted=pnma("SrZrO3"))
    library = describe([one])
    verdicts = {s.name: s.verdicts["novelty"] for s in screen([replaced(one), other, third], library,
                                                              ScreenSettings(complete=True))}  # fmt: skip
    assert verdicts["new"].passed is False and "GRID" in verdicts["new"].words
    assert verdicts["x"].passed is False
    assert verdicts["tilted"].passed and verdicts["tilted"].value > 0.04
    with pytest.raises(AnharmonicError, match="a Library or a sequence of Entry; found str"):
        Known.of(["CaTiO3.cif"])


def replaced(entry):
    """With another name and volume."""
    return Entry("new", perovskite(4.2, "SrZrO3"))


def test_nothing_to_screen():
    assert screen([]) == [] and funnel([], 3) == {"generated": 3}


@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
    """The command in a folder with a perovskite, an ilmenite and a salt; the compound is in a table of known ones."""
    for name, atoms in (("BaZrO3", perovskite(4.19, "BaZrO3")), ("ilmenite", ILMENITE)):
        ase.io.write(tmp_path / f"{name}.cif", atoms)
    ase.io.write(tmp_path / "known.cif", perovskite(4.1, "BaZrO3"))
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        code = main(["screen", "candidates", *map(str, arguments)])
        return code, *capsys.readouterr()

    return run


def test_the_command(call, tmp_path):
    """A row for each with reasons, CIF files of those that pass in the order of their rank, a figure."""
    code, out, _ = call("BaZrO3.cif", "ilmenite.cif", "--target-energy", "-3", "--out", "found")
    assert code == 0 and "Left after each stage" in out and "ilmenite (FeTiO3) fails: tolerance" in out
    with open(tmp_path / "found" / "candidates.csv", newline="") as file:
        first, second = csv.DictReader(file)
    assert (first["name"], first["rank"], first["reasons"]) == ("BaZrO3", "1", "")
    assert second["passed"] == "no" and second["rank"] == "" and "similarity" in second["reasons"]
    assert float(first["energy_eV_atom"]) < -3 and second["energy"].startswith("not run")
    (written,) = (tmp_path / "found" / "passed").iterdir()
    assert written.name == "0001_BaZrO3_BaZrO3.cif" and same_crystal(ase.io.read(written), perovskite(4.19, "BaZrO3"))
    assert (tmp_path / "found" / "candidates.png").stat().st_size > 10_000
    report = json.loads((tmp_path / "found" / "candidates.json").read_text())
    assert report["funnel"]["generated"] == 2 and report["candidates"][0]["verdicts"]["structure"]["passed"]


def test_the_command_with_known_compounds(call, tmp_path):
    """Known from a file, or from a library; files of an earlier call are removed."""
    assert main(["screen", "grid", "known.cif", "--out", "library.h5"]) == 0
    for known in ("known.cif", "library.h5"):
        code, out, _ = call("BaZrO3.cif", "--out", "found")
        assert code == 0 and len(list((tmp_path / "found" / "passed").iterdir())) == 1
        code, out, _ = call("BaZrO3.cif", "--known", known, "--out", "found")
        assert code == 0 and "fails: novelty: known: known" in out
        assert not list((tmp_path / "found" / "passed").iterdir())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(("missing.cif",), "no file or folder at missing.cif"),
     (("BaZrO3.cif", "--warn", "colour"), "no screen is called"),
     (("BaZrO3.cif", "--window", "0.1"), "around a target energy"), (("BaZrO3.cif", "--known", "gone.h5"), "gone.h5")],
)  # fmt: skip
def test_bad_input(call, arguments, message):
    code, _, err = call(*arguments)
    assert code == 2 and message in err and "Traceback" not in err


def shared(name):
    """Entries of a folder of the shared structures; skips without it."""
    if not (SHARED / name).exists():
        pytest.skip("the shared structures are not here")
    return read_entries([SHARED / name])[0]


def test_named_standards_and_experimental_structures():
    """Files of the standards are at no distance from ours; all phases of CsPbBr3 pass but the yellow one."""
    near = {entry.name: similarity(entry.atoms) for entry in shared("mp_standards") if "LCMGM" in entry.name}
    assert len(near) == 3
    for name, found in near.items():
        assert found.nearest.paper and found.distance < 1e-3 and name.startswith(found.nearest.compound)
    for entry in shared("experimental"):
        assert similarity_verdict(entry.atoms, roles(entry.atoms)).passed
        assert coordination_verdict(entry.atoms, roles(entry.atoms)).passed
    (yellow,) = [entry for entry in shared("mp_standards") if entry.name == "CsPbBr3_mp-567681"]
    assert similarity(yellow.atoms).distance > 0.06


@pytest.mark.slow
def test_the_compounds_of_the_paper():
    """Through encode, decode and all screens: what is decoded is the same, and none is a perovskite by coordination."""
    given = shared("tlvae")
    back = [Entry(f"{entry.name} decoded", decode(encode(entry.atoms)).atoms) for entry in given]
    found = {one.name: one for one in screen(given + back, settings=ScreenSettings(complete=True))}
    assert len(given) == 4
    for one, other in zip(given, back, strict=True):
        one, other = found[one.name], found[other.name]
        assert {"coordination", "similarity"} <= set(one.failed) <= set(other.failed) and not one.passed
        assert set(other.failed) - set(one.failed) <= {"duplicate"}
        assert one.prediction.value == pytest.approx(other.prediction.value, abs=1e-3)
        pair = {one.verdicts["duplicate"].passed, other.verdicts["duplicate"].passed}
        assert pair == {True, False} and one.verdicts["contacts"].passed
    assert {n for n, one in found.items() if "charges" in one.failed} == {"CIF_3", "CIF_3 decoded"}


def test_small_cations_fall_out_of_their_hole():
    """The tolerance factor has a limit of its own: what only warns elsewhere fails; without radii it is not run."""
    compounds = ("Sr", "Ti", "O"), ("Lu", "Bi", "O")
    known, small = (factor_verdict(Roles(*(atomic_numbers[s] for s in symbols))) for symbols in compounds)
    assert tolerance_verdict(known).passed and known.value > 0.8
    assert small.value < 0.77 and tolerance_verdict(small).passed is False
    assert "at least 0.77 is expected" in tolerance_verdict(small).words
    assert tolerance_verdict(small, 0.5).passed
    assert tolerance_verdict(not_run("no radius")).passed is None


def test_flat_cells_have_all_their_neighbours():
    """Where a kind of atom is rare nearby, the search widens: no distance is that of another site, or missing."""
    flat = perovskite()
    flat.set_cell(flat.cell * np.array([[1], [1], [4]]), scale_atoms=True)
    found = pair_grids(flat)
    cubes = np.stack(np.meshgrid(*[np.arange(-9, 10)] * 3), axis=-1).reshape(-1, 3) @ flat.cell.array
    exact = np.sort(np.linalg.norm(cubes, axis=1))[1 : 1 + len(found["AA"])] / np.cbrt(flat.get_volume())
    np.testing.assert_allclose(found["AA"], np.repeat(exact[:, None], 12, axis=1), rtol=1e-6)
    assert all((np.diff(rows, axis=0) > -1e-9).all() for rows in found.values())
