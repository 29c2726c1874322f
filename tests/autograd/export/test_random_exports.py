"""Random programs through every export, against the eager engine: values, and gradients where the export has them."""

import math
import sys

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from autograd import Value, compile, export, gradients
from autograd.engine import topological_order
from autograd.export import derivation, to_latex
from tests.autograd.compiler.beside_eager import outcome
from tests.autograd.export.runners import PROGRAMS, runner_of
from tests.hypothesis_profiles import max_examples
from tests.oracle import rounding
from tests.random_functions import functions

NAMES = {export.__name__: export for export in PROGRAMS}


def is_close(found, wanted):
    """Whether a number is that of the eager engine, within what rounding may have done to either."""
    slack = 1e-12 * abs(wanted.data) + 8 * rounding(wanted) + sys.float_info.min
    return abs(found - wanted.data) <= slack or not math.isfinite(slack)


def test_every_export_is_tried():
    assert {name for name in vars(export) if name.startswith("to_")} == {*NAMES, "to_latex", "to_sympy"}


@pytest.mark.parametrize("name", NAMES)
def test_program_computes_elsewhere_what_the_engine_does(name):
    run = runner_of(NAMES[name])
    forms = ["arguments", "both", "graph"] + ["parameters"] * (name != "to_onnx")  # which has no model without inputs

    @max_examples(15)
    @given(functions(), st.sampled_from(forms), st.sampled_from(["python", "numpy"]))
    def check(f, form, backend):
        # A graph knows none of the conditions that chose its sides: `compile` refuses it.
        assume(form != "graph" or not f.description.startswith("choices"))
        leaves = [Value(x) for x in f.inputs]
        root = f(leaves)
        count = {"graph": len(leaves), "arguments": 0, "parameters": len(leaves), "both": (len(leaves) + 1) // 2}[form]
        theta, x = f.inputs[:count], f.inputs[count:]
        by = leaves[:count] or leaves
        if form == "graph":
            program = compile(root, wrt=leaves, backend=backend)
        else:
            captured = [Value(number) for number in theta]
            of_x = lambda *xs: f([*captured, *(xs[0] if xs else ())])
            program = compile(of_x, wrt=captured, backend=backend)
            program(*filter(len, [list(x)]))
        wanted = [root, *gradients(root, by, create_graph=True)]
        (found,) = run([(program, theta, [x] if len(x) else [])])
        assert all(map(is_close, found, wanted)), (found, [node.data for node in wanted])
        assert len(found) == len(wanted) or name == "to_onnx"

    check()


@pytest.mark.parametrize("name", NAMES)
def test_each_example_of_a_batched_program_is_computed_elsewhere_as_by_the_engine(name):
    run = runner_of(NAMES[name])

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
            assert len(found) == len(wanted) or name == "to_onnx"

    check()


def is_tame(f, inputs):
    """Whether the engine has a value there, and a gradient, that are no infinities."""
    leaves = [Value(number) for number in inputs]
    root = outcome(f, leaves)
    return isinstance(root, Value) and all(map(math.isfinite, [root.data, *gradients(root, leaves)]))


def by_latex(beside, root, leaves):
    numbers = beside.named(node for node in topological_order(root) if node.label)
    return [beside.computed(to_latex(root), numbers)]


def by_derivation(beside, root, leaves):
    lines = [beside.lines(derivation(root, leaf)) for leaf in leaves[:3]]
    return [root.data, *[beside.Reader(found[-1][1].split(" = ")[-1], {}).whole() for found in lines]]


def by_sympy(beside, root, leaves):
    return beside.by_sympy(root, leaves)


FORMULAS = {"to_latex": by_latex, "derivation": by_derivation, "to_sympy": by_sympy}
OWN = ["own operations"]  # which have a name in a formula, and no more
LONG = ["corners", "repetitions", "layers"]  # or at a kink: SymPy takes long, or has another derivative
TAILS = ["corners"]  # where a formula is right, and a reader that computes in floats overflows on the way
MADE = ["choices"]  # by a plain bool, which hold for these numbers only
WITHOUT = {"to_latex": OWN + TAILS, "derivation": OWN, "to_sympy": OWN + LONG + MADE}


@pytest.mark.parametrize("name", FORMULAS)
def test_formula_has_the_numbers_of_the_engine(name):
    module = pytest.importorskip(f"tests.autograd.export.test_{'sympy' if name == 'to_sympy' else 'latex'}")

    @max_examples(12)
    @given(functions(*WITHOUT[name]))
    def check(f):
        leaves = [Value(x, f"x{i}") for i, x in enumerate(f.inputs)]
        root = f(leaves)
        by = [leaf for leaf in leaves if leaf in topological_order(root)]
        wanted = [root, *gradients(root, by, create_graph=True)]
        found = FORMULAS[name](module, root, by)
        digits = 1e-5 if name == "derivation" else 0.0  # it shows as many as one reads
        assert all(
            is_close(number, node) or number == pytest.approx(node.data, rel=digits)
            for number, node in zip(found, wanted, strict=False)
        ), (found, [node.data for node in wanted])

    check()
