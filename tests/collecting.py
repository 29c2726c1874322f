"""The garbage collector in tests: on or off, and what is left for it."""

import gc
from contextlib import contextmanager


@contextmanager
def collector(enabled):
    """Have the collector on or off in a block."""
    before = gc.isenabled()
    (gc.enable if enabled else gc.disable)()
    try:
        yield
    finally:
        (gc.enable if before else gc.disable)()


@contextmanager
def garbage():
    """Yield a function that counts the objects of the block in reference cycles, which the collector has to free."""
    gc.collect()
    with collector(False):
        yield gc.collect
