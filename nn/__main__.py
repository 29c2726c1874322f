"""The main job, `python -m nn moons`: train a small network on a data set, and write what it learned as pictures."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from autograd import Constant, draw
from nn import datasets
from nn.datasets import Dataset
from nn.losses import cross_entropy, hinge
from nn.modules import MLP
from nn.optim import SGD
from nn.plots import decision_boundary
from nn.training import evaluate, fit


class Job(NamedTuple):
    """A data set split for training and testing, and the settings it is trained with unless others are asked for."""

    load: Callable[[int], tuple[Dataset, Dataset | None]]
    hidden: list[int]
    activation: str
    epochs: int
    lr: float
    batch_size: int
    features: tuple[int, int]  # the plane of the picture


def _moons(seed: int) -> tuple[Dataset, Dataset | None]:
    return datasets.moons(n=100, noise=0.1, seed=seed), None


def _iris(seed: int) -> tuple[Dataset, Dataset | None]:
    return datasets.split(datasets.iris(), held_out=0.2, seed=seed)


JOBS = {
    "moons": Job(_moons, [16, 16], "relu", epochs=60, lr=0.3, batch_size=10, features=(0, 1)),
    "iris": Job(_iris, [8], "tanh", epochs=30, lr=0.2, batch_size=16, features=(2, 3)),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the main job with command-line arguments; return the exit code."""
    options = _parser().parse_args(arguments)
    job = JOBS[options.dataset]
    try:
        options.out.mkdir(parents=True, exist_ok=True)
        training, testing = job.load(options.seed)
        return _run(options, job, training, testing)
    except (ImportError, OSError, RuntimeError) as error:  # no library, no folder, no layout program
        print(f"python -m nn: error: {error}", file=sys.stderr)
        return 1
    except ArithmeticError as error:
        print(f"python -m nn: error: the network has diverged ({error}); try a smaller --lr", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("python -m nn: interrupted", file=sys.stderr)
        return 130


def _run(options: argparse.Namespace, job: Job, training: Dataset, testing: Dataset | None) -> int:
    binary = len(training.classes) == 2
    loss: Callable[..., Any] = hinge if binary else cross_entropy
    scaled = training if testing is None else datasets.standardized(training)
    widths = [*(options.hidden or job.hidden), 1 if binary else len(training.classes)]
    model = MLP(len(training.features), widths, job.activation, seed=options.seed)
    print(f"{options.dataset}: {len(training.X)} examples to train on, {len(training.features)} features each")
    print(model)

    history = fit(
        model,
        scaled.X,
        _targets(scaled, binary),
        loss=loss,
        optimizer=SGD(model.parameters(), lr=options.lr or job.lr),
        epochs=options.epochs or job.epochs,
        batch_size=job.batch_size,
        seed=options.seed,
        progress=not options.quiet,
    )
    print(f"stopped: {history.stopped}")
    if max(abs(parameter.data) for parameter in model.parameters()) > 1e30:
        raise ArithmeticError("its parameters are too large to compute with")
    score = evaluate(model, scaled.X, _targets(scaled, binary), loss=loss)
    print(f"training: loss {score.loss:.4g}, accuracy {score.accuracy:.1%} of {len(scaled.X)} examples")
    title = f"{options.dataset}: {score.accuracy:.1%} of the training examples right"
    if testing is not None:
        unseen = datasets.standardized(testing, like=training)
        score = evaluate(model, unseen.X, _targets(unseen, binary), loss=loss)
        print(f"held out: loss {score.loss:.4g}, accuracy {score.accuracy:.1%} of {len(unseen.X)} examples")
        title = f"{options.dataset}: {score.accuracy:.1%} of {len(unseen.X)} held-out examples right"

    boundary = options.out / f"{options.dataset}-boundary.png"
    names = [training.features[i] + ("" if testing is None else ", standardised") for i in job.features]
    figure = decision_boundary(
        model, scaled.X, scaled.y, features=job.features, names=names, classes=training.classes, title=title
    )
    figure.savefig(boundary, dpi=150)
    print(f"wrote {boundary}: the decision boundary")
    neuron = options.out / f"{options.dataset}-neuron.svg"
    example, of_what = neuron_drawing(model, scaled, loss, binary)
    neuron.write_text(example.pipe(format="svg", encoding="utf-8"), encoding="utf-8")
    print(f"wrote {neuron}: a neuron of the first layer, with the gradients of {of_what} of one example")
    return 0


def neuron_drawing(model: MLP, data: Dataset, loss: Callable[..., Any], binary: bool) -> tuple[Any, str]:
    """Return a drawing of the first-layer neuron with the largest gradient, on the example with the largest loss.

    Where the loss is flat, since the margin of every example is kept, the gradients are those of the score; the
    second item says which.
    """
    targets = _targets(data, binary)
    losses = [evaluate(model, [x], [target], loss=loss).loss for x, target in zip(data.X, targets, strict=True)]
    worst = max(range(len(losses)), key=losses.__getitem__)
    inputs = [Constant(x, label=name) for x, name in zip(data.X[worst], data.features, strict=True)]
    hidden = model.layers[0](inputs)
    outputs: Any = hidden
    for layer in model.layers[1:]:
        outputs = layer(outputs)
    model.zero_grad()
    of_what = "the loss" if losses[worst] > 0.0 else "the score"
    if losses[worst] > 0.0:
        loss([outputs[0] if binary else outputs], [targets[worst]]).backward()
    else:
        outputs[0].backward()
    return draw(max(hidden, key=lambda output: abs(output.grad)), expand=True), of_what


def _targets(data: Dataset, binary: bool) -> list[int]:
    return [2 * y - 1 for y in data.y] if binary else data.y


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: error: {' '.join(message.split())}; see {self.prog} --help\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m nn",
        description="Train a multi-layer perceptron made of scalars, and write two pictures: the decision boundary "
        "(PNG), and a neuron with its gradients (SVG).",
        epilog="moons: two interleaving half circles, generated. iris: 150 flowers of three species, measured; a fifth "
        "of them is held out for testing. Ctrl-C ends the training and keeps what was learned.",
    )
    parser.add_argument("dataset", choices=JOBS, help="what to train on: %(choices)s")
    parser.add_argument(
        "--seed", type=_seed, default=0, help="of the data, the first weights and the batches (default 0)"
    )
    parser.add_argument("--epochs", type=_count, help=f"rounds through the data (default {_defaults('epochs')})")
    parser.add_argument(
        "--hidden", type=_count, nargs="+", metavar="WIDTH", help=f"hidden layers (default {_defaults('hidden')})"
    )
    parser.add_argument("--lr", type=_rate, help=f"learning rate (default {_defaults('lr')})")
    parser.add_argument(
        "--out", type=Path, default=Path(), metavar="FOLDER", help="where to write the pictures (default .)"
    )
    parser.add_argument("--quiet", action="store_true", help="show no progress bar; there is none unless on a terminal")
    return parser


def _defaults(setting: str) -> str:
    values = {name: getattr(job, setting) for name, job in JOBS.items()}
    written = {name: " ".join(map(str, v)) if isinstance(v, list) else v for name, v in values.items()}
    return ", ".join(f"{name}: {value}" for name, value in written.items())


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"takes a whole number, 1 or more, got {text!r}")
    return int(text)


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
