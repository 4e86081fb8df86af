"""Training of the generator, and trained generators with their file."""

from dataclasses import asdict, dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from anharmonic.errors import FileFormatError
from anharmonic.screening.generator.layout import SHAPE
from anharmonic.screening.generator.network import Sizes, TargetLearningVAE
from anharmonic.screening.generator.objective import ERRORS, Weights, errors, loss
from anharmonic.screening.models.evaluation import split_groups
from anharmonic.screening.networks.checkpoint import origin_of, read_checkpoint, write_checkpoint
from anharmonic.screening.networks.loop import Task, descend
from anharmonic.screening.networks.training import Training, digest, trainable

KIND = "TL-VAE"
TOGETHER = 128
"""Crystals that are encoded or decoded together."""
DEFAULT = Training(epochs=100, batch=64, learning_rate=2e-3, weight_decay=1e-4, save_every=5)
"""For some ten thousand crystals."""


@dataclass(frozen=True)
class Generator:
    """A trained network.

    Attributes
    ----------
    model : TargetLearningVAE
    sizes : Sizes
    reading : str
        Of eq. 1, in the images it was trained on.
    curve : ndarray, shape (n_epochs, 12)
        `objective.TERMS` of the training, then `objective.ERRORS` of the share held out.
    best_epoch : int
        The one that was kept.
    seconds : float
        Of the training.
    """

    model: TargetLearningVAE
    sizes: Sizes
    reading: str
    curve: np.ndarray
    best_epoch: int
    seconds: float

    def encode(self, images):
        """Mean and logarithm of the variance (n, latent) of images (n, 60, 88, 3)."""
        return _in_parts(_encode, self.model, images)

    def decode(self, z):
        """Images (n, 60, 88, 3) of latent numbers (n, latent); `decoding.decode` makes crystals of them."""
        return _in_parts(_decode, self.model, z)[0]

    def heads(self, z):
        """Formation energies (n,), eV/atom, and probabilities (n,) of being stable, of latent numbers (n, latent)."""
        return _in_parts(_heads, self.model, z)

    def save(self, path):
        """Write a file."""
        kept = {"kind": KIND, "sizes": asdict(self.sizes), "reading": self.reading, "best_epoch": self.best_epoch}
        more = {"seconds": self.seconds, "curve": np.asarray(self.curve, float).tolist()}
        write_checkpoint(path, self.model, kept | more)

    @classmethod
    def load(cls, path):
        """Read a file.

        Raises
        ------
        FileFormatError
            If it is damaged or holds something else.
        """
        origin = origin_of(path)
        if not isinstance(origin, dict) or origin.get("kind") != KIND:
            raise FileFormatError(f"{path} is no trained generator")
        sizes = Sizes(**{k: tuple(v) if isinstance(v, list) else v for k, v in origin["sizes"].items()})
        like = TargetLearningVAE(np.zeros((1, *SHAPE)), np.zeros(1), sizes, key=jax.random.key(0))
        model, curve = read_checkpoint(path, like, origin), np.array(origin["curve"], float)
        return cls(model, sizes, origin["reading"], curve, origin["best_epoch"], origin["seconds"])


def train_generator(images, energies, groups, sizes=None, weights=None, settings=DEFAULT, reading="structure_factor",
                    checkpoint=None, on_epoch=lambda epoch, curve: None):  # fmt: skip
    """Train a generator; from its checkpoint where there is one.

    Parameters
    ----------
    images : ndarray, shape (n, 60, 88, 3)
        Of `descriptor.encode_all`.
    energies : ndarray, shape (n,)
        Formation energies, eV/atom.
    groups : ndarray of str, shape (n,)
        Formulas: those of one formula are never divided.
    sizes : Sizes, optional
    weights : Weights, optional
    settings : Training
        The share `validation` of the formulas decides which epoch is kept: that with the smallest loss after the
        warm-up. Scalings are fitted to the others.
    reading : str
        Of eq. 1, in the images.
    checkpoint : path-like, optional
    on_epoch : callable, optional
        Called with the number of epochs done and the curve.

    Returns
    -------
    Generator

    Raises
    ------
    FileFormatError
        If the checkpoint is damaged or of another training.
    """
    sizes, weights = sizes or Sizes(), weights or Weights()
    held = split_groups(np.asarray(groups), settings.validation, settings.seed)
    inside, outside = ((np.asarray(images[m], np.float32), np.asarray(energies[m], np.float32)) for m in (~held, held))
    model = TargetLearningVAE(*inside, sizes, key=jax.random.key(settings.seed))
    arrays, warming = weights.arrays(), weights.warm_up * settings.epochs

    def judge(model, done):
        if not len(outside[1]):
            return jnp.full(len(ERRORS), jnp.nan).at[0].set(-float(done))
        found = held_out_errors(model, *outside, arrays)[0]
        return found if done >= warming else found.at[0].set(jnp.inf)

    origin = {
        "settings": asdict(settings), "weights": asdict(weights), "sizes": _plain(sizes), "reading": reading,
        "begins with": digest((model, inside[1], outside[1])),
    }  # fmt: skip
    task = Task(loss, arrays, judge, len(ERRORS))
    best, state = descend(model, trainable(model), inside, task, settings, origin, checkpoint, on_epoch)
    return Generator(best, sizes, reading, np.asarray(state.curve), int(state.best_epoch), float(state.seconds))


def held_out_errors(model, images, energies, weights):
    """`objective.ERRORS` of any number of images, and the mean divergence of each latent number (latent,)."""
    parts, shares = [], []
    for begin in range(0, len(images), TOGETHER):
        chosen = slice(begin, begin + TOGETHER)
        parts.append(_judge(model, images[chosen], energies[chosen], weights))
        shares.append(len(images[chosen]) / len(images))
    return jax.tree.map(lambda *found: sum(s * f for s, f in zip(shares, found, strict=True)), *parts)


def _plain(sizes):
    """As JSON gives it back."""
    return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(sizes).items()}


_judge = eqx.filter_jit(errors)


def _in_parts(function, model, inputs):
    """Arrays (n, ...) of inputs (n, ...), some at a time."""
    count, parts = len(inputs), []
    for begin in range(0, count, TOGETHER):
        chosen = np.arange(begin, begin + min(TOGETHER, count)).clip(max=count - 1)
        parts.append(jax.tree.map(np.asarray, function(model, np.asarray(inputs[chosen], np.float32))))
    return tuple(np.concatenate(found)[:count] for found in zip(*parts, strict=True))


@eqx.filter_jit
def _encode(model, images):
    return jax.vmap(model.encode)(images)


@eqx.filter_jit
def _decode(model, z):
    return (jax.vmap(model.decode)(z),)


@eqx.filter_jit
def _heads(model, z):
    return jax.vmap(model.energy)(z), jax.nn.sigmoid(jax.vmap(model.stable)(z))
