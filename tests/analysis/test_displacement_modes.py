"""Displacement modes against sums, symmetry operations, tilts, and patterns written down atom by atom."""

import builders
import numpy as np
import pytest
from ase.build import bulk

from anharmonic.analysis import TiltModes
from anharmonic.analysis.displacement_modes import check_fits, decompose, displacement_modes
from anharmonic.analysis.order_parameters import observed_modes
from anharmonic.analysis.tilts import angles
from anharmonic.analysis.wave_vectors import read_wave_vector, special_points, star_of, stars_of
from anharmonic.crystal import Configuration, Crystal, Supercell
from anharmonic.crystal.images import Images
from anharmonic.errors import AnharmonicError


def silicon():
    return Crystal.from_atoms(bulk("Si"))


def titanium():
    return Crystal.from_atoms(bulk("Ti"))


def polar():
    """No inversion, four kinds of sites, glide planes nowhere."""
    return Crystal.from_sites(
        np.diag([3.9, 3.9, 4.15]),
        [[0, 0, 0], [0.5, 0.5, 0.54], [0.5, 0, 0.47], [0, 0.5, 0.47], [0.5, 0.5, 0.03]],
        ["Pb", "Ti", "O", "O", "O"],
    )


def chiral():
    """P2_13: no inversion, no mirror; screws, and irreps in complex conjugate pairs."""
    positions = [
        p
        for x in (0.137, 0.842)
        for p in ([x, x, x], [0.5 - x, -x, 0.5 + x], [-x, 0.5 + x, 0.5 - x], [0.5 + x, 0.5 - x, -x])
    ]
    return Crystal.from_sites(np.eye(3) * 4.49, np.array(positions) % 1, ["Fe"] * 4 + ["Si"] * 4)


CASES = [
    (builders.perovskite, (2, 2, 2)),
    (builders.perovskite, (3, 2, 1)),
    (builders.bcc, (4, 4, 4)),
    (builders.bcc, builders.MATRICES["untidy"]),
    (builders.fluorite, (2, 2, 2)),
    (silicon, (2, 2, 3)),
    (titanium, (3, 3, 2)),
    (polar, (2, 2, 4)),
    (chiral, (3, 1, 1)),
]


def state_of(crystal, matrix, displacements=None):
    state = Configuration.reference(crystal, Supercell.from_matrix(matrix))
    random = np.random.default_rng(5).normal(size=state.displacements.shape)
    return builders.changed(state, random if displacements is None else displacements)


@pytest.mark.parametrize("make, matrix", CASES)
def test_nothing_is_left_out(make, matrix):
    """Squared amplitudes of all modes add up to the squared displacements of a cell; patterns give them back."""
    state = state_of(make(), matrix)
    total, rebuilt = 0.0, 0.0
    for mode, amplitudes in decompose(state):
        fits = np.isfinite(amplitudes)
        total += (amplitudes[fits] ** 2).sum()
        rebuilt = rebuilt + np.tensordot(amplitudes[fits], mode.patterns(state.supercell)[fits.ravel()], 1)
    assert total == pytest.approx((state.displacements**2).sum() / state.supercell.n_cells, rel=1e-12)
    np.testing.assert_allclose(rebuilt, state.displacements, atol=1e-12)


@pytest.mark.parametrize(
    "make, matrix, names",
    [
        (builders.perovskite, (2, 2, 2), "M R X Γ"),
        (builders.perovskite, (4, 4, 4), "0_1/4_1/2"),
        (builders.bcc, (4, 4, 4), "N P H"),
        (builders.fluorite, (2, 2, 2), "X L"),
        (silicon, (2, 2, 2), "X L"),
        (titanium, (3, 3, 2), "K H A"),
        (polar, (2, 2, 4), "M R 0_0_1/4"),
        (chiral, (2, 2, 2), "Γ X M R"),
        (chiral, (3, 3, 3), "1/3_1/3_1/3"),
    ],
)
def test_modes_are_irreducible_representations(make, matrix, names):
    """Every operation keeps the length of an amplitude vector, and the images of one vector span all of its space."""
    crystal, supercell = make(), Supercell.from_matrix(matrix)
    images = Images.of_crystal(crystal, supercell)
    some = np.random.default_rng(0).choice(len(images), min(len(images), 300), replace=False)
    u = state_of(crystal, matrix).displacements
    turned = np.array([images.vectors(k, u) for k in some])
    for name in names.split():
        star = star_of(crystal, read_wave_vector(crystal, name.split("_"))[0])
        check_fits(star, supercell)
        modes = displacement_modes(crystal, star)
        assert len({mode.name for mode in modes}) == len(modes)
        for mode in modes:
            before = mode.amplitudes(supercell, u)
            after = mode.amplitudes(supercell, turned).reshape(len(some), -1)
            np.testing.assert_allclose((after**2).sum(axis=1), (before**2).sum(), rtol=1e-9)
            assert np.linalg.matrix_rank(after, tol=1e-6) == before.size


def test_what_is_no_representation_is_noticed():
    """Controls: two of three components of a mode change their length, and two modes together are never mixed."""
    crystal, supercell = builders.perovskite(), Supercell.from_matrix((2, 2, 2))
    images, u = Images.of_crystal(crystal, supercell), state_of(crystal, (2, 2, 2)).displacements
    turned = np.array([images.vectors(k, u) for k in range(0, len(images), 3)])
    modes = displacement_modes(crystal, star_of(crystal, [0.5, 0.5, 0.5]))
    tilt = next(m for m in modes if m.irrep == "T1g").amplitudes(supercell, turned)[:, 0]
    assert np.ptp((tilt[:, :2] ** 2).sum(axis=1)) > 1e-3
    whole = np.concatenate([m.amplitudes(supercell, turned)[:, 0] for m in modes], axis=1)
    mixed = whole @ np.linalg.qr(np.random.default_rng(1).normal(size=(15, 15)))[0]
    assert np.ptp((mixed[:, :3] ** 2).sum(axis=1)) > 1e-3


def test_known_irreps_of_a_perovskite():
    """The decompositions of the textbooks, B at the origin (Cochran and Zia, Phys. Status Solidi 25, 273 (1968))."""
    expected = {
        "Γ": "4*T1u T2u", "R": "A1g Eg T1g 2*T2g T1u", "M": "A1g A2g B1g B2g Eg 2*A2u B1u 3*Eu",
    }  # fmt: skip
    for crystal in (builders.perovskite(), shifted(builders.perovskite(), [0.5, 0.5, 0.5])):
        for label, words in expected.items():
            modes = displacement_modes(crystal, star_of(crystal, special_points(crystal)[label]))
            found = sorted(mode.irrep for mode in modes)
            counts = [w.split("*") if "*" in w else ("1", w) for w in words.split()]
            assert found == sorted(irrep for n, irrep in counts for _ in range(int(n)))


def shifted(crystal, by):
    return Crystal.from_sites(crystal.cell, (crystal.positions + by) % 1, crystal.species)


def test_modes_of_silicon_at_x_are_doubly_degenerate():
    """X1, X3 and X4: screws and glides make pairs of them, for which point groups have no symbol."""
    crystal = silicon()
    modes = displacement_modes(crystal, star_of(crystal, special_points(crystal)["X"]))
    assert [(mode.irrep, mode.shape) for mode in modes] == [("2d a", (3, 2)), ("2d b", (3, 2)), ("2d c", (3, 2))]


@pytest.mark.parametrize("shift", [(0, 0, 0), (0.5, 0.5, 0.5)])
def test_tilts_are_one_mode_at_m_and_one_at_r(shift):
    """Nothing else moves, and the amplitudes are the angles of `TiltModes`: a tan(phi) / sqrt(2) for octahedra of a."""
    crystal = shifted(builders.perovskite(), shift)
    tilts, supercell = TiltModes.of_crystal(crystal), Supercell.from_matrix((4, 2, 2))
    wanted = np.array([3.0, -2, 5, 4, 1, -6])
    u = tilts.displacements(wanted[:3], wanted[3:], supercell)
    found = {mode.name: a for mode, a in decompose(state_of(crystal, (4, 2, 2), u)) if np.nanmax(abs(a)) > 1e-12}
    assert set(found) == {"M A2g Br Eu", "R T1g Br Eu"}
    degrees = {name: np.sort(abs(angles(a * np.sqrt(2) / 5.87))).ravel() for name, a in found.items()}
    np.testing.assert_allclose(np.sort(degrees["M A2g Br Eu"].ravel()), [2, 3, 5], atol=1e-10)
    np.testing.assert_allclose(np.sort(degrees["R T1g Br Eu"].ravel()), [1, 4, 6], atol=1e-10)
    noisy = u + 0.1 * np.random.default_rng(0).normal(size=u.shape)
    mode = next(m for m in displacement_modes(crystal, star_of(crystal, [0.5, 0.5, 0])) if m.irrep == "A2g")
    about = np.argmax(mode.star.arms < 0.25, axis=1)  # the axis along which cells are alike
    measured = angles((tilts.projection(supercell) * noisy).sum((1, 2, 3)))[about]
    np.testing.assert_allclose(
        abs(angles(mode.amplitudes(supercell, noisy)[:, 0] * np.sqrt(2) / 5.87)), abs(measured), atol=1e-10
    )


def test_burgers_mode_of_a_bcc_metal():
    """Planes (110) that slide against each other along [1-10], the way from bcc to hcp: one mode at N, one arm."""
    crystal, supercell = builders.bcc(), Supercell.from_matrix((2, 2, 2))
    state = Configuration.reference(crystal, supercell)
    plane = np.rint(state.reference_positions()[0].T @ [1, 1, 0] / 2.87).astype(int)
    u = 0.1 * (-1.0) ** plane * np.array([1, -1, 0])[:, None] / np.sqrt(2)
    found = [(m, a) for m, a in decompose(state_of(crystal, (2, 2, 2), u[None])) if np.nanmax(abs(a)) > 1e-12]
    assert [(m.star.label, m.shape) for m, _ in found] == [("N", (6, 1))]
    np.testing.assert_allclose(np.sort(abs(found[0][1]).ravel()), [0] * 5 + [0.1], atol=1e-12)


def test_tetragonal_mode_of_fluorite():
    """Columns of anions that shift up and down in turn, as of oxygen in tetragonal zirconia: one mode at X, one arm."""
    crystal, matrix = builders.fluorite(), (2, 2, 2)
    state = Configuration.reference(crystal, Supercell.from_matrix(matrix))
    anions = np.array(crystal.species) == "F"
    columns = state.reference_positions()[:, :2].sum(axis=1) / (5.46 / 2)
    u = np.zeros_like(state.displacements)
    offset = columns[anions].min()
    u[anions, 2] = 0.05 * (-1.0) ** np.rint(columns[anions] - offset)
    found = [(m, a) for m, a in decompose(builders.changed(state, u)) if np.nanmax(abs(a)) > 1e-12]
    assert [(m.star.label, m.sites, m.shape) for m, _ in found] == [("X", "F T2", (3, 1))]
    np.testing.assert_allclose(np.sort(abs(found[0][1]).ravel()), [0, 0, 0.05 * np.sqrt(2)], atol=1e-12)


def test_names_of_what_a_run_records():
    """Wave vectors, irreps of them, each mode once; what is not there is refused with what is."""
    crystal = builders.perovskite()
    found = observed_modes(crystal, ["sites", "mode R T1g", "mode R", "mode 1/2 1/2 0 A2g Br Eu"])
    names = [mode.name for mode in found]
    assert names[0] == "R T1g Br Eu" and names[-1] == "M A2g Br Eu" and len(set(names)) == len(names) == 7
    with pytest.raises(AnharmonicError, match="at M are of the irreps Eu, B1u, .*; found 'T1g'"):
        observed_modes(crystal, ["mode M T1g"])


def test_arms_that_do_not_fit():
    """They are NaN, and refused where all are needed."""
    crystal, supercell = builders.perovskite(), Supercell.from_matrix((2, 2, 1))
    star = star_of(crystal, [0.5, 0.5, 0])
    mode = displacement_modes(crystal, star)[0]
    amplitudes = mode.amplitudes(supercell, state_of(crystal, (2, 2, 1)).displacements)
    assert np.isfinite(amplitudes).all(axis=1).tolist() == star.fits(supercell).tolist() == [False, False, True]
    with pytest.raises(AnharmonicError, match="holds 1 of the 3 arms of the wave vector M"):
        check_fits(star, supercell)


def test_names_of_wave_vectors():
    """Labels, fractions, other arms and other zones are the same star."""
    crystal = builders.perovskite()
    for words in (["M"], ["1/2", "1/2", "0"], ["0", "-0.5", "2.5"]):
        q, rest = read_wave_vector(crystal, [*words, "A2g"])
        star = star_of(crystal, q)
        assert (star.label, len(star.arms), rest) == ("M", 3, ["A2g"])
    assert star_of(crystal, [0.5, 0.25, 0]).label == "0 1/4 1/2"
    assert read_wave_vector(crystal, ["G"])[0].tolist() == [0, 0, 0]
    assert sum(len(s.arms) * (1 if s.is_real else 2) for s in stars_of(crystal, Supercell.from_matrix((3, 4, 2)))) > 24
    for words in ([], ["N"], ["1/2", "1/2"], ["1/0", "0", "0"]):
        with pytest.raises(AnharmonicError, match="a label \\(.*M.*R.*X.*or three fractions"):
            read_wave_vector(crystal, words)
