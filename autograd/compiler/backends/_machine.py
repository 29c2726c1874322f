"""A virtual machine for scalar steps: one switch over flat code, written as LLVM IR from the table's rows.

An instruction is four integers: the row, of which the last three bits say which operands get a derivative, and three
slots. Its result goes to the next slot. Run backward, the same code adds to the adjoint of each operand what the row
hands back. Of an n-ary row the slots are where its operands begin in a list of slots, how many there are, and a number.

A number is `width` many floats, one for each example. The machine of each width is compiled once in a process.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from autograd.compiler.backends._cases import cases
from autograd.compiler.backends.jit import compiled_module, with_vectors

Callback = ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_int64, ctypes.POINTER(ctypes.c_double))
HANDED_ON = "ptr %v, ptr %w, ptr %list, ptr %python, i64 %d, i64 %a, i64 %b, i64 %c"
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


def _loop(name: str, letter: str, bodies: dict[int, str], width: int, *, backward: bool) -> str:
    targets = " ".join(f"i32 {case}, label %c{case}" for case in bodies)
    blocks = "\n".join(f"c{case}:\n  call void @{letter}{case}({HANDED_ON})\n  br label %next" for case in bodies)
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
    ahead, back = cases(width)
    loops = [_loop("forward", "f", ahead, width, backward=False), _loop("backward", "b", back, width, backward=True)]
    return with_vectors("\n".join([*ahead.values(), *back.values(), *loops]))


@dataclass(frozen=True)
class Machine:
    """The compiled machine: functions of the code's address, its length, the buffers, and what they need besides."""

    forward: Callable[..., int]  # not 0 where a result is not finite
    backward: Callable[..., int]
    engine: Any  # keeps the code alive


@cache
def machine(width: int) -> Machine:
    """Compile the machine for numbers of this width, or load it, once in a process."""
    engine = compiled_module(machine_source(width), kept=True)
    pointer, integer = ctypes.c_void_p, ctypes.c_int64
    kind = ctypes.CFUNCTYPE(integer, pointer, integer, pointer, pointer, integer, pointer, pointer, integer, integer)
    return Machine(kind(engine.get_function_address("forward")), kind(engine.get_function_address("backward")), engine)
