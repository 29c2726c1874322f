"""Names of parameters: two of one name are an error wherever names are needed, and parameters everywhere else."""

from dataclasses import make_dataclass

import numpy as np
import pytest

import nn
from autograd import Value
from nn.training.storage import StorageError

Pair = make_dataclass("Pair", ["left"])


class Holder(nn.Module):
    def __init__(self, make):
        self.w = make(Value(3.0), Value(2.0))

    def forward(self, x):
        first, second = self.parameters()
        return first * x[0] + second


def foreign(one, other):
    class Foreign:
        def named_parameters(self):
            return [("same", one), ("same", other)]

        parameters = named_parameters

    return Foreign()


COLLIDING = {
    "number and string": lambda a, b: {1: a, "1": b},
    "float and string": lambda a, b: {1.0: a, "1.0": b},
    "None and string": lambda a, b: {None: a, "None": b},
    "key with a dot": lambda a, b: {"a.b": a, "a": {"b": b}},
    "key with a dot and a list": lambda a, b: {"a.0": a, "a": [b]},
    "key with a dot and a module": lambda a, b: {"a.left": a, "a": Pair(b)},
    "key with a dot and an array": lambda a, b: {"a.0": a, "a": np.array([b])},
    "tuple and string": lambda a, b: {(1, 2): a, "(1, 2)": b},
    "module of another library": lambda a, b: foreign(a, b),
}


@pytest.mark.parametrize("make", COLLIDING.values(), ids=COLLIDING)
def test_two_parameters_of_one_name_are_an_error_where_names_are_needed(make, tmp_path):
    model, path = Holder(make), tmp_path / "model.json"
    wanted = r"two parameters of Holder have the name w\..*; change one of the keys"
    with pytest.raises(ValueError, match=wanted):
        model.state_dict()
    with pytest.raises(ValueError, match=wanted):
        model.load_state_dict({"w.1": 0.0})
    with pytest.raises(StorageError, match=wanted):
        nn.save(model, path)
    assert not path.exists()
    assert [p.data for p in model.parameters()] == [3.0, 2.0]
    nn.fit(model, [[1.0], [2.0]], [1.0, 2.0], loss=nn.mse, epochs=1, gradient_norms=True, compiled=False)
    assert all(p.data != start for p, start in zip(model.parameters(), [3.0, 2.0], strict=True))


def test_one_parameter_by_two_names_has_the_first():
    model = Holder(lambda a, b: {1: a, "1": a, "b": b})
    assert model.state_dict() == {"w.1": 3.0, "w.b": 2.0}


def test_load_into_a_model_of_two_parameters_of_one_name_is_an_error(tmp_path):
    nn.save(Holder(lambda a, b: [a, b]), tmp_path / "model.json")
    twin = Holder(lambda a, b: {1: a, "1": b})
    with pytest.raises(StorageError, match=r"two parameters of Holder have the name w\.1"):
        nn.load(twin, tmp_path / "model.json")
    assert [p.data for p in twin.parameters()] == [3.0, 2.0]
