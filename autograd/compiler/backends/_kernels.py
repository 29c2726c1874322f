"""Kernels: the steps of one graph, forward and backward, as one function in LLVM IR, written from the rows.

Without a batch it computes on floats. With one it computes on vectors of examples: what does not depend on the example
comes before the loop over them, its adjoints are summed up in the loop and go on after it. Results are names of the
code and no numbers in memory; only around the loop of a recurrence they are stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from autograd.compiler.backends._llvm import LANES, Lines, float_bits, of_lanes
from autograd.compiler.backends._sections import Section
from autograd.compiler.blocks import blocks_of, reached
from autograd.compiler.instructions import Affine, Block, ScalarStep
from autograd.compiler.steps import GraphStep, dependent_places
from autograd.compiler.views import Layout

NAMED_STEPS = 2_000  # steps, above which results are stored: compilers take long for many names at once
MANY = 500  # operands of one operation, above which its function is too long
STORED = 2_000  # variables, above which a kernel is too long
LONG = 20  # lines, above which an expression is a function
STRAIGHT = 200  # steps, up to which no loops are looked for
POINTERS = ("plain", "batch", "roots", "seeds", "plain.g", "batch.g", "odd", "v", "g")
INTEGERS = ("n", "padded")  # examples, and as many as vectors of them have
KERNEL_PARAMETERS = ", ".join([*[f"ptr noalias %{name}" for name in POINTERS], *[f"i64 %{name}" for name in INTEGERS]])


def _arguments() -> str:
    """Return a function that calls a kernel with its parameters, given their place in memory."""
    lines, listed = [], []
    for number, (kind, name) in enumerate([*[("ptr", n) for n in POINTERS], *[("i64", n) for n in INTEGERS]]):
        lines.append(f"%at{number} = getelementptr i64, ptr %arguments, i64 {number}")
        lines.append(f"%{name} = load {kind}, ptr %at{number}")
        listed.append(f"{kind} %{name}")
    call = f"%found = call i64 @kernel({', '.join(listed)})"
    return "\n".join(["define i64 @run(ptr %arguments) nounwind {", *lines, call, "ret i64 %found", "}"])


ENTRY_POINT = _arguments()


class KernelGraph:
    """The steps of a graph as a kernel has them: in blocks, those that do not depend on the example apart."""

    def __init__(
        self,
        steps: Sequence[GraphStep],
        sizes: tuple[int, int],
        roots: Sequence[Any],
        batched: Sequence[bool],
        layout: Layout,
    ) -> None:
        self.steps, self.sizes, self.roots, self.batched, self.layout = steps, sizes, roots, batched, layout
        self.base = sum(sizes)
        self.total = self.base + len(steps)
        self.lanes = LANES if sizes[1] else 1
        blocks = blocks_of(steps, self.base, STRAIGHT)
        self.looped = any(block.repetitions > 1 for block in blocks) or len(steps) > NAMED_STEPS
        self.before: list[Block] = []  # what comes before the examples
        self.each = blocks
        if not self.looped:
            parts: list[list[ScalarStep]] = [[], []]
            for step in [step for block in blocks for step in block.steps]:
                parts[self.batched[step.destination.first]].append(step)  # type: ignore[union-attr]
            self.before, self.each = ([Block(part, self.base, len(part))] if part else [] for part in parts)
        # What is the same for all examples counts once, which code for vectors of them cannot do with stored numbers.
        plain_roots = [root for root in roots if isinstance(root, int) and not batched[root]]
        operands = max([len(terms) for _, terms in steps], default=0)
        self.fits = not (self.looped and sizes[1] and plain_roots) and self.base < STORED and operands < MANY
        self.size = sum(len(block.steps) for block in blocks)  # steps that are written
        self.stored = (self.total + sizes[0]) * self.lanes if self.looped else 0  # numbers in each buffer

    def active(self, wanted: Sequence[int]) -> list[bool]:
        """Return which slots depend on the wanted variables."""
        chosen = set(wanted)
        return dependent_places(self.steps, [slot in chosen for slot in range(self.base)])

    def reached(self, active: Sequence[bool]) -> list[bool]:
        """Return at which active slots an adjoint arrives."""
        return [a and b for a, b in zip(reached(self.steps, self.base, self.roots), active, strict=True)]


class Kernel:
    """What the two kinds of kernels have in common: buffers, the loop over the examples, tables."""

    def __init__(self, graph: KernelGraph, wanted: Sequence[int] | None) -> None:
        self.graph = graph
        self.wanted = wanted
        self.active = graph.active(wanted or ())
        self.reached = graph.reached(self.active)
        self.tables: dict[str, str] = {}  # constants, and their names
        self.functions: list[str] = []
        self._known: dict[tuple[int, int], tuple[Any, str | None]] = {}  # of expressions, which are kept
        self.entry = Section(self, "e", 1)  # what is done once
        self.each: Section = Section(self, "x", graph.lanes)  # what is done for each vector of examples

    def load(self, section: Section, slot: int) -> str:
        """Write what gets a value that has no name in a section."""
        raise NotImplementedError

    def is_active(self, operand: Any) -> bool:
        """Whether the adjoint of an operand is wanted."""
        first = operand.first if isinstance(operand, Affine) else operand.slots[0]
        return self.active[first]

    def function(self, expression: Any, operands: int, lanes: int) -> str | None:
        """Return the name of the function for an expression; None for a short one, which is written where it is used.

        So a long one, such as the logsumexp of many operands, is compiled once, however often it occurs.
        """
        key = id(expression), lanes
        if key not in self._known:
            inside = Lines({number: f"%a{number}" for number in range(operands)}, "r", lanes)
            result, name = inside.write(expression), None
            if len(inside.lines) > LONG:
                name = f"@kernel.f{len(self.functions)}"
                taken = ", ".join(f"{inside.type} %a{number}" for number in range(operands))
                head = f"define internal {inside.type} {name}({taken}) noinline nounwind memory(none)"
                body = "\n".join([*inside.lines, f"ret {inside.type} {result}"])
                self.functions.append(f'{head} "prefer-vector-width"="512" {{\n{body}\n}}')
            self._known[key] = expression, name
        return self._known[key][1]

    # Numbers in buffers

    def loaded(self, section: Section, buffer: str, index: str, lanes: int | None = None) -> str:
        """Write what loads a number, or a vector, at an index, and return its name."""
        kind = section.lines.type if lanes is None else of_lanes("double", lanes)
        return section.lines.loaded(f"load {kind}, ptr {self.place(section, buffer, index)}, align 8")

    def stored(self, section: Section, buffer: str, index: str, name: str, lanes: int | None = None) -> None:
        """Write what stores a number, or a vector, at an index."""
        kind = section.lines.type if lanes is None else of_lanes("double", lanes)
        section.lines.lines.append(f"store {kind} {name}, ptr {self.place(section, buffer, index)}, align 8")

    def place(self, section: Section, buffer: str, index: str) -> str:
        """Return the name of the place of a number in a buffer."""
        return section.lines.new(f"getelementptr double, ptr {buffer}, i64 {index}")

    def splat(self, section: Section, name: str) -> str:
        """Return the name of a vector that has a number in all lanes."""
        return section.lines.splat(name, self.graph.lanes)

    def summed(self, section: Section, name: str) -> str:
        """Return the name of the sum of the lanes, of which there are several where there are examples."""
        lanes = self.graph.lanes
        call = f"@llvm.vector.reduce.fadd.v{lanes}f64(double {float_bits(-0.0)}, <{lanes} x double> {name})"
        return section.lines.new(f"call reassoc double {call}")

    # Variables of examples: a block of them lies row by row

    def _index(self, slot: int) -> tuple[str, int]:
        """Return the index of a batched variable in the first example of a vector, and the distance to the next."""
        layout, plain, lines = self.graph.layout, self.graph.sizes[0], self.each.lines
        number = slot - plain
        start, count = int(layout.start[number]), int(layout.count[number])
        block = lines.new(f"mul i64 %padded, {start}")
        row = lines.new(f"mul i64 %e, {count}")
        first = lines.new(f"add i64 {block}, {row}")
        return lines.new(f"add i64 {first}, {number - start}"), count

    def load_batched(self, slot: int) -> str:
        """Write what loads a batched variable of a vector of examples, and return its name."""
        lanes, lines = self.graph.lanes, self.each.lines
        index, count = self._index(slot)
        if count == 1:
            return self.loaded(self.each, "%batch", index)
        found = "poison"
        for lane in range(lanes):
            at = lines.new(f"add i64 {index}, {lane * count}")
            one = self.loaded(self.each, "%batch", at, 1)
            found = lines.new(f"insertelement <{lanes} x double> {found}, double {one}, i64 {lane}")
        return found

    def store_batched(self, slot: int, name: str) -> None:
        """Write what stores the adjoint of a batched variable."""
        lines = self.each.lines
        index, count = self._index(slot)
        if count == 1:
            self.stored(self.each, "%batch.g", index, name)
            return
        for lane in range(self.graph.lanes):
            one = lines.new(f"extractelement <{self.graph.lanes} x double> {name}, i64 {lane}")
            self.stored(self.each, "%batch.g", lines.new(f"add i64 {index}, {lane * count}"), one, 1)

    def valid(self) -> str:
        """Return the name of the condition that a lane has an example."""
        lanes = self.graph.lanes
        lines = self.each.lines
        one = lines.new(f"insertelement <{lanes} x i64> poison, i64 %left, i64 0")
        zeros = f"<{lanes} x i32> zeroinitializer"
        left = lines.new(f"shufflevector <{lanes} x i64> {one}, <{lanes} x i64> poison, {zeros}")
        numbers = ", ".join(f"i64 {lane}" for lane in range(lanes))
        return lines.new(f"icmp ult <{lanes} x i64> <{numbers}>, {left}")

    def only_valid(self, name: str) -> str:
        """Return the name of a vector that is 0 in lanes without an example."""
        return self.each.lines.chosen(self.valid(), name, self.each.lines.number(0.0))

    def seeded(self, section: Section, *, batched: bool) -> None:
        """Have the seeds of the roots arrive."""
        for number, root in enumerate(self.graph.roots):
            if isinstance(root, int) and self.active[root] and self.graph.batched[root] is batched:
                seed = self.loaded(self.entry, "%seeds", str(number), 1)
                section.arrive(Affine(root), self.splat(self.entry, seed) if section is self.each else seed)

    def root(self, section: Section, number: int, root: int) -> None:
        """Write what stores a root: one number, or one for each example."""
        lines, name = section.lines, section.value(Affine(root))
        index = lines.new(f"mul i64 %padded, {number}")
        if self.graph.batched[root]:
            index = lines.new(f"add i64 {index}, %e")
        self.stored(section, "%roots", index, name, lines.lanes)

    def odd_stored(self) -> str:
        """Write which examples of a vector are odd, and return the name of the condition that there is one."""
        lanes, lines = self.graph.lanes, self.each.lines
        bits = lines.new(f"bitcast <{lanes} x i1> {self.each.any_odd()} to i{lanes}")
        at = lines.new(f"udiv i64 %e, {lanes}")
        place = lines.new(f"getelementptr i{lanes}, ptr %odd, i64 {at}")
        lines.lines.append(f"store i{lanes} {bits}, ptr {place}")
        return lines.new(f"icmp ne i{lanes} {bits}, 0")

    def over_examples(self, body: Sequence[str], phis: Sequence[str], before: str, odd: str, last: str) -> list[str]:
        """Return a body as a loop over the examples; `last` is the label of its last lines."""
        return [
            "br label %loop",
            "loop:",
            f"%e = phi i64 [ 0, %entry ], [ %e.next, %{last} ]",
            f"%odd.before = phi i1 [ {before}, %entry ], [ %odd.next, %{last} ]",
            *phis,
            "%left = sub i64 %n, %e",
            *body,
            f"%odd.next = or i1 %odd.before, {odd}",
            f"%e.next = add i64 %e, {self.graph.lanes}",
            "%more = icmp ult i64 %e.next, %n",
            "br i1 %more, label %loop, label %after",
            "after:",
        ]


class StraightKernel(Kernel):
    """A kernel without loops but that over the examples."""

    def load(self, section: Section, slot: int) -> str:
        """Write what gets a value that has no name in a section."""
        if self.graph.batched[slot]:
            return self.load_batched(slot)
        if section is self.each:
            return self.splat(self.entry, self.entry.value(Affine(slot)))
        return self.loaded(section, "%plain", str(slot))

    def written(self) -> list[str]:
        """Return the lines of the kernel."""
        graph, entry = self.graph, self.entry
        for block in graph.before:
            entry.forward(block.steps)
        for number, root in enumerate(graph.roots):
            if isinstance(root, int) and not graph.batched[root]:
                self.root(entry, number, root)
        loop: list[str] = []
        end = entry  # where the adjoints of what does not depend on the example are
        odd = entry.any_odd()
        if graph.sizes[1]:
            end = Section(self, "a", 1)
            end.values = entry.values
            loop, odd = self._examples(end, odd), "%odd.next"
        if self.wanted is not None:
            self.seeded(end, batched=False)
            for block in graph.before:
                end.backward(block.steps)
            for slot in self.wanted:
                if slot < graph.sizes[0]:
                    self.stored(end, "%plain.g", str(slot), end.adjoints.get(slot) or end.lines.number(0.0))
        last = [] if end is entry else end.lines.lines
        found = end.lines.new(f"zext i1 {odd} to i64")
        return ["entry:", *entry.lines.lines, *loop, *last, f"ret i64 {found}"]

    def _examples(self, end: Section, odd_before: str) -> list[str]:
        """Return the loop over the examples; the adjoints of what does not depend on them arrive at the end."""
        graph, each = self.graph, self.each
        plain = graph.sizes[0]
        for block in graph.each:
            each.forward(block.steps)
        for number, root in enumerate(graph.roots):
            if isinstance(root, int) and graph.batched[root]:
                self.root(each, number, root)
        odd = self.odd_stored()
        sums: dict[int, tuple[str, str]] = {}
        if self.wanted is not None:
            self.seeded(each, batched=True)
            for block in graph.each:
                each.backward(block.steps)
            for slot, name in each.adjoints.items():
                if not graph.batched[slot]:
                    before = f"%sum{slot}"
                    sums[slot] = before, each.added(before, self.only_valid(name))
            for slot in self.wanted:
                if slot >= plain:
                    self.store_batched(slot, each.adjoints.get(slot) or each.lines.number(0.0))
        vector = of_lanes("double", graph.lanes)
        phis = [f"{sum_} = phi {vector} [ zeroinitializer, %entry ], [ {to}, %loop ]" for sum_, to in sums.values()]
        for slot, (_, after) in sums.items():
            end.arrive(Affine(slot), self.summed(end, after))
        return self.over_examples(each.lines.lines, phis, odd_before, odd, "loop")
