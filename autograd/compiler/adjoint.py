"""The adjoint of a program: reverse-mode differentiation of its instructions, which gives instructions again.

Each instruction propagates the adjoints of its results: to an operand of a map, times the partial derivative that is
read from the rule; to the matrices of a product, by two more products, each with the other matrix transposed; to an
operand that repeats, summed, since it is the destination now. The first contribution to an operand is set, later ones
are added. Where a copy or a sum is all that uses some results, these and the sum have one adjoint, and nothing is done.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from autograd import rules
from autograd.compiler.instructions import IDENTITY, Code, Instruction, Operand, Slots
from autograd.rules import Expression, Operation, derivatives, product, pull, substitute, symbol, walk

Y, G = symbol("y"), symbol("g")


@dataclass
class Contribution:
    """A contribution to the adjoint of an operand: an instruction, after those that prepare it.

    `upstream` are the adjoints that it hands on: of a map one for each number, of a product the first matrices.
    """

    operand: Operand
    instruction: Instruction
    upstream: Operand
    before: Sequence[Instruction] = ()


class Adjoint:
    """The adjoint slots of a program, and the instructions that compute them."""

    def __init__(self, code: Code) -> None:
        self.code = code
        self.sizes = list(code.slots)
        # Of the adjoints, plain and batched, which are aligned as values are.
        self.first = [size + -size % 8 for size in code.slots]
        self.place = [np.arange(size, 2 * size) for size in self.first]
        code.slots = [2 * size for size in self.first]
        code.blocks += [(start + self.first[1], count) for start, count in code.blocks]
        self.seeds = code.allocate((len(code.roots),), False).slots
        self.shared: set[tuple[int, int]] = set()  # instruction and operand
        # Before the contributions, since these name the slots in which adjoints are.
        self._share()
        self.contributions = [self._contributions(n, i) for n, i in enumerate(code.instructions)]

    def of(self, operand: Operand) -> Operand:
        """Return the slots of the adjoints of an operand."""
        return operand.arranged(lambda slots: self.place[operand.batched][slots])

    def _seeded(self) -> Iterator[tuple[Operand, Operand]]:
        """Yield the roots with their seeds: all plain ones together, but those that repeat, and each batched one."""
        plain: list[tuple[int, int]] = []
        for (slot, batched), seed in zip(self.code.roots, self.seeds.tolist(), strict=True):
            if batched:
                yield Operand(np.array([slot]), True), Operand(np.array([seed]))
            elif isinstance(slot, int):
                plain.append((slot, seed))
        while plain:
            together = dict(plain)
            yield Operand(np.array([*together])), Operand(np.array([*together.values()]))
            plain = [(slot, seed) for slot, seed in plain if together[slot] != seed]

    def instructions(self, wanted: tuple[slice, slice]) -> list[Instruction]:
        """Return the instructions that compute the adjoints of the inputs, plain and batched, that are asked for."""
        active = self._active(wanted)
        # Set or add is decided here, once, by the order of the instructions: what comes first at a slot sets it, so no
        # buffer is cleared for each run. Zeros are needed only where that is not the same for all slots of an
        # instruction, where it adds to some that have nothing yet; where a constant 0 arrives; and for unused inputs.
        written = [np.zeros(size, dtype=bool) for size in self.code.slots]
        missing = [np.zeros(size, dtype=bool) for size in self.code.slots]  # added to or read, but not written before
        instructions: list[Instruction] = []

        def arrive(instruction: Instruction) -> None:
            target = instruction.destination
            before = written[target.batched][target.slots]
            some = bool(before.any())
            is_zero = not instruction.operands  # of what is constant: 0 arrives, which is there
            if (some or is_zero) and not before.all():
                missing[target.batched][target.slots[~before]] = True
            written[target.batched][target.slots] = True
            if not is_zero:
                instructions.append(replace(instruction, add=some))

        for root, seed in self._seeded():
            arrive(Instruction("map", self.of(root), [seed]))
        for instruction, contributions in zip(reversed(self.code.instructions), reversed(self.contributions)):
            results = self.of(instruction.destination)
            if not written[results.batched][results.slots].any():
                continue
            for contribution in contributions:
                if active[contribution.operand.batched][contribution.operand.slots].any():
                    instructions += contribution.before
                    for part in _where_arrived(contribution, written):
                        arrive(part)
        for flag, inputs in enumerate(wanted):
            adjoints = self.place[flag][inputs]
            missing[flag][adjoints[~written[flag][adjoints]]] = True
        return [*self._zeros(missing), *instructions]

    def _zeros(self, missing: Sequence[Slots]) -> list[Instruction]:
        zeros = []
        for batched, slots in enumerate(map(np.flatnonzero, missing)):
            if len(slots):  # of the batched buffer all adjoints, which lie together
                first, last = (self.first[1], 2 * self.first[1] - 1) if batched else (int(slots[0]), int(slots[-1]))
                zeros.append(Instruction("map", Operand(np.arange(first, last + 1), bool(batched)), [], 0.0))
        return zeros

    def _active(self, wanted: tuple[slice, slice]) -> list[Slots]:
        """Return which slots are active: those that depend on the inputs that are asked for."""
        active = [np.zeros(size, dtype=bool) for size in self.first]
        for batched, inputs in enumerate(wanted):
            active[batched][inputs] = True
        for instruction in self.code.instructions:
            if any(active[operand.batched][operand.slots].any() for operand in instruction.operands):
                active[instruction.destination.batched][instruction.destination.slots] = True
        return active

    # Which adjoints are one

    def _share(self) -> None:
        """Give the results of which a copy or a sum is the only use the adjoint slots of that sum."""
        uses = _uses(self.code)
        made = {(int(i.destination.slots.flat[0]), i.destination.batched): i for i in self.code.instructions}
        # Of s = a + b, the adjoint of a is that of s. If a is used nowhere else, both have one place and no copy is
        # made. From the last instruction to the first, so that a sum within a sum gets the place of the outermost one.
        for number, instruction in reversed(list(enumerate(self.code.instructions))):
            results = instruction.destination
            if len(np.unique(results.slots)) < results.slots.size:
                continue
            for position, operand in enumerate(instruction.operands):
                if operand.constants is not None or operand.batched is not results.batched:
                    continue
                source = made.get((int(operand.slots.flat[0]), operand.batched))
                if (
                    source is not None
                    and _handed(instruction, position) is G
                    and np.array_equal(np.unique(source.destination.slots), operand.slots.ravel())
                    and bool((uses[operand.batched][operand.slots] == 1).all())
                ):
                    self.place[operand.batched][operand.slots] = self.place[results.batched][results.slots]
                    self.shared.add((number, position))

    # The contributions of an instruction to the adjoints of its operands

    def _contributions(self, number: int, instruction: Instruction) -> list[Contribution]:
        hand = {"map": self._map, "reduce": self._reduce, "product": self._product}[instruction.kind]
        found = [
            hand(instruction, position)
            for position, operand in enumerate(instruction.operands)
            if operand.constants is None and (number, position) not in self.shared
        ]
        return [contribution for contribution in found if contribution is not None]

    def _map(self, instruction: Instruction, position: int) -> Contribution | None:
        handed = _handed(instruction, position)
        named: dict[Any, Operand] = dict(enumerate(instruction.operands))
        named |= {"y": instruction.destination, "g": self.of(instruction.destination)}
        return None if handed is None else self._arriving(handed, named, instruction.operands[position])

    def _arriving(self, expression: Any, named: dict[Any, Operand], operand: Operand) -> Contribution:
        """Return the map that computes an expression of named operands, and adds it to an operand's adjoints."""
        return Contribution(operand, mapped(expression, named, self.of(operand)), named["g"])

    def _reduce(self, instruction: Instruction, position: int) -> Contribution | None:
        """Return the contribution to the rows: the n-ary rule is read with one symbol, which stands for all of a row.

        So each n-ary operation in its formula is a reduction again, done before, whose result all of the row has.
        """
        operand = instruction.operands[position]

        def spread(results: Operand) -> Operand:
            return results.arranged(lambda row: np.broadcast_to(row[:, None], operand.shape))

        (slope,) = derivatives(instruction.expression.operation, Y, [symbol(0)])
        if slope is rules.INACTIVE:
            return None
        named = {0: operand, "y": spread(instruction.destination), "g": spread(self.of(instruction.destination))}
        batched = instruction.batched
        before: list[Instruction] = []
        done: dict[int, Any] = {}

        def prepared(part: Any) -> Any:
            """Return an expression without n-ary operations, which are instructions before it."""
            if not isinstance(part, Expression) or part.operation is None:
                return part
            if id(part) not in done:
                operands = list(map(prepared, part.operands))
                if part.operation.arity is not None:
                    done[id(part)] = Expression(part.operation, operands)
                else:
                    (row,) = operands
                    if row.operation is not None:  # a formula, of which the numbers are needed
                        name = f"row{len(named)}"
                        named[name] = self.code.allocate(operand.shape, batched)
                        before.append(mapped(row, named, named[name]))
                        row = done[id(part.operands[0])] = symbol(name)
                    name = f"result{len(named)}"
                    results = self.code.allocate(operand.shape[:1], batched)
                    named[name] = spread(results)
                    if part.operation is rules.fsum:
                        before.append(Instruction("map", named[name], [named[row.key]]))
                    else:
                        reduced = Expression(part.operation, [symbol(0)])
                        before.append(Instruction("reduce", results, [named[row.key]], reduced))
                    done[id(part)] = symbol(name)
            return done[id(part)]

        for part in list(walk(slope)):  # first, so that what they are reductions of is computed once
            if part.operation is not None and part.operation.arity is None:
                prepared(part)
        main = mapped(prepared(product(G, slope)), named, self.of(operand))
        return Contribution(operand, main, named["g"], before)

    def _product(self, instruction: Instruction, position: int) -> Contribution | None:
        a, b, *_ = instruction.operands
        operand = instruction.operands[position]
        g = self.of(instruction.destination)
        if position > 1:  # an addend
            return Contribution(operand, Instruction("map", self.of(operand), [g]), g)
        n, m = instruction.destination.shape[1:]
        if n == m == 1 and a.batched is b.batched and b.constants is None and np.array_equal(a.slots, b.slots):
            square = product(product(G, 2.0), symbol(0))  # a sum of squares hands back to one operand, not two
            named = {0: a, "g": g.arranged(lambda slots: np.broadcast_to(slots, a.shape))}
            return None if position else self._arriving(square, named, a)
        # Of C = A @ B.T the adjoints are A' = C' @ B and B' = C'.T @ A. A product instruction transposes its second
        # matrix by itself, so the other matrix is given transposed: A' = C' @ (B.T).T.
        if position == 0:
            other, upstream = b, g
        else:
            other, upstream = a, g.arranged(lambda slots: slots.swapaxes(1, 2))
        # Summed over an axis of one, a product is a map of two repeated operands, which costs no call of BLAS. Summed
        # over the examples too, it is a product again.
        summed = instruction.batched and not operand.batched
        if upstream.shape[2] == 1 and not summed:  # an outer product
            shape = operand.shape
            named = {
                "g": upstream.arranged(lambda slots: np.broadcast_to(slots, shape)),
                0: other.arranged(lambda slots: np.broadcast_to(slots, shape)),
            }
            return self._arriving(product(G, symbol(0)), named, operand)
        turned = other.arranged(lambda slots: slots.swapaxes(1, 2))
        return Contribution(operand, Instruction("product", self.of(operand), [upstream, turned]), upstream)


def mapped(expression: Any, named: dict[Any, Operand], destination: Operand) -> Instruction:
    """Return the map of an expression whose symbols are the names of operands."""
    used = list(dict.fromkeys(part.key for part in walk(expression) if part.operation is None))
    numbered = substitute(expression, lambda part: symbol(used.index(part.key)))
    if isinstance(numbered, Expression) and numbered.operation is None:
        numbered = IDENTITY
    return Instruction("map", destination, [named[key] for key in used], numbered)


def _where_arrived(contribution: Contribution, written: Sequence[Slots]) -> Iterator[Instruction]:
    """Yield the instruction of a contribution for those adjoints only that have arrived: 0 times an infinity is nan."""
    instruction, upstream = contribution.instruction, contribution.upstream
    arrived = written[upstream.batched][upstream.slots]
    if arrived.all():
        yield instruction
    elif instruction.kind == "map":
        yield _picked(instruction, arrived, *[arrived] * len(instruction.operands))
    else:  # a product, of which the rows in which the same have arrived are a product again
        alike = bool((arrived == arrived[0]).all())
        for layer in [slice(None)] if alike else [slice(n, n + 1) for n in range(len(arrived))]:
            here = arrived[layer.start or 0]
            for columns in np.unique(here[here.any(axis=1)], axis=0):
                rows = (here == columns).all(axis=1)
                result, other = (layer, rows), (layer, slice(None), columns)
                yield _picked(instruction, result, (layer, *np.ix_(rows, columns)), other)


def _picked(instruction: Instruction, result: Any, *parts: Any) -> Instruction:
    """Return an instruction for a part of its results, and of each operand."""
    operands = [o.arranged(lambda array, part=part: array[part]) for o, part in zip(instruction.operands, parts)]
    return replace(
        instruction, operands=operands, destination=instruction.destination.arranged(lambda array: array[result])
    )


def _handed(instruction: Instruction, position: int) -> Any:
    """Return the contribution of a map to an operand's adjoint as an expression, or None; to an addend's it is G."""
    if instruction.kind != "map":
        return G if instruction.kind == "product" and position > 1 else None
    expression = instruction.expression
    operation = instruction.operation
    if operation is None:
        return G
    if all(isinstance(part, Expression) and part.operation is None for part in expression.operands):
        return _handed_by(operation, len(expression.operands)).get(position)
    return pull(expression, Y, G).get(position)


@lru_cache(maxsize=1024)
def _handed_by(operation: Operation, arity: int) -> dict[Any, Any]:
    """Return the contributions of an operation on the symbols 0, 1, ... to the adjoint of each."""
    return pull(Expression(operation, map(symbol, range(arity))), Y, G)


def _uses(code: Code) -> list[Slots]:
    """Return how often each slot is used: by instructions, and as a root."""
    uses = [np.zeros(size, dtype=np.intp) for size in code.slots]
    for instruction in code.instructions:
        for operand in instruction.operands:
            if operand.constants is None:
                np.add.at(uses[operand.batched], operand.slots, 1)
    for slot, batched in code.roots:
        if isinstance(slot, int):
            uses[batched][slot] += 2
    return uses
