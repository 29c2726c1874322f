"""JavaScript: a program as one function of typed arrays, for any number of examples, and its gradient.

The instructions of the program, forward and their adjoint, are printed as loops. Those with a number for each example
stand in one loop over the examples, as long as none needs what others sum up over all of them; the rest is done once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from autograd import rules
from autograd.compiler.adjoint import Adjoint
from autograd.compiler.instructions import Instruction, Operand
from autograd.compiler.lowering import Lowering
from autograd.export._loop_source import braced, copied, indented, runs
from autograd.export._own_operation import ScalarDialect
from autograd.export._reserved_names import is_free_in_javascript
from autograd.export.c import ArrayWriter
from autograd.pictures.page.javascript import JAVASCRIPT, functions, javascript_function
from autograd.rules import ATOM, PRECEDENCE, SIGN, Functions

# Functions of a row of numbers: an array, where the row begins, and how many.
ROW_FUNCTIONS = """
function largest(v, at, count) {
    let y = v[at];
    for (let i = 1; i < count; i++) if (v[at + i] > y || v[at + i] !== v[at + i]) y = v[at + i];
    return y;
}
function logsumexp(v, at, count) {
    let top = 0, sum = 0;
    for (let i = 1; i < count; i++) if (v[at + i] > v[at + top] || v[at + i] !== v[at + i]) top = i;
    const largest = v[at + top];
    if (!Number.isFinite(largest)) return largest;
    for (let i = 0; i < count; i++) if (i !== top) sum += Math.exp(v[at + i] - largest);
    return largest + Math.log1p(sum);
}
""".strip().splitlines()


class TypedArrays(ScalarDialect):
    """The dialect of JavaScript in which a sum of operands is one: without an array, and without exact rounding."""

    read: ClassVar[str] = "as JavaScript"

    def of_row(self, function: str, operands: Sequence[str]) -> str:
        """Return the call of a function of a row of numbers."""
        return f"{function}([{', '.join(operands)}], 0, {len(operands)})"


def _power(n: float) -> str:
    return "{0}" if n == 1.0 else "({0} * {0})" if n == 2.0 else JAVASCRIPT.members[rules.power_of](n)


TYPED_ARRAYS = TypedArrays(
    **vars(JAVASCRIPT)
    | {
        "members": {**JAVASCRIPT.members, rules.power_of: _power},
        "precedence": {**PRECEDENCE, rules.negative: (SIGN, ATOM)},  # --x would count down
    }
)


def row_functions() -> Functions:
    """Return the dialect of typed arrays with the functions of rows that it has no words for."""
    return Functions(TYPED_ARRAYS, javascript_function, "row_")


def javascript_of(
    lowering: Lowering, name: str, *, constants: Mapping[int, float] | None = None, with_helpers: bool = True
) -> str:
    """Return a program as the text of a JavaScript function; without helpers it needs `fn`, the functions of a page.

    `constants` are the results that are constant, by their positions.
    """
    if not is_free_in_javascript(name):
        raise ValueError(
            f"to_javascript takes a free identifier as the name of the function, such as 'loss', got {name!r}"
        )
    return _TypedArrayWriter(lowering.by_example(batched=True), name, constants or {}).function(with_helpers)


class _TypedArrayWriter(ArrayWriter):
    """The instructions of a program as loops over `v`: plain numbers first, those of an example from `w` on."""

    counter = local = "let"

    def __init__(self, lowering: Lowering, name: str, constants: Mapping[int, float]) -> None:
        self.lowering, self.name = lowering, name
        self.constant_results = sorted(constants.items())
        self.tables = {}
        self.parameters, self.inputs = lowering.wrt, len(lowering.batched)
        self.wanted = (slice(0, self.parameters), slice(0, 0 if self.parameters else self.inputs))
        self.functions = row_functions()
        self.dialect = self.functions.dialect
        self.over_examples = False
        self.prelude: list[str] = []  # what stands before the loop over the examples

    def number(self, number: float) -> str:
        """Write a number, exactly."""
        return JAVASCRIPT.literal(float(number))

    def function(self, with_helpers: bool) -> str:
        """Return the text of the function."""
        roots: list[tuple[int | float, bool]] = list(self.lowering.code.roots)
        for position, number in self.constant_results:
            roots.insert(position, (number, False))
        # The function is called `compute` within, so no name hides another in this text.
        compute = braced("function compute(theta, x, values, gradient) ", self._body(roots))
        text = "\n".join([*self.functions.definitions.values(), *compute])
        sizes = {"parameters": self.parameters, "inputs": self.inputs, "results": len(roots)}
        inside = [
            *(functions().splitlines() if with_helpers and re.search(r"\bfn\.", text) else []),
            *(ROW_FUNCTIONS if re.search(r"\b(largest|logsumexp)\(", text) else []),
            "let room = new Float64Array(0);",
            *[_typed(table, *key) for key, table in self.tables.items()],
            *text.splitlines(),
            f"return Object.assign(compute, {json.dumps(sizes)});",
        ]
        return "\n".join([*braced(f"const {self.name} = (() => ", inside)[:-1], "})();"])

    def _body(self, roots: Sequence[tuple[int | float, bool]]) -> list[str]:
        """Return the lines that compute the results and, of a single one, the gradient."""
        code, count = self.lowering.code, len(roots)
        adjoint = Adjoint(code) if count == 1 and code.roots else None
        backward = adjoint.instructions(self.wanted) if adjoint else []  # which takes slots of its own
        self.first_slot = f"{code.slots[0]} + {code.slots[1]} * n"
        size = f"{code.slots[0]} + {code.slots[1]} * examples"
        forward = self.constants(*code.constants) + self._in_turn(code.instructions)
        taken = []
        for position, (slot, batched) in enumerate(roots):
            found = f"v[{self._place(slot, batched)}]" if isinstance(slot, int) else self.number(slot)
            taken.append(f"values[n{f' * {count}' * (count > 1)}{f' + {position}' * (position > 0)}] = {found};")
        slopes = ["gradient.fill(0);"]
        if adjoint and isinstance(roots[0][0], int):
            share = "1 / examples" if roots[0][1] else "1"
            slopes = [f"v[{int(adjoint.seeds[0])}] = {share};", *self._in_turn(backward), *self._handed_on(adjoint)]
        captured = [leaf.number for leaf in self.lowering.variables[self.parameters :]]
        moved = f"for (let i = 0; i < {self.inputs}; i++) v[w + i] = x[{self.inputs} * n + i];"
        return [
            f"const examples = values.length / {count};",
            f"if (room.length < {size}) room = new Float64Array({size});",
            "const v = room;",
            *copied("v", 0, "theta", 0, self.parameters, "let"),
            *self.constants(self.parameters, captured),
            *self._each([moved] * (self.inputs > 0)),
            *forward,
            *self._each(taken),
            *(braced("if (gradient) ", slopes) if count == 1 else []),
        ]

    def _handed_on(self, adjoint: Adjoint) -> list[str]:
        """Return the lines that hand the gradient by the parameters over; without any, by the inputs."""
        lines, first = [], 0
        plain, batched = (adjoint.place[flag][wanted].tolist() for flag, wanted in enumerate(self.wanted))
        for start, count in runs(plain):
            lines += copied("gradient", first, "v", start, count, "let")
            first += count
        each = [f"gradient[{self.inputs} * n + {k}] = v[w + {slot}];" for k, slot in enumerate(batched)]
        return [*lines, *self._each(each)]

    def _each(self, lines: Sequence[str]) -> list[str]:
        """Return lines that are done for each example."""
        if not lines:
            return []
        return ["for (let n = 0; n < examples; n++) {", *indented([f"const w = {self.first_slot};", *lines]), "}"]

    def _in_turn(self, instructions: Sequence[Instruction]) -> list[str]:
        """Return the lines of instructions in their order, those that follow each other in one loop over examples."""
        lines: list[str] = []
        loop: list[str] = []
        summed: set[int] = set()  # plain slots to which the examples of the present loop add

        def close() -> None:
            lines.extend([*self.prelude, *self._each(loop)])
            self.prelude.clear()
            loop.clear()
            summed.clear()

        for instruction in instructions:
            target = instruction.destination
            self.over_examples = instruction.batched or target.batched
            read = [o for o in instruction.operands if o.constants is None and not o.batched]
            if not self.over_examples or any(not summed.isdisjoint(o.slots.ravel().tolist()) for o in read):
                close()
            written = self._lines(instruction)
            if self.over_examples:
                loop += written
                if not target.batched:
                    summed.update(target.slots.ravel().tolist())
            else:
                lines += [*self.prelude, *written]
                self.prelude.clear()
        close()
        return lines

    def _place(self, slot: Any, batched: bool) -> str:
        return f"w + {slot}" if batched else f"{slot}"

    def _adds(self, target: Operand, axes: Sequence[str], add: bool) -> bool:
        if self.over_examples and not (target.batched or add):  # a sum over all examples
            self.prelude += self._zeros(target, axes)
            return True
        return add

    def _of_row(self, function: str, first: str, count: int, stride: int) -> str | None:
        return f"{function}(v, {first}, {count})" if stride == 1 else None


def _typed(name: str, kind: str, *numbers: str) -> str:
    made = "Int32Array" if kind == "int" else "Float64Array"
    return f"const {name} = {made}.of({', '.join(numbers)});"
