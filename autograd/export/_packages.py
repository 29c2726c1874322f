"""Optional packages, each imported by the export that needs it; and the version that exports say they are of."""

from __future__ import annotations

from importlib import import_module, metadata
from typing import Any

EXTRAS = {"sympy": "SymPy", "torch": "PyTorch", "jax": "JAX", "onnx": "ONNX"}


def optional_package(name: str, asker: str) -> Any:
    """Return a package by its name; the ImportError where it is missing says how to install it."""
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        install = f"python -m pip install 'scalar-autograd[{name}]'"
        raise ImportError(f"{asker} needs {EXTRAS[name]}: {install}") from error


def version() -> str:
    """Return the version of this package."""
    try:
        return metadata.version("scalar-autograd")
    except metadata.PackageNotFoundError:  # run from a checkout
        return "(not installed)"
