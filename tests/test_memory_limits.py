"""Too little memory (RLIMIT_AS): what does not fit is a MemoryError, never the end of the process, and harms nothing.

Each case asks for more than there is room for, in a process of its own. Afterwards the engine and programs of before
work as before.
"""

import copy
import errno
import gc
import json
import os
import pickle
import random
import re
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import pytest

from autograd import Value, compile, draw, explore, fsum, gradients, hessian, jacobian, sin, tanh, taylor, text
from autograd.compiler.backends import BACKENDS
from autograd.compiler.backends._machine import machine
from autograd.export import to_c, to_latex
from nn import MLP, fit, load, mse, playground, read_csv, save, sweep
from tests.environment import forked, trouble
from tests.nn.app.running import run
from tests.test_ctrl_c import left_open
from tests.test_endurance import deep

if sys.platform == "linux":
    import resource

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits the memory of a process")


def irregular(size):
    """A graph in which nothing is repeated."""
    draws, leaf = random.Random(0), Value(0.5)
    nodes = [leaf, sin(leaf)]
    while len(nodes) < size:
        a, b = draws.choices(nodes[-50:], k=2)
        nodes.append(draws.choice([sin(a), tanh(b), a * b, a - b, a + 0.1]))
    return nodes[-1], leaf


def network(size):
    return MLP(200, [size // 200, 1], seed=1)


def batched(backend):
    model = MLP(2, [4, 1], seed=1)
    program = compile(lambda x: tanh(model(x)), batched="x", backend=backend)
    program(np.zeros((2, 2)))
    return program


def model_file(folder, size):
    save(network(size), folder / "model.json")
    return folder / "model.json"


def table_file(folder, rows):
    path = folder / "table.csv"
    path.write_text("a,b,y\n" + "".join(f"{i * 0.1},{i % 7},{i % 2}\n" for i in range(rows)), encoding="utf-8")
    return path


class Case(NamedTuple):
    """What asks for more than `room` MB: what is there before, what is done with it, and what the error says."""

    run: Callable[[Any], Any]
    before: Callable[[int], Any] = lambda room: room
    told: str = ""
    may_fit: bool = False  # since it asks for little, and Python itself fails where there is less than that
    rooms: float = 1.0  # of the room of others


def second(root, leaf):
    return gradients(gradients(root, [leaf], create_graph=True)[0], [leaf], create_graph=True)


def by_a_file(use, write, size, told=""):
    """A case that reads a file of so much for each MB."""

    def before(room):
        folder = TemporaryDirectory()
        return folder, write(Path(folder.name), size * room)

    return Case(lambda made: use(made[1]), before, told)


def read(path):
    return read_csv(path, "y")


def started(backend, room):
    """A program of which a kernel is compiled as soon as it runs."""
    root, leaf = irregular(200)
    program = compile(root, wrt=[leaf], backend=backend)
    program.program.left = 0.0
    return program, program.program.runner


def still(made):
    """Run a program that stays as it is, since there is no room to compile it."""
    program, runner = made
    program.value_and_grad([0.1])
    assert program.program.runner is runner


def from_nothing(room):
    """Compile the virtual machine again."""
    machine.cache_clear()
    root, leaf = irregular(200)
    return compile(root, wrt=[leaf], backend="native").value_and_grad([0.1])


def whole(use):
    """Do what fits into the room there is, as an error that says so."""

    def run(made):
        use(made)
        raise MemoryError("it fits")

    return run


def commanded(path):
    code, _, error = run(path, "--target", "y", "--no-pictures", "--epochs", "1")
    raise MemoryError(f"exit code {code}: {error}")


def raised(table):
    """Raise the error of the members of a sweep that failed."""
    assert table[0].done
    raise MemoryError(table.failed[0].error)


FEWER = "fewer of them|smaller batch_size"
CASES = {
    "a graph": Case(lambda room: deep(10_000 * room)),
    "backward": Case(lambda made: made[0].backward(), lambda room: deep(30_000 * room), rooms=0.2),
    "create_graph": Case(lambda made: second(*made), lambda room: deep(2_000 * room)),
    "hessian": Case(lambda room: hessian(lambda x: fsum([a * a for a in x]))([0.1] * int(500 * room**0.5))),
    "jacobian": Case(lambda room: jacobian(lambda x: [sin(a) for a in x])([0.1] * int(500 * room**0.5))),
    "taylor": Case(lambda room: taylor(lambda x: fsum([x * i for i in range(1000 * room)]), 0.5, 9)),
    "text": Case(lambda made: text(made[0]), lambda room: deep(20_000 * room)),
    "to_latex": Case(lambda made: to_latex(made[0]), lambda room: deep(20_000 * room)),
    "deepcopy": Case(lambda made: copy.deepcopy(made[0]), lambda room: deep(10_000 * room)),
    "pickle": Case(lambda made: pickle.dumps(made[0]), lambda room: deep(30_000 * room)),
    "draw": Case(lambda made: str(draw(made[0])), lambda room: deep(240), may_fit=True, rooms=0.2),
    "explore": Case(lambda made: explore(made).html, lambda room: MLP(8, [30, 30, 1], seed=1)([0.1] * 8), may_fit=True,
        rooms=0.2),
    "playground": Case(lambda X: playground(MLP(2, [4, 1], seed=1), X, [1.0] * len(X), loss=mse).html,
        lambda room: [[0.1 * i, 0.2] for i in range(40_000)], may_fit=True, rooms=0.4),
    "fit": Case(lambda X: fit(MLP(2, [8, 1], seed=1), X, X[:, 0], loss=mse, epochs=1, backend="numpy"),
        lambda room: np.ones((30_000 * room, 2)), FEWER),
    "fit without a program": Case(
        lambda X: fit(MLP(2, [8, 1], seed=1), X, [1.0] * len(X), loss=mse, epochs=1, compiled=False),
        lambda room: [[0.1, 0.2]] * (1_000 * room), FEWER),
    "sweep": Case(lambda room: raised(sweep(lambda n: deep(n)[0].data, {"n": [1, 10_000 * room]}))),
    "save": Case(lambda made: save(made, os.devnull), lambda room: network(20_000 * room)),
    "load": by_a_file(load, model_file, 10_000),
    "read_csv": by_a_file(read, table_file, 20_000),
    "python -m nn": by_a_file(commanded, table_file, 20_000, "code 1: .* memory"),
    "a small model": by_a_file(whole(load), model_file, 50, "it fits"),
    "a small table": by_a_file(whole(read), table_file, 2, "it fits"),
    "to_c": Case(lambda made: to_c(made), lambda room: compile(irregular(6_000 * room)[0])),
    "native code from nothing": Case(from_nothing, told="LLVM takes about [0-9,]+ bytes"),
}  # fmt: skip
CASES |= {
    f"a kernel of a program by {backend}": Case(whole(still), partial(started, backend), "it fits", rooms=0.2)
    for backend in ("auto", "native")
}
CASES |= {
    f"compile by {backend}": Case(
        lambda made, backend=backend: compile(made[0], wrt=[made[1]], backend=backend).value_and_grad([0.1]),
        lambda room: irregular(6_000 * room),
    )
    for backend in BACKENDS
}
CASES |= {
    f"a batch by {backend}": Case(
        lambda made: made[0].value_and_grad(made[1]),
        lambda room, backend=backend: (batched(backend), np.zeros((60_000 * room, 2))),
        FEWER,
    )
    for backend in BACKENDS
}


# How they are tried


def used():
    """Return how many bytes of addresses this process has."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * os.sysconf("SC_PAGE_SIZE")


def limit(size):
    resource.setrlimit(resource.RLIMIT_AS, (size, resource.getrlimit(resource.RLIMIT_AS)[1]))


class Engine:
    """What works before, and has to work as before afterwards."""

    def __init__(self):
        deep(100_000)  # is freed by a megabyte of stack from Python 3.13 on; under a limit the stack can't grow
        self.root, self.leaf = irregular(300)
        with TemporaryDirectory() as folder:
            read(table_file(Path(folder), 9))  # and pandas is there
        self.programs = {backend: batched(backend) for backend in BACKENDS}
        self.wanted = self.results()

    def results(self):
        found = {name: program.value_and_grad([[0.1, 0.2]]) for name, program in self.programs.items()}
        return repr(found), gradients(self.root, [self.leaf]), compile(self.root, wrt=[self.leaf]).value_and_grad([0.1])

    def trouble(self):
        return [*left_open(), *([] if str(self.results()) == str(self.wanted) else ["other results than before"])]


def tried(case, room, engine):
    """Return what is wrong where a case has so many MB of room, in this process."""
    made, told = case.before(room), None
    gc.collect()
    limit(used() + int(room * case.rooms * 2**20))
    try:
        case.run(made)
    except MemoryError as error:
        told = str(error)
    except SystemError:  # CPython's own, where it needs memory to tell that there is none
        told = ""
    except OSError as error:  # of a process that cannot be started
        if error.errno != errno.ENOMEM:
            raise
        told = "" if case.may_fit else str(error)
    del made
    gc.collect()
    limit(resource.RLIM_INFINITY)
    found = engine.trouble()
    if told is None and not case.may_fit:
        found.append("it fits")
    elif told and not re.search(case.told, told):
        found.append(f"it says {told!r}")
    return found


# What is refused before memory is short; the others come to where Python itself may fail for want of it.
FORESEEN = tuple(name for name, case in CASES.items() if case.told in (FEWER, "LLVM takes about [0-9,]+ bytes"))


@pytest.mark.thorough
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.whole] * (name not in FORESEEN)) for name in CASES]
)
def test_what_does_not_fit_into_memory_is_an_error_and_harms_nothing(name, whole):
    together = FORESEEN if name in FORESEEN and not whole else CASES
    command = ("-W", "ignore", "-m", "tests.test_memory_limits", 20 if whole else 1, *together)
    assert trouble(*command)[name] == []


def try_one(name, room, engine):
    """Try a case in this process, and say what is wrong on stderr."""
    trouble = ["it raised what is no MemoryError"]
    try:
        trouble = tried(CASES[name], room, engine)
    finally:
        limit(resource.RLIM_INFINITY)
        sys.stderr.writelines(f"{name}, {room} MB: {line}\n" for line in trouble)
    assert trouble == []


def try_all(names, times):
    """Try each case in a process of its own, with another room each time; print what is wrong, as JSON by name."""
    draws, engine, found = random.Random(0), Engine(), {name: [] for name in names}
    for name in names:
        for _ in range(times):
            room = draws.randint(4, 8 if times == 1 else 100)
            status = os.waitpid(forked(partial(try_one, name, room, engine)), 0)[1]
            if status:
                found[name].append(f"with {room} MB it ended with {status}")
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    try_all(sys.argv[2:] or CASES, int(sys.argv[1]))
