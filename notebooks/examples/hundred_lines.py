"""Automatic differentiation in a hundred lines: the idea of this project, whole, and at each place what the rest adds.

A number remembers the operation that made it, and the operands. An operation is one row: its function, and a partial
derivative by each operand, written in operators that floats and Values share. So one loop, the chain rule, reads the
rows in two ways: with floats they give the gradient, and with Values a graph of it, to be differentiated again.

    python notebooks/examples/hundred_lines.py
"""

import math


class Operation:
    """A row of the table: a name, a function of floats, and a partial derivative (y, *operands) by each operand."""

    # The package's `operation` makes such rows, too; they check their domains, and their errors say what to do instead.
    def __init__(self, name, forward, *partials):
        self.name, self.forward, self.partials = name, forward, partials

    def __call__(self, *operands):
        if not any(isinstance(x, Value) for x in operands):
            return self.forward(*operands)  # plain numbers in, a plain number out
        nodes = [x if isinstance(x, Value) else Value(x) for x in operands]
        return Value(self.forward(*[node.data for node in nodes]), nodes, self)


class Value:
    """A number that remembers its parents, which are the operands, and the operation that made it."""

    # The package's Value has labels, and slots, which save memory. Beside it stand `Constant`, `no_grad` and `scope`.
    def __init__(self, data, parents=(), op=None):
        self.data, self.grad, self.parents, self.op = float(data), 0.0, tuple(parents), op

    __add__, __radd__ = lambda a, b: add(a, b), lambda a, b: add(b, a)
    __sub__, __rsub__ = lambda a, b: sub(a, b), lambda a, b: sub(b, a)
    __mul__, __rmul__ = lambda a, b: mul(a, b), lambda a, b: mul(b, a)
    __truediv__, __rtruediv__ = lambda a, b: divide(a, b), lambda a, b: divide(b, a)
    __neg__, __pow__, __gt__ = lambda x: negative(x), lambda x, n: power_of(n)(x), lambda x, limit: x.data > limit

    def backward(self):
        """Add the gradient to the `grad` of every leaf; a computed node holds that of the latest call."""
        # The package's is an error if a leaf was changed after the graph was made: old numbers would meet new ones.
        order = topological_order(self)
        for node, derivative in zip(order, gradients(self, order)):
            node.grad = derivative if node.op else node.grad + derivative


# The package's table, `rules`, has all of math's functions and those of neural networks, exact in their tails, and with
# a convention at each kink. The compiler reads its rows with arrays, and the explorer with symbols, as formulas.
add = Operation("+", lambda a, b: a + b, lambda y, a, b: 1.0, lambda y, a, b: 1.0)
sub = Operation("-", lambda a, b: a - b, lambda y, a, b: 1.0, lambda y, a, b: -1.0)
mul = Operation("*", lambda a, b: a * b, lambda y, a, b: b, lambda y, a, b: a)
divide = Operation("/", lambda a, b: a / b, lambda y, a, b: 1.0 / b, lambda y, a, b: -y / b)
negative = Operation("neg", lambda x: -x, lambda y, x: -1.0)
exp = Operation("exp", math.exp, lambda y, x: y)
log = Operation("log", math.log, lambda y, x: 1.0 / x)
sin = Operation("sin", math.sin, lambda y, x: cos(x))
cos = Operation("cos", math.cos, lambda y, x: -sin(x))
tanh = Operation("tanh", math.tanh, lambda y, x: 1.0 - y * y)
relu = Operation("relu", lambda x: 0.0 if x <= 0.0 else x, lambda y, x: (x > 0.0) * 1.0)  # at the kink, 0


def power_of(n):
    return Operation(f"**{n}", lambda x: x**n, lambda y, x: n * x ** (n - 1) if n else 0.0)


def topological_order(root):
    """Return everything that the root was made from, and the root: each node once, and after its parents."""
    # The package's engine has this loop. It needs no recursion, so a graph may be a million operations deep.
    order, seen, stack = [], set(), [(root, False)]
    while stack:
        node, parents_are_sorted = stack.pop()
        if parents_are_sorted:
            order.append(node)
        elif node not in seen:
            seen.add(node)
            stack += [(node, True), *((parent, False) for parent in reversed(node.parents))]
    return order


def gradients(output, inputs, create_graph=False):
    """Return the derivative of the output by each input, by the chain rule: floats, or Values with `create_graph`."""
    # The package's engine has this loop, too, and runs it forwards as well, for `jvp`; it leaves constants out. On it
    # stand the transforms of functions: `grad`, `jacobian`, `hessian`, `hvp` and `vjp`, which nest in any order.
    number = Value if create_graph else float
    order = topological_order(output)
    flow = dict.fromkeys(order, number(0.0)) | {output: number(1.0)}
    for node in reversed(order):  # all of a node's children have handed on their shares before it hands on its own
        y, operands = (node, node.parents) if create_graph else (node.data, [x.data for x in node.parents])
        for parent, partial in zip(node.parents, node.op.partials if node.op else ()):
            flow[parent] = flow[parent] + flow[node] * partial(y, *operands)
    return [flow.get(x, number(0.0)) for x in inputs]


if __name__ == "__main__":
    x = Value(0.5)
    y = tanh(x) * x
    (slope,) = gradients(y, [x], create_graph=True)
    print(f"y = {y.data:.6f}, dy/dx = {slope.data:.6f}, d²y/dx² = {gradients(slope, [x])[0]:.6f}")
