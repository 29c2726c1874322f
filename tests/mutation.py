"""Mutation testing: small faults are planted in the packages, one at a time, and the tests are asked to notice.

    python -m tests.mutation --map          # once: which test reaches which line; or of these tests, or folders:
    python -m tests.mutation --map autograd/engine tests/autograd/engine
    python -m tests.mutation                # a sample of 50 mutants
    python -m tests.mutation autograd/engine --sample 0               # all mutants of a folder
    python -m tests.mutation nn --each 4 --seed 1                     # four of each file, of different kinds
    python -m tests.mutation nn --kind boundary --sample 0            # all of a kind

Ctrl-C ends a run early, with the table of what was judged so far.

A mutant is judged by the tests that reach its line, those of the fewest lines first, and then by others that reach its
file, since what is computed once and kept is reached by the first test only. It survives if all of them pass: then a
test is missing, or the mutant means the same as the original and stands in `EQUIVALENT`, with the reason.

The map is made by this file as a plugin of pytest: `sys.monitoring` tells each line once in a test, so that the tests
take hardly longer than without. Needs Python 3.12, and an operating system that forks.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import json
import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from itertools import count, zip_longest
from pathlib import Path
from types import CodeType
from typing import Any, NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent
MAP = ROOT / "build" / "mutation.json"
TIMES = count(1_000_000_000)  # of files, in seconds: each its own, by which Python tells compiled files that are old
SECONDS_TO_ANSWER = 300  # until a mutant counts as one that never ends
WEAKEST_FIRST = ("boundary", "constant", "branch", "arithmetic", "comparison", "swap", "deletion", "logic", "result")

# Mutants that mean the same as the original: file, original line without its indentation, and what is in its place.
EQUIVALENT: dict[tuple[str, str, str], str] = {
    ("autograd/rules/table.py", "if x >= 0.0:", "x > 0.0"): "both formulas of sigmoid are 1/2 at 0, both of silu 0",
    (
        "autograd/rules/expression.py",
        "return self.literal(term), SIGN if math.copysign(1.0, term) < 0.0 else ATOM",
        "2.0",
    ): "the sign counts",
    (
        "autograd/rules/_special.py",
        "return _select(x < 0.0, (-1.0) ** n * y, y) if n % 2 else y",
        "x <= 0.0",
    ): "x is not 0 there",
    (
        "autograd/engine/_copying.py",
        "if stamp.tick > clock.now.tick:  # a graph from another process: what is made from it here is newer than it",
        "stamp.tick >= clock.now.tick",
    ): "the clock may move on once more",
    (
        "autograd/engine/_copying.py",
        "graph = _Graph(topological_order(node)[:-1])",
        "2",
    ): "an ancestor that is not listed is pickled by its child",
    (
        "autograd/functions/_intervals.py",
        "low, high = (a.a if a.a <= b.a else b.a), (a.b if a.b >= b.b else b.b)",
        "a.a < b.a",
    ): "of two equal ends, either",
    ("autograd/functions/_intervals.py", "if x < 0:", "False"): "1 - erf(x) holds erfc(x) for negative numbers too",
    (
        "autograd/functions/newton.py",
        "return all(abs(d) <= times * max(1e-8 * abs(a), 64.0 * _EPS * largest) for a, d in zip(x, step, strict=True))",
        "abs(d) < times * max(1e-08 * abs(a), 64.0 * _EPS * largest)",
    ): "two numbers that are rounded are not just equal",
    (
        "nn/sweeping/_workers.py",
        'self.at_once = max(LEAST_AHEAD, 2 * (getattr(executor, "_max_workers", None) or os.cpu_count() or 1))',
        "3",
    ): "how many tasks wait is a matter of speed",
    (
        "autograd/functions/newton.py",
        "if not abs(float_of(rows[k][k])) > 4.0 * _EPS * size * scales[k] * columns[k] * (size > 1):",
        "5.0",
    ): "how many units of rounding make a pivot 0 is no promise",
    (
        "nn/losses.py",
        "if others and all((z <= logits[k]) is True for z in others) and logits[k] > -math.inf:",
        "z < logits[k]",
    ): "at a tie, both formulas keep all digits",
    (
        "autograd/functions/structure.py",
        'inside = f"{parts[0]} x {len(parts)}" if len(parts) > 4 and len(set(parts)) == 1 else ", ".join(parts)',
        "1",
    ): "the parts are the same",
    ("nn/app/reports.py", "most, size = counts.most_common(1)[0]", "2"): "the first of two is the first of one",
    (
        "nn/app/presets.py",
        "return training, make(**options, seed=(seed + 1) % 2**32) if testing else None",
        "(seed - 1)",
    ): "any other seed gives other examples to test on",
    (
        "nn/plots/chart.py",
        "if high - low <= max(1e-9 * size, SMALLEST):  # one number, but for its last digits",
        "high - low < max(1e-09 * size, SMALLEST)",
    ): "either axis is right for numbers that differ by just so much",
    (
        "autograd/testing.py",
        "if not math.fabs(there - y) <= 2.0 * distance * (1.0 + sum(map(math.fabs, slopes))):",
        "math.fabs(there - y) < 2.0 * distance * (1.0 + sum(map(math.fabs, slopes)))",
    ): "two numbers that are rounded are not just equal",
    ("autograd/testing.py", "max_steps: int = 8,", "9"): "how large random expressions are is no promise",
    (
        "nn/training/progress.py",
        "if batch < batches and now - self.moment >= INTERVAL:",
        "batch <= batches",
    ): "the end of the epoch is shown at once after its last batch",
    (
        "autograd/compiler/_results.py",
        "columns = [column.copy() if isinstance(column, np.ndarray) else "
        "np.full(examples, column) for column in found]",
        "False",
    ): "what NumPy fills anew is a copy too",
    (
        "autograd/compiler/backends/__init__.py",
        "def memory(self, examples: int = 1) -> Any:",
        "2",
    ): "a default of the protocol, which its classes have for themselves",
    (
        "autograd/compiler/backends/__init__.py",
        "def rows(self, slot: int, *, adjoint: bool = False) -> Any:",
        "True",
    ): "a default of the protocol, which its classes have for themselves",
    (
        "autograd/compiler/backends/_arrays.py",
        "first, stop = int(target.slots[0]), int(target.slots[-1]) + 1",
        "2",
    ): "one slot more than is used",
    ("autograd/compiler/backends/_cases.py", "@dataclass(frozen=True)", "False"): "nothing hashes or compares it",
    (
        "autograd/compiler/backends/_kernels.py",
        "self.looped = any(block.repetitions > 1 for block in blocks) or len(steps) > NAMED_STEPS",
        "2",
    ): "a loop has four repetitions or more",
    (
        "autograd/compiler/backends/_recurrences.py",
        "if not any(self._flags(operand)):",
        "False",
    ): "memory in place of a register",
    (
        "autograd/compiler/backends/_recurrences.py",
        "if offset is not None and offset >= 0:",
        "1",
    ): "what is handed on selects it away",
    (
        "autograd/compiler/backends/_sections.py",
        'found = "false" if self.lines.lanes == 1 else "zeroinitializer"',
        "False",
    ): "the same text in effect",
    (
        "autograd/compiler/backends/_sources.py",
        'return f"({written})" if written.startswith("-") else written',
        "True",
    ): "the same text in effect",
    (
        "autograd/compiler/backends/_vectors.py",
        "return rules.where(abs(x) < 2.0**-54, x, found)",
        "55",
    ): "the same after rounding",
    ("autograd/compiler/backends/_vectors.py", "x = rules.minimum(x, 28.0)", "29.0"): "the same after rounding",
    (
        "autograd/compiler/backends/kernel.py",
        "self.odd = np.zeros(self.padded // 8 + 1, dtype=np.uint8)",
        "2",
    ): "one byte more than is used",
    (
        "autograd/compiler/backends/native.py",
        "if size < strips * width:  # what is beyond the last example repeats it",
        "True",
    ): "nothing is appended",
    (
        "autograd/compiler/backends/native.py",
        "self.python = ctypes.cast(self._callback, ctypes.c_void_p) if self._callback else None",
        "True",
    ): "a pointer that nothing reads",
    (
        "autograd/compiler/backends/python.py",
        "whole = np.array(swept).reshape(len(swept), -1)",
        "2",
    ): "NumPy takes any negative number for the size that it finds",
    ("autograd/compiler/cut.py", '("python", "steps"): Cost(500, 0, 75.0, 20.0),', "21.0"): "a measured cost",
    ("autograd/compiler/cut.py", '("python", "steps"): Cost(500, 0, 75.0, 20.0),', "501"): "a measured cost",
    ("autograd/compiler/lowering.py", "@dataclass(eq=False)", "True"): "nothing compares it",
    (
        "autograd/compiler/lowering.py",
        "SAMPLES = 16, 500  # parts of a graph, and nodes in each, by which a large wide one is known",
        "501",
    ): "how many are drawn is a matter of speed",
    (
        "autograd/compiler/lowering.py",
        "return operands > width * max(deep.values(), default=0)",
        "operands >= width * max(deep.values(), default=0)",
    ): "what costs the same may be either",
    (
        "autograd/export/_tensors_of_onnx.py",
        "if operation is not rules.largest:",
        "False",
    ): "no other row of any number of operands comes there",
    (
        "autograd/export/_words_of_jax.py",
        "rules.elu: lambda alpha: lambda x: jnp.where(x > 0.0, x, alpha * jnp.expm1(x)),",
        "x >= 0.0",
    ): "both sides are 0 at 0",
    (
        "autograd/export/c.py",
        "strides = None if rows.constants is not None else regular(slots)",
        "False",
    ): "no reduction of constants comes there",
    ("autograd/export/latex.py", "rules.divide: (SIGN, 0, 0),", "1"): "levels begin at 2",
    (
        "autograd/compiler/backends/native.py",
        "if slow and not self._warned and len(self.tape.called) * examples >= SLOW:",
        "len(self.tape.called) * examples > SLOW",
    ): "from which number on Python is called slow is no promise",
    (
        "autograd/rules/_special.py",
        "return sign * sin(PI * _select(rest > 0.5, 1.0 - rest, rest)), sign * sin(PI * (0.5 - rest))",
        "rest >= 0.5",
    ): "1 - 0.5 is 0.5",
    (
        "autograd/functions/newton.py",
        "if _is_definite(shifted) or shift > 1e3 * size * largest:",
        "shift >= 1000.0 * size * largest",
    ): "two numbers that are rounded are not just equal",
    (
        "autograd/compiler/_fold.py",
        "if node.op is rules.mean and len(terms) > 1:",
        "len(terms) >= 1",
    ): "a mean of one number is 1.0 times it",
    (
        "autograd/compiler/backends/_vectors.py",
        "large = abs(x) > 22.0",
        "abs(x) >= 22.0",
    ): "both formulas have all digits there",
    (
        "autograd/rules/table.py",
        "one = 1.0 if -inf < xs[at] < inf else nan",
        "-inf <= xs[at] < inf",
    ): "where the largest is -inf all are, whose differences are nan",
    (
        "autograd/export/torch.py",
        "repeated = [axis for axis, stride in enumerate(strides or ()) if stride == 0 and slots.shape[axis] > 1]",
        "2",
    ): "what repeats twice may be listed, which gives the same numbers",
    (
        "autograd/compiler/_binding.py",
        "weakref.finalize(instance, self._programs.pop, key, None).atexit = False",
        "True",
    ): "what is freed at exit anyway",
    (
        "nn/training/storage.py",
        'return f"{count:,}" if count < 10**15 else "more than 10**15"',
        "count <= 10 ** 15",
    ): "where a count stops to be exact is no promise",
    (
        "nn/plots/figures.py",
        "upright = 0.09 * max(map(len, names)) < max(4.0, 0.42 * size) / size  # inches of a name, and of a cell",
        "0.09 * max(map(len, names)) <= max(4.0, 0.42 * size) / size",
    ): "two numbers that are rounded are not just equal",
    (
        "autograd/compiler/backends/_recurrences.py",
        "if isinstance(operand, Affine) and offset is not None and offset < 0 < self.directed:",
        "offset <= 0 < self.directed",
    ): "a result of the same repetition has its name by then",
    (
        "autograd/compiler/_loops.py",
        "before, after = different[different < middle], different[different >= middle]",
        "different <= middle",
    ): "the middle is alike to the step a block later, by which the length was found",
    (
        "autograd/compiler/function.py",
        "if program.left <= 0.0:",
        "program.left < 0.0",
    ): "the time that is left is never just 0",
    (
        "autograd/functions/_kinds.py",
        "return sympy.nan if number != number else sympy.oo if number > 0.0 else -sympy.oo",
        "number >= 0.0",
    ): "the number is infinite there",
    (
        "autograd/export/latex.py",
        r'''return r"\mathrm{nan}" if value != value else r"\infty" if value > 0.0 else r"-\infty"''',
        "value >= 0.0",
    ): "the number is infinite there",
    (
        "autograd/export/_words_of_torch.py",
        "return torch.where(x.abs() < 0.5, torch.tanh(x), torch.where(x < 0.0, -tail, tail))",
        "x.abs() <= 0.5",
    ): "both formulas are right at 1/2",
    (
        "autograd/functions/_intervals.py",
        "if n > x * x and abs(term) < iv.mpf(2) ** -iv.prec:",
        "abs(term) <= iv.mpf(2) ** (-iv.prec)",
    ): "the next term bounds the rest of the series wherever it ends",
    (
        "nn/training/history.py",
        "if self.seconds is None or time.monotonic() - begin < self.seconds:",
        "time.monotonic() - begin <= self.seconds",
    ): "nobody sees a clock at just that moment",
    (
        "autograd/rules/table.py",
        "else (lambda y, x: n * ieee_power(x, n, 1.0)) if n > 0.0",
        "n >= 0.0",
    ): "the exponent 0 has a line of its own",
    (
        "autograd/export/sympy.py",
        "if len(_asked) > REMEMBERED:",
        "len(_asked) >= REMEMBERED",
    ): "how many are remembered is no promise",
    (
        "autograd/compiler/_loops.py",
        "before, after = breaks[breaks < middle], breaks[breaks > middle]",
        "breaks <= middle",
    ): "where the middle is among the breaks there is no loop",
    (
        "autograd/export/latex.py",
        "if node is order[-1] or uses[node] > 1 or sizes[node] > LARGEST:",
        "sizes[node] >= LARGEST",
    ): "where a long formula is parted is no promise",
    (
        "autograd/compiler/backends/_cases.py",
        "larger = abs(s) >= abs(x)",
        "abs(s) > abs(x)",
    ): "of two numbers of one size either may be taken from the sum",
    (
        "autograd/export/_words_of_onnx.py",
        "rules.leaky_relu: lambda slope: lambda x: rules.where(x > 0.0, x, slope * x),",
        "x >= 0.0",
    ): "both sides are 0 at 0",
    (
        "autograd/files.py",
        "if time.time() - path.stat().st_mtime > ABANDONED_AFTER:",
        "time.time() - path.stat().st_mtime >= ABANDONED_AFTER",
    ): "nobody sees a clock at just that moment",
    (
        "autograd/compiler/backends/_composed.py",
        "return (rest < 0.0) * (b > 0.0) | (rest > 0.0) * (b < 0.0)",
        "b <= 0.0",
    ): "the rest of a division by 0 is nan",
    (
        "autograd/compiler/backends/python.py",
        "memory.plain_adjoints[:] = whole[:, : len(plain)].sum(axis=0) if len(swept) > 1 else whole[0, : len(plain)]",
        "len(swept) >= 1",
    ): "a sum of one number is the number",
    (
        "autograd/compiler/backends/_words.py",
        "return np.where(x >= 0.0, 1.0, e) / (1.0 + e)",
        "x > 0.0",
    ): "both formulas of sigmoid are 1/2 at 0",
    (
        "autograd/compiler/backends/kernel.py",
        "self.blocks = [self._whole(slot) for slot in starts] if self.padded > examples else []",
        "self.padded >= examples",
    ): "a copy is read like what it is of",
    (
        "autograd/checks/_differences.py",
        "if all(column.settled for column in columns) or step <= first * 2.0**-HALVINGS:",
        "step < first * 2.0 ** (-HALVINGS)",
    ): "how often a step is halved is no promise",
    (
        "autograd/compiler/views.py",
        "for stride, length in sorted((abs(stride), length) for stride, length in zip(strides or (), once) "
        "if length > 1):",
        "length >= 1",
    ): "then all slots are looked at, which takes longer",
    (
        "autograd/export/_words_of_onnx.py",
        "return rules.where(x < HUGE, _log1p(over + rules.sqrt(over * (x + 1.0))), rules.log(x) + rules.LN_2)",
        "x <= HUGE",
    ): "both formulas are right at that number",
    ("autograd/functions/structure.py", "super().__init__(found)", "pass"): "nobody reads this error's own message",
    (
        "autograd/export/_words_of_onnx.py",
        "return rules.where(x < 0.0, 2.0 - y, y)",
        "x <= 0.0",
    ): "erfc is 1 at 0 by both formulas",
    (
        "autograd/compiler/cut.py",
        '("native", "steps"): Cost(4_000, 0, 8.0, 2.0),',
        "1",
    ): "when a back end takes over is a matter of speed",
    (
        "autograd/compiler/backends/kernel.py",
        "operations = sum(max(1, len(operands) - 1) for _, operands in self.steps)",
        "(len(operands) + 1)",
    ): "when a kernel is worth it is a matter of speed",
    ("autograd/rules/_special.py", "right = x > -0.5", "x >= -0.5"): "both formulas are right at -1/2",
    ("autograd/compiler/_fold.py", "if len(alike) > 1:", "len(alike) >= 1"): "a sum of one number is the number",
    (
        "nn/sweeping/_workers.py",
        "while self.waiting and len(self.pending) < max(self.at_once, AHEAD * len(self.workers)):",
        "len(self.pending) <= max(self.at_once, AHEAD * len(self.workers))",
    ): "how many tasks wait is a matter of speed",
    (
        "autograd/checks/_differences.py",
        "1.5 * coarser > finer > 0.75 * coarser and finer > 1e-3 * slope",
        "finer >= 0.001 * slope",
    ): "two numbers that are rounded are not just equal",
    (
        "autograd/compiler/backends/_composed.py",
        "counts = (k >= 0.0) * (k < math.inf) * (called(FLOOR, k) >= k)",
        "k > 0.0",
    ): "b - 0 is not rounded",
    (
        "autograd/compiler/backends/_composed.py",
        "return rules.where(x >= 0.0, x / (1.0 + rules.exp(-x)), x * e * (e / (1.0 + e * e)))",
        "x > 0.0",
    ): "both formulas of silu are 0 at 0",
    (
        "autograd/functions/calls.py",
        "if sys.version_info >= (3, 14):",
        "sys.version_info > (3, 14)",
    ): "no version is just (3, 14)",
    (
        "autograd/compiler/_loops.py",
        "while size * 8 < len(hashes):",
        "size * 8 <= len(hashes)",
    ): "how long the windows get is a matter of speed",
    (
        "autograd/export/_words_of_onnx.py",
        "return rules.where(x < 1.0, small, rules.log(whole))",
        "x <= 1.0",
    ): "both formulas are right at 1",
}

COMPARISONS = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
ARITHMETIC = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult, ast.Mod: ast.Mult,
    ast.FloorDiv: ast.Mult,
}  # fmt: skip


class Mutant(NamedTuple):
    """A fault: where it is planted, of which kind it is, and the text of the whole file with it."""

    file: str
    line: int
    kind: str
    original: str
    changed: str
    text: str

    def said(self) -> str:
        """Return what is changed, without the line's number, which moves."""
        return f"{self.kind}: {self.original}  ->  {self.changed}"


def variants(node: ast.AST) -> Iterator[tuple[str, ast.AST, str]]:
    """Yield the kinds of faults that can be planted at a node: kind, the node that is replaced, and the new source."""
    if isinstance(node, ast.Compare) and type(node.ops[0]) in COMPARISONS:
        changed = ast.Compare(node.left, [COMPARISONS[type(node.ops[0])](), *node.ops[1:]], node.comparators)
        yield (
            "boundary" if isinstance(node.ops[0], (ast.Lt, ast.LtE, ast.Gt, ast.GtE)) else "comparison",
            node,
            ast.unparse(changed),
        )
    elif isinstance(node, ast.BinOp) and type(node.op) in ARITHMETIC and not isinstance(node.left, ast.Constant):
        yield "arithmetic", node, f"({ast.unparse(ast.BinOp(node.left, ARITHMETIC[type(node.op)](), node.right))})"
        if isinstance(node.op, (ast.Sub, ast.Div, ast.Pow)):
            yield "swap", node, f"({ast.unparse(ast.BinOp(node.right, node.op, node.left))})"
    elif isinstance(node, ast.Call) and len(node.args) > 1 and not isinstance(node.args[0], ast.Starred):
        first, second, *rest = node.args
        if not isinstance(second, ast.Starred):
            yield "swap", node, ast.unparse(ast.Call(node.func, [second, first, *rest], node.keywords))
    elif isinstance(node, ast.BoolOp):
        other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield "logic", node, f"({ast.unparse(ast.BoolOp(other, node.values))})"
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield "logic", node, f"({ast.unparse(node.operand)})"
    elif isinstance(node, ast.Constant) and isinstance(node.value, (bool, int, float)):
        yield "constant", node, repr(not node.value if isinstance(node.value, bool) else node.value + 1)
    elif isinstance(node, (ast.If, ast.IfExp)):
        for outcome in ("True", "False"):  # one of them switches a fast path off
            yield "branch", node.test, outcome
    elif isinstance(node, (ast.Assign, ast.AugAssign, ast.Raise)) or (
        isinstance(node, ast.Expr) and not isinstance(node.value, ast.Constant)
    ):
        yield "deletion", node, "pass"
    elif isinstance(node, ast.Return) and node.value is not None:
        yield "result", node.value, "None"


def mutants(path: Path) -> Iterator[Mutant]:
    """Yield every mutant of a file."""
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    lines = text.encode().splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    skipped = {id(part) for node in ast.walk(tree) for kept in left_out(node) for part in ast.walk(kept)}
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        for kind, place, source in variants(node):
            begin = starts[place.lineno - 1] + place.col_offset
            end = starts[place.end_lineno - 1] + place.end_col_offset
            whole = text.encode()
            changed = (whole[:begin] + source.encode() + whole[end:]).decode()
            name = path.relative_to(ROOT).as_posix()
            yield Mutant(name, place.lineno, kind, lines[place.lineno - 1].decode().strip(), source, changed)


def left_out(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what a node says about types only, and that a zip is strict, which asserts what its writer knows."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        yield from [*node.decorator_list, *filter(None, [node.returns])]
        if any(isinstance(decorator, ast.Name) and decorator.id == "overload" for decorator in node.decorator_list):
            yield node
    elif isinstance(node, (ast.arg, ast.AnnAssign)) and node.annotation is not None:
        yield node.annotation
    elif isinstance(node, ast.keyword) and node.arg == "strict":
        yield node.value
    elif isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
        yield node


class Reach:
    """A plugin of pytest that notes which lines of the packages each test that passes reaches."""

    def __init__(self, tool: int = 1) -> None:  # sys.monitoring.COVERAGE_ID
        self.tool = tool
        self.lines: set[tuple[str, int]] = set()
        self.failed = False
        self.tests: list[tuple[str, float, list[tuple[str, int]]]] = []
        self.folders = tuple(str(ROOT / package) + os.sep for package in ("autograd", "nn"))
        sys.monitoring.use_tool_id(tool, "mutation")
        sys.monitoring.register_callback(tool, sys.monitoring.events.LINE, self.line)
        sys.monitoring.set_events(tool, sys.monitoring.events.LINE)

    def line(self, code: CodeType, number: int) -> object:
        """Note a line, and ask to be told of it no more in this test."""
        if code.co_filename.startswith(self.folders):
            self.lines.add((code.co_filename, number))
        return sys.monitoring.DISABLE

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Run a test, and keep what it reached if it passed."""
        self.lines.clear()
        self.failed = False
        sys.monitoring.restart_events()
        begun = time.perf_counter()
        result = yield
        if self.lines and not self.failed:
            self.tests.append((item.nodeid, time.perf_counter() - begun, sorted(self.lines)))
        return result

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Leave out what fails without a mutant, too."""
        self.failed |= report.failed

    def pytest_sessionfinish(self) -> None:
        """Write what the map knows of each test: how long it takes, and the lines of each file.

        Tests in files that did not run are kept.
        """
        sys.monitoring.set_events(self.tool, 0)
        file = Path(os.environ["MUTATION_MAP"])
        known = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
        ran = {name.partition("::")[0] for name, _, _ in self.tests}
        known = {name: test for name, test in known.items() if name.partition("::")[0] not in ran}
        for name, seconds, lines in self.tests:
            reached = defaultdict(list)
            for path, line in lines:
                reached[Path(path).relative_to(ROOT).as_posix()].append(line)
            known[name] = round(seconds, 4), reached
        file.write_text(json.dumps(known), encoding="utf-8")


def pytest_configure(config: pytest.Config) -> None:
    """Measure, where this file is loaded by `pytest -p tests.mutation`."""
    config.pluginmanager.register(Reach())


def judges(mutant: Mutant, known: dict[str, Any], left: float) -> list[str]:
    """Return the tests that judge a mutant: those of its line, then those of its file, as far as the time goes."""
    of_file = [(name, seconds, reached) for name, (seconds, reached) in known.items() if mutant.file in reached]
    of_file.sort(key=lambda test: (mutant.line not in test[2][mutant.file], sum(map(len, test[2].values()))))
    chosen: list[str] = []
    for name, seconds, _ in of_file:
        left -= seconds
        if left > 0 or not chosen:
            chosen.append(name)
    return chosen


def survives(mutant: Mutant, tests: list[str], tree: Path) -> bool:
    """Return whether all of the tests pass in a copy of the repository in which the fault is planted."""
    file, names = tree / mutant.file, tree / "tests.txt"
    kept = file.read_text(encoding="utf-8")
    names.write_text("\n".join(tests), encoding="utf-8")
    file.write_text(mutant.text, encoding="utf-8")
    os.utime(file, (next(TIMES),) * 2)
    try:
        ended = run_tests(tree, ["-x", f"@{names}"])
    finally:
        file.write_text(kept, encoding="utf-8")
        os.utime(file, (next(TIMES),) * 2)
    if ended not in (0, 1) and run_tests(tree, ["--collect-only", f"@{names}"]) != 0:
        raise SystemExit(f"the tests of {mutant.file} are not those of the map: run `--map` with them again")
    return ended == 0


def run_tests(tree: Path, arguments: list[str]) -> int:
    """Return how pytest ends in a copy of the repository: 0 if all tests pass, 1 if one fails or never ends.

    It runs in a fork of this process, which need not import again what the tests import beside the packages.
    """
    judge = multiprocessing.get_context("fork").Process(target=run_tests_here, args=(tree, arguments))
    judge.start()
    judge.join(SECONDS_TO_ANSWER)
    if judge.exitcode is None:
        os.killpg(judge.pid, signal.SIGKILL)
        return 1
    return judge.exitcode


def run_tests_here(tree: Path, arguments: list[str]) -> None:
    """Run tests in a copy of the repository, in this process, and end as pytest does."""
    os.setsid()
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    os.chdir(tree)
    os.environ["PYTHONPATH"] = sys.path[0] = str(tree)
    for name in [name for name in sys.modules if name.partition(".")[0] == "tests"]:
        del sys.modules[name]
    ended = -1  # an error of this function is not one that a test has found
    try:
        ignored = (  # the second: what an interrupted test has left may be freed in any later one
            "ignore:Module already imported:pytest.PytestAssertRewriteWarning",
            "ignore::pytest.PytestUnraisableExceptionWarning",
        )
        known = [part for warning in ignored for part in ("-W", warning)]
        try:
            importlib.import_module("nn")  # before pytest, which would import a file of doctests once more
        except Exception:
            ended = 1
        else:
            ended = pytest.main(["-q", "-p", "no:cacheprovider", *known, *arguments])
    finally:
        os._exit(ended)


@contextmanager
def copied() -> Iterator[Path]:
    """Yield a copy of the repository, in which tests that need more than its files fail."""
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder, "tree")
        shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns(".git", ".*_cache", "build", "__pycache__"))
        yield tree


def some_of_each(every: list[Mutant], number: int, random_state: random.Random) -> list[Mutant]:
    """Return a number of mutants of each file, of as many kinds as there are."""
    files: dict[str, dict[str, list[Mutant]]] = defaultdict(lambda: defaultdict(list))
    for mutant in random_state.sample(every, len(every)):
        files[mutant.file][mutant.kind].append(mutant)
    chosen = []
    for kinds in files.values():
        rounds = zip_longest(*(kinds[kind] for kind in WEAKEST_FIRST))
        chosen += [mutant for turn in rounds for mutant in turn if mutant][:number]
    return chosen


def main() -> None:
    """Judge a sample of mutants, and print those that survive."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="*", default=["autograd", "nn"], help="files or folders of the packages")
    parser.add_argument(
        "--map", nargs="*", metavar="TEST", help="find out which test reaches which line, of all or these"
    )
    parser.add_argument("--sample", type=int, default=50, help="how many mutants (0: all)")
    parser.add_argument("--each", type=int, help="how many mutants of each file, instead")
    parser.add_argument("--again", metavar="FILE", help="the survivors of a run, of which this file has the output")
    parser.add_argument(
        "--seconds", type=float, default=60, help="what the tests of a mutant may take, as measured for the map"
    )
    parser.add_argument("--kind", choices=WEAKEST_FIRST, help="mutants of this kind only")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if options.map is not None:
        MAP.parent.mkdir(exist_ok=True)
        with copied() as tree:
            command = [
                sys.executable,
                "-m",
                "pytest",
                "-q",
                "-p",
                "no:cacheprovider",
                "-p",
                "no:xdist",
                "-p",
                "tests.mutation",
            ]
            variables = {**os.environ, "PYTHONPATH": str(tree), "MUTATION_MAP": str(MAP)}
            subprocess.run([*command, *options.map], cwd=tree, env=variables, check=False)
        return
    if not MAP.exists():
        parser.error("first run `python -m tests.mutation --map`")
    known = json.loads(MAP.read_text(encoding="utf-8"))
    files = [
        file
        for path in options.paths
        for file in ([ROOT / path] if path.endswith(".py") else sorted((ROOT / path).rglob("*.py")))
    ]
    every = [mutant for file in files for mutant in mutants(file)]
    random_state = random.Random(options.seed)
    if options.kind:
        every = [mutant for mutant in every if mutant.kind == options.kind]
    if options.again:
        before = Path(options.again).read_text(encoding="utf-8").splitlines()
        places = {(line.partition(":")[0], line.partition(": ")[2]) for line in before}
        every = [mutant for mutant in every if (mutant.file, mutant.said()) in places]
    elif options.each:
        every = some_of_each(every, options.each, random_state)
    elif options.sample:
        every = random_state.sample(every, min(options.sample, len(every)))
    for package in ("hypothesis", "mpmath", "numpy", "scipy.optimize", "scipy.special", "scipy.stats"):
        importlib.import_module(package)
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    sound: dict[str, bool] = {}  # by file, whether its tests pass without a fault
    with copied() as tree, suppress(KeyboardInterrupt):  # after which the table has what was judged so far
        for mutant in every:
            tests = judges(mutant, known, options.seconds)
            if mutant.file not in sound:
                names = tree / "tests.txt"
                names.write_text("\n".join(tests), encoding="utf-8")
                sound[mutant.file] = not tests or run_tests(tree, [f"@{names}"]) == 0
            if not sound[mutant.file]:
                counts[mutant.file]["not judged"] += 1
                continue
            if (mutant.file, mutant.original, mutant.changed) in EQUIVALENT:
                outcome = "equivalent"
            else:
                outcome = "survived" if not tests or survives(mutant, tests, tree) else "noticed"
            counts[mutant.file][outcome] += 1
            counts["all"][outcome] += 1
            if outcome == "survived":
                print(f"{mutant.file}:{mutant.line}: {mutant.said()}", flush=True)
    print(f"{'file':45} mutants equivalent noticed score")
    for file, outcomes in sorted(counts.items()):
        judged = outcomes["noticed"] + outcomes["survived"]
        share = f"{outcomes['noticed'] / judged:.1%}" if judged else "not judged: its tests fail without a fault"
        print(f"{file:45} {outcomes.total():7} {outcomes['equivalent']:10} {outcomes['noticed']:7} {share}")


if __name__ == "__main__":
    main()
