"""Models on a made-up property that both structure and composition decide."""

import numpy as np
import pytest
from ase.build import bulk
from crystals import perovskite

from anharmonic.errors import AnharmonicError, FileFormatError
from anharmonic.screening import Entry, Metric, describe
from anharmonic.screening.descriptors.powder import powder
from anharmonic.screening.distances.nearest import distance_matrix
from anharmonic.screening.elements import element_table
from anharmonic.screening.models.domain import Domain
from anharmonic.screening.models.evaluation import cross_validate, scores, splits
from anharmonic.screening.models.linear import kernel_ridge, lasso, ridge
from anharmonic.screening.models.property import load_models, make_model, save_models, usable

METALS = ("Li", "Na", "K", "Rb", "Mg", "Ca", "Sr", "Ba", "Mn", "Fe", "Co", "Ni", "Cd", "Pb")
ANIONS = ("F", "Cl", "Br", "O", "S", "Se")
NAMES = "nearest", "kernel", "boosting", "combined"


def hardness(atoms):
    """Grows with cohesion, falls with volume."""
    cohesion = element_table()["atomization_enthalpy"][atoms.numbers].mean()
    return cohesion / (atoms.get_volume() / len(atoms)) ** 1.2


def compounds():
    """Rock salts, cesium chlorides and perovskites of many elements."""
    radius = element_table()["covalent_radius"]
    found = []
    for metal in METALS:
        for anion in ANIONS:
            numbers = bulk(metal + anion, "rocksalt", a=5.0).numbers
            bond = radius[numbers].sum() / 100 * 1.05
            found += [bulk(metal + anion, "rocksalt", a=2 * bond), bulk(metal + anion, "cesiumchloride", a=1.13 * bond),
                      perovskite(2.02 * bond, f"Cs{metal}{anion}3")]  # fmt: skip
    return found


@pytest.fixture(scope="module")
def crystals():
    return compounds()


@pytest.fixture(scope="module")
def library(crystals):
    return describe([Entry(str(k), a, {"K": hardness(a)}) for k, a in enumerate(crystals)])


@pytest.mark.parametrize("name", NAMES[:3])
def test_models_predict_what_they_have_not_seen(library, name):
    """Better by far than the median; cross-validation predicts each once."""
    values, done = library.property("K"), []
    predicted = cross_validate(lambda: make_model(name), library, values, 4, on_fold=lambda *x: done.append(x))
    found, dummy = scores(values, predicted), scores(values, np.full(len(values), np.median(values)))
    assert np.isfinite(predicted).all() and done == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert found.mae < {"nearest": 0.4, "kernel": 0.2, "boosting": 0.4}[name] * dummy.mae
    assert found.r2 > 0.75 and found.count == len(library)


def test_what_was_seen_is_known(library):
    """The nearest neighbour of a known crystal is itself; its explanation says so."""
    model = make_model("nearest", k=3).fit(library, library.property("K"))
    values, numbers, distances = model.explain(library)
    np.testing.assert_array_equal(numbers[:, 0], np.arange(len(library)))
    np.testing.assert_allclose(values, library.property("K"), rtol=1e-4)
    assert (np.diff(distances, axis=1) >= 0).all() and (distances[:, 0] == 0).all()
    with pytest.raises(AnharmonicError, match="neighbours"):
        make_model("nearest", k=0).fit(library, library.property("K"))
    with pytest.raises(AnharmonicError, match="nearest, kernel, boosting, combined"):
        make_model("forest")


def test_the_kernel_is_positive_definite(library):
    """exp(-d) of distances of the first norm."""
    kernel = np.exp(-distance_matrix(Metric().rows(library)).astype(float))
    assert np.linalg.eigvalsh(kernel).min() > -1e-5


@pytest.mark.parametrize("name", NAMES)
def test_models_survive_their_file(library, tmp_path, name):
    """Without pickle; the predictions are the same to the last bit."""
    values = library.property("K")
    model = make_model(name).fit(library.part(slice(0, 120)), values[:120])
    save_models(tmp_path / "models.skops", {"K": model}, {"library": library.digest(), "k": 1})
    found = load_models(tmp_path / "models.skops", {"library": library.digest()})["K"]
    np.testing.assert_array_equal(found.predict(library), model.predict(library))


def test_strange_files_are_refused(tmp_path):
    """Types that are no models are not loaded; a damaged file is no model."""
    import skops.io
    from sklearn.pipeline import FunctionTransformer

    skops.io.dump({"K": FunctionTransformer(hardness)}, tmp_path / "odd.skops")
    with pytest.raises(FileFormatError, match="hardness.*not read"):
        load_models(tmp_path / "odd.skops", {})
    (tmp_path / "bad.skops").write_bytes(b"PK nonsense")
    skops.io.dump([1, 2], tmp_path / "list.skops")
    for name in ("bad", "list"):
        with pytest.raises(FileFormatError, match="damaged"):
            load_models(tmp_path / f"{name}.skops", {})
    save_models(tmp_path / "other.skops", {}, {"library": "abc"})
    with pytest.raises(FileFormatError, match="library 'abc' there, 'xyz' here"):
        load_models(tmp_path / "other.skops", {"library": "xyz"})


def test_small_and_doubled_libraries(library):
    """Too few entries are refused; crystals that are all the same are not divided by."""
    few, values = library.part(slice(0, 7)), library.property("K")[:7]
    for name, least in (("kernel", 8), ("boosting", 50)):
        with pytest.raises(AnharmonicError, match=f"at least {least} entries"):
            make_model(name).fit(few, values)
    same = library.part(np.zeros(9, int))
    np.testing.assert_allclose(make_model("kernel").fit(same, np.full(9, 3.0)).predict(same), 3.0, rtol=1e-6)
    assert library.digest() == library.part(slice(None)).digest() != few.digest()


def test_outliers_are_left_out():
    assert usable(np.array([-1.0, 0.0, 5.0, 600.0, 601.0, np.nan])).tolist() == [False, False, True, True, False, False]


def test_splits_hold_every_number_once():
    found = splits(23, 5, seed=3)
    assert sorted(np.concatenate([test for _, test in found])) == list(range(23))
    for train, test in found:
        assert sorted([*train, *test]) == list(range(23))
    assert any((a[1] != b[1]).any() for a, b in zip(found, splits(23, 5, seed=4), strict=True))
    with pytest.raises(AnharmonicError, match="folds"):
        splits(3, 5)


def test_scores_by_hand():
    found = scores(np.array([1.0, 2.0, 4.0]), np.array([2.0, 2.0, 1.0]))
    assert (found.mae, found.median, found.count) == (pytest.approx(4 / 3), 1.0, 3)
    assert found.rmse == pytest.approx((10 / 3) ** 0.5)
    assert found.r2 == pytest.approx(1 - 10 / (14 / 3))
    assert found.relative == pytest.approx((np.log(2) + np.log(4)) / 3)


@pytest.mark.parametrize("model", [lasso, ridge, lambda: kernel_ridge(60)])
def test_linear_and_kernel_models_on_any_descriptor(crystals, model, tmp_path):
    """Powder patterns of the same crystals."""
    rows = np.array([powder(atoms) for atoms in crystals])
    values = np.array([hardness(atoms) for atoms in crystals])
    order = np.random.default_rng(0).permutation(len(values))
    train, test = order[50:], order[:50]
    fitted = model().fit(rows[train], values[train])
    predicted = fitted.predict(rows[test])
    save_models(tmp_path / "linear.skops", {"K": fitted}, {})
    np.testing.assert_array_equal(load_models(tmp_path / "linear.skops", {})["K"].predict(rows[test]), predicted)
    assert predicted.shape == (50,) and (predicted > 0).all()
    dummy = np.full(50, np.median(values[train]))
    assert scores(values[test], predicted).relative < 0.55 * scores(values[test], dummy).relative


def test_the_domain_knows_what_is_far(library):
    """A noble metal under vast tension is unlike all salts; another salt is not."""
    domain = Domain.of(Metric(), library)
    queries = describe([Entry("far", bulk("Au", a=8.0)), Entry("near", bulk("NaCl", "rocksalt", a=5.3))])
    _, distances = domain.nearest(queries, 1)
    assert distances[0, 0] > 3 * domain.edge > 3 * distances[1, 0]
