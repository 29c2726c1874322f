"""Some of `scalar_programs` as one writes them for JAX: on arrays, with `scan` for what is sequential."""

from collections.abc import Callable
from typing import Any


def programs() -> dict[str, Callable[[Any], Any]]:
    """Return functions of the numbers, by the names of the programs."""
    import jax
    import jax.numpy as jnp
    from jax.lax import scan

    def pendulum(p: Any) -> Any:
        def step(state: Any, _: Any) -> Any:
            a, b, u, v = state
            c, s = jnp.cos(a - b), jnp.sin(a - b)
            below = 2.0 - c * c
            u = u + 0.01 * (-s * c * u * u - s * v * v - 9.8 * (2.0 * jnp.sin(a) - jnp.sin(b) * c)) / below
            v = v + 0.01 * (s * c * v * v + 2.0 * s * u * u + 9.8 * (2.0 * jnp.sin(a) * c - 2.0 * jnp.sin(b))) / below
            return (a + 0.01 * u, b + 0.01 * v, u, v), None

        (a, b, _, _), _ = scan(step, tuple(p), None, length=300)
        return a * a + b * b

    def nbody(p: Any) -> Any:
        bodies = p.reshape(5, 4)
        lower = jnp.tril(jnp.ones((5, 5)), -1)

        def step(state: Any, _: Any) -> Any:
            q, v = state
            d = q[:, None] - q[None]
            pull = 0.001 * (jnp.sum(d * d, -1) + 0.1) ** -1.5 * (lower + lower.T)
            v = v - jnp.sum(pull[..., None] * d, 1)
            return (q + 0.01 * v, v), None

        (q, _), _ = scan(step, (bodies[:, :2], bodies[:, 2:]), None, length=40)
        return jnp.sum(q * q)

    def hmm(p: Any) -> Any:
        move = p[:25].reshape(5, 5)
        seen = 0.1 * jax.nn.one_hot(jnp.arange(100) % 3, 5)

        def step(alpha: Any, noted: Any) -> Any:
            return jax.nn.logsumexp(alpha[:, None] + move, axis=0) - noted, None

        return jax.nn.logsumexp(scan(step, p[25:], seen)[0])

    def heat(p: Any) -> Any:
        def step(u: Any, _: Any) -> Any:
            return u.at[1:-1].add(0.2 * (u[:-2] - 2.0 * u[1:-1] + u[2:])), None

        return jnp.sum(scan(step, p, None, length=60)[0] ** 2)

    def lstm(p: Any) -> Any:
        weights = p.reshape(4, 4, 6)

        def step(state: Any, x: Any) -> Any:
            h, c = state
            gates = weights @ jnp.concatenate([h, jnp.array([x, 1.0])])
            c = jax.nn.sigmoid(gates[:, 0]) * c + jax.nn.sigmoid(gates[:, 1]) * jnp.tanh(gates[:, 2])
            return (jax.nn.sigmoid(gates[:, 3]) * jnp.tanh(c), c), None

        return jnp.sum(scan(step, (jnp.zeros(4), jnp.zeros(4)), jnp.sin(0.1 * jnp.arange(30)))[0][0])

    def gaussian_process(p: Any) -> Any:
        xs = 0.3 * jnp.arange(14)
        k = jnp.exp(-((xs[:, None] - xs[None]) ** 2) / jnp.exp(p[0])) + jnp.exp(p[1]) * jnp.eye(14)
        low = jnp.linalg.cholesky(k)
        z = jax.scipy.linalg.solve_triangular(low, p[2] + jnp.sin(xs), lower=True)
        return jnp.sum(z * z) + 2.0 * jnp.sum(jnp.log(jnp.diag(low)))

    def heston(x: Any) -> Any:
        s, v, kappa, theta, xi = x
        dt = 1.0 / 20

        def step(state: Any, number: Any) -> Any:
            logarithm, v = state
            noise = jnp.sin(2.3 * number + s)
            root = jnp.sqrt(v + 0.01)
            logarithm = logarithm - 0.5 * v * dt + root * noise * jnp.sqrt(dt)
            d = v + kappa * (theta - v) * dt + 0.1 * xi * root * jnp.cos(noise) * jnp.sqrt(dt)
            return (logarithm, jnp.sqrt(d * d + 1e-6)), None

        (logarithm, _), _ = scan(step, (jnp.log(s), v), jnp.arange(20.0))
        return jax.nn.softplus(jnp.exp(logarithm) - 1.0)

    return {
        "Heston": heston, "double pendulum 300": pendulum, "n-body 5 x 40": nbody, "HMM 5 x 100": hmm,
        "heat 40 x 60": heat, "LSTM 4 x 30": lstm, "Gaussian process 14": gaussian_process,
    }  # fmt: skip
