"""Vectorization (fold): scalar operations of one kind at one depth of the graph become groups.

Sums written as chains, and the products in them, are first taken together, whatever their writer's style. What is then
alike, the same operation at the same depth, is a group, and is going to be one array instruction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from autograd import rules
from autograd.compiler.steps import Term
from autograd.engine import Value
from autograd.rules import Operation

CHAINS = (rules.add, rules.fsum)
DOTS = (rules.dot, rules.ieee_dot)
IDENTITIES = (rules.positive, rules.power_of.member(1.0))
COLUMNS = 4  # a sum of at most this many terms is written out; of more it is a reduction


@dataclass
class Group:
    """Items that are made alike, and what each is made from."""

    kind: str
    operation: Operation | None
    flags: list[bool]  # of each column of terms (of a product, of its two sides), whether it is batched
    batched: bool  # whether the results are
    members: list[int] = field(default_factory=list)
    terms: list[Sequence[Term]] = field(default_factory=list)
    nodes: int = 0


class Folder:
    """The folding of a sorted graph: `add` makes items of it, in groups of what is alike.

    An item is a number to be computed: a variable, a node, or a product that is part of a sum. The variables, which
    are leaves of the graph, take the first slots of the plain buffer, the batched ones those of the batched buffer.
    """

    def __init__(self, variables: Sequence[Value], batched: Sequence[Value] = ()) -> None:
        self.item: dict[Value, int] = {}
        self.depth: list[int] = []
        self.batched: list[bool] = []
        self.groups: dict[int, dict[Any, Group]] = {}
        self.constants: dict[float, int] = {}
        self.parts: set[int] = set()  # products that occur in one sum only
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
        """The mean number of operands in a group: what an array instruction is going to be worth."""
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
                terms = [self._as_item(self.term(parent)) for parent in node.parents]
                flag = any(self.batched[term] for term in terms)
                if flag:
                    terms = [term if self.batched[term] else self._spread(term) for term in terms]
                self.item[node] = self._make("reduce", op, terms, [flag], 1, (flag, len(terms)))
            else:
                self.item[node] = self._map("map", op, list(map(self.term, node.parents)), 1)
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
        # Backwards, so that the outermost sum of a chain such as ((a + b) + c) + d is met first and takes in the
        # others. What is taken in has no number of its own any more; so it must have no other use than this sum.
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
                # A term that is not active has no count of uses: it stays a term, and becomes part of the offset.
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
        # Products of one kind of factors, such as a weight and an input, make one dot: only then are the dots of all
        # neurons alike, and a group of them can be a matrix product. Other kinds are dots beside it, added to it.
        kinds: dict[Any, tuple[list[Term], list[Term]]] = {}
        pairs = [(self.term(a), self.term(b)) for a, b in products]
        # A mean is a dot with 1/n, so it is grouped, multiplied and differentiated as any other dot is.
        if node.op is rules.mean and len(terms) > 1:
            pairs, terms = [(1.0 / len(terms), self.term(term)) for term in terms], []
        for a, b in pairs:
            if not isinstance(a, int) and not isinstance(b, int):
                offset += a * b
                continue
            # The factors are put in one order, so that it makes no difference whether somebody wrote w * x or x * w.
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
        for term in map(self.term, terms):
            if isinstance(term, int):
                parts.append(term)
            else:
                offset += term
        # In one order, whatever the writer's, so that sums of parts that are alike are alike themselves, column by
        # column.
        parts.sort(key=lambda part: (not self.batched[part], -self.depth[part]))
        nodes = rest
        if len(parts) > COLUMNS:
            # Batched and plain terms are summed apart: a plain sum is done once, and not again for each example.
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

    def term(self, node: Value) -> Term:
        """Return the item of a node; its data, where it does not depend on the variables."""
        item = self.item.get(node)
        return node.number if item is None else item

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
        deepest = 0
        kinds: list[bool | None] = []  # of constants None
        for term in terms:
            if isinstance(term, int):
                deepest = max(deepest, self.depth[term])
                kinds.append(self.batched[term])
            else:
                kinds.append(None)
        return self._grouped(deepest + 1, (kind, op, *kinds), terms, kinds, nodes)

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
        return self._grouped(depth, (kind, op, signature), terms, flags, nodes, batched)

    def _grouped(
        self,
        depth: int,
        key: Any,
        terms: Sequence[Term],
        flags: Sequence[bool | None],
        nodes: int,
        batched: bool = False,
    ) -> int:
        groups = self.groups.setdefault(depth, {})
        group = groups.get(key)
        if group is None:
            group = groups[key] = Group(key[0], key[1], list(map(bool, flags)), batched or any(flags))
        item = self._item(depth, group.batched)
        group.members.append(item)
        group.terms.append(terms)
        group.nodes += nodes
        return item


def _factors(node: Value) -> list[tuple[Value, Value]]:
    """Return the pairs of factors in a product or a dot."""
    parents = node.parents
    half = len(parents) // 2
    return list(zip(parents[:half], parents[half:], strict=True))
