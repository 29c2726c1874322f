"""Method binding: a compiled function bound to an instance has programs of its own, which live as long as the instance.

Nothing is stored in the instance, so it may be frozen, have slots, be copied and be pickled; and no program refers to
it, so it is freed with the last reference to it. One that cannot be referred to weakly (`__slots__` without
`__weakref__`) has its programs for one access to the method only.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

from autograd.compiler._arguments import Signature
from autograd.compiler._specialization import Programs


class MethodPrograms:
    """The programs of a compiled function for each instance that it is bound to."""

    def __init__(self) -> None:
        self._programs: dict[int, Programs] = {}
        self._signature: Signature | None = None

    def programs(self, instance: Any, make: Callable[[], Programs]) -> Programs:
        """Return the programs for an instance; the same ones as long as it lives."""
        key = id(instance)
        if key in self._programs:
            return self._programs[key]
        try:
            weakref.finalize(instance, self._programs.pop, key, None).atexit = False
        except TypeError:
            return make()
        return self._programs.setdefault(key, make())

    def signature(self, make: Callable[[], Signature]) -> Signature:
        """Return the signature of a bound method, which is the same for all instances."""
        if self._signature is None:
            self._signature = make()
        return self._signature
