"""The generator: its sizes, its loss by hand, what it learns, interruptions, files, and the errors of Table 1."""

from dataclasses import replace
from functools import cache, partial
from types import SimpleNamespace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from crystals import perovskite
from scipy.integrate import quad

from anharmonic.errors import AnharmonicError, FileFormatError
from anharmonic.screening import Entry
from anharmonic.screening.generator import layout
from anharmonic.screening.generator.descriptor import encode_all
from anharmonic.screening.generator.evaluation import energy_errors, evaluate, reconstruction_errors
from anharmonic.screening.generator.network import PRESETS, STABLE, Sizes, TargetLearningVAE
from anharmonic.screening.generator.objective import ERRORS, NOISE, TERMS, Weights, divergences, loss
from anharmonic.screening.generator.properties import property_vectors
from anharmonic.screening.generator.training import DEFAULT, Generator, train_generator
from anharmonic.screening.models.evaluation import split_groups

KEY = jax.random.key(0)
SMALL = Sizes((6,), (4,), (4,), (), 32, 12, (8,), (8,))
SHORT = replace(DEFAULT, epochs=4, batch=8, validation=0.25, save_every=2)


@cache
def compounds():
    """Images, energies and formulas of 24 cubic and tetragonal perovskites."""
    entries = []
    for a, cation in enumerate(("Na", "K", "Ca", "Sr", "Ba", "La")):
        for b, metal in enumerate(("Ti", "Zr", "Nb", "Mn")):
            atoms = perovskite(3.8 + 0.08 * a + 0.05 * b, f"{cation}{metal}O3", 0.1 * (b == 2))
            entries.append(Entry(f"{a} {b}", atoms, {"energy": -3.0 + 0.4 * a + 0.2 * b}))
    images, taken, refused = encode_all(entries)
    assert not refused
    return images, np.array([e.properties["energy"] for e in taken]), np.array([e.formula for e in taken])


def same(first, second):
    """Whether all arrays of two trees agree bit for bit."""
    pairs = zip(*(jax.tree.leaves(eqx.filter(tree, eqx.is_array)) for tree in (first, second)), strict=True)
    return all(np.array_equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("preset", PRESETS)
def test_sizes(preset):
    """256 latent numbers from an image, and an image of them; the published layers are those of the paper's code."""
    images, energies, _ = compounds()
    make = partial(TargetLearningVAE, images[:1], energies[:1], PRESETS[preset])
    model = eqx.filter_eval_shape(lambda key: make(key=key), KEY)
    mean, log_variance = eqx.filter_eval_shape(lambda m, x: m.encode(x), model, images[0])
    assert mean.shape == log_variance.shape == (256,)
    back = eqx.filter_eval_shape(lambda m, z: (m.decode(z), m.energy(z), m.stable(z)), model, mean)
    assert [part.shape for part in back] == [(60, 88, 3), (), ()]
    if preset == "published":
        assert [c.weight.shape for c in model.encoder.convolutions] == [(32, 3, 3, 3), (64, 32, 3, 3), (64, 64, 5, 5)]
        assert [c.weight.shape[2:] for c in model.decoder.convolutions] == [(5, 5), (3, 3), (3, 3)]
        assert model.decoder.grid == (64, 15, 22) and model.decoder.dense[1].weight.shape == (21120, 1024)
        assert [h.weight.shape[0] for h in model.regressor.layers] == [256, 128, 64, 32, 1]


@pytest.mark.parametrize("options", [{"strides": (7, 1)}, {"kernels": (3,)}, {"decoder_filters": ()}])
def test_impossible_sizes_are_refused(options):
    with pytest.raises(AnharmonicError, match="found"):
        Sizes(**options)


@pytest.mark.parametrize(("mean", "variance"), [(0.0, 1.0), (1.5, 0.3), (-0.2, 4.0)])
def test_divergences_are_integrals(mean, variance):
    def density(z, m, v):
        return np.exp(-((z - m) ** 2) / (2 * v)) / np.sqrt(2 * np.pi * v)

    def integrand(z):
        return density(z, mean, variance) * np.log(density(z, mean, variance) / density(z, 0, 1))

    expected = quad(integrand, mean - 9 * variance**0.5, mean + 9 * variance**0.5)[0]
    assert divergences(mean, jnp.log(variance)) == pytest.approx(expected, abs=1e-6)


def parts_of_a_network(mean, log_variance, image, energy, logit):
    """What the loss asks of a network, with fixed answers."""
    return SimpleNamespace(
        encode=lambda x: (mean, log_variance), decode=lambda z: image, energy=lambda z: energy + 0 * z[0],
        stable=lambda z: logit + 0 * z[0],
    )  # fmt: skip


@pytest.mark.parametrize(("share", "beta"), [(0.0, 0.0), (0.1, 1.0), (0.2, 2.0), (1.0, 2.0)])
def test_the_loss_by_hand(share, beta):
    """Each part in units of its noise, the divergence with its warm-up and free nats, and both heads."""
    images, energies, _ = compounds()
    mean, log_variance = jnp.array([0.5, 0.0]), jnp.array([-1.0, 0.0])
    given = layout.array(images[0]).copy()
    given[layout.ROWS["lattice"], layout.DIRECT] += 0.02
    given[layout.RECIPROCAL_ROWS["sums"], 10] -= 0.5
    model = parts_of_a_network(mean, log_variance, jnp.asarray(layout.image(given)), -1.0, 0.7)
    weights = Weights(beta=2.0, warm_up=0.2, free=0.1, energy=0.2, stability=3.0)
    batch = images[:1], jnp.array([-1.3])
    total, terms = loss(model, batch, weights.arrays(), KEY, share)
    kl = 0.5 * (0.25 + np.exp(-1) - 1 + 1)
    expected = {
        "reconstruction": 9 * 0.02**2 / (2 * NOISE["lattice"] ** 2) + 130 * 0.5**2 / (2 * NOISE["sums"] ** 2),
        "KL": kl, "used": 1, "regression": 0.3**2 / (2 * 0.2**2), "classification": 3 * np.log(1 + np.exp(0.7)),
    }  # fmt: skip
    found = dict(zip(TERMS, np.asarray(terms), strict=True))
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-4), name
    paid = sum(value for name, value in expected.items() if name not in ("KL", "used"))
    assert total == pytest.approx(paid + beta * (kl + 0.1), rel=1e-4) and found["loss"] == total


def test_latent_numbers_are_sampled():
    """Eq. 2: the same key gives the same loss, another one another; without variance the key does not matter."""
    images, energies, _ = compounds()
    batch, weights, mean = (images[:1], energies[:1]), Weights().arrays(), jnp.array([0.3])
    for log_variance, moved in ((0.0, True), (-60.0, False)):
        network = parts_of_a_network(mean, jnp.array([log_variance]), jnp.asarray(images[0]), -1.0, 0.0)
        network.decode = lambda z: images[0] + z[0]
        first, again, other = (loss(network, batch, weights, jax.random.key(k), 0.5)[1][1] for k in (0, 0, 1))
        assert first == again and (abs(first - other) > 1e-3 * first) == moved


def test_scalings_are_those_of_the_training():
    """Parts share one spread; what is held out, and a constant part, change nothing."""
    images, energies, groups = compounds()
    model = train_generator(images, energies, groups, SMALL, settings=replace(SHORT, epochs=1)).model
    other = images.copy()
    other[split_groups(groups, SHORT.validation, SHORT.seed)] += 100
    again = train_generator(other, energies, groups, SMALL, settings=replace(SHORT, epochs=1)).model
    assert same(again.scaling, model.scaling) and same(again.energies, model.energies)
    scale = layout.array(np.asarray(model.scaling.scale))
    for name, mask in layout.part_masks().items():
        assert len(np.unique(scale[mask])) == 1, name
    assert scale[layout.part_masks()["count"]][0] == pytest.approx(1e-6)


def test_an_interrupted_training_ends_alike(tmp_path):
    """Bit for bit, noise in the latent space included."""
    images, energies, groups = compounds()
    path = tmp_path / "training.state"
    whole = train_generator(images, energies, groups, SMALL, settings=SHORT)

    def interrupt(epoch, curve):
        if epoch == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_generator(images, energies, groups, SMALL, settings=SHORT, checkpoint=path, on_epoch=interrupt)
    epochs = []
    again = train_generator(
        images, energies, groups, SMALL, settings=SHORT, checkpoint=path, on_epoch=lambda n, curve: epochs.append(n)
    )
    assert epochs == [3, 4]
    assert same(again.model, whole.model) and again.best_epoch == whole.best_epoch
    np.testing.assert_array_equal(again.curve, whole.curve)
    assert whole.curve.shape == (4, len(TERMS) + len(ERRORS)) and np.isfinite(whole.curve[1:]).all()
    with pytest.raises(FileFormatError, match="another training"):
        train_generator(images, energies, groups, SMALL, Weights(beta=2.0), SHORT, checkpoint=path)


def test_files(tmp_path):
    """What comes back encodes, decodes and predicts alike; other files are refused."""
    images, energies, groups = compounds()
    path = tmp_path / "generator.model"
    done = train_generator(images, energies, groups, SMALL, settings=SHORT, checkpoint=tmp_path / "state")
    done.save(path)
    found = Generator.load(path)
    assert same(found.model, done.model) and found.sizes == SMALL and found.best_epoch == done.best_epoch
    np.testing.assert_array_equal(found.curve, done.curve)
    z = done.encode(images)[0]
    np.testing.assert_array_equal(found.decode(z), done.decode(z))
    np.testing.assert_array_equal(found.heads(z), done.heads(z))
    with pytest.raises(FileFormatError, match="no trained generator"):
        Generator.load(tmp_path / "state")
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(FileFormatError, match="damaged"):
        Generator.load(path)
    path.write_text("nothing")
    with pytest.raises(FileFormatError, match="no checkpoint"):
        Generator.load(path)


BY_HEART = replace(DEFAULT, epochs=60, batch=8, learning_rate=1e-2, validation=0.0)
WIDER = replace(SMALL, dense=48, latent=16)


def test_crystals_are_learnt_by_heart():
    """Most of 24 compounds come back, their energies are known, and no latent number is lost.

    Of the mean of all images, 0.53 of the elements would be wrong, lattices by 0.13 A, and energies by 0.6 eV.
    """
    images, energies, groups = compounds()
    done = train_generator(images, energies, groups, WIDER, settings=BY_HEART)
    found, predicted, each = evaluate(done, images, energies)
    assert found["elements"] < 0.2 and found["sites"] == 0 and found["number_of_atoms"] == 0
    assert found["coordinates_mae"] < 0.03 and found["lattice_rmse"] < 0.2 and found["valid"] > 0.6
    assert found["energy_mae"] < 0.1 and found["f1"] > 0.9 and abs(predicted - energies).mean() == found["energy_mae"]
    assert each.min() > 0.5


def test_a_heavy_divergence_empties_the_latent_space():
    """The control: with a thousand times its weight, and nothing free, no latent number says anything."""
    images, energies, groups = compounds()
    off = train_generator(images, energies, groups, WIDER, Weights(beta=1000.0, free=0.0), BY_HEART)
    found, _, each = evaluate(off, images, energies)
    assert each.max() < 0.1 and found["elements"] > 0.4


def test_errors_of_table_1():
    """Nothing is wrong with the images themselves; what is changed by hand is counted."""
    images, energies, _ = compounds()
    exact = reconstruction_errors(images, images)
    assert not any(exact.values())
    arrays = layout.array(images).copy()
    arrays[0, layout.ROWS["elements"], 0] = np.eye(89)[40]
    arrays[0, layout.ROWS["properties"], 0] = property_vectors()[40]
    arrays[1, layout.ROWS["sites"], :3][7] = [0, 0, 1]
    arrays[2, layout.ROWS["lattice"], :3] += 0.3
    arrays[3, layout.ROWS["coordinates"], :3][5:] = 7.0
    arrays[4, layout.ROWS["count"], :3] = 1.0
    found = reconstruction_errors(images, layout.image(arrays))
    assert found["elements"] == pytest.approx(1 / 72) and found["sites"] == pytest.approx(1 / 480)
    assert found["lattice_mae"] == pytest.approx(0.3 / 24, rel=1e-5) and found["coordinates_mae"] == 0
    assert found["lattice_rmse"] == pytest.approx(0.3 / 24**0.5, rel=1e-5)
    assert found["number_of_atoms"] == pytest.approx(1 / 24)


def test_errors_of_energies():
    energies = np.array([-3.0, -2.0, -1.0, 0.0])
    found = energy_errors(energies, energies + [0.1, -0.1, 0.1, -0.1], np.array([0.9, 0.4, 0.6, 0.1]))
    assert found["energy_mae"] == pytest.approx(0.1) and found["energy_r2"] == pytest.approx(1 - 0.04 / 5)
    assert found["f1"] == pytest.approx(0.5) and found["roc"] == pytest.approx(0.75)


@pytest.mark.slow
def test_the_classifier_agrees_with_the_energy_and_learns_nothing_of_it():
    """Stable is an energy at or below the threshold; the head gives the doubt and leaves energies alone."""
    images, energies, _ = compounds()
    model = TargetLearningVAE(images, energies - energies.mean() + STABLE, key=KEY)
    z = 3 * jax.random.normal(KEY, (50, 256))
    found, below = jax.vmap(model.stable)(z), jax.vmap(model.energy)(z) < STABLE
    assert ((found > 0) == below).all() and 0 < below.sum() < 50
    gradient = eqx.filter_grad(lambda m: jax.vmap(m.stable)(z).sum())(model)
    assert all((leaf == 0).all() for leaf in jax.tree.leaves(gradient.regressor))
    assert any((leaf != 0).any() for leaf in jax.tree.leaves(gradient.classifier))
