"""What type checkers are told is true. In .ci/run, mypy and pyright check `tests/typed`: what is right and what not."""

import types
import typing
from pathlib import Path

import pytest

from autograd import Value
from autograd.engine._peers import PeerNames
from tests import methods
from tests.typed import mistakes, program


def test_declared_methods_are_up_to_date():
    assert methods.FILE.read_text(encoding="utf-8") == methods.generated(), "run: python -m tests.methods"


def test_every_public_method_of_a_value_is_known_to_type_checkers():
    body = set(PeerNames.__dict__) | {
        name
        for kind in Value.__mro__
        for name, thing in vars(kind).items()
        if thing.__class__ in (property, types.MemberDescriptorType, staticmethod)
    }
    written = {name for name, thing in vars(Value).items() if getattr(thing, "__qualname__", "") == f"Value.{name}"}
    attached = {name for name in dir(Value) if not name.startswith("_")} - body
    assert attached <= methods.methods().keys() | written
    assert {"tanh", "leaky_relu", "atan2", "arctan2", "abs"} <= methods.methods().keys()


def test_declared_method_takes_what_is_declared_and_returns_a_value():
    for name, row in methods.methods().items():
        others = [] if row.__class__.__name__ == "Unary" else [0.5]
        x = Value(2.0 if name in ("acosh", "arccosh") else 0.5)
        assert type(getattr(x, name)(*others)) is Value, name


def has_type(thing, annotation):
    """Whether a thing is of the type that an annotation names, down to what a container holds."""
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is None:
        return isinstance(thing, annotation)
    if origin is tuple and args[-1] is not ...:
        return len(thing) == len(args) and all(map(has_type, thing, args))
    if origin is dict:
        return (
            isinstance(thing, dict)
            and all(has_type(x, args[0]) for x in thing)
            and has_type([*thing.values()], list[args[1]])
        )
    return isinstance(thing, origin) and all(has_type(x, args[0]) for x in thing)


def test_typed_program_has_the_types_that_it_asserts(monkeypatch, capsys):
    checked = []

    def assert_type(thing, annotation):
        assert has_type(thing, annotation), (thing, annotation)
        checked.append(annotation)

    monkeypatch.setattr(program, "assert_type", assert_type)
    program.main()
    assert len(checked) >= 39
    assert "6.0" in capsys.readouterr().out


def test_type_of_a_thing_is_told_from_another():
    others = [(2, float), (Value(1.0), float), ([1.0], list[Value]), ((1.0,), tuple[float, float])]
    for thing, annotation in [*others, ({"x": 1}, dict[str, Value])]:
        assert not has_type(thing, annotation)


MISTAKES = [
    line.partition("#")[0].strip()
    for line in Path(mistakes.__file__).read_text(encoding="utf-8").splitlines()
    if "type: ignore" in line
]


@pytest.mark.parametrize("mistake", MISTAKES)
def test_what_type_checkers_must_report_is_an_error(mistake):
    with pytest.raises((TypeError, AttributeError)):
        exec(mistake, {**vars(mistakes), "a": Value(2.0), "model": mistakes.MLP(1, [1])})
