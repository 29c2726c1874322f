"""Rare sweeps: results that are arrays, and Ctrl-C in a member while others are done."""

import json
from concurrent.futures import Executor, Future

import numpy as np

import nn


class AtOnce(Executor):
    """An executor that runs what it is given before it returns."""

    def submit(self, function, *arguments, **named):
        future = Future()
        future.set_running_or_notify_cancel()
        try:
            future.set_result(function(*arguments, **named))
        except BaseException as error:
            future.set_exception(error)
        return future


def test_journal_keeps_arrays_as_lists(tmp_path):
    journal = tmp_path / "sweep.jsonl"
    grid = {"x": [np.float64(0.5), np.array([1.0, 2.0])]}
    calls = []

    def member(x):
        calls.append(x)
        return {"twice": 2.0 * x, "count": np.int64(np.size(x))}

    first = nn.sweep(member, grid, resume=journal)
    assert first.results == [{"twice": 1.0, "count": 1}, {"twice": [2.0, 4.0], "count": 2}]
    assert [json.loads(line)["arguments"] for line in journal.read_text(encoding="utf-8").splitlines()[-2:]] == [
        {"x": 0.5},
        {"x": [1.0, 2.0]},
    ]
    assert nn.sweep(member, grid, resume=journal).results == first.results
    assert len(calls) == 2


def test_members_that_are_done_are_in_the_table_of_an_interrupted_sweep():
    def member(x):
        if x == 1:
            raise KeyboardInterrupt
        if x == 3:
            raise ValueError("no three")
        return x * x

    table = nn.sweep(member, {"x": [1, 2, 3, 4]}, AtOnce())
    assert table.results == [None, 4, None, 16]
