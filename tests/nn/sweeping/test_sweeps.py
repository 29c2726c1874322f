"""Sweeps by executors of one machine: the same table, whatever runs it and whatever breaks."""

import itertools
import json
import math
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import time
import weakref
from collections import OrderedDict
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nn
from autograd import compile, sin
from nn.sweeping import _workers
from nn.sweeping._fingerprint import fingerprint
from nn.sweeping._journal import Journal
from nn.sweeping._workers import attempted, run_task
from nn.sweeping.sweep_table import Member, SweepTable
from tests.errors import error_of, warns
from tests.hypothesis_profiles import max_examples
from tests.nn.sweeping import members

ROOT = Path(__file__).resolve().parents[3]
GRID = {"x": [1.0, 2.0, 3.0, 4.0], "n": [1, 2]}


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


def spawned(workers=2):
    return ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))


def by_loky():
    loky = pytest.importorskip("loky", reason="loky is not installed: pip install 'scalar-autograd[sweep]'")
    return loky.ProcessPoolExecutor(2)


EXECUTORS = {"threads": lambda: ThreadPoolExecutor(2), "processes": spawned, "loky": by_loky}


@pytest.mark.parametrize("name", EXECUTORS)
def test_every_executor_gives_the_table_of_a_plain_loop(name):
    table = nn.sweep(members.square, GRID)
    assert [m.arguments for m in table] == [{"x": x, "n": n} for x in GRID["x"] for n in GRID["n"]]
    assert table.results == [{"power": x**n, "of": x} for x in GRID["x"] for n in GRID["n"]]
    assert all(m.done for m in table)
    assert not table.interrupted
    training = {"seed": [0, 1], "lr": [0.1, 0.01]}
    with EXECUTORS[name]() as executor:
        assert nn.sweep(members.square, GRID, executor).members == table.members
        assert nn.sweep(members.trained, training, executor).results == nn.sweep(members.trained, training).results
        with warns(r"2 of 8 .*, the first of them f\(x=3.0, n=1\): ValueError"):
            failed = nn.sweep(members.picky, GRID, executor)
    assert [m.arguments["x"] for m in failed.failed] == [3.0, 3.0]
    assert failed.failed[0].error == "ValueError: no 3.0 here"
    assert "in picky" in failed.failed[0].details
    assert failed.results == [x**n if x != 3.0 else None for x in GRID["x"] for n in GRID["n"]]


def test_compiled_functions_and_lambdas_are_sent_where_they_can_be():
    program = compile(lambda x, n: sin(x) * n)
    program(1.0, 1)
    with by_loky() as executor:
        assert nn.sweep(program, GRID, executor).results == nn.sweep(program, GRID).results
        assert nn.sweep(lambda x, n: x + n, GRID, executor).results == [x + n for x in GRID["x"] for n in GRID["n"]]


def test_function_that_cannot_be_sent_and_an_executor_that_breaks_at_once_are_errors_of_each_member(monkeypatch):
    class Broken:
        def submit(self, *_):
            raise BrokenExecutor("gone")

    with warns("8 of 8 members failed.*BrokenExecutor: gone"):
        assert not any(m.done for m in nn.sweep(members.square, GRID, Broken()))
    monkeypatch.setitem(sys.modules, "cloudpickle", None)
    with spawned() as executor, warns("f cannot be sent to another process.*cloudpickle"):
        table = nn.sweep(lambda x: x, {"x": [1, 2]}, executor)
    assert len(table.failed) == 2


class Counting:
    """An executor that counts the tasks in which the function is sent."""

    def __init__(self, executor):
        self.executor, self.sent, self.tasks = executor, 0, 0

    def submit(self, task, name, written, arguments):
        assert task is run_task
        self.tasks += 1
        self.sent += written is not None
        return self.executor.submit(task, name, written, arguments)


def test_function_is_sent_to_each_process_once_and_threads_share_it(tmp_path):
    heavy, workers = members.Heavy(tmp_path / "sent"), 2
    with spawned(workers) as pool:
        executor = Counting(pool)
        table = nn.sweep(heavy, {"x": range(60)}, executor)
    assert table.results == [x + 100_000 for x in range(60)]
    processes = (tmp_path / "sent").read_text(encoding="utf-8").split()
    assert len(processes) == len(set(processes)) <= workers
    assert executor.sent <= 3 * workers  # of 60: once, and again where another process was faster
    assert executor.tasks < 120
    with spawned(1) as pool:
        executor = Counting(pool)
        nn.sweep(members.Heavy(tmp_path / "to one"), {"x": range(60)}, executor)
    assert executor.sent == 1
    with ThreadPoolExecutor(2) as pool:
        executor = Counting(pool)
        assert len(nn.sweep(members.Heavy(tmp_path / "shared"), {"x": range(9)}, executor)) == 9
    assert (executor.sent, executor.tasks, (tmp_path / "shared").exists()) == (0, 9, False)


@pytest.mark.thorough
def test_dead_worker_fails_what_it_takes_down_and_the_rest_goes_on_in_another_sweep(tmp_path):
    journal = tmp_path / "sweep.jsonl"
    with warns("members failed"), spawned(1) as executor:
        table = nn.sweep(members.deadly, {"x": [1.0, 2.0, 3.0, 4.0]}, executor, resume=journal)
    assert table.results[:2] == [1.0, 4.0]
    assert "BrokenProcessPool" in table.failed[0].error
    with warns("members failed"), spawned(1) as executor:
        again = nn.sweep(members.deadly, [{"x": 4.0}, {"x": 1.0}, {"x": 2.0}, {"x": 3.0}], executor, resume=journal)
    assert again.results[:3] == [16.0, 1.0, 4.0]
    shut = ThreadPoolExecutor(1)
    shut.shutdown()
    with warns("cannot schedule new futures after shutdown"):
        assert len(nn.sweep(members.square, GRID, shut).failed) == 8


def test_sweep_goes_on_where_it_stopped(tmp_path):  # tests/test_kill.py has real crashes
    journal, calls = tmp_path / "sweep.jsonl", tmp_path / "calls"
    f = partial(members.numbered, str(calls))
    nn.sweep(f, [{"x": 1}, {"x": 2}], resume=journal)
    with journal.open("a", encoding="utf-8") as file:
        file.write('{"arguments": {"x": 3}, "res')  # in the middle of a line
    for _ in range(2):
        assert nn.sweep(f, {"x": [1, 2, 3, 2, math.nan]}, resume=journal).results[:4] == [1, 2, 3, 2]
        assert calls.read_text(encoding="utf-8").split() == ["1", "2", "3", "2", "nan"]
    lines = [json.loads(line) for line in journal.read_text(encoding="utf-8").splitlines()]
    assert [entry["arguments"]["x"] for entry in lines[1:5]] == [1, 2, 3, 2]


def test_journal_is_that_of_one_function_and_of_what_json_can_hold(tmp_path):
    journal = tmp_path / "sweep.jsonl"
    nn.sweep(members.square, GRID, resume=journal)
    with pytest.raises(ValueError, match=r"has the results of .*square, and this is a sweep of .*picky"):
        nn.sweep(members.picky, GRID, resume=journal)
    journal.write_text("1\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"is not the journal of a sweep: line 1 is '1'"):
        nn.sweep(members.square, GRID, resume=journal)
    with pytest.raises(TypeError, match=r"resume keeps arguments and results as JSON.*return numbers"):
        nn.sweep(lambda x: nn.MLP(1, [1]), {"x": [1]}, resume=tmp_path / "models.jsonl")
    with pytest.raises(TypeError, match="resume keeps arguments and results as JSON"):
        nn.sweep(members.square, {"x": [object()]}, resume=tmp_path / "objects.jsonl")


CIRCULAR, DEEP = {}, []
CIRCULAR["self"] = CIRCULAR
for _ in range(100_000):
    DEEP = [DEEP]
UNFIT = {  # what JSON would not give back, and how it is named
    **{f"{key}": ({"a": [({key: "a", "1": "b"},)]}, f"the key {key!r}") for key in (1, 2.5, None, True, (1, 2))},
    **{"array": ({"a": {3: np.ones(2)}}, "the key 3"), "circular": (CIRCULAR, "Circular"), "deep": (DEEP, "recursion")},
    **{"set": ([{1}], "a set"), "object array": (np.array([{1: 2}]), "the key 1"), "huge": (10**5000, "digits")},
}


@pytest.mark.parametrize("name", UNFIT)
def test_result_or_argument_that_would_not_come_back_is_a_clear_error_and_is_not_written(name, tmp_path):
    thing, found = UNFIT[name]
    journal = tmp_path / "sweep.jsonl"
    wanted = "resume keeps arguments and results as JSON, .*; return numbers"
    for f, grid in ((lambda x: thing, {"x": [1]}), (lambda x: 1, [{"x": thing}])):
        with pytest.raises(TypeError, match=wanted) as caught:
            nn.sweep(f, grid, resume=journal)
        assert found in str(caught.value)
        assert len(journal.read_bytes().splitlines()) == 1  # which names the function
        journal.unlink()


def test_tuples_and_arrays_come_back_as_lists_at_once_and_later(tmp_path):
    calls = []

    def member(x):
        calls.append(x)
        return {"a": (1, 2.0 * x), "b": math.inf, "count": np.int64(np.size(x))}

    journal, grid = tmp_path / "sweep.jsonl", {"x": [np.float64(0.5), np.array([1.0, 2.0])]}
    for _ in range(2):
        results = nn.sweep(member, grid, resume=journal).results
        assert results == [{"a": [1, twice], "b": math.inf, "count": n} for twice, n in ((1.0, 1), ([2.0, 4.0], 2))]
        entries = map(json.loads, journal.read_text(encoding="utf-8").splitlines()[-2:])
        assert [entry["arguments"]["x"] for entry in entries] == [0.5, [1.0, 2.0]]
        assert len(calls) == 2


def test_journal_that_was_cut_at_any_byte_keeps_its_whole_lines(tmp_path, whole):
    journal = tmp_path / "sweep.jsonl"
    results = nn.sweep(members.square, GRID, resume=journal).results
    contents = journal.read_bytes()
    ends = [place + 1 for place, byte in enumerate(contents) if byte == ord("\n")]
    near = {size for end in ends for size in (end - 1, end, end + 1)}
    for size in [size for size in range(len(contents) + 1) if whole or size % 7 == 0 or size in near]:
        journal.write_bytes(contents[:size])
        known = Journal(journal, members.square).known
        assert len(known) == max(sum(end <= size for end in ends) - 1, 0)
        assert journal.read_bytes() == contents[: max(end for end in [*ends[:1], *ends] if end <= max(size, ends[0]))]
    journal.write_bytes(contents[: len(contents) // 2])
    assert nn.sweep(members.square, GRID, resume=journal).results == results
    assert sorted(journal.read_bytes().splitlines()) == sorted(contents.splitlines())


def test_file_of_another_kind_is_left_as_it_is(tmp_path):
    journal = tmp_path / "notes.txt"
    header = f'{{"sweep": "{fingerprint(members.square)}"}}\n'.encode()
    lines = st.sampled_from([header, b'{"arguments": ', b'{"arguments": {"n": 1}, "result": 1}\n', b"[" * 9999, b"\n"])

    @max_examples(100)
    @given(st.lists(lines | st.binary(max_size=20), min_size=1, max_size=4).map(b"".join).filter(len))
    def check(contents):
        journal.write_bytes(contents)
        try:
            known = Journal(journal, members.square).known
        except ValueError as error:
            assert "is not the journal of a sweep" in str(error) or "has the results of" in str(error)
            assert journal.read_bytes() == contents
        else:
            assert contents.startswith(header) or header.startswith(contents)
            assert sum(map(len, known.values())) == max(contents.count(b"\n") - 1, 0)

    check()


class AtOnce(Executor):
    """An executor that runs what it is given before it returns."""

    def submit(self, function, *arguments):
        future = Future()
        future.set_running_or_notify_cancel()
        try:
            future.set_result(function(*arguments))
        except BaseException as error:
            future.set_exception(error)
        return future


def test_interrupt_keeps_what_is_done():
    def f(x):
        if x == 3:
            raise KeyboardInterrupt
        return x

    table = nn.sweep(f, {"x": [1, 2, 3, 4]})
    assert (table.results, table.interrupted, table.failed) == ([1, 2, None, None], True, [])
    with ThreadPoolExecutor(1) as executor:
        table = nn.sweep(f, {"x": [1, 2, 3, 4]}, executor)
    assert (table.results[:2], table.interrupted) == ([1, 2], True)
    failing = [{"x": x} for x in (3, 2, "a", 4)]  # 4 is not reached in a loop
    assert nn.sweep(lambda x: f(x) * f(x), failing, AtOnce()).results == [None, 4, None, 16]


INTERRUPTED = """
import signal, nn
from tests.nn.sweeping import members
from tests.nn.sweeping.test_sweeps import spawned
if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    pool = spawned()
    table = nn.sweep(members.killed_once, {{"path": [{marker!r}], "x": range(10_000)}}, pool, resume={journal!r})
    pool.shutdown(cancel_futures=True)
    print(table.interrupted, sum(m.done for m in table), len(table.failed))
"""


@pytest.mark.thorough
@pytest.mark.skipif(os.name == "nt", reason="a signal is not sent to a process alone")
def test_real_interrupt_of_processes_keeps_what_is_done(tmp_path):
    script, journal = tmp_path / "script.py", tmp_path / "journal"
    script.write_text(INTERRUPTED.format(marker=str(tmp_path), journal=str(journal)), encoding="utf-8")
    with subprocess.Popen([sys.executable, str(script)], cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
        try:
            lines = lambda: journal.read_text(encoding="utf-8").count("\n") if journal.exists() else 0
            while child.poll() is None and lines() <= 5:
                time.sleep(0.05)
            child.send_signal(signal.SIGINT)
            told = child.communicate(timeout=300)[0].split()
        finally:
            child.kill()
    assert (told[0], told[2]) == ("True", "0")
    assert 5 <= int(told[1]) < 10_000


def test_progress_is_shown_on_a_terminal_only(capsys, monkeypatch):
    nn.sweep(members.square, GRID)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    nn.sweep(members.square, GRID)
    assert "8/8 members" in capsys.readouterr().err
    nn.sweep(members.square, GRID, progress=False)
    assert capsys.readouterr().err == ""


def test_process_knows_the_latest_functions(monkeypatch):
    monkeypatch.setattr(_workers, "KEPT", OrderedDict())
    monkeypatch.setattr(_workers, "MOST_KEPT", 2)
    for name in "abc":
        _workers.keep(name, members.square)
        assert list(_workers.KEPT) == {"a": ["a"], "b": ["a", "b"], "c": ["b", "c"]}[name]


def test_memory_of_a_member_that_has_none_left_is_given_back():
    held = []

    def f(depth):
        block = set()  # to which a weak reference may be made
        held.append(weakref.ref(block))
        if depth == 0:
            raise MemoryError("none left")
        f(depth - 1)

    answer = attempted(f, {"depth": 2})
    assert [answer.kind, *[block() for block in held]] == ["failed", None, None, None]


def test_table_shows_arguments_and_results_in_columns():
    with warns("1 of 3 members failed"):
        table = nn.sweep(lambda x: {"y": x, "z": 1 / (x - 1)} if x < 3 else [x], [{"x": 0}, {"x": 1}, {"x": 3}])
    numbers = {"x": [0, 1, 3], "y": [0, None, None], "z": [-1.0, None, None], "result": [None, None, [3]]}
    assert table.columns() == {**numbers, "error": ["", "ZeroDivisionError: division by zero", ""]}
    assert str(table).splitlines()[0].split() == ["x", "y", "z", "result", "error"]
    assert re.search(r"SweepTable\(3 members, 2 done, 1 failed\)", repr(table))
    assert "Traceback" in table[1].details
    assert "Traceback" not in repr(table[1])
    assert table[0].result["z"] == -1.0
    assert [m.arguments["x"] for m in table[1:]] == [1, 3]
    assert len(nn.sweep(members.square, {"x": []})) == 0
    assert nn.sweep(lambda: 7, {}).results == [7]


NAMES = ("lr", "error", "result", "result.lr", "result.error", "member.error", 1)


@pytest.mark.parametrize("failed", [False, True])
def test_every_argument_result_and_error_is_in_a_column(failed):
    parts = [names for count in (0, 1, 2) for names in itertools.combinations(NAMES, count)]
    for arguments, results in itertools.product(parts, parts):
        if 1 in arguments:
            continue
        members = [Member({name: f"a {name}" for name in arguments}, {name: f"r {name}" for name in results}, True)]
        members += [Member({"seed": 1}, "whole", True)]
        if failed:
            members.append(Member({"seed": 2}, error="ValueError: no"))
        found = SweepTable(members).columns()
        wanted = {f"a {name}" for name in arguments} | {f"r {name}" for name in results} | {1, "whole"}
        wanted |= {2, "ValueError: no"} if failed else set()
        assert {cell for cells in found.values() for cell in cells} - {None, ""} == wanted, (arguments, results)
        assert all(found[name][0] == f"a {name}" for name in arguments)
        assert {len(cells) for cells in found.values()} == {len(members)}
        assert len(str(SweepTable(members)).splitlines()) == 1 + len(members)


def test_names_that_meet_are_told_apart_by_prefixes():
    done, failed = Member({"lr": 0.1}, {"lr": 0.2, "error": 0.3}, True), Member({"lr": 9.0}, error="ValueError: no")
    assert SweepTable([done, failed]).columns() == {
        "lr": [0.1, 9.0],
        "result.lr": [0.2, None],
        "error": [0.3, None],
        "member.error": ["", "ValueError: no"],
    }
    assert SweepTable([Member({"result": 1}, 2, True)]).columns() == {"result": [1], "result.result": [2]}


NO_SWEEPS = [
    ((3, {"x": [1]}), "TypeError: .*takes a function of keyword arguments, got 3"),
    ((len, {"x": 1}), "TypeError: .*a list of values for each argument, got x=1"),
    ((len, {"x": "abc"}), "TypeError: .*a list of values for each argument, got x='abc'"),
    ((len, [1]), "TypeError: .*or a list of dicts, got 1 in the list"),
    ((len, 1), "TypeError: .*or a list of dicts, got 1"),
    ((len, [{1: 2}]), "TypeError: .*arguments have names, got 1"),
    ((len, {"x": [1]}, 2), "TypeError: .*executor has a method submit.*got 2"),
]


def test_what_is_no_sweep_is_an_error():
    for arguments, wanted in NO_SWEEPS:
        assert re.search(f"^{wanted}", error_of(nn.sweep, *arguments)), arguments
    message = error_of(nn.sweep, members.square, GRID, backend="numpy")
    assert re.search("^ValueError: .*backend is 'jax', or None.*got 'numpy'", message)
    with ThreadPoolExecutor(1) as executor:
        message = error_of(nn.sweep, members.square, GRID, executor, backend="jax")
    assert re.search("^ValueError: .*no executor to give", message)
