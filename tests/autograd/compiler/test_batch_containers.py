"""Every container that a batch may come in, and every form of an example: the right gradient, or a clear error."""

import array
from collections import OrderedDict, UserList, defaultdict, deque, namedtuple
from functools import partial

import numpy as np
import pandas as pd
import pytest

from autograd import Value, compile
from autograd.compiler.backends import BACKENDS

Two = namedtuple("Two", "a b")


class Named(Two):
    def __new__(cls, a):
        return super().__new__(cls, a, a)


class Listed(list):
    def __init__(self, title, numbers):
        super().__init__(numbers)
        self.title = title


class Fixed(tuple):
    __slots__ = ()

    def __new__(cls, a, b):
        return super().__new__(cls, (a, b))


BATCHES = {
    "list": lambda a, b: [a, b], "subclass of list": lambda a, b: Listed("two", [a, b]),
    "tuple": lambda a, b: (a, b), "named tuple": Two, "subclass of tuple": Fixed,
    "subclass of a named tuple": lambda a, b: Named._make([a, b]),
}  # fmt: skip
EXAMPLES = {
    "float": float, "integer": int, "truth": bool, "value": Value, "integer array of shape ()": np.array,
    "array of shape ()": lambda x: np.array(float(x)), "array of shape (1,)": lambda x: np.array([float(x)]),
    "object array of shape ()": lambda x: np.array(Value(x), dtype=object), "list": lambda x: [float(x)],
    "list of arrays of shape ()": lambda x: [np.array(float(x))], "tuple": lambda x: (float(x),),
    "dict": lambda x: {"x": float(x)}, "series": lambda x: pd.Series([float(x)]),
    **{f"numpy {kind.__name__}": kind for kind in (np.float64, np.float32, np.float16, np.int64, np.uint8, np.bool_)},
}  # fmt: skip


def part(e):
    """The one number in an example, of whatever type."""
    e = e.iloc[0] if isinstance(e, pd.Series) else e["x"] if isinstance(e, dict) else e
    e = e[0] if isinstance(e, (list, tuple)) else e.item() if isinstance(e, (np.ndarray, np.generic)) else e
    return e.item() if isinstance(e, np.ndarray) else e


def square(e):
    return part(e) * part(e)


def number(x):
    """The float in an example or its derivative."""
    x = part(x)
    return x.data if isinstance(x, Value) else x


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("batch", BATCHES.values(), ids=BATCHES)
@pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES)
def test_gradient_comes_in_the_container_of_the_batch(batch, example, backend):
    given = batch(example(1), example(0))
    program = compile(square, batched="e", backend=backend)
    for _ in range(2):
        value, slopes = program.value_and_grad(given)
        assert type(slopes) is type(given)
        assert vars(slopes) == vars(given) if isinstance(given, Listed) else True
        assert (number(value), [*map(number, slopes)]) == (0.5, [1.0, 0.0])
        assert [*map(number, program.each(given))] == [1.0, 0.0]
        assert type(slopes[0]) is type(example(1)) or number(slopes[0]) is not slopes[0] or type(slopes[0]) is float


REFUSED = {
    "number": 1.0, "numpy scalar": np.float64(1.0), "array of shape ()": np.array(1.0), "value": Value(1.0),
    "text": "12", "none": None, "dict": {"a": 1.0, "b": 2.0}, "ordered dict": OrderedDict(a=1.0),
    "defaultdict": defaultdict(float, a=1.0), "deque": deque([1.0, 2.0]), "user list": UserList([1.0, 2.0]),
    "generator": (x for x in [1.0, 2.0]), "keys": {1.0: 2.0}.keys(), "dict values": {"a": 1.0}.values(),
    "items": {1.0: 2.0}.items(), "set": {1.0, 2.0}, "range": range(2), "iterator": iter([1.0]),
    "map": map(float, [1]), "array.array": array.array("d", [1.0]), "memoryview": memoryview(b"12"),
    "series": pd.Series([1.0, 2.0]), "frame": pd.DataFrame({"a": [1.0]}),
    "masked array": np.ma.masked_array([1.0, 2.0], [True, False]),
}  # fmt: skip


@pytest.mark.parametrize("given", REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("method", ["value_and_grad", "each", "__call__", "backward"])
def test_other_containers_are_refused_by_name(given, method):
    program = compile(lambda e: e * e, batched="e")
    with pytest.raises(TypeError, match=f"is an array or a list of examples, got {type(given).__name__}"):
        getattr(program, method)(given)


HINTS = {  # what a message says to write, as a function
    "list(...) around it": list,
    "np.asarray(...) around it": np.asarray,
    ".to_numpy() behind it": lambda given: given.to_numpy(),
    ".toarray() behind it": lambda given: given.toarray(),
    ".filled(...) behind it": lambda given: given.filled(0.0),
}
ROWS = {  # what holds examples, and is no list of them
    "sparse array": lambda: pytest.importorskip("scipy.sparse").csr_array(np.eye(2)),
    "tensor": lambda: pytest.importorskip("torch").ones(2, 3),
    "matrix": lambda: np.ones((2, 3)).view(np.matrix),
    "generator": lambda: (x for x in [1.0, 2.0]),
}
LISTED = ["deque", "user list", "keys", "dict values", "items", "set", "range", "array.array", "memoryview"]
ROWS |= {name: partial(REFUSED.get, name) for name in [*LISTED, "series", "frame", "masked array"]}


@pytest.mark.parametrize("rows", ROWS.values(), ids=ROWS)
def test_what_the_message_says_to_write_makes_a_batch(rows):
    given = rows()
    program = compile(lambda e: sum(np.ravel(e)), batched="e")
    with pytest.raises(TypeError, match="; write ") as refused:
        program.each(given)
    batch = HINTS[str(refused.value).partition("; write ")[2]](given)
    assert program.each(batch).tolist() == [float(np.sum(example)) for example in batch]


@pytest.mark.parametrize("name", ["number", "array of shape ()", "text", "none", "dict", "defaultdict"])
def test_what_holds_no_examples_has_no_hint(name):
    with pytest.raises(TypeError, match=r"a list of examples, got \w+$"):
        compile(lambda e: e, batched="e").each(REFUSED[name])


ALIKE, NONE, REAL = "not alike: number 0 is ", "holds no examples, and a batch has one or more", "takes real numbers"
ODD = {
    "numbers beside arrays": ([1.0, np.array(1.0)], f"in argument 0 .* are {ALIKE}number, number 1 is array()$"),
    "arrays beside numbers": ([np.array(1.0), 1.0], f"{ALIKE}array(), number 1 is number$"),
    "arrays of two shapes": ([np.array(1.0), np.array([1.0])], ALIKE),
    "arrays of two sizes": ([np.ones((2, 3)), np.ones((2, 4))], f"{ALIKE}array(2, 3), number 1 is array(2, 4)$"),
    "lists of two lengths": ([[1.0], [1.0, 2.0]], ALIKE), "tuples beside lists": ([(1.0,), [1.0]], ALIKE),
    "no example": ([], NONE), "no example in a tuple": ((), NONE), "no example in an array": (np.zeros((0, 2)), NONE),
    "text": (["a"], REAL), "text in a list": ([["a", 2.0]], "of type str: 'a'"), "complex numbers": ([1j], REAL),
    "complex numbers in an array": (np.array([1j]), REAL), "deques": ([deque([1.0])], REAL),
    "days": (np.array(["2026-01-01"], dtype="datetime64[D]"), REAL),
    "a record": (np.zeros(1, dtype=[("a", float)]), REAL), "generators": ([(x for x in [1.0])], REAL),
    "dict values": ([{"a": 1.0}.values()], REAL),
}  # fmt: skip


@pytest.mark.parametrize(("given", "message"), ODD.values(), ids=ODD)
def test_examples_that_are_none_are_refused_and_leave_the_program_usable(given, message):
    program = compile(lambda e: np.sum(e) * 3.0, batched="e")
    assert program([1.0, 2.0]) == 4.5
    error = TypeError if message in (REAL, "of type str: 'a'") else ValueError
    with pytest.raises(error, match=message.replace("(", r"\(").replace(")", r"\)")):
        program.value_and_grad(given)
    assert program([1.0, 2.0]) == 4.5


@pytest.mark.parametrize("batch", [np.ones(1), [1.0], [Value(1.0)]], ids=["array", "list", "Values"])
def test_batches_are_of_one_length(batch):
    with pytest.raises(ValueError, match=r"batches of one length, got lengths \[1, 2\]"):
        compile(lambda x, y: x * y, batched=("x", "y"))([3.0, 4.0], batch)
