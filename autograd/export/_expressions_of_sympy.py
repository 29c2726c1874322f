"""A graph as an expression of SymPy: the symbols of its leaves, its operations, and those of one's own."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, cast
from weakref import WeakValueDictionary

import sympy

from autograd.engine import Constant, Value
from autograd.export._functions_of_sympy import Written
from autograd.export._own_derivatives import are_derivatives_of_formula, structure
from autograd.export._own_operation import formula_of, partials_of
from autograd.export._words_of_sympy import MEMBERS, SYMPY_WORDS, number_of
from autograd.functions.evaluation import check_choices
from autograd.pictures.text import sorted_graph
from autograd.rules import Expression, Operation, composition, identifier, is_own, symbol

_dummies: WeakValueDictionary[int, Any] = WeakValueDictionary()  # by the ids of leaves, each of which its symbol holds
_counter = itertools.count(1)
REMEMBERED = 10_000  # leaves whose symbol, by their label, was asked for, and functions of one's own operations
_asked: dict[int, tuple[Value, str]] = {}


def expression_of(root: Value) -> Any:
    """Return the graph of a Value as an expression of SymPy."""
    order = sorted_graph(root, "to_sympy")
    leaves = [node for node in order if node.op is None and not (isinstance(node, Constant) and not node.label)]
    check_choices(order, leaves, "to_sympy")
    times = Counter(leaf.label for leaf in leaves)
    asked = Counter(leaf.label for leaf in leaves if _asked.get(id(leaf)) == (leaf, leaf.label))
    if asked and (most := asked.most_common(1)[0])[1] > 1:
        raise ValueError(
            f"{most[1]} leaves of this graph are called {most[0]!r}, and to_sympy(leaf) has returned one symbol for "
            "them before; give each a label of its own"
        )
    terms: dict[Value, Any] = {leaf: _symbol_of(leaf, shared=times[leaf.label] > 1) for leaf in leaves}
    if root in terms and type(terms[root]) is not LeafSymbol:
        _asked[id(root)] = root, root.label
        if len(_asked) > REMEMBERED:
            _asked.pop(next(iter(_asked)), None)
    for node in order:
        if node.op is not None:
            terms[node] = symbolic(node.op, [terms[parent] for parent in node.parents])
        elif node not in terms:
            terms[node] = number_of(node.number)
    return terms[root]


def _symbol_of(leaf: Value, *, shared: bool) -> Any:
    """Return the symbol of a leaf: a Dummy where it has no label, or shared one, in this graph or in an earlier one."""
    found = _dummies.get(id(leaf))
    if found is not None and found.label == leaf.label:
        return found
    if leaf.label and (not shared or _asked.get(id(leaf)) == (leaf, leaf.label)):
        return sympy.Symbol(leaf.label, real=True)
    found = LeafSymbol(f"{leaf.label or 'x'}{next(_counter)}", real=True)
    found.leaf, found.label = leaf, leaf.label
    _dummies[id(leaf)] = found
    return found


class LeafSymbol(sympy.Dummy):
    """The symbol of a leaf, which it holds, so that no other object has its id meanwhile."""

    __slots__ = ("__weakref__", "label", "leaf")

    def __copy__(self) -> Any:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return self

    def __reduce_ex__(self, protocol: Any) -> Any:
        return _dummy, (self.name, self.dummy_index)


def _dummy(name: str, index: int) -> Any:
    """Return the symbol of a leaf that is there, or else a Dummy, as in another process."""
    for found in list(_dummies.values()):
        if (found.name, found.dummy_index) == (name, index):
            return found
    return sympy.Dummy(name, dummy_index=index, real=True)


def symbolic(operation: Operation, operands: Sequence[Any]) -> Any:
    """Return an operation on expressions of SymPy."""
    if operation in SYMPY_WORDS:
        return SYMPY_WORDS[operation](*operands)
    if operation.family is not None and operation.family[0] in MEMBERS:
        family, constant = operation.family
        return MEMBERS[family](number_of(constant), *operands)
    if is_own(operation):
        return _own_function(_first(operation))(*operands)
    term = composition(operation, list(map(symbol, range(len(operands)))))
    return _computed(term, dict(enumerate(operands)))


def _computed(term: Any, terms: dict[Any, Any]) -> Any:
    """Return an expression of the table's rows as one of SymPy; `terms` has what its symbols are, by their keys."""
    if not isinstance(term, Expression):
        return number_of(term)
    key = term.key if term.operation is None else (id(term),)
    if key not in terms:
        terms[key] = symbolic(cast("Operation", term.operation), [_computed(part, terms) for part in term.operands])
    return terms[key]


_firsts: WeakValueDictionary[Any, Operation] = WeakValueDictionary()


def _first(operation: Operation) -> Operation:
    """Return the first operation of these functions: one that comes out of a pickle is another with the same."""
    partials = [getattr(partial, "unchecked", partial) for partial in operation.partials]
    return _firsts.setdefault((operation.name, *map(id, (operation.forward, *partials))), operation)


_made: dict[Any, Callable[..., Any]] = {}  # by operations and what they compute, so that equal terms have one class


def _own_function(operation: Operation) -> Callable[..., Any]:
    """Return what writes a user's own operation, whose functions are read anew, as what they use may have changed."""
    slopes = partials_of(operation, "as symbols")
    term = formula_of(operation, list(map(symbol, range(len(slopes)))), "as symbols")
    key = operation, structure(term, slopes)[0]
    if key not in _made:
        _made[key] = _function_of(operation, term, slopes)
        if len(_made) > REMEMBERED:
            _made.pop(next(iter(_made)), None)
    return _made[key]


def _function_of(operation: Operation, term: Any, slopes: Sequence[Any]) -> Callable[..., Any]:
    """Return what writes an operation: as its formula, the term, if the derivatives of this are its partials.

    Otherwise it is a function that has them, and is its formula of numbers and in `expand_func`.
    """

    def formula(*operands: Any) -> Any:
        return _computed(term, dict(enumerate(operands)))

    if are_derivatives_of_formula(operation, term, slopes):
        return formula

    def slope(number: int, y: Any, operands: Sequence[Any]) -> Any:
        return _computed(slopes[number], {**dict(enumerate(operands)), "y": y})

    class Own(Written):
        nargs = len(slopes)

        @classmethod
        def eval(cls, *operands: Any) -> Any:
            return formula(*operands) if all(x.is_number for x in operands) else None

        def fdiff(self, argindex: int = 1) -> Any:
            return slope(argindex - 1, self, self.args)

        def written(self) -> Any:
            return formula(*self.args)

        def _eval_is_extended_real(self) -> Any:
            return True if all(x.is_extended_real for x in self.args) else None

        def __reduce_ex__(self, protocol: Any) -> Any:
            return symbolic, (operation, self.args)

    name = identifier(operation.name)
    Own.__name__ = f"{name}_" if hasattr(sympy, name) else name  # of SymPy's functions its printers know others
    return Own
