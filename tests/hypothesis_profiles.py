"""Hypothesis profiles: how many examples are drawn, and whether every run draws the same ones.

A run of the tests draws the same examples everywhere, so that it never fails by chance. The profile of every night,
`--hypothesis-profile=nightly`, draws others each time, a hundred times as many; what it finds is printed as a decorator
that repeats it.
"""

import sys

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

SAME = settings(
    derandomize=True,
    database=None,
    deadline=None,  # machines are slow at times
    max_examples=100,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)
settings.register_profile("same", SAME)
settings.register_profile("nightly", SAME, derandomize=False, max_examples=100 * SAME.max_examples)
settings.load_profile("same")  # also where Hypothesis has loaded its own, as it does where CI is set


def max_examples(count: int) -> settings:
    """Return settings of so many examples, and of a hundred times as many in the nightly profile."""
    return settings(max_examples=count * settings.default.max_examples // SAME.max_examples)


def make_generator() -> None:
    """Have Hypothesis make its generator of random numbers, as it does when it first runs.

    Older versions look for what refers to it by `gc`, which does not see what is frozen.
    """
    given(st.none())(lambda nothing: None)()


def _draw_no_constants_of_modules() -> None:
    """Have newer versions draw no constants of the modules that happen to be imported.

    They would be others for each choice and order of tests, and after each change of the package.
    """
    providers = sys.modules.get("hypothesis.internal.conjecture.providers")
    if hasattr(providers, "_get_local_constants"):
        read = providers._get_local_constants
        providers._get_local_constants = lambda: providers.Constants() if settings.default.derandomize else read()


_draw_no_constants_of_modules()
