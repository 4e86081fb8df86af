"""Networks on fingerprints and graphs: what they cannot see, what is not trained, and interrupted trainings."""

from dataclasses import replace
from functools import cache

import equinox as eqx
import jax
import numpy as np
import pytest
from ase.build import make_supercell
from crystals import perovskite

from anharmonic.errors import FileFormatError
from anharmonic.screening.models.evaluation import split_groups
from anharmonic.screening.networks.convolutional import FingerprintNetwork
from anharmonic.screening.networks.graph import MOST, GraphNetwork, crystal_graph, stack
from anharmonic.screening.networks.layers import Scaling
from anharmonic.screening.networks.naming import ProfileNetwork
from anharmonic.screening.networks.samples import Samples
from anharmonic.screening.networks.trained import LinearBoost, apply
from anharmonic.screening.networks.training import Training, train, train_ensemble, trainable

KEY = jax.random.key(0)
SHORT = Training(epochs=6, batch=16, validation=0.2, save_every=2)


def random_samples(count=32, shape=(3, 12, 12), seed=0):
    """Inputs, targets and elements that have nothing to do with each other."""
    rng = np.random.default_rng(seed)
    inputs, targets = rng.random((count, *shape), np.float32), rng.normal(size=(count, 1))
    groups = np.array([f"group {k // 2}" for k in range(count)])
    return Samples(inputs, targets, groups, rng.integers(1, 90, (count, 2)))


def network(samples, **options):
    """A small network on images."""
    return FingerprintNetwork(samples.inputs, width=4, hidden=32, **options, key=KEY)


def leaves(tree):
    return [np.asarray(leaf) for leaf in jax.tree.leaves(eqx.filter(tree, eqx.is_array))]


def same(first, second):
    """Whether all arrays of two trees agree bit for bit."""
    return all(np.array_equal(a, b) for a, b in zip(leaves(first), leaves(second), strict=True))


@pytest.mark.parametrize(("channels", "bins"), [(1, 33), (3, 12)])
def test_sizes(channels, bins):
    """Channels, bins and several outputs; names of two sites are told on the way."""
    images = np.random.default_rng(0).random((4, channels, bins, bins), np.float32)
    model = FingerprintNetwork(images, outputs=3, named=2, width=4, key=KEY)
    values, logits = eqx.filter_eval_shape(model, images[0])
    assert values.shape == (3,) and logits.shape == (2, 104)
    assert eqx.filter_eval_shape(FingerprintNetwork(images, width=4, key=KEY), images[0])[1] is None


def test_the_head_sees_names_only():
    """With naming, two inputs of the same probabilities have the same value, whatever else differs."""
    samples = random_samples(shape=(3, 54))
    model = ProfileNetwork(samples.inputs, width=16, hidden=16, key=KEY)
    silent = eqx.tree_at(lambda m: [site.weight for site in m.naming.sites], model, replace_fn=lambda w: 0 * w)
    assert silent(samples.inputs[0])[0] == silent(samples.inputs[1])[0]
    assert model(samples.inputs[0])[0] != model(samples.inputs[1])[0]


def test_frozen_features_stay():
    """Bit for bit, and the head does not; weight decay would move them."""
    samples = random_samples()
    model = network(samples)
    done = train(model, samples, replace(SHORT, weight_decay=0.1), frozen=lambda m: m.features).model
    assert same(done.features, model.features)
    assert not same(done.head, model.head)
    assert not same(train(model, samples, SHORT).model.features, model.features)


def test_scaling_is_not_trained():
    samples = random_samples()
    model = network(samples)
    assert not any(jax.tree.leaves(trainable(model).features.scaling))
    done = train(model, samples, replace(SHORT, weight_decay=0.1)).model
    assert same(done.features.scaling, model.features.scaling)


@pytest.mark.parametrize("kind", ["standard", "root"])
def test_scaling_is_that_of_its_samples(kind):
    """Other samples do not change it; constant numbers become 0."""
    rng = np.random.default_rng(0)
    known, other = rng.gamma(1.0, size=(200, 5)), 10 + rng.gamma(1.0, size=(50, 5))
    known[:, 4] = 0.0
    scaling = Scaling.fit(known, kind)
    scaled = np.array([scaling(x) for x in known.astype(np.float32)])
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-5)
    assert not scaled[:, 4].any()
    if kind == "standard":
        np.testing.assert_allclose(scaled[:, :4].std(axis=0), 1, rtol=1e-4)
    assert not same(scaling, Scaling.fit(np.concatenate([known, other]), kind))
    with pytest.raises(ValueError, match="kinds of scaling"):
        Scaling.fit(known, "logarithm")


def test_an_interrupted_training_ends_alike(tmp_path):
    """Parameters, curve and the epoch kept are those of a run that went through."""
    samples, path = random_samples(), tmp_path / "state"
    model = network(samples, named=2)
    whole = train(model, samples, SHORT)

    class Interrupted(Exception):
        pass

    def interrupt(epoch, curve):
        if epoch == 5:
            raise Interrupted

    with pytest.raises(Interrupted):
        train(model, samples, SHORT, checkpoint=path, on_epoch=interrupt)
    epochs = []
    again = train(model, samples, SHORT, checkpoint=path, on_epoch=lambda epoch, curve: epochs.append(epoch))
    assert epochs == [5, 6]
    assert same(again.model, whole.model) and again.best_epoch == whole.best_epoch
    np.testing.assert_array_equal(again.curve, whole.curve)


def test_a_checkpoint_of_another_training_is_refused(tmp_path):
    samples, path = random_samples(), tmp_path / "state"
    model = network(samples)
    train(model, samples, SHORT, checkpoint=path)
    with pytest.raises(FileFormatError, match="another training"):
        train(model, samples, replace(SHORT, learning_rate=1e-2), checkpoint=path)
    with pytest.raises(FileFormatError, match="another training"):
        train(network(random_samples(seed=1)), samples, SHORT, checkpoint=path)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(FileFormatError, match="damaged"):
        train(model, samples, SHORT, checkpoint=path)
    path.write_bytes(b"\x00nothing")
    with pytest.raises(FileFormatError, match="no checkpoint"):
        train(model, samples, SHORT, checkpoint=path)


@pytest.mark.parametrize("named", [0, 2])
def test_noise_can_be_learnt_by_heart(named):
    samples = random_samples()
    settings = Training(epochs=60, batch=4, learning_rate=2e-3, validation=0.0, weight_decay=0.0)
    done = train(network(samples, named=named), samples, settings)
    assert abs(done.predict(samples.inputs) - samples.targets).mean() < 0.15 * samples.targets.std()
    if named:
        assert (done.name(samples.inputs) == samples.elements).mean() > 0.9


def test_unknown_targets_are_left_out():
    """They change nothing but the names that are learnt; without names, not even a step of the training."""
    samples = random_samples()
    gaps = replace(samples, targets=np.where(np.arange(32)[:, None] < 16, samples.targets, np.nan))
    settings = replace(SHORT, epochs=2, batch=32, validation=0.0, weight_decay=0.0)
    first = train(network(samples), gaps, settings)
    other = train(network(samples), replace(gaps, inputs=np.where(np.isnan(gaps.targets)[..., None, None],
                                                                  0.5, gaps.inputs)), settings)  # fmt: skip
    assert np.isfinite(first.predict(samples.inputs)).all()
    np.testing.assert_allclose(first.predict(samples.inputs), other.predict(samples.inputs), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(first.offset, gaps.targets[:16].mean())


def test_what_can_be_learnt_is_and_shuffled_labels_cannot():
    """The control: with the targets of other samples there is no skill on what was not seen."""
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(600, 3, 4)).astype(np.float32)
    targets = inputs[:, 0].sum(axis=1, keepdims=True).astype(float)
    groups = np.arange(600).astype(str)
    seen = split_groups(groups, 0.7, 0)

    def skill(values):
        samples = Samples(inputs, values, groups)
        model = ProfileNetwork(inputs[seen], named=0, width=32, hidden=32, key=KEY)
        found = train(model, samples.part(seen), Training(epochs=20, batch=32)).predict(inputs[~seen])
        return 1 - abs(found - values[~seen]).mean() / abs(values[~seen] - np.median(values[seen])).mean()

    assert skill(targets) > 0.4
    assert skill(rng.permutation(targets)) < 0.05


def test_early_stopping_keeps_the_best_epoch():
    """On noise the error of the share held out soon grows."""
    done = train(network(random_samples()), random_samples(), replace(SHORT, epochs=60, patience=5))
    assert len(done.curve) == done.best_epoch + 5 < 60
    assert done.curve[:, 1].argmin() + 1 == done.best_epoch


def test_groups_stay_together():
    groups = np.array(["a", "b", "a", "c", "b", "d"] * 5)
    mask = split_groups(groups, 0.5, 0)
    assert all(len(set(mask[groups == name])) == 1 for name in "abcd")
    assert len(set(groups[mask])) == 2
    joined = random_samples(4).joined(random_samples(2, seed=1))
    assert len(joined) == len(joined.inputs) == len(joined.elements) == 6


def test_a_straight_line_is_found():
    predicted = np.random.default_rng(0).normal(size=(50, 1))
    boost = LinearBoost.fit(predicted, 1.3 * predicted - 0.2)
    assert (boost.slope, boost.intercept) == pytest.approx((1.3, -0.2))
    np.testing.assert_allclose(boost(predicted), 1.3 * predicted - 0.2)


def test_an_ensemble_is_the_mean_of_different_networks():
    samples = random_samples()
    found = train_ensemble(lambda key: FingerprintNetwork(samples.inputs, width=4, key=key), samples, SHORT, 2)
    every = np.array([member.predict(samples.inputs) for member in found.members])
    assert not np.allclose(every[0], every[1])
    np.testing.assert_allclose(found.predict(samples.inputs), every.mean(axis=0))
    np.testing.assert_allclose(found.spread(samples.inputs), every.std(axis=0))


@cache
def graph_network():
    """Not trained."""
    return GraphNetwork(width=8, depth=2, hidden=8, key=KEY)


def value(atoms):
    """Of a crystal, by the untrained network."""
    return np.asarray(apply(graph_network(), stack([crystal_graph(atoms)]))[0][0])


def test_graphs_have_no_order_orientation_or_cell():
    """Displaced atoms, and the ideal structure, where oxygen has A and O at one distance."""
    for displaced in (0.0, 0.05):
        atoms = perovskite()
        atoms.positions += displaced * np.random.default_rng(0).normal(size=(5, 3))
        turned = atoms.copy()
        turned.rotate(33, (1, 2, 3), rotate_cell=True)
        double = make_supercell(atoms, [[1, 1, 0], [0, 1, 0], [0, 0, 2]])
        for other in (atoms[[3, 1, 4, 0, 2]], turned, double):
            np.testing.assert_allclose(value(other), value(atoms), rtol=2e-5, atol=2e-6)
    assert abs(value(perovskite()) - value(atoms)) > 1e-5


def test_padded_graphs_have_the_same_value():
    """Small and large crystals together."""
    small, large = perovskite(), make_supercell(perovskite(), np.diag([1, 1, 2]))
    together = stack([crystal_graph(small), crystal_graph(large)])
    assert together.distances.shape == (2, 10, MOST)
    values = apply(graph_network(), together)[0]
    np.testing.assert_allclose(values[0], value(small), rtol=2e-5, atol=2e-6)
    np.testing.assert_allclose(values[0], values[1], rtol=2e-5, atol=2e-6)
