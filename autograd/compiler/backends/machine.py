"""A virtual machine for scalar steps: one switch over flat code, written as LLVM IR from the table's rows.

An instruction is four integers: the row, of which the last three bits say which operands get a derivative, and three
slots. Its result goes to the next slot. Run backward, the same code adds to the adjoint of each operand what the row
hands back. Of an n-ary row the slots are where its operands begin in a list of slots, how many there are, and a number.

A number is `width` many floats, one for each example. The machine of each width is compiled once in a process.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from autograd import rules
from autograd.compiler.backends.llvm import COMPOSED, Lines, c_library, float_bits, member_with_symbol
from autograd.compiler.backends.objects import ObjectFile
from autograd.rules import Expression, Family, NAry, Operation, derivatives, product, symbol

INF = float("inf")
OLDEST_LLVM = (20, 0, 0)  # as llvmlite 0.45 has it: opaque pointers, and memory(none)
PARAMETERS = "ptr noalias %v, ptr noalias %w, ptr %list, ptr %python, i64 %d, i64 %a, i64 %b, i64 %c"
HANDED_ON = "ptr %v, ptr %w, ptr %list, ptr %python, i64 %d, i64 %a, i64 %b, i64 %c"
Callback = ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_int64, ctypes.POINTER(ctypes.c_double))
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


# The machine


def _cases(width: int) -> tuple[dict[int, str], dict[int, str]]:
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


STRIP = "ptr noalias %code, i64 %count, ptr noalias %v, ptr noalias %w, i64 %base, ptr %list, ptr %python"


def _finite(width: int) -> str:
    """Return a loop that counts the results in a strip that are not finite: those with all bits of the exponent."""
    return f"""  %results = mul i64 %count, {width}
  %start = mul i64 %base, {width}
  %none = icmp eq i64 %results, 0
  br i1 %none, label %checked, label %look
look:
  %k = phi i64 [ 0, %loop ], [ %k.next, %look ]
  %found = phi i64 [ 0, %loop ], [ %found.next, %look ]
  %slot = add i64 %start, %k
  %p = getelementptr i64, ptr %v.at, i64 %slot
  %bits = load i64, ptr %p
  %exponent = and i64 %bits, 9218868437227405312
  %is.odd = icmp eq i64 %exponent, 9218868437227405312
  %one = zext i1 %is.odd to i64
  %found.next = or i64 %found, %one
  %k.next = add i64 %k, 1
  %on = icmp ult i64 %k.next, %results
  br i1 %on, label %look, label %looked
looked:
  %odd.sum = or i64 %odd, %found.next
  br label %checked"""


def _loop(name: str, letter: str, cases: dict[int, str], width: int, *, backward: bool) -> str:
    targets = " ".join(f"i32 {case}, label %c{case}" for case in cases)
    blocks = "\n".join(f"c{case}:\n  call void @{letter}{case}({HANDED_ON})\n  br label %next" for case in cases)
    op = "%op = add i32 %word, 0" if backward else "%op = lshr i32 %word, 3"
    check = "  br label %checked" if backward else _finite(width)
    odd = "0, %loop" if backward else "%odd, %loop ], [ %odd.sum, %looked"
    at = "%at = sub i64 %last, %i" if backward else "%at = add i64 %i, 0"
    loads = "\n".join(
        f"  %{s}.p = getelementptr i32, ptr %code.at, i64 {n}\n  %{s}.w = load i32, ptr %{s}.p\n"
        f"  %{s} = zext i32 %{s}.w to i64"
        for n, s in enumerate("abc", 1)
    )
    return f"""define internal void @{name}.strip({STRIP}) nounwind {{
entry:
  %last = sub i64 %count, 1
  %none = icmp eq i64 %count, 0
  br i1 %none, label %end, label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %i.next, %next ]
  {at}
  %offset = shl i64 %at, 2
  %code.at = getelementptr i32, ptr %code, i64 %offset
  %word = load i32, ptr %code.at
  {op}
{loads}
  %d = add i64 %base, %at
  switch i32 %op, label %next [ {targets} ]
{blocks}
next:
  %i.next = add i64 %i, 1
  %more = icmp ult i64 %i.next, %count
  br i1 %more, label %loop, label %end
end:
  ret void
}}
define i64 @{name}({STRIP}, i64 %stride, i64 %strips) nounwind {{
entry:
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %i.next, %checked ]
  %odd = phi i64 [ 0, %entry ], [ %odd.next, %checked ]
  %offset = mul i64 %i, %stride
  %v.at = getelementptr double, ptr %v, i64 %offset
  %w.at = getelementptr double, ptr %w, i64 %offset
  call void @{name}.strip(ptr %code, i64 %count, ptr %v.at, ptr %w.at, i64 %base, ptr %list, ptr %python)
{check}
checked:
  %odd.next = phi i64 [ {odd} ]
  %i.next = add i64 %i, 1
  %more = icmp ult i64 %i.next, %strips
  br i1 %more, label %loop, label %end
end:
  ret i64 %odd.next
}}"""


@cache
def machine_source(width: int) -> str:
    """Return the LLVM IR of the machine for numbers of this width."""
    ahead, back = _cases(width)
    parts = [*ahead.values(), *back.values()]
    text = "\n".join(parts)
    heads = [
        f"declare double @{name}({', '.join(['double'] * arity)}) nounwind memory(none)"
        for name, arity in declared(text).items()
    ]
    loops = [_loop("forward", "f", ahead, width, backward=False), _loop("backward", "b", back, width, backward=True)]
    return "\n".join([*heads, *parts, *loops])


def declared(text: str) -> dict[str, int]:
    """Return the functions of numbers that lines of LLVM IR call, and how many each takes."""
    return {name: given.count("double ") for name, given in re.findall(r"call double @([\w.]+)\((.*)\)", text)}


def load_llvmlite() -> Any:
    """Return llvmlite's binding of LLVM; the ImportError says how to install it."""
    install = "python -m pip install 'scalar-autograd[native]'"
    try:
        import llvmlite
        import llvmlite.binding
    except ImportError as error:
        raise ImportError(f"the back end 'native' needs llvmlite: {install}") from error
    if llvmlite.binding.llvm_version_info < OLDEST_LLVM:
        raise ImportError(f"the back end 'native' needs llvmlite 0.45 or newer, got {llvmlite.__version__}: {install}")
    return llvmlite.binding


@dataclass(frozen=True)
class Machine:
    """The compiled machine: functions of the code's address, its length, the buffers, and what they need besides."""

    forward: Callable[..., int]  # not 0 where a result is not finite
    backward: Callable[..., int]
    engine: Any  # keeps the code alive


@cache
def machine(width: int) -> Machine:
    """Compile the machine for numbers of this width, or load it, once in a process."""
    llvm = load_llvmlite()
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    text = machine_source(width)
    for name in declared(text):
        if not name.startswith("llvm."):
            llvm.add_symbol(name, ctypes.cast(getattr(c_library(), name), ctypes.c_void_p).value)
    triple, cpu = llvm.get_default_triple(), llvm.get_host_cpu_name()
    features = llvm.get_host_cpu_features().flatten()
    kept = ObjectFile("\n".join([text, *map(str, llvm.llvm_version_info), triple, cpu, features]))
    code = kept.read()
    module = llvm.parse_assembly(text)
    target = llvm.Target.from_triple(triple).create_target_machine(opt=0, cpu=cpu, features=features)
    if code is None:
        options = llvm.create_pipeline_tuning_options(speed_level=1)
        options.loop_vectorization, options.loop_unrolling = True, False
        builder = llvm.create_pass_builder(target, options)
        builder.getModulePassManager().run(module, builder)
    engine = llvm.create_mcjit_compiler(module, target)
    engine.set_object_cache(lambda _, made: kept.write(made), lambda _: code)
    engine.finalize_object()
    pointer, integer = ctypes.c_void_p, ctypes.c_int64
    kind = ctypes.CFUNCTYPE(integer, pointer, integer, pointer, pointer, integer, pointer, pointer, integer, integer)
    return Machine(kind(engine.get_function_address("forward")), kind(engine.get_function_address("backward")), engine)
