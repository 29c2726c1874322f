"""Command line `python -m nn`: train a small network on a data set or a table, and draw what it learned."""

from __future__ import annotations

import argparse
import csv
import io
import os
import shlex
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from autograd import no_grad
from autograd.files import replaceable, write_atomically, write_whole
from nn.app.options import TABLE_ENDS, predict_parser, train_parser
from nn.app.presets import JOBS, Job, Task, table_job
from nn.app.reports import Trained, balance, pictures, score, setback
from nn.app.reports import neuron_drawing as neuron_drawing
from nn.data.columns import examples, wanted_columns
from nn.data.csv_reader import read_inputs, read_table
from nn.data.encoder import Encoder
from nn.fitting import fit
from nn.modules import MLP
from nn.page import playground
from nn.training import storage
from nn.training.examples import plain_number
from nn.training.history import History, Stop
from nn.training.storage import save


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with these arguments; return the exit code."""
    _write_any_character()
    given = list(sys.argv[1:] if arguments is None else arguments)
    predicting = given[:1] == ["predict"]
    options = predict_parser().parse_args(given[1:]) if predicting else train_parser().parse_args(given)
    try:
        return _predict(options) if predicting else _train(options)
    except BrokenPipeError:  # whoever read the answers has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except OSError as error:
        found = f"{error.filename}: {error.strerror}" if error.filename and error.strerror else error
        return _failed(found)
    except MemoryError as error:
        return _failed(error if str(error) else "there is not enough memory")
    except (ArithmeticError, ImportError, RuntimeError, ValueError) as error:  # no numbers, no library, no layout
        return _failed(error)
    except KeyboardInterrupt:
        print("python -m nn: interrupted", file=sys.stderr)
        return 130


def _write_any_character() -> None:
    """Write UTF-8 to files and pipes, and escapes for what an encoding lacks, such as half of a surrogate pair."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            encoding = {} if stream.isatty() else {"encoding": "utf-8"}
            stream.reconfigure(errors="backslashreplace", **encoding)


def _failed(reason: object) -> int:
    print(f"python -m nn: error: {' '.join(str(reason).split())}", file=sys.stderr)
    return 1


def _train(options: argparse.Namespace) -> int:
    _check_places(options)
    if options.dataset in JOBS:
        name, job = options.dataset, JOBS[options.dataset]
    else:
        name, job = _table(options)
    task = Task(job, options.seed)
    model = task.model(options.hidden, options.seed)
    training = task.training
    count = len(training.features)
    kind = "features" if options.dataset in JOBS else "inputs"
    if job.summary:
        print(job.summary)
    features = f"{count} {kind} each" if count != 1 else f"one {kind[:-1]} each"
    print(f"{name}: {len(training.X)} examples to train on, {features}")
    print(model)
    if options.playground is not None:
        return _write_page(task, model, name, options)
    if not options.no_pictures and (lacking := _lacking(job)):
        saved = "" if options.save else "; --save FILE.json keeps the network"
        print(f"note: pictures will be missing: {lacking}{saved}")
    sys.stdout.flush()  # to be read while it trains, also through a pipe
    with no_grad():
        before = plain_number(task.loss([model(x) for x in task.inputs(training)], task.targets(training)))
    history = _fit(task, model, options)
    print(f"stopped: {history.stopped}")
    rate = options.lr or job.lr
    if (largest := max(abs(parameter.data) for parameter in model.parameters())) > 1e30:
        raise ArithmeticError(
            f"the network has diverged: with --lr {rate:g} its parameters have grown to {largest:.2g}; "
            f"try --lr {min(job.lr, rate / 100.0):g}"
        )
    if options.save is not None:  # before all that may fail
        save(model, options.save, {"encoder": task.encoder.to_json()})
    trained = Trained(task, model)
    print(score(trained, training, "training")[0], flush=True)
    if reason := setback(trained, before, rate):
        print(f"note: {reason}")
    if task.testing is not None:
        print(score(trained, task.testing, "held out")[0])
        if options.dataset not in JOBS and training.classes:
            print(balance(trained, task.testing))
    if options.save is not None:
        columns = _columns(list(task.encoder.features))
        print(f"wrote {options.save}: the network, which answers for a table with {columns}:")
        print(f"  python -m nn predict {shlex.quote(str(options.save))} FILE.csv", flush=True)
    return 0 if options.no_pictures else _draw(trained, history, name, options.out)


def _fit(task: Task, model: MLP, options: argparse.Namespace) -> History:
    """Train the network as the job has it, or as the options say."""
    job, checked = task.job, _is_checked(task)
    return fit(
        model,
        task.inputs(task.training),
        task.targets(task.training),
        **_settings(task, model, options),
        epochs=options.epochs or job.epochs,
        validation=_validation(task),
        restore_best=checked,
        stop=Stop(patience=job.patience) if checked and job.patience else None,
        progress=not options.quiet,
        backend=options.backend,
    )


def _settings(task: Task, model: MLP, options: argparse.Namespace) -> dict[str, Any]:
    """Return what training by `fit` and on a page have in common."""
    job = task.job
    optimizer = job.optimizer(model.parameters(), lr=options.lr or job.lr)
    return {"loss": task.loss, "optimizer": optimizer, "batch_size": job.batch_size, "seed": options.seed}


def _write_page(task: Task, model: MLP, name: str, options: argparse.Namespace) -> int:
    """Write a page on which the network learns, in place of training it here."""
    held_out: Any = 0.2 if _is_checked(task) else None
    if held_out is None and task.testing is not None:
        held_out = task.inputs(task.testing), task.targets(task.testing)
    data = task.training
    page = playground(
        model,
        task.inputs(data),
        task.targets(data),
        **_settings(task, model, options),
        validation=held_out,
        features=data.features,
        classes=data.classes or None,
        title=f"{name}: {len(data.X)} examples",
    )
    print(f"wrote {page.save(options.playground)}: open it in a browser, and press play")
    return 0


def _table(options: argparse.Namespace) -> tuple[str, Job]:
    """Return the name of a table and its job."""
    path = Path(options.dataset)
    classes = True if options.classes else False if options.numbers else None
    wanted = wanted_columns(options.target, options.features, options.drop or ())
    found = examples(
        read_table(path, wanted, options.encoding),
        options.target,
        features=options.features,
        drop=options.drop or (),
        classes=classes,
        missing=options.missing or "fill",
    )
    name = os.fsencode(path.name).decode("utf-8", "replace")  # a name of a file may be no text; figures show it
    while Path(name).suffix.lower() in TABLE_ENDS and Path(name).stem:
        name = Path(name).stem
    return name, table_job(path, found)


def _lacking(job: Job) -> str:
    """Return which libraries the job's pictures lack, so that it can be said before training."""
    lacking = []
    try:  # for the history, which every job draws
        import nn.plots.canvas  # noqa: F401
    except ImportError:
        lacking.append("Matplotlib (python -m pip install 'scalar-autograd[demo]')")
    if "neuron" in job.pictures:
        try:
            import autograd.pictures.rendering  # noqa: F401
        except ImportError:
            lacking.append("graphviz (python -m pip install 'scalar-autograd[draw]')")
    return f"there is no {' and no '.join(lacking)}" if lacking else ""


def _draw(trained: Trained, history: History, name: str, folder: Path) -> int:
    """Write the pictures, each for itself, and return the exit code: 1 where one of them could not be drawn."""
    reasons = []
    for end, draw_it in pictures(trained, history, name):
        file = f"{name}-{end}"
        try:
            about, picture = draw_it()
            about += _write(picture, folder / os.fsdecode(file.encode()))  # in UTF-8, whatever the locale lacks
        except Exception as error:  # whatever it is, the other pictures are drawn, and the network has been saved
            reasons.append(str(error) or type(error).__name__)
            continue
        print(f"wrote {folder / file}: {about}", flush=True)
    return _failed("; ".join(dict.fromkeys(reasons))) if reasons else 0


def _check_places(options: argparse.Namespace) -> None:
    """Refuse what cannot be written, before time is spent on training."""
    if options.playground is None:
        if options.out.is_file():
            raise NotADirectoryError(f"--out takes a folder to write into, and {options.out} is a file")
        options.out.mkdir(parents=True, exist_ok=True)
        if not options.no_pictures and not os.access(options.out, os.W_OK):
            raise PermissionError(f"--out takes a folder to write into, and {options.out} is protected against writing")
    for option, path in (("--save", options.save), ("--playground", options.playground)):
        if path is None:
            continue
        if path.is_dir() or not path.parent.is_dir():
            found = f"{path} is a folder" if path.is_dir() else f"there is no {path.parent}"
            raise ValueError(f"{option} takes a file to write, in a folder that exists, and {found}")
        if path.exists() and Path(options.dataset).exists() and path.samefile(options.dataset):
            raise ValueError(f"{option} would replace {options.dataset}, the table; choose another name")
        replaceable(path)


def _columns(names: Sequence[str]) -> str:
    """Return columns by name, or where they are many, the first and the last."""
    if len(names) > 6:
        return f"the {len(names)} columns {names[0]!r} to {names[-1]!r}"
    return f"the column{'s' * (len(names) > 1)} {', '.join(map(repr, names))}"


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


def _write(picture: Any, path: Path) -> str:
    """Write a picture to a file, and return what there is to say about it."""
    if path.suffix == ".svg":
        write_atomically(path, picture.pipe(format="svg"))
        return ""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("error")
        warnings.filterwarnings("always", "Glyph .* missing", UserWarning)
        picture.savefig(path, dpi=150)
    return "; a box stands for a character that its font lacks" if caught else ""


def _predict(options: argparse.Namespace) -> int:
    read = (options.model, options.file)
    if options.out is not None and options.out.exists() and any(map(options.out.samefile, read)):
        raise ValueError(f"--out would replace {options.out}; choose another name")
    saved = storage.read(options.model)
    encoder = Encoder.of_saved(saved)
    model: MLP = saved.model()
    notes: list[str] = []
    rows = read_inputs(options.file, encoder.features, options.encoding, encoder.commas, notes=notes)
    X = encoder.inputs(rows)
    with no_grad():
        answers = [_answer(model, encoder, x, f"{options.file}, row {row}") for row, x in enumerate(X, 1)]
    for note in notes + encoder.complaints(rows):
        print(f"note: {options.file}, {note}", file=sys.stderr)
    if options.out is None:
        _write_answers(sys.stdout, encoder.target, answers)
        sys.stdout.flush()  # where the disk is full, that is an error here
        return 0
    table = io.StringIO()
    _write_answers(table, encoder.target, answers)
    write_whole(options.out, table.getvalue().encode())
    print(f"wrote {options.out}: {len(answers)} answers")
    return 0


def _write_answers(file: Any, target: str, answers: Sequence[str | float]) -> None:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([target])
    writer.writerows([answer] for answer in answers)


def _answer(model: MLP, encoder: Encoder, x: Sequence[float], where: str) -> str | float:
    try:
        return encoder.answer(model(x))
    except (ArithmeticError, ValueError):  # numbers of a table are finite, but not everything that is made of them
        raise ValueError(f"{where}: its numbers are too far from those that the network was trained on") from None


if __name__ == "__main__":
    sys.exit(main())
