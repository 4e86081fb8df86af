"""Perovskites: charges, radii, factors and their limits, coordination, statistics, and the command."""

import csv
import json

import ase.io
import numpy as np
import pytest
from ase.build import bulk
from ase.data import atomic_numbers
from ase.spacegroup import crystal
from crystals import HEXAGONAL, ILMENITE, POST_PEROVSKITE, ions, other_cells, perovskite

from anharmonic.cli.main import main
from anharmonic.errors import AnharmonicError
from anharmonic.interfaces.perovskite_figures import place_of
from anharmonic.screening import Entry
from anharmonic.screening.perovskites.coordination import bond_weights, coordination, is_perovskite
from anharmonic.screening.perovskites.factors import (
    OCTAHEDRAL,
    TURN,
    Limits,
    octahedral_factor,
    tilt_limits,
    tolerance_factor,
)
from anharmonic.screening.perovskites.geometry import factors, geometries, geometry
from anharmonic.screening.perovskites.radii import oxidation_states, radius
from anharmonic.screening.perovskites.roles import Roles, roles
from anharmonic.screening.perovskites.statistics import formed, formers, lowest, shares


def pnma(symbols, lengths, a, x1, x2):
    """An orthorhombic perovskite of its three free sites, B on (0, 0, 1/2)."""
    return crystal(symbols, [a, (0, 0, 0.5), x1, x2], spacegroup=62, cellpar=[*lengths, 90, 90, 90])


def lead_titanate():
    """Tetragonal, Ti far from the centre of its octahedron."""
    atoms = perovskite(3.904, "PbTiO3")
    atoms.set_cell([3.904, 3.904, 4.152], scale_atoms=True)
    places = atoms.get_scaled_positions()
    places[1:, 2] = 0.5377, 0.1118, 0.6174, 0.6174
    atoms.set_scaled_positions(places)
    return atoms


PEROVSKITES = {
    "SrTiO3": perovskite(),
    "PbTiO3": lead_titanate(),
    "CaTiO3": pnma(
        ["Ca", "Ti", "O", "O"], (5.4423, 7.6401, 5.3796),
        (0.035, 0.25, 0.9935), (0.4838, 0.25, 0.0714), (0.2888, 0.0371, 0.7108),
    ),
    "GdFeO3": pnma(
        ["Gd", "Fe", "O", "O"], (5.611, 7.669, 5.349),
        (0.0626, 0.25, 0.984), (0.4669, 0.25, 0.1009), (0.3016, 0.0504, 0.6955),
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("compound", "charges"),
    [("Sr Ti O", (2, 4, -2)), ("K Nb O", (1, 5, -2)), ("La Mn O", (3, 3, -2)), ("Bi Fe O", (3, 3, -2)),
     ("Cs Pb Br", (1, 2, -1)), ("Ba Zr S", (2, 4, -2)), ("La W N", (3, 6, -3)), ("Pu Np O", (3, 3, -2))],
)  # fmt: skip
def test_charges(compound, charges):
    """The usual ones; in doubt those alike."""
    assert oxidation_states(ions(compound)) == charges


@pytest.mark.parametrize(
    ("compound", "message"),
    [("K Rb O", r"K \(\+1\) and Rb \(\+1\) make KRbO3 neutral: their sum should be \+6"),
     ("Al Pt Ti", "no charge is known of Ti as the anion"), ("Ne Ti O", r"Ne \(none\)")],
)  # fmt: skip
def test_what_has_no_charges_is_refused(compound, message):
    with pytest.raises(AnharmonicError, match=message):
        oxidation_states(ions(compound))


def test_radii_are_shannons():
    """Crystal radii as in the paper; ionic ones differ by 0.14 A; high spin."""
    values = {"crystal": (1.81, 1.26, 0.785), "ionic": (1.67, 1.40, 0.645)}
    for kind, expected in values.items():
        found = [radius(atomic_numbers[s], q, kind=kind) for s, q in (("Cs", 1), ("O", -2), ("Fe", 3))]
        assert [f.value for f in found] == pytest.approx(expected) and all(f.exact for f in found)
    assert radius(38, 2, coordination=12, kind="ionic").value == pytest.approx(1.44)


def test_missing_radii_are_estimated():
    """The nearest coordination; between charges, and beyond them; never from ions of the other sign."""
    assert radius(25, 5).value == pytest.approx(0.47) and not radius(25, 5).exact  # only fourfold is known
    between, beyond = radius(26, 5, kind="ionic"), radius(50, 2, kind="ionic")
    assert between.value == pytest.approx((0.585 + 0.25) / 2) and not between.exact
    assert 0.75 < beyond.value < 1.1 and not beyond.exact
    for number, charge, message in ((1, -1, "no radius of H with charge -1"), (1, 1, "no sphere"), (2, 2, "no radius")):
        with pytest.raises(AnharmonicError, match=message):
            radius(number, charge)
    with pytest.raises(AnharmonicError, match="crystal or ionic; found 'atomic'"):
        radius(8, -2, kind="atomic")


def test_factors_of_strontium_titanate():
    """By hand, and as textbooks have it with A in twelvefold coordination."""
    found = factors(ions("Sr Ti O"))
    assert found.octahedral == pytest.approx(0.745 / 1.26) == octahedral_factor(0.745, 1.26)
    assert found.tolerance == pytest.approx(2.58 / (np.sqrt(2) * 2.005)) == tolerance_factor(1.32, 0.745, 1.26)
    for kind in ("crystal", "ionic"):
        assert factors(ions("Sr Ti O"), 12, kind).tolerance == pytest.approx(1.0016, abs=1e-4)


def test_limits_at_known_points():
    """SL and CL1 with caesium meet where B is as large as the hole; the paper's CL2; TL1 and TL2 meet."""
    limits = Limits.of_anion(1.26)
    assert limits.largest_octahedral == pytest.approx(1.81 / 1.26) and pytest.approx(0.41421, abs=1e-5) == OCTAHEDRAL
    crossing = (1.81 / 1.26 + 1) / np.sqrt(2) - 1
    assert limits.chemical(crossing) == pytest.approx(1) and limits.bounds(crossing)[1] == pytest.approx(1)
    first, second = tilt_limits(np.array([TURN, 0.8]))
    assert first[0] == pytest.approx(second[0]) and second[1] / first[1] == pytest.approx(1.7106 / 1.7036)
    cases = {(0.6, 0.9): "", (0.4, 0.9): "OL", (0.6, 1.01): "SL", (0.6, 0.7): "TL", (1.0, 0.65): "TL",
             (0.9, 0.95): "CL1", (1.5, 0.65): "CL2", (0.4, 1.3): "OL SL CL1"}  # fmt: skip
    mu, t = np.array(list(cases)).T
    broken = limits.broken(mu, t)
    names = [" ".join(name for name, mask in broken.items() if mask[k]) for k in range(len(cases))]
    assert names == list(cases.values())
    np.testing.assert_array_equal(limits.inside(mu, t), [not name for name in names])
    largest = factors(ions("Cs Ta O"))
    assert not limits.broken(largest.octahedral, largest.tolerance)["CL1"]
    with pytest.raises(AnharmonicError, match="positive radii"):
        Limits(1, 0, 1)


def test_the_region_is_drawn_as_it_is_decided():
    limits = Limits.of_anion(1.26)
    mu, least, greatest = limits.region()
    inner = slice(1, -1)
    assert limits.inside(mu[inner], (least + greatest)[inner] / 2).all()
    assert not limits.inside(mu, least - 1e-6).any() and not limits.inside(mu, greatest + 1e-6).any()
    assert list(limits.curves((0.3, 0.5), (1.5, 1.2))) == ["OL", "SL", "TL1", "TL2", "CL1", "CL2"]


def tilted(theta, phi):
    """A in the middle, and the anions, of rigid octahedra tilted by a+ b- b- (degrees), B-X = 1: hole and contact."""
    from scipy.optimize import minimize
    from scipy.spatial.transform import Rotation

    corners = np.array(list(np.ndindex(2, 2, 2)))
    signs = np.stack([(-1) ** corners.sum(1), (-1) ** corners[:, :2].sum(1)])
    axis = np.radians(theta) * np.array([1, 1, 0]) / np.sqrt(2)
    turns = [(Rotation.from_rotvec([0, 0, q * np.radians(phi)]) * Rotation.from_rotvec(p * axis)).as_matrix()
             for p, q in signs.T]  # fmt: skip
    steps = np.array([turns[0][:, k] + turns[1 << (2 - k)][:, k] for k in range(3)])
    first = np.concatenate([corner @ steps + turn.T for corner, turn in zip(corners, turns, strict=True)])
    images = np.array(list(np.ndindex(3, 3, 3))) - 1
    anions = (first[:, None] + 2 * images @ steps).reshape(-1, 3)
    lengths = np.linalg.norm(first[:, None] - anions, axis=2)
    edges = np.isclose(lengths, np.sqrt(2)) | np.isclose(lengths, 2) | (lengths < 1e-6)
    holes = [minimize(lambda p: -np.linalg.norm(anions - p, axis=1).min(), steps.sum(0) / 2 + shift,
                      method="Nelder-Mead").fun
             for shift in 0.15 * np.random.default_rng(0).normal(size=(6, 3))]  # fmt: skip
    return -min(holes), lengths[~edges].min()


@pytest.mark.parametrize(("mu", "theta", "phi"), [(0.414, 19.1, 15.98), (0.6, 23.7, 20.86), (1.0, 29.4, 28.86)])
def test_the_tilt_limits_are_those_of_rigid_octahedra(mu, theta, phi):
    """At the tilt where anions of different octahedra touch, the hole of A has the size of the higher limit."""
    hole, contact = tilted(theta, phi)
    small = 1 / (1 + mu)
    assert contact == pytest.approx(2 * small, rel=0.002)
    assert hole / small == pytest.approx(np.sqrt(2) * (mu + 1) * np.maximum(*tilt_limits(mu)), rel=0.012)


def test_the_ideal_structure_has_twelve_and_six():
    found = coordination(perovskite())
    assert (found.a, found.b, found.sharing) == ((12, 12), (6, 6), "corners")
    assert found.econ_a == pytest.approx(12, abs=1e-8) and found.econ_b == pytest.approx(6, abs=1e-8)
    weights, mean = bond_weights(np.array([[2.0] * 4 + [9.0]]))
    assert weights.sum() == pytest.approx(4) and mean[0] == pytest.approx(2)


@pytest.mark.parametrize(
    ("name", "a", "econ_a", "econ_b"),
    [("SrTiO3", 12, 12.0, 6.0), ("PbTiO3", 12, 8.2, 4.8), ("CaTiO3", 10, 8.0, 6.0), ("GdFeO3", 8, 7.0, 6.0)],
)
def test_distorted_perovskites_are_known(name, a, econ_a, econ_b):
    """Also where the effective numbers are below the criterion."""
    found = coordination(PEROVSKITES[name])
    assert found.perovskite and found.corners and found.a == (a, a) and found.b == (6, 6)
    assert found.econ_a == pytest.approx(econ_a, abs=0.15) and found.econ_b == pytest.approx(econ_b, abs=0.1)


def test_other_structures():
    """Ilmenite is no perovskite; what only octahedra in common tell is told by them."""
    assert not is_perovskite(ILMENITE) and coordination(ILMENITE).a == (6, 6)
    for atoms, bonds, sharing in ((POST_PEROVSKITE, 8, "edges"), (HEXAGONAL, 12, "faces")):
        found = coordination(atoms)
        assert found.perovskite and not found.corners and (found.a, found.sharing) == ((bonds, bonds), sharing)
    exploded = perovskite(shift=1.2)
    assert not is_perovskite(exploded)


@pytest.mark.parametrize("atoms", [PEROVSKITES["PbTiO3"], PEROVSKITES["CaTiO3"], POST_PEROVSKITE, ILMENITE])
def test_the_choice_of_the_cell_does_not_matter(atoms):
    expected = geometry(atoms)
    for other in other_cells(atoms):
        found = geometry(other)
        assert (found.roles, found.factors) == (expected.roles, expected.factors)
        for name in ("a", "b", "sharing"):
            assert getattr(found.coordination, name) == getattr(expected.coordination, name)
        assert found.coordination.econ_a == pytest.approx(expected.coordination.econ_a, abs=1e-6)


def entries():
    """Two structures of SrTiO3, one with A and B exchanged, one that is no perovskite, one without an energy."""
    made = [("high", perovskite(), -1.0), ("low", perovskite(3.9), -3.0), ("no", ILMENITE, -2.0),
            ("exchanged", perovskite(4.4, "TiSrO3"), -1.5), ("unknown", perovskite(4.0, "BaTiO3"), None)]  # fmt: skip
    return [Entry(name, atoms, {} if e is None else {"energy": e}) for name, atoms, e in made]


def test_statistics():
    """The lowest of each composition; each element on each site; the exchanged one counts only without a rival."""
    found, refused = geometries(entries())
    best = lowest(found, "energy")
    assert not refused and sorted(e.name for e, _ in best.values()) == ["exchanged", "low", "no"]
    every = shares(formed(best))
    sr, ti, fe = (atomic_numbers[s] for s in ("Sr", "Ti", "Fe"))
    assert {n: (s.perovskites, s.compositions) for n, s in every["a"].items()} == {sr: (1, 1), ti: (1, 1), fe: (0, 1)}
    assert {n: (s.perovskites, s.compositions) for n, s in every["b"].items()} == {sr: (1, 1), ti: (1, 2)}
    rival = shares(formed(best, "energy"))
    assert formers(rival["a"]) == [sr] and formers(every["a"]) == [ti, sr] and formers(rival["b"]) == []
    assert roles(perovskite(4.4, "TiSrO3")) == Roles(ti, sr, 8)
    hexagonal = {geometry(HEXAGONAL).roles: (Entry("h", HEXAGONAL), geometry(HEXAGONAL))}
    assert list(formed(hexagonal).values()) == [True] and list(formed(hexagonal, corners=True).values()) == [False]
    with pytest.raises(AnharmonicError, match="no structure has the property 'gap'; known are energy"):
        lowest(found, "gap")


def test_every_element_has_its_place():
    places = {z: place_of(z) for z in range(1, 104)}
    assert len(set(places.values())) == 103
    known = {"H": (1, 1), "He": (1, 18), "Al": (3, 13), "Sc": (4, 3), "La": (6, 3), "Hf": (6, 4), "Rn": (6, 18)}
    assert {s: places[atomic_numbers[s]] for s in known} == known and places[58][1] == 4


@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
    """Run ``anharmonic screen perovskite``: exit code, output, errors."""
    monkeypatch.chdir(tmp_path)
    ase.io.write("CaTiO3.cif", PEROVSKITES["CaTiO3"])
    ase.io.write("hexagonal.cif", HEXAGONAL)
    ase.io.write("salt.cif", bulk("NaCl", "rocksalt", a=5.64))
    ase.io.write("alloy.cif", perovskite(4.0, "AlPtTi3"))

    def run(*arguments):
        capsys.readouterr()
        code = main(["screen", "perovskite", *map(str, arguments)])
        return code, *capsys.readouterr()

    return run


def test_the_command(call, tmp_path):
    """A table, a record of each, a figure; what is no ABX3 is refused, what has no charges is kept without factors."""
    code, out, err = call("CaTiO3.cif", "hexagonal.cif", "salt.cif", "alloy.cif", "--out", "found")
    assert code == 0 and "refused salt: a compound ABX3 of three elements is expected; found NaCl" in err
    assert "1 of 3 meet the coordination, yet" in out and "1 of 3 have no charges" in out
    first, second, third = json.loads((tmp_path / "found" / "perovskite.json").read_text())
    assert first["charges"] == [2, 4, -2] and first["beyond"] == [] and first["perovskite"] and first["radii_exact"]
    assert first["tolerance_factor"] == pytest.approx(2.4 / (np.sqrt(2) * 2.005))
    assert (
        second["sharing"] == "faces"
        and second["perovskite"]
        and second["beyond"] == ["SL"]
        and second["bonds_a"] == [12, 12]
    )
    assert third["octahedral_factor"] is None and "no charge is known of Ti" in third["reason"]
    rows = list(csv.DictReader((tmp_path / "found" / "perovskite.csv").open()))
    assert [r["a"] for r in rows] == ["Ca", "Ba", third["a"]] and float(rows[0]["octahedral_factor"]) == pytest.approx(
        0.745 / 1.26, abs=1e-5
    )
    assert rows[2]["charges"] == "" and (tmp_path / "found" / "perovskite.png").stat().st_size > 10_000


def test_points_are_coloured_by_a_property(call, tmp_path):
    frames = [PEROVSKITES["SrTiO3"].copy(), PEROVSKITES["GdFeO3"].copy()]
    for frame, value in zip(frames, (-3.4, -2.9), strict=True):
        frame.info["e_form"] = value
    ase.io.write("both.extxyz", frames)
    code, _, _ = call("both.extxyz", "CaTiO3.cif", "--radii", "ionic", "--coordination", 12)
    found = json.loads((tmp_path / "perovskite" / "perovskite.json").read_text())
    assert code == 0 and [record["e_form"] for record in found] == [-3.4, -2.9, None]
    assert found[0]["tolerance_factor"] == pytest.approx(1.0016, abs=1e-4) and found[0]["beyond"] == ["SL"]
    assert found[0]["radii_A"] == pytest.approx([1.44, 0.605, 1.4])


def test_refusals(call):
    """One message and exit code 2."""
    cases = [
        (("salt.cif",), "a compound ABX3 of three elements is expected; found NaCl"),
        (("CaTiO3.cif", "--radii", "atomic"), "crystal or ionic; found 'atomic'"),
        (("CaTiO3.cif", "--colour", "gap"), "no structure has the property 'gap'"),
        (("nowhere.cif",), "no file or folder"),
    ]
    for arguments, message in cases:
        code, _, err = call(*arguments)
        assert code == 2 and message in " ".join(err.split()), err
