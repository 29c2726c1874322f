"""Program cache (specialization): a program for each structure of the arguments; those used last are kept."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograd import rules
from autograd.compiler._arguments import BATCHED, BoundCall
from autograd.compiler._flattening import Part, structure_of
from autograd.compiler._results import Results, check_pair
from autograd.compiler.cut import compiled
from autograd.compiler.instructions import Array
from autograd.compiler.listing import NamedSlots
from autograd.compiler.lowering import Lowering
from autograd.compiler.program import Program
from autograd.compiler.trace import Trace, trace
from autograd.engine import Constant, Value, clock, modes
from autograd.functions import Structure
from autograd.functions.calls import is_condition

PROGRAMS_KEPT = 64  # programs of one function


@dataclass
class Buffers:
    """The buffers of a program: where the numbers of a call go, and what is held of the Values beside them."""

    memory: Any
    places: list[Array]
    tick: int | None  # of the clock the data of the Values was read; None if it is not their data


@dataclass(eq=False)
class Specialization:
    """A program for arguments of one structure.

    The program's plain numbers are those of the arguments, then those of `leaves`: the Values that the function uses
    beside its arguments, `wrt` first. It differentiates by the first so many of them.
    """

    program: Program
    results: Results  # what the function returns
    starts: list[tuple[int, int, bool]]  # for each argument: the first slot, how many, and whether it is batched
    first: Structure | None  # of the first argument
    leaves: list[Value]
    beginning: int  # the slot of the first of them
    wrt: int
    differentiated: int
    constants: dict[Value, Any]  # those that are part of the program, with the stamps of their data
    condition: bool  # whether what is differentiated is a truth value
    scalar: bool  # whether floats, alone and in containers, are all that it needs
    key: tuple[Part, ...]  # of the calls that it is for
    buffers: Buffers | None = None
    checked: int | None = None  # the clock when the constants were looked at last

    @property
    def structure(self) -> Structure:
        """The structure of what the function returns."""
        return self.results.structure

    @property
    def is_current(self) -> bool:
        """Whether the constants that are part of the program still have the data that they had."""
        tick = clock.now.tick
        if self.checked != tick:  # some leaf was assigned since
            if any(constant.stamp is not stamp for constant, stamp in self.constants.items()):
                return False
            self.checked = tick
        return True

    def place(self, call: BoundCall) -> Buffers:
        """Write the numbers of a call to the program's memory."""
        memory = self.program.memory(call.examples)
        buffers = self.buffers
        if buffers is None or buffers.memory is not memory:
            places = [
                memory.rows(start) if batched and count else memory.plain[start : start + count]
                for start, count, batched in self.starts
            ]
            for i, (place, numbers) in enumerate(zip(places, call.numbers, strict=True)):
                if type(numbers) is not list and np.shares_memory(view := place.reshape(numbers.shape), place):
                    places[i] = view  # so arrays of this shape are written as they are
            buffers = self.buffers = Buffers(memory, places, None)
        for place, numbers in zip(buffers.places, call.numbers, strict=True):
            if type(numbers) is list or numbers.shape == place.shape:
                place[...] = numbers
            else:
                place[...] = numbers.reshape(place.shape)
        return buffers

    def read(self, buffers: Buffers, theta: Array | None) -> None:
        """Write the data of the Values to the memory, of `wrt` from the vector theta where there is one."""
        tick = clock.now.tick
        middle, stop = self.beginning + self.wrt, self.beginning + len(self.leaves)
        plain = buffers.memory.plain
        if theta is not None:
            if middle < stop:
                plain[middle:stop] = [leaf.number for leaf in self.leaves[self.wrt :]]
            plain[self.beginning : middle] = theta
            buffers.tick = None
        elif buffers.tick != tick:  # some leaf, of this function or another, was assigned since
            plain[self.beginning : stop] = [leaf.number for leaf in self.leaves]
            buffers.tick = tick


class Programs:
    """The programs of one function, by the keys of its calls; the least recently used goes when there are too many.

    `wrt` are the Values to differentiate by: given, or those that the function uses in its first call, and then fixed.
    """

    def __init__(self, wrt: list[Value] | None) -> None:
        self.given = wrt
        self.lock = threading.RLock()
        self.running = False
        self._within: Programs | None = None
        self.clear()

    def idle(self) -> Programs:
        """Return these programs, or others where an operation of the function calls the function while it runs.

        Each run within another one has programs of its own, since a program has one set of buffers.
        """
        if not self.running:
            return self
        if self._within is None:
            self._within = Programs(self.wrt)
        return self._within.idle()

    def clear(self) -> None:
        """Forget all programs, and `wrt` if it was not given."""
        with self.lock:
            self.kept: OrderedDict[tuple[Part, ...], Specialization] = OrderedDict()
            self.latest: Specialization | None = None
            self.wrt = self.given
            self._within = None

    def find(self, key: tuple[Part, ...]) -> Specialization | None:
        """Return the program for this key, if there is one, which is then the latest."""
        found = self.kept.get(key)
        if found is None or (found.constants and not found.is_current):
            return None
        if found is not self.latest:
            with self.lock:
                if key in self.kept:
                    self.kept.move_to_end(key)
                    self.latest = found
        return found

    def keep(self, key: tuple[Part, ...], made: Specialization) -> None:
        """Keep a new program; the first one says what `wrt` is."""
        if self.wrt is None:
            self.wrt = made.leaves
        self.kept[key] = self.latest = made
        self.kept.move_to_end(key)
        if len(self.kept) > PROGRAMS_KEPT:
            self.kept.popitem(last=False)


def specialize(
    f: Callable[..., Any],
    call: BoundCall,
    name: str,
    programs: Programs,
    *,
    has_aux: bool,
    backend: str,
    kept: Specialization | None = None,
) -> Specialization | None:
    """Trace a function and fold its graph into a program for calls like this one; return `kept` if it is of this graph.

    Where it uses Values that a transform around this place differentiates by, None.
    """
    dynamic = call.form.dynamic
    batched = [call.form.roles[i] == BATCHED for i in dynamic]
    structures = [structure_of(call.key[i]) for i in dynamic]
    names = [call.form.names[i] for i in dynamic]
    traced = _traced(f, call, structures, names, name)
    if any(map(modes.differentiated, traced.before)):
        return None
    modes.read_elsewhere(traced.before)
    if has_aux:
        check_pair(traced.structure, name)
    plain, batch, starts, blocks = _variables(traced.inputs, names, batched)
    theta = traced.captured if programs.wrt is None else programs.wrt
    leaves = list(dict.fromkeys([*theta, *traced.captured]))
    differentiated = len(leaves) if programs.given is None else len(theta)
    begin = len(plain)
    blocks.append(("theta", begin, len(theta), False))
    if len(leaves) > len(theta):
        blocks.append(("captured", begin + len(theta), len(leaves) - len(theta), False))
    results = Results(traced.outputs, traced.structure, traced.order, [*plain, *leaves, *batch])
    roots = [output if isinstance(output, Value) else Constant(output) for output in results.roots]
    order = traced.order
    if has_aux:  # what is beside the value is not differentiated, not even to be multiplied by 0
        with modes.enable_grad():
            roots[1:] = [rules.detached(root) for root in roots[1:]]
        order = [*order, *roots[1:]]
    lowering = Lowering(roots, order, [*plain, *leaves], batch, blocks, begin, differentiated, traced.made)
    if kept is not None and results.is_same(kept.results) and lowering.is_same(kept.program.lowering):
        return kept
    program = compiled(lowering, backend)
    program.constant_results = results.fixed
    condition = is_condition(traced.result[0] if has_aux else traced.result, traced=True)
    scalar = not (leaves or has_aux or any(batched) or condition)
    scalar &= len(dynamic) == len(call.key) and not any(isinstance(part, tuple) for part in call.key)
    return Specialization(
        program,
        results,
        starts,
        structures[0] if structures else None,
        leaves,
        begin,
        len(theta),
        differentiated,
        traced.constants,
        condition,
        scalar,
        call.key,
    )


def _traced(
    f: Callable[..., Any], call: BoundCall, structures: Sequence[Structure], names: list[str], name: str
) -> Trace:
    """Return the graph of a function at the numbers of a call, of a batch at those of its first example."""
    dynamic = call.form.dynamic
    numbers = [
        given[0] if call.form.roles[position] == BATCHED else given
        for position, given in zip(dynamic, call.numbers, strict=True)
    ]
    flat = [given if type(given) is list else np.ravel(given).astype(float).tolist() for given in numbers]

    def on_nodes(*placed: Any) -> Any:
        arguments = list(call.arguments)
        for position, argument in zip(dynamic, placed, strict=True):
            arguments[position] = argument
        return call.form.call(f, arguments)

    on_nodes.__name__ = name
    return trace(on_nodes, list(zip(flat, structures, strict=True)), names)


def _variables(
    inputs: Sequence[list[Value]], names: Sequence[str], batched: Sequence[bool]
) -> tuple[list[Value], list[Value], list[tuple[int, int, bool]], list[NamedSlots]]:
    """Return the plain and the batched variables, and for each argument where they are, without and with its name."""
    plain: list[Value] = []
    batch: list[Value] = []
    starts, blocks = [], []
    for nodes, title, rows in zip(inputs, names, batched, strict=True):
        buffer = batch if rows else plain
        starts.append((len(buffer), len(nodes), rows))
        blocks.append((title, len(buffer), len(nodes), rows))
        buffer += nodes
    return plain, batch, starts, blocks
