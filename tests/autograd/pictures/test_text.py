"""text(root): Python that makes the same graph again, whatever its operations, numbers and labels.

The oracle is the interpreter: the text is executed, and what it made is compared node by node with what it lists.
"""

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd as ad
from autograd import Constant, Value, exp, fsum, log, no_grad, operation, rules, softmax, tanh, text, where
from autograd.engine.chain import topological_order
from autograd.rules.operation import Family, NAry, Unary
from tests.hypothesis_profiles import max_examples
from tests.readme import worked_example

PUBLIC = {}
exec("from autograd import *", PUBLIC)
PUBLIC["max"] = ad.rules.largest  # the shift of softmax; Python's max is that of the numbers of one graph


def executed(root, **more):
    """What the lines of the text make, and at the end the same graph again."""
    names = {**PUBLIC, **more}
    exec(text(root), names)
    return [names[statement.targets[0].id] for statement in ast.parse(text(root)).body]


def left_sides(root):
    return " ".join(line.split(" = ")[0] for line in text(root).splitlines())


def described(node, position):
    label = "" if node.parents else node.label
    op = node.op and (node.op.name, node.op in rules.MADE)
    return type(node), repr(node.data), label, op, [position[parent] for parent in node.parents]


def assert_text_makes_the_same_graph(root):
    made = executed(root)
    assert {type(thing) for thing in made} <= {Value, Constant}
    originals, twins = topological_order(root), topological_order(made[-1])
    positions = {node: i for order in (originals, twins) for i, node in enumerate(order)}
    assert [described(node, positions) for node in twins] == [described(node, positions) for node in originals]
    assert [node for node in twins if node in made] == made
    root.backward()
    made[-1].backward()
    assert [repr(node.grad) for node in twins] == [repr(node.grad) for node in originals]


def example():
    return worked_example(inner=True)


def test_each_node_is_a_line_with_its_data_and_gradient():
    L = example()
    L.backward()
    assert text(L).splitlines() == [
        "a = Value(2.0, label='a')   # grad = 6.0",
        "b = Value(-3.0, label='b')  # grad = -4.0",
        "e = a * b                   # data = -6.0, grad = -2.0",
        "c = Value(10.0, label='c')  # grad = -2.0",
        "d = e + c                   # data = 4.0, grad = -2.0",
        "f = Value(-2.0, label='f')  # grad = 4.0",
        "L = d * f                   # data = -8.0, grad = 1.0",
    ]


def test_gradient_is_not_yet_before_backward_and_after_zero_grad_and_a_constant_takes_none():
    x, k = Value(0.0, "x"), Constant(3.0, "k")
    y = x * x * k
    remarks = lambda: [line.partition("# ")[2] for line in text(y).splitlines()]
    not_yet = ["grad: not yet", "data = 0.0, grad: not yet", "takes no gradient", "data = 0.0, grad: not yet"]
    assert remarks() == not_yet
    y.backward()
    assert remarks() == ["grad = 0.0", "data = 0.0, grad = 3.0", "takes no gradient", "data = 0.0, grad = 1.0"]
    y.zero_grad()
    assert remarks() == not_yet
    assert text(k) == "k = Constant(3.0, label='k')  # takes no gradient"


def test_operand_used_twice_is_written_twice_and_its_node_once_and_the_result_of_no_grad_is_a_leaf():
    a = Value(1.0, "a")
    assert [line.split("  ")[0] for line in text(a + a).splitlines()] == ["a = Value(1.0, label='a')", "v1 = a + a"]
    with no_grad():
        y = a * Value(2.0)
    assert text(y) == "v1 = Value(2.0)  # grad: not yet"


def chosen_twice(x):
    return where(x > 0, x * x, -x) * where(x > 0, lambda: log(x), lambda: where(x < 0, x, 2.0)) + where(x > 0, 1.0, x)


GRAPHS = [  # which the random ones below need not come to
    example, lambda: Value(1.0), lambda: Constant(-1.0), lambda: (-2.0) ** Value(3.0), lambda: (-Value(3.0)).__neg__(),
    lambda: Value(3.0) ** -1.5, lambda: Value(1.0) ** 1e300, lambda: Value(2.0) ** 0, lambda: Value(3.0) - -1,
    lambda: 1 / Value(-0.0001), lambda: Value(3.0) * float("inf") + float("nan"), lambda: -0.0 * Value(-0.0),
    lambda: ad.leaky_relu(Value(-3.0), negative_slope=-1.0), lambda: fsum(softmax([Value(1.0), 2.0, Value(3.0)])),
    lambda: Value(float("nan")) + Value(float("-inf")) + Value(5e-324),
    # A constant inside an operation may be infinite or nan.
    lambda: Value(0.5) ** float("inf"), lambda: Value(1.0) ** float("nan"), lambda: ad.elu(Value(-1.0), float("nan")),
    # An operation on constants alone makes a node, and a power with one keeps its two operands.
    lambda: exp(Constant(2.0)), lambda: Constant(2.0) * Constant(3.0) * Value(1.0), lambda: -Constant(2.0),
    lambda: fsum([Constant(1.0), Constant(-2.0)]), lambda: Value(0.003743672625166669) ** Constant(0.3),
    # Choices by a plain bool, which are made again.
    lambda: chosen_twice(Value(2.0)), lambda: chosen_twice(Value(-2.0, "y")), lambda: where(True, Constant(1.0), 2.0),
    lambda: where(False, lambda: 1.0, lambda: Constant(2.0)), lambda: where(True, lambda: Value(1.0), None),
    lambda: where(-0.5, Value(1.0), 2.0), lambda: where(-0.0, Value(1.0), 2.0),
    lambda: where(Constant(1.0), Value(1.0), 2.0), lambda: where(Constant(0.0), 1.0, Value(2.0)),
]  # fmt: skip


def test_text_makes_the_same_graph():
    for make in GRAPHS:
        assert_text_makes_the_same_graph(make())


def test_constant_that_operations_share_is_written_at_each_of_them_unless_it_has_a_label():
    for label, count in (("", 2), ("k", 1)):
        k = Constant(4.0, label)
        again = executed(Value(2.0, "x") * k + k)[-1]
        assert again.data == 12.0
        assert sum(node.data == 4.0 for node in topological_order(again)) == count


def test_text_makes_the_same_graph_inside_of_a_function_too():
    root = chosen_twice(Value(2.0))
    names = {}
    exec(text(root), PUBLIC, names)  # as exec(text(root)) in a function
    assert list(names.values())[-1].data == root.data


def applications(function):
    """The function of Values, and with a plain number in the place of each operand in turn."""
    arity = {Unary: 1, Family: 1, NAry: 4}.get(type(function)) or len(function.partials)
    for numbers in ([0.5, 0.25, -0.5, 2.0], [1.5, -0.25, 3.0, 1.0]):
        plain = numbers[:arity]
        for constant in [None, *range(arity if arity > 1 else 0)]:
            operands = [x if i == constant else Value(x) for i, x in enumerate(plain)]
            split = {NAry: getattr(function, "sequences", 1)}.get(type(function), 0)
            yield [operands] if split == 1 else [operands[:2], operands[2:]] if split else operands


def test_text_makes_the_same_graph_of_each_function():
    for name, function in rules.FUNCTIONS.items():
        made = 0
        for operands in applications(function):
            try:
                root = function(*operands)
            except ValueError:  # outside the function's domain
                continue
            made += 1
            assert text(root).splitlines()[-1].partition(" = ")[2].startswith(f"{name}(")
            assert_text_makes_the_same_graph(root)
        assert made, name


LABELS = st.sampled_from(
    ["", "x", "y", "v1", "v2", "v3", "Value", "float", "exp", "dot", "abs", "class", "lambda", "None", "True",
     "match", "_", "nan", "inf", "print", "Constant", "two words", "2x", "a.b", "x = 1", "#", "'", '"', "\\", "\\n",
     "a\nb", "\0", "\r", "\u2028", "🙂", "naïve", "漢字", "\ud800", "שלום", "x" * 200]
)  # fmt: skip
NUMBERS = st.one_of(st.floats(-3.0, 3.0), st.floats(), st.sampled_from([0.0, -0.0, 1.0, -1.0, 2.0]))
CONSTANTS = st.one_of(NUMBERS, st.integers(-3, 3))
ARITHMETIC = {
    "add": lambda a, b: a + b, "sub": lambda a, b: a - b, "mul": lambda a, b: a * b, "divide": lambda a, b: a / b,
    "reflected": lambda a, b: b - a, "divided": lambda a, b: b / a,
    "power": lambda a, b: a**b if isinstance(b, Value) else b**a,
}  # fmt: skip


@st.composite
def expressions(draw):
    """A graph that any function may be part of; an operation outside its domain leaves it as it is."""
    kinds = draw(st.lists(st.sampled_from([Value, Value, Constant]), min_size=1, max_size=4))
    nodes = [kind(draw(NUMBERS), draw(LABELS)) for kind in kinds]

    def node():
        return draw(st.sampled_from(nodes))

    def operands(size):
        """As many nodes or numbers, with one node among them at least."""
        mixed = [node() if draw(st.booleans()) else draw(CONSTANTS) for _ in range(size)]
        mixed[draw(st.integers(0, size - 1))] = node()
        return mixed

    def applied(name):
        if name in ARITHMETIC:
            return ARITHMETIC[name](node(), node() if draw(st.booleans()) else draw(CONSTANTS))
        if name == "negative":
            return -node()
        if name == "power_of":
            return node() ** draw(CONSTANTS)
        function = rules.FUNCTIONS[name]
        if isinstance(function, Family):
            return function(node(), draw(NUMBERS))
        if isinstance(function, NAry):
            size = draw(st.integers(1, 3))
            mixed = operands(size * function.sequences)
            return function(*(mixed[start : start + size] for start in range(0, len(mixed), size)))
        return function(*operands(len(function.partials)))

    names = st.sampled_from([*ARITHMETIC, "negative", "power_of", *rules.FUNCTIONS])
    for name in draw(st.lists(names, min_size=1, max_size=10)):
        try:
            nodes.append(applied(name))
        except (ValueError, ArithmeticError):
            continue
        nodes[-1].label = draw(LABELS)
    return nodes[-1]


@max_examples(300)
@given(expressions())
def test_text_makes_the_same_graph_of_any_expression(root):
    assert_text_makes_the_same_graph(root)


NO_NAMES = [
    *("class", "None", "True", "exp", "where", "Value", "float", "", "2x", "two words", "a\nb", "'\"", "🙂", "\ud800"),
    *("if", "tanh", "x\n", "\u202eevil", "a\u2028b", "\x1b[31m", "\r# x", "\0"),
]
NAMED = [  # the labels of leaves that are added up, and what they are called
    *[((label, label), "v1 v2") for label in NO_NAMES],
    (("", "v1", "", "v3"), "v2 v1 v4 v3"),  # what looks like a number of a node is its own
    (("x", "x"), "x v1"),  # the second of a label gets a number
    # Python reads identifiers in their NFKC form, so two labels may be one name, or the name of a function.
    (("ﬁ", "fi"), "v1 fi"), (("ｅｘｐ", "𝐕alue", "x"), "v1 v2 x"), (("ｖ１", ""), "v1 v2"), (("__debug__",), "v1"),
]  # fmt: skip


def test_node_is_called_by_its_label_where_that_is_a_free_name_and_by_a_number_where_not():
    for labels, names in NAMED:
        root = fsum([Value(float(number), label) for number, label in enumerate(labels)])
        assert left_sides(root).split(" ")[: len(labels)] == names.split(" "), labels
        assert all(line.isprintable() for line in text(root).split("\n"))
        assert_text_makes_the_same_graph(root)


def test_own_operation_is_written_as_a_call_of_its_name_which_is_no_label_then():
    cube = operation("cube", lambda x: x**3, lambda y, x: 3 * x * x)
    assert text(cube(Value(2.0, "x"))).splitlines()[1].startswith("v1 = cube(x) ")
    root = cube(Value(2.0, "cube"))
    assert executed(root, cube=cube)[-1].data == root.data
    for name in ("my op", "a}", "lambda", "x²", "1st", "a\nb"):  # written as valid Python
        own = operation(name, lambda x: x, lambda y, x: 1.0)
        assert len(ast.parse(text(own(Value(1.0, "x")))).body) == 2


def test_text_is_the_same_for_the_same_graph_built_again_and_lists_50_000_operations():
    assert text(example()) == text(example())
    x = Value(2.0)
    y = tanh(x)
    assert text(y) == text(y)
    assert (x.label, y.label, x.grad, y.parents) == ("", "", 0.0, (x,))
    y = Value(1.0)
    for _ in range(50_000):
        y = -y
    assert text(y).count("\n") == 50_000


def test_text_of_a_gradient_can_be_executed():
    x, z = Value(3.0, "x"), Value(4.0, "z")
    (gradient,) = ad.gradients(ad.hypot(x, z) ** z, [x], create_graph=True)
    (second,) = ad.gradients(gradient, [x], create_graph=True)
    for root in (gradient, second):
        assert executed(root)[-1].data == pytest.approx(root.data, rel=1e-14)


def test_text_in_a_traced_function_reads_no_number():
    lines = []

    @ad.compile
    def f(x):
        lines.append(text(x * x))
        return x * x

    assert f(3.0) == 9.0
    assert lines


def test_what_was_computed_before_a_leaf_was_changed_is_marked_wherever_it_is_shown():
    x, k = Value(3.0, "x"), Value(2.0)
    y = x * x + 1.0
    y.backward()
    shown = {"text": text, "draw": lambda root: ad.draw(root).source}
    shown |= {"display": lambda root: str(root._repr_mimebundle_())}
    marks = {"text": "before x was changed", "draw": "leaves were changed", "display": "leaves were changed"}
    late = Value(1.0) + x
    k.data = 4.0  # of another graph
    for show, mark in marks.items():
        assert mark not in shown[show](y), show
    x.data = 5.0
    for show, mark in marks.items():
        assert mark in shown[show](y), show
        assert mark in shown[show](late * k), show  # computed later, from what is old
        assert mark not in shown[show](x * x + 1.0), show
    assert "data = 9.0, before x was changed, grad = 1.0" in text(y)
