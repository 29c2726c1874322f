"""Kernels of recurrences: a block of steps that is repeated is a loop in the kernel, around which numbers are stored.

Forward, all results go to a buffer, and those of the repetition before are kept in registers. Backward, the loop runs
from the last repetition to the first: adjoints of its own results are names, those of what stays in the loop are summed
up in registers, and all others are added to in a second buffer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from autograd.compiler.backends._kernels import Kernel, KernelGraph
from autograd.compiler.backends._llvm import float_bits
from autograd.compiler.backends._sections import Section
from autograd.compiler.instructions import Affine, Block, IndexTable


class Stored(Section):
    """Straight code of a kernel whose numbers are stored."""

    kernel: RecurrenceKernel

    def store(self, slot: Any, name: str) -> None:
        """Give a result its name, and store it for the loops."""
        super().store(slot, name)
        self.kernel.stored(self, "%v", str(slot.first * self.lines.lanes), name)

    def adjoint(self, operand: Any) -> str | None:
        """Return the name of a result's adjoint, to which nothing is added from now on; None where nothing arrives."""
        if not self.kernel.reached[operand.first]:
            return None
        return self.adjoints.pop(operand.first, None) or self._stored(operand.first)

    def arrive(self, operand: Any, name: str) -> None:
        """Add to an adjoint, which is stored at the end of the piece."""
        before = self.adjoints.get(operand.first) or self._stored(operand.first)
        self.adjoints[operand.first] = self.added(before, name)

    def _stored(self, slot: int) -> str:
        return self.kernel.loaded(self, "%g", str(slot * self.lines.lanes))

    def flush(self) -> None:
        """Store the adjoints that have names."""
        for slot, name in self.adjoints.items():
            self.kernel.stored(self, "%g", str(slot * self.lines.lanes), name)
        self.adjoints.clear()


class Body(Section):
    """The body of a loop, of which %i counts the repetitions, forward or backward."""

    kernel: RecurrenceKernel

    def __init__(self, kernel: RecurrenceKernel, name: str, block: Block) -> None:
        super().__init__(kernel, f"{name}.", kernel.graph.lanes)
        self.name, self.block = name, block
        self.counter = f"%{name}"
        self.carried: dict[str, tuple[str, Any]] = {}  # from one repetition to the next: where it starts, what follows
        self.sums: dict[int, tuple[str, str]] = {}  # of the adjoints of what stays, by slots: before and after
        self.directed = 1  # forward

    def place(self, operand: Any) -> str:
        """Return the index of an operand in the buffers."""
        lines, lanes = self.lines, self.lines.lanes
        if isinstance(operand, IndexTable):
            table = self.kernel.table("i64", [str(slot * lanes) for slot in operand.slots])
            at = lines.new(f"getelementptr i64, ptr {table}, i64 {self.counter}")
            return lines.new(f"load i64, ptr {at}")
        moved = lines.new(f"mul i64 {self.counter}, {operand.stride * lanes}")
        return lines.new(f"add i64 {moved}, {operand.first * lanes}")

    def offset(self, operand: Any) -> int | None:
        """Return which result of a repetition an operand is, from -length on one of that before; None for others."""
        if isinstance(operand, Affine) and operand.stride == self.block.stride:
            offset = operand.first - self.block.start
            if -self.block.length <= offset < self.block.length:
                return offset
        return None

    def value(self, operand: Any) -> str:
        """Return the name of an operand's value."""
        if isinstance(operand, list):
            return self._constant(operand)
        if isinstance(operand, Affine) and operand.stride == 0:
            return self.kernel.each.value(operand)
        if not isinstance(operand, (Affine, IndexTable)):
            return self.lines.number(operand)
        key = _key(operand)
        if key not in self.values:
            offset = self.offset(operand)
            if isinstance(operand, Affine) and offset is not None and offset < 0 < self.directed:
                self.values[key] = f"%{self.name}.before{-offset}"
                start = self.kernel.each.value(Affine(operand.first))
                self.carried[self.values[key]] = start, self.block.start + offset + self.block.length
            else:
                self.values[key] = self.kernel.loaded(self, "%v", self.place(operand))
        return self.values[key]

    def _constant(self, numbers: Sequence[float]) -> str:
        table = self.kernel.table("double", list(map(float_bits, numbers)))
        at = self.lines.new(f"getelementptr double, ptr {table}, i64 {self.counter}")
        return self.kernel.splat(self, self.lines.new(f"load double, ptr {at}"))

    def store(self, slot: Any, name: str) -> None:
        """Give a result its name, and store it."""
        self.values[_key(slot)] = name
        self.kernel.stored(self, "%v", self.place(slot), name)

    def _flags(self, result: Affine) -> list[bool]:
        slots = range(self.block.repetitions)
        return [self.kernel.reached[result.first + result.stride * n] for n in slots]

    def adjoint(self, operand: Any) -> str | None:
        """Return the name of a result's adjoint; None where nothing arrives in any repetition."""
        if not any(self._flags(operand)):
            return None
        key = _key(operand)
        if key not in self.adjoints:
            self.adjoints[key] = self.kernel.loaded(self, "%g", self.place(operand))
        return self.adjoints[key]

    def arrive(self, operand: Any, name: str) -> None:
        """Add to an adjoint."""
        offset = self.offset(operand)
        if offset is not None and offset >= 0:
            key = _key(operand)
            before = self.adjoints.get(key) or self.kernel.loaded(self, "%g", self.place(operand))
            self.adjoints[key] = self.added(before, name)
        elif isinstance(operand, Affine) and operand.stride == 0:
            before = f"%{self.name}.sum{operand.first}"
            _, after = self.sums.get(operand.first, (before, before))
            self.sums[operand.first] = before, self.added(after, name)
        else:
            self.kernel.add_stored(self, self.place(operand), name)

    def handed(self, result: Any, name: str) -> str:
        """Return what is handed back by a result: nothing in repetitions in which nothing has arrived at it."""
        flags = self._flags(result)
        if all(flags):
            return name
        table = self.kernel.table("i1", [str(flag).lower() for flag in flags])
        at = self.lines.new(f"getelementptr i1, ptr {table}, i64 {self.counter}")
        flag = self.lines.new(f"load i1, ptr {at}")
        kind = self.lines.type
        return self.lines.new(f"select i1 {flag}, {kind} {name}, {kind} {self.lines.number(0.0)}")

    def loop(self) -> list[str]:
        """Return the lines of the loop, after those of its body are written."""
        name, kind, last = self.name, self.lines.type, self.block.repetitions - 1
        before, label = self.kernel.label, f"{name}.body"
        self.kernel.label = f"{name}.end"
        phis = [
            f"{phi} = phi {kind} [ {start}, %{before} ], [ {self.values[(slot, self.block.stride)]}, %{label} ]"
            for phi, (start, slot) in self.carried.items()
        ]
        zero = self.lines.number(0.0)
        phis += [f"{phi} = phi {kind} [ {zero}, %{before} ], [ {end}, %{label} ]" for phi, end in self.sums.values()]
        truth = self.lines.truth
        none = "false" if self.lines.lanes == 1 else "zeroinitializer"
        odd = []
        if self.odd:
            phis.append(f"%{name}.odd = phi {truth} [ {none}, %{before} ], [ %{name}.odd.next, %{label} ]")
            odd = [f"%{name}.odd.next = or {truth} %{name}.odd, {self.any_odd()}"]
        first, step, stop = (0, 1, last) if self.directed > 0 else (last, -1, 0)
        return [
            f"br label %{label}",
            f"{label}:",
            f"{self.counter} = phi i64 [ {first}, %{before} ], [ %{name}.next, %{label} ]",
            *phis,
            *self.lines.lines,
            *odd,
            f"%{name}.next = add i64 {self.counter}, {step}",
            f"%{name}.done = icmp eq i64 {self.counter}, {stop}",
            f"br i1 %{name}.done, label %{name}.end, label %{label}",
            f"{name}.end:",
        ]


class RecurrenceKernel(Kernel):
    """A kernel with the loops of recurrences, around which numbers are stored."""

    def __init__(self, graph: KernelGraph, wanted: Sequence[int] | None) -> None:
        super().__init__(graph, wanted)
        self.each: Stored = Stored(self, "x", graph.lanes)
        self.label = "entry" if graph.lanes == 1 else "loop"

    def table(self, kind: str, numbers: Sequence[str]) -> str:
        """Return the name of a table of constants."""
        text = f"internal constant [{len(numbers)} x {kind}] [{', '.join(f'{kind} {n}' for n in numbers)}]"
        return self.tables.setdefault(text, f"@table{len(self.tables)}")

    def add_stored(self, section: Section, index: str, name: str) -> None:
        """Write what adds to an adjoint in the buffer."""
        before = self.loaded(section, "%g", index)
        self.stored(section, "%g", index, section.added(before, name))

    def load(self, section: Section, slot: int) -> str:
        """Write what gets a value that has no name in a section."""
        return self.loaded(section, "%v", str(slot * self.graph.lanes))

    def written(self) -> list[str]:
        """Return the lines of the kernel."""
        graph, entry, each = self.graph, self.entry, self.each
        plain, lanes = graph.sizes[0], graph.lanes
        lines = each.lines.lines
        if lanes > 1:
            for slot in range(plain):
                value = self.splat(entry, self.loaded(entry, "%plain", str(slot)))
                self.stored(entry, "%v", str(slot * lanes), value, lanes)
            for slot in range(plain, graph.base):
                each.store(Affine(slot), self.load_batched(slot))
        for number, block in enumerate(graph.each):
            if block.repetitions == 1:
                self.piece(f"p{number}")
                each.forward(block.steps)
                continue
            body = Body(self, f"f{number}", block)
            body.forward(block.steps)
            lines += body.loop()
            if body.odd:
                each.odd.append(f"%f{number}.odd.next")
        for number, root in enumerate(graph.roots):
            if isinstance(root, int):
                self.root(each, number, root)
        odd = each.any_odd() if lanes == 1 else self.odd_stored()
        if self.wanted is not None:
            self._backward()
        found = [*entry.lines.lines, *self.cleared(plain)]
        if lanes == 1:
            return ["entry:", *found, *lines, f"%found = zext i1 {odd} to i64", "ret i64 %found"]
        last = Section(self, "a", 1)
        for slot in self.wanted or ():
            if slot < plain:
                total = self.loaded(last, "%g", str((graph.total + slot) * lanes), lanes)
                self.stored(last, "%plain.g", str(slot), self.summed(last, total))
        return [
            "entry:",
            *found,
            *self.over_examples(lines, [], "false", odd, self.label),
            *last.lines.lines,
            "%found = zext i1 %odd.next to i64",
            "ret i64 %found",
        ]

    def piece(self, label: str) -> None:
        """Begin another piece of straight code, which loads all that it needs."""
        self.each.values.clear()
        self.each.lines.forget()
        self.each.lines.lines += [f"br label %{label}", f"{label}:"]
        self.label = label

    def cleared(self, plain: int) -> list[str]:
        """Return the lines that set the sums over the examples to 0."""
        lanes = self.graph.lanes
        if lanes == 1 or self.wanted is None:
            return []
        return [f"%sums = getelementptr double, ptr %g, i64 {self.graph.total * lanes}", _zeros("%sums", plain * lanes)]

    def _backward(self) -> None:
        graph, each = self.graph, self.each
        plain, lanes, lines = graph.sizes[0], graph.lanes, each.lines.lines
        lines.append(_zeros("%g", graph.total * lanes))
        self.seeded(each, batched=lanes > 1)
        each.flush()
        for number, block in reversed(list(enumerate(graph.each))):
            if block.repetitions == 1:
                self.piece(f"q{number}")
                each.backward(block.steps)
                each.flush()
                continue
            body = Body(self, f"b{number}", block)
            body.directed = -1
            body.backward(block.steps)
            if not body.lines.lines:
                continue
            lines += body.loop()
            for slot, (_, total) in body.sums.items():
                each.arrive(Affine(slot), total)
            each.flush()
        for slot in self.wanted or ():
            if slot >= plain:
                self.store_batched(slot, self.loaded(each, "%g", str(slot * lanes)))
            elif lanes > 1:
                adjoint = self.only_valid(self.loaded(each, "%g", str(slot * lanes)))
                self.add_stored(each, str((graph.total + slot) * lanes), adjoint)


def _zeros(place: str, count: int) -> str:
    return f"call void @llvm.memset.p0.i64(ptr {place}, i8 0, i64 {8 * count}, i1 false)"


def _key(operand: Any) -> Any:
    return (operand.first, operand.stride) if isinstance(operand, Affine) else tuple(operand.slots)
