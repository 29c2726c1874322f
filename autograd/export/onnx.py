"""ONNX: what a program predicts as a file that ONNX Runtime and others run, for a batch of any size.

The instructions are printed forward only, with the numbers of the parameters in the file. ONNX itself checks it before
it is written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from autograd.compiler.program import Program
from autograd.export._packages import optional_package, version
from autograd.export._tensors_of_onnx import GraphOfOnnx, TensorOfOnnx
from autograd.export.torch import TensorWriter
from autograd.rules import Operation, walk

OPSET, FORMAT = 17, 8  # those of 2022, which whatever runs ONNX knows today
PRECISIONS = ("float64", "float32")
OUTPUT = "output"


class FunctionsOfOnnx:
    """The expressions of a program as functions of tensors, by names that its source calls."""

    def __init__(self, graph: GraphOfOnnx) -> None:
        self.graph = graph
        self.names: dict[str, Any] = {"graph": graph}

    def source(self, term: Any, name: Callable[[Any], str]) -> str:
        """Print an expression as a call; `name` writes a symbol, by its key."""
        keys = sorted({part.key for part in walk(term) if part.operation is None})

        def evaluated(*operands: TensorOfOnnx) -> TensorOfOnnx:
            found = self.graph.evaluated(term, dict(zip(keys, operands, strict=True)))
            shape = np.broadcast_shapes(*[operand.shape for operand in operands])  # a user's function may use none
            return found if found.shape == shape else self.graph.broadcast_to(found, shape)

        return self._call(evaluated, map(name, keys))

    def reduced(self, operation: Operation, rows: str) -> str:
        """Return an operation on each of some rows."""
        return self._call(lambda tensor: self.graph.reduced(operation, tensor), [rows])

    def _call(self, function: Callable[..., TensorOfOnnx], operands: Iterable[str]) -> str:
        name = f"f{len(self.names)}"
        self.names[name] = function
        return f"{name}({', '.join(operands)})"


class OnnxWriter(TensorWriter):
    """What writes a program as a function of tensors that write ONNX."""

    library: ClassVar[str] = "graph"
    permuted: ClassVar[str] = "graph.permute"

    def _windows(self, source: str, length: int, stride: int, span: int) -> str | None:
        return None

    def _moved(self, first: str) -> list[str]:
        return []

    def _handing(self, source: str, part: Any) -> str:
        return source  # of values only


def model_of(program: Program, dtype: str) -> bytes:
    """Return a program as an ONNX model, checked."""
    onnx = optional_package("onnx", "to_onnx")
    if dtype not in PRECISIONS:
        raise ValueError(f"to_onnx takes a dtype of 'float64' or 'float32', got {dtype!r}")
    helper = onnx.helper
    graph = GraphOfOnnx(helper, dtype)
    inputs, result = _written(program, graph)
    graph.name_result(result, OUTPUT)
    made = helper.make_graph(
        graph.nodes,
        "program",
        [helper.make_tensor_value_info(name, graph.type, shape) for name, shape in inputs],
        [helper.make_tensor_value_info(OUTPUT, graph.type, ["batch", *result.shape])],
        [onnx.numpy_helper.from_array(array, name) for name, array in graph.initializers.items()],
    )
    model = helper.make_model(
        made,
        producer_name="scalar-autograd",
        producer_version=version(),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=FORMAT,
    )
    onnx.checker.check_model(model, full_check=True)
    contents: bytes = model.SerializeToString(deterministic=True)
    return contents


def _written(program: Program, graph: GraphOfOnnx) -> tuple[list[tuple[str, list[Any]]], TensorOfOnnx]:
    """Write the nodes of a program; return the names and shapes of the inputs, and the results."""
    lowering = replace(program.lowering)
    functions = FunctionsOfOnnx(graph)
    writer = OnnxWriter(lowering, program.constant_results)
    writer.dialect = functions  # type: ignore[misc]
    source = writer.source()
    names = functions.names
    names |= {name: graph.known(numbers) for name, numbers in writer.numbers.items()}
    names |= {name: np.array(slots) for name, slots in writer.indices.items()}
    exec(source, names)
    start, stop = lowering.arguments, lowering.arguments + lowering.wrt
    arguments = lowering.argument_blocks
    any_batched = any(batched for *_, batched in arguments)
    given: list[TensorOfOnnx] = []
    inputs: list[tuple[str, list[Any]]] = []

    def take(title: str, count: int, batched: bool) -> None:
        name = _free_name(title, [name for name, _ in inputs])
        given.append(graph.given(name, count, batched=batched))
        inputs.append((name, ["batch", count] if batched else [count]))

    if lowering.wrt and arguments:
        given.append(graph.known([leaf.number for leaf in lowering.variables[start:stop]]))
    elif lowering.wrt:
        take("theta", lowering.wrt, batched=True)
    for title, _, count, batched in arguments:
        if count:
            take(title, count, batched or not any_batched)
        else:
            given.append(graph.known([]))
    if not graph.batch:
        raise ValueError("to_onnx takes a program with inputs, got one of constants; write the number that it computes")
    result = names["f"](*given)
    return inputs, result if result.shape else result.reshape(1)


def _free_name(title: str, taken: Sequence[str]) -> str:
    """Return a title as an identifier of C, as ONNX has its names, that is not taken."""
    name = re.sub(r"[^A-Za-z0-9_]", "_", title)
    name = name if re.match(r"[A-Za-z]", name) else f"x_{name}"
    while name in taken or name == OUTPUT or re.fullmatch(r"[vc][0-9]+", name):
        name += "_"
    return name
