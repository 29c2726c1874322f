"""Decorators by context managers: functions, also coroutine functions, of which every call runs in its own block."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import wraps
from inspect import isasyncgenfunction, iscoroutinefunction, isgeneratorfunction
from typing import Any, TypeVar, cast

F = TypeVar("F", bound=Callable[..., Any])


def decorated(block: str, opened: Callable[[], AbstractContextManager[Any]], f: F) -> F:
    """Return f as a function of which every call runs in a block; a coroutine does until it returns.

    `opened` makes a block, and `block` is how to write it, such as "no_grad()".
    """
    if not callable(f) or isinstance(f, type) or isgeneratorfunction(f) or isasyncgenfunction(f):
        name = block.partition("(")[0]
        raise TypeError(
            f"{name} decorates functions and coroutine functions, got {f!r}; between two values of a generator "
            f"its caller runs, so there, as in a class, write `with {block}:` around what is to be computed"
        )

    @wraps(f)
    def called(*args: Any, **keywords: Any) -> Any:
        with opened():
            return f(*args, **keywords)

    @wraps(f)
    async def awaited(*args: Any, **keywords: Any) -> Any:
        with opened():
            return await f(*args, **keywords)

    return cast("F", awaited if iscoroutinefunction(f) else called)
