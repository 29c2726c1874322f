"""LaTeX: a graph as a formula of a textbook, with its shared parts named once.

A formula that is written out where a part is used twice doubles with every such part; named, it grows with the graph. A
part that would be too large for a line has a name too.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from autograd import rules
from autograd.engine import Constant, Value
from autograd.pictures.page.formulas import FORMULAS, Formulas
from autograd.pictures.text import sorted_graph
from autograd.rules import (
    ATOM,
    CHOICE,
    COMPARISON,
    COMPARISONS,
    EITHER,
    POWER,
    PRODUCT,
    SIGN,
    SUM,
    Expression,
    NAry,
    Operation,
    is_own,
    symbol,
)

LARGEST = 40  # operations that are written as one formula
GREEK = {
    *("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu", "nu"),
    *("xi", "pi", "rho", "sigma", "tau", "phi", "chi", "psi", "omega"),
    *("Gamma", "Delta", "Theta", "Lambda", "Xi", "Pi", "Sigma", "Phi", "Psi", "Omega"),
}
ESCAPED = {character: f"\\{character}" for character in "{}$&#_%"}
# These three leave the text, for commands of math mode: MathJax has none for them in text.
ESCAPED |= {"\\": r"}\backslash\text{", "^": r"}\hat{\ }\text{", "~": r"}{\sim}\text{"}


class LaTeX(str):
    """A string of LaTeX that a notebook shows typeset, and a `print` as it is."""

    __slots__ = ()

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self}$"


def to_latex(root: Value) -> LaTeX:
    r"""Return the graph of a Value as a formula in LaTeX; a notebook shows it typeset.

    Leaves and parts are called by their labels. What is used more than once has a name, and a line before the formula.
    The side of a choice by a plain bool, such as that of x > 0, stands as "chosen": at other numbers it may be another.

    >>> a, b, c = Value(2.0, "a"), Value(-3.0, "b"), Value(10.0, "c")
    >>> print(to_latex((a + b) * c / 2))
    \frac{\left(a + b\right) \cdot c}{2}
    >>> s = a * b
    >>> print(to_latex(s / (1 + s)))
    \begin{aligned}
    v_{1} &= a \cdot b \\
    v_{2} &= \frac{v_{1}}{1 + v_{1}}
    \end{aligned}
    """
    order = sorted_graph(root, "to_latex")
    parts, terms = named_parts(order)
    names = tex_names(order, [node for node, _ in parts])
    if len(parts) < 2:
        formula = TEX.source(parts[0][1] if parts else terms[root], names.__getitem__)
        return LaTeX(f"{names[root]} = {formula}" if parts and root.label else formula)
    return aligned([names[node], TEX.source(part, names.__getitem__)] for node, part in parts)


def aligned(rows: Iterable[Sequence[str]]) -> LaTeX:
    """Return equations below each other: of each row the parts that are equal."""
    lines = (f"{left} &= {' = '.join(rights)}" for left, *rights in rows)
    return LaTeX("\n".join([r"\begin{aligned}", " \\\\\n".join(lines), r"\end{aligned}"]))


def named_parts(order: Sequence[Value]) -> tuple[list[tuple[Value, Expression]], dict[Value, Any]]:
    """Return the parts that have names, as expressions of leaves and of parts before them; and what each node is."""
    uses = Counter(parent for node in order for parent in node.parents)
    parts: list[tuple[Value, Expression]] = []
    terms: dict[Value, Any] = {}
    sizes: dict[Value, int] = {}
    for node in order:
        sizes[node] = 1 + sum(sizes[parent] for parent in node.parents)
        if node.op is None:
            terms[node] = term_of(node)
            continue
        terms[node] = applied(node.op, [terms[parent] for parent in node.parents])
        if node is order[-1] or uses[node] > 1 or sizes[node] > LARGEST:
            parts.append((node, terms[node]))
            terms[node], sizes[node] = symbol(node), 1
    return parts, terms


def applied(operation: Operation, operands: Sequence[Any]) -> Expression:
    """Return an operation on operands; of a comparison, the number that it gives."""
    whole = Expression(operation, operands)
    return Expression(rules.where, [whole, 1.0, 0.0]) if operation in COMPARISONS else whole


def term_of(node: Value) -> Any:
    """Return what stands for a node: the number, of a constant without a label; else its symbol."""
    return node.number if isinstance(node, Constant) and not node.label else symbol(node)


def tex_names(order: Sequence[Value], named: Iterable[Value]) -> dict[Value, str]:
    """Return a name for each leaf and each of the named nodes, all different: its label, else v with a number.

    What has a label that another one has has a further index, as w with the indices 0 and 2 is the second "w0".
    """
    chosen = set(named)
    names: dict[Value, str] = {}
    taken = {tex_name(node.label) for node in order if node.label}
    fresh = (name for number in range(1, len(order) + len(taken) + 1) if (name := f"v_{{{number}}}") not in taken)
    used: set[str] = set()
    numbers: dict[str, int] = {}
    for node in order:
        if node in chosen or (node.op is None and isinstance(term_of(node), Expression)):
            name = tex_name(node.label) if node.label else next(fresh)
            first = name
            while name in used or (name != first and name in taken):
                index = numbers[first] = numbers.get(first, 1) + 1
                name = f"{first.removesuffix('}')},{index}}}" if "_{" in first else f"{first}_{{{index}}}"
            names[node] = name
            used.add(name)
    return names


def tex_name(label: str) -> str:
    r"""Return a label as a name in a formula; what is no name is set as text.

    >>> tex_name("w12"), tex_name("x_in"), tex_name("alpha"), tex_name("loss"), tex_name("50% & more")
    ('w_{12}', 'x_{\\mathrm{in}}', '\\alpha', '\\mathrm{loss}', '\\text{50\\% \\& more}')
    """
    if found := re.fullmatch(r"([A-Za-z]+)_?([0-9]+)|([A-Za-z]+)(?:_([A-Za-z]+))?", label):
        word, index = found[1] or found[3], found[2] or found[4]
        return _word(word) + (f"_{{{index if index.isdigit() else _word(index)}}}" if index else "")
    letters = re.findall("[\u203c-\u2bff][\u0300-\u036f]*|.", label, re.DOTALL)  # a symbol with its accents is one
    return rf"\text{{{''.join(map(_in_text, letters))}}}"


def _in_text(letter: str) -> str:
    if not letter.isprintable():
        return " "
    is_symbol = "\u203c" <= letter <= "\u2bff"  # of which KaTeX has many in math mode only, as that of a sum
    return rf"}}{letter}\text{{" if is_symbol else ESCAPED.get(letter, letter)


def _word(word: str) -> str:
    return word if len(word) == 1 else f"\\{word}" if word in GREEK else rf"\mathrm{{{word}}}"


def tex_number(value: float, digits: int | None = None) -> str:
    r"""Write a number, exactly or with so many digits.

    >>> tex_number(2.0), tex_number(-1e-7), tex_number(1 / 3, 6)
    ('2', '-1 \\cdot 10^{-7}', '0.333333')
    """
    if value != value or value - value != 0.0:
        return r"\mathrm{nan}" if value != value else r"\infty" if value > 0.0 else r"-\infty"
    written = repr(value).removesuffix(".0") if digits is None else f"{value:.{digits}g}"
    mantissa, _, exponent = written.partition("e")
    return rf"{mantissa.removesuffix('.0')} \cdot 10^{{{int(exponent)}}}" if exponent else written


def _function(name: str, operands: int = 1) -> str:
    return rf"{name}\left({', '.join(['{}'] * operands)}\right)"


@dataclass(frozen=True)
class TeX(Formulas):
    """The dialect of LaTeX; `digits`: of its numbers, None for all."""

    digits: int | None = None

    def _print(self, term: Any, name: Callable[[Any], str]) -> tuple[str, int]:
        term = self.rewritten(term)
        if not isinstance(term, Expression):
            written = tex_number(term, self.digits)
            return written, SUM if written.startswith("-") else PRODUCT if "cdot" in written else ATOM
        operands = term.operands
        if term.operation is rules.where and (not _is_condition(operands[0]) or _are_numbers(operands[1:])):
            a, b = [self._print(operand, name)[0] for operand in operands[1:]]
            return self.choice(a, self._condition(operands[0], name), b)
        if term.operation is rules.either:
            return r" \lor ".join(self._condition(operand, name) for operand in operands), EITHER
        return super()._print(term, name)

    def enclosed(self, source: str, binds: int, wanted: int) -> str:
        """Return a source that binds so tightly, in parentheses where more is wanted."""
        return rf"\left({source}\right)" if binds < wanted else source

    def _condition(self, term: Any, name: Callable[[Any], str]) -> str:
        if isinstance(term, Expression) and term.operation is rules.where and _are_numbers(term.operands[1:]):
            condition, *sides = term.operands  # the number that a comparison gives
            term = condition if sides == [1.0, 0.0] else term
        source, _ = self._print(term, name)
        return source if _is_condition(term) else rf"{source} \neq 0"

    def _power(self, base: Any, exponent: float, name: Callable[[Any], str]) -> tuple[str, int]:
        source, binds = self._print(base, name)
        if exponent == 1.0:
            return source, binds
        return f"{self.enclosed(source, binds, ATOM)}^{{{tex_number(exponent, self.digits)}}}", POWER

    def choice(self, a: str, condition: str, b: str) -> tuple[str, int]:
        """Write a choice between two sources, and say how tightly it binds."""
        return rf"\begin{{cases}} {a} & {condition} \\ {b} & \text{{otherwise}} \end{{cases}}", CHOICE

    def printed(self, operation: Operation, operands: Sequence[tuple[str, int]]) -> tuple[str, int]:
        """Print an operation on operands, each with how tightly it binds; return how tightly the whole does."""
        if isinstance(operation, NAry):
            return self._sum(operation, operands)
        template = self.operators.get(operation)
        if template is None and operation.family is not None:
            family, constant = operation.family
            named = family.name.replace("_", r"\_")
            word = r"\psi" if family is rules.polygamma_of else rf"\operatorname{{{{{named}}}}}"
            index = tex_number(constant, self.digits).replace("{", "{{").replace("}", "}}")
            template, level, least = _function(rf"{word}_{{{{{index}}}}}"), ATOM, [0]
        elif template is None:
            named = operation.name.replace("_", r"\_")
            word = tex_name(operation.name) if is_own(operation) else rf"\operatorname{{{named}}}"
            word = word.replace("{", "{{").replace("}", "}}")
            template, level, least = _function(word, len(operands)), ATOM, [0] * len(operands)
        else:
            level, *least = self.precedence[operation]
        sources = [
            self.enclosed(source, binds, wanted) for (source, binds), wanted in zip(operands, least, strict=True)
        ]
        return template.format(*sources), level

    def _sum(self, operation: NAry, operands: Sequence[tuple[str, int]]) -> tuple[str, int]:
        if operation in (rules.dot, rules.ieee_dot):
            half = len(operands) // 2
            terms = [self.printed(rules.mul, pair) for pair in zip(operands[:half], operands[half:], strict=True)]
        elif operation is rules.logsumexp:
            terms = [("1", ATOM) if x[0] == "0" else self.printed(rules.exp, [x]) for x in operands]
        elif operation is rules.largest:
            return rf"\max\left({', '.join(source for source, _ in operands)}\right)", ATOM
        else:
            terms = list(operands)
        if len(terms) == 1 and operation is not rules.logsumexp:
            return terms[0]
        source = " + ".join(self.enclosed(*term, PRODUCT) for term in terms)
        if operation is rules.logsumexp:
            return rf"\ln\left({source}\right)", ATOM
        if operation is rules.mean:
            return rf"\frac{{{source}}}{{{len(operands)}}}", SIGN
        return source, SUM


def _are_numbers(terms: Iterable[Any]) -> bool:
    return not any(isinstance(term, Expression) for term in terms)


def _is_condition(term: Any) -> bool:
    return isinstance(term, Expression) and term.operation in COMPARISONS


def _chosen(condition: Any, a: Any, b: Any) -> Expression:
    """Return a choice by a plain bool: the side that was chosen, or the whole choice where its condition has a name."""
    if isinstance(condition, Expression):
        return Expression(rules.where, [condition, a, b])
    return Expression(rules.where.chosen, [a if condition else b])


TEX_WORDS: dict[Operation, str] = {
    **{
        row: _function(f"\\{row.name}") for row in (rules.sin, rules.cos, rules.tan, rules.sinh, rules.cosh, rules.tanh)
    },
    **{row: _function(rf"\arc{row.name[1:]}") for row in (rules.asin, rules.acos, rules.atan)},
    **{row: _function(rf"\operatorname{{{{ar{row.name[1:]}}}}}") for row in (rules.asinh, rules.acosh, rules.atanh)},
    **{row: _function(rf"\operatorname{{{{{row.name}}}}}") for row in (rules.erf, rules.erfc, rules.relu, rules.silu)},
    **{row: _function(rf"\operatorname{{{{{row.name}}}}}") for row in (rules.softplus, rules.gelu)},
    rules.atan2: _function(r"\operatorname{{atan2}}", 2),
    rules.hypot: _function(r"\operatorname{{hypot}}", 2),
    rules.maximum: _function(r"\max", 2),
    rules.minimum: _function(r"\min", 2),
    rules.log: _function(r"\ln"),
    rules.ieee_log: _function(r"\ln"),
    rules.log2: _function(r"\log_{{2}}"),
    rules.log10: _function(r"\log_{{10}}"),
    rules.log1p: r"\ln\left(1 + {}\right)",
    rules.sigmoid: _function(r"\sigma"),
    rules.ieee_sech2: _function(r"\operatorname{{sech}}^{{2}}"),
    rules.sign: _function(r"\operatorname{{sgn}}"),
    rules.floor: r"\left\lfloor {} \right\rfloor",
    rules.ceil: r"\left\lceil {} \right\rceil",
    rules.floordiv: r"\left\lfloor \frac{{{}}}{{{}}} \right\rfloor",
    rules.lgamma: _function(r"\ln\Gamma"),
    rules.digamma: _function(r"\psi"),
    rules.trigamma: _function(r"\psi_{{1}}"),
    rules.erfinv: _function(r"\operatorname{{erfinv}}"),
    rules.ndtr: _function(r"\Phi"),
    rules.log_ndtr: _function(r"\ln\Phi"),
    rules.normal_ratio: r"\frac{{\varphi\left({0}\right)}}{{\Phi\left({0}\right)}}",
    rules.log_sigmoid: _function(r"\ln\sigma"),
    rules.logaddexp: r"\ln\left(\mathrm{{e}}^{{{}}} + \mathrm{{e}}^{{{}}}\right)",
    rules.sqrt: r"\sqrt{{{}}}",
    rules.cbrt: r"\sqrt[3]{{{}}}",
    rules.abs: r"\left|{}\right|",
    rules.where.chosen: _function(r"\operatorname{{chosen}}"),
}
TEX = TeX(
    operators={
        rules.add: "{} + {}",
        rules.sub: "{} - {}",
        rules.mul: r"{} \cdot {}",
        rules.negative: "-{}",
        rules.divide: r"\frac{{{}}}{{{}}}",
        rules.ieee_divide: r"\frac{{{}}}{{{}}}",
        rules.power: "{}^{{{}}}",
        rules.exp2: "2^{{{}}}",
        rules.mod: r"{} \bmod {}",
        rules.exp: r"\mathrm{{e}}^{{{}}}",
        rules.expm1: r"\mathrm{{e}}^{{{}}} - 1",
        rules.less: "{} < {}",
        rules.less_equal: r"{} \leq {}",
        **TEX_WORDS,
    },
    composed={
        **FORMULAS.composed,
        rules.guard: lambda condition, x: x,
        rules.unguard: lambda condition, x: x,
        rules.where.decided: _chosen,
    },
    greater={rules.less: ">", rules.less_equal: r"\geq"},
    precedence={**FORMULAS.precedence}
    | {row: (ATOM, *[0] * len(row.partials)) for row in TEX_WORDS}
    | {
        rules.normal_ratio: (SIGN, 0),
        rules.lgamma: (POWER, 0),  # ln Gamma(x)^2 would be read as the logarithm of a square
        rules.log_ndtr: (POWER, 0),
        rules.log_sigmoid: (POWER, 0),
        rules.add: (SUM, SUM, PRODUCT),
        rules.sub: (SUM, SUM, PRODUCT),
        rules.mul: (PRODUCT, PRODUCT, SIGN),
        rules.negative: (SUM, PRODUCT),
        rules.mod: (COMPARISON, SIGN, SIGN),
        rules.divide: (SIGN, 0, 0),
        rules.ieee_divide: (SIGN, 0, 0),
        rules.power: (POWER, ATOM, 0),
        rules.exp: (POWER, 0),
        rules.exp2: (POWER, 0),
        rules.expm1: (SUM, 0),
        rules.log1p: (ATOM, PRODUCT),
    },
)
