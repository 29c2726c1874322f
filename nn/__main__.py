"""The main job, `python -m nn moons`: train a small network on a data set, and write what it learned as pictures."""

from __future__ import annotations

import argparse
import csv
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from autograd import no_grad
from nn import storage
from nn.jobs import JOBS, Task, table_job
from nn.modules import MLP
from nn.preparation import Preparation
from nn.reports import neuron_drawing as neuron_drawing
from nn.reports import pictures, score
from nn.storage import save
from nn.tables import read_inputs
from nn.training import fit


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the main job with command-line arguments; return the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    predicting = given[:1] == ["predict"]
    options = _predict_parser().parse_args(given[1:]) if predicting else _train_parser().parse_args(given)
    try:
        return _predict(options) if predicting else _train(options)
    except ArithmeticError as error:
        print(f"python -m nn: error: the network has diverged ({error}); try a smaller --lr", file=sys.stderr)
        return 1
    except BrokenPipeError:  # whoever read the answers has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except (ImportError, OSError, RuntimeError, ValueError) as error:  # no library, no folder, no table, no layout
        print(f"python -m nn: error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("python -m nn: interrupted", file=sys.stderr)
        return 130


def _train(options: argparse.Namespace) -> int:
    if options.out.is_file():
        raise NotADirectoryError(f"--out takes a folder to write into, and {options.out} is a file")
    options.out.mkdir(parents=True, exist_ok=True)
    if options.dataset in JOBS:
        name, job = options.dataset, JOBS[options.dataset]
    else:
        name = Path(options.dataset).stem
        job = table_job(Path(options.dataset), options.target, True if options.classes else None)
    task = Task(job, options.seed)
    model = task.model(options.hidden, options.seed)
    training = task.training
    count = len(training.features)
    features = f"{count} features each" if count != 1 else "one feature each"
    print(f"{name}: {len(training.X)} examples to train on, {features}")
    print(model)
    history = fit(
        model,
        task.inputs(training),
        task.targets(training),
        loss=task.loss,
        optimizer=job.optimizer(model.parameters(), lr=options.lr or job.lr),
        epochs=options.epochs or job.epochs,
        batch_size=job.batch_size,
        validation=_validation(task),
        restore_best=_is_checked(task),
        seed=options.seed,
        progress=not options.quiet,
    )
    print(f"stopped: {history.stopped}")
    if max(abs(parameter.data) for parameter in model.parameters()) > 1e30:
        raise ArithmeticError("its parameters are too large to compute with")
    print(score(task, model, training, "training")[0])
    if task.testing is not None:
        print(score(task, model, task.testing, "held out")[0])
    for end, about, picture in pictures(task, model, history, name):
        path = options.out / f"{name}-{end}"
        _write(picture, path)
        print(f"wrote {path}: {about}")
    if options.save is not None:
        save(model, options.save, {"preparation": task.preparation.to_json()})
        print(f"wrote {options.save}: the network; python -m nn predict {options.save} FILE.csv asks it")
    return 0


def _is_checked(task: Task) -> bool:
    """Whether the best of all epochs is kept, by the loss on a part of the examples to train on."""
    return task.job.keeps_best and len(task.training.X) >= 40


def _validation(task: Task) -> Any:
    """Return the examples whose loss is recorded epoch by epoch, where it is drawn or the best epoch is kept."""
    if _is_checked(task):
        return 0.2
    if task.testing is None or "history" not in task.job.pictures:
        return None
    return task.inputs(task.testing), task.targets(task.testing)


def _write(picture: Any, path: Path) -> None:
    if path.suffix == ".svg":
        path.write_text(picture.pipe(format="svg", encoding="utf-8"), encoding="utf-8")
    else:
        picture.savefig(path, dpi=150)


def _predict(options: argparse.Namespace) -> int:
    saved = storage.read(options.model)
    preparation = Preparation.of_saved(saved)
    model: MLP = saved.model()
    X = preparation.inputs(read_inputs(options.file, preparation.features))
    with no_grad():
        answers = [preparation.answer(model(x)) for x in X]
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow([preparation.target])
    writer.writerows([answer] for answer in answers)
    return 0


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: error: {' '.join(message.split())}; see {self.prog} --help\n")

    def parse_args(self, *arguments: Any, **others: Any) -> Any:
        options = super().parse_args(*arguments, **others)
        if getattr(options, "dataset", None) in JOBS and (options.target is not None or options.classes):
            self.error(f"--target and --classes are for a CSV file, and {options.dataset} has its own classes")
        if getattr(options, "dataset", None) not in (*JOBS, None) and options.target is None:
            self.error(f"--target COLUMN is missing: what is to be learned from {options.dataset}")
        return options


def _train_parser() -> argparse.ArgumentParser:
    about = ". ".join(f"{name}: {job.about}" for name, job in JOBS.items())
    parser = _Parser(
        prog="python -m nn",
        usage="python -m nn DATASET [options]\n       python -m nn FILE.csv --target COLUMN [options]\n"
        "       python -m nn predict MODEL.json FILE.csv",
        description="Train a multi-layer perceptron made of scalars, and write pictures of what it has learned: the "
        "decision boundary (PNG), a neuron with its gradients (SVG), and for larger data the loss epoch by epoch, "
        "which class is taken for which, and the mistakes (PNG).",
        epilog=f"{about}. Of a CSV file with a line of column names, all columns but the target are features, which "
        "are standardised; a target of texts is a class, one of numbers is a regression; a fifth of the rows is held "
        "out. Ctrl-C ends the training and keeps what was learned.",
    )
    parser.add_argument(
        "dataset", type=_dataset, metavar="dataset", help=f"what to train on: {', '.join(JOBS)}, or a CSV file"
    )
    parser.add_argument("--target", metavar="COLUMN", help="the column of a CSV file to learn")
    parser.add_argument("--classes", action="store_true", help="take a target of numbers for classes, not a regression")
    parser.add_argument(
        "--seed", type=_seed, default=0, help="of the data, the first weights and the batches (default 0)"
    )
    parser.add_argument("--epochs", type=_count, help=f"rounds through the data (default {_defaults('epochs')})")
    parser.add_argument(
        "--hidden", type=_width, nargs="+", metavar="WIDTH", help=f"hidden layers (default {_defaults('hidden')})"
    )
    parser.add_argument("--lr", type=_rate, help=f"learning rate (default {_defaults('lr')})")
    parser.add_argument(
        "--out", type=Path, default=Path(), metavar="FOLDER", help="where to write the pictures (default .)"
    )
    parser.add_argument("--save", type=Path, metavar="FILE.json", help="write the network, to predict with")
    parser.add_argument("--quiet", action="store_true", help="show no progress bar; there is none unless on a terminal")
    return parser


def _predict_parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m nn predict",
        description="Ask a saved network about the rows of a CSV file; prints a CSV file of its answers.",
    )
    parser.add_argument("model", type=Path, metavar="MODEL.json", help="a network that --save has written")
    parser.add_argument("file", type=Path, metavar="FILE.csv", help="the columns it was trained on, in any order")
    return parser


def _defaults(setting: str) -> str:
    values = {name: getattr(job, setting) for name, job in JOBS.items()}
    written = {name: " ".join(map(str, v)) if isinstance(v, list) else v for name, v in values.items()}
    return ", ".join(f"{name}: {value}" for name, value in written.items())


def _dataset(text: str) -> str:
    if text not in JOBS and Path(text).suffix.lower() not in (".csv", ".tsv", ".txt"):
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


if __name__ == "__main__":
    sys.exit(main())
