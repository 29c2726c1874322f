"""All benchmarks by one command: `python -m tests.benchmarks [group or table ...] [--out FOLDER]`.

Every table is measured in a process of its own, printed, and stored: all in FOLDER/benchmarks.json, with what they were
measured on, and each as a picture in FOLDER/benchmarks. A folder with results keeps those of other tables. `--write`
brings the tables and figures in README and docs up to date with docs/benchmarks.json, and measures nothing.
"""

import argparse
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from autograd.files import write_atomically
from tests.benchmarks import compiled, devices, eager, growth, mathematics, native, pages, transforms
from tests.benchmarks.bars import picture
from tests.benchmarks.benchmark import ONE_THREAD, Benchmark, measured
from tests.benchmarks.machine import ROOT, described, jax_has_gpu, told
from tests.benchmarks.results import Results, Table, table_of

GROUPS = {
    module.__name__.rpartition(".")[2]: module.BENCHMARKS
    for module in (eager, compiled, native, transforms, growth, mathematics, devices)
}
BENCHMARKS: dict[str, tuple[str, Benchmark]] = {
    benchmark.name: (group, benchmark) for group, found in GROUPS.items() for benchmark in found
}
LEAST = 0.02  # seconds that each is timed for in a round


def work(names: Sequence[str], options: argparse.Namespace) -> None:
    """Measure tables in this process, and write each as a line of JSON."""
    for name in names:
        group, benchmark = BENCHMARKS[name]
        if benchmark.by_clock and not options.quick and not jax_has_gpu():
            print(f"{name} is not measured: JAX sees no GPU here", file=sys.stderr)
            continue
        first = next(iter(benchmark.problems))
        chosen = lambda row: row == first if options.quick else options.only.search(row)  # noqa: B023
        table = measured(benchmark, group, options.rounds, 0.0 if options.quick else LEAST, chosen)
        print(json.dumps(asdict(table)), flush=True)


def tables(names: Sequence[str], options: argparse.Namespace) -> Iterator[Table]:
    """Measure tables in other processes, with one thread, and print them."""
    settings = [
        "--rounds", str(options.rounds), "--only", options.only.pattern, *(["--quick"] if options.quick else []),
    ]  # fmt: skip
    for some in [names] if options.quick else [[name] for name in names]:  # a smoke run needs no quiet
        command = [sys.executable, "-m", "tests.benchmarks", "--work", *settings, *some]
        threads = ONE_THREAD if options.quick or not BENCHMARKS[some[0]][1].by_clock else {}
        done = subprocess.run(command, env=os.environ | threads, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        if done.returncode:
            raise SystemExit(f"{', '.join(some)}: stopped with {done.returncode}, see above")
        for line in filter(lambda line: line.startswith('{"name"'), done.stdout.splitlines()):
            table = table_of(json.loads(line))
            if table.rows:
                print(f"{table.title}\n\n{table.markdown()}\n\n{table.summary()}\n", flush=True)
                yield table


def regular_expression(text: str) -> re.Pattern[str]:
    """Return what an option names rows by."""
    try:
        return re.compile(text)
    except re.error as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no regular expression: {error}") from None


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print and store what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join([*GROUPS, *BENCHMARKS])}; else all")
    parser.add_argument("--out", type=Path, help="the folder of benchmarks.json and of the pictures")
    parser.add_argument("--rounds", type=int, default=5, help="in each of which all take turns (5)")
    parser.add_argument(
        "--only", type=regular_expression, default="", metavar="REGEX", help="the rows whose names have a match of it"
    )
    parser.add_argument("--quick", action="store_true", help="the first row of each table, once: does it run?")
    parser.add_argument("--write", action="store_true", help="write README and docs from docs/benchmarks.json")
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.rounds < 1:
        parser.error(f"--rounds is a number from 1, got {options.rounds}")
    if unknown := [name for name in options.names if name not in GROUPS and name not in BENCHMARKS]:
        parser.error(f"the groups and tables are {', '.join([*GROUPS, *BENCHMARKS])}, got {unknown[0]!r}")
    asked = set(options.names or GROUPS)
    names = [name for name, (group, _) in BENCHMARKS.items() if asked & {name, group}]
    if options.work:
        work(names, options)
        return
    if options.write:
        pages.write()
        return
    stored = options.out and options.out / "benchmarks.json"
    if stored and stored.exists() and (options.quick or options.only.pattern):
        parser.error(f"--quick and --only measure less than {stored} has; choose another folder")
    run = described(options.rounds)
    print(f"{told(run)}\n")
    for table in tables(names, options):
        if stored:
            (stored.parent / "benchmarks").mkdir(parents=True, exist_ok=True)
            write_atomically(stored, Results.read(stored).with_run(run, table, list(BENCHMARKS)).dumps().encode())
            write_atomically(stored.parent / "benchmarks" / f"{table.name}.svg", picture(table).encode())


if __name__ == "__main__":
    main()
