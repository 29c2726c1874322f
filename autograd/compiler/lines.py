"""Operations as lines of Python: forward by the rows' own functions, backward by their own partial derivatives."""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable, Sequence
from typing import Any

from autograd import rules
from autograd.operation import Operation

RESERVED = r"[vxgabcfhij]\d*|d|variables|results|seeds|forward|backward|step|range|zip|reversed"  # names in the source
INLINE = {rules.add: "{} + {}", rules.sub: "{} - {}", rules.mul: "{} * {}", rules.negative: "-{}"}
WORDS = {"**": "power_", "/": "divide", "<=": "less_equal", "<": "less", "|": "either"}
SLOPES = {
    rules.add: ("{g}", "{g}"),
    rules.sub: ("{g}", "-{g}"),
    rules.mul: ("{g} * {b}", "{g} * {a}"),
    rules.negative: ("-{g}",),
}


class Lines:
    """What writes lines, and the functions that they call, by name."""

    def __init__(self) -> None:
        self.functions: dict[str, Callable[..., Any]] = {}
        self._called: dict[Callable[..., Any], str] = {}

    def forward(self, op: Operation, operands: Sequence[str]) -> str:
        """Return the expression of an operation.

        >>> Lines().forward(rules.sin, ["x0"])
        'sin(x0)'
        """
        if op in INLINE:
            return INLINE[op].format(*operands)
        listed = ", ".join(operands)
        name = self._named(op.name, op.forward)
        return f"{name}([{listed}])" if op.arity is None else f"{name}({listed})"

    def backward(
        self, op: Operation, y: str, g: str, operands: Sequence[str], wanted: Sequence[bool]
    ) -> tuple[list[str], list[tuple[int, str]]]:
        """Return what the wanted operands get back, by position, where g is the adjoint of y; after lines of their own.

        >>> Lines().backward(rules.sin, "v0", "g", ["x0"], [True])
        ([], [(0, 'g * d_sin(v0, x0)')])
        """
        positions = [position for position, flag in enumerate(wanted) if flag]
        if op in SLOPES:
            a, b = operands[0], operands[-1]
            return [], [(position, SLOPES[op][position].format(g=g, a=a, b=b)) for position in positions]
        listed = ", ".join(operands)
        if op.arity is None:
            slopes = self._named(f"d_{op.name}", op.partials[0])
            return [f"d = {slopes}({y}, [{listed}])"], [(position, f"{g} * d[{position}]") for position in positions]
        names = [self._named(f"d_{op.name}", op.partials[position]) for position in positions]
        return [], [(position, f"{g} * {name}({y}, {listed})") for position, name in zip(positions, names, strict=True)]

    def function(self, name: str, parameters: str, lines: Sequence[str]) -> Callable[..., Any]:
        """Return a function made of lines."""
        namespace: dict[str, Any] = dict(self.functions)
        body = "\n    ".join(lines or ["pass"])
        exec(f"def {name}({parameters}):\n    {body}", namespace)
        made: Callable[..., Any] = namespace[name]
        return made

    def _named(self, stem: str, function: Callable[..., Any]) -> str:
        """Return the name of a function in the source, such as sin; what is called alike is told apart."""
        if function not in self._called:
            for sign, word in WORDS.items():
                stem = stem.replace(sign, word)
            letters = "f_" + "".join(letter if letter.isalnum() else "_" for letter in stem).rstrip("_")
            name = letters.removeprefix("f_")
            if not name.isidentifier() or keyword.iskeyword(name) or re.fullmatch(RESERVED, name):
                name = letters
            while name in self.functions:
                name = f"{name}_"
            self._called[function] = name
            self.functions[name] = function
        return self._called[function]


def literal(number: float) -> str:
    """Return a constant as source.

    >>> literal(-2.0), literal(float("inf"))
    ('-2.0', "float('inf')")
    """
    return repr(number) if abs(number) < float("inf") else f"float('{number}')"
