"""Random numbers for samplers, which need some for every atom in every step.

From the generator of ``jax.random`` and by its own transformations, but both words of every
block are used: half the cost in float32 (measured: 45 us instead of 90 for 25,920 normal numbers).
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.random import threefry_2x32

TINY = np.finfo(np.float32).tiny


def normal(key, shape, dtype):
    """Independent normal numbers of unit variance."""
    if dtype != jnp.float32:
        return jax.random.normal(key, shape, dtype)
    centred = 2.0 * _below_one(key, shape) - 1.0
    return np.float32(np.sqrt(2)) * jax.lax.erf_inv(jnp.maximum(centred, np.nextafter(np.float32(-1), np.float32(0))))


def uniform(key, shape, dtype):
    """Independent uniform numbers above 0 and below 1."""
    if dtype != jnp.float32:
        return jax.random.uniform(key, shape, dtype, minval=jnp.finfo(dtype).tiny)
    return jnp.maximum(_below_one(key, shape), TINY)


def _below_one(key, shape):
    """Uniform float32 numbers on [0, 1): 23 random bits as the mantissa of a number in [1, 2)."""
    counters = jnp.arange(int(np.prod(shape)), dtype=jnp.uint32)
    bits = threefry_2x32(jax.random.key_data(key), counters).reshape(shape)
    return jax.lax.bitcast_convert_type((bits >> 9) | jnp.uint32(0x3F800000), jnp.float32) - 1.0
