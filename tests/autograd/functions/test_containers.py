"""Containers of numbers: mappings, dataclasses, None, pandas Series and one's own, as arguments and results."""

from collections import defaultdict
from dataclasses import InitVar, dataclass
from typing import ClassVar

import pytest

from autograd import Value, compile, grad, jacobian, jvp, register, vjp
from autograd.compiler.backends import BACKENDS
from autograd.functions import Structure, flatten
from tests.autograd.functions.nested import CONTAINERS, Box, Marked, same


def product(container):
    a, b, c = [x for x in flatten(container)[0] if x is not None][:3]
    return a * b * b + c**3


def double(x):
    listed, structure = flatten(x)
    return structure.unflatten([2.0 * number for number in listed])


@pytest.mark.parametrize("backend", BACKENDS)
def test_compiled_functions_take_and_return_containers(backend):
    for name, make in CONTAINERS.items():
        compiled = compile(double, backend=backend)
        for a in (1.0, 5.0):
            assert same(compiled(make(a, 2.0, 3.0)), double(make(a, 2.0, 3.0))), name
        if name != "frozen dataclass":
            argument, slopes = make(1.0, 2.0, 3.0), make(4.0, 4.0, 27.0)
            assert same(compile(grad(product), backend=backend)(argument), slopes), name
            assert same(compile(product, backend=backend).value_and_grad(argument)[1], slopes), name


def test_mappings_in_another_order_are_alike():
    _, pull = vjp(lambda x: defaultdict(list, a=x, b=2.0 * x), 1.0)
    assert pull(defaultdict(list, b=1.0, a=0.0)) == (2.0,)


def test_rest_of_a_container_tells_structures_apart():
    assert flatten(Box("m", 1.0))[1] != flatten(Box("n", 1.0))[1]
    assert flatten(defaultdict(list, a=1.0))[1] != flatten(defaultdict(int, a=1.0))[1]
    with pytest.raises(TypeError, match="a tangent of jvp has the structure of what it multiplies"):
        jvp(lambda x: x.numbers[0], (Box("m", 1.0),), (Box("n", 1.0),))


@pytest.mark.parametrize("name", CONTAINERS)
def test_what_is_no_number_is_named_as_its_place_is_written(name):
    place = next(flatten(CONTAINERS[name](1.0, 2.0, 3.0))[1].names(""))
    with pytest.raises(TypeError, match="is of type str: 'a'") as found:
        grad(product)(CONTAINERS[name]("a", 2.0, 3.0))
    written = f"{place} of argument 0 of product is" if "." in place else f"argument 0 of product{place} is"
    assert written in str(found.value)
    assert ("no field: a ClassVar" in str(found.value)) == (name in ("dataclass", "frozen dataclass", "all of them"))


@dataclass
class Named:
    x: float
    name: InitVar[str] = ""
    power: ClassVar[int] = 3

    def __post_init__(self, name):
        self.name = name


def test_name_and_count_are_kept_in_attributes_that_are_no_fields():
    cubed = lambda point: point.x**point.power if point.name == "cubed" else point.x
    for f in (grad(cubed), compile(grad(cubed))):
        assert (f(Named(2.0, "cubed")).x, f(Named(2.0)).x) == (12.0, 1.0)


def test_what_is_registered_is_checked():
    with pytest.raises(ValueError, match="Box is known already"):
        register(Box, lambda box: (box.numbers, box.name), lambda name, parts: Box(name, *parts))
    with pytest.raises(ValueError, match="list is known already"):
        register(list, lambda x: (x, None), lambda rest, parts: list(parts))
    with pytest.raises(TypeError, match=r"register\(cls, flatten, unflatten\) takes a class and two functions"):
        register(Box("m"), len, len)


def test_named_tuple_is_flattened_as_it_was_registered():
    square = lambda marked: marked.number**2
    assert grad(square)(Marked(3.0, "x")) == Marked(6.0, "x")
    assert compile(square)(Marked(3.0, "x")) == 9.0


def test_none_is_a_container_of_no_numbers():
    assert flatten(None) == ([], Structure(type(None)))
    assert grad(lambda x, y: x * x, argnums=(0, 1))(3.0, None) == (6.0, None)


def test_polars_column_is_an_argument_and_its_gradient_a_column():
    polars = pytest.importorskip("polars")
    column = polars.Series("price", [1.0, 2.0, 4.0])
    slopes = grad(lambda x: sum(a * a for a in x) * x[0])(column)
    assert (type(slopes), slopes.name, slopes.dtype) == (polars.Series, "price", polars.Float64)
    assert slopes.to_list() == [23.0, 4.0, 8.0]
    assert grad(lambda x: x[0] * x[1])(polars.Series([2, 3])).to_list() == [3.0, 2.0]
    assert jacobian(lambda x: [x[0] * x[2], x[1]], sparse=True)(column).toarray().tolist() == [[4, 0, 1], [0, 1, 0]]
    assert [a.data for a in grad(lambda x: x[0] * x[1])(polars.Series([Value(2.0), Value(3.0)]))] == [3.0, 2.0]
    frame = polars.DataFrame({"x": [1.0, 2.0], "y": [3.0, 5.0]})
    assert grad(lambda w, x, y: sum((w * a - b) ** 2 for a, b in zip(x, y)))(1.0, frame["x"], frame["y"]) == -16.0
    assert compile(lambda x: x[0] * x[1])(polars.Series([2.0, 3.0])) == 6.0
