"""Reading a number while a function is traced: what would stay as it is in the first call is an error."""

import contextlib
import contextvars
import copy
import itertools
import json
import math
import re
import statistics
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np
import pytest

import autograd as ad
from autograd import Value, compile, evaluate, grad, text, where
from autograd.compiler import TraceError
from autograd.compiler.steps import may_raise
from autograd.compiler.trace import ADVICE
from autograd.export import to_latex
from autograd.rules import TABLE, Operation
from tests.autograd.compiler.beside_eager import pickled
from tests.errors import error_of

READERS = {
    "equal": lambda x: x[0] if x[0] == 1.0 else 2.0 * x[0], "unequal": lambda x: x[0] if x[0] != 1.0 else 2.0 * x[0],
    "equal to a whole number": lambda x: x[0] if x[1] == 2 else 2.0 * x[0],
    "equal from the right": lambda x: x[0] if 1.0 == x[0] else 2.0 * x[0],  # noqa: SIM300  # which is asked of the right one
    "equal arguments": lambda x: x[0] if x[0] == x[1] else 2.0 * x[0],
    "equal to a number of NumPy": lambda x: x[0] if x[0] == np.int64(1) else 2.0 * x[0],
    "in a tuple": lambda x: x[0] if x[0] in (0.0, 1.0) else 2.0 * x[0],
    "counted": lambda x: x[0] * [1.0, 2.0, 1.0].count(x[0]), "found": lambda x: x[0] * [1.0, 2.0].index(x[0]),
    "an array": lambda x: x[0] * np.equal(np.array([*x], dtype=object), 1.0).sum(),
    "the largest": lambda x: max(x), "the smallest": lambda x: min(x), "sorted": lambda x: sorted(x)[0],
    "sorted by NumPy": lambda x: np.sort(np.array([*x], dtype=object))[0],
    "the largest of an array": lambda x: np.array([*x], dtype=object).max(),
    "any": lambda x: x[0] * any(v > 0 for v in x), "floats": lambda x: np.array([*x], dtype=object).astype(float).sum(),
    "copied": lambda x: copy.copy(x[0]) * 2.0, "deeply copied": lambda x: copy.deepcopy(x)[0] * 2.0,
    "pickled": lambda x: pickled(x[0]) * 2.0, "evaluated": lambda x: evaluate(x[0] * 2.0, {}) * x[0],
}  # fmt: skip


@pytest.mark.parametrize("name", READERS)
def test_number_of_the_first_call_is_not_read_in_silence(name):
    for f in (READERS[name], grad(READERS[name])):
        program = compile(f)
        with pytest.raises(TraceError, match=r"in a compiled function would stay as it is in this first call"):
            program([1.0, 2.0])


LOOKUPS = {
    "in a set": lambda x, y: y if x in {0.0, 2.0} else 2.0 * y,
    "in a frozenset": lambda x, y: y if x in frozenset([1.0]) else 2.0 * y,
    "in a dict": lambda x, y: {1.0: 3.0}[x] * y, "got": lambda x, y: {2.0: 3.0}.get(x, 0.0) * y,
    "in a tuple": lambda x, y: {(0, 1): 3.0}.get((x, 1), 0.0) * y, "counter": lambda x, y: Counter([1.0])[x] * y,
    "defaultdict": lambda x, y: defaultdict(float)[x] * y, "set of arguments": lambda x, y: len({x, y}) * y,
    "counted arguments": lambda x, y: len(Counter([x, y])) * y, "mode": lambda x, y: statistics.mode([x, y]) * y,
    "cached": lambda x, y: cache(lambda x: 2.0 * x)(x) * y, "dataclass": lambda x, y: len({Pair(x, y)}) * y,
    "computed key": lambda x, y: {1.0: 3.0}[x * 1.0] * y, "in a computed key": lambda x, y: {(1, 1): y}[ad.floor(x), 1],
}  # fmt: skip


@dataclass(frozen=True)
class Pair:
    x: float
    y: float


@pytest.mark.parametrize("name", LOOKUPS)
def test_number_of_the_first_call_is_no_key(name):
    f = LOOKUPS[name]
    for call in (compile(f), compile(grad(f, argnums=1)), partial(compile(f, batched="x").each, [1.0, 2.0])):
        with pytest.raises(TraceError, match=r"a look-up by .* stay as it is .*range\(len\(table\)\)") as found:
            call(*[1.0, 1.0][isinstance(call, partial) :])
        assert __file__ in str(found.value) or name == "mode"  # whose line it is


def test_argument_is_a_key_by_its_node_outside_of_the_function():
    kept = []
    compile(lambda x: kept.append(x) or x)(1.0)
    assert {kept[0]: 2.0}.get(kept[0]) == 2.0


EMBEDDINGS = [[1.0, 2.0], [3.0, 5.0], [7.0, 11.0]]
TABLES = {
    "lists": EMBEDDINGS, "tuples": (*map(tuple, EMBEDDINGS),), "array": np.array(EMBEDDINGS),
    "arrays": [*map(np.array, EMBEDDINGS)], "numbers": [3.0, 1.0, 2.0], "array of numbers": np.array([3.0, 1.0, 2.0]),
    "parameters": [[Value(x) for x in row] for row in EMBEDDINGS], "Values": [Value(3.0), Value(1.0), Value(2.0)],
    "arrays of Values": [np.array([*map(Value, row)]) for row in EMBEDDINGS],
}  # fmt: skip


@pytest.mark.parametrize("name", TABLES)
def test_index_by_an_argument_says_how_to_look_up(name):
    table = TABLES[name]
    of_numbers = np.ndim(table[0]) == 0
    with pytest.raises(TraceError, match="an index or a count by t in ") as error:
        compile(lambda t: table[t])(1)
    advice = r"write (.*) in place of table\[x\], or (.*) where it has rows, with chosen = (.*); name an argument"
    number, row, one_hot = re.search(advice, str(error.value)).groups()

    def looked_up(x):
        names = {"dot": ad.dot, "where": where, "table": table, "x": x}
        return eval(number if of_numbers else row, {**names, "chosen": eval(one_hot, names)})

    numbers = [[x.data if isinstance(x, Value) else x for x in np.ravel(row)] for row in table]
    wanted = [numbers[t] for t in (2, 0, 1)]
    f, batch = compile(looked_up), compile(looked_up, batched="x")
    assert [np.ravel(f(t)).tolist() for t in (2, 0, 1)] == wanted
    assert np.transpose(batch.each([2, 0, 1])).reshape(3, -1).tolist() == wanted


def test_index_may_be_a_part_of_the_program():
    assert compile(lambda t: EMBEDDINGS[t][0], static="t")(1) == 3.0


def sum_of(array):
    return array.sum()


def backpropagated(x):
    (x * x).backward()
    return x.grad


W = Value(1.0, "w")
GRAPH, FUNCTION = compile(W * W), compile(lambda: W * W)


def halved(x):
    while x > 1.0:
        x = x / 2.0
    return x


# A use of a number, what the error says to write in its place, and that.
USES = {
    "data": (lambda x: x.data * x, "x.detach()", lambda x: x.detach() * x),
    "data of a result": (lambda x: (x * x).data, "write x in place of x.data", lambda x: x * x),
    "a float": (lambda x: float(x) * x, "x or x.detach() in place of float(x)", lambda x: x.detach() * x),
    "math": (math.sin, "autograd.sin(x) in place of math.sin(x)", ad.sin),
    "math of a detached number": (lambda x: math.sin(x.detach()), "autograd.sin(x)", lambda x: ad.sin(x.detach())),
    "a number of NumPy": (np.float64, "x or x.detach() in place of float(x)", lambda x: x.detach()),
    "an array of floats": (lambda x: sum_of(np.array([x, x], dtype=float)), "dtype=object",
                           lambda x: sum_of(np.array([x, x], dtype=object))),
    "a complex number": (lambda x: complex(x).real, "x or x.detach() in place of float(x)", lambda x: x),
    "an int": (lambda x: int(x) * x, "floor(x) in place of int(x)", lambda x: ad.floor(x) * x),
    "an index": (lambda x: [1.0, 2.0][x] * x, "static=(...)", None),
    "an index of an array": (lambda x: np.arange(3.0)[x] * x, "static=(...)", None),
    "an index of one of objects": (lambda x: np.array([x, x])[x], "static=(...)", None),
    "an index of an array's row": (lambda x: np.ones((2, 2))[:, x].sum() * x, "static=(...)", None),
    "a size": (lambda x: len(np.zeros(x)) * x, "static=(...)", None),
    "a slice of an iterator": (lambda x: next(itertools.islice([x, x], x, None)), "static=(...)", None),
    "a whole number": (lambda x: math.trunc(x) * x, "floor(x) in place of int(x)", lambda x: ad.floor(x) * x),
    "statistics": (lambda x: statistics.mean([x, x]), "autograd.mean(xs)", lambda x: ad.mean([x, x])),
    "a range": (lambda x: sum(x for _ in range(x)), "compile(f, static=(...))", None),
    "a repetition": (lambda x: len([0] * x) * x, "static=(...)", None),
    "rounded": (lambda x: round(x) * x, "floor(x + 0.5) in place of round(x)", lambda x: ad.floor(x + 0.5) * x),
    "rounded to digits": (lambda x: round(x, 1), "round what the function returns", None),
    "an f-string": (lambda x: (x, f"{x:.3f}")[0], "make text of what the function returns", lambda x: x),
    "%-format": (lambda x: (x, "%.3f" % x)[0], "make text of what the function returns", lambda x: x),  # noqa: UP031
    "a branch": (lambda x: x if x else -x, "compile(f, static=(...))", None),
    "a test for nan": (lambda x: x if x == x else 0.0, "where(x <= x, a, b)", lambda x: where(x <= x, x, 0.0)),
    "a test for no nan": (lambda x: 0.0 if x != x else x, "where(x <= x, a, b)", lambda x: where(x <= x, x, 0.0)),
    "a test for nan by NumPy": (lambda x: np.array([x, x])[np.array([x, x]) == np.array([x, x])].sum(),
                                "where(x <= x, a, b)", lambda x: where(x <= x, 2.0 * x, 0.0)),
    "a branch on a condition": (lambda x: x if x > 0 else -x, "where(x > 0, a, b)", lambda x: where(x > 0, x, -x)),
    "a branch on a Value": (lambda x: x if W > 0 else -x, "a branch on", lambda x: where(W > 0, x, -x)),
    "a bool": (lambda x: bool(x) * x, "where(x > 0, a, b)", None),
    "not": (lambda x: x * (not x), "where(x > 0, a, b)", None),
    "not in where": (lambda x: where(not x > 0, x, -x), "where(x > 0, a, b)", lambda x: where(x > 0, -x, x)),
    "a loop": (halved, "while x > 1.0:", None),
    "a chain": (lambda x: x * (0 < x < 2), "(0 < x) * (x < 1)", lambda x: x * ((x > 0) * (x < 2))),
    "and": (lambda x: ad.where(x > 0 and x < 2, x, -x), "(0 < x) * (x < 1)", None),
    "math.isclose": (lambda x: x * math.isclose(x, 1.0), "static=(...)", None),
    "backward": (backpropagated, "grad(f) or value_and_grad(f) in place of backward()", grad(lambda x: x * x)),
    "gradients": (lambda x: ad.gradients(x * x, [x])[0], "create_graph=True",
                  lambda x: ad.gradients(x * x, [x], create_graph=True)[0]),
    "a gradient": (lambda x: x * W.grad, "grad(f) or value_and_grad(f)", None),
    "local derivatives": (lambda x: (x * x).local_derivatives()[0], "grad(f)", lambda x: x),
    "a copy": (copy.copy, "x itself, or x.detach()", lambda x: x),
    "an evaluation": (lambda x: evaluate(x * x, {}), "call the function with the other numbers", lambda x: x * x),
    "a graph": (lambda x: x * GRAPH.forward(), "compile a function in place of the graph", lambda x: x * FUNCTION()),
    "a graph's gradient": (lambda x: GRAPH.backward() or x * W.grad, "value_and_grad(theta) at plain numbers",
                           lambda x: x * GRAPH.value_and_grad([0.5])[1][0]),
    "a graph's vector": (lambda x: x * GRAPH.read()[0], "write x in place of x.data", lambda x: x * W),
    "equality": (lambda x: x * (x == 1.0), "abs(x - 1.0) <= 0.0", lambda x: x * (abs(x - 1.0) <= 0.0)),
}  # fmt: skip


@pytest.mark.parametrize("name", USES)
def test_error_says_what_to_write_in_place_of_a_plain_number_and_that_works(name):
    f, remedy, better = USES[name]
    for by in (f, grad(f)):
        error = error_of(compile(by), 1.0)
        assert error.startswith("TraceError: ")
        assert remedy in error
    assert (Value(1.0) > 0.5) is True  # and nothing of the trace is left
    if better is not None:
        eager = better(Value(1.0))
        assert compile(better)(1.0) == getattr(eager, "data", eager)
    if name in ("data", "a float", "an int", "rounded", "equality"):
        assert compile(grad(better))(1.0) == grad(better)(1.0) == 1.0


@pytest.mark.parametrize(
    "write",
    [repr, str, lambda x: f"{x!r}", "{!s}".format, lambda x: json.dumps(x, default=str), lambda x: f"{[x]}"],
)
def test_text_of_a_traced_value_shows_no_number(write):
    shown = []
    compile(lambda x: shown.extend(map(write, (x, x * W, W))) or x)(3.0)
    assert [re.findall(r"Value\((.*), id=(\d+)\)", text)[0][0] for text in shown] == [
        "traced, label='x'", "traced", "traced, label='w'"
    ]  # fmt: skip
    assert "data=1.0" in write(W)


def test_nodes_are_told_apart_by_their_texts():
    def memoized(f):
        known = {}
        return lambda *args: known[str(args)] if str(args) in known else known.setdefault(str(args), f(*args))

    square = lambda x: (lambda f: f(2.0 * x) + f(3.0 * x))(memoized(lambda y: y * y))
    assert (compile(square)(2.0), compile(grad(square))(2.0)) == (52.0, 52.0)
    shown = []
    compile(lambda x: shown.append(text(x * x)) or x)(3.0)
    assert shown[0].startswith("x = Value(3.0, label='x')")


def test_whether_there_is_a_gradient_may_be_asked():
    f = lambda x: x * 2.0 if hasattr(x, "grad") and not getattr(x * x, "grad", None) else x
    assert compile(f)(2.0) == 4.0
    with pytest.raises(TraceError, match="the grad of w in a compiled function"):
        compile(lambda x: x * W.grad)(2.0)


def test_formula_of_a_traced_value_may_be_written():
    written = []
    compile(lambda x: written.append(to_latex(x * ad.exp(x))) or x)(2.0)
    assert written == [to_latex((x := Value(2.0, "x")) * ad.exp(x))]


def test_every_use_that_is_refused_has_advice():
    told = {
        line.group(1)
        for line in re.finditer(
            r'modes\.use\(\w+, "([^"]+)"',
            "\n".join(path.read_text(encoding="utf-8") for path in Path(ad.__file__).parent.rglob("*.py")),
        )
    }
    assert told <= ADVICE.keys()


def test_what_is_part_of_the_program_is_read():
    f = lambda x, mode: x * x if mode == 0 else -x
    program = compile(f, static="mode")
    assert [program(3.0, mode) for mode in (0, 1)] == [9.0, -3.0]
    k, others = Value(2.0), [Value(2.0), Value(3.0)]
    assert compile(lambda x: x * (2.0 if k == k else 1.0) * (3.0 if x == None else 1.0))(3.0) == 6.0  # noqa: E711
    assert compile(lambda x: x * ad.fsum([w for w in [k, *others] if w in others]))(2.0) == 10.0
    assert (k == 2.0, k == k, k in [2.0, k]) == (False, True, True)


# What a function catches


def attempted(f):
    """Return f, which returns the last of its operands in place of an error."""

    def attempt(x):
        with contextlib.suppress(Exception):
            return f(*x)
        return x[-1] * 1.0

    return attempt


@pytest.mark.parametrize("name", USES)
def test_error_that_says_what_to_write_is_raised_though_the_function_catches_it(name):
    f, remedy, _ = USES[name]
    for by in (attempted(f), grad(attempted(f))):
        assert remedy in error_of(compile(by), [1.0])


def applied(row):
    return row if row.arity else lambda *x: row(*[x] * row.sequences)


def operands_outside(row):
    """Return operands for which a row of the table is an error."""
    points = (-1e308, -2.5, -1.0, 0.0, 1.0, 1e308, math.inf)
    for operands in itertools.product(points, repeat=row.arity or 2):
        with contextlib.suppress(ValueError, ArithmeticError):
            applied(row)(*operands)
            continue
        return [*operands]
    return None


ROWS = {name: row for name, row in TABLE.items() if isinstance(row, Operation) and may_raise(row)}
PARTIAL = {name: row for name, row in ROWS.items() if operands_outside(row)}


@pytest.mark.parametrize("name", PARTIAL)
def test_error_of_an_operation_that_the_function_catches_is_a_trace_error(name):
    row = PARTIAL[name]
    f = attempted(applied(row))
    operands = operands_outside(row)
    for by in (compile(f), compile(grad(f)), compile(f, batched="x")):
        error = error_of(by, [operands] if by.batched else operands)
        assert error.startswith("TraceError: a compiled function catches an error")
        assert "write where(x > 0, lambda: log(x), -1.0) in place of try" in error


def solved(k):
    try:
        return ad.root(lambda y: y * y + k, 1.0)
    except ad.ConvergenceError:
        return k


def test_what_an_error_depends_on_decides_whether_the_function_may_catch_it():
    constant, w = ad.Constant(-1.0), Value(-1.0)
    attempt = attempted(lambda x, k: ad.log(k) * x)
    for k in (w, ad.sin(w)):
        assert error_of(compile(lambda x, k=k: attempt([x, k])), 1.0).startswith("TraceError")
    assert error_of(compile(solved), 1.0).startswith("TraceError")
    assert error_of(compile(lambda x: x * solved(-w)), 1.0).startswith("TraceError")
    program = compile(lambda x: attempt([x, constant]))
    assert program(3.0) == -1.0
    constant.data = math.e
    assert program(3.0) == 3.0
    assert compile(lambda x: attempt([x, Value(-1.0)]))(3.0) == -1.0
    assert compile(lambda x: ad.where(x > 0, lambda: ad.log(x), -1.0))(-1.0) == -1.0
    assert error_of(compile(lambda x: ad.log(x)), -1.0) == error_of(ad.log, -1.0)


# What other threads read


def in_threads(g, run=lambda g: g):
    """Return the function that adds up g of its numbers, each computed in a thread."""

    def summed(x):
        with ThreadPoolExecutor(2) as executor:
            return sum(future.result() for future in [executor.submit(run(g), v) for v in x])

    return summed


def unrecorded(v):
    with ad.no_grad():
        return v * v


READ_IN_THREADS = {
    "a branch": lambda v: v * v if v > 0 else -v, "a branch on a result": lambda v: v if v * v > 1.0 else -v,
    "a condition": lambda v: ad.where(v > 0, v * v, -v), "sides": lambda v: ad.where(v, lambda: v * v, lambda: -v),
    "data": lambda v: v.data, "a float": math.sin, "a detached number": lambda v: v * v.detach(),
    "equality": lambda v: v * (v == 1.0), "its text": lambda v: v * len(repr(v)),
    "a program": lambda v: compile(lambda x: x * v)(2.0),
    "no_grad": unrecorded, "a caught error": lambda v: attempted(ad.log)([v]),
}  # fmt: skip


@pytest.mark.parametrize("name", READ_IN_THREADS)
def test_number_that_another_thread_reads_is_a_trace_error(name):
    f = in_threads(READ_IN_THREADS[name])
    for by in (f, attempted(lambda *x: f(x)), grad(f)):
        assert error_of(compile(by), [-3.0, 2.0]).startswith("TraceError: ")


def test_threads_may_compute_and_with_the_context_of_the_function_choose():
    w, square = Value(2.0), lambda v: v * v * w
    assert compile(in_threads(square))([-3.0, 2.0]) == 26.0
    share = lambda v: ad.softmax([v, 1.0])[0]
    program = compile(in_threads(share))
    for xs in ([-3.0, 2.0], [2.0, -300.0]):
        assert program(xs) == pytest.approx(sum(map(share, xs)), rel=1e-12)
    choice = in_threads(READ_IN_THREADS["a condition"], lambda g: partial(contextvars.copy_context().run, g))
    program = compile(choice)
    assert [program(x) for x in ([1.0, 2.0], [-3.0, 2.0])] == [5.0, 7.0]


def test_threads_that_trace_nothing_read_their_own_numbers():
    with ThreadPoolExecutor(1) as executor:
        read = lambda: executor.submit(lambda: (W * 2.0 > 1.0, (W * 2.0).data, attempted(ad.log)([-W]).data)).result()
        found = []
        assert compile(lambda x: found.append(read()) or x)(1.0) == 1.0
    assert found == [(True, 2.0, -1.0)]
