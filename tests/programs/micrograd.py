"""An engine in micrograd's way, for the programs beside it to begin from: closures, one topological sort, recursion."""

import math


class Value:
    def __init__(self, data, _children=(), _op="", label=""):
        self.data, self.grad, self.label = data, 0.0, label
        self._prev, self._op = set(_children), _op
        self._backward = lambda: None

    def _made(self, data, parents, op, derivatives):
        made = Value(data, parents, op)

        def hand_on():
            for parent, derivative in zip(parents, derivatives):
                parent.grad += derivative * made.grad

        made._backward = hand_on
        return made

    def __add__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        return self._made(self.data + other.data, (self, other), "+", (1.0, 1.0))

    def __mul__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        return self._made(self.data * other.data, (self, other), "*", (other.data, self.data))

    def __pow__(self, n):
        return self._made(self.data**n, (self,), f"**{n}", (n * self.data ** (n - 1),))

    def exp(self):
        y = math.exp(self.data)
        return self._made(y, (self,), "exp", (y,))

    def log(self):
        return self._made(math.log(self.data), (self,), "log", (1.0 / self.data,))

    def tanh(self):
        y = math.tanh(self.data)
        return self._made(y, (self,), "tanh", (1.0 - y * y,))

    def relu(self):
        return self._made(max(0.0, self.data), (self,), "ReLU", (float(self.data > 0.0),))

    def __neg__(self):
        return self * -1

    def __sub__(self, other):
        return self + -other

    def __rsub__(self, other):
        return -self + other

    def __truediv__(self, other):
        return self * other**-1

    def __rtruediv__(self, other):
        return self**-1 * other

    __radd__, __rmul__ = __add__, __mul__

    def backward(self):
        order, seen = [], set()

        def visit(node):
            if node not in seen:
                seen.add(node)
                for parent in node._prev:
                    visit(parent)
                order.append(node)

        visit(self)
        self.grad = 1.0
        for node in reversed(order):
            node._backward()

    def __repr__(self):
        return f"Value(data={self.data}, grad={self.grad})"
