"""The latent space: interpolation, dense regions, conditions on elements, and what is proposed from it."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from crystals import other_cells, perovskite

from anharmonic.errors import AnharmonicError, FileFormatError
from anharmonic.interfaces.latent_figures import draw_latent_space, draw_learning_curve
from anharmonic.screening import Entry
from anharmonic.screening.generator import layout
from anharmonic.screening.generator.conditions import agreement, allowed_elements
from anharmonic.screening.generator.decoding import decode
from anharmonic.screening.generator.descent import Descent, descend
from anharmonic.screening.generator.descriptor import encode, encode_all
from anharmonic.screening.generator.latent import LatentSpace, number_between, region_of_interest, slerp
from anharmonic.screening.generator.maps import maps, separating_axes
from anharmonic.screening.generator.network import STABLE, Sizes
from anharmonic.screening.generator.proposals import METHODS, Sampling, propose
from anharmonic.screening.generator.resemblance import dissimilarity, dissimilarity_of, standard_distances
from anharmonic.screening.generator.training import DEFAULT, train_generator

SIZES = Sizes((6,), (4,), (4,), (), 48, 16, (8,), (8,))
SETTINGS = replace(DEFAULT, epochs=25, batch=16, learning_rate=1e-2, validation=0.0)
QUICK = Sampling(descent=Descent(steps=5))


@cache
def known():
    """Images, energies, formulas of 70 perovskites, all strained and some polar: oxides, fluorides, bromides."""
    entries, rng = [], np.random.default_rng(0)
    for x, (anion, size, base) in enumerate((("O", 3.8, -2.6), ("F", 4.0, -3.0), ("Br", 5.2, -0.9))):
        for a, cation in enumerate(("Na", "K", "Cs", "Sr", "La")):
            for b, metal in enumerate(("Ti", "Zr", "Nb", "Mn", "Pb")[: 5 - x // 2]):
                atoms = perovskite(size + 0.08 * a + 0.05 * b, f"{cation}{metal}{anion}3", 0.1 * (b == 2))
                atoms.set_cell(atoms.cell @ (np.eye(3) + rng.uniform(-0.01, 0.01, (3, 3))), scale_atoms=True)
                entries.append(Entry(f"{a} {b} {x}", atoms, {"energy": base + 0.15 * a + 0.1 * b}))
    images, taken, refused = encode_all(entries)
    assert not refused
    return images, np.array([e.properties["energy"] for e in taken]), [e.formula for e in taken]


@cache
def trained():
    """A generator that knows these by heart, and its latent space."""
    images, energies, formulas = known()
    generator = train_generator(images, energies, np.array(formulas), SIZES, settings=SETTINGS)
    return generator, LatentSpace.of(generator, images, energies, formulas)


def proposed(count=40, method="slerp", **options):
    return propose(*trained(), count, method, **options)


@pytest.mark.parametrize("seed", range(3))
def test_interpolation_on_a_sphere(seed):
    """Ends are exact, lengths stay, angles grow evenly, ways back are the same, and halves of halves are quarters."""
    one, other = np.random.default_rng(seed).normal(size=(2, 256))
    other *= np.linalg.norm(one) / np.linalg.norm(other)
    t = np.linspace(0, 1, 11)
    way = slerp(one, other, t)
    np.testing.assert_allclose(way[[0, -1]], [one, other], atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(way, axis=1), np.linalg.norm(one), rtol=1e-12)
    angles = np.arccos((way[1:] * way[:-1]).sum(axis=1) / (one @ one))
    np.testing.assert_allclose(angles, np.arccos(one @ other / (one @ one)) / 10, rtol=1e-6)
    np.testing.assert_allclose(slerp(other, one, 1 - t), way, atol=1e-12)
    np.testing.assert_allclose(slerp(one, slerp(one, other, 0.5), 0.5), slerp(one, other, 0.25), atol=1e-12)


def test_interpolation_by_hand():
    """Eq. 4 with vectors of different lengths; parallel and opposite ones; many at a time."""
    found = slerp([2.0, 0.0], [0.0, 1.0], 1 / 3)
    np.testing.assert_allclose(found, [2 * np.sin(np.pi / 3), np.sin(np.pi / 6)])
    np.testing.assert_allclose(slerp([1.0, 1.0], [3.0, 3.0], 0.25), [1.5, 1.5], rtol=1e-12)
    np.testing.assert_allclose(slerp(np.zeros(3), [1.0, 0, 0], 0.5), [0.5, 0, 0])
    turned = slerp([1.0, 0.0, 0.0], [-3.0, 0.0, 0.0], [0.0, 0.25, 0.5, 1.0])
    np.testing.assert_allclose(np.linalg.norm(turned, axis=1), [1, 1.5, 2, 3])
    np.testing.assert_allclose(turned[[0, 3], 0], [1, -3])
    assert abs(turned[2, 0]) < 1e-12
    both = slerp([[1.0, 0], [1, 1]], [[0, 1.0], [2, 2]], [0.5, 0.5])
    np.testing.assert_allclose(both, [[np.sqrt(0.5)] * 2, [1.5, 1.5]])


@pytest.mark.parametrize(("count", "spacing", "points"), [(2, 0.5, 1), (3, 0.1, 27), (868, 0.1, 3386502)])
def test_the_number_of_points(count, spacing, points):
    assert number_between(count, spacing) == points


@pytest.mark.parametrize("spacing", [0.0, 1.0, 0.3, -0.5])
def test_impossible_spacings_are_refused(spacing):
    with pytest.raises(AnharmonicError, match="found"):
        number_between(3, spacing)


def points(seed=0):
    """A dense and a loose cloud of stable points, and a denser one of points that are not stable."""
    rng = np.random.default_rng(seed)
    spreads, centres = np.repeat([0.2, 1.0, 0.05], [60, 100, 40]), np.repeat([0.0, 12.0, -12.0], [60, 100, 40])
    means = centres[:, None] + spreads[:, None] * rng.normal(size=(200, 8))
    energies = np.repeat([-2.5, -2.0, -0.5], [60, 100, 40]) + rng.uniform(-0.1, 0.1, 200)
    sites = np.repeat([[38, 22, 8], [11, 12, 9], [55, 82, 35]], [60, 100, 40], axis=0)
    names = tuple(map(str, range(200)))
    return LatentSpace(means, energies, energies, sites, names, names, "")


def test_the_region_of_interest_is_dense_and_stable():
    """Of known densities; the densest cloud of all is not stable and left out."""
    region = region_of_interest(points(), size=60)
    assert set(region.chosen) == set(range(60)) and region.share == 1 and (np.diff(region.distances) >= 0).all()
    assert set(region_of_interest(points(), size=20).chosen) == set(region.chosen[:20])
    assert len(region_of_interest(points()).chosen) == 160
    assert set(region_of_interest(points(), target=-0.5).chosen) == set(range(160, 200))
    assert set(region_of_interest(points(), target=-2.0).chosen) == set(range(60, 160))
    energies = points().energies
    many = replace(points(), formulas=("one",) * 50 + points().formulas[50:])  # of which the lowest counts
    assert set(region_of_interest(many).chosen) == {energies[:50].argmin(), *range(50, 160)}
    with pytest.raises(AnharmonicError, match="one alone"):
        region_of_interest(replace(many, formulas=("one",) * 200))
    lowest = np.argsort(abs(energies - 3.0))[:20]  # nothing is near: the nearest 20
    assert set(region_of_interest(points(), target=3.0).chosen) == set(lowest)


def test_neighbours_that_are_not_stable_are_counted():
    space = points()
    mixed = replace(space, energies=np.where(np.arange(200) % 2, space.energies, 0.0))
    assert region_of_interest(mixed, size=30, neighbours=40).share == pytest.approx(0.5, abs=0.1)
    lost = replace(space, again=np.where(np.arange(200) < 30, 0.0, space.again))
    assert region_of_interest(lost).chosen.min() == 30  # stable, but not after decoding


def test_regions_of_elements():
    """All sites asked for if enough crystals have them, otherwise the most that enough have."""
    space = points()
    oxides = region_of_interest(space, elements={"X": "O"})
    assert set(oxides.chosen) == set(range(60)) and oxides.matched == 1
    both = region_of_interest(space, elements={"A": {"Sr", "Ba"}, "X": ["O"]})
    assert set(both.chosen) == set(range(60)) and both.matched == 2
    none = region_of_interest(space, elements={"A": ["Ba"], "X": ["F"]})
    assert set(none.chosen) == set(range(60, 160)) and none.matched == 1
    bromides = region_of_interest(space, elements={"X": ["Br"]})  # none is stable: the 20 lowest
    assert set(bromides.chosen) == set(160 + np.argsort(space.energies[160:])[:20])


def test_too_few_crystals_are_refused():
    with pytest.raises(AnharmonicError, match="at least two"):
        region_of_interest(replace(points(), energies=np.zeros(1)))


def test_allowed_elements():
    mask = allowed_elements({"X": ["O", "F"], "A": "Cs"})
    assert mask.shape == (89, 3) and mask[:, 2].sum() == 2 and mask[:, 0].sum() == 1 and mask[:, 1].sum() == 88
    assert allowed_elements().all()
    np.testing.assert_array_equal(agreement([[55, 82, 35], [55, 22, 8]], {"A": "Cs", "X": ["Br", "Cl"]}), [2, 1])


@pytest.mark.parametrize("elements", [{"C": ["O"]}, {"X": ["Qq"]}, {"X": []}, {"A": ["At"]}, {"A": ["O"], "X": ["O"]}])
def test_impossible_elements_are_refused(elements):
    with pytest.raises(AnharmonicError):
        allowed_elements(elements)


def test_elements_are_decided_among_those_allowed():
    """The exact image of SrTiO3: what is not asked for stays, of others the most alike is taken."""
    image = encode(perovskite())
    assert decode(image, elements={"X": ["O", "F"]}).elements == ("Sr", "Ti", "O")
    assert decode(image, elements={"A": ["Ba", "Al"]}).elements == ("Ba", "Ti", "O")
    found = decode(image, elements={"A": {"Cs"}, "X": {"Br"}})
    assert found.elements == ("Cs", "Ti", "Br") and found.valid
    assert sorted(set(found.atoms.symbols)) == ["Br", "Cs", "Ti"]


def test_files(tmp_path):
    """What was written comes back; other files, and the spaces of other generators, are refused."""
    generator, space = trained()
    space.save(tmp_path / "latent.h5")
    found = LatentSpace.load(tmp_path / "latent.h5")
    np.testing.assert_array_equal(found.means, generator.encode(known()[0])[0])
    np.testing.assert_array_equal(found.sites, space.sites)
    assert found.formulas == tuple(known()[2]) and found.names == found.formulas and len(found) == 70
    np.testing.assert_array_equal(found.stable, space.stable)
    (tmp_path / "other").write_text("nothing")
    with pytest.raises(FileFormatError):
        LatentSpace.load(tmp_path / "other")
    with pytest.raises(AnharmonicError, match="another generator"):
        propose(generator, replace(space, generator="?"), 1)


def test_where_crystals_lie():
    """Sites are those of the crystals; energies after decoding are those of the network."""
    generator, space = trained()
    assert (space.sites[0].tolist(), space.sites[-1].tolist()) == ([11, 22, 8], [57, 41 - 16, 35])
    back = generator.heads(generator.encode(generator.decode(space.means))[0])[0]
    np.testing.assert_allclose(space.again, back, atol=1e-5)
    with pytest.raises(AnharmonicError, match="as many"):
        LatentSpace.of(generator, known()[0], known()[1][:-1], known()[2])


@pytest.mark.parametrize("method", METHODS)
def test_proposals(method):
    """As many as asked for, none twice, numbered; the same seed gives the same, and more begin with the same."""
    found, fewer = proposed(40, method, seed=3, settings=QUICK), proposed(15, method, seed=3, settings=QUICK)
    assert [one.number for one in found] == list(range(40)) and {one.method for one in found} == {method}
    for one, again in zip(fewer, found, strict=False):
        np.testing.assert_array_equal(one.z, again.z)
        assert one.formula == again.formula and one.parents == again.parents
        assert (one.energy, one.stable) == (again.energy, again.stable)
    assert not np.array_equal(proposed(1, method, seed=4, settings=QUICK)[0].z, found[0].z)
    generator, _ = trained()
    z = np.array([one.z for one in found])
    np.testing.assert_allclose([one.energy for one in found], generator.heads(z)[0], atol=1e-4)
    assert len({one.z.tobytes() for one in found}) == 40
    assert {len(one.parents) for one in found} == {{"perturb": 1, "prior": 0}.get(method, 2)}
    valid = [one for one in found if one.valid]
    assert len(valid) > 10 and all(np.isfinite(one.energy_again) for one in valid)
    one = valid[0]
    z, _ = generator.encode(encode(one.atoms)[None])
    assert one.energy_again == pytest.approx(generator.heads(z)[0][0], abs=1e-4, rel=1e-4)
    assert one.stays_stable == (one.energy_again <= STABLE)


def test_proposals_lie_between_their_parents():
    generator, space = trained()
    region = region_of_interest(space)
    few = replace(region, chosen=region.chosen[:4])
    found = proposed(40, region=few, settings=Sampling(spacing=0.25))
    places = []
    for one in found:
        ends = [space.means[space.formulas.index(formula)] for formula in one.parents]
        away = abs(slerp(*ends, np.arange(17) / 16) - one.z).max(axis=1)
        assert away.min() < 1e-5
        places.append(int(away.argmin()))
    assert set(places[:12]) <= {4, 8, 12}  # the points asked for come first, then those between them
    assert len(found) == 40 and places.count(8) <= 6 and set(places) & {2, 6, 10, 14}


def test_a_parent_comes_back():
    """Around a crystal without noise: what the generator makes of the crystal itself, and nothing twice."""
    generator, space = trained()
    found = proposed(200, "perturb", settings=Sampling(noise=0.0))
    region = region_of_interest(space).chosen
    assert 0.5 * len(region) < len(found) <= len(region)
    right = 0
    for one in found:
        number = space.formulas.index(one.parents[0])
        own = decode(generator.decode(space.means[number : number + 1])[0])
        assert own.elements == one.decoded.elements and own.problems == one.decoded.problems
        np.testing.assert_allclose(own.atoms.positions, one.atoms.positions, atol=1e-4)
        right += one.decoded.elements[2] in one.parents[0]
    assert right > 0.9 * len(found)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("elements", [{"X": {"Br"}}, {"A": {"Cs", "Rb"}, "X": {"O", "Cl"}}])
def test_forbidden_elements_never_come(method, elements):
    found = proposed(30, method, elements=elements, settings=QUICK)
    assert len(found) == 30
    for one in found:
        for site, allowed in elements.items():
            assert one.decoded.elements["ABX".index(site)] in allowed
        assert one.atoms is None or set(one.atoms.symbols) <= set(one.decoded.elements)


def test_a_descent_reaches_its_target():
    """Energies come to the target, elements to those asked for, without being forced."""
    generator, space = trained()
    start, settings = space.means[:10] + 0.0, Descent(steps=60, rate=0.1)
    for target in (-2.8, -1.0):
        z, terms = descend(generator.model, start, target, allowed_elements(), settings)
        before, after = (np.median(abs(generator.heads(place)[0] - target)) for place in (start, z))
        assert after < 0.2 * before and before > 0.3 and np.isfinite(terms).all()
    bromides = allowed_elements({"X": ["Br"]})
    settings = Descent(steps=100, rate=0.2, energy=0.2, similarity=0.05)
    z, terms = descend(generator.model, start, -1.0, bromides, settings)
    assert np.mean([decode(image).elements[2] == "Br" for image in generator.decode(z)]) > 0.8
    assert not any(decode(image).elements[2] == "Br" for image in generator.decode(start))
    still, before = descend(generator.model, start, -1.0, bromides, replace(settings, steps=0))
    np.testing.assert_array_equal(still, start)
    assert (terms.sum(axis=1) < before.sum(axis=1)).all()


def test_resemblance_of_perovskites():
    """Zero for the cubic form in any cell, small for distorted ones, larger for what is none."""
    ideal, sites = perovskite(), (38, 22, 8)
    for atoms in [ideal, *other_cells(ideal)]:
        assert dissimilarity_of(atoms, sites) < 2e-4
    shaken = ideal.repeat(2)
    shaken.rattle(0.1, seed=1)
    other = perovskite(5.0, "TiSrO3")
    other.set_scaled_positions([[0, 0, 0], [0.5] * 3, [0.2, 0, 0], [0, 0.2, 0], [0, 0, 0.2]])
    values = [dissimilarity_of(atoms, sites) for atoms in (shaken, other)]
    assert 0.01 < values[0] < 0.06 < values[1]
    image = dissimilarity(np.asarray(encode(ideal), np.float32), standard_distances())
    assert image == pytest.approx(0, abs=2e-4)


def test_resemblance_by_hand():
    """B shifted by d along a bond: its two bonds differ by d, and so on for all of its neighbours."""
    shift, a, sites = 0.12, 4.0, (38, 22, 8)
    atoms = perovskite(a, shift=shift)
    own = {"A": perovskite(a).positions[0], "B": atoms.positions[1], "X": atoms.positions[2:]}
    cells = a * np.array([[i, j, k] for i in (-1, 0, 1) for j in (-1, 0, 1) for k in (-1, 0, 1)])
    squares, count = 0.0, 0
    ideal = {"AB": (8, 0.75**0.5), "BX": (6, 0.5), "XB": (2, 0.5), "BA": (8, 0.75**0.5)}
    for pair, (number, length) in ideal.items():
        for start in np.atleast_2d(own[pair[0]]):
            ends = (np.atleast_2d(own[pair[1]])[:, None] + cells).reshape(-1, 3)
            near = np.sort(np.linalg.norm(ends - start, axis=1))[:number]
            squares += ((near / a - length) ** 2).sum()
    count = (6 + 8 + 12) + (8 + 6 + 6) + 3 * (4 + 2 + 8)
    assert dissimilarity_of(atoms, sites) == pytest.approx(np.sqrt(squares / count), rel=1e-3)


def test_slopes_of_resemblance_are_differences():
    """Of the coordinate in the image that counts most."""
    import jax

    image = encode(perovskite(shift=0.15)).astype(np.float32)
    array = layout.array(image)
    slope = layout.array(np.asarray(jax.grad(dissimilarity)(image, standard_distances())))
    own = slope[layout.ROWS["coordinates"], layout.DIRECT]
    place, column = np.unravel_index(abs(own).argmax(), own.shape)
    row, step = layout.ROWS["coordinates"].start + place, 2e-3
    values = []
    for sign in (1, -1):
        moved = array.copy()
        moved[row, column] += sign * step
        values.append(float(dissimilarity(layout.image(moved), standard_distances())))
    assert slope[row, column] == pytest.approx((values[0] - values[1]) / (2 * step), rel=0.02)
    assert abs(slope[row, column]) > 0.01


def test_cells_follow_the_elements():
    """Bromine on X where the image had oxygen: after a round to and fro bonds are longer, as bromides have them."""
    volumes = {}
    for rounds in (0, 1):
        found = proposed(
            60, "perturb", elements={"X": ["Br"]}, region=region_of_interest(trained()[1], elements={"X": ["O"]}),
            settings=Sampling(rounds=rounds, noise=0.1),
        )  # fmt: skip
        volumes[rounds] = np.median([one.atoms.get_volume() for one in found if one.valid])
    oxide, bromide = (np.median([abs(np.linalg.det(layout.array(image)[109:112, :3])) for image in part])
                      for part in np.split(known()[0], [25, 50])[::2])  # fmt: skip
    assert volumes[0] < 0.5 * (oxide + bromide) < volumes[1]


def test_maps():
    """Axes are those along which the clouds were set apart; every crystal has a place."""
    space = points()
    means = np.random.default_rng(0).normal(size=(200, 8))
    means[:, [2, 5]] += np.where(np.arange(200)[:, None] < 160, [4.0, -3.0], 0.0)
    found = maps(replace(space, means=means), most=60)
    assert found.axes == (2, 5) and len(np.unique(found.numbers)) == 60 and found.embedded.shape == (60, 2)
    np.testing.assert_array_equal(found.planar, means[found.numbers][:, [2, 5]])
    assert separating_axes(means * [1, 1, 1, 9, 1, 1, 1, 5], np.ones(200, bool)) == (3, 7)
    again = maps(replace(space, means=means), most=60)
    np.testing.assert_allclose(again.embedded, found.embedded)


def test_figures(tmp_path):
    space = points()
    found, chosen = maps(space, most=80), region_of_interest(space).chosen
    parts = space.energies[found.numbers], space.stable[found.numbers], np.isin(found.numbers, chosen)
    draw_latent_space(found.embedded, found.planar, found.axes, *parts, tmp_path / "latent.png")
    nothing = np.zeros(80, bool)
    draw_latent_space(found.embedded, found.planar, found.axes, parts[0], nothing, nothing, tmp_path / "none.png")
    draw_learning_curve([100, 200], {"Energy MAE": [0.2, 0.1], "wrong": [0.3, 0.2]}, tmp_path / "curve.png")
    assert all((tmp_path / name).stat().st_size > 10_000 for name in ("latent.png", "none.png", "curve.png"))
