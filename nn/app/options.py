"""Command-line arguments of `python -m nn`: what may be asked for, and one line for what may not."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from nn.app.presets import JOBS, TABLE_DEFAULTS
from nn.data.csv_reader import listed_names, read_table

OF_TABLES = ["target", "classes", "numbers", "features", "drop", "missing", "encoding"]
OF_TRAINING = ["epochs", "backend", "out", "save", "no_pictures", "quiet"]  # here, and not on a page
TABLE_ENDS = (".csv", ".tsv", ".tab", ".txt", ".data", ".dat", ".gz", ".bz2", ".xz")


class _Parser(argparse.ArgumentParser):
    """A parser whose complaints are one line, with exit code 2, and that knows which options go together."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: error: {' '.join(message.split())}; see {self.prog} --help\n")

    def parse_args(self, *arguments: Any, **others: Any) -> Any:
        options = super().parse_args(*arguments, **others)
        if getattr(options, "playground", None) is not None and (given := self._given(options, OF_TRAINING)):
            self.error(f"--playground writes a page to train on, and trains nothing here, so it has no use for {given}")
        if getattr(options, "dataset", None) in JOBS:
            if given := self._given(options, OF_TABLES):
                verb = "are" if "," in given else "is"
                self.error(f"{given} {verb} for a CSV file, and {options.dataset} has its own classes")
        elif getattr(options, "dataset", None) is not None and options.target is None:
            columns = _columns_of(options.dataset, options.encoding)
            self.error(f"--target COLUMN is missing: what is to be learned from {options.dataset}{columns}")
        return options

    def _given(self, options: argparse.Namespace, names: Sequence[str]) -> str:
        """Return those of the options that are not as they are by default, as they are written."""
        return _written([name for name in names if getattr(options, name) != self.get_default(name)])


def _written(names: Sequence[str]) -> str:
    return ", ".join(f"--{name.replace('_', '-')}" for name in names)


def _columns_of(path: str, encoding: str | None) -> str:
    """Return the columns of a table for an error message, where it can be read."""
    if not Path(path).exists():
        return ", which does not exist"
    try:
        return f", whose columns are {listed_names(read_table(path, (), encoding).columns)}"
    except (OSError, ImportError, ValueError):
        return ""


def train_parser() -> argparse.ArgumentParser:
    """Return the parser of `python -m nn DATASET`."""
    about = ". ".join(f"{name}: {job.about}" for name, job in JOBS.items())
    parser = _Parser(
        prog="python -m nn",
        usage="python -m nn DATASET [options]\n       python -m nn FILE.csv --target COLUMN [options]\n"
        "       python -m nn predict MODEL.json FILE.csv [--out ANSWERS.csv]",
        description="Train a multi-layer perceptron made of scalars, and write pictures of what it has learned: the "
        "decision boundary (PNG), a neuron with its gradients (SVG), and for larger data the loss epoch by epoch, "
        "which class is taken for which, the mistakes, and what it answers (PNG).",
        epilog=f"{about}. Of a CSV file, all columns but the target are features: numbers, which are standardised, and "
        "texts with up to 20 values, which become an input each. Row numbers, dates and longer texts are left out, "
        "missing cells filled; what is done with each column is printed first. A target of texts is a class, one of "
        "numbers a regression, one of 0 and 1 or a few whole numbers is taken for classes, which is said. A fifth of "
        "the rows is held out; of 50 rows or more the parameters are those of the best epoch, judged by a fifth of the "
        "other rows, and training ends when there is no more progress. "
        "Ctrl-C ends the training and keeps what was learned.",
    )
    parser.add_argument(
        "dataset", type=_dataset, metavar="dataset", help=f"what to train on: {', '.join(JOBS)}, or a CSV file"
    )
    parser.add_argument("--target", metavar="COLUMN", help="the column of a CSV file to learn")
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--classes", action="store_true", help="take a target of numbers for classes")
    kind.add_argument("--numbers", action="store_true", help="take a target of numbers for numbers: a regression")
    parser.add_argument(
        "--features", nargs="+", metavar="COLUMN", help="the columns to learn from (default: all others)"
    )
    parser.add_argument("--drop", nargs="+", metavar="COLUMN", help="columns to leave out")
    parser.add_argument(
        "--missing", choices=("fill", "drop"), help="fill cells without a value (default), or drop their rows"
    )
    parser.add_argument("--encoding", help="of the file, such as latin-1 (default: UTF-8, or else Latin-1)")
    parser.add_argument(
        "--seed", type=_seed, default=0, help="of the data, the first weights and the batches (default 0)"
    )
    parser.add_argument("--epochs", type=_count, help=f"rounds through the data (default {_defaults('epochs')})")
    parser.add_argument(
        "--hidden", type=_width, nargs="+", metavar="WIDTH", help=f"hidden layers (default {_defaults('hidden')})"
    )
    parser.add_argument("--lr", type=_rate, help=f"learning rate (default {_defaults('lr')})")
    parser.add_argument(
        "--backend",
        default="auto",
        metavar="NAME",
        help="what runs the steps: numpy, python, native, or jax, which uses all devices (default auto)",
    )
    parser.add_argument(
        "--out", type=Path, default=Path(), metavar="FOLDER", help="where to write the pictures (default .)"
    )
    parser.add_argument("--save", type=Path, metavar="FILE.json", help="write the network, to predict with")
    parser.add_argument(
        "--playground",
        type=Path,
        metavar="PAGE.html",
        help="write a page on which the network learns in a browser, step by step, in place of training it here, so "
        f"without {_written(OF_TRAINING)}",
    )
    parser.add_argument("--no-pictures", action="store_true", help="write no pictures, and need no Matplotlib")
    parser.add_argument("--quiet", action="store_true", help="show no progress bar; there is none unless on a terminal")
    return parser


def predict_parser() -> argparse.ArgumentParser:
    """Return the parser of `python -m nn predict`."""
    parser = _Parser(
        prog="python -m nn predict",
        description="Ask a saved network about the rows of a CSV file; prints a CSV file of its answers, one a row.",
    )
    parser.add_argument("model", type=Path, metavar="MODEL.json", help="a network that --save has written")
    parser.add_argument(
        "file",
        type=Path,
        metavar="FILE.csv",
        help="a table with the columns that it was trained on, in any order; others are ignored",
    )
    parser.add_argument("--out", type=Path, metavar="FILE.csv", help="write the answers to a file, in UTF-8")
    parser.add_argument("--encoding", help="of the table, such as latin-1 (default: UTF-8, or else Latin-1)")
    return parser


def _defaults(setting: str) -> str:
    values = {**{name: getattr(job, setting) for name, job in JOBS.items()}, "a table": TABLE_DEFAULTS[setting]}
    written = {name: " ".join(map(str, v)) if isinstance(v, list) else v for name, v in values.items()}
    return ", ".join(f"{name}: {value}" for name, value in written.items())


def _dataset(text: str) -> str:
    if text not in JOBS and Path(text).suffix.lower() not in TABLE_ENDS and not Path(text).is_file():
        raise argparse.ArgumentTypeError(f"invalid choice: {text!r} (choose from {', '.join(JOBS)}, or a FILE.csv)")
    return text


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"takes a whole number, 1 or more, got {text!r}")
    return int(text)


def _width(text: str) -> int:
    if text in JOBS:
        raise argparse.ArgumentTypeError(f"takes widths of layers, got {text!r}; write the data set in front of it")
    return _count(text)


def _seed(text: str) -> int:
    if not text.isdecimal() or int(text) >= 2**32:
        raise argparse.ArgumentTypeError(f"takes a whole number from 0 to 4294967295, got {text!r}")
    return int(text)


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 0.0 < rate < float("inf"):
        raise argparse.ArgumentTypeError(f"takes a number above 0, got {text!r}")
    return rate
