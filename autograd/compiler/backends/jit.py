"""Just-in-time compilation: text in LLVM IR becomes functions in memory, by llvmlite, and may be kept on disk."""

from __future__ import annotations

import ctypes
import re
from functools import cache
from typing import Any

import numpy as np

from autograd.compiler.backends._llvm import c_library, functions_of_rows
from autograd.compiler.backends._objects import ObjectFile
from autograd.compiler.backends._vectors import vector_function

OLDEST_LLVM = (20, 0, 0)  # as llvmlite 0.45 has it: opaque pointers, memory(none) and splat
ROOM, ROOM_OF_LINE = 8_000_000, (2_500, 5_000)  # bytes that LLVM takes, at most, and for each line by the level
LIBRARY = re.compile(r"call double @(?!llvm\.|kernel\.|row\.)([\w.]+)\((.*)\)")
INTRINSIC = re.compile(r"call ([^@]*)@(llvm\.[\w.]+)\((.*)\)")
TYPES = re.compile(r"(?:^|, )(<\d+ x \w+>|\w+) ")
ROW_CALLS = re.compile(r"call [^@]*@(row\.[\w.]+)\(")
VECTORS = re.compile(r"call <(\d+) x double> @((?!llvm\.)\w+)\.v\d+\((.*)\)")


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


def declarations(text: str) -> list[str]:
    """Return the declarations of the functions of numbers, and of vectors of these, that lines of LLVM IR call."""
    found = {}
    for name, given in LIBRARY.findall(text):
        found[name] = f"declare double @{name}({', '.join(['double'] * given.count('double '))}) nounwind memory(none)"
    for kind, name, given in INTRINSIC.findall(text):
        result = kind.strip().removeprefix("reassoc ")
        found[name] = f"declare {result} @{name}({', '.join(TYPES.findall(given))})"
    return list(found.values())


def with_vectors(text: str) -> str:
    """Return a module of its functions, with the functions of vectors that these call, and all declarations."""
    parts: list[str] = [text]
    known: set[Any] = set()
    for part in parts:
        for name in ROW_CALLS.findall(part):
            if name not in known:
                known.add(name)
                parts.append(functions_of_rows[name])
        for lanes, name, given in VECTORS.findall(part):
            if (lanes, name) not in known:
                known.add((lanes, name))
                parts.append(vector_function(name, given.count(" x double> "), int(lanes)))
    whole = "\n".join(parts)
    return "\n".join([*declarations(whole), whole])


@cache
def processor() -> tuple[str, str, str]:
    """Return the processor as LLVM knows it: a triple, a name, and features."""
    llvm = load_llvmlite()
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm.get_default_triple(), llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()


def check_room(lines: int, level: int) -> None:
    """Raise MemoryError if there is no memory in which LLVM compiles so many lines: LLVM itself ends the process."""
    asked = ROOM + lines * ROOM_OF_LINE[level]
    try:
        np.empty(asked, dtype=np.uint8)
    except MemoryError:
        raise MemoryError(
            f"LLVM takes about {asked:,} bytes to compile this program to native code, and there are not so many; "
            "backend='numpy' and backend='python' compile nothing"
        ) from None


def compiled_module(text: str, *, kept: bool = False, level: int = 0) -> Any:
    """Return an engine that has the functions of a module; a `kept` one is loaded where it was compiled before."""
    llvm = load_llvmlite()
    check_room(text.count("\n"), max(level, kept))
    triple, cpu, features = processor()
    target = llvm.Target.from_triple(triple).create_target_machine(opt=level, cpu=cpu, features=features)
    for name, _ in LIBRARY.findall(text):
        llvm.add_symbol(name, ctypes.cast(getattr(c_library(), name), ctypes.c_void_p).value)
    depends = [text, *map(str, llvm.llvm_version_info), triple, cpu, features, str(level)]
    file = ObjectFile("\n".join(depends)) if kept else None
    code = file.read() if file else None
    module = llvm.parse_assembly(text)
    if file and code is None:
        options = llvm.create_pipeline_tuning_options(speed_level=1)
        options.loop_vectorization, options.loop_unrolling = False, False
        builder = llvm.create_pass_builder(target, options)
        builder.getModulePassManager().run(module, builder)
    engine = llvm.create_mcjit_compiler(module, target)
    if file:
        engine.set_object_cache(lambda _, made: file.write(made), lambda _: code)
    engine.finalize_object()
    return engine
