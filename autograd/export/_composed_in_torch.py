"""PyTorch: rows that are made of others, and users' own operations, as functions with their own derivatives.

PyTorch could differentiate what they are made of, but the choice between parts for several ranges would let the nan of
a part that is not chosen through, and differences that our partial derivatives avoid would cancel.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from autograd.export._own_operation import check_readable
from autograd.export._words_of_torch import TORCH, VALUES_IN_TORCH
from autograd.rules import Operation, definition, is_own, slope_definitions


class FunctionsOfTorch:
    """The functions of rows without a word of PyTorch, each made when it is first met."""

    def __init__(self, torch: Any, names: dict[str, Any]) -> None:
        self.torch = torch
        self.names = names
        self._known: dict[Operation, str] = {}
        self.dialect = replace(TORCH, call=self._call)
        self.inside = replace(self.dialect, literal=lambda number: f"literal(float('{number!r}'), x0)")

    def _call(self, operation: Operation, operands: Sequence[str]) -> str:
        if operation not in self._known:
            if is_own(operation):
                check_readable(operation, TORCH.read)
            name = self._known[operation] = f"row{len(self._known)}"
            exec(self._forward(operation, name), self.names)
            function = self._whole(self.names[name]) if is_own(operation) else self.names[name]
            self.names[name] = self._differentiable(function, self._slopes(operation, name))
        return f"{self._known[operation]}({', '.join(operands)})"

    def _forward(self, operation: Operation, name: str) -> str:
        if template := VALUES_IN_TORCH.get(operation):
            arguments = [f"x{position}" for position in range(len(operation.partials))]
            return f"def {name}({', '.join(arguments)}): return {template.format(*arguments)}"
        return definition(operation, name, self.inside)

    def _whole(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function whose result has the shape of its operands, though it uses not all; and is none of them."""
        return lambda *operands: self.torch.broadcast_tensors(function(*operands), *operands)[0].clone()

    def _slopes(self, operation: Operation, name: str) -> Callable[..., Sequence[Any]]:
        found: list[Callable[..., Any]] = []

        def slopes(*numbers: Any) -> Sequence[Any]:
            if not found:  # when first needed, since these functions may need each other
                for position, source in enumerate(slope_definitions(operation, f"{name}_", self.inside)):
                    exec(source, self.names)
                    found.append(self.names[f"{name}_{position}"])
            return [slope(*numbers) for slope in found]

        return slopes

    def _differentiable(self, function: Callable[..., Any], slopes: Callable[..., Sequence[Any]]) -> Callable[..., Any]:
        forward_mode = self.torch.autograd.forward_ad
        exporting = getattr(self.torch.compiler, "is_exporting", lambda: False)
        levels = self.torch._C._functorch.get_interpreter_stack

        class Composed(self.torch.autograd.Function):  # type: ignore[name-defined,misc]
            @staticmethod
            def forward(*operands: Any) -> Any:
                return function(*operands)

            @staticmethod
            def setup_context(context: Any, inputs: Any, output: Any) -> None:
                context.save_for_backward(output, *inputs)
                context.save_for_forward(output, *inputs)
                # A constant has no tangent then: one of 0, times a slope that is nan or infinite, would be nan.
                context.set_materialize_grads(False)

            @staticmethod
            def vmap(info: Any, dimensions: Sequence[int | None], *operands: Any) -> tuple[Any, int]:
                # By its own rule PyTorch would call `jvp` under vmap, where levels of tangents cannot be told apart.
                rank = max(x.dim() - (n is not None) for x, n in zip(operands, dimensions, strict=True))

                def moved(x: Any, n: int | None) -> Any:
                    if n is None:
                        return x
                    first, *others = x.movedim(n, 0).shape
                    return x.movedim(n, 0).reshape(first, *[1] * (rank - len(others)), *others)

                return Composed.apply(*map(moved, operands, dimensions)), 0

            @staticmethod
            def backward(context: Any, gradient: Any) -> Any:
                y, *operands = context.saved_tensors
                if gradient is None:
                    return (None,) * len(operands)
                found = zip(slopes(y, *operands), operands, strict=True)
                return tuple((gradient * slope).sum_to_size(x.shape) for slope, x in found)

            @staticmethod
            def jvp(context: Any, *tangents: Any) -> Any:
                # PyTorch calls this with forward mode off, at all levels: what lies under another `jvp` or `jacfwd` has
                # tangents of that one's level too, and only those of its own level must not go into the slopes.
                with forward_mode._set_fwd_grad_enabled(True):
                    numbers = [forward_mode.unpack_dual(number).primal for number in context.saved_tensors]
                    found = zip(slopes(*numbers), tangents, strict=True)
                    terms = [slope * tangent for slope, tangent in found if tangent is not None]
                    return sum(terms, self.torch.zeros_like(numbers[0]))

        def applied(*given: Any) -> Any:
            first = next(x for x in given if isinstance(x, self.torch.Tensor))
            operands = [x if isinstance(x, self.torch.Tensor) else self.names["literal"](x, first) for x in given]
            # torch.export takes no `Composed` under vmap, and keeps the values only where nothing is differentiated.
            values = exporting() and all(level.key() == level.key().Vmap for level in levels() or ())
            return function(*operands) if values else Composed.apply(*operands)

        return applied
