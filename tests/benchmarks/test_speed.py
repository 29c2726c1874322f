"""Every problem as it is run by ours, for pytest-codspeed or pytest-benchmark: a slow change is seen in the CI.

`python -m pytest -o addopts=--import-mode=importlib tests/benchmarks --codspeed`. The tests themselves time nothing.
"""

import pytest

from tests.benchmarks.__main__ import BENCHMARKS

PROBLEMS = [
    pytest.param(make, id=f"{benchmark.name}, {name}")
    for _, benchmark in BENCHMARKS.values()
    for name, make in benchmark.problems.items()
    if "00,000" not in name  # these take too long for every change
]


@pytest.mark.parametrize("make", PROBLEMS)
def test_speed(benchmark, make):
    begin = next(iter(make().entries.values()))
    benchmark(begin().task)
