"""What `python -m nn` tells of a trained network: scores as lines of text, and pictures."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

from autograd import Constant, draw, no_grad
from nn import plots
from nn.datasets import Dataset
from nn.history import History
from nn.jobs import Task
from nn.metrics import predicted_class
from nn.modules import MLP
from nn.training import evaluate


def score(task: Task, model: MLP, data: Dataset, kind: str) -> tuple[str, str]:
    """Return a line about how well a network does on some examples, and the number in it that a title shows."""
    found = evaluate(model, task.inputs(data), task.targets(data), loss=task.loss)
    if found.metric is not None:
        line = f"{kind}: loss {found.loss:.4g}, accuracy {found.metric:.1%} of {len(data.X)} examples"
        return line, f"{found.metric:.1%}"
    answers = _answers(task, model, data)
    errors = math.fsum((answer - y) ** 2 for answer, y in zip(answers, data.y, strict=True))
    mean = math.fsum(data.y) / len(data.y)
    spread = math.fsum((y - mean) ** 2 for y in data.y)
    explained = f", {1.0 - errors / spread:.1%} of the variance explained" if spread else ""
    typical = math.sqrt(errors / len(answers))
    line = f"{kind}: loss {found.loss:.4g}, root mean squared error {typical:.4g}{explained}, {len(data.X)} examples"
    return line, f"{typical:.4g}"


def pictures(task: Task, model: MLP, history: History, name: str) -> Iterator[tuple[str, str, Any]]:
    """Yield the job's pictures: the end of the file's name, what it shows, and a figure or a drawing."""
    data, part = (task.training, "training") if task.testing is None else (task.testing, "held-out")
    _, figure = score(task, model, data, part)
    if not task.training.classes:
        title = f"{name}: root mean squared error {figure} on {len(data.X)} {part} examples"
    elif task.testing is None:
        title = f"{name}: {figure} of the training examples right"
    else:
        title = f"{name}: {figure} of {len(data.X)} held-out examples right"
    for picture in task.job.pictures:
        if picture == "history" and history.loss:
            yield "history.png", "the loss, epoch by epoch", plots.history(history, title=title)
        elif picture == "boundary":
            yield "boundary.png", "the decision boundary", _boundary(task, model, title)
        elif picture == "neuron":
            drawing, of_what = neuron_drawing(model, _prepared(task), task.loss, task.binary)
            about = f"a neuron of the first layer, with the gradients of {of_what} of one example"
            yield "neuron.svg", about, drawing
        elif picture in ("confusion", "mistakes"):
            found = _classes(task, model, data)
            if picture == "confusion":
                shown = plots.confusion_matrix(data.y, found, classes=data.classes, title=title)
                yield "confusion.png", "which class is taken for which", shown
            else:
                shown = plots.mistakes(data.X, data.y, found, classes=data.classes)
                yield "mistakes.png", "the examples that it gets wrong", shown
        elif picture == "line":
            yield "line.png", "the data and the fitted line", _line(task, model, title)
        elif picture == "answers":
            yield "answers.png", "what it answers, against the truth", _against(task, model, data, title)


def neuron_drawing(model: MLP, data: Dataset, loss: Callable[..., Any], binary: bool) -> tuple[Any, str]:
    """Return a drawing of the first-layer neuron with the largest gradient, on the example with the largest loss.

    Where the loss is flat, since the margin of every example is kept, the gradients are those of the score; the
    second item says which.
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
    return draw(max(hidden, key=lambda output: abs(output.grad)), expand=True), of_what


def _prepared(task: Task) -> Dataset:
    return task.training._replace(X=task.inputs(task.training))


def _classes(task: Task, model: MLP, data: Dataset) -> list[int]:
    with no_grad():
        return [predicted_class(model(x)) for x in task.inputs(data)]


def _answers(task: Task, model: MLP, data: Dataset) -> list[float]:
    with no_grad():
        return [float(task.preparation.answer(model(x))) for x in task.inputs(data)]


def _boundary(task: Task, model: MLP, title: str) -> Any:
    data = _prepared(task)
    names = [data.features[i] + (", standardised" if task.job.scale is None else "") for i in task.job.features]
    return plots.decision_boundary(
        model, data.X, data.y, features=task.job.features, names=names, classes=data.classes, title=title
    )


def _line(task: Task, model: MLP, title: str) -> Any:
    data = task.training
    units = _Units(task, model)
    return plots.regression_line(units, data.X, data.y, names=(data.features[0], task.job.target), title=title)


class _Units:
    """A network that takes and answers numbers in the units of the table."""

    def __init__(self, task: Task, model: MLP) -> None:
        self.task = task
        self.model = model

    def __call__(self, x: Any) -> float:
        (inputs,) = self.task.preparation.inputs([x])
        return float(self.task.preparation.answer(self.model(inputs)))


def _against(task: Task, model: MLP, data: Dataset, title: str) -> Any:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 5), layout="constrained")
    axes = figure.subplots()
    answers = _answers(task, model, data)
    axes.plot([min(data.y), max(data.y)], [min(data.y), max(data.y)], color=plots.RED, linewidth=1.5)
    axes.scatter(data.y, answers, color=plots.COLOURS[0], s=24, edgecolors="white", linewidths=0.5, zorder=2)
    axes.set(xlabel=f"{task.job.target}, the truth", ylabel=f"{task.job.target}, as answered", title=title)
    return figure
