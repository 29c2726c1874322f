"""Every row of the table, computed by the page in a real browser beside Python: values and partial derivatives.

The rows are read as JavaScript, so what can differ is V8's Math, which is a few units of rounding off, and what the
page supplies. The operands are those of the row's domain: ordinary, tiny, huge, and at its edges.
"""

import itertools
import math
import random
from contextlib import suppress

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from autograd import Constant, Value, explore, operation, rules
from autograd.engine.chain import topological_order
from autograd.pictures.page._model import graph, op_model
from autograd.pictures.page.javascript import rule
from autograd.rules.operation import NAry
from autograd.testing import expressions, is_tame
from tests.autograd.export.rows import ROWS
from tests.hypothesis_profiles import max_examples

EPS = 2.0**-52
ORDINARY = [-40.0, -7.3, -2.0, -1.0, -0.7, -1e-3, 0.0, 1e-3, 0.25, 0.5, 0.9999, 1.0, 1.0001, 1.5, 2.0, 3.0, 8.5, 26.0]
EXTREME = [-1e300, -710.5, -1e-300, 5e-324, 1e-300, 1e-17, 300.0, 709.0, 1e17, 1e300]


OPERATIONS = [*ROWS, ("detached", rules.detached), ("largest", rules.largest)]


def operands(row):
    if isinstance(row, NAry):
        rng = random.Random(1)
        sizes = [size for size in (2, 6, 64) for _ in range(8)]
        lists = [[rng.gauss(0, 10.0 ** rng.randint(-3, 6)) for _ in range(size)] for size in sizes]
        exact = [[1e100, 1.0, -1e100, 1e-9], [1e16, 1.0, 1e-16, 0.0], [1.0, 2.0**-53, 2.0**-106, 1.0]]
        return [*lists, *exact, [0.1] * 10]
    if row.arity == 1:
        rng = random.Random(2)
        return [[x] for x in ORDINARY + EXTREME + [rng.uniform(-3, 3) for _ in range(200)]]
    if row.arity == 2:
        return [list(pair) for pair in itertools.product(ORDINARY, [*ORDINARY, 1e-300, 1e17])]
    return [list(triple) for triple in itertools.product([-2.0, 0.0, 0.5, 3.0], [-1.5, 0.0, 2.0, 3.5], [0.0, 1.0, 2.0])]


def by_python(row, xs):
    """The value and the partial derivatives, or what Python says where there are none."""
    try:
        y = row.evaluate(xs)
    except (ValueError, ArithmeticError) as error:
        return str(error)
    return y, [float(derivative) for derivative in row.derivatives(y, xs)]


CODE = """([rules, ops, cases]) => cases.map(xs => {
    const rule = eval("(" + rules[xs.length] + ")");
    const message = Graph.prototype.objection(ops[xs.length], rule, xs);
    if (message) return message;
    const y = rule.forward(xs);
    return [String(y), rule.partials(y, xs).map(String)];
})"""


def by_page(page, row, cases):
    lengths = {len(xs) for xs in cases}
    made = {length: rule(row, length) for length in lengths}
    rules = {length: made[length].source() for length in lengths}
    ops = {length: op_model(row, length, made[length]) for length in lengths}
    for found in page.evaluate(CODE, [rules, ops, cases]):
        yield found if isinstance(found, str) else (number(found[0]), [number(one) for one in found[1]])


def number(text):
    return float(text.replace("Infinity", "inf"))


def is_close(found, wanted, scale):
    if not math.isfinite(wanted):
        return str(found) == str(wanted)
    return abs(found - wanted) <= 8 * EPS * max(abs(wanted), scale) + 1e-322


@pytest.fixture(scope="module")
def blank(browser, tmp_path_factory):
    """A page that is let off its own policy, so that it can be given any rule."""
    file = explore(Value(1.0, "x") * 2.0).save(tmp_path_factory.mktemp("page") / "page.html")
    page = browser.new_page(bypass_csp=True)
    page.goto(file.as_uri())
    yield page
    page.close()


@pytest.mark.parametrize(("name", "row"), OPERATIONS, ids=[name for name, _ in OPERATIONS])
def test_page_computes_what_python_computes_and_objects_where_it_does(name, row, blank):
    cases = operands(row)
    computed = 0
    for xs, found in zip(cases, by_page(blank, row, cases), strict=True):
        wanted = by_python(row, xs)
        if isinstance(wanted, str) or isinstance(found, str):
            assert found == wanted, xs
            continue
        computed += 1
        (y, derivatives), (right, right_derivatives) = found, wanted
        assert is_close(y, right, 0.0), (xs, y, right)
        # Both parts of gelu's derivative are as large as 1 where they cancel, those of this ratio's a few times 1.
        scale = {rules.gelu: 1.0, rules.normal_ratio: 6.0}.get(row, 0.0)
        for derivative, right_one in zip(derivatives, right_derivatives, strict=True):
            assert is_close(derivative, right_one, scale), (xs, derivative, right_one)
    assert computed >= 20


HUGE = [1.7e308, -1.7e308, 1e200, 1e-200, 5e-324, 3.0, 0.0]
OVERFLOWING = [pair for pair in OPERATIONS if pair[1] is not rules.ieee_power]  # of which an operand is a small number


@pytest.mark.parametrize(("name", "row"), OVERFLOWING, ids=[name for name, _ in OVERFLOWING])
def test_page_overflows_to_infinity_or_objects_as_python_does(name, row, blank):
    cases = [list(xs) for xs in itertools.product(HUGE, repeat=row.arity or 2)]
    cases += [] if row.arity else [[1.7e308] * 4, [1.7e308, 1.7e308, 1.7e308, -1.7e308], [1e200, 2.0, 1e200, 1.0]]
    for xs, found in zip(cases, by_page(blank, row, cases), strict=True):
        wanted = by_python(row, xs)
        assert isinstance(found, str) == isinstance(wanted, str), (xs, found, wanted)
        assert isinstance(found, str) or math.isfinite(wanted[0]) or str(found[0]) == str(wanted[0]), (
            xs,
            found,
            wanted,
        )


def test_sums_are_rounded_once(blank):
    rng = random.Random(3)
    lists = [[rng.gauss(0, 1) * 10.0 ** rng.randint(-12, 12) for _ in range(50)] for _ in range(400)]
    lists += [[0.1] * 10, [1e16, 1.0, -1e16], [1.0, 2.0**-53, 2.0**-106], [1.0, 2.0**-53, -(2.0**-106)]]
    assert blank.evaluate("lists => lists.map(fn.fsum)", lists) == [math.fsum(xs) for xs in lists]


@max_examples(60)
@given(expressions(), st.floats(-0.2, 0.2))
def test_page_computes_the_gradients_of_random_expressions(blank, expression, shift):
    leaves = [Value(x) for x in expression.inputs]
    root = expression(*leaves)
    assume(isinstance(root, Value))
    model, rules = graph(root)
    order = topological_order(root)
    code = """([model, rules, given]) => {
        const graph = new Graph(model, eval(rules));
        for (const [id, value] of given) graph.given[id] = value;
        graph.compute();
        return [graph.values, graph.gradients, graph.problem?.message];
    }"""
    for inputs in (expression.inputs, [x + shift for x in expression.inputs]):
        given_numbers = [[order.index(leaf), x] for leaf, x in zip(leaves, inputs, strict=True) if leaf in order]
        values, gradients, problem = blank.evaluate(code, [model, rules, given_numbers])
        try:
            wanted = expression(*[Value(x) for x in inputs])
        except (ValueError, ArithmeticError):
            wanted = None
        assert (problem is None) == (wanted is not None)
        if wanted is None:
            continue
        wanted.backward()
        for node, value, gradient in zip(topological_order(wanted), values, gradients, strict=True):
            assert value == pytest.approx(node.data, rel=1e-9, abs=1e-12, nan_ok=True)
            assert type(node) is Constant or gradient == pytest.approx(node.grad, rel=1e-9, abs=1e-12, nan_ok=True)


NUMBERS = [
    *(0.0, -0.0, 1.0, -1.5, 0.1, 1e15, 123456789012345680.0, 1e16, 1e22, 1e-4, 1e-5, 5e-324, -2.5e-7),
    *(1.7976931348623157e308, 1 / 3),
]


def test_messages_write_numbers_as_python_does(blank):
    written = [repr(x) for x in NUMBERS]
    assert blank.evaluate("texts => texts.map(text => python(Number(text)))", written) == written


KINKED = {
    **dict.fromkeys(["relu", "abs", "leaky_relu(0.01)", "leaky_relu(0.3)", "elu(0.5)"], (0.0,)),
    **dict.fromkeys(["maximum", "minimum"], (1.0, 1.0)),
    "hypot": (0.0, 0.0),
}
KINKS = """([model, rules, leaves, points]) => {
    const graph = new Graph(model, eval(rules));
    return points.map(point => {
        point.forEach((x, k) => { graph.given[leaves[k]] = x; });
        graph.compute();
        const has = (edge, k) => graph[edge](graph.root, k) !== null;
        return graph.nodes[graph.root].parents.map((_, k) => [has("kink", k), has("jump", k)]);
    });
}"""


def kinks(page, row, points):
    """For each point and each operand, whether the page takes the row to have a kink there, and a jump."""
    leaves = [Value(x) for x in points[0]]
    root = row.apply(leaves)
    order = topological_order(root)
    return page.evaluate(KINKS, [*graph(root), [order.index(leaf) for leaf in leaves], points])


def test_kinks_are_those_of_the_rows(blank):
    for name, row in OPERATIONS:
        if isinstance(row, NAry):
            continue
        at = KINKED.get(row.name)
        comparison = row in (rules.less, rules.less_equal, rules.either, rules.where)  # which jump
        rng = random.Random(4)
        tame = [[rng.uniform(-3.0, 3.0) for _ in range(row.arity)] for _ in range(200)]
        edges = [] if at or comparison or row is rules.clip else [list(edge) for edge in row.edges]
        points = [xs for xs in tame if comparison or is_tame(row, xs)][:20] + edges
        found = kinks(blank, row, points + ([list(at)] if at else []))
        assert [xs for xs, told in zip(points, found) if any(kink for kink, _ in told)] == [], name
        assert [xs for xs, told in zip(points, found) if any(jump for _, jump in told)] == jumps(row, points), name
        assert not at or found[-1] == [[True, False]] * row.arity, name


def test_numbers_however_small_have_no_kinks_but_those_of_the_rows(blank):
    rng = random.Random(5)
    for name, row in OPERATIONS:
        if not isinstance(row, NAry):
            points = [[rng.uniform(0.5, 3.0) * 10.0**-unit for _ in range(row.arity)] for unit in (5, 9, 12, 20, 30)]
            points = [xs for xs in points if is_defined(row, xs)]
            told = [[], *(kinks(blank, row, points) if points else [])]
            assert not any(edge for found in told for pair in found for edge in pair), (name, points, told)


def is_defined(row, xs):
    with suppress(ValueError, ArithmeticError):
        return row(*xs) is not None
    return False


def jumps(row, points):
    """The points at which a row has another value a little beside them, however little."""

    def jumps_at(xs):
        here = row(*xs)
        for k, step in itertools.product(range(len(xs)), (-1e-12, 1e-12)):
            with suppress(ValueError, ArithmeticError):
                if abs(row(*[x + step * (i == k) for i, x in enumerate(xs)]) - here) > 0.01:
                    return True
        return False

    return [xs for xs in points if jumps_at(xs)]


def test_a_wrong_rule_is_noticed(blank):
    sloppy = operation("sloppy", lambda x: x * x, lambda y, x: 2.0000001 * x)
    [(_, [derivative])] = by_page(blank, sloppy, [[3.0]])
    assert derivative == 2.0000001 * 3.0
    assert not is_close(derivative, 6.0, 0.0)
