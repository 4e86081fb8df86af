"""What the machine can do at most, in float32 and from JAX: memory traffic and arithmetic."""

from workload import BYTES, OPERATIONS, Row, Workload

DEPTH, CHAINS = 32, 8
"""Multiply-adds in a row, and rows that are independent of each other: enough to hide their latency."""


def triad(size, options):
    """``a = s a + b`` in place, over arrays far larger than any cache: two reads and one write."""
    import jax
    import jax.numpy as jnp

    n = 1 << (28 if _accelerated() else 24)
    b, s, carry = jnp.ones(n, jnp.float32), jnp.float32(0.5), [jnp.zeros(n, jnp.float32)]
    loop = jax.jit(lambda k, a, b, s: jax.lax.fori_loop(0, k, lambda _, a: s * a + b, a), donate_argnums=1)

    def run(n_steps):
        carry[0] = jax.block_until_ready(loop(n_steps, carry[0], b, s))

    return Workload(12 * n, run, "triad a = s a + b", unit=BYTES)


def multiply_add(size, options):
    """Chains of multiply-adds over an array that stays next to the arithmetic."""
    import jax
    import jax.numpy as jnp

    n = 1 << (22 if _accelerated() else 16)

    def body(_, x):
        chains = [x * (1.0 + k) for k in range(CHAINS)]
        for _ in range(DEPTH):
            chains = [y * jnp.float32(0.99) + jnp.float32(0.01) for y in chains]
        return sum(chains) * (1 / 64)

    repeats = 1 if _accelerated() else 50
    loop = jax.jit(lambda k, x: jax.lax.fori_loop(0, k * repeats, body, x))
    x = jnp.ones(n, jnp.float32)
    amount = 2 * n * CHAINS * DEPTH * repeats
    return Workload(amount, lambda k: loop(k, x).block_until_ready(), "fused multiply-adds", unit=OPERATIONS)


def matrix_product(size, options):
    """Products of square matrices: the library's own kernel."""
    import jax
    import jax.numpy as jnp

    n = 8192 if _accelerated() else 1024
    a = jnp.full((n, n), 1 / n, jnp.float32)
    product = jax.jit(lambda k, x, a: jax.lax.fori_loop(0, k, lambda _, x: x @ a, x))
    return Workload(2 * n**3, lambda k: product(k, a, a).block_until_ready(), "matrix product", unit=OPERATIONS)


def _accelerated():
    import jax

    return jax.devices()[0].platform != "cpu"


ROWS = {
    "triad": Row(triad, parallel=True),
    "multiply-add": Row(multiply_add, parallel=True),
    "matrix product": Row(matrix_product, parallel=True),
}
