"""Tensors that write ONNX: what is computed with them becomes the nodes of a graph, for a batch of any size.

A tensor is an array for each example, or one for all of them. The functions of arrays that are printed for PyTorch are
called with these, so each of their views, sums and products is a node here. A reshape becomes one only where its shape
matters; numbers that are known are arranged at once, so that the weights of a network lie in the file as its layers
use them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from autograd import rules
from autograd.export._words_of_onnx import ATTRIBUTES, ONNX
from autograd.rules import COMPARISONS, Expression, Operation, symbol

Lengths: TypeAlias = tuple[int, ...]
_CHOICES = (rules.where, rules.where.decided)


class GraphOfOnnx:
    """The nodes and the constants of a graph; `dtype` is that of its numbers."""

    def __init__(self, helper: Any, dtype: str) -> None:
        self.helper = helper
        self.dtype = np.dtype(dtype)
        self.type: int = helper.np_dtype_to_tensor_dtype(self.dtype)
        self.boolean: int = helper.np_dtype_to_tensor_dtype(np.dtype(bool))
        self.nodes: list[Any] = []
        self.batch = ""  # the name of an input that has the examples
        self._constants: dict[tuple[str, Lengths, bytes], str] = {}
        self.initializers: dict[str, NDArray[Any]] = {}

    def node(self, operator: str, inputs: Sequence[str], **attributes: Any) -> str:
        """Add a node, and return the name of its result."""
        name = f"v{len(self.nodes)}"
        self.nodes.append(self.helper.make_node(operator, inputs, [name], **attributes))
        return name

    def constant(self, array: NDArray[Any]) -> str:
        """Return the name of a constant array, the same for the same one."""
        key = (str(array.dtype), array.shape, array.tobytes())
        if key not in self._constants:
            name = self._constants[key] = f"c{len(self._constants)}"
            self.initializers[name] = array
        return self._constants[key]

    def integers(self, *numbers: int) -> str:
        """Return the name of a vector of integers, such as a shape."""
        return self.constant(np.array(numbers, dtype=np.int64))

    def given(self, name: str, count: int, *, batched: bool) -> TensorOfOnnx:
        """Return an input as a tensor of one axis."""
        if batched:
            self.batch = self.batch or name
        return TensorOfOnnx(self, (count,), name, batched=batched)

    def known(self, numbers: Any) -> TensorOfOnnx:
        """Return numbers that are known as a tensor."""
        array = np.asarray(numbers, dtype=float)
        return TensorOfOnnx(self, array.shape, array=array)

    def elementwise(self, operator: str, operands: Sequence[TensorOfOnnx], **attributes: Any) -> TensorOfOnnx:
        """Apply an operator element by element."""
        shape = np.broadcast_shapes(*[operand.shape for operand in operands])
        if all(operand.shape in ((), shape) for operand in operands):  # side by side in any shape
            stored = {operand.stored for operand in operands if operand.shape == shape and operand.array is None}
            common = stored.pop() if len(stored) == 1 else (math.prod(shape),)
            wanted = [common if operand.shape == shape else (1,) * len(common) for operand in operands]
        else:
            common = shape
            wanted = [(1,) * (len(shape) - len(operand.shape)) + operand.shape for operand in operands]
        names = [operand.at(form) for operand, form in zip(operands, wanted, strict=True)]
        return self._made(operator, names, operands, common, shape, **attributes)

    def _made(
        self,
        operator: str,
        names: list[str],
        of: Sequence[TensorOfOnnx],
        stored: Lengths,
        shape: Lengths,
        **attributes: Any,
    ) -> TensorOfOnnx:
        name = self.node(operator, names, **attributes)
        return TensorOfOnnx(self, shape, name, stored, batched=any(tensor.batched for tensor in of))

    # The functions of the library that the source names

    def permute(self, tensor: TensorOfOnnx, order: Sequence[int]) -> TensorOfOnnx:
        """Return a tensor with its axes in another order."""
        shape = tuple(tensor.shape[axis] for axis in order)
        if tensor.array is not None:
            return self.known(tensor.array.transpose(order))
        moved = [axis for axis in order if tensor.shape[axis] > 1]
        if moved == sorted(moved):
            return tensor.reshape(*shape)
        shifted = [0] * tensor.batched + [axis + tensor.batched for axis in order]
        return self._made("Transpose", [tensor.at(tensor.shape)], [tensor], shape, shape, perm=shifted)

    def broadcast_to(self, tensor: TensorOfOnnx, shape: Lengths) -> TensorOfOnnx:
        """Return a tensor repeated along axes."""
        if tensor.array is not None:
            return self.known(np.broadcast_to(tensor.array, shape))
        name = tensor.at((1,) * (len(shape) - len(tensor.shape)) + tensor.shape)
        whole = self.integers(*[1] * tensor.batched, *shape)
        return self._made("Expand", [name, whole], [tensor], shape, shape)

    def concatenate(self, tensors: Sequence[TensorOfOnnx]) -> TensorOfOnnx:
        """Return tensors of one axis behind each other."""
        if all(tensor.array is not None for tensor in tensors):
            return self.known(np.concatenate([tensor.array for tensor in tensors]))
        batched = any(tensor.batched for tensor in tensors)
        names = [self.for_each_example(tensor) if batched else tensor.at(tensor.shape) for tensor in tensors]
        shape = (sum(tensor.shape[0] for tensor in tensors),)
        return self._made("Concat", names, tensors, shape, shape, axis=-1)

    def stack(self, tensors: Sequence[TensorOfOnnx]) -> TensorOfOnnx:
        """Return numbers as a tensor of one axis."""
        return self.concatenate([tensor.reshape(1) for tensor in tensors])

    def matmul(self, a: TensorOfOnnx, b: TensorOfOnnx) -> TensorOfOnnx:
        """Return the products of the matrices of two tensors of three axes."""
        (pairs, n, k), m = a.shape, b.shape[2]
        shape = (pairs, n, m)
        if pairs == 1 and m == 1 and b.batched and not a.batched:
            return self.matmul(b.swapaxes(-1, -2), a.swapaxes(-1, -2)).reshape(*shape)
        if pairs == 1 and n == 1 and a.batched and not b.batched:  # a row for each example, times one matrix
            return self._made("MatMul", [a.at((k,)), b.at((k, m))], [a, b], (m,), shape)
        return self._made("MatMul", [a.at(a.shape), b.at(b.shape)], [a, b], shape, shape)

    def logsumexp(self, rows: TensorOfOnnx) -> TensorOfOnnx:
        """Return log(sum(exp(x))) of each row: the largest operand, and what the others add to it.

        In double precision ONNX Runtime's ReduceMax passes over a nan that is the first of a row.
        """
        number, count = rows.shape
        name, tensors = rows.at(rows.shape), [rows]
        largest = self._made("ReduceMax", [name], tensors, (number, 1), (number, 1), axes=[-1])
        at = self.node("ArgMax", [name], axis=-1)
        is_largest = self.node("Equal", [at, self.integers(*range(count))])
        others = self.evaluated(rules.exp(symbol(0) - symbol(1)), {0: rows, 1: largest})
        kept = self.node("Where", [is_largest, self.known(0.0).at(()), others.at(rows.shape)])
        total = self._made("ReduceSum", [kept, self.integers(-1)], tensors, (number, 1), (number, 1))
        infinite = self.elementwise("IsInf", [largest])
        whole = self.evaluated(symbol(0) + rules.log1p(symbol(1)), {0: largest, 1: total})
        missing = self.node("Where", [self.node("IsNaN", [name]), name, self.known(0.0).at(())])
        lost = self._made("ReduceSum", [missing, self.integers(-1)], tensors, (number, 1), (number, 1))  # nan, or 0
        found = self.elementwise("Where", [infinite, largest, whole])
        return self.elementwise("Where", [self.elementwise("IsNaN", [lost]), lost, found]).reshape(number)

    def reduced(self, operation: Operation, rows: TensorOfOnnx) -> TensorOfOnnx:
        """Return an n-ary row of the table of each row of a tensor."""
        if operation is rules.logsumexp:
            return self.logsumexp(rows)
        if operation is not rules.largest:
            raise NotImplementedError(f"the operation {operation.name} has no word in ONNX")
        shape = rows.shape[:1]
        return self._made("ReduceMax", [rows.at(rows.shape)], [rows], shape, shape, axes=[-1], keepdims=0)

    def for_each_example(self, tensor: TensorOfOnnx) -> str:
        """Return the name of a tensor of one axis with the examples in front, repeated if it is the same for all."""
        if tensor.batched:
            return tensor.at(tensor.shape)
        examples = self.node("Shape", [self.batch], start=0, end=1)
        whole = self.node("Concat", [examples, self.integers(*tensor.shape)], axis=0)
        return self.node("Expand", [tensor.at(tensor.shape), whole])

    def name_result(self, tensor: TensorOfOnnx, name: str) -> None:
        """Give a tensor of one axis, for each example, the name that it has outside of the graph."""
        found = self.for_each_example(tensor)
        if self.nodes and self.nodes[-1].output[0] == found:
            self.nodes[-1].output[0] = name
        else:
            self.nodes.append(self.helper.make_node("Identity", [found], [name]))

    # Expressions

    def evaluated(self, term: Any, operands: Mapping[Any, TensorOfOnnx]) -> TensorOfOnnx:
        """Return what an expression computes of operands; what is shared in it is computed once."""
        done: dict[int, tuple[Any, TensorOfOnnx]] = {}

        def visit(part: Any) -> TensorOfOnnx:
            if id(part) not in done:
                done[id(part)] = part, compute(ONNX.rewritten(part))
            return done[id(part)][1]

        def compute(part: Any) -> TensorOfOnnx:
            if not isinstance(part, Expression):
                return self.known(part)
            operation = part.operation
            if operation is None:
                return operands[part.key]
            if operation in COMPARISONS:
                return self.elementwise("Cast", [condition(part)], to=self.type)
            first: Callable[[Any], TensorOfOnnx] = condition if operation in _CHOICES else visit
            word = ONNX.words[operation]
            given = [first(part.operands[0]), *map(visit, part.operands[1:])]
            return self.elementwise(word, given, **ATTRIBUTES.get(word, {}))

        def condition(part: Any) -> TensorOfOnnx:
            part = ONNX.rewritten(part)
            if not isinstance(part, Expression) or part.operation not in COMPARISONS:
                return self.elementwise("Cast", [visit(part)], to=self.boolean)
            of = condition if part.operation is rules.either else visit
            return self.elementwise(ONNX.words[part.operation], list(map(of, part.operands)))

        return visit(term)


class TensorOfOnnx:
    """An array for each example (`batched`) or for all: of this shape, but stored in another one; or known numbers."""

    def __init__(
        self,
        graph: GraphOfOnnx,
        shape: Lengths,
        name: str = "",
        stored: Lengths | None = None,
        *,
        batched: bool = False,
        array: NDArray[Any] | None = None,
    ) -> None:
        self.graph = graph
        self.shape = shape
        self.stored = shape if stored is None else stored
        self.batched = batched
        self.array = array
        self._name = name

    def at(self, shape: Lengths) -> str:
        """Return the name of the array in another shape of as many numbers."""
        if self.array is not None:
            with np.errstate(over="ignore"):  # a number that single precision does not have
                return self.graph.constant(self.array.astype(self.graph.dtype).reshape(shape))
        if shape == self.stored:
            return self._name
        return self.graph.node("Reshape", [self._name, self.graph.integers(*[0] * self.batched, *shape)])

    def reshape(self, *shape: Any) -> TensorOfOnnx:
        """Return the tensor in another shape."""
        lengths: Lengths = shape[0] if shape and isinstance(shape[0], tuple) else shape
        if self.array is not None:
            return self.graph.known(self.array.reshape(lengths))
        return TensorOfOnnx(self.graph, lengths, self._name, self.stored, batched=self.batched)

    def swapaxes(self, one: int, other: int) -> TensorOfOnnx:
        """Return the tensor with two of its axes exchanged."""
        order = list(range(len(self.shape)))
        order[one], order[other] = order[other], order[one]
        return self.graph.permute(self, order)

    def __getitem__(self, index: Any) -> TensorOfOnnx:
        """Return the numbers along the first axis that an index, a slice or an array names; or the last."""
        if self.array is not None:
            return self.graph.known(self.array[index])
        if isinstance(index, int):
            return self[index : index + 1].reshape(*self.shape[1:])
        axis = len(self.shape) - 1 if isinstance(index, tuple) else 0
        if isinstance(index, np.ndarray):
            name = self.graph.node("Gather", [self.at(self.shape), self.graph.constant(index)], axis=int(self.batched))
            return TensorOfOnnx(self.graph, index.shape + self.shape[1:], name, batched=self.batched)
        part: slice = index[-1] if isinstance(index, tuple) else index
        bounds = part.indices(self.shape[axis])
        if bounds == (0, self.shape[axis], 1):
            return self
        integers = self.graph.integers
        start, stop, step = (integers(bound) for bound in bounds)
        name = self.graph.node("Slice", [self.at(self.shape), start, stop, integers(axis + self.batched), step])
        shape = (*self.shape[:axis], len(range(*bounds)), *self.shape[axis + 1 :])
        return TensorOfOnnx(self.graph, shape, name, batched=self.batched)

    def sum(self, axes: int | tuple[int, ...]) -> TensorOfOnnx:
        """Return the sum along axes."""
        summed = (axes,) if isinstance(axes, int) else axes
        if self.array is not None:
            return self.graph.known(self.array.sum(summed))
        shape = tuple(length for axis, length in enumerate(self.shape) if axis not in summed)
        along = self.graph.integers(*[axis + self.batched for axis in summed])
        name = self.graph.node("ReduceSum", [self.at(self.shape), along], keepdims=0)
        return TensorOfOnnx(self.graph, shape, name, batched=self.batched)

    def __add__(self, other: TensorOfOnnx) -> TensorOfOnnx:
        return self.graph.elementwise("Add", [self, other])
