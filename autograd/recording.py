"""The former name of `clock`, `modes` and `node`, for what still imports it."""

from typing import Any

from autograd import clock, modes, node


def __getattr__(name: str) -> Any:
    for module in (clock, modes, node):
        if hasattr(module, name):
            return getattr(module, name)
    raise AttributeError(name)
