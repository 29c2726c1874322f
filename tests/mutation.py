"""Mutation testing: small faults are planted in the packages, one at a time, and the tests are asked to notice.

    python -m tests.mutation --map          # once: which test reaches which line (an hour of CPU time)
    python -m tests.mutation                # a sample of 50 mutants
    python -m tests.mutation autograd/engine --sample 0 --seed 1      # all mutants of a folder

A mutant is judged by the tests that reach its line, those of the fewest lines first. It survives if all of them pass:
then a test is missing, or the mutant means the same as the original and stands in `EQUIVALENT`, with the reason. Needs
the package pytest-cov.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
MAP = ROOT / "build" / "mutation.json"
TESTS_OF_A_MUTANT = 60
SECONDS = 300

# Mutants that mean the same as the original: file, original line without its indentation, and what is in its place.
EQUIVALENT: dict[tuple[str, str, str], str] = {}

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
    """Yield every mutant of a file, but in annotations."""
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    lines = text.encode().splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    typed = {id(part) for node in ast.walk(tree) for kept in annotations(node) for part in ast.walk(kept)}
    for node in ast.walk(tree):
        if id(node) in typed:
            continue
        for kind, place, source in variants(node):
            begin = starts[place.lineno - 1] + place.col_offset
            end = starts[place.end_lineno - 1] + place.end_col_offset
            whole = text.encode()
            changed = (whole[:begin] + source.encode() + whole[end:]).decode()
            name = path.relative_to(ROOT).as_posix()
            yield Mutant(name, place.lineno, kind, lines[place.lineno - 1].decode().strip(), source, changed)


def annotations(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what a node says about types only."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        yield from [*node.decorator_list, *filter(None, [node.returns])]
    elif isinstance(node, (ast.arg, ast.AnnAssign)) and node.annotation is not None:
        yield node.annotation
    elif isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
        yield node


def make_map(tests: list[str]) -> None:
    """Run tests with coverage, and write which of them reach which line."""
    from coverage.numbits import numbits_to_nums  # which comes with pytest-cov

    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder, "coverage")
        command = [
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "--cov=autograd",
            "--cov=nn",
            "--cov-context=test",
            "--cov-report=",
        ]
        environment = {**os.environ, "COVERAGE_FILE": str(data)}
        subprocess.run([sys.executable, "-m", *command, *tests], cwd=ROOT, env=environment, check=True)
        reached: dict[str, dict[int, list[str]]] = defaultdict(lambda: defaultdict(list))
        sizes: Counter[str] = Counter()
        with sqlite3.connect(data) as base:
            query = (
                "SELECT path, context, numbits FROM line_bits "
                "JOIN file ON file.id = file_id JOIN context ON context.id = context_id"
            )
            for path, context, numbits in base.execute(query):
                for line in numbits_to_nums(numbits) if context else []:
                    test = context.partition("|")[0]
                    reached[Path(path).relative_to(ROOT).as_posix()][line].append(test)
                    sizes[test] += 1
    chosen = {
        file: {line: sorted(set(tests), key=sizes.__getitem__)[:TESTS_OF_A_MUTANT] for line, tests in found.items()}
        for file, found in reached.items()
    }
    MAP.parent.mkdir(exist_ok=True)
    MAP.write_text(json.dumps(chosen), encoding="utf-8")


def survives(mutant: Mutant, tests: list[str], tree: Path) -> bool:
    """Return whether all of the tests pass in a copy of the repository in which the fault is planted."""
    file = tree / mutant.file
    kept = file.read_text(encoding="utf-8")
    file.write_text(mutant.text, encoding="utf-8")
    try:
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
        done = subprocess.run(command, cwd=tree, capture_output=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:  # it loops for ever, which is noticed
        return False
    finally:
        file.write_text(kept, encoding="utf-8")
    return done.returncode == 0


def main() -> None:
    """Judge a sample of mutants, and print those that survive."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="*", default=["autograd", "nn"], help="files or folders of the packages")
    parser.add_argument(
        "--map", nargs="*", metavar="TEST", help="find out which test reaches which line, of all or these"
    )
    parser.add_argument("--sample", type=int, default=50, help="how many mutants (0: all)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if options.map is not None:
        make_map(options.map)
        return
    if not MAP.exists():
        parser.error("first run `python -m tests.mutation --map`")
    reached = json.loads(MAP.read_text(encoding="utf-8"))
    files = [
        file
        for path in options.paths
        for file in ([ROOT / path] if path.endswith(".py") else sorted((ROOT / path).rglob("*.py")))
    ]
    every = [mutant for file in files for mutant in mutants(file)]
    chosen = (
        every if options.sample == 0 else random.Random(options.seed).sample(every, min(options.sample, len(every)))
    )
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder, "tree")
        shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns(".*", "build", "__pycache__", "vendored"))
        for mutant in chosen:
            tests = reached.get(mutant.file, {}).get(str(mutant.line), [])
            if (mutant.file, mutant.original, mutant.changed) in EQUIVALENT:
                outcome = "equivalent"
            else:
                outcome = "survived" if not tests or survives(mutant, tests, tree) else "noticed"
            counts[mutant.file][outcome] += 1
            counts["all"][outcome] += 1
            if outcome == "survived":
                reason = "" if tests else "  (no test reaches it)"
                print(
                    f"{mutant.file}:{mutant.line}: {mutant.kind}: {mutant.original}  ->  {mutant.changed}{reason}",
                    flush=True,
                )
    for file, outcomes in sorted(counts.items()):
        judged = outcomes["noticed"] + outcomes["survived"]
        share = f"{outcomes['noticed'] / judged:.1%}" if judged else "-"
        print(f"{file:50} {judged:5} judged, {outcomes['survived']:3} survived, {share}")


if __name__ == "__main__":
    main()
