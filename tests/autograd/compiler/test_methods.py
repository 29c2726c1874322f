"""Compiled methods, and copies and pickles of compiled functions, graphs and programs."""

import copy
import inspect
import multiprocessing
import os
import pickle
import subprocess
import sys
import types
import weakref
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

import autograd
from autograd import Value, compile, grad, relu, tanh
from autograd.functions import flatten
from nn import MLP
from tests.autograd.compiler.beside_eager import pickled

AGAIN = [copy.copy, copy.deepcopy, pickled]


class Base:
    """A method that counts its traces, in instances of every kind."""

    __slots__ = ()
    traces = 0

    def __init__(self, stiffness):
        self.stiffness = stiffness

    @compile
    def energy(self, x, *, k=1.0):
        """Return an energy."""
        Base.traces += 1
        return self.stiffness * x * x * k

    @compile(batched="x")
    def mean_energy(self, x):
        return self.stiffness * x * x


class Plain(Base):
    pass


class Slots(Base):
    __slots__ = ("stiffness",)


class WeakSlots(Base):
    __slots__ = ("__weakref__", "stiffness")


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
KEPT = [Plain, WeakSlots, Unhashable, Frozen]  # whose instances have programs for as long as they live


@pytest.mark.parametrize("kind", KINDS)
def test_method_computes_with_its_own_instance(kind):
    one, other = kind(2.0), kind(Value(5.0))
    for _ in range(2):
        assert [one.energy(3.0), other.energy(3.0), one.energy(3.0, k=2.0)] == [18.0, 45.0, 36.0]
        assert one.energy.value_and_grad(3.0) == (18.0, 12.0)
        assert other.mean_energy([1.0, 2.0]) == 12.5
    other.energy.backward(3.0)
    assert other.stiffness.grad == 9.0
    assert [kind.energy(one, 3.0), kind.energy(one, x=3.0), Base.energy(one, 3.0, k=2.0)] == [18.0, 18.0, 36.0]
    assert (kind.mean_energy(one, [1.0, 2.0]), kind.energy.value_and_grad(one, 3.0)) == (5.0, (18.0, 12.0))
    assert (kind(2.0).energy(3.0), kind(2.0).energy.value_and_grad(3.0)) == (18.0, (18.0, 12.0))
    method = kind(2.0).energy  # of an instance that nothing else keeps
    assert [method(3.0), method(4.0)] == [18.0, 32.0]


@pytest.mark.parametrize("kind", KEPT)
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
@pytest.mark.parametrize("again", AGAIN)
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


@pytest.mark.parametrize("kind", KEPT)
def test_instance_is_freed_with_the_last_reference(kind, without_collector):
    one = kind(Value(2.0))
    one.energy(3.0)
    one.mean_energy.value_and_grad([1.0, 2.0])
    one.energy.backward(3.0)
    gone = weakref.ref(one)
    kept = len(Base.__dict__["energy"]._methods._programs)
    del one
    assert gone() is None
    assert len(Base.__dict__["energy"]._methods._programs) == kept - 1


def test_compiled_function_is_freed_with_the_last_reference(without_collector):
    w = Value(2.0)
    compiled = compile(lambda x, n: x * w * n, batched="x", static="n")
    compiled.value_and_grad([1.0, 2.0], 3)
    compiled.backward([1.0], n=4)
    gone = weakref.ref(compiled)
    del compiled
    assert gone() is None


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


WAYS = {
    "__call__": [], "each": [], "value_and_grad": [], "backward": [], "value_and_grad_at": [[5.0]], "each_at": [[5.0]],
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_method_of_a_class_takes_the_instance_first_however_it_is_called(way):
    found = [
        getattr(method, way)(*WAYS[way], *instance, [1.0, 3.0])
        for method, instance in ((Base.mean_energy, [Plain(Value(2.0))]), (Plain(Value(2.0)).mean_energy, []))
    ]
    assert flatten(found[0])[0] == flatten(found[1])[0] != []


def test_program_of_a_method_of_a_class_is_that_of_the_instance():
    plain = Plain(2.0)
    assert Base.mean_energy.specialize(plain, [1.0]) is plain.mean_energy.specialize([1.0])


def test_method_of_the_parent_is_called_by_super():
    child = Child(Value(3.0))
    assert [child.f(2.0), Parent.f(child, 2.0), super(Child, child).f(2.0), child.f(3.0)] == [13.0, 6.0, 6.0, 28.0]
    assert child.f.value_and_grad(2.0) == (13.0, 12.0)


def times_factor(cls, x):
    return cls.factor * x


def times_3(x):
    return 3.0 * x


class Kinds:
    factor = 2.0
    of_class = compile(classmethod(times_factor))
    of_class_too = classmethod(compile(times_factor))
    of_none = compile(staticmethod(times_3))
    of_none_too = staticmethod(compile(times_3))

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


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("first", [[1.0, 3.0], (1.0, 3.0), np.array([1.0, 3.0])], ids=type)
def test_number_where_a_class_is_to_be_says_in_which_order_to_decorate(way, first):
    class Late:
        @classmethod
        @compile(batched="x")
        def mean(cls, x):
            return 2.0 * x

    compiled = vars(Late)["mean"].__func__
    with pytest.raises(TypeError, match=r"mean is of a class.*got (list|tuple|ndarray); write @compile above @classm"):
        getattr(compiled, way)(*WAYS[way], first)  # as it is called by `Late.mean.each(...)` since Python 3.13
    assert Late.mean([1.0, 3.0]) == compiled(Late, [1.0, 3.0]) == 4.0
    assert compile(lambda cls, x: cls * x)(2.0, 3.0) == 6.0  # no class is meant


@dataclass
class State:
    m: float
    v: float


class Pair(NamedTuple):
    m: float
    v: float


@pytest.mark.parametrize("state", [State(2.0, 3.0), Pair(2.0, 3.0)], ids=type)
def test_function_that_is_an_attribute_of_a_class_takes_arguments_of_others(state, without_collector):
    kinetic = compile(lambda s: 0.5 * s.m * s.v**2)
    before = kinetic(state), kinetic.value_and_grad(state)
    kept = []
    for _ in range(2):

        @dataclass
        class Experiment:  # with a default
            energy: object = kinetic

        class Energies:  # a namespace, and one whose instances have the method
            m, v, kinetic = 4.0, 1.0, compile(lambda s: 0.5 * s.m * s.v**2)

        for f in (kinetic, Experiment().energy, Energies.kinetic):
            assert (f(state), f.value_and_grad(state)) == before == (9.0, (9.0, type(state)(4.5, 6.0)))
        assert Energies.kinetic(Energies()) == Energies().kinetic() == 2.0
        kept.append(len(kinetic._programs.kept))
    assert kept == [1, 1]
    if isinstance(state, State):
        assert kinetic(State(2.0, 5.0)) == 25.0


def test_function_assigned_to_a_class_is_a_method():
    class Late:
        k = 2.0

    Late.f = compile(lambda self, x: self.k * x)
    Late.g = compile(tanh)
    late = Late()
    assert [late.f(3.0), Late.f(late, 3.0), late.g(0.0)] == [6.0, 6.0, 0.0]


def test_method_is_differentiated_and_described_as_a_method():
    one = Plain(2.0)
    assert grad(grad(one.energy))(3.0) == 4.0
    assert list(inspect.signature(one.energy).parameters) == ["x", "k"]
    assert list(inspect.signature(Plain.energy).parameters) == ["self", "x", "k"]
    assert (one.energy.__doc__, one.energy.__name__, one.energy.__self__) == ("Return an energy.", "energy", one)


# Copies and pickles


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
FUNCTIONS = {  # how compiled functions of every kind are made, each with arguments
    "decorated": lambda: (decorated, (2.0,)), "named": lambda: (named, (2.0,)),
    "function": lambda: (compile(plain), (2.0,)), "static": lambda: (compile(plain, static="w"), (2.0, 5.0)),
    "batched": lambda: (compile(plain, batched="x"), (Y,)),
    "derivative": lambda: (compile(Plain(Value(2.0)).energy.value_and_grad), (3.0,)),
    "model": lambda: (of_a_model(), (X,)), "method": lambda: (Plain(Value(2.0)).energy, (3.0,)),
    "method of a class": lambda: (Plain.energy, (Plain(2.0), 3.0)),
}  # fmt: skip


def of_a_model():
    model = MLP(2, [3, 1], "tanh", seed=1)
    return compile(model, batched="x", wrt=model.parameters())


@pytest.mark.parametrize("called_before", [True, False])
@pytest.mark.parametrize("again", AGAIN)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_copy_of_a_compiled_function_computes_the_same(name, again, called_before):
    compiled, arguments = FUNCTIONS[name]()
    if called_before:
        compiled(*arguments)
    other = again(compiled)
    assert other(*arguments) == compiled(*arguments)
    assert {**other.options, "wrt": None} == {**compiled.options, "wrt": None}
    assert other.__name__ == compiled.__name__
    assert other is compiled or name not in ("decorated", "named")  # which are found by their names


@pytest.mark.parametrize("again", AGAIN[1:])
def test_copy_of_a_compiled_model_has_parameters_of_its_own(again):
    compiled = of_a_model()
    other = again(compiled)
    found, wanted = (f.value_and_grad_at(f.read(), X)[1].tolist() for f in (other, compiled))
    assert found == wanted
    other.backward(X)
    other.write(other.read() + 1.0)
    assert [p.grad for p in compiled.wrt] == [0.0] * 13
    assert other(X) != compiled(X)


def scaled(x, k):
    return weighted(x) * k


@pytest.mark.parametrize("f", [weighted, partial(scaled, k=2.0)], ids=["function", "partial"])
def test_vector_of_a_function_that_loses_it_is_an_error(f):
    compiled = compile(f, wrt=[WEIGHT])
    with pytest.raises(pickle.PicklingError, match=r"is pickled by its name, which its wrt=.* are not"):
        pickle.dumps(compiled)


def test_name_that_stands_for_another_vector_by_now_is_an_error(monkeypatch):
    written = pickle.dumps(named)
    for other in (compile(weighted), compile(weighted, wrt=[Value(1.0, "v")]), compile(plain, wrt=[WEIGHT]), None):
        monkeypatch.setitem(globals(), "named", other)
        with pytest.raises(pickle.UnpicklingError, match=r"by its name named in .*, with the wrt= that it has there"):
            pickle.loads(written)


def test_vector_of_what_a_function_holds_is_pickled_with_it(monkeypatch):
    monkeypatch.setitem(globals(), "held", of_a_model())
    other = pickled(held)  # noqa: F821  # a name of the module
    other.write(other.read() + 1.0)
    assert other(X) != held(X)  # noqa: F821


@pytest.mark.parametrize("again", AGAIN)
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


PROGRAMS = {  # of every kind, with the number of examples
    "of a batch": lambda: (of_a_model().specialize(X), 2),
    "of numbers": lambda: (decorated.specialize(2.0), 1),
    "of an array": lambda: (compile(np.sum).specialize(np.ones(500)), 1),
}


def run(program, examples=1, number=3.0):
    memory = program.memory(examples)
    memory.plain[:] = number
    return program.forward(memory)


@pytest.mark.parametrize("kind", PROGRAMS)
def test_copy_of_a_program_computes_the_same(kind):
    program, examples = PROGRAMS[kind]()
    for other in (copy.deepcopy(program), pickled(program)):
        assert (str(other), other.source) == (str(program), program.source)
        assert np.array_equal(run(other, examples, 0.5)[0], run(program, examples, 0.5)[0])


def in_another_process(compiled, arguments):
    return compiled(*arguments)


@pytest.mark.thorough
def test_pickles_run_in_a_process_that_begins_anew():
    w = Value(2.0)
    works = [make() for make in FUNCTIONS.values()]
    works += [(compile(w * w + 1.0).forward, ()), (decorated.value_and_grad, (2.0,))]
    works += [(run, (decorated.specialize(2.0),))]
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        found = pool.starmap(in_another_process, works)
    assert found == [compiled(*arguments) for compiled, arguments in works]


SCRIPT = """
import multiprocessing
from joblib import Parallel, delayed
from autograd import Value, compile, grad, hessian

W = Value(3.0)

def cube(x):
    return x * x * x

@compile
def decorated(x):
    return x * x * W

@grad
def slope(x):
    return x * x * x

class Spring:
    def __init__(self, k):
        self.k = k

    def energy(self, x):
        return self.k * x * x

    __call__, compiled = energy, compile(energy)

given, unnamed = compile(cube, wrt=[W]), compile(lambda x: x * W, wrt=[W])
force, spring = grad(Spring(1.0).energy), compile(Spring(1.0))

if __name__ == "__main__":
    below, derivative, twice = compile(cube), compile(grad(cube)), hessian(grad(compile(cube)))
    force, spring, other = grad(Spring(3.0).energy), compile(Spring(3.0)), compile(grad(Spring(3.0)))
    named = [decorated, slope, given, below, derivative, twice, grad(cube), compile(slope), force, spring, other]
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        found = [pool.apply_async(work, (2.0,)) for work in named]
        assert [one.get(60) for one in found] == [work(2.0) for work in named]
    works = [
        *named, decorated.value_and_grad, Spring(5.0).compiled, unnamed, compile(grad(decorated)),
        lambda x: unnamed.value_and_grad_at([5.0], x)[1].tolist(), hessian(grad(lambda x: x * x * x)),
        grad(Spring(5.0).compiled),
    ]
    calls = [*[(work, (2.0,)) for work in works], (compile(W * W).forward, ())]
    found = Parallel(n_jobs=2)([delayed(lambda f, given: f(*given))(*call) for call in calls])
    assert found == [f(*given) for f, given in calls], found
    print("the same")
"""


@pytest.mark.thorough
def test_functions_of_a_script_run_in_other_processes(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(Path(autograd.__file__).parents[1])}
    run = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False, env=environment)
    assert run.stdout == "the same\n", run.stderr


# Memory of programs: bounded, and freed at once, without the garbage collector

MEMORIES = 4  # memories of one program


@pytest.mark.usefixtures("backend", "without_collector")
def test_memories_of_a_hundred_batch_sizes_are_freed():
    model = MLP(3, [4, 1], seed=1)
    loss = compile(lambda x, y: tanh(relu(1.0 - y * model(x))), batched=["x", "y"])
    memories = []
    for n in range(1, 101):
        loss.value_and_grad(np.ones((n, 3)), np.ones(n))
        memories.append(weakref.ref(loss._programs.latest.program.memory(n)))
    assert 1 <= sum(memory() is not None for memory in memories) <= MEMORIES
    del loss
    assert not any(memory() for memory in memories)


@pytest.mark.usefixtures("backend", "without_collector")
def test_program_that_is_forgotten_is_freed():
    compiled = compile(lambda x, n: sum(x[i] * x[i] for i in range(n)), static="n")
    freed = []
    for n in range(1, 101):
        compiled.value_and_grad(np.ones(100), n)
        freed.append(weakref.ref(compiled._programs.latest.program))
    assert sum(program() is not None for program in freed) <= 64
    compiled.clear()
    assert not any(program() for program in freed)
