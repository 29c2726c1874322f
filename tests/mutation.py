"""Mutation testing: small faults are planted in the packages, one at a time, and the tests are asked to notice.

    python -m tests.mutation --map          # once: which test reaches which line; or of these tests, or folders:
    python -m tests.mutation --map autograd/engine tests/autograd/engine
    python -m tests.mutation                # a sample of 50 mutants
    python -m tests.mutation autograd/engine --sample 0               # all mutants of a folder
    python -m tests.mutation nn --each 4 --seed 1                     # four of each file, of different kinds
    python -m tests.mutation nn --kind boundary --sample 0            # all of a kind

Ctrl-C ends a run early, with the table of what was judged so far.

A mutant is judged by the tests that reach its line, those of the fewest lines first, and then by others that reach its
file, since what is computed once and kept is reached by the first test only. A test that fails counts if it passes
without the fault. The mutant survives if all of them pass: then a test is missing, or the mutant means the same as the
original and stands in equivalent_mutants.txt, with the reason below it.

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
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from itertools import accumulate, count, repeat, zip_longest
from pathlib import Path
from types import CodeType
from typing import Any, NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent
MAP = ROOT / "build" / "mutation.json"
TIMES = count(1_000_000_000)  # of files, in seconds: each its own, by which Python tells compiled files that are old
EQUIVALENT = ROOT / "tests" / "equivalent_mutants.txt"
SECONDS_TO_ANSWER = 300  # of the processor, which others may use too, until a mutant counts as one that never ends
OF_IMPORTS = ("tests/autograd/test_package.py", "tests/nn/test_modules.py")  # tests of what an import has made
FIRST = 12  # tests that judge a mutant before the others are collected, which takes longer than these take to run
WEAKEST_FIRST = ("boundary", "constant", "branch", "arithmetic", "comparison", "swap", "deletion", "logic", "result")

COMPARISONS = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
ARITHMETIC = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult, ast.Mod: ast.Mult,
    ast.FloorDiv: ast.Mult,
}  # fmt: skip


class Mutant(NamedTuple):
    """A fault: where it is planted, in lines and in bytes, of which kind it is, and what it changes into what."""

    file: str
    line: int
    begin: int
    end: int
    kind: str
    original: str
    changed: str

    def said(self) -> str:
        """Return what is changed, without the line's number, which moves."""
        return f"{self.file}: {self.kind}: {self.original}  ->  {self.changed}"


def equivalent() -> dict[str, str]:
    """Return the mutants that mean the same as the original, as they are printed, with the reasons."""
    lines = EQUIVALENT.read_text(encoding="utf-8").splitlines()
    return dict(zip(lines[::2], map(str.strip, lines[1::2]), strict=True))


def variants(node: ast.AST) -> Iterator[tuple[str, ast.AST, str]]:
    """Yield the kinds of faults that can be planted at a node: kind, the node that is replaced, and the new source."""
    if isinstance(node, ast.Compare) and type(node.ops[0]) in COMPARISONS:
        changed = ast.Compare(node.left, [COMPARISONS[type(node.ops[0])](), *node.ops[1:]], node.comparators)
        is_order = isinstance(node.ops[0], (ast.Lt, ast.LtE, ast.Gt, ast.GtE))
        yield "boundary" if is_order else "comparison", node, ast.unparse(changed)
    elif isinstance(node, ast.BinOp) and type(node.op) in ARITHMETIC and not isinstance(node.left, ast.Constant):
        yield "arithmetic", node, f"({ast.unparse(ast.BinOp(node.left, ARITHMETIC[type(node.op)](), node.right))})"
        if isinstance(node.op, (ast.Sub, ast.Div, ast.Pow)) and ast.dump(node.left) != ast.dump(node.right):
            yield "swap", node, f"({ast.unparse(ast.BinOp(node.right, node.op, node.left))})"
    elif isinstance(node, ast.Call) and len(node.args) > 1 and not isinstance(node.args[0], ast.Starred):
        if isinstance(node.func, ast.Name) and node.func.id in ("max", "min"):  # the same in any order
            return
        first, second, *rest = node.args
        if not isinstance(second, ast.Starred) and ast.dump(first) != ast.dump(second):
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
    elif isinstance(node, ast.Return) and not isinstance(node.value, (ast.Constant, type(None))):
        yield "result", node.value, "None"


def mutants(path: Path) -> Iterator[Mutant]:
    """Yield every mutant of a file."""
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    lines = text.encode().splitlines(keepends=True)
    starts = [0, *accumulate(map(len, lines))]
    skipped = {id(part) for node in ast.walk(tree) for kept in left_out(node) for part in ast.walk(kept)}
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        for kind, place, source in variants(node):
            begin = starts[place.lineno - 1] + place.col_offset
            end = starts[place.end_lineno - 1] + place.end_col_offset
            original = lines[place.lineno - 1].decode().strip()
            yield Mutant(path.relative_to(ROOT).as_posix(), place.lineno, begin, end, kind, original, source)


def left_out(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what a node says about types only, and that a zip is strict, which asserts what its writer knows."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        yield from [*node.decorator_list, *filter(None, [node.returns])]
        if any(isinstance(decorator, ast.Name) and decorator.id == "overload" for decorator in node.decorator_list):
            yield node
    elif isinstance(node, (ast.arg, ast.AnnAssign)) and node.annotation is not None:
        yield node.annotation
    elif isinstance(node, ast.Assign) and ast.unparse(node.value).startswith(("TypeVar(", "ParamSpec(", "NewType(")):
        yield node
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
        within = cache(lambda path: Path(path).relative_to(ROOT).as_posix())
        for name, seconds, lines in self.tests:
            reached = defaultdict(list)
            for path, line in lines:
                reached[within(path)].append(line)
            known[name] = round(seconds, 4), reached
        file.write_text(json.dumps(known), encoding="utf-8")


def pytest_configure(config: pytest.Config) -> None:
    """Measure, where this file is loaded by `pytest -p tests.mutation`."""
    config.pluginmanager.register(Reach())


class Judge:
    """Judges mutants by tests, in a copy of the repository."""

    def __init__(self, tree: Path, known: dict[str, Any], seconds: float) -> None:
        self.tree, self.known, self.seconds = tree, known, seconds
        self.sound: dict[str, bool] = {}  # whether a test passes without a fault

    def tests(self, mutant: Mutant) -> list[str]:
        """Return the tests that judge a mutant: those of its line, then those of its file, as far as the time goes.

        A line that runs only when its file is imported is reached by no test: those of files beside it judge it. Those
        that look at what an import has made judge every mutant.
        """
        reaching = [(name, *test) for name, test in self.known.items() if mutant.file in test[1]]
        if not reaching:
            folder = mutant.file.rpartition("/")[0] + "/"
            reaching = [(name, *t) for name, t in self.known.items() if any(map(str.startswith, t[1], repeat(folder)))]
        reaching.sort(key=lambda t: (mutant.line not in t[2].get(mutant.file, ()), sum(map(len, t[2].values()))))
        left, chosen = self.seconds, []
        for name, seconds, _ in reaching:
            left -= seconds
            if left > 0 or not chosen:
                chosen.append(name)
        return chosen + [name for name in self.known if name.startswith(OF_IMPORTS) and name not in chosen]

    def outcome(self, mutant: Mutant) -> str:
        """Return "noticed", "survived" or, where none of the tests passes without the fault, "not judged"."""
        tests = self.tests(mutant)
        judged = not tests
        for part in (tests[:FIRST], tests[FIRST:]):
            while part := [test for test in part if self.sound.get(test, True)]:
                with self.planted(mutant):
                    failed = self.failing(part)
                if not failed:
                    judged = True
                    break
                if failed not in self.sound:
                    self.sound[failed] = not self.failing([failed])
                if self.sound[failed]:
                    return "noticed"
        return "survived" if judged else "not judged"

    @contextmanager
    def planted(self, mutant: Mutant) -> Iterator[None]:
        """Have a fault in the copy for a while."""
        original = (self.tree / mutant.file).read_bytes()
        self.write(mutant.file, original[: mutant.begin] + mutant.changed.encode() + original[mutant.end :])
        try:
            yield
        finally:
            self.write(mutant.file, original)

    def write(self, name: str, source: bytes) -> None:
        """Write a file, of a time that no compiled file of it has."""
        (self.tree / name).write_bytes(source)
        os.utime(self.tree / name, (next(TIMES),) * 2)

    def failing(self, tests: Sequence[str]) -> str:
        """Return the first test that fails, "" if all pass; or the first if one never ends or they cannot be run.

        They run in a fork of this process, which need not import again what the tests import beside the packages.
        """
        names, failure = self.tree / "tests.txt", self.tree / "failure.txt"
        names.write_text("\n".join(tests), encoding="utf-8")
        failure.unlink(missing_ok=True)
        process = multiprocessing.get_context("fork").Process(target=run_tests, args=(self.tree, names, failure))
        process.start()
        process.join(10 * SECONDS_TO_ANSWER)  # of the clock, where it waits for ever
        if process.exitcode is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.join()
        if process.exitcode == 0:
            return ""
        return failure.read_text(encoding="utf-8") if failure.exists() else tests[0]


class FirstFailure:
    """A plugin of pytest that writes the name of the first test that fails into a file."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a failure."""
        if report.failed and not self.file.exists():
            self.file.write_text(report.nodeid, encoding="utf-8")


def run_tests(tree: Path, names: Path, failure: Path) -> None:
    """Run the tests that a file names up to the first that fails, in this process, and end as pytest does."""
    import resource  # which Windows lacks

    os.setsid()
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS_TO_ANSWER,) * 2)
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    os.chdir(tree)
    os.environ["PYTHONPATH"] = sys.path[0] = str(tree)
    for name in [name for name in sys.modules if name.partition(".")[0] == "tests"]:
        del sys.modules[name]
    known = ["-W", "ignore:Module already imported:pytest.PytestAssertRewriteWarning"]
    known += ["-W", "ignore::pytest.PytestUnraisableExceptionWarning"]  # an interrupted test's, freed in a later one
    ended = 1
    try:
        importlib.import_module("nn")  # before pytest, which would import a file of doctests once more
        ended = pytest.main(["-q", "-x", "-p", "no:cacheprovider", *known, f"@{names}"], [FirstFailure(failure)])
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


def make_map(tests: list[str]) -> None:
    """Run tests, or all, and write which of them reaches which line."""
    MAP.parent.mkdir(exist_ok=True)
    options = ["-q", "--thorough", "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "tests.mutation"]
    with copied() as tree:
        variables = {**os.environ, "PYTHONPATH": str(tree), "MUTATION_MAP": str(MAP)}
        subprocess.run([sys.executable, "-m", "pytest", *options, *tests], cwd=tree, env=variables, check=False)


_judge: Judge  # of this process, where it judges


def start_judge(trees: multiprocessing.SimpleQueue[Path], known: dict[str, Any], seconds: float) -> None:
    """Make the judge of this process, which leaves Ctrl-C to the first one."""
    global _judge
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _judge = Judge(trees.get(), known, seconds)


def outcome(mutant: Mutant) -> str:
    """Return what the judge of this process says."""
    return _judge.outcome(mutant)


def judged(every: list[Mutant], seconds: float, jobs: int) -> Iterator[tuple[Mutant, str]]:
    """Judge mutants in several processes, and yield each with its outcome when it is there."""
    known, alike = json.loads(MAP.read_text(encoding="utf-8")), equivalent()
    for package in ("hypothesis", "mpmath", "numpy", "scipy.optimize", "scipy.special", "scipy.stats"):
        importlib.import_module(package)
    context = multiprocessing.get_context("fork")
    trees: multiprocessing.SimpleQueue[Path] = context.SimpleQueue()
    with ExitStack() as stack:
        for _ in range(jobs):
            trees.put(stack.enter_context(copied()))
        pool = stack.enter_context(ProcessPoolExecutor(jobs, context, start_judge, (trees, known, seconds)))
        stack.callback(pool.shutdown, cancel_futures=True)
        waiting = {}
        for mutant in every:
            if mutant.said() in alike:
                yield mutant, "equivalent"
            else:
                waiting[pool.submit(outcome, mutant)] = mutant
        for future in as_completed(waiting):
            yield waiting[future], future.result()


def main() -> None:
    """Judge a sample of mutants, and print those that survive."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="*", default=["autograd", "nn"], help="files or folders of the packages")
    parser.add_argument("--map", nargs="*", metavar="TEST", help="note which test reaches which line, of all or these")
    parser.add_argument("--sample", type=int, default=50, help="how many mutants (0: all)")
    parser.add_argument("--each", type=int, help="how many mutants of each file, instead")
    parser.add_argument("--again", metavar="FILE", help="the survivors of a run, of which this file has the output")
    parser.add_argument("--seconds", type=float, default=60, help="that the tests of a mutant may take, by the map")
    parser.add_argument("--kind", choices=WEAKEST_FIRST, help="mutants of this kind only")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="how many are judged at a time")
    options = parser.parse_args()
    if options.map is not None:
        make_map(options.map)
        return
    if not MAP.exists():
        parser.error("first run `python -m tests.mutation --map`")
    given = [ROOT / path for path in options.paths]
    files = [file for path in given for file in ([path] if path.suffix == ".py" else sorted(path.rglob("*.py")))]
    every = [mutant for file in files for mutant in mutants(file)]
    random_state = random.Random(options.seed)
    if options.kind:
        every = [mutant for mutant in every if mutant.kind == options.kind]
    if options.again:
        lines = Path(options.again).read_text(encoding="utf-8").splitlines()
        before = {line.rpartition("  # line ")[0] for line in lines}
        every = [mutant for mutant in every if mutant.said() in before]
    elif options.each:
        every = some_of_each(every, options.each, random_state)
    elif options.sample:
        every = random_state.sample(every, min(options.sample, len(every)))
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    with suppress(KeyboardInterrupt):  # after which the table has what was judged so far
        for mutant, outcome in judged(every, options.seconds, options.jobs):
            counts[mutant.file][outcome] += 1
            counts["all"][outcome] += 1
            if outcome == "survived":
                print(f"{mutant.said()}  # line {mutant.line}", flush=True)
    print(f"{'file':45} mutants equivalent noticed score")
    for file, outcomes in sorted(counts.items()):
        total = outcomes["noticed"] + outcomes["survived"]
        share = f"{outcomes['noticed'] / total:.1%}" if total else "not judged"
        print(f"{file:45} {outcomes.total():7} {outcomes['equivalent']:10} {outcomes['noticed']:7} {share}")


if __name__ == "__main__":
    main()
