"""SIGKILL at random moments: a file is the old one or the new one, and what goes on ends as if nothing had happened.

A job runs in a process of its own, is killed, and goes on in another one from what it has left; and so on to its end.
"""

import json
import math
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import pytest

import nn
from autograd import compile, files, sin
from nn import MLP, Adam, fit, mse, save, storage
from nn.sweeping import _workers
from tests.environment import forked, trouble
from tests.writers import WRITERS

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no SIGKILL")


class Job(NamedTuple):
    """What is killed: it goes on in a folder; what is wrong there after a kill; what it has come to at its end."""

    run: Callable[[Path], Any]
    trouble: Callable[[Path], list[str]] = lambda folder: []
    result: Callable[[Path], Any] = lambda folder: None
    parts: int = 0  # which are done once, but for those in which it is killed; each adds a line to the file "parts"
    in_hand: int = 1  # parts that may be done and not yet written down


# A file in the place of another one


@cache
def whole(write, name):
    with TemporaryDirectory() as folder:
        write(Path(folder, name))
        return Path(folder, name).read_bytes()


def replaced(write, name, times=3):
    def run(folder):
        for _ in range(times):
            write(folder / name)

    def trouble(folder):
        wanted, is_there = whole(write, name), (folder / name).exists()
        found = (folder / name).read_bytes() if is_there else wanted
        left = {file.name for file in folder.iterdir()} - {name, Path(name).stem}  # a source of Graphviz
        is_whole = found == wanted or (b"</" in found[-9:] and found[-9:] == wanted[-9:])  # dates may differ
        return [
            *([] if is_whole else [f"{len(found)} of {len(wanted)} bytes"]),
            *([] if len(left) < 2 and all(map(files.TEMPORARY.fullmatch, left)) else [f"left over: {left}"]),
        ]

    return Job(run, trouble, lambda folder: sorted(file.name for file in folder.iterdir()))


CONTENTS = bytes(range(250)) * 40_000  # so many that writing them takes its time


def saved(path):
    save(MLP(9, [9, 1], seed=1), path, {"ballast": "x" * 1_000_000})


# Sweeps


def lines(path):
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def note(folder, part):
    """Add a line that says that a part is being done."""
    with (folder / "parts").open("a", encoding="utf-8") as file:
        file.write(f"{part}\n")


def known(folder):
    """Return the arguments of the members in a journal."""
    contents = (folder / "sweep.jsonl").read_bytes() if (folder / "sweep.jsonl").exists() else b""
    return [json.loads(line)["arguments"]["x"] for line in contents[: contents.rfind(b"\n") + 1].splitlines()[1:]]


def member(folder, x):
    note(folder, x)
    if x in known(folder):
        note(folder, "again")
    time.sleep(0.002)
    return math.sin(x)


def swept(folder, executor=None):
    return nn.sweep(partial(member, folder), {"x": range(MEMBERS)}, executor, resume=folder / "sweep.jsonl")


def swept_by_threads(folder):
    with ThreadPoolExecutor(2) as executor:
        return swept(folder, executor)


def journal_trouble(folder):
    members = Counter(known(folder))
    return [f"{x} is there {times} times" for x, times in members.items() if times > 1]


MEMBERS = 30
SWEEPS = {"trouble": journal_trouble, "result": lambda folder: swept(folder).results, "parts": MEMBERS}


# Training

X = [[i / 7, (3 * i % 7) / 7] for i in range(8)]
Y = [a * b - a for a, b in X]
EPOCHS = 12


def trained(folder, **options):
    """Train with a checkpoint after each epoch, from the last one on; with batches, each epoch by a seed of its own."""
    model, path, losses = MLP(2, [3, 1], "tanh", seed=1), folder / "run.json", []
    optimizer = Adam(model.parameters(), lr=0.05)
    if path.exists():
        checkpoint = storage.read(path)
        checkpoint.fill(model)
        optimizer.state, optimizer.steps, losses = (checkpoint.extra[name] for name in ("state", "steps", "losses"))

    def keep(history):
        state = {name: list(map(float, numbers)) for name, numbers in optimizer.state.items()}
        save(model, path, {"state": state, "steps": optimizer.steps, "losses": [*losses, history.loss[-1]]})
        losses.append(history.loss[-1])
        note(folder, len(losses))

    options |= {"loss": mse, "optimizer": optimizer, "callbacks": [keep], "progress": False}
    if "batch_size" not in options:
        fit(model, X, Y, epochs=EPOCHS - len(losses), **options)
    for epoch in range(len(losses), EPOCHS):
        fit(model, X, Y, epochs=1, seed=epoch, **options)


def checkpoint_trouble(folder):
    if not (folder / "run.json").exists():
        return []
    extra = storage.read(folder / "run.json").extra  # an error where it is not whole
    return [] if len(extra["losses"]) * extra["steps"] >= 1 else ["a checkpoint of nothing"]


def training(**options):
    def result(folder):
        return json.loads((folder / "run.json").read_text(encoding="utf-8"))

    return Job(partial(trained, **options), checkpoint_trouble, result, EPOCHS)


# Machine code


def compiled(folder):
    os.environ["XDG_CACHE_HOME"] = str(folder)
    assert compile(lambda x: sin(x) * x, backend="native")(2.0) == math.sin(2.0) * 2.0


JOBS = {
    "write_atomically": replaced(lambda path: files.write_atomically(path, CONTENTS), "file.txt", 5),
    "save": replaced(saved, "model.json"), "sweep": Job(swept, **SWEEPS),
    "sweep by threads": Job(swept_by_threads, **SWEEPS, in_hand=_workers.LEAST_AHEAD),
    "training": training(compiled=False), "compiled training": training(compiled=True, backend="numpy"),
    "training in batches": training(compiled=False, batch_size=3), "machine code": Job(compiled),
}  # fmt: skip
ALL = JOBS | {f"writing: {name}": replaced(*writer) for name, writer in WRITERS.items()}


# How they are killed


def killed(job, times, draws):
    """Return what is wrong where a job is killed so many times, at random moments, each time with what it has left."""
    with TemporaryDirectory() as folder:
        start = time.perf_counter()
        assert os.waitpid(forked(partial(job.run, Path(folder))), 0)[1] == 0
        duration = time.perf_counter() - start
        wanted = job.result(Path(folder))
    found, kills = [], 0
    while kills < times and not found:
        with TemporaryDirectory() as folder:
            here, status, of_this = Path(folder), None, 0
            while status != 0 and not found:
                process = forked(partial(job.run, here))
                if kills < times:
                    time.sleep(draws.uniform(0.0, duration / (2 if of_this else 1)))
                    os.kill(process, signal.SIGKILL)
                status = os.waitpid(process, 0)[1]
                if os.WIFSIGNALED(status):
                    kills, of_this = kills + 1, of_this + 1
                elif status:
                    found.append("an error")
                found += job.trouble(here)
            parts = lines(here / "parts")
            if "again" in parts or len(parts) > job.parts + job.in_hand * of_this:
                found.append(f"of {job.parts} parts {len(parts)} were done after {of_this} kills")
            if not found and job.result(here) != wanted:
                found.append("another result")
    return found


def kill_all(names, times):
    draws = random.Random(0)
    sys.stdout.write(json.dumps({name: killed(ALL[name], times, draws) for name in names}))


@pytest.mark.thorough
@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.whole] * (name not in JOBS)) for name in ALL])
def test_kill_leaves_old_or_new_and_what_goes_on_ends_as_if_nothing_had_happened(name, whole):
    together = JOBS if name in JOBS else [name]  # in a process that imports what they need
    assert trouble("-m", "tests.test_kill", 200 if whole else 3, *together)[name] == []


if __name__ == "__main__":
    kill_all(sys.argv[2:], int(sys.argv[1]))
