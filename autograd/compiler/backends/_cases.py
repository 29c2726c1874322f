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
from autograd.compiler.backends._llvm import COMPOSED, Lines, float_bits, member_with_symbol
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


@cache
def numbered() -> dict[Any, int]:
    """Return the numbers of the rows and families that have words; what has none is called back."""
    rows = [row for row in rules.TABLE.values() if row is not rules.power_of]
    rows += [rules.detached, rules.guard, rules.unguard, rules.where.decided, rules.where.chosen, rules.largest]
    return {row: number for number, row in enumerate(filter(_has_words, rows), PYTHON_ROW + 1)}


@cache
def rows_by_number() -> dict[int, Any]:
    """Return the rows and families that have words, by their numbers."""
    return {number: row for row, number in numbered().items()}


def _has_words(row: Any) -> bool:
    if isinstance(row, NAry):
        return row in REDUCTIONS
    arity = 2 if isinstance(row, Family) else row.arity
    if isinstance(row, Family) and row not in COMPOSED:
        return False
    try:
        _forward(row, arity, 1)
        _backward(row, arity, 2**arity - 1, 1)
    except NotImplementedError:
        return False
    return True


def operands_of(row: Any, number: int) -> list[Any]:
    """Return symbols for the operands of a row."""
    return [symbol(position) for position in range(number)]


def _partials(row: Any, arity: int) -> Sequence[Any]:
    if isinstance(row, Family):
        return [member_with_symbol(row, symbol(1)), 0.0]
    return derivatives(row, Y, operands_of(row, arity))


# Functions of the module, one for each case


def _function(name: str, body: Sequence[str], width: int, inline: bool = True) -> str:
    """Return a case as a function: what the body does for the lane %l, for each of them."""
    loop = f"""entry:
  br label %lane
lane:
  %l = phi i64 [ 0, %entry ], [ %l.next, %next ]
  {chr(10).join(body)}
  br label %next
next:
  %l.next = add nuw nsw i64 %l, 1
  %l.more = icmp ult i64 %l.next, {width}
  br i1 %l.more, label %lane, label %end
end:
  ret void"""
    how = "alwaysinline" if inline else "noinline"
    return f"define internal void @{name}({PARAMETERS}) {how} nounwind {{\n{loop}\n}}"


def _at(buffer: str, slot: str, name: str, width: int) -> list[str]:
    """Return lines that name the place of a slot's number in a buffer."""
    return [
        f"%{name}.i = mul i64 {slot}, {width}",
        f"%{name}.j = add i64 %{name}.i, %l",
        f"%{name}.p = getelementptr double, ptr {buffer}, i64 %{name}.j",
    ]


def _load(buffer: str, slot: str, name: str, width: int) -> list[str]:
    return [*_at(buffer, slot, name, width), f"%{name} = load double, ptr %{name}.p"]


def _store(buffer: str, slot: str, name: str, value: str, width: int) -> list[str]:
    return [*_at(buffer, slot, name, width), f"store double {value}, ptr %{name}.p"]


def _add(slot: str, name: str, value: str, width: int) -> list[str]:
    """Return lines that add a value to the adjoint of a slot."""
    return [
        *_load("%w", slot, name, width),
        f"%{name}.s = fadd double %{name}, {value}",
        f"store double %{name}.s, ptr %{name}.p",
    ]


SLOTS = ("%a", "%b", "%c")


def _forward(row: Any, arity: int, width: int) -> list[str]:
    lines = Lines({position: f"%x{position}" for position in range(arity)})
    xs = operands_of(row, arity)
    found = lines.write(COMPOSED[row](*xs) if isinstance(row, Family) else Expression(row, xs))
    loads = [line for n in range(arity) for line in _load("%v", SLOTS[n], f"x{n}", width)]
    return [*loads, *lines.lines, *_store("%v", "%d", "r", found, width)]


def _backward(row: Any, arity: int, wanted: int, width: int) -> list[str]:
    """Return what adds to the adjoints of the wanted operands; nothing where that is 0."""
    names = {position: f"%x{position}" for position in range(arity)} | {"y": "%y", "g": "%g"}
    lines = Lines(names)
    adds: list[str] = []
    for position, slope in enumerate(_partials(row, arity)):
        if wanted >> position & 1 and not (isinstance(slope, float) and slope == 0.0):
            adds += _add(SLOTS[position], f"w{position}", lines.write(product(G, slope)), width)
    if not adds:
        return []
    loads = [line for n in range(arity) for line in _load("%v", SLOTS[n], f"x{n}", width)]
    loads += [*_load("%v", "%d", "y", width), *_load("%w", "%d", "g", width)]
    return [*loads, *lines.lines, *adds]


def _each(name: str, count: str, state: dict[str, tuple[str, str]], body: Sequence[str], paired: bool) -> list[str]:
    """Return a loop over the operands of an n-ary row: %{name}.x is one; the state has starts and next values."""
    phis = [
        f"%{name}.{variable} = phi double [ {start}, %{name}.before ], [ {following}, %{name}.loop ]"
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


def _summed(name: str, term: Any, start: float, names: dict[Any, str], reduction: Reduction, width: int) -> list[str]:
    """Return a loop that adds up a term with its rounding errors (Neumaier's sum); the sum is %{name}."""
    inside = Lines(names | {"x": f"%{name}.x", "other": f"%{name}.o"}, f"{name}.t")
    value = inside.write(term)
    n = f"%{name}"
    body = _load("%v", f"{n}.xs", f"{name}.x", width)
    if reduction.paired:
        body += _load("%v", f"{n}.os", f"{name}.o", width)
    body += [
        *inside.lines,
        f"{n}.sum = fadd double {n}.s, {value}",
        f"{n}.as = call double @llvm.fabs.f64(double {n}.s)",
        f"{n}.ax = call double @llvm.fabs.f64(double {value})",
        f"{n}.big = fcmp oge double {n}.as, {n}.ax",
        f"{n}.one = select i1 {n}.big, double {n}.s, double {value}",
        f"{n}.two = select i1 {n}.big, double {value}, double {n}.s",
        f"{n}.d = fsub double {n}.one, {n}.sum",
        f"{n}.e = fadd double {n}.d, {n}.two",
        f"{n}.err = fadd double {n}.c, {n}.e",
    ]
    state = {"s": (float_bits(start), f"{n}.sum"), "c": (float_bits(0.0), f"{n}.err")}
    count = "%half" if reduction.paired else "%b"
    return [
        *_each(name, count, state, body, reduction.paired),
        f"{n}.both = fadd double {n}.sum, {n}.err",
        f"{n}.odd = fcmp uno double {n}.err, {n}.err",
        f"{n} = select i1 {n}.odd, double {n}.sum, double {n}.both",
    ]


COUNT = ["%half = lshr i64 %b, 1", "%n = uitofp i64 %b to double"]


def _reduced(reduction: Reduction, width: int) -> list[str]:
    largest = Lines({"m": "%most.m", "x": "%most.x"}, "most.t")
    most = largest.write(rules.maximum(symbol("m"), X))
    body = [*_load("%v", "%most.xs", "most.x", width), *largest.lines]
    names = {"m": most, "n": "%n", "s": "%sum", "u": "%second"}
    finish = Lines(names)
    found = finish.write(reduction.finish)
    return [
        *COUNT,
        *_each("most", "%b", {"m": (float_bits(-INF), most)}, body, paired=False),
        *_summed("sum", reduction.term, reduction.start, names, reduction, width),
        *(_summed("second", reduction.second, 0.0, names, reduction, width) if reduction.second is not None else []),
        *finish.lines,
        *_store("%v", "%d", "r", found, width),
    ]


def _reduced_backward(reduction: Reduction, width: int) -> list[str]:
    if isinstance(reduction.slope, float) and reduction.slope == 0.0:
        return []
    names = {"y": "%y", "g": "%g", "n": "%n", "t": "%total"}
    lines = [*COUNT, *_load("%v", "%d", "y", width), *_load("%w", "%d", "g", width)]
    if reduction.total is not None:
        lines += _summed("total", reduction.total, 0.0, names, reduction, width)
    body = _load("%v", "%all.xs", "all.x", width)
    if reduction.paired:
        body += _load("%v", "%all.os", "all.o", width)
    inside = Lines(names | {"x": "%all.x", "other": "%all.o"}, "all.t")
    value = inside.write(product(G, reduction.slope))
    body += [*inside.lines, *_add("%all.xs", "all.w", value, width)]
    if reduction.paired:
        back = Lines({"g": "%g", "x": "%all.x"}, "all.u")
        handed = back.write(product(G, X))
        body += [*back.lines, *_add("%all.os", "all.z", handed, width)]
    count = "%half" if reduction.paired else "%b"
    return [*lines, *_each("all", count, {}, body, paired=reduction.paired)]


def _called(width: int, *, backward: bool) -> list[str]:
    """Return what calls Python: with the operands, or with the result and these, of which it leaves what it found."""
    shift = int(backward)
    lines = [f"%size = add i64 %b, {1 + shift}", "%numbers = alloca double, i64 %size"]
    if backward:
        lines += [*_load("%v", "%d", "y", width), *_load("%w", "%d", "g", width), "store double %y, ptr %numbers"]
    fill = [
        *_load("%v", "%in.xs", "in.x", width),
        f"%in.to = add i64 %in.k, {shift}",
        "%in.tp = getelementptr double, ptr %numbers, i64 %in.to",
        "store double %in.x, ptr %in.tp",
    ]
    lines += [
        *_each("in", "%b", {}, fill, paired=False),
        f"call void %python(i64 %c, i64 {shift}, ptr %numbers)",
    ]
    if not backward:
        return [*lines, "%found = load double, ptr %numbers", *_store("%v", "%d", "r", "%found", width)]
    hand = [
        "%out.tp = getelementptr double, ptr %numbers, i64 %out.k",
        "%out.slope = load double, ptr %out.tp",
        "%out.g = fmul double %g, %out.slope",
        *_add("%out.xs", "out.w", "%out.g", width),
    ]
    return [*lines, *_each("out", "%b", {}, hand, paired=False)]


def cases(width: int) -> tuple[dict[int, str], dict[int, str]]:
    """Return the functions of the cases, forward and backward, by the numbers that select them."""
    ahead = {PYTHON_ROW: _function("f0", _called(width, backward=False), width, inline=False)}
    back = {PYTHON_ROW * 8 + 1: _function("b1", _called(width, backward=True), width, inline=False)}
    inline = width == 1
    for row, number in numbered().items():
        if isinstance(row, NAry):
            reduction = REDUCTIONS[row]
            ahead[number] = _function(f"f{number}", _reduced(reduction, width), width, inline=False)
            if body := _reduced_backward(reduction, width):
                back[number * 8 + 1] = _function(f"b{number * 8 + 1}", body, width, inline=False)
            continue
        arity = 2 if isinstance(row, Family) else row.arity or 0
        ahead[number] = _function(f"f{number}", _forward(row, arity, width), width, inline)
        for wanted in range(1, 2**arity):
            if body := _backward(row, arity, wanted, width):
                case = number * 8 + wanted
                back[case] = _function(f"b{case}", body, width, inline)
    return ahead, back
