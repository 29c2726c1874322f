"""Containers of one's own, made again as their classes make them: in every transform, nested, compiled."""

import threading
from collections import ChainMap, OrderedDict, UserDict, defaultdict, namedtuple
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType

import pytest

from autograd import compile, grad, hvp, jacobian, jvp, register, taylor, value_and_grad, vjp
from autograd.compiler.backends import BACKENDS
from autograd.functions import flatten
from tests.autograd.functions.nested import AttributeErrors, Nothings, Own, of_a_store

# Classes, each with a `total` of its items. What computes it differs: the constructor, or who asks for it.


OfProxy = type("OfProxy", (Own,), {"__init__": of_a_store(lambda items: MappingProxyType(dict(items)))})
OfUserDict = type("OfUserDict", (Own,), {"__init__": of_a_store(UserDict)})
WithSlots = type("WithSlots", (Own,), {"__slots__": ("store",), "__init__": of_a_store(dict)})


class Entry:
    def __init__(self, number):
        self.number = number


class OfEntries(Own):
    def __init__(self, items):
        self.store = {key: Entry(number) for key, number in items.items()}

    def __getitem__(self, key):
        return self.store[key].number


class OfBoundMethod(Own):
    def __init__(self, items):
        self.store = dict(items)
        self.find = self.store.__getitem__

    def __getitem__(self, key):
        return self.find(key)


@dataclass
class Fields(Own):
    a: float
    b: float = 3.0

    def __getitem__(self, key):
        return getattr(self, key)

    store = ("a", "b")


@dataclass
class Checked:
    x: float
    b: float

    @property
    def a(self):
        return self._x

    total = property(lambda self: self._x + self.b)


Checked.x = property(lambda self: self._x, lambda self, x: setattr(self, "_x", x))


def totalling(*bases):
    """A class whose constructor adds up its items."""

    class Total(*bases):
        def __init__(self, *given, **named):
            super().__init__(*given, **named)
            self.total = sum(self.values())

    return Total


TotalOfDefault, TotalOfChain = totalling(defaultdict), totalling(ChainMap)


class Totals(namedtuple("Totals", "a b")):
    def __new__(cls, a, b):
        made = super().__new__(cls, a, b)
        made.total = a + b
        return made


class Polar(namedtuple("Polar", "a b")):
    def __new__(cls, b, a):
        return super().__new__(cls, a, b)

    total = property(sum)


class Bare(namedtuple("Bare", "a b")):
    __slots__ = ()
    total = property(sum)


class ItsOwnAttributes(dict):
    def __init__(self, *given, **named):
        super().__init__(*given, **named)
        self.__dict__ = self

    @property
    def total(self):
        return self.a + self["b"]


class Cached(dict):
    @cached_property
    def total(self):
        return sum(self.values())


class Hooked(dict):
    """A dict that makes its own of dicts in it."""

    def __init__(self, items):
        super().__init__((key, Hooked(part) if isinstance(part, dict) else part) for key, part in items.items())
        self.total = self["a"] + self["b"] if "b" in self else self["a"]


class Backwards(dict):
    """A dict that iterates in an order of its own, and leaves out what is private."""

    total = property(lambda self: self["a"] + self["b"])

    def __iter__(self):
        return iter(sorted((key for key in self.keys() if key[0] != "_"), reverse=True))


class BackwardsOrdered(OrderedDict):
    total = property(lambda self: self["a"] + self["b"])

    def values(self):
        return [self[key] for key in reversed(self)]


class ItemsBackwards(dict):
    total = property(lambda self: self["a"] + self["b"])

    def items(self):
        return reversed([*super().items()])


IN_AN_ORDER_OF_THEIR_OWN = (Backwards, BackwardsOrdered, ItemsBackwards)
CLASSES = {kind.__name__: kind for kind in (OfProxy, OfUserDict, OfEntries, OfBoundMethod, WithSlots)}
CLASSES |= {kind.__name__: kind for kind in (AttributeErrors, Nothings, ItsOwnAttributes, Cached, Hooked)}
CLASSES |= {kind.__name__: kind for kind in (Backwards, BackwardsOrdered)}
CLASSES |= {"of " + base.__name__: totalling(base) for base in (dict, OrderedDict, UserDict)}
MADE = {name: lambda a, b, kind=kind: kind({"a": a, "b": b}) for name, kind in CLASSES.items()}
MADE |= {
    "of defaultdict": lambda a, b: TotalOfDefault(float, a=a, b=b),
    "of ChainMap": lambda a, b: TotalOfChain({"a": a}, {"b": b}),
    "named tuple": Totals,
    "named tuple of a constructor of its own": lambda a, b: Polar(b, a),
    "dataclass of a property": Checked,
    "dataclass that is a Mapping": Fields,
    "named tuple without attributes": Bare,
}


class Reference(dict):
    """What the others are compared with: no more than a dict, and nothing is made again."""

    total = property(lambda self: sum(self.values()))


register(Reference, lambda d: ([d["a"], d["b"]], None), lambda rest, parts: Reference(zip("ab", parts, strict=True)))
reference = lambda a, b: Reference(a=a, b=b)


def square(d):
    a = d.a if hasattr(type(d), "a") else d["a"]
    return d.total**2 * a


def numbers(*things):
    """The numbers in results, those that containers compute of theirs too."""
    found = []
    for thing in things:
        if type(thing) in (list, tuple):
            found += numbers(*thing)
        else:
            found += [*flatten(thing)[0], *([] if isinstance(thing, float) else [thing.total])]
    assert {*map(type, found)} <= {float}
    return found


# Of a function that makes a container of two numbers: what is called, and with which arguments.
of_one = lambda make, a, b: (make(a, b),)
of_two = lambda make, a, b: (make(a, b), make(1.0, 0.5))
of_numbers = lambda make, a, b: (a, b)
TRANSFORMS = {
    "value": (lambda make: square, of_one),
    "grad": (lambda make: grad(square), of_one),
    "value_and_grad": (lambda make: value_and_grad(square), of_one),
    "hvp": (lambda make: hvp(square), of_two),
    "vjp of grad": (lambda make: lambda x, v: vjp(grad(square), x)[1](v), of_two),
    "jvp of grad": (lambda make: lambda x, v: jvp(grad(square), (x,), (v,)), of_two),
    "grad of grad": (lambda make: grad(lambda d: grad(square)(d).total), of_one),
    "grad within": (lambda make: grad(lambda a, b: grad(square)(make(a, b)).total), of_numbers),
    "taylor": (lambda make: lambda a, b: taylor(lambda t: square(make(t, b)), a, 3), of_numbers),
    "taylor of a container": (lambda make: lambda a, b: taylor(lambda t: make(t * t, b * t), a, 3), of_numbers),
    "container": (lambda make: make, of_numbers),
    "container of another": (lambda make: lambda x: make(x.total, x.total * 3.0), of_one),
    "jacobian": (lambda make: jacobian(lambda a, b: make(a * a * b, 2.0 * a)), of_numbers),
    "jvp": (lambda make: lambda a, b: jvp(lambda x: make(x, x * x), (a,), (b,)), of_numbers),
    "aux": (lambda make: grad(lambda a, b: (a * a, make(a, a * b)), has_aux=True), of_numbers),
}


@pytest.mark.sample(6)
@pytest.mark.parametrize("wrap", [lambda f: f, compile], ids=["eager", "compiled"])
@pytest.mark.parametrize(("transform", "arguments"), TRANSFORMS.values(), ids=TRANSFORMS)
@pytest.mark.parametrize("make", MADE.values(), ids=MADE)
def test_what_a_class_computes_of_its_items_is_computed_again(make, transform, arguments, wrap):
    found = wrap(transform(make))
    for point in ((2.0, 3.0), (0.5, -1.0)):
        given, wanted = arguments(make, *point), transform(reference)(*arguments(reference, *point))
        assert numbers(*given)  # asks for totals, which some keep
        assert numbers(found(*given)) == pytest.approx(numbers(wanted), rel=1e-13)


@pytest.mark.sample(2)
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("make", MADE.values(), ids=MADE)
def test_constructed_containers_are_batched(make, backend):
    points, calls = [(2.0, 3.0), (0.5, -1.0)], []
    program = compile(lambda d: calls.append(1) or square(d), batched="d", backend=backend)
    examples, alike = [make(*point) for point in points], [reference(*point) for point in points]
    wanted = [square(example) for example in alike]
    assert program.each(examples).tolist() == pytest.approx(wanted)
    assert program.each(examples[::-1]).tolist() == pytest.approx(wanted[::-1])
    slopes = program.value_and_grad(examples)[1]
    assert numbers(*slopes) == pytest.approx([x / 2.0 for example in alike for x in numbers(grad(square)(example))])
    assert len(calls) == 1


@pytest.mark.parametrize("kind", IN_AN_ORDER_OF_THEIR_OWN)
def test_numbers_stay_with_their_keys_in_whatever_order_a_mapping_iterates(kind):
    f = lambda d: d["a"] ** 2 * d["b"] * d["_c"]
    examples = [kind(a=2.0, _c=5.0, b=3.0), kind(b=3.0, a=2.0, _c=5.0)]
    slope = {"a": 60.0, "b": 20.0, "_c": 12.0}
    for given in examples:
        assert dict(grad(f)(given)) == slope
        assert compile(f).value_and_grad(given) == (60.0, slope)
    value, (first, second) = compile(f, batched="d").value_and_grad(examples)
    assert (value, first, second) == (60.0, *[{key: x / 2.0 for key, x in slope.items()}] * 2)


@pytest.mark.parametrize("wrap", [lambda f: f, compile], ids=["eager", "compiled"])
@pytest.mark.parametrize("make", [make for name, make in MADE.items() if "constructor of its own" not in name])
def test_attributes_of_values_that_are_set_later_are_computed_with_the_result(make, wrap):
    def f(x):
        made = make(x, 2.0 * x)
        with suppress(AttributeError):  # of slots
            made.later = [x * x, {"twice": 2.0 * x}]
        return made

    program = wrap(lambda x: jvp(f, (x,), (1.0,)))
    for x in (3.0, 5.0):
        for found, later in zip(program(x), ([x * x, {"twice": 2.0 * x}], [2.0 * x, {"twice": 2.0}]), strict=True):
            assert getattr(found, "later", None) in (later, None)
    assert hasattr(found, "later") or make is MADE["named tuple without attributes"]


# What cannot be told


class NotItems(UserDict):
    def __init__(self, scale=1.0, **named):
        super().__init__(**named)
        self.scale = scale


class OnlyNamed(dict):
    def __init__(self, *, kind, **named):
        super().__init__(**named)
        self.mark = None


class Option(dict):
    def __init__(self, *given, scale=1.0, **named):
        super().__init__(*given, **named)
        self.scale = scale


class OptionHeld(dict):
    def __init__(self, *given, scale=1.0, **named):
        super().__init__(*given, **named)
        self.scale = Entry(scale)


class Remembering(dict):
    def __init__(self, *given, **named):
        super().__init__(*given, **named)
        self.known = None
        self.sum()

    def sum(self):
        return sum(self.values())


class Locked(dict):
    def __init__(self, *given, **named):
        super().__init__(*given, **named)
        self.lock = threading.Lock()


rounded = of_a_store(lambda items: {key: getattr(number, "data", number) for key, number in items.items()})
doubled = of_a_store(lambda items: {key: 2.0 * number for key, number in items.items()})
Rounded, Doubled = (type("Changed", (Own,), {"__init__": changes}) for changes in (rounded, doubled))


@dataclass
class FieldsAndStore(UserDict):
    scale: float = 1.0

    def __post_init__(self):
        self.data = {"a": 2.0, "b": self.scale}


@dataclass
class FieldsOfDict(dict):
    scale: float = 1.0


class Swapped(namedtuple("Swapped", "a b")):
    def __new__(cls, b, a):
        made = super().__new__(cls, a, b)
        made.total = a + b
        return made


def remembering():
    made = Remembering(a=2.0, b=3.0)
    made.known = made.sum()
    return made


def changed():
    made = totalling(dict)(a=2.0, b=3.0)
    made["a"] = 5.0
    return made


UNTOLD = {
    "first argument is no dict of items": lambda: NotItems(a=2.0, b=3.0),
    "another argument": lambda: OnlyNamed(kind="k", a=2.0, b=3.0),
    "option": lambda: Option(a=2.0, b=3.0, scale=2.0),
    "option in an object": lambda: OptionHeld(a=2.0, b=3.0, scale=2.0),
    "remembered by hand": remembering,
    "items changed since": changed,
    "lock": lambda: Locked(a=2.0, b=3.0),
    "numbers in place of Values": lambda: Rounded({"a": 2.0, "b": 3.0}),
    "other numbers": lambda: Doubled({"a": 2.0, "b": 3.0}),
    "dataclass of items that are no fields": FieldsAndStore,
    "dataclass of a dict": FieldsOfDict,
    "named tuple of other arguments": lambda: Swapped(3.0, 2.0),
}
USES = {
    "grad": lambda thing: grad(lambda d: sum(dict(d).values()))(thing),
    "compiled": lambda thing: compile(lambda d: sum(dict(d).values())).value_and_grad(thing),
    "hvp": lambda thing: hvp(lambda d: sum(dict(d).values()))(thing, thing),
    "jvp": lambda thing: jvp(lambda d: sum(dict(d).values()), (thing,), (thing,)),
}


@pytest.mark.sample(3)
@pytest.mark.parametrize("use", USES.values(), ids=USES)
@pytest.mark.parametrize("make", UNTOLD.values(), ids=UNTOLD)
def test_class_that_cannot_be_made_again_says_to_register_it(make, use):
    with pytest.raises(Exception, match=r"register\(\w+, flatten, unflatten\)") as found:
        use(make())
    assert found.type in (TypeError, AttributeError)


@pytest.mark.parametrize("kind", [Option, OptionHeld, Remembering])
def test_option_of_a_constructor_may_be_its_default(kind):
    assert grad(lambda d: d["a"] ** 2)(kind(a=2.0, b=3.0)) == {"a": 4.0, "b": 0.0}


def test_class_that_takes_keywords_only_is_made_of_them():
    class Bunch(dict):
        def __init__(self, **named):
            super().__init__(named)

    assert grad(lambda d: d["a"] ** 2 * d["b"])(Bunch(a=2.0, b=3.0)) == Bunch(a=12.0, b=4.0)
    assert compile(lambda d: d["a"] ** 2).value_and_grad(Bunch(a=2.0)) == (4.0, Bunch(a=4.0))


@pytest.mark.parametrize("note", [5, "text", None, True, ["a", 1], float])
def test_attribute_that_no_number_makes_is_kept_whatever_the_constructor_sets(note):
    class Noted(dict):
        def __init__(self, *given):
            super().__init__(*given)
            self.note = 0

    given = Noted({"a": 3.0})
    given.note = note
    found = grad(lambda d: d["a"] ** 2 * (2.0 if d.note == note else 1.0))(given)
    assert (found, found.note) == ({"a": 12.0}, note)


def test_class_is_registered_after_it_was_tried():
    @dataclass
    class Named:
        x: float
        name: str = "n"

    class Keywords(dict):
        def __init__(self, mark, **named):
            super().__init__(**named)

    for given in (Named(3.0), Keywords("m", x=3.0)):
        f = lambda d: (d.x if isinstance(d, Named) else d["x"]) ** 2
        with pytest.raises(TypeError):
            grad(f)(given)
    register(Named, lambda d: ((d.x,), d.name), lambda name, parts: Named(parts[0], name))
    register(Keywords, lambda d: (list(d.values()), tuple(d)), lambda keys, x: Keywords("m", **dict(zip(keys, x))))
    assert (grad(lambda d: d.x**2)(Named(3.0)), compile(lambda d: d.x)(Named(3.0))) == (Named(6.0), 3.0)
    assert grad(lambda d: d["x"] ** 2)(Keywords("m", x=3.0)) == {"x": 6.0}
    with pytest.raises(ValueError, match="Named is known already"):
        register(Named, lambda d: ((), None), lambda rest, parts: Named(0.0))


@pytest.mark.parametrize("use", [grad, value_and_grad, jacobian, compile])
@pytest.mark.parametrize("rest", [[1], {"a": 1}, ([],)])
def test_rest_that_is_not_hashable_is_refused_by_name(use, rest):
    cls = type("Marked", (dict,), {"mark": field()})
    register(cls, lambda d: (list(d.values()), rest), lambda rest, parts: cls(x=parts[0]))
    with pytest.raises(TypeError, match=r"flatten, as registered for Marked, .* hashable, got the rest [\[({].*tuple"):
        use(lambda d: d["x"])(cls(x=2.0))
