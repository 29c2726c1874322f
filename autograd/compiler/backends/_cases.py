"""The cases of the virtual machine: functions in LLVM IR, for each row one forward, and one for each derivative.

A function gets the buffers of values and adjoints, and the slots of an instruction; it goes through the lanes of a
strip of examples. What the rows of `numbered` do not name is called back in Python.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from autograd import rules
from autograd.compiler.backends._composed import COMPOSED
from autograd.compiler.backends._llvm import LANES, Lines, member_with_symbol, of_lanes
from autograd.rules import Expression, Family, NAry, Operation, derivatives, product, symbol

INF = float("inf")
PARAMETERS = "ptr noalias %v, ptr noalias %w, ptr %list, ptr %python, i64 %d, i64 %a, i64 %b, i64 %c"
Y, G, X = symbol("y"), symbol("g"), symbol("x")


@dataclass(frozen=True)
class Reduction:
    """An n-ary row: its value is `finish` of the sum of `term` over the operands; `slope` is a partial derivative.

    In these x is an operand, m the largest, n their number, s the sum, which begins with `start`, and y the value.
    `other` is the operand's partner in a product, t the sum of `total` over the operands for the slope, and u the sum
    of `second` for the value.
    """

    term: Any
    finish: Any
    slope: Any
    start: float = 0.0
    total: Any = None
    second: Any = None
    paired: bool = False


def _reductions() -> dict[Operation, Reduction]:
    m, n, s, t, u, other = map(symbol, ("m", "n", "s", "t", "u", "other"))
    softmax = rules.exp(X - Y)
    infinite = abs(m) >= INF
    return {
        rules.fsum: Reduction(X, s, 1.0),
        rules.mean: Reduction(X, rules.where(abs(s) < INF, s / n, u), 1.0 / n, second=X / n),  # the sum may overflow
        rules.dot: Reduction(X * other, s, other, paired=True),
        rules.ieee_dot: Reduction(X * other, s, other, paired=True),
        rules.largest: Reduction(0.0, m, 0.0),
        rules.logsumexp: Reduction(
            rules.exp(X - m), rules.where(infinite, m, m + rules.log1p(s)), softmax / t, start=-1.0, total=softmax
        ),
    }


REDUCTIONS = _reductions()
PYTHON_ROW = 0  # the number of what is called back
ONE = rules.power_of.member(0.0)  # as a case of `power`, it would hand back 0 times what arrives


@cache
def numbered() -> dict[Any, int]:
    """Return the numbers of the rows and families that have words; what has none is called back."""
    rows = [row for row in rules.TABLE.values() if row is not rules.power_of]
    rows += [rules.detached, rules.guard, rules.unguard, rules.where.decided, rules.where.chosen, rules.largest, ONE]
    return {row: number for number, row in enumerate(filter(_has_words, rows), PYTHON_ROW + 1)}


def _has_words(row: Any) -> bool:
    if isinstance(row, NAry):
        return row in REDUCTIONS
    arity = 2 if isinstance(row, Family) else row.arity
    if isinstance(row, Family) and row not in COMPOSED:
        return False
    try:
        _forward(row, arity, Strip(1, 1))
        _backward(row, arity, 2**arity - 1, Strip(1, 1))
    except NotImplementedError:  # of a row whose function takes floats only, and has no word yet
        return False
    return True


def _partials(row: Any, arity: int) -> Sequence[Any]:
    if isinstance(row, Family):
        return [member_with_symbol(row, symbol(1)), 0.0]
    return derivatives(row, Y, list(map(symbol, range(arity))))


PLAIN, SQUARE, MEMBER, LISTED = range(4)


def encoded(operation: Operation, rows: dict[Any, int]) -> tuple[int, int]:
    """Return the number of an operation's row, and how its operands are written."""
    if operation.family is not None:
        family, number = operation.family
        if family is rules.power_of:
            if number == 0.0:
                return rows[ONE], PLAIN
            return (rows[rules.mul], SQUARE) if number == 2.0 else (rows[rules.power], MEMBER)
        if family in rows:
            return rows[family], MEMBER
    found = rows.get(operation, PYTHON_ROW)
    return found, LISTED if found == PYTHON_ROW or operation.arity is None else PLAIN


# Functions of the module, one for each case


@dataclass(frozen=True)
class Strip:
    """How many examples a number of the machine has, and how many of these are computed at once."""

    width: int
    lanes: int

    @property
    def type(self) -> str:
        """The type of what is computed at once."""
        return of_lanes("double", self.lanes)


def _lines(names: dict[Any, str], strip: Strip, prefix: str = "t") -> Lines:
    return Lines(names, prefix, strip.lanes)


def _function(name: str, body: Sequence[str], strip: Strip, inline: bool = True) -> str:
    """Return a case as a function: what the body does for the lanes from %l on, for all of the strip."""
    how = "alwaysinline" if inline else "noinline"
    head = f'define internal void @{name}({PARAMETERS}) {how} nounwind "prefer-vector-width"="512" {{'
    lines = "\n  ".join(body)
    if strip.width == 1:
        return f"{head}\nentry:\n  {lines.replace('%l.only', '0')}\n  ret void\n}}"
    return f"""{head}
entry:
  br label %lane
lane:
  %l = phi i64 [ 0, %entry ], [ %l.next, %next ]
  {lines.replace("%l.only", "%l")}
  br label %next
next:
  %l.next = add nuw nsw i64 %l, {strip.lanes}
  %l.more = icmp ult i64 %l.next, {strip.width}
  br i1 %l.more, label %lane, label %end
end:
  ret void
}}"""


def _at(buffer: str, slot: str, name: str, strip: Strip) -> list[str]:
    """Return lines that name the place of a slot's number in a buffer."""
    return [
        f"%{name}.i = mul i64 {slot}, {strip.width}",
        f"%{name}.j = add i64 %{name}.i, %l.only",
        f"%{name}.p = getelementptr double, ptr {buffer}, i64 %{name}.j",
    ]


def _load(buffer: str, slot: str, name: str, strip: Strip) -> list[str]:
    return [*_at(buffer, slot, name, strip), f"%{name} = load {strip.type}, ptr %{name}.p, align 8"]


def _store(buffer: str, slot: str, name: str, value: str, strip: Strip) -> list[str]:
    return [*_at(buffer, slot, name, strip), f"store {strip.type} {value}, ptr %{name}.p, align 8"]


def _add(slot: str, name: str, value: str, strip: Strip) -> list[str]:
    """Return lines that add a value to the adjoint of a slot."""
    return [
        *_load("%w", slot, name, strip),
        f"%{name}.s = fadd {strip.type} %{name}, {value}",
        f"store {strip.type} %{name}.s, ptr %{name}.p, align 8",
    ]


SLOTS = ("%a", "%b", "%c")


def _forward(row: Any, arity: int, strip: Strip) -> list[str]:
    lines = _lines({position: f"%x{position}" for position in range(arity)}, strip)
    xs = list(map(symbol, range(arity)))
    found = lines.write(COMPOSED[row](*xs) if isinstance(row, Family) else Expression(row, xs))
    loads = [line for n in range(arity) for line in _load("%v", SLOTS[n], f"x{n}", strip)]
    return [*loads, *lines.lines, *_store("%v", "%d", "r", found, strip)]


def _backward(row: Any, arity: int, wanted: int, strip: Strip) -> list[str]:
    """Return what adds to the adjoints of the wanted operands; nothing where that is 0."""
    names = {position: f"%x{position}" for position in range(arity)} | {"y": "%y", "g": "%g"}
    lines = _lines(names, strip)
    adds: list[str] = []
    for position, slope in enumerate(_partials(row, arity)):
        if wanted >> position & 1 and not (isinstance(slope, float) and slope == 0.0):
            adds += _add(SLOTS[position], f"w{position}", lines.write(product(G, slope)), strip)
    if not adds:
        return []
    loads = [line for n in range(arity) for line in _load("%v", SLOTS[n], f"x{n}", strip)]
    loads += [*_load("%v", "%d", "y", strip), *_load("%w", "%d", "g", strip)]
    return [*loads, *lines.lines, *adds]


def _each(
    name: str,
    count: str,
    state: dict[str, tuple[str, str]],
    body: Sequence[str],
    paired: bool,
    strip: Strip,
) -> list[str]:
    """Return a loop over the operands of an n-ary row: %{name}.x is one; the state has starts and next values."""
    phis = [
        f"%{name}.{variable} = phi {strip.type} [ {start}, %{name}.before ], [ {following}, %{name}.loop ]"
        for variable, (start, following) in state.items()
    ]
    loads = _operand(name, f"%{name}.k", "x")
    if paired:
        loads += [f"%{name}.k2 = add i64 %{name}.k, %half", *_operand(name, f"%{name}.k2", "o")]
    return [
        f"br label %{name}.before\n{name}.before:\n  br label %{name}.loop\n{name}.loop:",
        f"%{name}.k = phi i64 [ 0, %{name}.before ], [ %{name}.kn, %{name}.loop ]",
        *phis,
        *loads,
        *body,
        f"%{name}.kn = add i64 %{name}.k, 1",
        f"%{name}.more = icmp ult i64 %{name}.kn, {count}",
        f"br i1 %{name}.more, label %{name}.loop, label %{name}.done\n{name}.done:",
    ]


def _operand(loop: str, position: str, name: str) -> list[str]:
    return [
        f"%{loop}.{name}a = add i64 {position}, %a",
        f"%{loop}.{name}b = getelementptr i32, ptr %list, i64 %{loop}.{name}a",
        f"%{loop}.{name}c = load i32, ptr %{loop}.{name}b",
        f"%{loop}.{name}s = zext i32 %{loop}.{name}c to i64",
    ]


def _summed(
    name: str, term: Any, start: float, names: dict[Any, str], reduction: Reduction, strip: Strip
) -> tuple[list[str], str]:
    """Return a loop that adds up a term with its rounding errors (Neumaier's sum), and the name of the sum."""
    operands = {"x": f"%{name}.x", "other": f"%{name}.o", "s": f"%{name}.s", "c": f"%{name}.c"}
    inside = _lines(names | operands, strip, f"{name}.t")
    n, s, c, x = f"%{name}", symbol("s"), symbol("c"), symbol("term")
    body = _load("%v", f"{n}.xs", f"{name}.x", strip)
    if reduction.paired:
        body += _load("%v", f"{n}.os", f"{name}.o", strip)
    inside.names = {**inside.names, "term": inside.write(term)}
    total = s + x
    larger = abs(s) >= abs(x)
    sums = inside.write(total), inside.write(c + (rules.where(larger, s, x) - total + rules.where(larger, x, s)))
    body += inside.lines
    after = _lines({"s": sums[0], "c": sums[1]}, strip, f"{name}.u")
    both = after.write(rules.where(c - c >= 0.0, s + c, s))  # where the error is nan, the sum is infinite
    state = {"s": (inside.number(start), sums[0]), "c": (inside.number(0.0), sums[1])}
    count = "%half" if reduction.paired else "%b"
    return [*_each(name, count, state, body, reduction.paired, strip), *after.lines], both


def _count(strip: Strip) -> tuple[list[str], str]:
    """Return lines that name half the number of operands, and the name of their number as a float."""
    lines = ["%half = lshr i64 %b, 1", "%n.one = uitofp i64 %b to double"]
    inside = _lines({}, strip, "n.t")
    number = inside.splat("%n.one")
    return [*lines, *inside.lines], number


def _reduced(reduction: Reduction, strip: Strip) -> list[str]:
    largest = _lines({"m": "%most.m", "x": "%most.x"}, strip, "most.t")
    most = largest.write(rules.maximum(symbol("m"), X))
    body = [*_load("%v", "%most.xs", "most.x", strip), *largest.lines]
    counted, number = _count(strip)
    names = {"m": most, "n": number}
    total, names["s"] = _summed("sum", reduction.term, reduction.start, names, reduction, strip)
    if reduction.second is not None:
        again, names["u"] = _summed("second", reduction.second, 0.0, names, reduction, strip)
        total += again
    finish = _lines(names, strip)
    found = finish.write(reduction.finish)
    return [
        *counted,
        *_each("most", "%b", {"m": (largest.number(-INF), most)}, body, paired=False, strip=strip),
        *total,
        *finish.lines,
        *_store("%v", "%d", "r", found, strip),
    ]


def _reduced_backward(reduction: Reduction, strip: Strip) -> list[str]:
    if isinstance(reduction.slope, float) and reduction.slope == 0.0:
        return []
    counted, number = _count(strip)
    names = {"y": "%y", "g": "%g", "n": number}
    lines = [*counted, *_load("%v", "%d", "y", strip), *_load("%w", "%d", "g", strip)]
    if reduction.total is not None:
        total, names["t"] = _summed("total", reduction.total, 0.0, names, reduction, strip)
        lines += total
    body = _load("%v", "%all.xs", "all.x", strip)
    if reduction.paired:
        body += _load("%v", "%all.os", "all.o", strip)
    inside = _lines(names | {"x": "%all.x", "other": "%all.o"}, strip, "all.t")
    value = inside.write(product(G, reduction.slope))
    body += [*inside.lines, *_add("%all.xs", "all.w", value, strip)]
    if reduction.paired:
        back = _lines({"g": "%g", "x": "%all.x"}, strip, "all.u")
        handed = back.write(product(G, X))
        body += [*back.lines, *_add("%all.os", "all.z", handed, strip)]
    count = "%half" if reduction.paired else "%b"
    return [*lines, *_each("all", count, {}, body, paired=reduction.paired, strip=strip)]


def _called(strip: Strip, *, backward: bool) -> list[str]:
    """Return what calls Python: with the operands, or with the result and these, of which it leaves what it found."""
    shift = int(backward)
    lines = [f"%size = add i64 %b, {1 + shift}", "%numbers = alloca double, i64 %size"]
    if backward:
        lines += [*_load("%v", "%d", "y", strip), *_load("%w", "%d", "g", strip), "store double %y, ptr %numbers"]
    fill = [
        *_load("%v", "%in.xs", "in.x", strip),
        f"%in.to = add i64 %in.k, {shift}",
        "%in.tp = getelementptr double, ptr %numbers, i64 %in.to",
        "store double %in.x, ptr %in.tp",
    ]
    lines += [
        *_each("in", "%b", {}, fill, paired=False, strip=strip),
        f"call void %python(i64 %c, i64 {shift}, ptr %numbers)",
    ]
    if not backward:
        return [*lines, "%found = load double, ptr %numbers", *_store("%v", "%d", "r", "%found", strip)]
    hand = [
        "%out.tp = getelementptr double, ptr %numbers, i64 %out.k",
        "%out.slope = load double, ptr %out.tp",
        "%out.g = fmul double %g, %out.slope",
        *_add("%out.xs", "out.w", "%out.g", strip),
    ]
    return [*lines, *_each("out", "%b", {}, hand, paired=False, strip=strip)]


def cases(width: int) -> tuple[dict[int, str], dict[int, str]]:
    """Return the functions of the cases, forward and backward, by the numbers that select them."""
    one, strip, inline = Strip(width, 1), Strip(width, min(width, LANES)), width == 1
    ahead = {PYTHON_ROW: _function("f0", _called(one, backward=False), one, inline=False)}
    back = {PYTHON_ROW * 8 + 1: _function("b1", _called(one, backward=True), one, inline=False)}
    for row, number in numbered().items():
        if isinstance(row, NAry):
            reduction = REDUCTIONS[row]
            ahead[number] = _function(f"f{number}", _reduced(reduction, strip), strip, inline=False)
            if body := _reduced_backward(reduction, strip):
                back[number * 8 + 1] = _function(f"b{number * 8 + 1}", body, strip, inline=False)
            continue
        arity = 2 if isinstance(row, Family) else row.arity or 0
        ahead[number] = _function(f"f{number}", _forward(row, arity, strip), strip, inline)
        for wanted in range(1, 2**arity):
            if body := _backward(row, arity, wanted, strip):
                case = number * 8 + wanted
                back[case] = _function(f"b{case}", body, strip, inline)
    return ahead, back
