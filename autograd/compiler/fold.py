"""Fold: a graph of scalars becomes a list of array instructions.

Sums written as chains, and the products in them, are first taken together, whatever their writer's style. What is then
alike (the same operation at the same depth) becomes one instruction. A group of dot products whose left factors and
right factors are combined each with each is a matrix product; several of them, of one shape, are a stack of matrices.
The results of an instruction lie side by side, in the order of what they were made from, so that the operands of the
next one are slices rather than scattered numbers.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from autograd import rules
from autograd.compiler.views import Slots, regular
from autograd.operation import Operation
from autograd.value import Value

Term: TypeAlias = "int | float"  # what an item is made from: the number of another item; a float is a constant

CHAINS = (rules.add, rules.fsum)
DOTS = (rules.dot, rules.ieee_dot)
IDENTITIES = (rules.positive, rules.power_of.member(1.0))
COLUMNS = 4  # a sum of at most this many terms is written out; of more it is a reduction


@dataclass
class Operand:
    """The slots of an operand's numbers, in an array of any shape; or the numbers, where they are constants."""

    slots: Slots
    batched: bool = False
    constants: NDArray[np.float64] | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the array."""
        return self.slots.shape if self.constants is None else self.constants.shape

    def reshape(self, shape: tuple[int, ...]) -> Operand:
        """Return the operand in another shape of as many numbers."""
        if self.constants is None:
            return Operand(self.slots.reshape(shape), self.batched)
        return Operand(self.slots, constants=self.constants.reshape(shape))


def constant(numbers: Any) -> Operand:
    """Return an operand of constants."""
    return Operand(np.zeros(0, dtype=np.intp), constants=np.array(numbers, dtype=float))


@dataclass
class Instruction:
    """One array operation: `kind` is "map" (of `operation`), "add", "sum", "reduce" (of `operation`) or "product".

    The operands of a map and the terms of an add have one number for each of the results. The operand of a sum or a
    reduction is a matrix with a row for each result. The operands of a product are stacks of matrices, (c, n, k) and
    (c, m, k), and its results are (c, n, m); its addends, such as a bias, have that shape too. Results are in the slots
    from `start` on.
    """

    kind: str
    operation: Operation | None
    operands: list[Operand]
    start: int
    shape: tuple[int, ...]
    batched: bool
    nodes: int  # how many of the graph's nodes it stands for
    addends: list[Operand] = field(default_factory=list)

    @property
    def count(self) -> int:
        """The number of results."""
        return math.prod(self.shape)


@dataclass
class Folded:
    """What a graph became: instructions, and where its roots are."""

    instructions: list[Instruction]
    inputs: tuple[int, int]  # how many variables are in the plain buffer and in the batched one
    slots: tuple[int, int]  # how many slots there are in all
    constants: tuple[int, list[float]]  # where in the plain buffer they begin, and what they are
    roots: list[tuple[Term, bool]]  # for each root its slot, or its value where it is a constant; and whether batched
    nodes: int


@dataclass
class _Group:
    """Items that are made alike, and what each is made from."""

    kind: str
    operation: Operation | None
    flags: list[bool]  # of each column of terms (of a product, of its two sides), whether it is batched
    batched: bool  # whether the results are
    members: list[int] = field(default_factory=list)
    terms: list[Sequence[Term]] = field(default_factory=list)
    nodes: int = 0


class Folder:
    """What folds a sorted graph: `add` makes items and groups of it, `laid_out` gives them slots and instructions.

    An item is a number to be computed: a variable, a node, or a product that is part of a sum. The variables, which
    are leaves of the graph, take the first slots of the plain buffer, the batched ones those of the batched buffer.
    """

    def __init__(self, variables: Sequence[Value], batched: Sequence[Value] = ()) -> None:
        self.item: dict[Value, int] = {}
        self.depth: list[int] = []
        self.batched: list[bool] = []
        self.groups: dict[int, dict[Any, _Group]] = {}
        self.constants: dict[float, int] = {}
        self.parts: set[int] = set()  # products that occur in one sum only
        self.products: dict[tuple[int, bool], Instruction] = {}  # by their first slot, and whether batched
        self.sizes = len(variables), len(batched)
        self.nodes = 0
        for flag, leaves in ((False, variables), (True, batched)):
            for leaf in leaves:
                self.item[leaf] = self._item(0, flag)

    def _item(self, depth: int, batched: bool) -> int:
        self.depth.append(depth)
        self.batched.append(batched)
        return len(self.depth) - 1

    @property
    def width(self) -> float:
        """How many operands there are for each group of alike: what an array instruction is going to be worth."""
        groups = [group for alike in self.groups.values() for group in alike.values()]
        return sum(len(terms) for group in groups for terms in group.terms) / max(1, len(groups))

    # From nodes to items

    def add(self, order: Sequence[Value], roots: Sequence[Value]) -> None:
        """Make the items of a graph."""
        active, uses = self._active(order)
        for root in roots:
            uses[root] = 2  # never a part of another sum
        sums, absorbed = self._sums(active, uses)
        for node in active:
            if node in absorbed:
                continue
            op = node.op
            if node in sums:
                self.item[node] = self._sum(node, *sums[node])
            elif op is not None and op.arity is None:
                terms = [self._as_item(self._term(parent)) for parent in node.parents]
                flag = any(self.batched[term] for term in terms)
                if flag:
                    terms = [term if self.batched[term] else self._spread(term) for term in terms]
                self.item[node] = self._make("reduce", op, terms, [flag], 1, (flag, len(terms)))
            else:
                self.item[node] = self._map("map", op, list(map(self._term, node.parents)), 1)
        self.nodes = len(active)

    def _active(self, order: Sequence[Value]) -> tuple[list[Value], dict[Value, int]]:
        """Return the nodes that depend on variables, and how often each of these and the variables is used."""
        uses = dict.fromkeys(self.item, 0)
        active = []
        for node in order:
            if node.op is not None:
                found = False
                for parent in node.parents:
                    if parent in uses:
                        uses[parent] += 1
                        found = True
                if found:
                    uses[node] = 0
                    active.append(node)
        return active, uses

    def _sums(
        self, active: Sequence[Value], uses: dict[Value, int]
    ) -> tuple[dict[Value, tuple[list[tuple[Value, Value]], list[Value], int]], set[Value]]:
        """Return for each sum its products and its other terms, and the nodes that are parts of sums only."""
        sums = {}
        absorbed: set[Value] = set()
        for node in reversed(active):
            if node in absorbed or (node.op not in CHAINS and node.op not in DOTS and node.op is not rules.mean):
                continue
            products: list[tuple[Value, Value]] = []
            terms: list[Value] = []
            before = len(absorbed)
            stack: list[Value] = []
            if node.op in DOTS:
                products += _factors(node)
            elif node.op is rules.mean:  # of its terms as they are: it divides by their number
                terms += node.parents
            else:
                stack += reversed(node.parents)
            while stack:
                term = stack.pop()
                op = term.op if uses.get(term, 2) == 1 else None
                if op in CHAINS:
                    absorbed.add(term)
                    stack += reversed(term.parents)
                elif op is rules.mul or op in DOTS:
                    absorbed.add(term)
                    products += _factors(term)
                else:
                    terms.append(term)
            sums[node] = products, terms, len(absorbed) - before + 1
        return sums, absorbed

    def _sum(self, node: Value, products: list[tuple[Value, Value]], terms: list[Value], nodes: int) -> int:
        """Return the item of a sum: of one product for each kind of factors, and of the other terms."""
        offset = 0.0
        kinds: dict[Any, tuple[list[Term], list[Term]]] = {}
        pairs = [(self._term(a), self._term(b)) for a, b in products]
        if node.op is rules.mean:
            pairs, terms = [(1.0 / len(terms), self._term(term)) for term in terms], []
        for a, b in pairs:
            if not isinstance(a, int) and not isinstance(b, int):
                offset += a * b
                continue
            left, right = self._kind(a), self._kind(b)
            if left > right:
                (left, a), (right, b) = (right, b), (left, a)
            lefts, rights = kinds.setdefault((left, right), ([], []))
            lefts.append(a)
            rights.append(b)
        parts: list[int] = []
        nodes, rest = (0, nodes) if not kinds else (nodes, 0)  # of the sum: those of its products, or of itself
        for (left, right), (lefts, rights) in kinds.items():
            if len(lefts) == 1:
                parts.append(self._map("map", rules.mul, [lefts[0], rights[0]], nodes))
            else:
                flags = [left[0], right[0]]
                signature = left, right, len(lefts)
                parts.append(self._make("product", None, [*lefts, *rights], flags, nodes, signature))
                self.parts.add(parts[-1])
            nodes = 0
        for term in map(self._term, terms):
            if isinstance(term, int):
                parts.append(term)
            else:
                offset += term
        parts.sort(key=lambda part: (not self.batched[part], -self.depth[part]))
        nodes = rest
        if len(parts) > COLUMNS:
            whole = []
            for flag in (False, True):
                alike = [part for part in parts if self.batched[part] is flag]
                if len(alike) > 1:
                    alike = [self._make("sum", None, alike, [flag], nodes, (flag, len(alike)))]
                whole += alike
            parts, nodes = whole, 0
        if len(parts) == 1 and offset == 0.0:
            self.parts.discard(parts[0])
            return parts[0]
        return self._map("add", None, [*parts, offset] if offset != 0.0 else [*parts], nodes)

    def _term(self, node: Value) -> Term:
        item = self.item.get(node)
        return node._datum if item is None else item

    def _kind(self, term: Term) -> tuple[bool, float]:
        """Return by what the two factors of a product are told apart: variables, constants, then results by depth."""
        return (self.batched[term], self.depth[term]) if isinstance(term, int) else (False, 0.5)

    def _as_item(self, term: Term) -> int:
        if isinstance(term, int):
            return term
        if term not in self.constants:
            self.constants[term] = self._item(0, False)
        return self.constants[term]

    def _spread(self, term: int) -> int:
        """Return a copy of a plain item for each example of the batch."""
        return self._make("map", rules.positive, [term], [False], 0, "spread", batched=True)

    def _map(self, kind: str, op: Operation | None, terms: list[Term], nodes: int) -> int:
        if op in IDENTITIES:
            return next(term for term in terms if isinstance(term, int))
        kinds = tuple([self.batched[term] if isinstance(term, int) else None for term in terms])
        return self._make(kind, op, terms, list(map(bool, kinds)), nodes, kinds)

    def _make(
        self,
        kind: str,
        op: Operation | None,
        terms: Sequence[Term],
        flags: list[bool],
        nodes: int,
        signature: Any,
        batched: bool = False,
    ) -> int:
        """Return a new item that is made from these terms, in the group of its like."""
        depth = 1 + max([self.depth[term] for term in terms if isinstance(term, int)])
        groups = self.groups.setdefault(depth, {})
        key = kind, op, signature
        group = groups.get(key)
        if group is None:
            group = groups[key] = _Group(kind, op, flags, batched or any(flags))
        item = self._item(depth, group.batched)
        group.members.append(item)
        group.terms.append(terms)
        group.nodes += nodes
        return item

    # From items to slots

    def laid_out(self, roots: Sequence[Value]) -> Folded:
        """Give every item its slot, and return the instructions."""
        self.slot = np.zeros(len(self.depth), dtype=np.intp)
        self.free = [0, 0]
        for leaf_items, flag in ((range(self.sizes[0]), False), (range(self.sizes[0], sum(self.sizes)), True)):
            self._place(leaf_items, flag)
        constants = self.free[0], list(self.constants)
        self._place(self.constants.values(), False)
        instructions = [
            instruction
            for depth in sorted(self.groups)
            for group in self.groups[depth].values()
            for instruction in self._lay_out(group)
        ]
        terms = [(self._term(root), root in self.item and self.batched[self.item[root]]) for root in roots]
        where: list[tuple[Term, bool]] = [
            (int(self.slot[term]) if isinstance(term, int) else term, flag) for term, flag in terms
        ]
        return Folded(instructions, self.sizes, (self.free[0], self.free[1]), constants, where, self.nodes)

    def _place(self, items: Iterable[int], batched: bool) -> int:
        """Give items, in their order, the next slots; return the first of these."""
        listed = np.fromiter(items, dtype=np.intp)
        start = self.free[batched]
        self.slot[listed] = np.arange(start, start + len(listed))
        self.free[batched] += len(listed)
        return start

    def _lay_out(self, group: _Group) -> list[Instruction]:
        if group.kind == "product":
            return self._lay_out_products(group)
        members, batched = np.array(group.members), group.batched
        if group.kind in ("sum", "reduce"):
            slots = self.slot[np.array(group.terms)]
            by_row = np.argsort(slots[:, 0], kind="stable")
            operands = [Operand(slots[by_row], group.flags[0])]
        else:
            columns = [np.array(column) for column in zip(*group.terms, strict=True)]
            slots_of = {j: self.slot[column] for j, column in enumerate(columns) if column.dtype.kind == "i"}
            by_row = np.argsort(max(slots_of.values(), key=_distinct), kind="stable")
            operands = [
                Operand(slots_of[j][by_row], flag) if j in slots_of else constant(column[by_row])
                for j, (column, flag) in enumerate(zip(columns, group.flags, strict=True))
            ]
            if group.kind == "add" and self._added_to_product(group, columns, operands, members[by_row]):
                return []
        start = self._place(members[by_row], batched)
        return [Instruction(group.kind, group.operation, operands, start, (len(members),), batched, group.nodes)]

    def _added_to_product(
        self, group: _Group, columns: list[NDArray[Any]], operands: list[Operand], members: NDArray[Any]
    ) -> bool:
        """Have a product add the other terms itself, if these are the sums of all its results and of nothing else."""
        for column, operand in zip(columns, operands, strict=True):
            first = int(operand.slots[0]) if operand.constants is None else None
            product = None if first is None else self.products.get((first, operand.batched))
            if (
                product is None
                or (product.count, product.batched, operand.batched) != (len(members), group.batched, group.batched)
                or not np.array_equal(operand.slots, np.arange(product.start, product.start + product.count))
                or not self.parts.issuperset(column.tolist())
            ):
                continue
            others = [other for other in range(len(columns)) if operands[other] is not operand]
            terms = [term for j in others if operands[j].constants is None for term in columns[j].tolist()]
            if max([self.depth[term] for term in terms], default=0) >= self.depth[column[0]]:
                continue  # not computed yet where the product is
            for j in others:
                addend = operands[j].reshape(product.shape)
                if not _as_column(product, addend):
                    product.addends.append(addend)
            product.nodes += group.nodes
            self.slot[members] = operand.slots
            return True
        return False

    def _lay_out_products(self, group: _Group) -> list[Instruction]:
        width = len(group.terms[0]) // 2
        lefts, rights = _Rows(group.terms, slice(0, width)), _Rows(group.terms, slice(width, 2 * width))
        edges: dict[tuple[int, int], list[int]] = {}
        for edge, member in zip(zip(lefts.of, rights.of, strict=True), group.members, strict=True):
            edges.setdefault(edge, []).append(member)
        for members in edges.values():
            if len(members) > 1:  # they share a slot, to which nothing may be added for one of them
                self.parts.difference_update(members)
        stacks: dict[tuple[int, int], list[tuple[list[int], list[int]]]] = {}
        for left, right in _grids(edges, len(lefts.rows), len(rights.rows)):
            stacks.setdefault((len(left), len(right)), []).append((left, right))
        instructions = []
        for (m, n), blocks in stacks.items():
            for left, right in blocks:
                left.sort(key=lambda row: lefts.position(row, self.slot))
                right.sort(key=lambda row: rights.position(row, self.slot))
            blocks.sort(key=lambda block: (rights.position(block[1][0], self.slot), block[0]))
            batched = group.batched
            shape = len(blocks), n, m
            start = self.free[batched]
            self.free[batched] += math.prod(shape)
            position = start
            for left, right in blocks:
                for r in right:
                    for one in left:
                        for member in edges[one, r]:
                            self.slot[member] = position
                        position += 1
            operands = [
                rights.operand([right for _, right in blocks], self.slot, group.flags[1]),
                lefts.operand([left for left, _ in blocks], self.slot, group.flags[0]),
            ]
            nodes = group.nodes * math.prod(shape) // len(edges)
            instructions.append(Instruction("product", None, operands, start, shape, batched, nodes))
            self.products[start, batched] = instructions[-1]
        return instructions


class _Rows:
    """The distinct tuples of factors on one side of a group of products, and which of them each product has."""

    def __init__(self, terms: Sequence[Sequence[Term]], part: slice) -> None:
        numbers: dict[tuple[Term, ...], int] = {}
        self.of = [numbers.setdefault(tuple(row[part]), len(numbers)) for row in terms]
        self.rows = list(numbers)
        self.constant = isinstance(self.rows[0][0], float)

    def position(self, row: int, slot: Slots) -> int:
        """Return by what the rows are put in order."""
        first = self.rows[row][0]
        return int(slot[first]) if isinstance(first, int) else row

    def operand(self, blocks: list[list[int]], slot: Slots, batched: bool) -> Operand:
        table = np.array([[self.rows[row] for row in block] for block in blocks])
        return constant(table) if self.constant else Operand(slot[table], batched)


def _as_column(product: Instruction, addend: Operand) -> bool:
    """Have a product with constants multiply a bias too, by ones in another column; return whether that is possible."""
    for constants, axis in ((0, 1), (1, 2)):
        numbers, other = product.operands[constants], product.operands[1 - constants]
        once = np.take(addend.slots, [0], axis=axis) if addend.constants is None else None
        if numbers.constants is None or once is None or other.constants is not None or addend.batched != other.batched:
            continue
        slots = np.concatenate([other.slots, once.swapaxes(1, 2) if axis == 1 else once], axis=2)
        if (addend.slots == once).all() and regular(slots) is not None:
            ones = np.ones((*numbers.constants.shape[:2], 1))
            product.operands[constants] = constant(np.concatenate([numbers.constants, ones], axis=2))
            product.operands[1 - constants] = Operand(slots, other.batched)
            return True
    return False


def _distinct(slots: Slots) -> int:
    return len(np.unique(slots))


def _factors(node: Value) -> list[tuple[Value, Value]]:
    """Return the pairs of factors in a product or a dot."""
    parents = node.parents
    half = len(parents) // 2
    return list(zip(parents[:half], parents[half:], strict=True))


def _grids(edges: Iterable[tuple[int, int]], m: int, n: int) -> list[tuple[list[int], list[int]]]:
    """Split pairs of (left, right) into grids, in each of which every left occurs with every right.

    The connected components of the bipartite graph are grids as a rule; the pairs of one that is not stay single.
    """
    listed = list(edges)
    if len(listed) == m * n:
        return [(list(range(m)), list(range(n)))]
    parent = list(range(m + n))

    def top(vertex: int) -> int:
        while parent[vertex] != vertex:
            parent[vertex] = parent[parent[vertex]]
            vertex = parent[vertex]
        return vertex

    for left, right in listed:
        parent[top(left)] = top(m + right)
    components: dict[int, list[tuple[int, int]]] = {}
    for edge in listed:
        components.setdefault(top(edge[0]), []).append(edge)
    grids = []
    for component in components.values():
        lefts, rights = list(dict.fromkeys(e[0] for e in component)), list(dict.fromkeys(e[1] for e in component))
        if len(component) == len(lefts) * len(rights):
            grids.append((lefts, rights))
        else:
            grids += [([left], [right]) for left, right in component]
    return grids
