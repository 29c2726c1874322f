"""A number that remembers how it was made.

Each operation on Values makes a new Value that holds its result, its operands (`parents`) and the row of the table
that made it (`op`). Nothing refers from a node to its children, so there are no cycles, and a graph is freed the
moment its last reference goes. A plain number that meets a Value becomes a constant leaf.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias, cast, overload

from autograd import copying, recording, rules
from autograd.chain import check_unchanged, edges, sweep, topological_order
from autograd.methods import Methods
from autograd.operation import Binary, Family, Operation, Unary, real
from autograd.peers import OWN_OPERATION, PeerNames
from autograd.recording import UNREACHED, Stamp

Number: TypeAlias = "Value | float"
View: TypeAlias = "Callable[[Value], dict[str, str]]"

_views: list[View] = []


def shown_in_notebooks_by(view: View) -> View:
    """Have notebooks show Values by this function too, which returns what is shown by media type.

    It is called by `display`, which draws graphs and so stands after this file.
    """
    _views.append(view)
    return view


class Value(PeerNames, Methods):
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

    # A node is one object to Python's cyclic garbage collector, whose time would otherwise exceed the arithmetic's: one
    # or two parents have slots of their own, and only more of them (or none) are kept as a tuple, in the first.
    __slots__ = ("_datum", "_first", "_second", "_stamp", "grad", "label", "op")

    _datum: float
    _first: Any
    _second: Value | None
    _stamp: Stamp | recording.scope
    grad: float
    label: str
    op: Operation | None

    def __init__(self, data: float, label: str = "", _op: None = None, _children: None = None) -> None:
        if label.__class__ is not str or _op is not _children:  # the last two are micrograd's
            _check_arguments(label, _op, _children)
        self._datum = real(data, "Value")
        self._stamp = recording.now
        self.grad = UNREACHED
        self.label = label
        self.op = None
        self._first = ()
        self._second = None

    @property
    def parents(self) -> tuple[Value, ...]:
        """The operands, in order, repeated where an operand is repeated; none for a leaf."""
        return _operands(self._first, self._second)

    @property
    def data(self) -> float:
        """The number itself."""
        if recording.blocks:
            recording.use(self, "the data of")
        return self._datum

    @data.setter
    def data(self, number: float) -> None:
        if self.op is not None:
            raise AttributeError(
                f"{self!r} was computed by {self.op.name}, so its data cannot be assigned; "
                "assign to a leaf and build the expression again, or detach() this node first"
            )
        self._datum = real(number, "Value.data")
        self._stamp = recording.Assigned(self._stamp)

    @property
    def scope(self) -> recording.scope | None:
        """The innermost `with scope` block, such as the call of a Neuron, in which this node was made."""
        return self._stamp.scope

    # Arithmetic. A plain number that meets a Value becomes a constant leaf; what is neither is left to the other
    # operand's own arithmetic (an ndarray then makes an array of Values), and else is Python's TypeError.

    def __add__(self, other: Number) -> Value:
        return _binary(rules.add, self, other)

    def __radd__(self, other: Number) -> Value:
        return _binary(rules.add, other, self)

    def __sub__(self, other: Number) -> Value:
        return _binary(rules.sub, self, other)

    def __rsub__(self, other: Number) -> Value:
        return _binary(rules.sub, other, self)

    def __mul__(self, other: Number) -> Value:
        return _binary(rules.mul, self, other)

    def __rmul__(self, other: Number) -> Value:
        return _binary(rules.mul, other, self)

    def __truediv__(self, other: Number) -> Value:
        return _binary(rules.divide, self, other)

    def __rtruediv__(self, other: Number) -> Value:
        return _binary(rules.divide, other, self)

    def __pow__(self, other: Number) -> Value:
        if isinstance(other, Value):
            return _binary(rules.power, self, other)
        exponent = _as_operand(other)  # a plain one is part of the operation: x ** 3 has one parent
        if exponent is None:
            return cast("Value", NotImplemented)
        return _unary(rules.power_of.member(exponent._datum), self)

    def __rpow__(self, other: Number) -> Value:
        return _binary(rules.power, other, self)

    def __neg__(self) -> Value:
        return _unary(rules.negative, self)

    def __pos__(self) -> Value:
        return self

    def __abs__(self) -> Value:
        return _unary(rules.abs, self)

    # Comparisons look at the data; equality and hash stay those of the object, since a node is not a number. Where a
    # function is traced to be compiled, a comparison is a node too, since its outcome may be another one next time.

    def __lt__(self, other: Number) -> bool:
        return _compare(rules.less, self, other)

    def __le__(self, other: Number) -> bool:
        return _compare(rules.less_equal, self, other)

    def __gt__(self, other: Number) -> bool:
        return _compare(rules.less, other, self)

    def __ge__(self, other: Number) -> bool:
        return _compare(rules.less_equal, other, self)

    def __or__(self, other: Number) -> Value:
        return _binary(rules.either, self, other)

    def __ror__(self, other: Number) -> Value:
        return _binary(rules.either, other, self)

    def __bool__(self) -> bool:
        if recording.blocks:
            recording.use(self, "a branch on")
        return self._datum != 0.0

    def __float__(self) -> float:
        if recording.blocks:
            recording.use(self, "a plain float of")
        raise TypeError(
            f"{self!r} does not turn into a plain float by itself, since that would cut the graph; "
            "use the functions of autograd (autograd.sin instead of math.sin), or .data where you mean the number; "
            "a NumPy array that is to hold Values is made with dtype=object"
        )

    def __index__(self) -> int:
        if recording.blocks:
            recording.use(self, "an integer of")
        raise TypeError(f"{self!r} does not turn into an integer by itself; use .data where you mean the number")

    def __round__(self, digits: int | None = None) -> Value:
        if recording.blocks:
            recording.use(self, "a rounded number of")
        raise TypeError(f"{self!r} is not rounded, since that has no derivative; use .data where you mean the number")

    def __format__(self, specification: str) -> str:
        if recording.blocks:
            recording.use(self, "the text of")
        return format(self._datum, specification) if specification else repr(self)

    def __repr__(self) -> str:
        label = f", label={self.label!r}" if self.label else ""
        grad = 0.0 if self.grad is None else float(self.grad)
        return f"Value(data={self._datum!r}, grad={grad!r}{label})"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {media: shown for view in _views for media, shown in view(self).items()}

    @staticmethod
    def _operate(operation: Operation, operands: Sequence[Any]) -> Value:
        """Apply the operation to operands of which one at least is a Value."""
        if operation.arity == 1:
            return _unary(operation, operands[0])
        try:
            data = [node._datum for node in operands]
        except AttributeError:  # plain numbers among them
            operands = [_as_node(x, operation.name) for x in operands]
            data = [node._datum for node in operands]
        y = operation.evaluate(data)
        return _node(operation, y, *operands) if operation.arity == 2 else _node(operation, y, tuple(operands))

    # Derivatives.

    def local_derivatives(self) -> tuple[float, ...]:
        """Return the derivative of this node with respect to each of its parents.

        >>> (Value(2.0) * Value(-3.0)).local_derivatives()
        (-3.0, 2.0)
        """
        if recording.blocks:
            recording.use(self, "the local derivatives of")
        if self.op is None:
            return ()
        operands = [parent._datum for parent in self.parents]
        return tuple(float(derivative) for derivative in self.op.derivatives(self._datum, operands))

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
        if recording.blocks:
            recording.use(self, "the gradients of")
        order = [node for node in topological_order(self) if type(node) is not Constant]
        check_unchanged(order)
        adjoints = dict.fromkeys(order, 0.0)
        adjoints[self] = real(seed, "backward(seed)")
        sweep(edges(reversed(order), adjoints), adjoints)
        for node, adjoint in adjoints.items():
            node.grad = adjoint if node.op is not None or node.grad is None else node.grad + adjoint

    def zero_grad(self) -> None:
        """Forget the gradients of this node and of every node it was made from."""
        for node in topological_order(self):
            node.grad = UNREACHED

    def detach(self) -> Value:
        """Return a fresh leaf with the same data: no gradient flows through it.

        >>> x = Value(3.0)
        >>> (x * x.detach()).parents[1].parents
        ()
        """
        return _unary(rules.detached, self) if recording.blocks and recording.traced() else Value(self._datum)

    def __copy__(self) -> Value:
        return copying.shallow_copy(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> Value:
        return copying.deep_copy(self, memo)

    def __reduce__(self) -> tuple[Any, ...]:
        return copying.reduce(self)


class Constant(Value):
    """A leaf that takes no gradient, such as a plain number that met a Value.

    >>> x = Value(3.0)
    >>> y = x * Constant(2.0, label="scale")
    >>> y.backward()
    >>> [parent.grad for parent in y.parents]
    [2.0, 0.0]
    """

    __slots__ = ()


@overload
def softmax(values: Iterable[float]) -> list[float]: ...  # type: ignore[overload-overlap]  # of no operand at all
@overload
def softmax(values: Iterable[Number]) -> list[Value]: ...
def softmax(values: Iterable[Number]) -> list[Any]:
    """Return exp(x_i) / sum_j exp(x_j) for each of the values; they are positive and sum to 1.

    >>> softmax([0.0, 0.0])
    [0.5, 0.5]
    """
    if isinstance(values, Value):
        raise TypeError(f"softmax takes a sequence of numbers, got one Value, {values!r}; write softmax([a, b])")
    xs = [x if isinstance(x, Value) else real(x, "softmax") for x in values]
    if not xs:
        raise ValueError("softmax is defined for at least one operand, got none")
    if recording.blocks and recording.traced():
        largest: Any = rules.largest(xs)
    else:
        largest = max(x._datum if isinstance(x, Value) else x for x in xs)
    exponentials: list[Any] = [rules.exp(x - largest) for x in xs]  # which cannot overflow
    total = rules.fsum(exponentials)
    return [exponential / total for exponential in exponentials]


def _check_arguments(label: Any, op: Any, children: Any) -> None:
    if op is not None or children is not None or isinstance(label, (tuple, list, set)):
        raise TypeError(
            "Value(data, label) makes a leaf, without the children and the operation that micrograd's takes; "
            f"arithmetic records its operands by itself, and {OWN_OPERATION}"
        )
    if not isinstance(label, str):
        raise TypeError(
            f"the label of a Value is a string, got a {type(label).__name__}: {label!r}; write label=str(...)"
        )


# Making nodes.

_new = object.__new__


def _node(op: Operation, data: float, first: Any, second: Value | None = None) -> Value:
    stamp = recording.now
    if recording.blocks:  # a no_grad or detect_anomaly block is open somewhere
        stamp = recording.inspected(op, data, _operands(first, second))
        if recording.paused():
            return _without_gradient(op, data, first, second) if recording.traced() else Value(data)
    node = _new(Value)
    node._datum = data
    node._first = first
    node._second = second
    node._stamp = stamp
    node.grad = UNREACHED
    node.label = ""
    node.op = op
    return node


def _without_gradient(op: Operation, data: float, first: Any, second: Value | None) -> Value:
    """Return a node for what a traced function computes in a `no_grad` block: it is computed anew in every call."""
    with recording.enable_grad():
        return _unary(rules.detached, _node(op, data, first, second))


def _operands(first: Any, second: Value | None) -> tuple[Value, ...]:
    """Return the operands that these two slots of a node hold."""
    if second is not None:
        return (first, second)
    return first if type(first) is tuple else (first,)


def _unary(op: Operation, x: Value) -> Value:
    try:
        data = op.forward(x._datum)
    except (ValueError, ArithmeticError) as error:
        raise op.explain(error, (x._datum,)) from None
    return _node(op, data if type(data) is float else real(data, f"the result of {op.name}"), x)


def _binary(op: Operation, a: Any, b: Any) -> Value:
    if type(a) is not Value and (a := _as_operand(a)) is None:
        return cast("Value", NotImplemented)
    if type(b) is not Value and (b := _as_operand(b)) is None:
        return cast("Value", NotImplemented)
    try:
        data = op.forward(a._datum, b._datum)
    except (ValueError, ArithmeticError) as error:
        raise op.explain(error, (a._datum, b._datum)) from None
    return _node(op, data, a, b)


def _compare(op: Operation, a: Any, b: Any) -> bool:
    a, b = _as_operand(a), _as_operand(b)
    if a is None or b is None:
        return cast("bool", NotImplemented)
    if recording.blocks and recording.traced():
        return cast("bool", _binary(op, a, b))
    return bool(op.forward(a._datum, b._datum))


def _as_node(number: Any, asker: str) -> Value:
    """Return a Value as it is, and a plain number as a constant leaf."""
    return number if isinstance(number, Value) else Constant(real(number, asker))


def _as_operand(number: Any) -> Value | None:
    """Return a node for an operand of +, -, *, / or **; None for what is no number, to be left to Python."""
    try:
        return _as_node(number, "arithmetic")
    except TypeError:
        return None


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
