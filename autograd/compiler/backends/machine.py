"""A virtual machine for scalar steps: one switch over flat code, written as LLVM IR from the table's rows.

An instruction is four integers: the row, of which the last three bits say which operands get a derivative, and three
slots. Its result goes to the next slot. Run backward, the same code adds to the adjoint of each operand what the row
hands back. Of an n-ary row the slots are where its operands begin in a list of slots, how many there are, and a number.

A number is `width` many floats, one for each example. The machine of each width is compiled once in a process.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from autograd.compiler.backends._cases import cases
from autograd.compiler.backends._llvm import c_library, composed_functions
from autograd.compiler.backends._objects import ObjectFile

OLDEST_LLVM = (20, 0, 0)  # as llvmlite 0.45 has it: opaque pointers, and memory(none)
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
    parts = [*ahead.values(), *back.values()]
    parts += composed_functions("\n".join(parts))
    text = "\n".join(parts)
    heads = [
        f"declare double @{name}({', '.join(['double'] * arity)}) nounwind memory(none)"
        for name, arity in declared(text).items()
    ]
    loops = [_loop("forward", "f", ahead, width, backward=False), _loop("backward", "b", back, width, backward=True)]
    return "\n".join([*heads, *parts, *loops])


def declared(text: str) -> dict[str, int]:
    """Return the functions of numbers that lines of LLVM IR call and do not define, and how many each takes."""
    called = re.findall(r"call double @([\w.]+)\((.*)\)", text)
    return {name: given.count("double ") for name, given in called if not name.startswith("row.")}


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
