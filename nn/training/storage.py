"""Model serialization: JSON with a version, whose numbers come back to the last bit and whose reading runs no code.

A file is read whole and checked whole, and only then becomes a model or fills one, so whatever is in it, the outcome is
a model or a `StorageError`. It takes the place of the old one in one step, so that a crash at any moment leaves the old
file or the new one.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeAlias, overload

from autograd import rules
from autograd.files import path_of, read_up_to, write_atomically
from autograd.rules import Family, Unary, with_article
from nn.modules import MLP, Module

FORMAT = "scalar-autograd model"
VERSION = 1
# A million parameters; what is longer was not written here and is not read. An empty list takes three bytes of a file
# and thirty times as many of the memory, so values are counted, by what separates them, before any is made.
LIMIT = 64 * 1024 * 1024  # bytes
VALUES = 2_000_000

ModelFile: TypeAlias = "str | os.PathLike[str]"
ARGUMENTS = ("nin", "nouts", "activation", "output")
ACTIVATIONS = {name: row for name, row in rules.FUNCTIONS.items() if isinstance(row, (Unary, Family))}


class StorageError(ValueError):
    """A file that is not a whole and known model, or a model that cannot be kept in one."""


def save(model: Module, path: ModelFile, extra: Mapping[str, Any] | None = None) -> None:
    """Write a model to a JSON file, with `extra` beside it; `path` holds the old file or the new one at any moment.

    An MLP is kept with its architecture, so that `load(path)` makes it anew; of other modules the parameters are
    kept, for `load(model, path)`; so they are of an MLP with tied layers, Constants as weights or more parameters.
    `extra` is whatever JSON can hold: names of classes, say. Raises StorageError for what it cannot hold, such as a
    parameter that is nan, an activation that is a function of your own, a tuple, or a key that is no string.

    >>> import tempfile
    >>> model = MLP(2, [8, 1], seed=1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(model, f"{folder}/model.json")
    ...     twin = load(f"{folder}/model.json")
    >>> twin.state_dict() == model.state_dict()
    True
    """
    document = document_of(model, extra)
    kept = document["extra"]
    try:
        written = json.dumps(document, allow_nan=False, indent=1).encode("ascii") + b"\n"
        saved = _saved(written)
        odd = odd_keys(kept)
    except (TypeError, ValueError, RecursionError) as error:
        raise StorageError(f"this cannot be kept as JSON: {_reason(error)}") from None
    if odd or saved.extra != kept:
        found = f", got the key {odd[0]!r:.40}" if odd else ""
        raise StorageError(
            f"extra would not come back as it is: JSON keeps lists, strings, numbers, dicts by strings{found}"
        )
    try:
        write_atomically(path, written)
    except FileExistsError as error:
        raise StorageError(f"{path} cannot be saved to: {error.strerror}") from None


def odd_keys(thing: Any) -> list[Any]:
    """Return the keys in a thing that JSON would not give back, since they are no strings.

    >>> odd_keys([1, {"a": {1: "b", "1": "c"}}])
    [1]
    """
    if isinstance(thing, dict):
        return [
            *(key for key in thing if not isinstance(key, str)),
            *(odd for part in thing.values() for odd in odd_keys(part)),
        ]
    parts = thing.tolist() if hasattr(thing, "tolist") else thing
    return [odd for part in parts for odd in odd_keys(part)] if isinstance(parts, (list, tuple)) else []


def document_of(model: Module, extra: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return what `save` writes of a model, as a JSON object."""
    if not isinstance(model, Module):
        raise TypeError(f"save takes a Module and a path, got {with_article(model)}: {model!r:.60}")
    if not (extra is None or isinstance(extra, Mapping)):
        raise TypeError(f"extra is a dict of what to keep beside a model, got {extra!r:.60}; write {{'name': ...}}")
    try:
        parameters = model.state_dict()
    except ValueError as error:  # two of one name
        raise StorageError(str(error)) from None
    if broken := [f"{name} is {data}" for name, data in parameters.items() if not math.isfinite(data)]:
        raise StorageError(
            f"a model whose parameters are not finite is not saved: {broken[0]}"
            + (f", and {len(broken) - 1} more" if len(broken) > 1 else "")
        )
    return {
        "format": FORMAT,
        "version": VERSION,
        "architecture": _architecture(model),
        "extra": {} if extra is None else dict(extra),
        "parameters": parameters,
    }


@overload
def load(model: Module, path: ModelFile, /) -> Module: ...
@overload
def load(path: ModelFile, /) -> MLP: ...
def load(model: Module | ModelFile, path: ModelFile | None = None, /) -> Module:
    """Return a model with the parameters of a file: `load(model, path)` fills this one, `load(path)` makes an MLP.

    Raises StorageError where the file is not whole, not known, or of another model, which is then left as it was.
    """
    if path is None:
        if isinstance(model, Module):
            raise TypeError("load takes a path, or a model and a path, got a model only")
        return read(model).model()
    if not isinstance(model, Module):
        raise TypeError(f"load takes a model and a path, in this order, got {with_article(model)}: {model!r:.60}")
    read(path).fill(model)
    return model


def read(path: ModelFile) -> Saved:
    """Return what a file holds: architecture, parameters and extra, checked, but not yet a model.

    Raises StorageError where it is not whole or not known, and OSError where it cannot be read.
    """
    if (file_at := path_of(path)).exists() and not file_at.is_file():  # opening a pipe might wait for ever
        raise StorageError(f"{path} is not a file")
    with file_at.open("rb") as file:
        written = read_up_to(file, LIMIT + 1)
    try:
        return _saved(written, str(path))
    except (ValueError, RecursionError) as error:
        raise StorageError(f"{path} is not a model that can be read: {_reason(error)}") from None


@dataclass(frozen=True)
class Saved:
    """The contents of a model file: the architecture, the parameters by name, and what was saved beside them."""

    architecture: dict[str, Any]
    parameters: dict[str, float]
    extra: dict[str, Any]
    source: str = "this"

    def model(self) -> MLP:
        """Return a new MLP of this architecture, with these parameters."""
        if not self.arguments:
            shown = _described(self.architecture)
            raise StorageError(f"{self.source} holds {shown}, which only its own class can make: load(model, path)")
        model = MLP(*self.arguments, seed=0)
        self.fill(model)
        return model

    @property
    def arguments(self) -> list[Any]:
        """The arguments of nn's MLP; none where the model is of another class, whatever its name."""
        return [self.architecture[name] for name in ARGUMENTS if name in self.architecture]

    def fill(self, model: Module) -> None:
        """Give a model these parameters, all of them, or none where its architecture is another."""
        architecture = _architecture(model)
        if architecture != self.architecture:
            raise StorageError(
                f"{self.source} holds {_described(self.architecture)}, and the model is {_described(architecture)}; "
                "nothing was changed"
            )
        try:
            model.load_state_dict(self.parameters)
        except ValueError as error:
            raise StorageError(f"{self.source}: {error}") from None


def _architecture(model: Module) -> dict[str, Any]:
    """Return what makes a model of the same kind: the arguments of nn's MLP, or the name of the class.

    An MLP with tied layers, Constants as weights or more parameters is none that these arguments make.
    """
    if type(model) is not MLP or [*dict(model.named_parameters())] != [*_names_of(model)]:
        return {"type": type(model).__name__}
    activations = [[_activation(neuron.activation) for neuron in layer.neurons] for layer in model.layers]
    hidden = {name for names in activations[:-1] for name in names}
    if len(hidden) > 1 or len(set(activations[-1])) > 1:
        raise StorageError(f"an MLP has one activation in its hidden layers and one at its output, got {activations}")
    return {
        "type": "MLP",
        "nin": model.nin,
        "nouts": [len(layer.neurons) for layer in model.layers],
        "activation": hidden.pop() if hidden else "linear",
        "output": activations[-1][0],
    }


def _names_of(model: MLP) -> Iterator[str]:
    """Yield the names of the parameters that an MLP of these sizes is made with."""
    for i, (nin, nout) in enumerate(pairwise([model.nin, *[len(layer.neurons) for layer in model.layers]])):
        for j in range(nout):
            yield from (f"layers.{i}.neurons.{j}.w.{k}" for k in range(nin))
            yield f"layers.{i}.neurons.{j}.b"


def _activation(function: Any) -> str:
    if function is None:
        return "linear"
    for name, row in ACTIVATIONS.items():
        if row is function:
            return name
    shown = getattr(function, "__name__", None) or getattr(function, "name", None) or repr(function)
    raise StorageError(
        f"the activation {shown} is a function of your own, and a file keeps names only: choose an activation of "
        "autograd by its name, or make the network a Module of your own, of which the parameters are kept"
    )


def _described(architecture: Mapping[str, Any]) -> str:
    if "nin" not in architecture:
        name = architecture["type"]
        if name == "MLP":
            return "a class of its own called 'MLP', or an MLP with tied or changed parameters"
        return f"a {name}" if name.isidentifier() else f"a class of its own called {name!r:.60}"
    return f"an MLP({', '.join(repr(architecture[name]) for name in ARGUMENTS)})"


def _saved(written: bytes, source: str = "this") -> Saved:
    """Return the checked contents of a file; whatever is wrong with it is a ValueError or a RecursionError."""
    if len(written) > LIMIT:
        raise ValueError(f"it is longer than {LIMIT // 1024 // 1024} MiB")
    if not written.strip():
        raise ValueError("it is empty")
    if sum(map(written.count, (b",", b"[", b"{"))) > VALUES:
        raise ValueError(f"it has more than {VALUES:,} commas and opening brackets")
    document = json.loads(
        written.decode("utf-8"),
        object_pairs_hook=_object,
        parse_constant=_refused,
        parse_float=_finite,
        parse_int=_integer,
    )
    if re.search(rb"\\u[dD][89a-fA-F]", written):  # half of a surrogate pair could not even be printed
        json.dumps(document, ensure_ascii=False).encode("utf-8")
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ValueError(f"it does not say that it is a {FORMAT!r}, as files of nn.save do")
    if type(document.get("version")) is not int or document["version"] != VERSION:
        raise ValueError(f"its version is {document.get('version')!r:.20}, and known here is {VERSION}")
    _keys(document, {"format", "version", "architecture", "extra", "parameters"}, "the file")
    architecture, extra, parameters = (document[key] for key in ("architecture", "extra", "parameters"))
    if not isinstance(extra, dict):
        raise ValueError("its extra is not an object")
    if not isinstance(parameters, dict):
        raise ValueError("its parameters are not an object")
    for name, data in parameters.items():
        if type(data) not in (int, float):
            raise ValueError(f"the parameter {name!r:.40} is {data!r:.40}, not a number")
    _check_architecture(architecture, len(parameters))
    return Saved(architecture, {name: float(data) for name, data in parameters.items()}, extra, source)


def _check_architecture(architecture: Any, count: int) -> None:
    """Refuse sizes and names that no model has, before a model of those sizes is made."""
    kind = architecture.get("type") if isinstance(architecture, dict) else None
    if not isinstance(kind, str):
        raise ValueError("its architecture names no type")
    if kind != "MLP" or len(architecture) == 1:  # a class of the user's own, which may be called MLP too
        _keys(architecture, {"type"}, "the architecture")
        return
    _keys(architecture, {"type", *ARGUMENTS}, "the architecture")
    sizes = [architecture["nin"]]
    sizes += architecture["nouts"] if isinstance(architecture["nouts"], list) else [None]
    if len(sizes) < 2 or not all(type(size) is int and size >= 1 for size in sizes):
        raise ValueError("its architecture has layers of no size")
    expected = sum((nin + 1) * nout for nin, nout in pairwise(sizes))
    if expected != count:
        raise ValueError(f"its architecture has {_short(expected)} parameters, and the file {count}")
    for key in ("activation", "output"):
        name = architecture[key]
        if not isinstance(name, str) or name not in {"linear", *ACTIVATIONS}:
            raise ValueError(f"its {key} {name!r:.40} is not one of linear, {', '.join(sorted(ACTIVATIONS))}")


def _keys(found: Mapping[str, Any], expected: set[str], where: str) -> None:
    if missing := sorted(expected - found.keys()):
        raise ValueError(f"{where} lacks {', '.join(missing)}")
    if unknown := sorted(found.keys() - expected):
        raise ValueError(f"{where} holds {unknown[0]!r:.40}, which is not known here")


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Return a JSON object as a dict; two entries of one name would leave it open which counts."""
    entries: dict[str, Any] = {}
    for name, entry in pairs:
        if name in entries:
            raise ValueError(f"it names {name!r:.40} twice")
        entries[name] = entry
    return entries


def _refused(constant: str) -> float:
    raise ValueError(f"{constant} is not a number")


def _finite(text: str) -> float:
    parsed = float(text)
    if not math.isfinite(parsed):
        raise ValueError(f"{text:.20} is beyond the range of floats")
    return parsed


def _integer(text: str) -> int:
    if len(text) > 300:  # what is longer is no float, and takes long to convert
        raise ValueError(f"{text:.20}... is beyond the range of floats")
    return int(text)


def _short(count: int) -> str:
    return f"{count:,}" if count < 10**15 else "more than 10**15"


def _reason(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, UnicodeError):
        return "it is not UTF-8 text"
    if isinstance(error, json.JSONDecodeError):
        return f"it is no JSON, or not all of it: {error}"
    return str(error)
