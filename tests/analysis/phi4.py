"""Monte Carlo of the scalar phi-4 lattice in three dimensions, whose critical coupling is known to seven digits.

The weight of a field is ``exp(beta sum_<xy> phi_x phi_y - sum_x [phi_x^2 + lambda (phi_x^2 - 1)^2])``. At lambda = 1.1,
where the leading corrections to scaling vanish, beta_c = 0.3750966(4) (Hasenbusch, J. Phys. A 32, 4851 (1999)).
"""

import jax
import jax.numpy as jnp
import numpy as np

from anharmonic.analysis.curves import State
from anharmonic.conventions import BOLTZMANN

LAMBDA, CRITICAL = 1.1, 0.3750966
ENERGY = 0.01
"""eV of one phi phi: temperatures are then some 300 K."""
STEP = 1.0


def kelvin(beta):
    """Temperature of a coupling."""
    return ENERGY / (BOLTZMANN * beta)


def sample(length, betas, n_samples, n_repetitions=1, stride=8, burn=2000, seed=0):
    """States by repetition and temperature: list of lists of `State`."""
    bonds, means = _run(length, np.repeat([betas], n_repetitions, 0).ravel(), n_samples, stride, burn, seed)
    bonds = np.asarray(bonds, float).reshape(n_samples, n_repetitions, -1)
    means = np.asarray(means, float).reshape(n_samples, n_repetitions, -1, 1)
    return [
        [State(kelvin(b), -ENERGY * bonds[:, r, k], {"phi": means[:, r, k]}) for k, b in enumerate(betas)]
        for r in range(n_repetitions)
    ]


def _run(length, betas, n_samples, stride, burn, seed):
    """Sums of phi phi over bonds, and means of phi: (n_samples, n_chains) each."""
    parity = np.indices((length,) * 3).sum(0) % 2
    masks = jnp.asarray(np.stack([parity == 0, parity == 1]))

    def pull(phi):
        return sum(jnp.roll(phi, s, axis) for axis in (1, 2, 3) for s in (1, -1))

    def weight(phi, field):
        return field * phi - phi**2 - LAMBDA * (phi**2 - 1) ** 2

    def sweep(phi, key, betas):
        for k, mask in enumerate(masks):
            field = betas[:, None, None, None] * pull(phi)
            shift, accept = jax.random.uniform(jax.random.fold_in(key, k), (2, *phi.shape))
            # half of the proposals change the sign as well: a barrier at zero does not hinder them
            moved = jnp.where(shift < 0.5, 1.0, -1.0) * phi + STEP * (4 * (shift % 0.5) - 1)
            passes = jnp.log(accept) < weight(moved, field) - weight(phi, field)
            phi = jnp.where(mask & passes, moved, phi)
        return phi

    @jax.jit
    def go(phi, betas):
        def advance(phi, k, n):
            keys = jax.random.fold_in(jax.random.key(seed, impl="rbg"), k)
            return jax.lax.fori_loop(0, n, lambda i, x: sweep(x, jax.random.fold_in(keys, i), betas), phi)

        def one(phi, k):
            phi = advance(phi, k, stride)
            return phi, (0.5 * jnp.sum(phi * pull(phi), (1, 2, 3)), jnp.mean(phi, (1, 2, 3)))

        return jax.lax.scan(one, advance(phi, n_samples, burn), jnp.arange(n_samples))[1]

    return go(jnp.ones((len(betas), *(length,) * 3), "float32"), jnp.asarray(betas, "float32"))
