"""Programs of every kind through every export, against the engine; and what every export refuses."""

import functools
import math
import random
import sys
from contextlib import nullcontext
from importlib import metadata
from itertools import product

import numpy as np
import pytest

import autograd as ad
import nn
from autograd import (
    Value,
    compile,
    dot,
    exp,
    fsum,
    log,
    log_softmax,
    logsumexp,
    mean,
    operation,
    rules,
    sigmoid,
    sin,
    softmax,
    sqrt,
    tanh,
    where,
)
from autograd.compiler.graph import CompiledGraph
from autograd.export import to_c, to_javascript, to_jax, to_latex, to_onnx, to_sympy, to_torch
from autograd.export._packages import EXTRAS, version
from autograd.functions import flatten
from autograd.rules import NAry, Unary, symbol
from autograd.rules.composition import composition
from autograd.rules.expression import Dialect, pull
from tests.autograd.export.rows import close
from tests.autograd.export.runners import PROGRAMS, runner_of
from tests.autograd.export.samples import irregular_graph

SLACK = {to_javascript: 1e-13, to_jax: 1e-12}  # of the largest of the derivatives, where terms have cancelled
FORMS = [(to_c, "python"), *[(export, "numpy") for export in PROGRAMS]]  # in C the back end decides on the form


def choice(x):
    return where(x[0] > 0.0, lambda: log(x[0]), lambda: x[0] * x[1])


def of_many(a, b):
    return logsumexp([a, b]) + dot([a, b], [a, a]) * mean([a, fsum([b, 1.0])])


def recurrence(steps):
    def build(a, b):
        state = a
        for _ in range(steps):
            state = tanh(a * state + b)
        return state

    return build


def detached(p, steps):
    x, y = p
    for _ in range(steps):
        x = x * 0.99 + y + sqrt(y - 0.25).detach()
    return x


def cut_off(p):
    """What only conditions read has infinite slopes at a distance of 0 or infinity."""
    pairs = zip(p[: len(p) // 2], p[len(p) // 2 :], strict=True)
    return fsum(where(sqrt(r) < 0.5, sqrt(x), 2.0 * x) * where(r * x < 0.5, x * x, 3.0) for r, x in pairs)


def tables(x):
    rows = fsum(tanh(dot([x[i] for i in row], x[:2])) for row in ((3, 0), (1, 5), (4, 2)))
    rows = rows + fsum(sin(a * c) for a, c in zip(x, (0.5, 2.0, -1.0)))
    return rows + fsum(exp(dot(x[:2], c)) for c in ([0.1, 0.2], [0.5, 0.3]))


def inverse_or_zero(x):
    try:
        return 1.0 / x
    except ZeroDivisionError:
        return 0.0


cube = operation("cube", lambda x: x * x * x, lambda y, x: 3.0 * x * x)
many = operation(
    "many", of_many, lambda y, a, b: sigmoid(a - b) + ((2.0 * a + b) * (a + b + 1.0) + a * (a + b)) / 2.0,
    lambda y, a, b: sigmoid(b - a) + (a * (a + b + 1.0) + a * (a + b)) / 2.0,
)  # fmt: skip
OWN = {  # operations with derivatives of their own: those of the formula would be others, or nan; and points
    "straight through": (operation("rounded", lambda x: ad.floor(x + 0.5), lambda y, x: 1.0), [0.6]),
    "reversed": (operation("reversal", lambda x: x, lambda y, x: -1.0), [0.5]),
    "of a surrogate": (operation("jnp", lambda x: ad.sign(x), lambda y, x: 1.0 - tanh(x) ** 2), [0.3]),
    "of a constant": (operation("while", lambda x: 3.0, lambda y, x: x**3), [0.5]),
    "of a power series": (operation("x0", lambda x: sum(x**k for k in range(3)), lambda y, x: 1.0 + 2.0 * x), [0.7]),
    "of one of two": (operation("ab", lambda a, b: 2 * a, lambda y, a, b: a * b, lambda y, a, b: 1.0), [0.4, 3.0]),
    "beyond a bound": (operation("bounded", lambda x: exp(ad.minimum(x, 20.0)), lambda y, x: y), [25.0]),
    "of a clipped gradient": (operation("clipped", lambda x: x, lambda y, x: where(abs(x) < 5.0, 1.0, 0.0)), [7.0]),
    "in a window": (operation("w", lambda x: x, lambda y, x: where((x > 30.0) & (x < 30.1), 2.0, 1.0)), [30.05]),
    "of a name of SymPy's": (operation("gamma", lambda x: x**0.45, lambda y, x: 0.4 * y / x), [0.7]),
    "of a small unit": (operation("charge", lambda x: 1.6e-19 * ad.floor(x), lambda y, x: 1.6e-19), [1.5]),
    "of powers": (operation("powers", lambda x: x**3.0 + x**-1.0, lambda y, x: 3.0 * x**2.0 - x**-2.0), [-0.7]),
    "to a power": (
        operation("raised", lambda a, b: a**3.0 * b, lambda y, a, b: 3.0 * a**2.0 * b, lambda y, a, b: a**3.0),
        [-0.7, 0.4]),
    "of probabilities": (
        operation("choice", lambda a, b: 2.0 * softmax([a, b, 0.0])[1], *[
            lambda y, a, b: softmax([a, b])[0], lambda y, a, b: log_softmax([b, a, b])[1],
        ]), [0.3, -0.8]),
    "of a logarithm of a probability": (
        operation("surprise", lambda x: -log_softmax([0.0, x])[1], lambda y, x: softmax([x, 0.0])[0] - 1.0), [0.4]),
    "of a logarithm of one close to 1": (
        operation("close", lambda x: -log_softmax([3.0, x])[0], lambda y, x: softmax([3.0, x])[1]), [-47.0]),
    "by itself": (operation("exp", lambda x: exp(x), lambda y, x: 2.0 * y), [0.4]),
    "stable": (
        operation("length", lambda a, b: sqrt(a * a + b * b), *[
            lambda y, a, b: where(y > 0.0, lambda: a / y, 0.0), lambda y, a, b: where(y > 0.0, lambda: b / y, 0.0),
        ]), [0.0, 0.0]),
}  # fmt: skip
opaque = operation("magic", lambda x: math.floor(float(x)), lambda y, x: 1.0)


def graph(f, *numbers, **options):
    leaves = [Value(x) for x in numbers]
    return compile(f(*leaves), wrt=leaves, **options)


def network(activation, **options):
    model = nn.MLP(2, [16, 16, 1], activation=activation, seed=1)
    return compile(lambda x, y: (model(x) - y) ** 2, batched=("x", "y"), wrt=model.parameters(), **options)


def of_shared_parameters(**options):
    w, b = Value(0.7), Value(-0.2)
    loss = lambda x, y: (tanh(w * x) * w + b - y) ** 2 + 0.1 * (w * w + exp(b))
    return compile(loss, batched=("x", "y"), wrt=[w, b], **options)


def of_other_values(**options):
    a, b, k = (Value(x) for x in (2.0, 3.0, 5.0))
    f = compile(lambda x: sin(a * x) * b + sin(k * x) * tanh(k), wrt=[b, a], **options)
    f(0.5)
    a.data, k.data = 4.0, -1.0  # which the export has, too
    return f


RAISING = {  # sides that raise an error wherever they are chosen
    "a domain": lambda x: log(0.0), "a pole": lambda x: 1.0 / 0.0, "in a sum": lambda x: sqrt(-1.0) + x,
    "in a choice": lambda x: where(x > 2.0, lambda: ad.acosh(0.0), lambda: log(-1.0) * x),
    "in another of its sides": lambda x: where(x > 2.0, lambda: log(-1.0), x),
    "a check": lambda x: [][0] * x,
}  # fmt: skip
CASES = {  # how a program is made, and arguments
    **{
        f"a side that raises, {name}": (
            lambda side=side, **o: compile(lambda p: where(p[0] > 1.0, lambda: side(p[0]), p[0] * p[0]), **o), [[[0.5]]]
        ) for name, side in RAISING.items()
    },
    "choices keep out what is not chosen": (lambda **o: compile(choice, **o),
        [[[2.0, 3.0]], [[0.0, 3.0]], [[-2.0, 3.0]]]),
    "what lies irregularly is listed": (lambda **o: compile(irregular_graph()[0], **o), [[]]),
    "tables of numbers and of places": (lambda **o: compile(tables, **o), [[[0.3, 0.5, -1.0, 2.0, 0.7, -0.2]]]),
    "a short recurrence": (lambda **o: graph(recurrence(5), 0.8, 0.2, **o), [[]]),
    "a long recurrence": (lambda **o: graph(recurrence(300), 0.8, 0.2, **o), [[]]),
    "an adjoint that does not arrive": (lambda **o: compile(lambda p: detached(p, 3), **o), [[[1.0, 0.25]]]),
    **{
        f"nothing for what only conditions read of {n}": (lambda **o: compile(cut_off, **o),
            [[[0.0, math.inf, *[0.3] * n, 0.5, *[0.1 * k for k in range(1, n + 2)]]]])
        for n in (1, 40)
    },
    "one in a loop": (lambda **o: compile(lambda p: detached(p, 1_300), **o), [[[1.0, 0.25]]]),
    "other Values have the numbers of now": (of_other_values, [[0.5]]),
    "parameters that are shared and penalised": (of_shared_parameters, [[0.3, 0.5], [-2.0, 1.0]]),
    "several arguments": (
        lambda **o: compile(lambda x, k: sin(x[0]) * exp(x[1]) + fsum(x) * k + logsumexp(x) * dot(x, x), **o),
        [[[0.3, 0.5, -1.0], 2.0]]),
    "own operation": (lambda **o: graph(lambda x: cube(x), 2.0, **o), [[]]),
    "own operation of others of many": (lambda **o: graph(many, 2.0, 3.0, **o), [[]]),
    **{
        f"own operation, {name}": (lambda own=own, **o: compile(lambda p: own(*p) * 2.0 + own(*p) * p[0], **o), [[xs]])
        for name, (own, xs) in OWN.items()
    },
    **{
        f"own operation alone, {name}": (lambda own=own, **o: compile(lambda p: own(*p), **o), [[xs]])
        for name, (own, xs) in OWN.items()
    },
    "names that exports use themselves": (
        lambda **o: compile(lambda theta, captured, x0, v0: theta * captured[1] - x0 * v0, **o),
        [[2.0, [3.0, 4.0], 1.0, 0.5]]),
    "a constant": (lambda **o: compile(lambda x: 5.0, **o), [[[1.0, 2.0]]]),
    **{
        f"network of {activation}": (
            lambda a=activation, **o: network(a, **o),
            [[[0.3, -0.7], 1.0], [[2.0, 1.5], -1.0]],
        )
        for activation in ("relu", "tanh", "gelu", "sigmoid")
    },
}  # fmt: skip


def by_engine(program, arguments):
    """The value and the gradient by the parameters, or by the first argument, and the parameters."""
    if isinstance(program, CompiledGraph):
        theta = program.read()
        value, gradient = program.value_and_grad(theta)
    else:
        given = [[x] for x in arguments] if program.options["batched"] else arguments
        program(*given)
        theta = program.read()
        value, gradient = program.value_and_grad_at(theta, *given) if len(theta) else program.value_and_grad(*given)
    return theta, [value, *np.ravel(gradient).tolist()]


@pytest.mark.thorough
@pytest.mark.parametrize(("export", "backend"), FORMS, ids=lambda part: getattr(part, "__name__", part))
def test_programs_compute_what_the_engine_does_and_run_on(export, backend):
    calls, known = [], []
    for name, (make, given) in CASES.items():
        if name == "one in a loop" and export not in (to_c, to_javascript):
            continue  # which have loops
        program = make(backend=backend)
        for arguments in given:
            theta, wanted = by_engine(program, arguments)
            calls.append((program, theta, arguments))
            known.append((name, arguments, wanted))
    for (program, *_), (name, arguments, wanted), found in zip(calls, known, runner_of(export)(calls), strict=True):
        assert len(found) >= len(wanted) or export is to_onnx, name
        slack = SLACK.get(export, 0.0) * max(map(abs, wanted[1:]))
        rel = 1e-11 if "long" in name else 1e-12
        assert found[: len(wanted)] == pytest.approx(wanted[: len(found)], rel=rel, abs=slack), name
        assert by_engine(program, arguments)[1] == wanted, name


@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")  # by torch.func.jvp itself
@pytest.mark.parametrize("library", ["torch", "jax"])
@pytest.mark.parametrize("name", OWN)
def test_own_operations_bring_their_derivatives_of_any_order_and_mode(library, name):
    package = pytest.importorskip(library)
    own, xs = OWN[name]
    f = compile(lambda p: own(*p) * 2.0 + own(*p) * p[0])
    gradient, known = ad.grad(f)(xs), [f(xs)]
    known += [ad.grad(f)(xs)] * 2 + [ad.hessian(f)(xs)] * 3 + [sum(gradient), gradient, ad.hessian(f)(xs)]
    with nullcontext() if library == "torch" else package.enable_x64(True):
        g, on = (to_torch(f), package.func) if library == "torch" else (to_jax(f), package)
        x = package.tensor(xs, dtype=package.float64) if library == "torch" else package.numpy.asarray(xs, "float64")
        found = [g(x), on.jacrev(g)(x), on.jacfwd(g)(x), on.hessian(g)(x), on.jacfwd(on.jacrev(g))(x)]
        found += [on.jacrev(on.jacfwd(g))(x), on.jvp(g, (x,), (x * 0.0 + 1.0,))[1]]
        found += [on.vmap(of)(x[None])[0] for of in (on.jacrev(g), on.hessian(g))]
        for number, wanted in zip(found, known, strict=True):
            assert np.ravel(number) == pytest.approx(np.ravel(wanted), rel=1e-14)


LANGUAGES = {to_c: "as C", to_javascript: "as JavaScript", to_torch: "for PyTorch", to_jax: "for JAX"}
LANGUAGES |= {to_onnx: "for ONNX", to_sympy: "as symbols"}


def options_of(export):
    """Return what an export is called with, beside the program, where its package is installed; else skip the test."""
    if (package := export.__name__.removeprefix("to_")) in EXTRAS:
        pytest.importorskip(package)
    return {"dtype": "float32"} if export is to_jax else {}


OTHER_OF_SYMBOLS = {  # functions that ask what they are given, and would give symbols another formula
    "in a set": lambda x: 5.0 if x in {0.0, 1.0} else x * x,
    "in a dict": lambda x: {1.0: 7.0}.get(x, 2.0) * x,
    "in a cache": functools.cache(lambda x: x * x),
    "by its class": lambda x: x * x if isinstance(x, (int, float)) else x**3,
    "by its exact class": lambda x: where(x < 2.0, x, exp(x) if type(x) is float else x),
    "by its methods": lambda x: 2.0 * x if hasattr(x, "is_integer") else x,
    "by its text": lambda x: x + len(f"{x:}"[:1]) - (f"{x:}"[:1] == "-"),
    "by a pole": inverse_or_zero,
    "by chance": lambda x: x + random.random(),
}


@pytest.mark.sample(3)
@pytest.mark.parametrize("export", LANGUAGES, ids=lambda export: export.__name__)
@pytest.mark.parametrize("name", OTHER_OF_SYMBOLS)
def test_own_operation_that_is_another_of_symbols_is_refused(name, export):
    options = options_of(export)
    f, slope = OTHER_OF_SYMBOLS[name], lambda y, x: 1.0
    for own in (operation("own", f, slope), operation("own", lambda x: x, lambda y, x: f(x))):
        root = compile(lambda p, own=own: own(p[0]) * 2.0)
        root([0.5])
        if export is to_onnx and own.forward is not f:  # which has no derivatives
            continue
        with pytest.raises(NotImplementedError, match=rf"own cannot be read {LANGUAGES[export]}, since its"):
            export(own(Value(0.5, "x")) * 2.0 if export is to_sympy else root, **options)


THROUGH_INFINITY = {  # vectorized functions, whose formulas raise errors where NumPy goes on
    "steep sigmoid": lambda x: 1.0 / (1.0 + np.exp(-400.0 * x)),
    "bump": lambda x: np.exp(-1.0 / np.square(x)),
    "angle": lambda x: np.arctan(1.0 / np.sin(x)),
    "log and back": lambda x: np.exp(np.log(np.abs(x))),
}


@pytest.mark.sample(3)
@pytest.mark.parametrize("export", LANGUAGES, ids=lambda export: export.__name__)
@pytest.mark.parametrize("name", THROUGH_INFINITY)
def test_own_operation_that_goes_through_infinities_is_exported(name, export):
    options = options_of(export)
    own = operation("own", THROUGH_INFINITY[name], lambda y, x: 1.0 + 0.0 * x, vectorized=True)
    root = compile(lambda p: own(p[0]) * 2.0)
    root([0.5])
    assert export(own(Value(0.5, "x")) * 2.0 if export is to_sympy else root, **options)


@pytest.mark.parametrize("export", LANGUAGES, ids=lambda export: export.__name__)
def test_what_no_export_takes_is_an_error(export, monkeypatch):
    options = options_of(export)
    root, program = opaque(Value(3.5)) * 2.0, compile(sin(Value(1.0)))
    for backend in ("python", "numpy"):
        with pytest.raises(NotImplementedError, match=f"magic cannot be read {LANGUAGES[export]}") as refused:
            export(root if export is to_sympy else compile(root, backend=backend), **options)
        assert str(refused.value).count("with the functions of autograd") == 1
    own = operation("own", lambda x: math.floor(x) if isinstance(x, float) else own(x), lambda y, x: 0.0)
    if export is not to_sympy:
        with pytest.raises(NotImplementedError, match=r"the operation own cannot be read .*: it is not made of others"):
            export(compile(own(Value(1.5)) * 2.0), **options)
    for solved in (
        ad.root(lambda x, a: x * x - a, 1.0, Value(2.0)),
        ad.argmin(lambda x, a: (x - a) ** 2, 1.0, Value(2.0)),
    ):
        with pytest.raises(NotImplementedError, match=f"{solved.op.name} cannot be read .* solved by iteration; write"):
            export(solved if export is to_sympy else compile(solved), **options)
    if export is not to_sympy:
        with pytest.raises(TypeError, match=rf"{export.__name__} takes what compile\(...\) returned, got Value"):
            export(Value(1.0))
        with pytest.raises(RuntimeError, match="no program before its first call"):
            export(compile(lambda x: x))
        first, again = export(program, **options), export(program, **options)
        assert getattr(first, "source", first) == getattr(again, "source", again)
    if (package := export.__name__.removeprefix("to_")) in EXTRAS:
        monkeypatch.setitem(sys.modules, package, None)
        with pytest.raises(ImportError, match=rf"python -m pip install 'scalar-autograd\[{package}\]'"):
            export(Value(1.0) if export is to_sympy else program)


@pytest.mark.parametrize("export", [to_c, to_javascript, to_onnx], ids=lambda export: export.__name__)
def test_program_without_results_is_refused(export):
    if export is to_onnx:
        pytest.importorskip("onnx")
    nothing = compile(lambda x: [])
    assert nothing([1.0, 2.0]) == []
    with pytest.raises(ValueError, match=f"{export.__name__} takes a program with results, got one without"):
        export(nothing)


def test_version_is_that_of_the_distribution_if_it_is_installed(monkeypatch):
    monkeypatch.setattr(metadata, "version", lambda name: f"1.2.3 of {name}")
    assert version() == "1.2.3 of scalar-autograd"

    def missing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", missing)
    assert version() == "(not installed)"


@pytest.mark.parametrize("name", OWN)
def test_own_operations_have_their_derivatives_in_sympy(name):
    sympy = pytest.importorskip("sympy")
    own, xs = OWN[name]
    leaves = [Value(x, f"x{number}") for number, x in enumerate(xs)]
    root = own(*leaves) * 2.0 + own(*leaves) * leaves[0]
    numbers = {to_sympy(leaf): leaf.data for leaf in leaves}
    slopes = [to_sympy(root).diff(to_sympy(leaf)) for leaf in leaves]
    assert float(to_sympy(root).subs(numbers)) == pytest.approx(root.data)
    formula = sympy.expand_func(to_sympy(root))
    assert not formula.atoms(sympy.core.function.AppliedUndef)
    assert float(formula.subs(numbers)) == pytest.approx(root.data)
    simple = sympy.simplify(to_sympy(root))
    by_leaf = [(simple.diff(x), sympy.Derivative(to_sympy(root), x).doit()) for x in numbers]
    for pair, wanted in zip(by_leaf, ad.gradients(root, leaves), strict=True):
        assert [float(slope.subs(numbers)) for slope in pair] == pytest.approx([wanted] * 2)
    assert [float(slope.subs(numbers)) for slope in slopes] == pytest.approx(ad.gradients(root, leaves))
    second = [float(slope.diff(to_sympy(leaf)).subs(numbers)) for slope in slopes for leaf in leaves]
    whole = ad.hessian(lambda p: own(*p) * 2.0 + own(*p) * p[0])(xs)
    assert second == pytest.approx(np.ravel(whole).tolist())


@pytest.mark.parametrize("export", [to_c, to_javascript], ids=lambda export: export.__name__)
def test_signs_of_zeros_and_nan_among_many_are_the_engines(export):
    signed = compile(lambda a, b: ad.atan2(a // b, -1.0) + 10.0 * ad.atan2(a % b, -1.0))
    edges = (-0.0, 0.0, 1.0, -1.0, -2.24, -2.29, 3.0, 1e-300, 1e300)
    calls = [(signed, [], [a, b]) for a in edges for b in edges if b]
    largest = compile(lambda p: logsumexp(p))
    zeros = compile(lambda x: sum(i * ad.atan2((0.0, -0.0)[i % 2], x) for i in range(9)))
    calls += [(zeros, [], [x]) for x in (-1.0, -2.0)]
    calls += [(largest, [], [xs]) for xs in product((math.inf, -math.inf, math.nan, 1.0), repeat=2)]
    known = [program(*given) for program, _, given in calls]
    for call, found, wanted in zip(calls, runner_of(export)(calls), known, strict=True):
        assert found[0] == pytest.approx(wanted, rel=1e-15, nan_ok=True), call


@pytest.mark.parametrize("export", PROGRAMS)
def test_nan_reaches_the_result_wherever_it_stands(export):
    functions = [logsumexp, lambda p: ad.atan2(p[0], p[1]) + p[2], ad.mean, lambda p: ad.softmax(p)[1]]
    functions += [lambda p: ad.maximum(ad.minimum(p[0], p[1]), p[2]), lambda p: ad.hypot(p[0], p[1]) * p[2]]
    rows = [[math.nan if i == place else x for i in range(3)] for place in range(3) for x in (0.0, 1.0, 1e300)]
    rows += [[math.nan, 0.0, 0.5], [math.nan, 1.0, 1e300], [1e300, math.nan, 0.0]]
    programs = [compile(f) for f in functions]
    for program in programs:
        program([0.5, 1.0, 2.0])
    calls = [(program, [], [row]) for program in programs for row in rows]
    for (_, _, (row,)), found in zip(calls, runner_of(export)(calls), strict=True):
        assert math.isnan(np.ravel(found)[0]), row


@pytest.mark.parametrize("export", PROGRAMS)
def test_constants_of_families_may_be_no_finite_numbers(export):
    run = runner_of(export)
    calls, known = [], []
    for family, constant in product((rules.power_of, rules.leaky_relu, rules.elu), (math.inf, -math.inf, math.nan)):
        for x in (0.5, -2.0):
            leaf = Value(x, "x")
            root = family.member(constant).apply([leaf])
            root.backward()
            calls.append((compile(root, wrt=[leaf]), [x], []))
            known.append([root.data, leaf.grad])
            assert "inf" not in to_latex(root).replace("infty", "")
    for found, exact in zip(run(calls), known, strict=True):
        assert np.ravel(found).tolist() == pytest.approx(exact[: np.size(found)], nan_ok=True)


# Programs of several results


def results_by_torch(calls):
    torch = pytest.importorskip("torch")
    numbers = [
        [torch.tensor(np.array(x), dtype=torch.float64) for x in [*[theta] * (len(theta) > 0), *arguments]]
        for _, theta, arguments in calls
    ]
    return [to_torch(program)(*given).reshape(-1).tolist() for (program, *_), given in zip(calls, numbers, strict=True)]


def numbers_of(results):
    return [getattr(y, "data", y) for y in flatten(results, "test")[0]]


def values_of(export, calls):
    if export is to_torch:
        return results_by_torch(calls)
    return runner_of(export)([(program, theta, list(filter(np.size, given))) for program, theta, given in calls])


def transposed_product(x):
    columns, rows = [x[j:6:3] for j in range(3)], [x[6 + 2 * k : 8 + 2 * k] for k in range(4)]
    return [dot(column, row) for column in columns for row in rows]


def transposed_operand(x):
    return [sin(x[3 * i + j]) * exp(x[6 + 2 * j + i]) for i in range(2) for j in range(3)]


def norm_of(xs):
    return dot(xs, xs)


def reversed_order(x):
    return [sin(x[0]) * y for y in x[::-1]]


captured = [Value(math.sin(n)) for n in range(40)]

SEVERAL = {
    "probabilities": (ad.softmax, [[0.5, -1.0, 2.0]]),
    "probabilities of large numbers": (ad.softmax, [[800.0, -800.0, 799.0]]),
    "logarithms of probabilities": (ad.log_softmax, [[0.5, -1.0, 2.0]]),
    "a part of the results": (lambda x: ad.softmax(x)[1:], [[0.5, -1.0, 2.0]]),
    "largest": (lambda x: [rules.largest(x), rules.largest([*x, 1.0])], [[0.5, -1.0, 0.75]]),
    "a product with a transposed matrix": (transposed_product, [np.linspace(-1.0, 2.0, 14).tolist()]),
    "an operand in columns": (transposed_operand, [np.linspace(-1.0, 2.0, 12).tolist()]),
    "reversed": (reversed_order, [[0.5, -1.0, 2.0]]),
    "constants among them": (lambda x: [7.0, x[0] * 2.0, 3.0, x[1], -0.0, 7.0], [[0.5, -1.0]]),
    "a result twice": (lambda x: [sin(x[0])] * 2 + [x[0]] * 2, [[0.5]]),
    "sums of Values that are no arguments": (
        lambda x: [sum_of(captured) * x[0] for sum_of in (fsum, logsumexp, mean, rules.largest, norm_of)],
        [[0.5]],
    ),
    "an argument of no numbers": (lambda x, none, y: [x[0] * y, y * y], [[0.5, -1.0], [], 3.0]),
}


@pytest.mark.parametrize("backend", ["python", "numpy"])
@pytest.mark.parametrize("export", [to_c, to_javascript, to_torch, to_onnx], ids=lambda export: export.__name__)
def test_several_results_are_those_of_the_engine(export, backend):
    calls, known = [], []
    for name, (f, arguments) in SEVERAL.items():
        program = compile(f, backend=backend)
        program(*arguments)
        calls.append((program, program.read(), arguments))
        known.append((name, numbers_of(f(*arguments))))
    for (name, wanted), found in zip(known, values_of(export, calls), strict=True):
        assert found[: len(wanted)] == close(wanted), name


@pytest.mark.parametrize("name", SEVERAL)
def test_batch_in_onnx_has_the_results_of_each_example(name):
    beside = runner_of(to_onnx).args[0]
    f, (first, *others) = SEVERAL[name]
    batch = np.array([first, first[::-1], [0.25 * x for x in first]])
    program = compile(lambda x, *rest: f(x, *rest), batched="x")
    known = [numbers_of(f(x, *others)) for x in batch.tolist()]
    program.each(batch, *others)
    found = beside.run(to_onnx(program), batch, *map(np.atleast_1d, filter(np.size, others)))
    assert found.tolist() == list(map(close, known))


@pytest.mark.parametrize("export", [to_torch, to_onnx], ids=lambda export: export.__name__)
def test_operation_of_many_without_a_word_is_named(export):
    pytest.importorskip(export.__name__.removeprefix("to_"))
    spread = NAry("spread", lambda xs: max(xs) - min(xs), lambda y, xs: [0.0] * len(xs), definition="max(xs) - min(xs)")
    program = compile(lambda x: spread.apply(x), backend="native")
    program([1.0, 3.0])
    with pytest.raises(NotImplementedError, match=r"the operation spread has no word in (PyTorch|ONNX)"):
        export(program)


# Operations that no language has


def test_function_of_floats_is_made_of_no_others():
    floats = Unary("floats", math.ceil, lambda y, x: 0.0)
    with pytest.raises(NotImplementedError, match=r"floats has no word in this language.*its function takes floats: "):
        composition(floats, [symbol("x")])
    with pytest.raises(NotImplementedError, match="the operation sin has no word in this language"):
        Dialect(operators={}, words={}).source(rules.sin.apply([symbol("x")]), str)


def test_constant_hands_nothing_back():
    assert pull(2.0, symbol("y"), symbol("g")) == {}
    assert pull(ad.ndtr(symbol("x")) * 2.0, symbol("y"), symbol("g")).keys() == {"x"}
