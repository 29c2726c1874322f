"""SymPy: a graph as a symbolic expression, to be simplified, solved and differentiated there.

An operation is written in SymPy's own functions, so its derivatives are SymPy's; where a function has a kink it is
written such that they follow our table. What SymPy leaves undefined there stays so: a power with a variable exponent
where the base is 0, the cube root of 0, sinc at 0, and hypot, atan2 and xlogy at the origin.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, lru_cache
from typing import Any, cast
from weakref import WeakValueDictionary

from autograd import rules
from autograd.engine import Constant, Value
from autograd.export._own_operation import formula_of, partials_of
from autograd.export._packages import optional_package
from autograd.functions.evaluation import check_choices
from autograd.functions.transforms import value_and_grad
from autograd.pictures.text import sorted_graph
from autograd.rules import OUT_OF_DOMAIN, Expression, Operation, composition, identifier, is_own, symbol


def to_sympy(root: Value) -> Any:
    """Return the graph of a Value as an expression of SymPy, in real symbols that are called as the leaves' labels.

    A leaf without a label, or with one that other leaves of the graph have, too, is a `Dummy`: a symbol that equals no
    other, and is the same wherever this leaf is, while anything holds it. `to_sympy(leaf)` is the symbol of a leaf;
    ValueError where several of one label were asked for theirs before they met. Constants are numbers: exact where they
    are whole, else floats. An own operation is its formula; where its partials are not the derivatives of this, as in a
    straight-through estimator, or have conditions and bounds that it has not, it is a function of its name that has
    them, and `sympy.expand_func` gives the formula. It gives SymPy's own `floor`, too, whose derivative is not 0:
    `sympy.solve` and `sympy.integrate` believe derivatives, and without it are wrong, and silent, about both.
    Raises RuntimeError if the graph was made by a choice by a plain bool, such as that of x > 0, which would stay as it
    was made.

    >>> x, y, a = Value(2.0, "x"), Value(3.0, "y"), Value(4.0)
    >>> to_sympy(x**2 * y + 1)
    x**2*y + 1
    >>> to_sympy(x**2 * y + 1).diff(to_sympy(x))
    2*x*y
    >>> to_sympy(a * x + x).diff(to_sympy(a))
    x
    """
    _sympy()  # where it is not installed, an error that says so
    order = sorted_graph(root, "to_sympy")
    leaves = [node for node in order if node.op is None and not (isinstance(node, Constant) and not node.label)]
    check_choices(order, leaves, "to_sympy")
    times = Counter(leaf.label for leaf in leaves)
    asked = Counter(leaf.label for leaf in leaves if _asked.get(id(leaf)) == (leaf, leaf.label))
    if asked and (most := asked.most_common(1)[0])[1] > 1:
        raise ValueError(
            f"{most[1]} leaves of this graph are called {most[0]!r}, and to_sympy(leaf) has returned one symbol for "
            "them before; give each a label of its own"
        )
    terms: dict[Value, Any] = {leaf: _symbol_of(leaf, shared=times[leaf.label] > 1) for leaf in leaves}
    if root in terms and type(terms[root]) is not _leaf_class():
        _asked[id(root)] = root, root.label
        if len(_asked) > REMEMBERED:
            _asked.pop(next(iter(_asked)), None)
    for node in order:
        if node.op is not None:
            terms[node] = symbolic(node.op, [terms[parent] for parent in node.parents])
        elif node not in terms:
            terms[node] = _number(node.number)
    return terms[root]


_dummies: WeakValueDictionary[int, Any] = WeakValueDictionary()  # by the ids of leaves, each of which its symbol holds
_counter = itertools.count(1)
REMEMBERED = 10_000  # leaves whose symbol, by their label, was asked for
_asked: dict[int, tuple[Value, str]] = {}


def _symbol_of(leaf: Value, *, shared: bool) -> Any:
    """Return the symbol of a leaf: a Dummy where it has no label, or shared one, in this graph or in an earlier one."""
    found = _dummies.get(id(leaf))
    if found is not None and found.label == leaf.label:
        return found
    if leaf.label and (not shared or _asked.get(id(leaf)) == (leaf, leaf.label)):
        return _sympy().Symbol(leaf.label, real=True)
    found = _leaf_class()(f"{leaf.label or 'x'}{next(_counter)}", real=True)
    found.leaf, found.label = leaf, leaf.label
    _dummies[id(leaf)] = found
    return found


@cache
def _leaf_class() -> Any:
    """Return the class of Dummies that hold their leaf, so that no other object has its id meanwhile."""
    sympy = _sympy()

    class Leaf(sympy.Dummy):  # type: ignore[name-defined,misc]
        __slots__ = ("__weakref__", "label", "leaf")

        def __copy__(self) -> Any:
            return self

        def __deepcopy__(self, memo: dict[int, Any]) -> Any:
            return self

        def __reduce_ex__(self, protocol: Any) -> Any:
            return _dummy, (self.name, self.dummy_index)

    return Leaf


def _dummy(name: str, index: int) -> Any:
    """Return the symbol of a leaf that is there, or else a Dummy, as in another process."""
    for found in list(_dummies.values()):
        if (found.name, found.dummy_index) == (name, index):
            return found
    return _sympy().Dummy(name, dummy_index=index, real=True)


def symbolic(operation: Operation, operands: Sequence[Any]) -> Any:
    """Return an operation on expressions of SymPy."""
    if operation in SYMPY_WORDS:
        return SYMPY_WORDS[operation](*operands)
    if operation.family is not None and operation.family[0] in MEMBERS:
        family, constant = operation.family
        return MEMBERS[family](_number(constant), *operands)
    if is_own(operation):
        return _own_function(_first(operation))(*operands)
    term = composition(operation, list(map(symbol, range(len(operands)))))
    return _computed(term, dict(enumerate(operands)))


def _computed(term: Any, terms: dict[Any, Any]) -> Any:
    """Return an expression of the table's rows as one of SymPy; `terms` has what its symbols are, by their keys."""
    if not isinstance(term, Expression):
        return _number(term)
    key = term.key if term.operation is None else (id(term),)
    if key not in terms:
        terms[key] = symbolic(cast("Operation", term.operation), [_computed(part, terms) for part in term.operands])
    return terms[key]


_firsts: WeakValueDictionary[Any, Operation] = WeakValueDictionary()


def _first(operation: Operation) -> Operation:
    """Return the first operation of these functions: one that comes out of a pickle is another with the same."""
    partials = [getattr(partial, "unchecked", partial) for partial in operation.partials]
    return _firsts.setdefault((operation.name, *map(id, (operation.forward, *partials))), operation)


@lru_cache(maxsize=1024)
def _own_function(operation: Operation) -> Callable[..., Any]:
    """Return what writes a user's own operation: as its formula, if the derivatives of this are its partials.

    Otherwise it is a function that has them, and is its formula of numbers and in `expand_func`.
    """
    sympy = _sympy()
    slopes = partials_of(operation, "as symbols")
    term = formula_of(operation, list(map(symbol, range(len(slopes)))), "as symbols")

    def formula(*operands: Any) -> Any:
        return _computed(term, dict(enumerate(operands)))

    if _have_no_other_kinks(term, slopes) and _are_derivatives(operation, _numbers_in([term, *slopes])):
        return formula

    def slope(number: int, y: Any, operands: Sequence[Any]) -> Any:
        return _computed(slopes[number], {**dict(enumerate(operands)), "y": y})

    class Own(sympy.Function):  # type: ignore[name-defined,misc]
        nargs = len(slopes)

        @classmethod
        def eval(cls, *operands: Any) -> Any:
            return formula(*operands) if all(x.is_number for x in operands) else None

        def fdiff(self, argindex: int = 1) -> Any:
            return slope(argindex - 1, self, self.args)

        def _eval_expand_func(self, **hints: Any) -> Any:
            return sympy.expand_func(formula(*self.args))

        def _eval_is_extended_real(self) -> Any:
            return True if all(x.is_extended_real for x in self.args) else None

        def _eval_as_leading_term(self, x: Any, *others: Any, **named: Any) -> Any:
            return formula(*self.args).as_leading_term(x, *others, **named)

        def _eval_nseries(self, x: Any, *others: Any, **named: Any) -> Any:
            return formula(*self.args)._eval_nseries(x, *others, **named)

        def __reduce_ex__(self, protocol: Any) -> Any:
            return symbolic, (operation, self.args)

    _print_as(Own, lambda own: formula(*own.args))
    name = identifier(operation.name)
    Own.__name__ = f"{name}_" if hasattr(sympy, name) else name  # of SymPy's functions its printers know others
    return Own


KINKED = {  # rows, and families, that bend or jump
    *(rules.abs, rules.maximum, rules.minimum, rules.clip, rules.relu, rules.leaky_relu, rules.elu),
    *(rules.floor, rules.ceil, rules.sign, rules.mod, rules.floordiv, rules.largest),
    *(rules.less, rules.less_equal, rules.either),
}


def _have_no_other_kinks(term: Any, slopes: Sequence[Any]) -> bool:
    """Whether slopes have only conditions, bends and jumps of a formula: others may count where no point is tried."""
    known: dict[Any, int] = {}  # numbers of the parts, which are the same of equal ones
    done: dict[int, tuple[int, Expression]] = {}  # by the ids of parts, which are kept for that
    kinks: set[int] = set()

    def visit(part: Any) -> int:
        if not isinstance(part, Expression):
            return known.setdefault(repr(float(part)), len(known))
        if id(part) not in done:
            operation, operands = part.operation, part.operands
            if operation is None:
                number = known.setdefault(part.key, len(known))
            elif is_own(operation):
                number = visit(formula_of(operation, operands, "as symbols"))
            else:
                key: tuple[Any, ...] = (operation, *map(visit, operands))
                number = known.setdefault(key, len(known))
                if operation in KINKED or (operation.family and operation.family[0] in KINKED):
                    kinks.add(number)
                elif operation in (rules.where, rules.where.decided):
                    kinks.add(key[1])
            done[id(part)] = number, part
        return done[id(part)][0]

    known["y"] = visit(term)
    of_formula = {*kinks}
    kinks.clear()
    for slope in slopes:
        visit(slope)
    return kinks <= of_formula


def _are_derivatives(operation: Operation, numbers: Iterable[float]) -> bool:
    """Whether partial derivatives are those of the function, at points of all sizes, and near the numbers in both."""
    near = [sign * a * b for a in {*numbers} - {0.0} for b in (1.0, 1.0 - 1e-7, 1.0 + 1e-7) for sign in (1.0, -1.0)]
    points = [*near, *[sign * 10.0 ** (k / 8.0) for k in range(-24, 49) for sign in (1.07, -1.13)]]
    operands = range(len(operation.partials))
    places = [[0.0 for _ in operands]]
    places += [[points[(k + 37 * i) % len(points)] for i in operands] for k in range(len(points))]
    places += [[x * (1.0 + 1e-6 * i) for i in operands] for x in points if len(operands) > 1]
    compared = False
    for at in places:
        try:
            y, found, wanted = _slopes(operation, at)
            try:
                _, moved, other = _slopes(operation, [x * (1.0 + 1e-14) for x in at])
            except OUT_OF_DOMAIN:
                _, moved, other = _slopes(operation, [x * (1.0 - 1e-14) for x in at])
        except OUT_OF_DOMAIN:
            continue
        except TypeError:  # a power of a negative number that is complex
            return False
        for i, (x, slope, derivative) in enumerate(zip(at, wanted, found, strict=True)):
            if math.isfinite(slope):
                compared = True
                rounding = 1e-150 + (1e-12 * abs(y / x) if x else 0.0)  # as 1 - y has, and what underflows
                rounding += 10.0 * (abs(slope - other[i]) + abs(derivative - moved[i]))  # as differences have
                if not abs(derivative - slope) <= 1e-9 * abs(slope) + rounding:
                    return False
    return compared


def _slopes(operation: Operation, at: Sequence[float]) -> tuple[float, Sequence[float], Sequence[float]]:
    """Return the value of an operation, the derivatives of its formula, and its partial derivatives."""
    y, found = value_and_grad(lambda xs: operation.forward(*xs))(at)
    return y, found, [float(1.0 * slope) for slope in operation.derivatives(y, at)]


def _numbers_in(terms: Iterable[Any]) -> Iterator[float]:
    """Yield the finite numbers in expressions."""
    waiting = list(terms)
    while waiting:
        term = waiting.pop()
        if isinstance(term, Expression):
            if term.operation is not None:
                waiting += [*term.operands, *(term.operation.family or ())[1:]]
        elif isinstance(term, (int, float)) and math.isfinite(term):
            yield float(term)


def _sympy() -> Any:
    return optional_package("sympy", "to_sympy")


def _number(value: float) -> Any:
    sympy = _sympy()
    if value != value or value - value != 0.0:
        return sympy.nan if value != value else sympy.oo if value > 0.0 else -sympy.oo
    return sympy.Integer(int(value)) if value.is_integer() and abs(value) < 2.0**53 else sympy.Float(value)


def _truth(number: Any) -> Any:
    """Return whether a number is not 0; of one that a comparison gives, the comparison."""
    sympy = _sympy()
    sides = [*number.args] if isinstance(number, sympy.Piecewise) else []
    return sides[0].args[1] if [side.args[0] for side in sides] == [1, 0] else sympy.Ne(number, 0)


def _choice(condition: Any, a: Any, b: Any) -> Any:
    """Return a Piecewise; but of a choice within the condition SymPy would multiply out all ways through both."""
    sympy = _sympy()
    if condition.has(sympy.Piecewise, _choice_class()):
        return _choice_class()(condition, a, b)
    others = b.args if isinstance(b, sympy.Piecewise) else [(b, True)]
    return sympy.Piecewise((a, condition), *others)


@cache
def _choice_class() -> Any:
    """Return the function that is its second argument where the first one, a condition, holds, and else the third."""
    sympy = _sympy()

    class Choice(sympy.Function):  # type: ignore[name-defined,misc]
        nargs = 3

        @classmethod
        def eval(cls, condition: Any, a: Any, b: Any) -> Any:
            if condition == sympy.true or condition == sympy.false:
                return a if condition == sympy.true else b
            # Where SymPy has split the cases, it is one of them, which it can solve and integrate.
            return None if condition.has(sympy.Piecewise, Choice) else _choice(condition, a, b)

        def _eval_derivative(self, by: Any) -> Any:
            condition, a, b = self.args
            return Choice(condition, a.diff(by), b.diff(by))

        def _eval_is_extended_real(self) -> Any:
            return True if all(side.is_extended_real for side in self.args[1:]) else None

        def _eval_is_commutative(self) -> bool:  # the condition, which is no number, does not say
            return all(side.is_commutative for side in self.args[1:])

        def __reduce_ex__(self, protocol: Any) -> Any:
            return _choice, self.args

    def printed(choice: Any, printer: Any, *_: Any) -> str:
        condition, a, b = [f"({printer._print(part)})" for part in choice.args]
        if (
            printer.printmethod == "_numpycode"
        ):  # whose select, as for a Piecewise, refuses conditions that are plain bools
            return f"{printer._module_format('numpy.where')}({condition}, {a}, {b})"
        is_python = printer.printmethod in PYTHON_PRINTERS
        return f"({a} if {condition} else {b})" if is_python else f"({condition} ? {a} : {b})"

    _print_by(Choice, printed)
    return Choice


CALL = 70  # the precedence of a call to SymPy's printers
OTHER_PRINTERS = ("_latex", "_octave", "_julia", "_rust_code", "_glsl", "_rcode", "_fcode", "_mcode", "_maple")
PYTHON_PRINTERS = ("_pythoncode", "_mpmathcode", "_lambdacode")


def _print_as(function: Any, written: Callable[[Any], Any]) -> None:
    """Have SymPy's printers of code, and so `lambdify`, print a function of ours as another expression."""
    _print_by(function, lambda self, printer, *_: f"({printer._print(written(self))})")


def _print_by(function: Any, printed: Callable[..., str]) -> None:
    for method in (*PYTHON_PRINTERS, "_numpycode", "_ccode", "_cxxcode", "_javascript"):
        setattr(function, method, printed)


def _named(name: str) -> Callable[..., Any]:
    return lambda *operands: getattr(_sympy(), name)(*operands)


def _sum(operands: Sequence[Any]) -> Any:
    return _sympy().Add(*operands)


def _dot(*operands: Any) -> Any:
    half = len(operands) // 2
    return _sum([a * b for a, b in zip(operands[:half], operands[half:], strict=True)])


@cache
def _frozen() -> Any:
    """Return the function that is the number itself, but whose derivative counts as 0, as that of floor does."""
    sympy = _sympy()

    class Frozen(sympy.Function):  # type: ignore[name-defined,misc]
        @classmethod
        def eval(cls, x: Any) -> Any:
            return x if x.is_number else None

        def _eval_derivative(self, by: Any) -> Any:
            return sympy.Integer(0)

        def _eval_expand_func(self, **hints: Any) -> Any:
            return self.args[0]

        def _eval_as_leading_term(self, x: Any, *others: Any, **named: Any) -> Any:
            return self.args[0].as_leading_term(x, *others, **named)

        def _eval_nseries(self, x: Any, *others: Any, **named: Any) -> Any:
            return self.args[0]._eval_nseries(x, *others, **named)

        def __reduce_ex__(self, protocol: Any) -> Any:
            return _freeze, self.args

    _print_as(Frozen, lambda frozen: frozen.args[0])

    def in_text(self: Any, printer: Any, *_: Any) -> str:
        return str(printer.parenthesize(self.args[0], CALL, strict=True))

    def in_picture(self: Any, printer: Any) -> Any:
        return printer._print(self.args[0])

    printed: dict[str, Callable[..., Any]] = {**dict.fromkeys(OTHER_PRINTERS, in_text), "_pretty": in_picture}
    for method, write in printed.items():
        setattr(Frozen, method, write)
    return Frozen


def _freeze(x: Any) -> Any:
    return _frozen()(x)


def _floor(x: Any) -> Any:
    return _freeze(_sympy().floor(x))


def _clip(a: Any, b: Any, c: Any) -> Any:
    sympy = _sympy()
    bound = _choice(c < sympy.Max(a, b), c, _choice(b < c, b, _freeze(b)))
    return _choice(sympy.And(b <= a, a <= c), a, bound)


def _cbrt(x: Any) -> Any:
    sign = _freeze(_sympy().sign(x))  # whose derivative by SymPy is a DiracDelta, which is no function of numbers
    return sign * (sign * x) ** _sympy().Rational(1, 3)


def _mills(n: Any, x: Any) -> Any:
    """Return the ratio of this order by the recurrence from that of order 0, of the upper tail and the density."""
    sympy = _sympy()
    y = sympy.sqrt(sympy.pi / 2) * sympy.exp(x**2 / 2) * sympy.erfc(x / sympy.sqrt(2))
    for k in range(1, int(n) + 1):
        y = (1 / y - x) / k
    return y


def _distribution(x: Any) -> Any:
    return _sympy().erfc(-x / _sympy().sqrt(2)) / 2


def _hypot(a: Any, b: Any) -> Any:
    return _sympy().sqrt(a * a + b * b)


# Max and Min have in SymPy the derivatives 1/2 and 1/2 where both operands are equal, as here, and Abs 0 at 0.
SYMPY_WORDS: dict[Operation, Callable[..., Any]] = {
    rules.add: lambda a, b: a + b,
    rules.sub: lambda a, b: a - b,
    rules.mul: lambda a, b: a * b,
    rules.divide: lambda a, b: a / b,
    rules.ieee_divide: lambda a, b: a / b,
    rules.power: lambda a, b: a**b,
    rules.ieee_power: lambda a, b, k: a ** (b - k),
    rules.negative: lambda x: -x,
    rules.positive: lambda x: x,
    **{row: _named(row.name) for row in (rules.exp, rules.log, rules.sqrt, rules.erf, rules.erfc, rules.atan2)},
    **{row: _named(row.name) for row in (rules.sin, rules.cos, rules.tan, rules.asin, rules.acos, rules.atan)},
    **{row: _named(row.name) for row in (rules.sinh, rules.cosh, rules.tanh, rules.asinh, rules.acosh, rules.atanh)},
    rules.abs: _named("Abs"),
    rules.maximum: _named("Max"),
    rules.minimum: _named("Min"),
    rules.largest: lambda *xs: _sympy().Integer(0),  # which softmax subtracts: any number cancels
    rules.expm1: lambda x: _sympy().exp(x) - 1,
    rules.log1p: lambda x: _sympy().log(1 + x),
    rules.log2: lambda x: _sympy().log(x, 2),
    rules.log10: lambda x: _sympy().log(x, 10),
    rules.cbrt: _cbrt,
    rules.hypot: _hypot,
    rules.sigmoid: lambda x: 1 / (1 + _sympy().exp(-x)),
    rules.softplus: lambda x: _sympy().log(1 + _sympy().exp(x)),
    rules.silu: lambda x: x / (1 + _sympy().exp(-x)),
    rules.gelu: lambda x: x * _sympy().erfc(-x / _sympy().sqrt(2)) / 2,
    rules.exp2: lambda x: 2**x,
    rules.log_sigmoid: lambda x: -_sympy().log(1 + _sympy().exp(-x)),
    rules.logaddexp: lambda a, b: _sympy().log(_sympy().exp(a) + _sympy().exp(b)),
    rules.xlogy: lambda a, b: _choice(b > 0, a * _sympy().log(b), 0),
    rules.floor: _floor,
    rules.mod: lambda a, b: a - b * _floor(a / b),
    rules.floordiv: lambda a, b: _floor(a / b),
    rules.clip: _clip,
    rules.lgamma: lambda x: _sympy().log(_sympy().gamma(x) ** 2) / 2,  # of Abs the second derivative has no number
    rules.digamma: _named("digamma"),
    rules.trigamma: _named("trigamma"),
    rules.erfinv: _named("erfinv"),
    rules.ndtr: _distribution,
    rules.log_ndtr: lambda x: _sympy().log(_distribution(x)),
    rules.normal_ratio: lambda x: _sympy().exp(-(x**2) / 2) / _sympy().sqrt(2 * _sympy().pi) / _distribution(x),
    rules.sinc: lambda x: _sympy().sinc(_sympy().pi * x),
    rules.relu: lambda x: _choice(x > 0, x, 0),
    rules.where: lambda condition, a, b: _choice(_truth(condition), a, b),
    rules.where.decided: lambda condition, a, b: _choice(_truth(condition), a, b),
    rules.where.chosen: lambda x: x,
    rules.less: lambda a, b: _choice(a < b, 1, 0),
    rules.less_equal: lambda a, b: _choice(a <= b, 1, 0),
    rules.either: lambda a, b: _choice(_sympy().Or(_truth(a), _truth(b)), 1, 0),
    rules.fsum: lambda *xs: _sum(xs),
    rules.mean: lambda *xs: _sum(xs) / len(xs),
    rules.logsumexp: lambda *xs: _sympy().log(_sum([_sympy().exp(x) for x in xs])),
    rules.dot: _dot,
    rules.ieee_dot: _dot,
    rules.ieee_log: _named("log"),
    rules.ieee_unit: lambda a, b: a / _hypot(a, b),
    rules.ieee_sech2: lambda x: 1 / _sympy().cosh(x) ** 2,
    rules.ieee_cathetus: lambda x: _sympy().sqrt((1 - x) * (1 + x)),
}
MEMBERS: dict[Any, Callable[..., Any]] = {
    rules.mills_of: lambda n, x: _mills(n, x),
    rules.polygamma_of: lambda n, x: _sympy().polygamma(n, x),
    rules.power_of: lambda n, x: x**n,
    rules.leaky_relu: lambda slope, x: _choice(x > 0, x, slope * x),
    rules.elu: lambda alpha, x: _choice(x > 0, x, alpha * (_sympy().exp(x) - 1)),
}
