"""Reports of `python -m nn` on a trained network: scores as lines of text, and pictures."""

from __future__ import annotations

import functools
import math
import textwrap
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from autograd import Constant, draw, no_grad
from nn import plots
from nn.app.presets import Task
from nn.data.columns import most_frequent
from nn.data.csv_reader import shown
from nn.data.datasets import Dataset, standardized
from nn.fitting import evaluate
from nn.modules import MLP, Module
from nn.plots.figures import COLOURS, RED, verbatim
from nn.training.examples import plain_number
from nn.training.history import History
from nn.training.metrics import accuracy, predicted_class


class Trained:
    """A task with its trained network, which is asked about each of the examples once, however often it is judged."""

    def __init__(self, task: Task, model: MLP) -> None:
        self.task = task
        self.model = model
        self._outputs: dict[bool, list[Any]] = {}

    def outputs(self, data: Dataset) -> list[Any]:
        """Return the outputs for the examples to train on, or for those held out."""
        held_out = data is self.task.testing
        if held_out not in self._outputs:
            with no_grad():
                self._outputs[held_out] = [self.model(x) for x in self.task.inputs(data)]
        return self._outputs[held_out]

    def classes(self, data: Dataset) -> list[int]:
        """Return the class that is found for each example."""
        return [predicted_class(output) for output in self.outputs(data)]

    def answers(self, data: Dataset) -> list[float]:
        """Return the number that is found for each example of a regression."""
        return [float(self.task.encoder.answer(output)) for output in self.outputs(data)]


def score(trained: Trained, data: Dataset, kind: str) -> tuple[str, str]:
    """Return a line about how well a network does on some examples, and the number in it that a title shows."""
    task, outputs = trained.task, trained.outputs(data)
    targets = task.targets(data)
    with no_grad():
        loss = plain_number(task.loss(outputs, targets))
    if data.classes:
        share = f"{accuracy(outputs, targets):.1%}"
        return f"{kind}: loss {loss:.4g}, accuracy {share} of {_examples(data)}", share
    answers = trained.answers(data)
    errors = math.fsum((answer - y) ** 2 for answer, y in zip(answers, data.y, strict=True))
    mean = math.fsum(data.y) / len(data.y)
    spread = math.fsum((y - mean) ** 2 for y in data.y)
    explained = f", {1.0 - errors / spread:.1%} of the variance explained" if errors < spread else ""
    if errors > spread > 0.0:
        explained = f", worse than to answer {mean:.4g} always"
    typical = readable(math.sqrt(errors / len(answers)))
    within = f", where {shown(task.job.target)} is {readable(min(data.y))} to {readable(max(data.y))}"
    line = f"{kind}: loss {loss:.4g}, root mean squared error {typical}{within}{explained}, {_examples(data)}"
    return line, typical


def readable(number: float) -> str:
    """Return a number with four digits and without an exponent, as far as a person reads it so.

    >>> readable(2412345.6), readable(0.0123456), readable(3e20)
    ('2,412,000', '0.01235', '3e+20')
    """
    rounded = float(f"{number:.4g}")
    if 1e3 <= abs(rounded) < 1e15:
        return f"{rounded:,.0f}"
    return f"{rounded:.10f}".rstrip("0").rstrip(".") if 1e-6 <= abs(rounded) < 1e3 else f"{rounded:.4g}"


def setback(trained: Trained, before: float, rate: float) -> str:
    """Return what happened and what to try where training has not helped; nothing where it has.

    `before` is the loss on the training examples before training, `rate` the learning rate.
    """
    task, data = trained.task, trained.task.training
    with no_grad():
        after = plain_number(task.loss(trained.outputs(data), task.targets(data)))
    often = max(Counter(data.y).values()) / len(data.y)
    usual_only = data.classes and accuracy(trained.outputs(data), task.targets(data)) <= often
    reason = f"the loss on the training examples was {before:.3g} and is {after:.3g} now"
    if after < 0.98 * before:
        if not usual_only:
            return ""
        reason = f"the most frequent class is {often:.1%} of the training examples, and no more are right"
    told = f"training has not helped: {reason}"
    usual = task.job.lr
    if rate > 2.0 * usual:
        return f"{told}; steps of --lr {rate:g} are so long that they jump over what they look for; try --lr {usual:g}"
    if rate < 0.5 * usual:
        return f"{told}; steps of --lr {rate:g} are too short to get anywhere; try --lr {usual:g}"
    return f"{told}; try more --epochs, a wider --hidden, or --lr {rate / 10.0:g}"


def balance(trained: Trained, data: Dataset) -> str:
    """Return what the accuracy of held-out data compares with: the share of the most frequent class of the whole table.

    How the others fare is told where that class is so frequent that the accuracy says little about them.
    """
    counts, most = Counter(data.y), most_frequent([*trained.task.training.y, *data.y])
    size, name = counts[most], shown(data.classes[most])
    line = f"always to answer {name}, the most frequent class, is right for {size / len(data.y):.1%}"
    if size < 0.7 * len(data.y):
        return line
    right = Counter(y for y, found in zip(data.y, trained.classes(data), strict=True) if y == found)
    parts = [f"{right[k]} of {count} {shown(data.classes[k])}" for k, count in counts.most_common() if k != most]
    others = f", and {len(parts) - 5} more classes" if len(parts) > 5 else ""
    return f"{line}; of the others, right are {', '.join(parts[:5])}{others}" if parts else line


Picture: TypeAlias = tuple[str, Any]  # what it shows, and a figure or a drawing


def pictures(trained: Trained, history: History, name: str) -> Iterator[tuple[str, Callable[[], Picture]]]:
    """Yield the pictures of a preset: the end of the file's name, and a function that draws it, or fails."""
    task, model = trained.task, trained.model
    data = task.training if task.testing is None else task.testing
    classes = [_in_one_line(kind) for kind in data.classes]
    heading = functools.cache(lambda: _title(trained, name))

    def neuron() -> Picture:
        drawing, of_what = neuron_drawing(model, _prepared(task), task.loss, task.binary)
        return f"a neuron of the first layer, with the gradients of {of_what} of one example", drawing

    def confusion() -> Picture:
        figure = plots.confusion_matrix(data.y, trained.classes(data), classes=classes, title=heading())
        return "which class is taken for which", figure

    def mistakes() -> Picture:
        return "the examples that it gets wrong", plots.mistakes(data.X, data.y, trained.classes(data), classes=classes)

    known: dict[str, Callable[[], Picture]] = {
        "history.png": lambda: ("the loss, epoch by epoch", plots.history(history, title=heading())),
        "boundary.png": lambda: _boundary(task, model, heading()),
        "neuron.svg": neuron,
        "confusion.png": confusion,
        "mistakes.png": mistakes,
        "line.png": lambda: ("the data and the fitted line", _line(task, model, heading())),
        "answers.png": lambda: ("what it answers, against the truth", _against(trained, data, heading())),
    }
    for end, draw_it in known.items():
        if end.partition(".")[0] in task.job.pictures and (end != "history.png" or history.loss):
            yield end, draw_it


def neuron_drawing(model: MLP, data: Dataset, loss: Callable[..., Any], binary: bool) -> tuple[Any, str]:
    """Return a drawing of the first-layer neuron with the largest gradient, on the example with the largest loss.

    Each weight is named by its input. Where the loss is flat, since the margin of every example is kept, the gradients
    are those of the score; the second item says which.
    """
    targets = [2 * y - 1 for y in data.y] if binary else data.y
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
    place = max(range(len(hidden)), key=lambda k: abs(hidden[k].grad))
    for weight, name in zip(model.layers[0].neurons[place].w, data.features, strict=True):
        weight.label = f"w of {name}"  # they count from 0, and features, where they have numbers, from 1
    return draw(hidden[place], expand=True), of_what


def _prepared(task: Task) -> Dataset:
    return task.training._replace(X=task.inputs(task.training))


def _examples(data: Dataset) -> str:
    return f"{len(data.X)} example{'s' * (len(data.X) != 1)}"


def _title(trained: Trained, name: str) -> str:
    """Return what stands above a picture, in lines that fit it."""
    task = trained.task
    data, part = (task.training, "training") if task.testing is None else (task.testing, "held-out")
    examples = _examples(data).replace(" ", f" {part} ")
    _, figure = score(trained, data, part)
    found = f"{figure} of {examples} right" if data.classes else f"root mean squared error {figure} on {examples}"
    return textwrap.fill(verbatim(_in_one_line(f"{name}: {found}")), 50, break_on_hyphens=False)


def _in_one_line(name: str) -> str:
    """Return a name in one line."""
    return " ".join(name.split())


def _boundary(task: Task, model: MLP, title: str) -> tuple[str, Any]:
    """Return what the plane of the decision boundary is, and a figure of it."""
    data = task.training
    numbers = [i for i, is_number in enumerate(task.encoder.are_numbers) if is_number]
    first, second = telling_features(data._replace(X=[[x[i] for i in numbers] for x in data.X]))
    across, up = numbers[first], numbers[second]
    names = [_in_one_line(data.features[i]) for i in (across, up)]
    others = ", the other features at their means" if len(data.features) > 2 else ""
    figure = plots.decision_boundary(
        InUnits(task, model),
        data.X,
        data.y,
        features=(across, up),
        names=names,
        classes=[_in_one_line(kind) for kind in data.classes],
        held_out=None if task.testing is None else (task.testing.X, task.testing.y),
        title=f"{title}{others}" if task.testing is None else f"{title}\nfilled: trained on{others}",
    )
    return f"the decision boundary{others}", figure


def telling_features(data: Dataset) -> tuple[int, int]:
    """Return the two features that tell the classes apart best: whose means by class differ most, in spreads.

    >>> telling_features(Dataset([[0.0, 5.0, 1.0], [0.0, 7.0, 2.0]], [0, 1], ["same", "age", "size"], ["a", "b"]))
    (1, 2)
    """
    columns = list(zip(*standardized(data).X, strict=True))
    members = [[i for i, y in enumerate(data.y) if y == kind] for kind in set(data.y)]
    told = [sum(math.fsum(column[i] for i in rows) ** 2 / len(rows) for rows in members) for column in columns]
    first, second = sorted(sorted(range(len(told)), key=lambda k: -round(told[k], 9))[:2])
    return first, second


def _line(task: Task, model: MLP, title: str) -> Any:
    data = task.training
    names = (_in_one_line(data.features[0]), _in_one_line(task.job.target))
    return plots.regression_line(InUnits(task, model), data.X, data.y, names=names, title=title)


class InUnits(Module):
    """A network in the units of its table: it takes examples as they stand there, and answers a regression so."""

    def __init__(self, task: Task, model: MLP) -> None:
        self.task = task
        self.model = model

    def forward(self, x: Any) -> Any:
        """Return the scores of the classes, or the number that is the answer."""
        (inputs,) = self.task.encoder.scaling.apply([x])
        output = self.model(inputs)
        return output if self.task.training.classes else self.task.encoder.answer(output)


def _against(trained: Trained, data: Dataset, title: str) -> Any:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 5), layout="constrained")
    axes = figure.subplots()
    ends = [min(data.y), max(data.y)]
    axes.plot(ends, ends, color=RED, linewidth=1.5, zorder=3, label="where both agree")
    axes.scatter(
        data.y,
        trained.answers(data),
        color=COLOURS[0],
        s=24,
        edgecolors="white",
        linewidths=0.5,
        zorder=2,
        label="examples",
    )
    target = verbatim(_in_one_line(trained.task.job.target))
    axes.set(xlabel=f"{target}, the truth", ylabel=f"{target}, as answered", title=title)
    axes.set_aspect("equal", adjustable="datalim")
    axes.legend(framealpha=0.9)
    return figure
