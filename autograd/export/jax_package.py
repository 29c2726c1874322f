"""The package JAX, loaded where it is needed, and the precision that it computes with."""

from __future__ import annotations

from typing import Any


def load_jax(asker: str) -> Any:
    """Return the package; the ImportError where it is missing says how to install it."""
    try:
        import jax
    except ModuleNotFoundError as error:
        raise ImportError(f"{asker} needs JAX: python -m pip install 'scalar-autograd[jax]'") from error
    return jax


def check_precision(jax: Any, dtype: str) -> None:
    """Raise RuntimeError where double precision is asked for and JAX does not compute with it."""
    if dtype == "float64" and not jax.config.jax_enable_x64:
        raise RuntimeError(
            "JAX computes with single precision unless told; write jax.config.update('jax_enable_x64', True) first, "
            "or to_jax(program, dtype='float32') for single precision"
        )
