"""Playground page: a model that learns in the browser, as `fit` would train it.

What the page computes with is printed here: the loss of an example and what each neuron gives, from the instructions
of the compiled model; the update formulas from the optimisers' rules. The order of the examples comes from the same
random numbers, so the page's run is `fit`'s.
"""

from __future__ import annotations

import inspect
import json
import random
from collections.abc import Callable, Sequence
from functools import partial
from numbers import Real
from pathlib import Path
from types import FunctionType
from typing import Any

from autograd import Value
from autograd.pictures.page.page import (
    HtmlPage,
    computation,
    json_number,
    put_together,
    read_file,
    shared_scripts,
    shared_style,
)
from autograd.pictures.style import CLASSES
from autograd.rules import with_article
from nn import losses, optim, schedules
from nn.data.random_state import generator
from nn.fitting import optimizer_for
from nn.modules import MLP, Module
from nn.page._network import NetworkCards
from nn.page._notebook_widget import widget_class
from nn.page._page_programs import PagePrograms
from nn.page._update_formulas import options_of, rate_source, update_source
from nn.training.checks import whole
from nn.training.examples import Examples
from nn.training.judging import is_known
from nn.training.norms import layers
from nn.training.optimizer import Optimizer
from nn.training.penalties import with_penalty
from nn.training.splits import Data, as_sequence, hold_out
from nn.training.storage import StorageError, document_of

_HERE = Path(__file__).parent
_SHARED = ("functions", "numbers", "graph", "elements", "words", "derivation")  # scripts of the explorer's page
_SCRIPTS = (
    *("twister", "training", "advice", "charts", "network", "field", "judge", "card_pictures", "answer", "python"),
    *("settings", "contributions", "details", "overview", "controls", "playground"),
)
MOST_NODES = 5000  # of a graph whose derivations are shown
_SCHEDULED = 5000  # steps of which the learning rates of a schedule of one's own are written down
OPTIMIZERS: list[Any] = [
    kind
    for kind in vars(optim).values()
    if isinstance(kind, type) and issubclass(kind, Optimizer) and kind is not Optimizer
]
READINGS = {losses.binary_cross_entropy: "logit", losses.cross_entropy: "softmax"}  # how outputs become probabilities
_SCHEDULES = {
    kind for kind in vars(schedules).values() if isinstance(kind, type) and kind.__module__ == schedules.__name__
}


class Playground(HtmlPage):
    """The page of a model and its data; `html` is its source, `save(path)` writes it.

    >>> from nn import mse, playground
    >>> playground(MLP(1, [1]), [[1.0], [2.0]], [2.0, 4.0], loss=mse).html.startswith("<!doctype html>")
    True
    """

    height = 860
    sandbox = "allow-scripts allow-downloads"

    def __init__(self, title: str, source: str, model: Module, parameters: Sequence[Value], root: Value) -> None:
        super().__init__(root, source, title)
        self.title = title
        self.model = model
        self.parameters = parameters

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None, **options: Any) -> dict[str, Any]:
        """Return the page as a notebook shows it; as a widget too, where anywidget is installed.

        The widget hands what was trained on the page back to the model. Where no script runs, as in a notebook that is
        only read, a drawing of the loss of one example stands in.
        """
        bundle = super()._repr_mimebundle_()
        try:
            kind = widget_class()
        except ImportError:
            return bundle
        shown = kind(self, self.height)._repr_mimebundle_(include=include, exclude=exclude, **options)
        return bundle | (shown[0] if isinstance(shown, tuple) else shown or {}) | {"text/plain": repr(self)}

    def __repr__(self) -> str:
        return f"<page of {self.title}>"


def page_of(
    model: Module,
    X: Data,
    y: Data,
    *,
    loss: Callable[..., Any],
    penalty: Callable[..., Any] | None,
    optimizer: Optimizer | None,
    batch_size: int | None,
    validation: tuple[Data, Data] | float | None,
    seed: int | None,
    features: Sequence[str] | None,
    classes: Sequence[str] | None,
    title: str | None,
) -> Playground:
    """Return the page for `playground`, which says what the arguments are."""
    if not isinstance(model, Module):
        raise TypeError(f"playground takes a Module, its examples X and their targets y, got {with_article(model)}")
    names = features or getattr(X, "columns", None)
    X, y = as_sequence(X, "playground"), as_sequence(y, "playground")
    if len(X) != len(y) or not len(X):
        raise ValueError(f"playground takes one target for each example, and at least one, got {len(X)} and {len(y)}")
    if batch_size is not None:
        batch_size = whole(batch_size, "batch_size", 1, "examples")
    optimizer = optimizer_for(optimizer, model)
    penalised = loss if penalty is None else with_penalty(loss, penalty, optimizer.parameters)
    seed = random.getrandbits(64) if seed is None else seed
    rng = generator(seed)
    total = len(X)
    X, y, held_out = hold_out(X, y, validation, rng)
    examples, held = Examples(X, y), None if held_out is None else Examples(*held_out)
    programs = PagePrograms(model, loss, penalised, optimizer, examples, held)
    parameters = optimizer.parameters
    network = NetworkCards(
        model,
        programs.root,
        programs.outputs,
        programs.inputs,
        programs.targets,
        _features(names, len(programs.inputs)),
    )
    kinds = _classes(classes, programs)
    shown = title or f"{_described(model)}, learning from {len(X)} example{'s' if len(X) > 1 else ''}"
    found: dict[str, Any] = {
        "title": shown,
        "inputs": [network.names[leaf] for leaf in programs.inputs],
        "targets": len(programs.targets),
        "data": programs.data[0],
        "held": programs.data[1] if held else None,
        "classes": kinds,
        "colours": CLASSES if kinds else [],
        "loss": _loss(loss),
        "reading": READINGS.get(_unwrapped(loss), "score") if kinds else "value",
        "theta": [parameter.data for parameter in parameters],
        "layers": [{"name": _title(name), "places": found} for name, found in layers(model, parameters).items()],
        **network.to_json(parameters),
        "graph": None,
        "optimizers": _optimizers(optimizer),
        "start": _start(optimizer),
        "batch": None if batch_size is None or batch_size >= len(X) else batch_size,
        "random": [*rng.getstate()[1]],
        "penalised": penalty is not None,
        "python": {
            "model": _constructor(model),
            "loss": _written_loss(loss),
            "seed": str(seed),
            "drawn": [total, total - len(X)] if isinstance(validation, Real) else None,
            "schedule": repr(optimizer.lr) if type(optimizer.lr) in _SCHEDULES else None,
        },
        "file": _file(model),
    }
    source = _source(found, network, programs, optimizer, penalty)
    return Playground(shown, source, model, parameters, programs.root)


def _source(
    found: dict[str, Any],
    network: NetworkCards,
    programs: PagePrograms,
    optimizer: Optimizer,
    penalty: Callable[..., Any] | None,
) -> str:
    """Return the page of a model that is given for JSON, with the programs by which it is trained."""
    rules = "[]"
    if len(network.order) <= MOST_NODES:
        nodes, rules = computation(network.order, network.names)
        found["graph"] = {"title": "loss", **nodes}
    sources = programs.sources([card.node for card in network.cards], penalty)
    updates = {type(one).__name__: update_source(one) for one in _choices(optimizer)}
    named = ", ".join(f"{name}: {source}" for name, source in updates.items())
    return put_together(
        _HERE / "playground.html",
        title=found["title"],
        style=shared_style() + read_file(_HERE / "cards.css") + read_file(_HERE / "playground.css"),
        model=found,
        script=page_script(),
        start="\n".join(
            [
                *sources.values(),
                f"start({rules}, {{{', '.join(sources)}}}, {{{named}}}, {_schedule(optimizer)});",
            ]
        ),
    )


def page_script() -> str:
    """Return the script of the page: what it shares with the explorer's, and its own parts."""
    return "\n".join([shared_scripts(*_SHARED), *[read_file(_HERE / f"{name}.js") for name in _SCRIPTS]])


def _features(given: Any, count: int) -> list[str]:
    """Return the names of the inputs, as they were given, or x1, x2 and so on."""
    names = [f"x{number}" for number in range(1, count + 1)] if given is None else list(map(str, given))
    if len(names) != count:
        raise ValueError(f"features names each of {count} inputs, got {len(names)} names")
    return names if count > 1 or given is not None else ["x"]


def _classes(given: Sequence[str] | None, programs: PagePrograms) -> list[str]:
    """Return the names of the classes; none where the model is no classifier."""
    if not programs.is_classifier:
        if given is not None:
            raise ValueError("classes are for a classifier, and this loss has none, or several labels; leave them out")
        return []
    count = max(2, len(programs.outputs))
    signed = count == 2 and min(programs.data[0]["y"]) < 0.0
    names = [f"class {label}" for label in (["−1", "1"] if signed else range(count))]
    if given is not None:
        names = list(map(str, given))
        if len(names) != count:
            raise ValueError(f"classes names each of {count} classes, got {len(names)} names")
    return names


def _title(layer: str) -> str:
    """Return what the page calls a layer: that with the path layers.0 is layer 1."""
    name, _, number = layer.partition(".")
    return f"layer {int(number) + 1}" if name == "layers" and number.isdecimal() else layer


def _described(model: Module) -> str:
    """Return what stands above the page: MLP 2 -> 16 -> 1."""
    if type(model) is MLP:
        return f"MLP {' → '.join(map(str, [model.nin, *[len(layer.neurons) for layer in model.layers]]))}"
    return type(model).__name__


def _choices(optimizer: Optimizer) -> list[Optimizer]:
    """Return the optimisers that the page offers, each with its options: the given one, and those of nn."""
    others = [kind([Value(0.0)]) for kind in OPTIMIZERS if kind.__name__ != type(optimizer).__name__]
    return [optimizer, *others]


def _optimizers(optimizer: Optimizer) -> list[dict[str, Any]]:
    return [
        {
            "name": type(one).__name__,
            "lr": one.rate,
            "options": {name: _json_option(option) for name, option in options_of(one).items()},
            "remembers": list(one.remembers),
            "ours": type(one) in OPTIMIZERS,
        }
        for one in _choices(optimizer)
    ]


def _json_option(option: Any) -> Any:
    """Return an option for JSON; what is infinite, as a bound that is none, is a text there."""
    if isinstance(option, tuple):
        return [*map(_json_option, option)]
    return option if isinstance(option, bool) else json_number(option)


def _start(optimizer: Optimizer) -> dict[str, Any]:
    """Return the steps and the state that the optimiser has."""
    return {
        "steps": optimizer.steps,
        "state": [[json_number(float(x)) for x in s] for s in optimizer.state.values()],
    }


def _schedule(optimizer: Optimizer) -> str:
    """Return a schedule as a JavaScript function of the steps taken: its formula, or the rates of the first steps."""
    lr: Any = optimizer.lr
    if not callable(lr):
        return "null"
    if type(lr) in _SCHEDULES:
        return rate_source(lr)
    return f"(t) => {json.dumps(optimizer.rates_after(range(optimizer.steps + _SCHEDULED)))}[t]"


def _unwrapped(loss: Any) -> Any:
    return _unwrapped(loss.func) if isinstance(loss, partial) else loss


def _loss(loss: Any) -> dict[str, str]:
    """Return the name of a loss and what it is: the first sentence of its documentation, which has the formula."""
    inner = _unwrapped(loss)
    name = str(getattr(inner, "__name__", type(inner).__name__))
    words = " ".join(inspect.cleandoc(getattr(inner, "__doc__", None) or "").partition("\n\n")[0].split())
    told = words.partition(". ")[0].removeprefix("Return ").removesuffix(".") if isinstance(inner, FunctionType) else ""
    options = [f"{key} = {value}" for key, value in loss.keywords.items()] if isinstance(loss, partial) else []
    return {"name": name if name.isidentifier() else "your own loss", "told": ", ".join(filter(None, [told, *options]))}


def _written_loss(loss: Any) -> str | None:
    """Return a loss of nn as one writes it in Python; None for another."""
    named = [name for name, one in vars(losses).items() if one is _unwrapped(loss) and is_known(one)]
    if not named:
        return None
    if not isinstance(loss, partial):
        return named[0]
    options = {**loss.keywords}
    plain_options = all(isinstance(option, (int, float)) for option in options.values()) and not loss.args
    return f"partial({named[0]}, {', '.join(f'{k}={v!r}' for k, v in options.items())})" if plain_options else None


def _constructor(model: Module) -> str | None:
    """Return an MLP as one writes it in Python; None for a model of another class, or with a function of one's own."""
    architecture = (_file(model) or {}).get("architecture", {})
    if "nin" not in architecture:
        return None
    return "MLP({nin}, {nouts}, {activation!r}, {output!r})".format(**architecture)


def _file(model: Module) -> dict[str, Any] | None:
    """Return what `nn.save` writes of a model; None where it can write nothing."""
    try:
        return document_of(model)
    except StorageError:
        return None
