"""SymPy: a graph as a symbolic expression, to be simplified, solved and differentiated there.

An operation is written in SymPy's own functions, so its derivatives are SymPy's; where a function has a kink it is
written such that they follow our table. What SymPy leaves undefined there stays so: a power with a variable exponent
where the base is 0, the cube root of 0, sinc at 0, and hypot, atan2 and xlogy at the origin.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, cast

from autograd import rules
from autograd.engine import Constant, Value
from autograd.pictures.text import sorted_graph
from autograd.rules import Expression, Operation, composition, is_own, symbol


def to_sympy(root: Value) -> Any:
    """Return the graph of a Value as an expression of SymPy, in real symbols that are called as the leaves' labels.

    Leaves without a label of their own are x1, x2, ...; constants are numbers: exact where they are whole, else floats.

    >>> x, y = Value(2.0, "x"), Value(3.0, "y")
    >>> to_sympy(x**2 * y + 1)
    x**2*y + 1
    >>> to_sympy(x**2 * y + 1).diff(to_sympy(x))
    2*x*y
    """
    sympy = _sympy()
    order = sorted_graph(root, "to_sympy")
    taken: set[str] = set()
    labels = {node.label for node in order}
    fresh = (name for number in itertools.count(1) if (name := f"x{number}") not in labels)
    terms: dict[Value, Any] = {}
    for node in order:
        if node.op is not None:
            terms[node] = symbolic(node.op, [terms[parent] for parent in node.parents])
        elif type(node) is Constant and not node.label:
            terms[node] = _number(node.number)
        else:
            name = node.label if node.label and node.label not in taken else next(fresh)
            taken.add(name)
            terms[node] = sympy.Symbol(name, real=True)
    return terms[root]


def symbolic(operation: Operation, operands: Sequence[Any]) -> Any:
    """Return an operation on expressions of SymPy; a user's own, as its forward function computes it of these."""
    if operation in SYMPY_WORDS:
        return SYMPY_WORDS[operation](*operands)
    if operation.family is not None and operation.family[0] in MEMBERS:
        family, constant = operation.family
        return MEMBERS[family](_number(constant), *operands)
    if is_own(operation):
        try:
            return _sympy().sympify(operation.forward(*operands), strict=True)
        except Exception as error:  # a user's function may raise anything where it is given symbols
            raise NotImplementedError(
                f"the operation {operation.name} cannot be read as symbols, since its function takes floats: {error}; "
                "write it with the functions of autograd"
            ) from error
    symbols = list(map(symbol, range(len(operands))))
    return _computed(composition(operation, symbols), dict(zip(symbols, operands, strict=True)))


def _computed(term: Any, terms: dict[Any, Any]) -> Any:
    """Return an expression of the table's rows as one of SymPy; `terms` has what its symbols are."""
    if not isinstance(term, Expression):
        return _number(term)
    if term not in terms:
        terms[term] = symbolic(cast("Operation", term.operation), [_computed(part, terms) for part in term.operands])
    return terms[term]


def _sympy() -> Any:
    try:
        import sympy
    except ModuleNotFoundError as error:
        raise ImportError("to_sympy needs SymPy: python -m pip install 'scalar-autograd[sympy]'") from error
    return sympy


def _number(value: float) -> Any:
    sympy = _sympy()
    if value != value or value - value != 0.0:
        return sympy.nan if value != value else sympy.oo if value > 0.0 else -sympy.oo
    return sympy.Integer(int(value)) if value.is_integer() and abs(value) < 2.0**53 else sympy.Float(value)


def _choice(condition: Any, a: Any, b: Any) -> Any:
    sympy = _sympy()
    return sympy.Piecewise((a, condition), (b, True))


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

    return Frozen


def _floor(x: Any) -> Any:
    return _frozen()(_sympy().floor(x))


def _clip(a: Any, b: Any, c: Any) -> Any:
    sympy = _sympy()
    inside = sympy.And(b <= a, a <= c)
    return sympy.Piecewise((a, inside), (c, c < sympy.Max(a, b)), (b, b < c), (_frozen()(b), True))


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
    rules.largest: _named("Max"),
    rules.expm1: lambda x: _sympy().exp(x) - 1,
    rules.log1p: lambda x: _sympy().log(1 + x),
    rules.log2: lambda x: _sympy().log(x, 2),
    rules.log10: lambda x: _sympy().log(x, 10),
    rules.cbrt: lambda x: _sympy().sign(x) * _sympy().Abs(x) ** _sympy().Rational(1, 3),
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
    rules.lgamma: lambda x: _sympy().log(_sympy().Abs(_sympy().gamma(x))),
    rules.digamma: _named("digamma"),
    rules.trigamma: _named("trigamma"),
    rules.erfinv: _named("erfinv"),
    rules.ndtr: _distribution,
    rules.log_ndtr: lambda x: _sympy().log(_distribution(x)),
    rules.normal_ratio: lambda x: _sympy().exp(-(x**2) / 2) / _sympy().sqrt(2 * _sympy().pi) / _distribution(x),
    rules.sinc: lambda x: _sympy().sinc(_sympy().pi * x),
    rules.relu: lambda x: _choice(x > 0, x, 0),
    rules.where: lambda condition, a, b: _choice(_sympy().Ne(condition, 0), a, b),
    rules.where.decided: lambda condition, a, b: _choice(_sympy().Ne(condition, 0), a, b),
    rules.where.chosen: lambda x: x,
    rules.less: lambda a, b: _choice(a < b, 1, 0),
    rules.less_equal: lambda a, b: _choice(a <= b, 1, 0),
    rules.either: lambda a, b: _choice(_sympy().Or(_sympy().Ne(a, 0), _sympy().Ne(b, 0)), 1, 0),
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
