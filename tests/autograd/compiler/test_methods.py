"""Compiled methods, and copies and pickles of compiled functions, graphs and programs."""

import copy
import gc
import inspect
import multiprocessing
import os
import pickle
import subprocess
import sys
import types
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

import autograd
from autograd import Value, compile, grad, tanh
from nn import MLP


class Base:
    """A method that counts its traces, in instances of every kind."""

    __slots__ = ()
    traces = 0

    @compile
    def energy(self, x, *, k=1.0):
        """Return an energy."""
        Base.traces += 1
        return self.stiffness * x * x * k

    @compile(batched="x")
    def mean_energy(self, x):
        return self.stiffness * x * x


class Plain(Base):
    def __init__(self, stiffness):
        self.stiffness = stiffness


class Slots(Base):
    __slots__ = ("stiffness",)

    def __init__(self, stiffness):
        self.stiffness = stiffness


class WeakSlots(Base):
    __slots__ = ("__weakref__", "stiffness")

    def __init__(self, stiffness):
        self.stiffness = stiffness


@dataclass
class Unhashable(Base):
    stiffness: float


@dataclass(frozen=True)
class Frozen(Base):
    stiffness: float


@dataclass(frozen=True, slots=True)
class FrozenSlots(Base):
    stiffness: float


class Tuple(NamedTuple):
    stiffness: float
    energy = Base.energy
    mean_energy = Base.mean_energy


KINDS = [Plain, Slots, WeakSlots, Unhashable, Frozen, FrozenSlots, Tuple]


@pytest.mark.parametrize("kind", KINDS)
def test_method_computes_with_its_own_instance(kind):
    one, other = kind(2.0), kind(Value(5.0))
    for _ in range(2):
        assert [one.energy(3.0), other.energy(3.0), one.energy(3.0, k=2.0)] == [18.0, 45.0, 36.0]
        assert one.energy.value_and_grad(3.0) == (18.0, 12.0)
        assert other.mean_energy([1.0, 2.0]) == 12.5
    other.energy.backward(3.0)
    assert other.stiffness.grad == 9.0


@pytest.mark.parametrize("kind", KINDS)
def test_method_of_the_class_takes_the_instance(kind):
    one = kind(2.0)
    assert [kind.energy(one, 3.0), kind.energy(one, x=3.0), Base.energy(one, 3.0, k=2.0)] == [18.0, 18.0, 36.0]
    assert kind.mean_energy(one, [1.0, 2.0]) == 5.0
    assert kind.energy.value_and_grad(one, 3.0) == (18.0, 12.0)


@pytest.mark.parametrize("kind", KINDS)
def test_method_of_a_passing_instance_runs(kind):
    assert kind(2.0).energy(3.0) == 18.0
    assert kind(2.0).energy.value_and_grad(3.0) == (18.0, 12.0)
    method = kind(2.0).energy
    assert [method(3.0), method(4.0)] == [18.0, 32.0]


@pytest.mark.parametrize("kind", [Plain, WeakSlots, Unhashable, Frozen])
def test_method_is_traced_once_for_each_instance(kind):
    one, other = kind(2.0), kind(2.0)
    before = Base.traces
    for x in (1.0, 2.0, 3.0):
        one.energy(x)
        kind.energy(one, x)
        one.energy.value_and_grad(x)
        other.energy(x)
    assert Base.traces == before + 2


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
def test_copy_computes_with_itself(kind, again):
    one = kind(Value(2.0))
    one.energy(3.0)
    other = again(one)
    assert other.energy(3.0) == 18.0
    other.stiffness.data = 5.0
    assert other.energy(3.0) == 45.0
    assert one.energy(3.0) == (45.0 if other.stiffness is one.stiffness else 18.0)


def test_copy_with_another_attribute_computes_with_that():
    one = Plain(2.0)
    one.energy(3.0)
    other = copy.copy(one)
    other.stiffness = 5.0
    assert [one.energy(3.0), other.energy(3.0)] == [18.0, 45.0]


@pytest.mark.parametrize("kind", [Plain, WeakSlots, Unhashable, Frozen])
def test_instance_is_freed_with_the_last_reference(kind):
    gc.collect()
    gc.disable()
    try:
        one = kind(Value(2.0))
        one.energy(3.0)
        one.mean_energy.value_and_grad([1.0, 2.0])
        one.energy.backward(3.0)
        gone = weakref.ref(one)
        kept = len(Base.__dict__["energy"]._methods._programs)
        del one
        assert gone() is None
        assert len(Base.__dict__["energy"]._methods._programs) == kept - 1
    finally:
        gc.enable()


def test_compiled_function_is_freed_with_the_last_reference():
    gc.collect()
    gc.disable()
    try:
        w = Value(2.0)
        compiled = compile(lambda x, n: x * w * n, batched="x", static="n")
        compiled.value_and_grad([1.0, 2.0], 3)
        compiled.backward([1.0], n=4)
        gone = weakref.ref(compiled)
        del compiled
        assert gone() is None
    finally:
        gc.enable()


class Parent:
    __slots__ = ("w",)

    def __init__(self, w):
        self.w = w

    @compile
    def f(self, x):
        return self.w * x


class Child(Parent):
    __slots__ = ("__weakref__",)

    @compile
    def f(self, x):
        return super().f(x) * x + 1.0


def test_method_of_the_parent_is_called_by_super():
    child = Child(Value(3.0))
    assert [child.f(2.0), Parent.f(child, 2.0), super(Child, child).f(2.0), child.f(3.0)] == [13.0, 6.0, 6.0, 28.0]
    assert child.f.value_and_grad(2.0) == (13.0, 12.0)


class Kinds:
    factor = 2.0

    @compile
    @classmethod
    def of_class(cls, x):
        return cls.factor * x

    @classmethod
    @compile
    def of_class_too(cls, x):
        return cls.factor * x

    @compile
    @staticmethod
    def of_none(x):
        return 3.0 * x

    @staticmethod
    @compile
    def of_none_too(x):
        return 3.0 * x

    @property
    @compile
    def double(self):
        return self.factor * 2.0


class Derived(Kinds):
    factor = 5.0


@pytest.mark.parametrize("of", [Kinds, Kinds(), Derived, Derived()])
def test_class_and_static_methods_compile(of):
    assert [of.of_class(1.0), of.of_class_too(1.0), of.of_none(1.0), of.of_none_too(1.0)] == [of.factor] * 2 + [3.0] * 2
    assert of.of_class.value_and_grad(1.0) == (of.factor, of.factor)
    if not isinstance(of, type):
        assert of.double == 2.0 * of.factor


def test_class_that_comes_as_the_first_argument_is_bound():
    method = types.MethodType(Kinds.__dict__["of_class_too"].__func__, Derived)  # what classmethod makes since 3.13
    assert method(2.0) == 10.0


def test_function_assigned_to_a_class_is_a_method():
    class Late:
        pass

    Late.f = compile(lambda self, x: self.k * x)
    Late.g = compile(tanh)
    late = Late()
    late.k = 2.0
    assert [late.f(3.0), Late.f(late, 3.0), late.g(0.0)] == [6.0, 6.0, 0.0]


def test_method_is_differentiated_and_described_as_a_method():
    one = Plain(2.0)
    assert grad(grad(one.energy))(3.0) == 4.0
    assert list(inspect.signature(one.energy).parameters) == ["x", "k"]
    assert list(inspect.signature(Plain.energy).parameters) == ["self", "x", "k"]
    assert (one.energy.__doc__, one.energy.__name__, one.energy.__self__) == ("Return an energy.", "energy", one)


# Copies and pickles


def example_loss(model, x, y):
    return (model(x) - y) ** 2


NAMES = ["decorated", "named", "function", "static", "batched", "derivative", "model", "method", "method of a class"]


@compile
def decorated(x):
    return x * x + 1.0


def plain(x, w=2.0):
    return x * x * w


WEIGHT = Value(3.0, "weight")


def weighted(x):
    return x * WEIGHT


named = compile(weighted, wrt=[WEIGHT])
X, Y = np.array([[1.0, 2.0], [3.0, -1.0]]), np.array([1.0, -1.0])


def functions():
    """Return compiled functions of these NAMES, each with arguments."""
    model = MLP(2, [3, 1], "tanh", seed=1)
    return {
        "decorated": (decorated, (2.0,)),
        "named": (named, (2.0,)),
        "function": (compile(plain), (2.0,)),
        "static": (compile(plain, static="w"), (2.0, 5.0)),
        "batched": (compile(plain, batched="x"), (Y,)),
        "derivative": (compile(Plain(Value(2.0)).energy.value_and_grad), (3.0,)),
        "model": (compile(model, batched="x", wrt=model.parameters()), (X,)),
        "method": (Plain(Value(2.0)).energy, (3.0,)),
        "method of a class": (Plain.energy, (Plain(2.0), 3.0)),
    }


@pytest.mark.parametrize("called_before", [True, False])
@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
@pytest.mark.parametrize("name", NAMES)
def test_copy_of_a_compiled_function_computes_the_same(name, again, called_before):
    compiled, arguments = functions()[name]
    if called_before:
        compiled(*arguments)
    other = again(compiled)
    assert other(*arguments) == compiled(*arguments)
    assert {**other.options, "wrt": None} == {**compiled.options, "wrt": None}
    assert other.__name__ == compiled.__name__


def test_function_found_by_its_name_is_itself():
    for compiled in (decorated, named):
        assert all(again(compiled) is compiled for again in (copy.copy, copy.deepcopy))
        assert pickle.loads(pickle.dumps(compiled)) is compiled


@pytest.mark.parametrize("again", [copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
def test_copy_of_a_compiled_model_has_parameters_of_its_own(again):
    model = MLP(2, [1], seed=1)
    compiled = compile(model, batched="x", wrt=model.parameters())
    other = again(compiled)
    assert (
        other.value_and_grad_at(other.read(), X)[1].tolist()
        == compiled.value_and_grad_at(compiled.read(), X)[1].tolist()
    )
    other.backward(X)
    other.write(other.read() + 1.0)
    assert [p.grad for p in model.parameters()] == [0.0] * 3
    assert other(X) != compiled(X)


def test_vector_of_a_function_that_loses_it_is_an_error():
    with pytest.raises(pickle.PicklingError, match=r"weighted is pickled by its name, which its wrt=.* are not"):
        pickle.dumps(compile(weighted, wrt=[WEIGHT]))


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
def test_copy_of_a_compiled_graph_has_its_own_leaves_unless_it_is_shallow(again):
    a, b = Value(2.0, "a"), Value(3.0, "b")
    program = compile([a * b, a + b], wrt=[b, a])
    program.forward()
    other = again(program)
    assert other.forward() == [6.0, 5.0]
    found, wanted = (p.value_and_grad([5.0, 7.0], [1.0, 2.0]) for p in (other, program))
    assert (found[0], found[1].tolist()) == (wanted[0], wanted[1].tolist())
    assert [leaf.label for leaf in other.wrt] == ["b", "a"]
    assert (other.wrt[0] is b) == (again is copy.copy)


def programs():
    """Return programs of every kind, with the number of examples."""
    model = MLP(2, [3, 1], "tanh", seed=1)
    loss = compile(lambda x, y: (model(x) - y) ** 2, batched=("x", "y"))
    return [(loss.specialize(X, Y), 2), (decorated.specialize(2.0), 1), (compile(np.sum).specialize(np.ones(500)), 1)]


@pytest.mark.parametrize("number", range(3))
def test_copy_of_a_program_computes_the_same(number):
    program, examples = programs()[number]
    for other in (copy.deepcopy(program), pickle.loads(pickle.dumps(program))):
        assert (str(other), other.source) == (str(program), program.source)
        found = []
        for run in (program, other):
            memory = run.memory(examples)
            memory.plain[:] = 0.5
            found.append(run.forward(memory)[0])
        assert np.array_equal(*found)


def run(program):
    memory = program.memory(1)
    memory.plain[:] = 3.0
    return program.forward(memory)


def in_another_process(compiled, arguments):
    return compiled(*arguments)


def test_pickles_run_in_a_process_that_begins_anew():
    w = Value(2.0)
    graph = compile(w * w + 1.0)
    works = list(functions().values())
    works += [(graph.forward, ()), (decorated.value_and_grad, (2.0,))]
    works += [(run, (decorated.specialize(2.0),))]
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        found = pool.starmap(in_another_process, works)
    assert found == [compiled(*arguments) for compiled, arguments in works]


SCRIPT = """
from joblib import Parallel, delayed
from autograd import Value, compile

W = Value(3.0)

@compile
def decorated(x):
    return x * x * W

class Spring:
    def __init__(self, k):
        self.k = k

    @compile
    def energy(self, x):
        return self.k * x * x

given = compile(lambda x: x * W, wrt=[W])
works = [
    (decorated, 2.0), (decorated.value_and_grad, 2.0), (Spring(5.0).energy, 2.0), (given, 2.0),
    (lambda x: given.value_and_grad_at([5.0], x)[1].tolist(), 2.0), (compile(W * W).forward, None),
]

if __name__ == "__main__":
    found = Parallel(n_jobs=2)([delayed(lambda f, x: f() if x is None else f(x))(f, x) for f, x in works])
    assert found == [f() if x is None else f(x) for f, x in works], found
    print("the same")
"""


def test_functions_of_a_script_run_in_the_processes_of_joblib(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(Path(autograd.__file__).parents[1])}
    run = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False, env=environment)
    assert run.stdout == "the same\n", run.stderr
