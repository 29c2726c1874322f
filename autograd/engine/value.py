"""Value, the scalar of automatic differentiation: a number that remembers how it was made.

Each operation on Values makes a new Value that holds its result, its operands (`parents`) and the row of the table
that made it (`op`). How a node refers to them stands in `node`; this file adds the arithmetic. A plain number that
meets a Value becomes a constant leaf.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from numbers import Number as AnyNumber
from numbers import Real
from typing import Any, NoReturn, TypeAlias, cast
from weakref import ref

from autograd import rules
from autograd.engine import _copying, clock, modes
from autograd.engine._methods import Methods
from autograd.engine._peers import OWN_OPERATION, PeerNames
from autograd.engine._sides import GuardedSide
from autograd.engine.chain import backpropagate, check_unchanged, derived_constants, topological_order
from autograd.engine.node import UNREACHED, Node, Origin, operands_in, slots_of
from autograd.rules import Binary, Family, Operation, Unary, Where, is_misread, real

Number: TypeAlias = "Value | float"
Method: TypeAlias = "Callable[[Value, Number], Value]"
NotebookView: TypeAlias = "Callable[[Value], dict[str, str]]"

_views: list[NotebookView] = []


def shown_in_notebooks_by(view: NotebookView) -> NotebookView:
    """Have notebooks show Values by this function too, which returns what is shown by media type.

    It is called by `display`, which draws graphs and so stands after this file.
    """
    _views.append(view)
    return view


# Making nodes.

_new = object.__new__


def _node(op: Operation, data: float, first: Any, second: Value | None = None) -> Value:
    stamp: Origin = clock.now
    side = None
    if modes.blocks:  # a no_grad or detect_anomaly block is open somewhere
        stamp = modes.inspected(op, data, operands_in(first, second))
        if modes.paused():
            traced = modes.traced(*operands_in(first, second))
            return _without_gradient(op, data, first, second) if traced else Value(data)
        if (side := modes.side()) is not None:
            operands, unchosen = side.applied(op, operands_in(first, second))
            first, second = slots_of(op, operands)
            if not side.taken:  # the number is the one that the guards hand on, to derivatives read outside too
                data = unchosen
    node = _new(Value)
    node.number = data
    node._first = first
    node._second = second
    node.stamp = stamp
    node.adjoint = UNREACHED
    node._label = ""
    node.op = op
    if modes.blocks:
        modes.made(node)
        if side is not None:
            side.made(node, unchosen)
    return node


def _applied(op: Operation, operands: Sequence[Value]) -> Value:
    """Apply an operation to nodes, or what stands for them, in a block that changes what is recorded or read."""
    if modes.substitutions:
        differentiable = op is not rules.detached
        operands = [modes.substituted(x, differentiable=differentiable) for x in operands]
    try:
        data = op.evaluate([node.number for node in operands])
    except rules.OUT_OF_DOMAIN as error:
        if not modes.untaken():
            modes.failed(error, operands)
            raise
        data = math.nan
    return _node(op, data, *slots_of(op, tuple(operands)))


def _without_gradient(op: Operation, data: float, first: Any, second: Value | None) -> Value:
    """Return a node for what a traced function computes in a `no_grad` block: it is computed anew in every call."""
    with modes.enable_grad():
        return _unary(rules.detached, _node(op, data, first, second))


def _unary(op: Operation, x: Value) -> Value:
    try:
        data = op.forward(x.number)
    except rules.OUT_OF_DOMAIN as error:
        if modes.blocks:
            return _applied(op, (x,))
        raise op.explain(error, (x.number,)) from None
    if type(data) is not float:
        data = real(data, f"the result of {op.name}")
    if modes.blocks:
        return _applied(op, (x,)) if modes.substitutions else _node(op, data, x)
    node = _new(Value)  # what `_node` does, whose call would cost a fifth of the time
    node.number = data
    node._first = x
    node._second = None
    node.stamp = clock.now
    node.adjoint = UNREACHED
    node._label = ""
    node.op = op
    return node


def _joined(sign: str, found: Value, *conditions: Any) -> Value:
    """Return what joining two conditions made; raise TypeError where one of them is neither 0 nor 1."""
    if found is not NotImplemented:
        for operand in conditions:
            number = operand.number if isinstance(operand, Value) else float(operand)
            if number not in (0.0, 1.0) and number == number:
                remedy = "a power is **" if sign == "^" else f"write (x > 0) {sign} (x < 1), in parentheses"
                raise TypeError(f"{sign} joins conditions, which are 0 or 1, got {number!r}; {remedy}")
    return found


def _arithmetic(op: Binary) -> tuple[Method, Method]:
    """Return the method that applies an operation to self and another operand, and the one for the other order."""
    forward = op.forward

    def method(self: Value, other: Any) -> Value:
        if (kind := type(other)) is not Value:
            other = _constant(float(other)) if kind is float or kind is int else _as_operand(other)
            if other is None:
                return cast("Value", NotImplemented)
        try:
            number = forward(self.number, other.number)
        except rules.OUT_OF_DOMAIN as error:
            if modes.blocks:
                return _applied(op, (self, other))
            raise op.explain(error, (self.number, other.number)) from None
        if modes.blocks:
            return _applied(op, (self, other)) if modes.substitutions else _node(op, number, self, other)
        node = _new(Value)  # what `_node` does, whose call would cost a tenth of the time
        node.number = number
        node._first = self
        node._second = other
        node.stamp = clock.now
        node.adjoint = UNREACHED
        node._label = ""
        node.op = op
        return node

    def reflected(self: Value, other: Any) -> Value:
        kind = type(other)
        operand = _constant(float(other)) if kind is float or kind is int else _as_operand(other)
        return cast("Value", NotImplemented) if operand is None else method(operand, self)

    return method, reflected


def unrecorded(op: Operation, operands: tuple[Value, ...], number: float, stamp: Origin) -> Value:
    """Return a node of which no mode is told."""
    node = _new(Value)
    node.op, node.number, node.stamp, node.adjoint, node._label = op, number, stamp, UNREACHED, ""
    node._first, node._second = slots_of(op, operands)
    return node


def _compare(op: Operation, a: Any, b: Any) -> bool:
    recorded = modes.records_comparison(a, b)
    # An int is compared as it is: a large one is no float.
    a, b = (x if type(x) is int and not recorded else _as_operand(x) for x in (a, b))
    if a is None or b is None:
        return cast("bool", NotImplemented)
    if recorded:
        return cast("bool", Value._operate(op, (a, b)))
    if modes.substitutions:
        a, b = (x if type(x) is int else modes.substituted(x, differentiable=False) for x in (a, b))
    return bool(op.forward(*(x if type(x) is int else x.number for x in (a, b))))


def _constant(number: float) -> Value:
    """Return what `Constant(number)` does, at a quarter of the time."""
    node = _new(Constant)
    node.number = number
    node._first = ()
    node._second = None
    node.stamp = clock.now
    node.adjoint = UNREACHED
    node._label = ""
    node.op = None
    return node


def _as_node(number: Any, asker: str) -> Value:
    """Return a Value as it is, and a plain number as a constant leaf."""
    return number if isinstance(number, Value) else _constant(real(number, asker))


def _as_operand(number: Any) -> Value | None:
    """Return a node for an operand of +, -, *, / or **; None for what is no number, to be left to Python."""
    try:
        return _as_node(number, "arithmetic")
    except TypeError:
        if is_misread(number) or isinstance(number, AnyNumber):  # whose class knows nothing of Values
            raise
        return None


def _check_identity(kind: type[Value]) -> None:
    """Raise TypeError where nodes of a class would be found by something else than their identity."""
    if kind.__eq__ is not Value.__eq__ or kind.__hash__ is not Value.__hash__:
        raise TypeError(
            f"{kind.__name__} has an equality or a hash of its own, but those of Values stay the object's, since a "
            "graph holds different nodes of the same number; leave __eq__ and __hash__ out, in a dataclass by "
            "@dataclass(eq=False), and compare .data where numbers are meant"
        )


def _new_of_subclass(kind: type[Any], *_: Any, **__: Any) -> Any:
    _check_identity(kind)
    return _new(kind)


class Value(Node, PeerNames, Methods["Value"]):
    """A real number that remembers its parents and the operation that made it.

    - `data`: the number, a float; assigning to a leaf's data is how parameters are updated.
    - `grad`: the derivative of the Value on which `backward()` was called with respect to this one; 0.0 at first.
    - `parents`: the operands, in order, repeated where an operand is; `op`: the operation, None for a leaf.
    - `label`: a name for drawings and messages.

    >>> a, b = Value(2.0, label="a"), Value(-3.0, label="b")
    >>> c = a * b + a
    >>> c.backward()
    >>> c.data, a.grad, b.grad
    (-4.0, -2.0, 2.0)
    """

    __slots__ = ()
    __array_priority__ = -1.0  # above that of NumPy's scalars, which so leave arithmetic to us, and below arrays'

    def __init__(self, data: float, label: str = "", _op: None = None, _children: None = None) -> None:
        if label.__class__ is str and _op is _children:
            self._label = label
        else:
            _check_leaf(label, _op, _children)
            self.label = label
        self.number = data if type(data) is float else real(data, "Value")
        self.stamp = clock.now
        self.adjoint = UNREACHED
        self.op = None
        self._first = ()
        self._second = None

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        _check_identity(cls)
        if cls.__new__ is object.__new__ and cls.__module__ != __name__:  # `dataclass` gives it an equality later
            type.__setattr__(cls, "__new__", _new_of_subclass)  # of which type checkers need not know

    @property
    def data(self) -> float:
        """The number itself."""
        if modes.blocks:
            return modes.use(self, "the data of").number
        return self.number

    @data.setter
    def data(self, number: float) -> None:
        if self.op is not None:
            raise AttributeError(
                f"{self!r} was computed by {self.op.name}, so its data cannot be assigned; "
                "assign to a leaf and build the expression again, or detach() this node first"
            )
        if modes.blocks:
            modes.assign(self)
        number, before = number if type(number) is float else real(number, "Value.data"), self.number
        self.number = number
        if number != before or (number == 0.0 and math.copysign(1.0, number) != math.copysign(1.0, before)):
            self.stamp = clock.reassigned(self.stamp)

    def _get_grad(self) -> Any:
        if modes.blocks:
            modes.use(self, "the grad of")
        return self.adjoint

    def _set_grad(self, gradient: float | None) -> None:
        self.adjoint = gradient if type(gradient) is float or gradient is None else real(gradient, "Value.grad")

    grad: Any = property(_get_grad, _set_grad, doc="The gradient; None is none, and 0.0 to a step of an optimiser.")

    @property
    def scope(self) -> clock.scope | None:
        """The innermost `with scope` block, such as the call of a Neuron, in which this node was made."""
        scope: clock.scope | None = self.stamp.scope
        return scope

    # Arithmetic. A plain number that meets a Value becomes a constant leaf; what is neither is left to the other
    # operand's own arithmetic (an ndarray then makes an array of Values), and else is Python's TypeError.

    __add__, __radd__ = _arithmetic(rules.add)
    __sub__, __rsub__ = _arithmetic(rules.sub)
    __mul__, __rmul__ = _arithmetic(rules.mul)
    __truediv__, __rtruediv__ = _arithmetic(rules.divide)
    __mod__, __rmod__ = _arithmetic(rules.mod)
    __floordiv__, __rfloordiv__ = _arithmetic(rules.floordiv)
    _power, __rpow__ = _arithmetic(rules.power)

    def __divmod__(self, other: Number) -> tuple[Value, Value]:
        operand = _as_operand(other)
        return cast("Any", NotImplemented) if operand is None else (self // operand, self % operand)

    def __rdivmod__(self, other: Number) -> tuple[Value, Value]:
        operand = _as_operand(other)
        return cast("Any", NotImplemented) if operand is None else divmod(operand, self)

    def __pow__(self, other: Number, modulo: None = None) -> Value:
        if modulo is not None:
            raise TypeError("pow(a, b, modulo) is of integers; write a ** b % modulo for a Value")
        if isinstance(other, Value):
            return self._power(other)
        try:  # a plain exponent is part of the operation: x ** 3 has one parent
            exponent = real(other, "arithmetic")
        except TypeError:
            if is_misread(other) or (isinstance(other, AnyNumber) and not hasattr(other, "denominator")):
                raise
            return cast("Value", NotImplemented)  # a Fraction then takes its float
        return _unary(rules.power_of.member(exponent), self)

    def __neg__(self) -> Value:
        return _unary(rules.negative, self)

    def __pos__(self) -> Value:
        return self.detach() if modes.blocks and modes.paused() else self

    def __floor__(self) -> Value:  # as NumPy's floor and ceil ask for it
        return _unary(rules.floor, self)

    def __ceil__(self) -> Value:
        return _unary(rules.ceil, self)

    def __abs__(self) -> Value:
        return _unary(rules.abs, self)

    # Comparisons look at the data; equality and hash stay those of the object, since a node is not a number. Where a
    # function is traced to be compiled, a comparison is a node too, since its outcome may be another one next time.

    def __eq__(self, other: object) -> bool:
        """Whether it is the same node; where a function is traced, numbers would be compared, which is refused."""
        if modes.blocks and isinstance(other, (Real, Value)):
            modes.compared(self, other)
        return NotImplemented

    __hash__ = object.__hash__

    def __lt__(self, other: Number) -> bool:
        return _compare(rules.less, self, other)

    def __le__(self, other: Number) -> bool:
        return _compare(rules.less_equal, self, other)

    def __gt__(self, other: Number) -> bool:
        return _compare(rules.less, other, self)

    def __ge__(self, other: Number) -> bool:
        return _compare(rules.less_equal, other, self)

    # Conditions, which are numbers where a function is traced. Of plain bools Python's own ~ is -1 or -2, both true.

    _either, _either_of = _arithmetic(rules.either)

    def __or__(self, other: Number) -> Value:
        return _joined("|", self._either(other), self, other)

    def __ror__(self, other: Number) -> Value:
        return _joined("|", self._either_of(other), self, other)

    def __and__(self, other: Number) -> Value:
        product = _joined("&", self.__mul__(other), self, other)
        return product if product is NotImplemented else product._either(0.0)

    def __xor__(self, other: Number) -> Value:
        difference = _joined("^", self.__sub__(other), self, other)
        return difference if difference is NotImplemented else difference._either(0.0)

    __rand__, __rxor__ = __and__, __xor__

    def __invert__(self) -> Value:
        raise TypeError(
            "~ is of integers, and of a condition no condition in Python; exchange the sides: where(condition, b, a)"
        )

    def conjugate(self) -> Value:
        """Return the number itself, since it is real: NumPy asks for it, as in `np.var`."""
        return +self

    @property
    def _is_known(self) -> bool:
        """Whether the number is known: no function is traced, in whose next call it may be another one."""
        return not (modes.blocks and modes.traced(self))

    def __bool__(self) -> bool:
        if modes.blocks:
            self = modes.use(self, "a branch on")
        return self.number != 0.0

    def __float__(self) -> float:
        if modes.blocks:
            modes.use(self, "a plain float of")
        raise TypeError(
            f"{self!r} does not turn into a plain float by itself, since that would cut the graph; "
            "use the functions of autograd (autograd.sin instead of math.sin), or .data where you mean the number; "
            "a NumPy array that is to hold Values is made with dtype=object"
        )

    def __index__(self) -> int:
        return self._no_integer("an index or a count by")

    def __int__(self) -> int:
        return self._no_integer("an integer of")

    __trunc__ = __int__

    def _no_integer(self, how: str) -> NoReturn:
        if modes.blocks:
            modes.use(self, how)
        raise TypeError(
            f"{self!r} does not turn into an integer by itself; a list is multiplied element by element: "
            "[w * x for x in xs]; use int(x.data) where you mean an index or a count"
        )

    def as_integer_ratio(self) -> tuple[int, int]:
        """Raise TypeError: a float has a ratio, for which the statistics and fractions modules ask."""
        if modes.blocks:
            modes.use(self, "a ratio of")
        raise TypeError(
            f"{self!r} does not turn into a ratio of integers by itself, which the statistics module asks for, since "
            "that would cut the graph; write autograd.mean(xs), a variance as mean([(x - m) ** 2 for x in xs]) and so "
            "on, or .data where you mean the number"
        )

    def __round__(self, digits: int | None = None) -> Value:
        if modes.blocks:
            modes.use(self, "a rounded number of")
        raise TypeError(f"{self!r} is not rounded, since that has no derivative; use .data where you mean the number")

    def __format__(self, specification: str) -> str:
        if modes.blocks:
            self = modes.use(self, "the text of")
        return format(self.number, specification) if specification else repr(self)

    def __repr__(self) -> str:
        label = f", label={self.label!r}" if self.label else ""
        if modes.blocks and modes.traced(self):  # a number would be that of the first call; a key tells nodes apart
            return f"Value(traced{label}, id={id(self)})"
        grad = 0.0 if self.adjoint is None else float(self.adjoint)
        return f"Value(data={self.number!r}, grad={grad!r}{label})"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {media: shown for view in _views for media, shown in view(self).items()}

    @staticmethod
    def _operate(operation: Operation, operands: Sequence[Any]) -> Value:
        """Apply the operation to operands of which one at least is a Value."""
        if modes.blocks and modes.traced():  # a plain bool is part of the program
            if operation is rules.where.chosen:
                return cast("Value", operands[0])
            operation = rules.where if operation is rules.where.decided else operation
        if operation.arity == 1:
            return _applied(operation, operands) if modes.substitutions else _unary(operation, operands[0])
        try:
            data = [node.number for node in operands]
        except AttributeError:  # plain numbers among them
            operands = [_as_node(x, operation.name) for x in operands]
            data = [node.number for node in operands]
        if modes.blocks:
            return _applied(operation, operands)
        y = operation.evaluate(data)
        return _node(operation, y, *operands) if operation.arity == 2 else _node(operation, y, tuple(operands))

    @staticmethod
    def _choose(where: Where, condition: Value, a: Any, b: Any) -> Any:
        """Apply the choice between functions: call the one that is chosen; where that is not known yet, both."""
        if modes.blocks:
            condition = modes.substituted(condition, differentiable=False)
        if not (modes.blocks and modes.traced(condition)):
            return where.chosen(where(condition, *[where.side(a if condition.number else b)] * 2))
        otherwise = where(condition, 0.0, 1.0)
        return where(condition, GuardedSide(condition, Constant).run(a), GuardedSide(otherwise, Constant).run(b))

    def _general_side(self, a: Any, b: Any) -> Any:
        """Return the side of a choice in a row's derivative that is chosen, if the other one is a special case.

        None where that is not known yet, or is not asked: where no derivative is recorded.
        """
        condition = modes.substituted(self, differentiable=False) if modes.blocks else self
        side, other = (a, b) if condition.number else (b, a)
        special = modes.records_comparison() and callable(side) and not callable(other)
        return side if special and not (modes.blocks and modes.traced(condition)) else None

    # Derivatives.

    def local_derivatives(self) -> tuple[float, ...]:
        """Return the derivative of this node with respect to each of its parents.

        Raises RuntimeError if one of them is a leaf that was changed after this node was made.

        >>> (Value(2.0) * Value(-3.0)).local_derivatives()
        (-3.0, 2.0)
        """
        if modes.blocks:
            modes.use(self, "the local derivatives of")
        if self.op is None:
            return ()
        check_unchanged([self], "ask before changing the leaf")
        operands = [parent.number for parent in self.parents]
        return tuple(float(derivative) for derivative in self.op.derivatives(self.number, operands))

    def backward(self, seed: float = 1.0) -> None:
        """Set the gradient of every node that self was made from: seed times the derivative of self by that node.

        Leaves add it to the gradient they have, so gradients of several graphs add up until `zero_grad()`; computed
        nodes hold the gradient of the latest call. Raises RuntimeError if a leaf was changed after self was made.

        >>> x = Value(3.0)
        >>> y = x * x * x
        >>> y.backward()
        >>> y.backward()
        >>> x.grad
        54.0
        """
        if modes.blocks:
            modes.use(self, "the gradients of")
        backpropagate(self, real(seed, "backward(seed)"), Constant)

    def zero_grad(self) -> None:
        """Forget the gradients of this node and of every node it was made from."""
        for node in topological_order(self):
            node.adjoint = UNREACHED

    def detach(self) -> Value:
        """Return a fresh leaf with the same data: no gradient flows through it.

        >>> x = Value(3.0)
        >>> (x * x.detach()).parents[1].parents
        ()
        """
        if modes.blocks:
            if modes.traced(self):
                return _unary(rules.detached, self)
            self = modes.substituted(self, differentiable=False)
        return Value(self.number)

    def _copied(self) -> Value:
        """Return what is to be copied; where a function is traced, the copy would be a leaf of its first numbers.

        What `root` reads of what was made from a transform's inputs keeps its derivative, as in copies around `root`.
        """
        if not modes.blocks:
            return self
        kept = modes.substitutions and not modes.inputs().isdisjoint(map(id, topological_order(self)))
        return modes.use(self, "a copy of", differentiable=bool(kept))

    def __copy__(self) -> Value:
        copied: Value = _copying.shallow_copy(self._copied())
        return copied

    def __deepcopy__(self, memo: dict[int, Any]) -> Value:
        copied: Value = _copying.deep_copy(self._copied(), memo)
        return copied

    def __reduce__(self) -> tuple[Any, ...]:
        return _copying.reduce_node(self._copied())


class Constant(Value):
    """A leaf that takes no gradient, such as a plain number that met a Value.

    >>> x = Value(3.0)
    >>> y = x * Constant(2.0, label="scale")
    >>> y.backward()
    >>> [parent.grad for parent in y.parents]
    [2.0, 0.0]
    """

    __slots__ = ()

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        derived_constants.append(ref(cls, derived_constants.remove))


def _check_leaf(label: Any, op: Any, children: Any) -> None:  # the last two are micrograd's
    if op is not None or children is not None or isinstance(label, (tuple, list, set)):
        raise TypeError(
            "Value(data, label) makes a leaf, without the children and the operation that micrograd's takes; "
            f"arithmetic records its operands by itself, and {OWN_OPERATION}"
        )


# The functions of one or two operands in the table are methods too. NumPy applies its functions to an array of Values
# by calling methods of the same names, of which a few differ from those of the math module.


def _method(row: Operation | Family) -> Callable[..., Any]:
    def method(self: Value, *others: Any, **named: Any) -> Any:
        return row(self, *others, **named)

    def unary_method(self: Value) -> Value:
        return _unary(cast("Operation", row), self)

    chosen = unary_method if isinstance(row, Unary) else method
    chosen.__name__, chosen.__qualname__, chosen.__doc__ = row.name, f"Value.{row.name}", row.__doc__
    return chosen


for _name, _row in rules.FUNCTIONS.items():
    if isinstance(_row, (Unary, Binary, Family)):
        setattr(Value, _name, _method(_row))
for _name in ("asin", "acos", "atan", "asinh", "acosh", "atanh", "atan2"):
    setattr(Value, _name.replace("a", "arc", 1), getattr(Value, _name))
