"""Formation energies: the process against direct formulas and brute force, and the shipped predictor."""

import jax
import numpy as np
import pytest
from crystals import other_cells, perovskite
from scipy.linalg import solve

from anharmonic.errors import AnharmonicError, FileFormatError
from anharmonic.screening import Entry
from anharmonic.screening.formation import gaussian_process
from anharmonic.screening.formation.compounds import Compounds, compounds
from anharmonic.screening.formation.gaussian_process import fit
from anharmonic.screening.formation.kernel import Kernel, products
from anharmonic.screening.formation.predictor import FormationPredictor, shipped
from anharmonic.screening.models.evaluation import split_groups

METALS = np.array([3, 4, 11, 12, 13, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 37, 38, 39, 40, 41, 55, 56, 57, 72, 73])


def table(count=150, seed=0):
    """Compounds of random metals and anions with random shapes, and energies that depend on all of them."""
    rng = np.random.default_rng(seed)
    sites = np.column_stack([rng.choice(METALS, (count, 2)), rng.choice([8, 9, 17], count)])
    shapes = rng.normal(size=(count, 22)).astype(np.float32)
    energies = 0.02 * (sites[:, 0] - sites[:, 1]) - 0.001 * sites[:, 0] * sites[:, 2] / 8 + 0.2 * shapes[:, 0]
    names, formulas = tuple(map(str, range(count))), tuple(str(k // 3) for k in range(count))
    return Compounds(names, formulas, sites.astype(np.int16), shapes), energies


@pytest.fixture(scope="module")
def process():
    """A process fitted to 120 compounds, which have one failure among them; the other 30, and all energies."""
    found, energies = table()
    energies[7] += 5.0
    return fit(found.part(slice(0, 120)), energies[:120]), found.part(slice(120, None)), energies


def dense(process, left, right):
    with jax.enable_x64(True):
        return np.asarray(process.kernel(process.inputs(left), process.inputs(right)))


def test_kernel_is_a_covariance(process):
    """Symmetric, positive, as large as its variance on the diagonal, and the sum over all products of its factors."""
    process, others, _ = process
    matrix = dense(process, process.known, process.known)
    assert np.allclose(matrix, matrix.T, atol=1e-12)
    assert np.linalg.eigvalsh(matrix).min() > -1e-9
    assert np.allclose(np.diag(matrix), process.kernel.variance, rtol=1e-12)
    assert len(products(4)) == 15 and len(products(3)) == 7
    k = Kernel.initial(0)
    with jax.enable_x64(True):
        z = process.inputs(others)[0]
        a, b, x = (np.asarray(k._site(n, z, z)) for n in range(3))
        e = np.exp(k.weights)
        by_hand = e[0] * a + e[1] * b + e[2] * x + e[3] * a * b + e[4] * a * x + e[5] * b * x + e[6] * a * b * x + e[7]
        assert np.allclose(np.asarray(k((z, None), (z, None))), by_hand, rtol=1e-12)


def test_predictions_are_the_textbook_formulas(process):
    process, others, energies = process
    matrix = dense(process, process.known, process.known) + np.diag(process.noise)
    cross = dense(process, others, process.known)
    expected = process.mean + cross @ solve(matrix, energies[:120] - process.mean)
    variance = process.kernel.variance - np.sum(cross * solve(matrix, cross.T).T, axis=1) + process.noise.min()
    values, deviations = process.predict(others)
    assert np.allclose(values, expected, atol=1e-8)
    assert np.allclose(deviations, process.calibration * np.sqrt(variance), atol=1e-8)
    assert np.sqrt(np.mean((values - energies[120:]) ** 2)) < 0.25 * energies[120:].std()


def test_fewer_compounds_never_claim_more_certainty(process, monkeypatch):
    process, others, _ = process
    exact = process.predict(others)[1]
    monkeypatch.setattr(gaussian_process, "NEAR", 20)
    local = process.predict(others)[1]
    assert (local >= exact - 1e-9).all() and (local > exact + 1e-6).any()


def test_a_failure_is_given_noise_and_does_no_harm(process):
    process, others, energies = process
    assert np.argmax(process.noise) == 7 and process.noise[7] > 50 * np.median(process.noise)
    values, _ = process.predict(process.known.part([7]))
    assert abs(values[0] - energies[7]) > 3.0


def test_leaving_one_out_is_what_it_says(process):
    """Calibration from the inverse equals calibration from 40 processes, each without the compounds of one formula."""
    process, _, energies = process
    matrix, y = dense(process, process.known, process.known), energies[:120] - process.mean
    formulas, ratios = np.array(process.known.formulas), []
    for k in range(120):
        rest = formulas != formulas[k]
        factor = solve(
            matrix[np.ix_(rest, rest)] + np.diag(process.noise[rest]), np.stack([y[rest], matrix[rest, k]]).T
        )
        error = y[k] - matrix[k, rest] @ factor[:, 0]
        ratios.append(abs(error) / np.sqrt(matrix[k, k] - matrix[k, rest] @ factor[:, 1] + process.noise.min()))
    assert process.calibration == pytest.approx(np.quantile(ratios, gaussian_process.COVERED), rel=1e-6)


def test_elements_alone_do_not_see_shapes():
    found, energies = table(80)
    process = fit(found, energies, surfaces=False)
    other = Compounds(found.names, found.formulas, found.sites, found.shapes + 5)
    assert np.array_equal(process.predict(found)[0], process.predict(other)[0])


def test_shuffled_energies_teach_nothing():
    found, energies = table()
    shuffled = np.random.default_rng(1).permutation(energies[:120])
    values, _ = fit(found.part(slice(0, 120)), shuffled).predict(found.part(slice(120, None)))
    assert np.mean(abs(values - energies[120:])) > 0.7 * np.mean(abs(energies[120:] - energies.mean()))


def test_split_keeps_formulas_together():
    formulas = np.repeat([f"A{k}" for k in range(100)], 3)
    mask = split_groups(formulas, 0.7, 1)
    assert mask.sum() == 210 and not set(formulas[mask]) & set(formulas[~mask])
    assert (split_groups(formulas, 0.7, 2) != mask).any()


def test_file_and_its_refusals(tmp_path, process):
    found, energies = table(60)
    predictor = FormationPredictor.fit(found, energies, {"data": "made up"})
    predictor.save(tmp_path / "p.h5")
    again = FormationPredictor.load(tmp_path / "p.h5")
    assert again.predict(found)[3] == predictor.predict(found)[3] and again.origin == {"data": "made up"}
    (tmp_path / "bad.h5").write_bytes((tmp_path / "p.h5").read_bytes()[:3000])
    with pytest.raises(FileFormatError, match="damaged"):
        FormationPredictor.load(tmp_path / "bad.h5")


def test_shipped_predictor_on_known_compounds():
    """Signs and sizes of textbook compounds (OQMD: SrTiO3 -3.34, CsPbBr3 -1.49 eV/atom), each inside its error."""
    entries = [
        Entry("sto", perovskite()), Entry("cpb", perovskite(5.99, "CsPbBr3")),
        Entry("wrong", perovskite(4.8, "SrTiO3")), Entry("odd", perovskite(4.2, "UCsO3")),
    ]  # fmt: skip
    described, _, refused = compounds(entries)
    assert not refused
    sto, cpb, wrong, odd = shipped().predict(described)
    assert sto.sites == ("Sr", "Ti", "O") and not sto.doubts
    assert sto.value == pytest.approx(-3.34, abs=0.03) and cpb.value == pytest.approx(-1.49, abs=0.03)
    assert sto.deviation < 0.1 and sto.similar[0].correlation > 0.99
    assert any("not relaxed" in doubt for doubt in wrong.doubts)
    assert wrong.strain == pytest.approx(4.8 / 3.92 - 1, abs=0.01)
    assert abs(sto.strain) < 0.01
    assert wrong.elements_value == pytest.approx(sto.elements_value, abs=1e-9)
    assert odd.deviation > sto.deviation


def test_the_cell_does_not_matter():
    atoms = perovskite(shift=0.1)
    entries = [Entry(str(k), cell) for k, cell in enumerate([atoms, *other_cells(atoms)])]
    described, _, _ = compounds(entries)
    values = [found.value for found in shipped().predict(described)]
    assert np.ptp(values) < 1e-5
    assert np.ptp(described.shapes, axis=0).max() < 1e-5


def test_what_is_no_abx3_is_refused():
    entries = [Entry("two", perovskite(symbols="SrSrO3")), Entry("good", perovskite())]
    described, taken, refused = compounds(entries)
    assert [e.name for e in taken] == ["good"] and len(described) == 1
    assert "ABX3 of three elements" in refused[0].reason
    with pytest.raises(AnharmonicError):
        raise AnharmonicError(refused[0].reason)
