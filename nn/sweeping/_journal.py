"""Journal of a sweep: a file of JSON lines, one for each member that is done, by which it goes on after a crash."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from autograd.files import errors_named
from nn.sweeping._fingerprint import fingerprint
from nn.training.interrupts import interrupts_wait
from nn.training.storage import odd_keys

BECAME: dict[str, str] = {}  # by the fingerprint that a function has after a sweep, as one that counts: that before it


class Journal:
    """The results of members so far, by their arguments; a line that a crash cut off is dropped."""

    def __init__(self, path: Path, f: Callable[..., Any]) -> None:
        self.path = path
        self.known: dict[str, list[Any]] = {}
        found = fingerprint(f)
        self.sweep = BECAME.get(found, found)
        header = {"sweep": self.sweep}
        contents = path.read_bytes() if path.exists() else b""
        whole = contents[: contents.rfind(b"\n") + 1]
        lines = whole.splitlines()
        for number, line in enumerate(lines, 1):
            entry = self._entry(line, number)
            if number > 1:
                self.known.setdefault(_key(entry["arguments"]), []).append(entry["result"])
            elif entry != header:
                other, this = (name.partition(" ")[0] for name in (entry["sweep"], self.sweep))
                raise ValueError(
                    f"{path} has the results of {other}, and this is a sweep of {this}: another function, or one whose "
                    "code or values are not what they were; name another file"
                )
        beginning = b'{"arguments": ' if lines else _line(header)
        cut = contents[len(whole) :][: len(beginning)]
        if not beginning.startswith(cut):
            raise self._unknown(cut, len(lines) + 1)
        with interrupts_wait():
            if len(whole) < len(contents):
                os.truncate(path, len(whole))
            if not lines:
                self._write(header)

    def _entry(self, line: bytes, number: int) -> dict[str, Any]:
        wanted = {"sweep": str} if number == 1 else {"arguments": dict, "result": object}
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            entry = None
        if (
            not isinstance(entry, dict)
            or entry.keys() != wanted.keys()
            or not all(isinstance(entry[key], kind) for key, kind in wanted.items())
        ):
            raise self._unknown(line, number)
        return entry

    def _unknown(self, line: bytes, number: int) -> ValueError:
        shown = line.decode("utf-8", "replace")
        return ValueError(f"{self.path} is not the journal of a sweep: line {number} is {shown!r:.60}")

    def _write(self, entry: Mapping[str, Any]) -> None:
        """Add a line, whole or not at all."""
        line, is_new = _line(entry), not self.path.exists()
        with errors_named(self.path), self.path.open("ab", buffering=0) as file:
            size = file.tell()
            try:
                while line:
                    line = line[file.write(line) :]
            except OSError:  # the disk is full, for one
                file.truncate(size)
                if is_new:
                    self.path.unlink()
                raise

    def pop(self, arguments: Mapping[str, Any]) -> list[Any]:
        """Return the result of a member in a list, or an empty one; a member that is there twice has two."""
        results = self.known.get(_key(arguments), [])
        return [results.pop(0)] if results else []

    def end(self, f: Callable[..., Any]) -> None:
        """Note what a function has become by being called, so that the next sweep of it in this process goes on."""
        if (found := fingerprint(f)) != self.sweep:
            BECAME[found] = self.sweep

    def record(self, arguments: Mapping[str, Any], result: Any) -> Any:
        """Write a result, and return it as it will be read."""
        with interrupts_wait():
            self._write({"arguments": arguments, "result": result})
        return json.loads(_json(result))


def _line(entry: Mapping[str, Any]) -> bytes:
    return f"{_json(entry)}\n".encode("ascii")


def _key(arguments: Mapping[str, Any]) -> str:
    return _json(dict(sorted(arguments.items())))


def _json(entry: Any) -> str:
    """Return a thing as JSON; what would not come back from it, but tuples and arrays as lists, is a TypeError."""
    try:
        written = json.dumps(entry, default=_plain, skipkeys=True)  # they are named below
        found = "".join(f"the key {key!r:.40}" for key in odd_keys(entry)[:1])
        json.loads(written)
    except (TypeError, ValueError, RecursionError) as error:  # circular or too deep, for one
        found = str(error)
    if not found:
        return written
    raise TypeError(
        "resume keeps arguments and results as JSON, which has numbers, strings, lists, and dicts by strings, got "
        f"{found}; return numbers, such as history.loss, and make models inside of f"
    ) from None


def _plain(thing: Any) -> Any:
    if hasattr(thing, "tolist"):
        return thing.tolist()
    raise TypeError(f"a {type(thing).__name__}")
