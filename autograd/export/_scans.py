"""Recurrences for JAX: a program as scalar steps, one a line, in which what is repeated is a `jax.lax.scan`.

A line has the names of the numbers it needs. Of a repetition the results are `a0`, `a1`, ..., what the one before has
handed on `b0`, ..., and what runs through with the repetitions `c0`, ...: inputs, constants, or results of before.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from autograd.compiler.blocks import blocks_of
from autograd.compiler.instructions import Affine, Block, IndexTable, ScalarStep
from autograd.compiler.lowering import Lowering
from autograd.export.torch import argument_arrays
from autograd.rules import Dialect

SEARCHED = 64  # steps, from which on it pays to look for loops
RUNS = 16  # in a sequence of numbers, up to which they are slices side by side; else an index


class JaxStepWriter:
    """What writes a program as scalar steps and scans; the numbers of all places, by which they are called."""

    dialect: Dialect

    def __init__(self, lowering: Lowering, constant_results: Mapping[int, float]) -> None:
        self.lowering = lowering
        self.constant_results = constant_results
        self.numbers: dict[str, list[float]] = {}
        self.indices: dict[str, list[int]] = {}
        self.lines: list[str] = []
        self.places: list[tuple[int, int, int, str]] = []  # first place, stride, how many, the name of their array
        self.single: dict[int, str] = {}  # what has a name of its own
        self.size = sum(lowering.sizes)

    def source(self) -> str:
        """Return the text of the function."""
        lowering = self.lowering
        plain = len(lowering.variables)
        arguments = argument_arrays(lowering)
        for name, start, count, batched in arguments:
            self.lines.append(f"{name} = array({name}, {count})")
            self._hold(start + plain * batched, 1, count, name)
        stop = lowering.arguments + lowering.wrt
        if captured := [leaf.number for leaf in lowering.variables[stop:]]:
            self._hold(stop, 1, len(captured), self.bound(captured, self.numbers, "k"))
        blocks = _without_odd_loops(blocks_of(lowering.steps, self.size, SEARCHED))
        for number, block in enumerate(blocks):
            if block.repetitions > 1:
                read = {p for other in blocks[number + 1 :] for p in _read_from_outside(other)}
                read |= {root for root in lowering.places if isinstance(root, int)}
                _ScanWriter(self, block, number, read).write()
                continue
            for step in block.steps:
                place = step.destination.first  # type: ignore[union-attr]
                self.single[place] = f"v{place - self.size}"
                operands = [self.at(o.first) if isinstance(o, Affine) else o for o in step.operands]
                self.lines.append(f"{self.single[place]} = {self.printed(step, operands)}")
        roots = [self.at(root) if isinstance(root, int) else repr(float(root)) for root in lowering.places]
        for position, result in sorted(self.constant_results.items()):
            roots.insert(position, repr(float(result)))
        returned = f"jnp.asarray({roots[0]}, dtype)" if len(roots) == 1 else f"jnp.stack([{', '.join(roots)}])"
        body = "\n    ".join([*self.lines, f"return {returned}"])
        return f"def f({', '.join(name for name, *_ in arguments)}):\n    {body}\n"

    def _hold(self, first: int, stride: int, count: int, name: str) -> None:
        if count:
            self.places.append((first, stride, count, name))
            self.places.sort()

    def hold_results(self, block: Block, offset: int, name: str) -> None:
        """Remember the name of the array of a result in each repetition."""
        for k in range(block.repetitions):
            self.single[block.start + offset + k * block.stride] = f"{name}[{k}]"
        self._hold(block.start + offset, block.stride, block.repetitions, name)

    def bound(self, numbers: Sequence[Any], among: dict[str, Any], letter: str) -> str:
        """Return the name of a constant array."""
        listed = list(numbers)
        for name, known in among.items():
            if list(map(repr, known)) == list(map(repr, listed)):
                return name
        name = f"{letter}{len(among)}"
        among[name] = listed
        return name

    def at(self, place: int) -> str:
        """Return the source of the number of a place."""
        if place in self.single:
            return self.single[place]
        name, position = self._array(place)
        return f"{name}[{position}]"

    def _array(self, place: int) -> tuple[str, int]:
        """Return the array that holds a place, and where; no name if there is none."""
        number = bisect_right(self.places, place, key=lambda held: held[0]) - 1
        for first, stride, count, name in reversed(self.places[: number + 1]):
            position, rest = divmod(place - first, stride)
            if rest == 0 and position < count:
                return name, position
        return "", 0

    def sequence(self, places: Sequence[int]) -> str:
        """Return the source of the numbers of some places, as an array."""
        where = [self._array(place) for place in places]
        runs: list[list[int]] = []  # positions in `places` that are one slice
        for n, (name, position) in enumerate(where):
            run = runs[-1] if runs else []
            alike = run and name == where[run[-1]][0]
            step = position - where[run[-1]][1] if alike else 0
            if alike and (not name or (step and (len(run) < 2 or step == where[run[1]][1] - where[run[0]][1]))):
                run.append(n)
            else:
                runs.append([n])
        names = {name for name, _ in where}
        if len(runs) > RUNS and len(names) == 1 and "" not in names:
            return f"{names.pop()}[{self.bound([position for _, position in where], self.indices, 'i')}]"
        parts = [self._run([places[n] for n in run], [where[n] for n in run]) for run in runs]
        return parts[0] if len(parts) == 1 else f"jnp.concatenate([{', '.join(parts)}])"

    def _run(self, places: Sequence[int], where: Sequence[tuple[str, int]]) -> str:
        name, first = where[0]
        if not name:
            return f"jnp.stack([{', '.join(map(self.at, places))}])"
        last = where[-1][1]
        step = where[1][1] - first if len(where) > 1 else 1
        low, high = min(first, last), max(first, last)
        found = f"{name}[{low}:{high + 1}" + (f":{abs(step)}]" if abs(step) > 1 else "]")
        return f"jnp.flip({found})" if step < 0 else found

    def printed(self, step: ScalarStep, names: Sequence[Any]) -> str:
        """Return the source of a step, of whose operands these are the names, or numbers."""
        listed = [name if isinstance(name, str) else _literal(name) for name in names]
        return self.dialect.source(step.expression, listed.__getitem__)


class _ScanWriter:
    """A writer of a repeated block: what is handed on, what runs through, and what each repetition leaves."""

    def __init__(self, writer: JaxStepWriter, block: Block, number: int, read: set[int]) -> None:
        self.writer, self.block, self.number, self.read = writer, block, number, read
        self.carried: dict[tuple[int, int], str] = {}  # a result and how many repetitions ago, to its name
        self.through: dict[str, str] = {}  # the source of an array to the name of its element

    def write(self) -> None:
        """Add the lines of the scan, and the names of its results."""
        writer, block = self.writer, self.block
        body = [
            f"a{n} = {writer.printed(step, [self._name(operand) for operand in step.operands])}"
            for n, step in enumerate(block.steps)
        ]
        last = block.start + (block.repetitions - 1) * block.stride
        kept = sorted(
            offset
            for offset in range(block.length)
            if any(block.start + offset + k * block.stride in self.read for k in range(block.repetitions - 1))
            or (last + offset in self.read and (offset, 1) not in self.carried)
        )
        start, handed = [], []
        for (offset, delay), name in self.carried.items():
            first = block.start + offset - delay * block.stride
            initial = [first + k * block.stride for k in range(delay)]
            if delay == 1:
                start.append(f"jnp.asarray({writer.at(first)}, dtype)")
                handed.append(f"a{offset}")
            else:  # a queue
                start.append(writer.sequence(initial))
                handed.append(f"jnp.append({name}[1:], a{offset})")
        names = _tuple(self.carried.values())
        head = [f"def repeat{self.number}(carried, elements):"]
        head += [f"    {names} = carried"] if self.carried else []
        head += [f"    {_tuple(self.through.values())} = elements"] if self.through else []
        found = [f"y{self.number}_{offset}" for offset in kept]
        ends = [f"e{self.number}_{n}" for n in range(len(self.carried))]
        elements = _tuple(self.through) if self.through else "None"
        writer.lines += [
            *head,
            *[f"    {line}" for line in body],
            f"    return {_tuple(handed)}, {_tuple(f'a{offset}' for offset in kept)}",
            f"{_tuple(ends)}, {_tuple(found)} = jax.lax.scan(repeat{self.number}, {_tuple(start)}, {elements}, "
            f"length={block.repetitions})",
        ]
        for offset, name in zip(kept, found, strict=True):
            writer.hold_results(block, offset, name)
        for (offset, delay), name in zip(self.carried, ends, strict=True):
            if delay == 1:
                writer.single[last + offset] = name

    def _name(self, operand: Any) -> Any:
        """Return what an operand is called in the block."""
        writer, block = self.writer, self.block
        if isinstance(operand, list):
            return self._element(writer.bound(operand, writer.numbers, "k"))
        if isinstance(operand, IndexTable):
            return self._element(writer.sequence(operand.slots))
        if not isinstance(operand, Affine):
            return operand
        if operand.stride == 0:
            return writer.at(operand.first)
        delay = _delay(operand, block)
        if delay is None:
            return self._element(writer.sequence(_range(operand, block)))
        offset = operand.first + delay * block.stride - block.start
        if delay == 0:
            return f"a{offset}"
        name = self.carried.setdefault((offset, delay), f"b{len(self.carried)}")
        return name if delay == 1 else f"{name}[0]"

    def _element(self, source: str) -> str:
        return self.through.setdefault(source, f"c{len(self.through)}")


def _range(operand: Affine, block: Block) -> list[int]:
    return [operand.first + k * operand.stride for k in range(block.repetitions)]


def _delay(operand: Affine, block: Block) -> int | None:
    """Return how many repetitions ago an operand is the result of the block; None if it never is."""
    if operand.stride != block.stride or operand.first + (block.repetitions - 1) * block.stride < block.start:
        return None
    return max(0, -((operand.first - block.start) // block.stride))


def _read_from_outside(block: Block) -> Iterable[int]:
    """Yield the places that a block reads and that are not results of its own."""
    stop = block.start + block.repetitions * block.stride if block.repetitions > 1 else block.start
    for step in block.steps:
        for operand in step.operands:
            if isinstance(operand, Affine):
                places = [operand.first] if operand.stride == 0 else _range(operand, block)
                yield from (place for place in places if not block.start <= place < stop)


def _without_odd_loops(blocks: Iterable[Block]) -> list[Block]:
    """Return blocks in which a loop reads its own results in step with its repetitions; others are unrolled."""
    found = []
    for block in blocks:
        odd = any(
            isinstance(operand, Affine)
            and operand.stride not in (0, block.stride)
            and max(operand.first, operand.first + (block.repetitions - 1) * operand.stride) >= block.start
            for step in block.steps
            for operand in step.operands
        )
        found.append(_unrolled(block) if odd and block.repetitions > 1 else block)
    return found


def _unrolled(block: Block) -> Block:
    def once(operand: Any, k: int) -> Any:
        if isinstance(operand, Affine):
            return Affine(operand.first + k * operand.stride)
        if isinstance(operand, IndexTable):
            return Affine(operand.slots[k])
        return operand[k] if isinstance(operand, list) else operand

    steps = [
        ScalarStep(once(step.destination, k), step.expression, [once(operand, k) for operand in step.operands])
        for k in range(block.repetitions)
        for step in block.steps
    ]
    return Block(steps, block.start, len(steps))


def _tuple(names: Iterable[str]) -> str:
    return f"({''.join(f'{name}, ' for name in names).strip()})"


def _literal(number: float) -> str:
    written = repr(float(number))
    return f"({written})" if written.startswith("-") else written
