"""Memory layout (place): groups of items become array instructions, and every item gets a slot in a buffer.

A group of dot products whose left factors and right factors are combined each with each is a matrix product; several of
them, of one shape, are a stack of matrices. The results of an instruction lie side by side, in the order of what they
were made from, so that the operands of the next one are slices rather than scattered numbers.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd import rules
from autograd.compiler._fold import Folder, Group
from autograd.compiler.instructions import Code, Instruction, Operand, Slots, constant
from autograd.compiler.steps import Term, excusing, may_raise
from autograd.compiler.views import common_shape, regular
from autograd.engine import Value
from autograd.rules import Expression, symbol


def placed(folder: Folder, roots: Sequence[Value]) -> Code:
    """Return the instructions that compute the roots of what was folded."""
    return _Placer(folder).code(roots)


class _Placer:
    """The allocation of slots to items: the variables take the first ones, then the constants, then results."""

    def __init__(self, folder: Folder) -> None:
        self.folder = folder
        self.slot = np.zeros(len(folder.depth), dtype=np.intp)
        self.free = [0, 0]
        self.products: dict[tuple[int, bool], Instruction] = {}  # by their first slot, and whether batched

    def code(self, roots: Sequence[Value]) -> Code:
        """Give every item its slot, and return the instructions."""
        folder = self.folder
        plain, batched = folder.sizes
        self._place(range(plain), False)
        self._place(range(plain, plain + batched), True)
        constants = self.free[0], list(folder.constants)
        self._place(folder.constants.values(), False)
        instructions = [
            instruction
            for depth in sorted(folder.groups)
            for group in folder.groups[depth].values()
            for instruction in self._lay_out(group)
        ]
        where: list[tuple[Term, bool]] = []
        for root in roots:
            term = folder.term(root)
            where.append((int(self.slot[term]), folder.batched[term]) if isinstance(term, int) else (term, False))
        code = Code(instructions, folder.sizes, self.free, constants, where, folder.nodes)
        for instruction in instructions:
            results = instruction.destination
            if results.batched:
                code.blocks.append((int(results.slots.flat[0]), len(np.unique(results.slots))))
            if instruction.kind == "product" or instruction.operation in (None, rules.add):
                code.sums.append(instruction)
            elif may_raise(instruction.operation):
                code.risky.append((results, excusing(instruction.operation, instruction.operands)))
        return code

    def _place(self, items: Iterable[int], batched: bool) -> int:
        """Give items, in their order, the next slots; return the first of these."""
        listed = np.fromiter(items, dtype=np.intp)
        start = self.free[batched]
        self.slot[listed] = np.arange(start, start + len(listed))
        self.free[batched] += len(listed)
        return start

    def _lay_out(self, group: Group) -> list[Instruction]:
        if group.kind == "product":
            return self._lay_out_products(group)
        members, batched = np.array(group.members), group.batched
        if group.kind in ("sum", "reduce"):
            slots = self.slot[np.array(group.terms)]
            by_row = np.argsort(slots[:, 0], kind="stable")
            operand = Operand(slots[by_row], group.flags[0])
            results = self._results(members[by_row], batched)
            if group.operation is not None:
                expression = Expression(group.operation, [symbol(0)])
                return [Instruction("reduce", results, [operand], expression, nodes=group.nodes)]
            every = results.arranged(lambda row: np.broadcast_to(row[:, None], operand.shape))  # all arrive at one slot
            return [Instruction("map", every, [operand], nodes=group.nodes)]
        columns = [np.array(column) for column in zip(*group.terms, strict=True)]
        slots_of = {j: self.slot[column] for j, column in enumerate(columns) if column.dtype.kind == "i"}
        # The rows are ordered by their most varied operand: it is most likely a slice then, and the results lie as it
        # does.
        by_row = np.argsort(max(slots_of.values(), key=_distinct), kind="stable")
        operands = [
            Operand(slots_of[j][by_row], flag) if j in slots_of else constant(column[by_row])
            for j, (column, flag) in enumerate(zip(columns, group.flags, strict=True))
        ]
        if group.kind == "add" and self._added_to_product(group, columns, operands, members[by_row]):
            return []
        symbols = list(map(symbol, range(len(operands))))
        expression = Expression(group.operation, symbols) if group.operation else sum(symbols[1:], start=symbols[0])
        # A shape in which all regular operands are strided: a bias that repeats for each row of a matrix, say, makes
        # the map one of (rows, columns) along which the bias has stride 0, so nothing is gathered.
        regular_ones = [operand.slots for operand in operands if operand.constants is None]
        regular_ones = [slots for slots in regular_ones if common_shape([slots])]
        shape = (common_shape(regular_ones) if regular_ones else None) or (len(members),)
        results = self._results(members[by_row], batched).reshape(shape)
        operands = [operand.reshape(shape) for operand in operands]
        return [Instruction("map", results, operands, expression, nodes=group.nodes)]

    def _results(self, members: NDArray[Any], batched: bool) -> Operand:
        """Give items the next slots, and return these."""
        start = self._place(members, batched)
        return Operand(np.arange(start, start + len(members)), batched)

    def _added_to_product(
        self, group: Group, columns: list[NDArray[Any]], operands: list[Operand], members: NDArray[Any]
    ) -> bool:
        """Have a product add the other terms itself, if these are the sums of all its results and of nothing else."""
        for column, operand in zip(columns, operands, strict=True):
            first = int(operand.slots[0]) if operand.constants is None else None
            product = None if first is None else self.products.get((first, operand.batched))
            # The sum takes over the slots of the product. So these must be all of the product's results, in its order,
            # and nothing else may read one of them before the other terms are added (`parts`: of one sum only).
            if (
                product is None
                or (product.destination.slots.size, operand.batched) != (len(members), group.batched)
                or not np.array_equal(operand.slots, product.destination.slots.ravel())
                or not self.folder.parts.issuperset(column.tolist())
            ):
                continue
            others = [other for other in range(len(columns)) if operands[other] is not operand]
            terms = [term for j in others if operands[j].constants is None for term in columns[j].tolist()]
            if max([self.folder.depth[term] for term in terms], default=0) >= self.folder.depth[column[0]]:
                continue  # not computed yet where the product is
            for j in others:
                addend = operands[j].reshape(product.destination.shape)
                if not _as_column(product, addend):
                    product.operands.append(addend)
            product.nodes += group.nodes
            self.slot[members] = operand.slots
            return True
        return False

    def _lay_out_products(self, group: Group) -> list[Instruction]:
        # Each product is an edge from its left tuple of factors to its right one. In a layer every weight row meets
        # every example: the edges are a full grid, and the grid is the matrix product of the distinct rows of both
        # sides.
        width = len(group.terms[0]) // 2
        lefts, rights = _Rows(group.terms, slice(0, width)), _Rows(group.terms, slice(width, 2 * width))
        edges: dict[tuple[int, int], list[int]] = {}
        for edge, member in zip(zip(lefts.of, rights.of, strict=True), group.members, strict=True):
            edges.setdefault(edge, []).append(member)
        for members in edges.values():
            if len(members) > 1:  # they share a slot, to which nothing may be added for one of them
                self.folder.parts.difference_update(members)
        # Grids of one shape, such as the heads of an attention, are one product of stacks of matrices.
        stacks: dict[tuple[int, int], list[tuple[list[int], list[int]]]] = {}
        for left, right in _grids(edges, len(lefts.rows), len(rights.rows)):
            stacks.setdefault((len(left), len(right)), []).append((left, right))
        instructions = []
        # Rows in the order of their slots: where the weights of a layer lie one after the other, the matrix is a
        # reshaped slice of the buffer. The results lie right row by right row, as the right side is the first matrix of
        # the instruction.
        for (m, n), blocks in stacks.items():
            for left, right in blocks:
                left.sort(key=lambda row: lefts.position(row, self.slot))
                right.sort(key=lambda row: rights.position(row, self.slot))
            blocks.sort(key=lambda block: (rights.position(block[1][0], self.slot), block[0]))
            batched = group.batched
            shape = len(blocks), n, m
            start = position = self.free[batched]
            self.free[batched] += math.prod(shape)
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
            results = Operand(np.arange(start, position).reshape(shape), batched)
            instructions.append(Instruction("product", results, operands, nodes=nodes))
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
        # [x 1] @ [w b].T is x @ w.T + b, without a pass over the results. It is worth it only if b lies where the slice
        # of w goes on, as it does for the parameters of a neuron; else w and b would have to be gathered for each run.
        slots = np.concatenate([other.slots, once.swapaxes(1, 2) if axis == 1 else once], axis=2)
        if (addend.slots == once).all() and regular(slots) is not None:
            ones = np.ones((*numbers.constants.shape[:2], 1))
            product.operands[constants] = constant(np.concatenate([numbers.constants, ones], axis=2))
            product.operands[1 - constants] = Operand(slots, other.batched)
            return True
    return False


def _distinct(slots: Slots) -> int:
    return len(np.unique(slots))


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

    # Union-find: left and right rows are one component if a product joins them.
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
