"""Hypothesis profiles: how many examples are drawn, and whether every run draws the same ones.

A run of the tests draws the same examples everywhere, so that it never fails by chance: half of those that a test asks
for, or with `--thorough` all. The profile of every night, `--hypothesis-profile=nightly`, draws others each time, and a
hundred times as many; what it finds is printed as a decorator that repeats it.
"""

import sys

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

ALL = 100  # examples that a test asks for if it does not say how many
SAME = settings(
    derandomize=True,
    database=None,
    deadline=None,  # machines are slow at times
    max_examples=ALL // 2,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)
settings.register_profile("same", SAME)
settings.register_profile("thorough", SAME, max_examples=ALL)
settings.register_profile("nightly", SAME, derandomize=False, max_examples=100 * ALL)
settings.load_profile("same")  # also where Hypothesis has loaded its own, as it does where CI is set


def max_examples(count: int) -> settings:
    """Return settings of so many examples, or of the share of them that the profile draws."""
    return settings(max_examples=max(1, count * settings.default.max_examples // ALL))


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
