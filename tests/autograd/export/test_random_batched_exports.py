"""Random batched programs through every export: each example has the eager engine's value and gradient elsewhere."""

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from autograd import Value, compile, gradients
from tests.autograd.compiler.beside_eager import outcome
from tests.autograd.export.runners import PROGRAMS, runner_of
from tests.autograd.export.test_random_exports import is_close
from tests.hypothesis_profiles import max_examples
from tests.random_functions import functions


@pytest.mark.parametrize("export", PROGRAMS, ids=lambda export: export.__name__)
def test_each_example_of_a_batched_program_is_computed_elsewhere_as_by_the_engine(export):
    run = runner_of(export)

    @max_examples(6)
    @given(functions(), st.booleans(), st.sampled_from(["python", "numpy"]))
    def check(f, has_parameters, backend):
        count = len(f.inputs) // 2 if has_parameters else 0
        theta, x = list(f.inputs[:count]), list(f.inputs[count:])
        captured = [Value(number) for number in theta]
        rows = [row for row in (x, x[::-1], [0.5 * number for number in x]) if is_tame(f, [*theta, *row])]
        assume(rows)
        program = compile(lambda x: f([*captured, *x]), batched="x", wrt=captured, backend=backend)
        program(rows)
        for row, found in zip(rows, run([(program, theta, [row]) for row in rows]), strict=True):
            leaves = [Value(number) for number in [*theta, *row]]
            root = f(leaves)
            wanted = [root, *gradients(root, leaves[:count] or leaves, create_graph=True)]
            assert all(map(is_close, found, wanted)), (row, found, [node.data for node in wanted])
            assert len(found) == len(wanted) or export.__name__ == "to_onnx"

    check()


def is_tame(f, inputs):
    """Whether the engine has a value there, and a gradient, that are no infinities."""
    leaves = [Value(number) for number in inputs]
    root = outcome(f, leaves)
    return isinstance(root, Value) and all(map(math.isfinite, [root.data, *gradients(root, leaves)]))
