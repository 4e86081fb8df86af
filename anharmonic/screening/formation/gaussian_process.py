"""Gaussian process regression of formation energies, with noise that lets outliers be outliers.

Rasmussen and Williams, Gaussian Processes for Machine Learning (MIT Press, 2006): eqs. 2.25 and 2.26 (prediction), 5.8
(marginal likelihood), 5.10 to 5.12 (leaving one out). A few calculations of any table have failed, or found another
magnetic state: the noise of a compound grows with what it deviates from its prediction by all others.
"""

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from scipy.linalg import cho_factor, cho_solve, inv
from scipy.optimize import minimize

from anharmonic.screening.formation.compounds import Compounds
from anharmonic.screening.formation.kernel import Kernel

TUNED, STEPS = 1400, 70
"""Compounds on which the scales of the kernel are chosen, and steps of L-BFGS at most."""
TUNINGS = 2
"""The second knows which compounds deviate."""
NOISE, JITTER = -7.0, 1e-6
"""Logarithm of the noise expected, and least noise, eV^2."""
SPREAD = 3.0
"""Standard deviation that the logarithms of the scales are expected to have around their initial values."""
LEAST_NOISE = 1e-4
"""eV^2: the 10 meV/atom by which repeated calculations differ; of lengths, A^2."""
TYPICAL, ROUNDS = 2.0, 2
"""Standard deviations by which a compound left out may deviate: noise grows until that is so; rounds of that."""
NEAR = 512
"""Compounds that the uncertainty of a prediction is computed from."""
BLOCK = 512
COVERED = 0.68
FLAT = 1e-9
"""Added to the spread of shapes, which may be none."""


@dataclass(frozen=True)
class GaussianProcess:
    """A fitted process.

    Attributes
    ----------
    kernel : Kernel
    known : Compounds
        What was learnt from.
    centre, scale : ndarray, shape (n_shapes,)
        By which shapes are standardised.
    mean : float
        eV/atom.
    coefficients : ndarray, shape (n,)
    noise : ndarray, shape (n,)
        Variances, eV^2.
    calibration : float
        Factor of the standard deviations with which 68 % of the compounds are within one, each left out together with
        all others of its formula.
    edge : float
        Standard deviation (eV/atom) that 95 % of the compounds are below, left out likewise.
    """

    kernel: Kernel
    known: Compounds
    centre: np.ndarray
    scale: np.ndarray
    mean: float
    coefficients: np.ndarray
    noise: np.ndarray
    calibration: float = 1.0
    edge: float = np.inf

    def inputs(self, compounds):
        """Sites and standardised shapes of compounds; no shapes if only elements were learnt from."""
        return _inputs(compounds, self.centre, self.scale)

    def covariance(self, compounds):
        """Covariances (n, n_known) with the compounds learnt from, eV^2."""
        known, queries = self.inputs(self.known), self.inputs(compounds)
        with jax.enable_x64(True):
            blocks = (tuple(x[k : k + BLOCK] for x in queries) for k in range(0, len(compounds), BLOCK))
            return np.concatenate([np.asarray(_covariances(self.kernel, block, known)) for block in blocks])

    def predict(self, compounds):
        """Formation energies and their standard deviations (n,), eV/atom.

        The deviation is computed from the 512 compounds of the largest covariance: never less than from all.
        """
        covariance = self.covariance(compounds)
        near = np.argsort(-covariance, axis=1, kind="stable")[:, :NEAR]
        variances = [self._variance(row[own], own) for row, own in zip(covariance, near, strict=True)]
        return self.mean + covariance @ self.coefficients, self.calibration * np.sqrt(variances)

    def similar(self, compounds, count):
        """Numbers and correlations (n, count) of the most similar compounds learnt from."""
        base = float(np.exp(self.kernel.weights[-1]))
        found = (self.covariance(compounds) - base) / (self.kernel.variance - base)
        order = np.argsort(-found, axis=1, kind="stable")[:, :count]
        return order, np.take_along_axis(found, order, axis=1)

    def _variance(self, covariance, own):
        part = self.known.part(own)
        with jax.enable_x64(True):
            among = np.asarray(_covariances(self.kernel, self.inputs(part), self.inputs(part)))
        factor = cho_factor(among + np.diag(self.noise[own]))
        explained = covariance @ cho_solve(factor, covariance)
        return max(self.kernel.variance - explained, 0) + self.noise.min()


@jax.jit
def _covariances(kernel, left, right):
    return kernel(left, right)


def fit(compounds, energies, surfaces=True, seed=0, on_step=None):
    """Fit a process to formation energies.

    Parameters
    ----------
    compounds : Compounds
    energies : ndarray, shape (n,)
        eV/atom.
    surfaces : bool
        Whether shapes of the surfaces are used, or the elements alone.
    seed : int
        Of the choice of the compounds on which scales are chosen.
    on_step : callable, optional
        Called with the number of steps done, of at most `TUNINGS * STEPS`, while the scales are chosen.

    Returns
    -------
    GaussianProcess
    """
    if not surfaces:
        compounds = replace(compounds, shapes=compounds.shapes[:, :0])
    shapes, mean = np.asarray(compounds.shapes, float), float(np.mean(energies))
    centre, scale = shapes.mean(axis=0), shapes.std(axis=0) + FLAT
    chosen = np.random.default_rng(seed).permutation(len(compounds))[:TUNED]
    inputs, first = _inputs(compounds.part(chosen), centre, scale), energies[chosen] - mean
    kernel, growth = Kernel.initial(shapes.shape[1]), np.ones(len(chosen))
    for part in range(TUNINGS):
        kernel, noise = _tuned(kernel, growth, inputs, first, on_step and (lambda k, n=part * STEPS: on_step(n + k)))
        noise = max(noise, LEAST_NOISE)
        with jax.enable_x64(True):
            growth = _noise(np.asarray(_covariances(kernel, inputs, inputs)), first, noise)[0] / noise
    process = GaussianProcess(kernel, compounds, centre, scale, mean, np.zeros(0), np.zeros(0))
    return _solved(process, process.covariance(compounds), energies - mean, noise)


def _inputs(compounds, centre, scale):
    """Sites (n, 3), and shapes (n, n_shapes) standardised by as many numbers as there are."""
    shapes = np.asarray(compounds.shapes[:, : len(centre)], float)
    return np.asarray(compounds.sites, int), (shapes - centre) / scale


def _noise(covariance, energies, base):
    """Noise (n,) that grows where a compound left out deviates; the inverse with it, and the coefficients (n,)."""
    noise = np.full(len(energies), base)
    for round_ in range(ROUNDS + 1):
        inverse = inv(covariance + np.diag(noise), overwrite_a=True, check_finite=False)
        coefficients, own = inverse @ energies, np.diag(inverse)
        if round_ < ROUNDS:
            variance = np.maximum(1 / own - noise, 0)
            noise = np.maximum(base, (coefficients / own) ** 2 / TYPICAL**2 - variance)
    return noise, inverse, coefficients


def _solved(process, covariance, energies, base):
    """The process with its coefficients, noise and calibration."""
    noise, inverse, coefficients = _noise(covariance, energies, base)
    left_out, variance = _formulas_left_out(inverse, coefficients, noise, process.known.formulas)
    deviation = np.sqrt(np.maximum(variance, 0) + base)
    calibration = float(np.quantile(abs(left_out) / deviation, COVERED))
    edge = float(np.quantile(calibration * deviation, 0.95))
    return GaussianProcess(
        process.kernel, process.known, process.centre, process.scale, process.mean, coefficients, noise,
        calibration, edge,
    )  # fmt: skip


def _formulas_left_out(inverse, coefficients, noise, formulas):
    """Errors and variances (n,) of every compound when all compounds of its formula are left out."""
    _, groups = np.unique(formulas, return_inverse=True)
    order = np.argsort(groups, kind="stable")
    errors, variances = np.empty(len(groups)), np.empty(len(groups))
    for own in np.split(order, np.flatnonzero(np.diff(groups[order])) + 1):
        block = inv(inverse[np.ix_(own, own)])
        errors[own], variances[own] = block @ coefficients[own], np.diag(block) - noise[own]
    return errors, variances


def _tuned(kernel, growth, inputs, energies, on_step):
    """Scales of the largest marginal likelihood times their prior, and the variance of the noise before it grows."""
    with jax.enable_x64(True):
        prior = ravel_pytree((Kernel.initial(len(kernel.shape_lengths)), jnp.asarray(NOISE)))[0]
        start, unravel = ravel_pytree((kernel, jnp.asarray(NOISE)))

        def objective(values, prior, growth, inputs, energies):
            kernel, noise = unravel(values)
            covariance = kernel(inputs, inputs) + jnp.diag(growth * jnp.exp(noise) + JITTER)
            lower = jnp.linalg.cholesky(covariance)
            white = jax.scipy.linalg.solve_triangular(lower, energies, lower=True)
            likelihood = -0.5 * white @ white - jnp.log(jnp.diag(lower)).sum()
            return 0.5 * ((values - prior) ** 2).sum() / SPREAD**2 - likelihood

        gradient, done = jax.jit(jax.value_and_grad(objective)), []

        def call(values):
            return tuple(np.asarray(x, float) for x in gradient(values, prior, growth, inputs, energies))

        def report(_):
            done.append(1)
            if on_step:
                on_step(len(done))

        best = minimize(call, np.asarray(start), jac=True, method="L-BFGS-B", callback=report,
                        options={"maxiter": STEPS})  # fmt: skip
        kernel, noise = unravel(jnp.asarray(best.x))
        return jax.tree.map(np.asarray, kernel), float(np.exp(noise))
