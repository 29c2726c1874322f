"""The garbage collector, switched off: what is freed all the same is in no reference cycle."""

import contextlib
import gc


@contextlib.contextmanager
def collector_off():
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def leaves_no_cycle(use):
    """Whether all that a function makes is freed without the collector."""
    use()  # caches fill at the first use
    return any(collects_nothing(use) for _ in range(3))  # other threads of the process may leave something


def collects_nothing(use):
    with collector_off():
        use()
        return gc.collect() == 0
