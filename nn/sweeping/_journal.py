"""Journal of a sweep: a file of JSON lines, one for each member that is done, by which it goes on after a crash."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from nn.training.interrupts import interrupts_wait


class Journal:
    """The results of members so far, by their arguments; a line that a crash cut off is dropped."""

    def __init__(self, path: Path, f: Callable[..., Any]) -> None:
        self.path = path
        self.known: dict[str, list[Any]] = {}
        name = f"{getattr(f, '__module__', '')}.{getattr(f, '__qualname__', type(f).__qualname__)}"
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        whole, _, cut = text.rpartition("\n")
        lines = whole.split("\n") if whole else []
        for number, line in enumerate(lines, 1):
            entry = self._entry(line, number)
            if number > 1:
                self.known.setdefault(_key(entry["arguments"]), []).append(entry["result"])
            elif entry["sweep"] != name:
                raise ValueError(f"{path} has the results of {entry['sweep']}, and this is a sweep of {name}")
        with interrupts_wait():
            if cut:
                path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
            if not lines:
                self._write({"sweep": name})

    def _entry(self, line: str, number: int) -> dict[str, Any]:
        wanted = {"sweep"} if number == 1 else {"arguments", "result"}
        try:
            entry = json.loads(line)
        except ValueError:
            entry = None
        if not isinstance(entry, dict) or entry.keys() != wanted:
            raise ValueError(f"{self.path} is not the journal of a sweep: line {number} is {line!r:.60}")
        return entry

    def _write(self, entry: Mapping[str, Any]) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(_json(entry) + "\n")

    def pop(self, arguments: Mapping[str, Any]) -> list[Any]:
        """Return the result of a member in a list, or an empty one; a member that is there twice has two."""
        results = self.known.get(_key(arguments), [])
        return [results.pop(0)] if results else []

    def record(self, arguments: Mapping[str, Any], result: Any) -> Any:
        """Write a result, and return it as it will be read."""
        with interrupts_wait():
            self._write({"arguments": arguments, "result": result})
        return json.loads(_json(result))


def _key(arguments: Mapping[str, Any]) -> str:
    return _json(dict(sorted(arguments.items())))


def _json(entry: Any) -> str:
    return json.dumps(entry, default=_plain)


def _plain(thing: Any) -> Any:
    if hasattr(thing, "tolist"):
        return thing.tolist()
    raise TypeError(
        "resume keeps arguments and results as JSON, which has numbers, strings, lists and dicts, got a "
        f"{type(thing).__name__}; return numbers, such as history.loss, and make models inside of f"
    )
