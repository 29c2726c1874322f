"""The package JAX, loaded where it is needed, and the precision that it computes with."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from autograd.export._packages import optional_package


def load_jax(asker: str) -> Any:
    """Return the package; the ImportError where it is missing says how to install it."""
    return optional_package("jax", asker)


def double_precision(jax: Any) -> AbstractContextManager[Any]:
    """Return a block in which JAX computes with double precision, in this thread."""
    home = jax if hasattr(jax, "enable_x64") else jax.experimental
    return home.enable_x64(True)  # type: ignore[no-any-return]


def check_precision(jax: Any, dtype: str) -> None:
    """Raise RuntimeError where double precision is asked for and JAX does not compute with it."""
    if dtype == "float64" and not jax.config.jax_enable_x64:
        raise RuntimeError(
            "JAX computes with single precision unless told; write jax.config.update('jax_enable_x64', True) first, "
            "or to_jax(program, dtype='float32') for single precision"
        )
