"""Names of derivatives, and their parameters; derivatives as methods; copies and pickles of what transforms return."""

import abc
import copy
import functools
import inspect
import multiprocessing
import pickle
import types
import typing

import pytest

from autograd import Value, compile, grad, hessian, hvp, jacobian, sin, value_and_grad, vjp
from autograd.functions import transforms
from autograd.functions.structure import flatten


def energy(a, b=2.0, *, k=1.0):
    return a * b * k


@pytest.mark.parametrize("transform", [grad, value_and_grad, jacobian, hessian])
def test_derivative_has_the_name_and_the_parameters_of_its_function(transform):
    derivative, name = transform(energy), transform.__name__
    assert inspect.signature(derivative) == inspect.signature(energy)
    assert (derivative.__name__, derivative.__qualname__) == (f"{name}(energy)",) * 2
    assert derivative.__doc__ == f"Return the {name} of energy."
    assert derivative.__wrapped__ is energy
    assert repr(derivative).startswith(f"<function {name}(energy) at 0x")
    assert transform(sin).__name__ == f"{name}(sin)"
    assert transform(functools.partial(energy)).__name__.startswith(f"{name}(functools.partial(")


def test_product_with_the_hessian_has_a_parameter_more():
    assert list(inspect.signature(hvp(energy)).parameters) == ["args", "keywords"]
    assert (hvp(energy).__name__, hvp(energy).__wrapped__) == ("hvp(energy)", energy)


def test_arguments_of_the_function_may_have_any_name():
    def named(x, asker, f=1.0, *, argnums, has_aux, call, self):
        return x * asker * f * argnums * has_aux * call * self

    keywords = {"asker": 2.0, "f": 3.0, "argnums": 1.0, "has_aux": 1.0, "call": 1.0, "self": 1.0}
    assert grad(named)(5.0, **keywords) == 6.0
    assert value_and_grad(named)(5.0, **keywords) == (30.0, 6.0)
    assert jacobian(named)(5.0, **keywords) == 6.0
    assert hvp(named)(5.0, 1.0, **keywords) == hessian(named)(5.0, **keywords) == 0.0


class Spring:
    def __init__(self, stiffness):
        self.stiffness = stiffness
        self.bound = grad(self.energy)

    def energy(self, x):
        return self.stiffness * x * x

    def __call__(self, x):
        return self.stiffness * x * x

    def annotated(self, x: float, unit: str = "J") -> float:
        return x

    force = grad(energy, argnums=1)
    fast = compile(force)
    static = staticmethod(grad(lambda x: x * x))

    @functools.partial(grad, argnums=1)
    def slope(self, x):
        return self.stiffness * x * x

    @compile
    @functools.partial(grad, argnums=1)
    def fast_slope(self, x):
        return self.stiffness * x * x


def test_derivative_is_a_method_of_a_class():
    spring = Spring(3.0)
    assert spring.force(2.0) == Spring.force(spring, 2.0) == spring.slope(2.0) == spring.bound(2.0) == 12.0
    assert spring.fast(2.0) == Spring.fast(spring, 2.0) == spring.fast_slope(2.0) == 12.0
    assert spring.static(2.0) == Spring.static(2.0) == 4.0
    assert list(inspect.signature(spring.force).parameters) == ["x"]
    assert (type(spring.force), spring.force.__self__, spring.force.__name__) == (
        types.MethodType, spring, "grad(energy)"
    )  # fmt: skip
    assert spring.force == spring.force


# Copies and pickles


def pickled(thing):
    return pickle.loads(pickle.dumps(thing))


def cube(x):
    return x * x * x


@compile
def fourth(x):
    return x**4


@grad
def decorated(x):
    return x * x * x


@hvp
def product(x):
    return x * x * x


def several(x, y):
    return [x[0] * y, x[1] * x[1]]


def with_aux(x):
    return x * x, {"cube": x * x * x}


WEIGHT = Value(3.0, "weight")


def weighted(x):
    return WEIGHT * x * x


def undecorated(x):
    return x * x * x


also_undecorated = undecorated  # which pickle does not find by its own name
undecorated = compile(undecorated)
held = jacobian(cube)


def transforms_of_functions():
    """The transforms that take a function and return one."""
    for transform in filter(inspect.isfunction, vars(transforms).values()):
        signature = inspect.signature(transform)
        if next(iter(signature.parameters), "") == "f" and signature.return_annotation == "Function":
            yield transform


TRANSFORMS = [*transforms_of_functions()]
RETURNED = {  # what transforms return, with arguments
    **{t.__name__: lambda t=t: (t(cube), (2.0, 1.0)[: 1 + (t is hvp)]) for t in TRANSFORMS},
    **{f"{t.__name__} with aux": lambda t=t: (t(with_aux, has_aux=True), (2.0, 1.0)[: 1 + (t is hvp)])
       for t in TRANSFORMS},
    **{f"{t.__name__} of grad": lambda t=t: (t(grad(cube)), (2.0, 1.0)[: 1 + (t is hvp)]) for t in TRANSFORMS},
    **{f"compiled {t.__name__} of a compiled function": lambda t=t: (
        compile(t(compile(cube))), (2.0, 1.0)[: 1 + (t is hvp)]) for t in TRANSFORMS},
    "vjp": lambda: (vjp(cube, 2.0)[1], (1.0,)),
    "vjp of a lambda": lambda: (vjp(lambda x, w: [x * w, x], 2.0, WEIGHT)[1], ([1.0, 10.0],)),
    "by several": lambda: (jacobian(several, argnums=(1, 0)), ([2.0, 3.0], 4.0)),
    "sparse": lambda: (hessian(cube, sparse=True), (2.0,)),
    "held": lambda: (held, (2.0,)),
    "decorated": lambda: (decorated, (2.0,)),
    "decorated beside a second name": lambda: (undecorated, (2.0,)),
    "decorated product": lambda: (product, (2.0, 1.0)),
    "of a decorated one": lambda: (value_and_grad(decorated), (2.0,)),
    "of a compiled function with a name": lambda: (grad(grad(fourth)), (2.0,)),
    "of an operation": lambda: (grad(sin), (2.0,)),
    "of a partial": lambda: (jacobian(functools.partial(several, y=1.0)), ([2.0, 3.0],)),
    "of a bound method": lambda: (Spring(3.0).bound, (2.0,)),
    "of a Value around": lambda: (grad(weighted), (2.0,)),
    "in a class": lambda: (Spring.force, (Spring(3.0), 2.0)),
    "decorated in a class": lambda: (Spring.slope, (Spring(3.0), 2.0)),
    "compiled in a class": lambda: (Spring(3.0).fast_slope, (2.0,)),
}  # fmt: skip


def numbers_of(returned):
    dense = returned.toarray() if hasattr(returned, "toarray") else returned
    return [x.data if isinstance(x, Value) else x for x in flatten(dense)[0]]


def test_transforms_are_known():
    assert {*TRANSFORMS} >= {grad, value_and_grad, jacobian, hessian, hvp}


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, pickled, lambda thing: pickled(pickled(thing))])
@pytest.mark.parametrize("name", RETURNED)
def test_copy_of_what_a_transform_returned_computes_the_same(name, again):
    made, arguments = RETURNED[name]()
    wanted = numbers_of(made(*arguments))
    other = again(made)
    assert numbers_of(other(*arguments)) == wanted
    assert type(other) is type(made)
    assert (other.__name__, inspect.signature(other)) == (made.__name__, inspect.signature(made))
    if "held" in name or name.startswith("decorated"):
        assert other is made


def in_another_process(made, arguments):
    return numbers_of(made(*arguments))


def test_pickles_run_in_a_process_that_begins_anew():
    works = [make() for make in RETURNED.values()]
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.starmap(in_another_process, works) == [in_another_process(*work) for work in works]


def test_derivative_of_what_is_not_pickled_is_not_either_and_is_copied():
    square = grad(lambda x: x * x)
    assert copy.deepcopy(square) is square
    assert copy.copy(square)(3.0) == 6.0
    with pytest.raises((pickle.PicklingError, AttributeError), match="<lambda>"):
        pickle.dumps(square)


@pytest.mark.parametrize("again", [copy.deepcopy, pickled])
def test_copy_of_an_instance_has_derivatives_of_its_own(again):
    spring = Spring(Value(3.0))
    other = again(spring)
    other.stiffness.data = 5.0
    assert (spring.bound(1.0).data, other.bound(1.0).data, other.force(1.0).data) == (6.0, 10.0, 10.0)


def test_name_that_stands_for_another_derivative_by_now_is_not_taken(monkeypatch):
    written = pickle.dumps(held)
    for other in (jacobian(cube, argnums=(0,)), jacobian(weighted), grad(cube), compile(cube), cube, None):
        monkeypatch.setitem(globals(), "held", other)
        assert pickle.loads(written)(2.0) == 12.0


def scaled(x, k):
    return k * x * x


OF_A_NUMBER = {  # functions of one source and a number
    "method": lambda k: Spring(k).energy, "callable object": Spring,
    "partial": lambda k: functools.partial(scaled, k=k),
}  # fmt: skip


MADE = [*TRANSFORMS, compile, lambda f: compile(grad(f)), lambda f: grad(compile(f))]


@pytest.mark.parametrize("make", MADE)
@pytest.mark.parametrize("of", OF_A_NUMBER)
def test_each_pickle_is_of_its_own_function_whatever_name_a_module_has_for_it(monkeypatch, of, make):
    made = [make(OF_A_NUMBER[of](k)) for k in (1.0, 2.0, 3.0)]
    kept = []
    for one in made:
        monkeypatch.setitem(globals(), "held", one)  # as the variable of a loop
        kept.append(pickled(one))
    arguments = (2.0, 1.0)[: 1 + (make is hvp)]
    assert [one(*arguments) for one in kept] == [one(*arguments) for one in made]
    monkeypatch.setitem(globals(), "held", make(lambda x: x * x))
    with pytest.raises((pickle.PicklingError, AttributeError), match="<lambda>"):
        pickle.dumps(held)


# What wraps a function


@pytest.mark.parametrize("make", MADE)
def test_what_is_made_of_a_function_has_its_annotations_and_is_abstract_where_it_is(make):
    def f(x: "float", unit: str = "J") -> float:
        return x

    _ = type(make(f)).__annotations__  # which makes those of a class that has none
    hints = {"x": float, "unit": str, "return": float}
    assert typing.get_type_hints(make(f)) == typing.get_type_hints(make(Spring(1.0).annotated)) | hints == hints
    assert inspect.get_annotations(make(f)) == f.__annotations__
    assert typing.get_type_hints(make(energy)) == {}
    dispatched = functools.singledispatch(lambda x: None)
    dispatched.register(make(f))
    assert float in dispatched.registry
    for of in (lambda f: f, classmethod, staticmethod):
        abc.ABCMeta("Concrete", (), {"f": of(make(f))})()
        for abstract in (of(make(abc.abstractmethod(lambda x: x))), of(abc.abstractmethod(make(f)))):
            with pytest.raises(TypeError, match="abstract"):
                abc.ABCMeta("Abstract", (), {"f": abstract})()


def test_attributes_of_a_function_are_those_of_what_is_compiled_but_for_its_own():
    def f(x):
        return x * x

    f.unit, f.each, f.f, f.make = "J", None, None, None
    compiled = compile(f)
    assert (compiled.unit, compiled.f, compiled(3.0), compile(Spring(2.0).energy).f.__name__) == ("J", f, 9.0, "energy")
    assert compile(f, batched="x").each([3.0]).tolist() == [9.0]
