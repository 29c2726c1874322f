"""A number that remembers how it was made, and the chain rule that reads its memory backwards.

Each operation on Values makes a new Value that holds its result, its operands (`parents`) and the row of the table
that made it (`op`). `backward()` sorts this graph so that every node comes after its parents, and walks it from the
end, handing `upstream x local derivative` to each parent. Nothing here recurses and no node refers to its children,
so a graph may be a million operations deep, and is freed the moment its last reference goes.
"""

from __future__ import annotations

import operator
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from autograd import recording, rules
from autograd.operation import Binary, Family, Operation, Unary, real
from autograd.recording import Stamp, scope

Number: TypeAlias = "Value | float"

# The gradient of a node that no backward() has reached: equal to 0.0, and told from a computed 0.0 by identity.
UNREACHED = float("0")


class Value:
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
    __slots__ = ("_data", "_first", "_second", "_stamp", "grad", "label", "op")

    _data: float
    _first: Any
    _second: Value | None
    _stamp: Stamp
    grad: float
    label: str
    op: Operation | None

    def __init__(self, data: float, label: str = "") -> None:
        self._data = real(data, "Value")
        self._stamp = recording.now
        self.grad = UNREACHED
        self.label = label
        self.op = None
        self._first = ()
        self._second = None

    @property
    def parents(self) -> tuple[Value, ...]:
        """The operands, in order, repeated where an operand is repeated; none for a leaf."""
        if self._second is not None:
            return (self._first, self._second)
        parents: tuple[Value, ...] = self._first if type(self._first) is tuple else (self._first,)
        return parents

    @property
    def data(self) -> float:
        """The number itself."""
        return self._data

    @data.setter
    def data(self, number: float) -> None:
        if self.op is not None:
            raise AttributeError(
                f"{self!r} was computed by {self.op.name}, so its data cannot be assigned; "
                "assign to a leaf and build the expression again, or detach() this node first"
            )
        self._data = real(number, "Value.data")
        self._stamp = recording.advance()

    @property
    def scope(self) -> scope | None:
        """The innermost `with scope(...)` block, such as the call of a Neuron, in which this node was made."""
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
        if isinstance(other, (int, float)):  # the exponent is part of the operation: x ** 3 has one parent
            return _unary(rules.power_of.member(float(other)), self)
        return _binary(rules.power, self, other)

    def __rpow__(self, other: Number) -> Value:
        return _binary(rules.power, other, self)

    def __neg__(self) -> Value:
        return _unary(rules.negative, self)

    def __pos__(self) -> Value:
        return self

    def __abs__(self) -> Value:
        return _unary(rules.abs, self)

    # Comparisons look at the data; equality and hash stay those of the object, since a node is not a number.

    def __lt__(self, other: Number) -> bool:
        return _compare(operator.lt, self, other)

    def __le__(self, other: Number) -> bool:
        return _compare(operator.le, self, other)

    def __gt__(self, other: Number) -> bool:
        return _compare(operator.gt, self, other)

    def __ge__(self, other: Number) -> bool:
        return _compare(operator.ge, self, other)

    def __bool__(self) -> bool:
        return self._data != 0.0

    def __float__(self) -> float:
        raise TypeError(
            f"{self!r} does not turn into a plain float by itself, since that would cut the graph; "
            "use the functions of autograd (autograd.sin instead of math.sin), or .data where you mean the number"
        )

    def __format__(self, specification: str) -> str:
        return format(self._data, specification) if specification else repr(self)

    def __repr__(self) -> str:
        label = f", label={self.label!r}" if self.label else ""
        return f"Value(data={self._data!r}, grad={float(self.grad)!r}{label})"

    if TYPE_CHECKING:
        # The unary functions of the table are methods too, attached below; a type checker need not know which.
        def __getattr__(self, name: str) -> Callable[..., Value]: ...

    @staticmethod
    def _operate(operation: Operation, operands: Sequence[Any]) -> Value:
        """Apply the operation to operands of which one at least is a Value."""
        if operation.arity == 1:
            return _unary(operation, operands[0])
        nodes = tuple([x if type(x) is Value else _as_node(x, operation.name) for x in operands])
        return _node(operation, operation.evaluate([node._data for node in nodes]), *_slots(operation, nodes))

    # Derivatives.

    def local_derivatives(self) -> tuple[float, ...]:
        """Return the derivative of this node with respect to each of its parents.

        >>> (Value(2.0) * Value(-3.0)).local_derivatives()
        (-3.0, 2.0)
        """
        if self.op is None:
            return ()
        operands = [parent._data for parent in self.parents]
        return tuple(float(derivative) for derivative in self.op.derivatives(self._data, operands))

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
        order = [node for node in topological_order(self) if type(node) is not Constant]
        if self._stamp.tick != recording.now.tick:
            _check_unchanged(order)
        for node, adjoint in sweep(order, self, real(seed, "backward(seed)")).items():
            node.grad = node.grad + adjoint if node.op is None else adjoint

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
        return Value(self._data)

    # Copies. Both walk the sorted graph: to follow parents one inside the other would recurse.

    def __copy__(self) -> Value:
        return _restore(None, type(self), self._data, self.grad, self.label, self.op, self.parents, self._stamp)

    def __deepcopy__(self, memo: dict[int, Any]) -> Value:
        for node in topological_order(self):
            if id(node) not in memo:
                parents = tuple([memo[id(parent)] for parent in node.parents])
                state = (node._data, node.grad, node.label, node.op, parents, node._stamp)
                memo[id(node)] = _restore(None, type(node), *state)
        result: Value = memo[id(self)]
        return result

    def __reduce__(self) -> tuple[Any, ...]:
        ancestors = None if id(self) in _pickling.nodes else _Ancestors(topological_order(self)[:-1])
        grad = None if self.grad is UNREACHED else self.grad
        return _restore, (ancestors, type(self), self._data, grad, self.label, self.op, self.parents, self._stamp)


class Constant(Value):
    """A leaf that takes no gradient, such as a plain number that met a Value.

    >>> x = Value(3.0)
    >>> y = x * Constant(2.0, label="scale")
    >>> y.backward()
    >>> [parent.grad for parent in y.parents]
    [2.0, 0.0]
    """

    __slots__ = ()


def softmax(values: Iterable[Number]) -> list[Any]:
    """Return exp(x_i) / sum_j exp(x_j) for each of the values; they are positive and sum to 1.

    >>> softmax([0.0, 0.0])
    [0.5, 0.5]
    """
    xs = list(values)
    if not xs:
        raise ValueError("softmax is defined for at least one operand, got none")
    largest = max(x.data if isinstance(x, Value) else real(x, "softmax") for x in xs)  # exp cannot overflow then
    exponentials = [rules.exp(x - largest) for x in xs]
    total = rules.fsum(exponentials)
    return [exponential / total for exponential in exponentials]


# Making nodes.

_new = object.__new__


def _node(op: Operation, data: float, first: Any, second: Value | None = None) -> Value:
    if recording.pauses and recording.paused():
        return Value(data)
    node = _new(Value)
    node._data = data
    node._first = first
    node._second = second
    node._stamp = recording.now
    node.grad = UNREACHED
    node.label = ""
    node.op = op
    return node


def _slots(op: Operation | None, parents: tuple[Value, ...]) -> tuple[Any, Value | None]:
    """Return what the slots for the first and the second parent hold."""
    arity = None if op is None else op.arity
    return (parents[0], None) if arity == 1 else (parents[0], parents[1]) if arity == 2 else (parents, None)


def _unary(op: Operation, x: Value) -> Value:
    try:
        data = op.forward(x._data)
    except (ValueError, ArithmeticError) as error:
        raise op.explain(error, (x._data,)) from None
    return _node(op, data if type(data) is float else real(data, f"the result of {op.name}"), x)


def _binary(op: Operation, a: Any, b: Any) -> Value:
    if type(a) is not Value and (a := _as_operand(a)) is None:
        return cast("Value", NotImplemented)
    if type(b) is not Value and (b := _as_operand(b)) is None:
        return cast("Value", NotImplemented)
    try:
        data = op.forward(a._data, b._data)
    except (ValueError, ArithmeticError) as error:
        raise op.explain(error, (a._data, b._data)) from None
    return _node(op, data, a, b)


def _compare(relation: Callable[[float, float], bool], a: Value, b: Any) -> bool:
    b = _as_operand(b)
    return cast("bool", NotImplemented) if b is None else relation(a._data, b._data)


def _as_node(number: Any, asker: str) -> Value:
    """Return a Value as it is, and a plain number as a constant leaf."""
    return number if isinstance(number, Value) else Constant(real(number, asker))


def _as_operand(number: Any) -> Value | None:
    """Return a node for an operand of +, -, *, / or **; None for what is no number, to be left to Python."""
    try:
        return _as_node(number, "arithmetic")
    except TypeError:
        return None


# Sorting and sweeping the graph.


def topological_order(*roots: Value) -> list[Value]:
    """Return the roots and everything they were made from, each node once and after its parents.

    >>> x = Value(3.0)
    >>> y = x * x
    >>> topological_order(y) == [x, y]
    True
    """
    order: list[Value] = []
    seen: set[Value] = set()
    stack: list[Any] = [*roots][::-1]
    while stack:
        node = stack.pop()
        if node is None:  # all that the node below this mark was made from is sorted
            order.append(stack.pop())
        elif node not in seen:
            seen.add(node)
            if node.op is None:
                order.append(node)
            else:
                stack += (node, None)
                if node._second is not None:
                    stack += (node._second, node._first)
                else:
                    stack += node.parents[::-1]
    return order


def sweep(order: Sequence[Value], root: Value, seed: Any, *, differentiable: bool = False) -> dict[Value, Any]:
    """Return seed x d(root)/d(node) for each node of a sorted graph: the chain rule, once for every edge.

    `order` ends with the root and may leave out nodes whose derivative nobody wants, such as constants. Where
    `differentiable` is set, partial derivatives are read with Values, so the results are graphs themselves.
    """
    edges, zero = (_edges_of_values, _Nothing()) if differentiable else (_edges_of_floats, 0.0)
    adjoints: dict[Value, Any] = dict.fromkeys(order, zero)
    adjoints[root] = seed
    for node in reversed(order):
        if node.op is not None:
            upstream = adjoints[node]
            for parent, derivative in edges(node.op, node, adjoints):
                adjoints[parent] += upstream * derivative
    return adjoints


class _Nothing:
    """The adjoint of a node before anything has arrived: nothing + x is x, without making a node of the sum."""

    def __add__(self, other: Any) -> Any:
        return other


# The two readings of a row at a node: each parent whose derivative is wanted, with the partial derivative there; the
# partials of the others, constants among them, are not evaluated. The first is the engine's innermost code, so it
# spells out one and two operands.


def _edges_of_floats(op: Operation, node: Value, wanted: dict[Value, Any]) -> Iterable[tuple[Value, Any]]:
    a, b = node._first, node._second
    if b is not None:
        by_a, by_b = op.partials
        y, x, z = node._data, a._data, b._data
        if a in wanted:
            if b in wanted:
                return ((a, by_a(y, x, z)), (b, by_b(y, x, z)))
            return ((a, by_a(y, x, z)),)
        return ((b, by_b(y, x, z)),) if b in wanted else ()
    if op.arity == 1:
        return ((a, op.partials[0](node._data, a._data)),) if a in wanted else ()
    return _edges(op, a, wanted, node._data, [parent._data for parent in a])


def _edges_of_values(op: Operation, node: Value, wanted: dict[Value, Any]) -> Iterable[tuple[Value, Any]]:
    return _edges(op, node.parents, wanted, node, node.parents)


def _edges(op: Operation, parents: Any, wanted: dict[Value, Any], y: Any, operands: Any) -> Iterable[tuple[Value, Any]]:
    if op.arity is None:
        return [edge for edge in zip(parents, op.derivatives(y, operands), strict=True) if edge[0] in wanted]
    return [(p, partial(y, *operands)) for p, partial in zip(parents, op.partials, strict=True) if p in wanted]


def _check_unchanged(order: Sequence[Value]) -> None:
    for node in order:
        for parent in node.parents:
            if parent._stamp.tick > node._stamp.tick:
                name = parent.label or repr(parent)
                raise RuntimeError(
                    f"the data of the leaf {name} was changed to {parent._data!r} after this graph was built from it, "
                    "so gradients would mix the old number with the new one; build the expression again, "
                    "or call backward() before changing the leaf"
                )


# Pickling. Python's pickler follows references one inside the other. A node therefore hands it all of its ancestors
# first, each after its own parents; while that list is being written, a node in it need not do the same again.


class _Pickling(threading.local):
    def __init__(self) -> None:
        self.nodes: set[int] = set()


_pickling = _Pickling()


class _Ancestors(list[Value]):
    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return list, (), None, self._in_order()

    def _in_order(self) -> Iterator[Value]:
        fresh = {id(node) for node in self} - _pickling.nodes
        _pickling.nodes |= fresh
        try:
            yield from self
        finally:
            _pickling.nodes -= fresh


def _restore(
    ancestors: Any,
    kind: type[Value],
    data: float,
    grad: float | None,
    label: str,
    op: Operation | None,
    parents: tuple[Value, ...],
    stamp: Stamp,
) -> Value:
    node = _new(kind)
    node._data, node.label, node.op, node._stamp = data, label, op, stamp
    node._first, node._second = _slots(op, parents)
    node.grad = UNREACHED if grad is None else grad
    if stamp.tick > recording.now.tick:  # a graph from another process: what is made from it here is newer than it
        recording.advance(stamp.tick)
    return node


# The functions of one or two operands in the table are methods too. NumPy applies its functions to an array of Values
# by calling methods of the same names, of which a few differ from those of the math module.


def _method(row: Operation | Family) -> Callable[..., Any]:
    def method(self: Value, *others: Any, **named: Any) -> Any:
        return row(self, *others, **named)

    def unary_method(self: Value) -> Value:
        return _unary(cast("Operation", row), self)

    chosen = unary_method if isinstance(row, Unary) else method
    chosen.__doc__ = row.__doc__
    return chosen


for _name, _row in rules.FUNCTIONS.items():
    if isinstance(_row, (Unary, Binary, Family)):
        setattr(Value, _name, _method(_row))
for _name in ("asin", "acos", "atan", "asinh", "acosh", "atanh", "atan2"):
    setattr(Value, _name.replace("a", "arc", 1), getattr(Value, _name))
