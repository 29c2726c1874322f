"""Random signatures and random calls, right and wrong: whatever takes a function binds its arguments as Python does."""

import inspect
from functools import partial, partialmethod, wraps

import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd as ad
from tests.hypothesis_profiles import max_examples

NAMES = ["a", "b", "c", "self", "x", "args", "f", "v", "theta"]
KINDS = ["positional only", "plain", "*", "keyword only", "**"]
NUMBERS = st.integers(-8, 8).map(lambda n: n / 4)


class RandomSignature:
    """Parameters: the kind of each, its name, and its default or None."""

    def __init__(self, parameters):
        self.parameters = parameters

    @property
    def names(self):
        return [name for _, name, _ in self.parameters]

    def __repr__(self):
        kinds, listed = [kind for kind, *_ in self.parameters], []
        for i, (kind, name, default) in enumerate(self.parameters):
            if kind != "positional only" and "positional only" in kinds[max(0, i - 1) : i]:
                listed.append("/")
            if kind == "keyword only" and not {"*", "keyword only"} & set(kinds[:i]):
                listed.append("*")
            listed.append((kind if kind in ("*", "**") else "") + name + ("" if default is None else f"={default}"))
        return ", ".join([*listed, "/"] if kinds[-1:] == ["positional only"] else listed)

    @property
    def passed_on(self):
        """The arguments of a call that passes on what these parameters are bound to."""
        form = {"*": "*{0}", "**": "**{0}", "keyword only": "{0}={0}"}
        return ", ".join(form.get(kind, "{0}").format(name) for kind, name, _ in self.parameters)

    def weights(self, arguments):
        """The numbers among bound arguments, each with a weight that tells where it is bound."""
        for place, name in enumerate(self.names, 1):
            given = arguments.get(name, ())
            if isinstance(given, tuple):
                yield from ((place + 0.125 * i, x) for i, x in enumerate(given))
            elif isinstance(given, dict):
                yield from ((place + 0.001 * sum(map(ord, key)), x) for key, x in given.items())
            else:
                yield place, given

    def total(self, arguments):
        return sum(weight * x for weight, x in self.weights(arguments))

    def function(self, *first, power=2, total=None):
        """A function with these parameters, after others: the weighted sum of its numbers, or half of its square."""
        made = {"total": total or self.total, "power": power}
        bound = ", ".join(f"{name!r}: {name}" for name in self.names)
        exec(f"def f({', '.join([*first, repr(self)])}):\n    return total({{{bound}}}) ** power / power", made)
        return made["f"]


@st.composite
def signatures(draw):
    kinds = sorted(draw(st.lists(st.sampled_from([*KINDS, "plain"]), max_size=5)), key=KINDS.index)
    kinds = [kind for i, kind in enumerate(kinds) if kind not in ("*", "**") or kind not in kinds[:i]]
    parameters, had_default = [], False
    for kind, name in zip(kinds, draw(st.permutations(NAMES)), strict=False):
        takes_default = kind not in ("*", "**")
        has_default = takes_default and (draw(st.booleans()) or (had_default and kind == "plain"))
        has_default = has_default or (had_default and kind == "positional only")
        had_default = had_default or has_default
        parameters.append((kind, name, draw(NUMBERS) if has_default else None))
    return RandomSignature(parameters)


@st.composite
def calls(draw, signature):
    """Arguments by position and by keyword, often those that the signature has."""
    args = draw(st.lists(NUMBERS, max_size=4))
    names = draw(st.lists(st.sampled_from([*signature.names, "other", "w"]), unique=True, max_size=3))
    if draw(st.booleans()):  # what is required, and not given by position
        listed = [p for p in signature.parameters if p[0] in ("positional only", "plain")][len(args) :]
        listed += [p for p in signature.parameters if p[0] == "keyword only"]
        required = [name for _, name, default in listed if default is None]
        others = {name for _, name, _ in listed}.difference(required)
        names = [*required, *(name for name in names if name in others)]
    return tuple(args), {name: draw(NUMBERS) for name in names}


def in_class(make, name="f"):
    """A form of a function: an attribute of a class, which `make` makes of it."""
    return lambda signature, **power: getattr(type("C", (), {name: make(signature.function("this", **power))})(), name)


def wrapped(f):
    return wraps(f)(lambda *args, **keywords: f(*args, **keywords))


def wrapped_otherwise(signature, **power):
    """A function that a wrapper calls with an argument more, which counts 0."""
    f = signature.function("given", **power)
    made = {"f": f, "wraps": wraps}
    exec(f"@wraps(f)\ndef wrapper({signature!r}):\n    return f(0.0, {signature.passed_on})", made)
    return made["wrapper"]


FORMS = {
    "function": lambda signature, **power: signature.function(**power), "method": in_class(lambda f: f),
    "class method": in_class(classmethod), "static method": in_class(lambda f: staticmethod(partial(f, None))),
    "partial method": in_class(partialmethod),
    "callable object": lambda signature, **power: type("C", (), {"__call__": signature.function("this", **power)})(),
    "partial function": lambda signature, **power: partial(signature.function("this", **power), None),
    "wrapped function": lambda signature, **power: wrapped(signature.function(**power)),
    "wrapped method": in_class(wrapped),
    "function wrapped with an argument": wrapped_otherwise,
    "compiled function": lambda signature, **power: ad.compile(signature.function(**power)),
    "compiled method": in_class(ad.compile), "compiled class method": in_class(lambda f: ad.compile(classmethod(f))),
}  # fmt: skip


class Bound:
    """A call as Python binds it, or its TypeError: the sum of the numbers, and the weight of each that is given."""

    def __init__(self, signature, args, keywords):
        seen = []
        record = signature.function(total=lambda arguments: seen.append(arguments) or 0.0)
        record(*args, **keywords)
        record(*map(Mark, range(len(args))), **{name: Mark(len(args) + i) for i, name in enumerate(keywords)})
        order = [(mark, weight) for weight, mark in signature.weights(seen[1]) if isinstance(mark, Mark)]
        self.args, self.total = args, signature.total(seen[0])
        self.weights = [weight for mark, weight in sorted(order) if mark < len(args)]
        self.slope = self.total * order[0][1] if order else None  # by the first parameter

    @property
    def value(self):
        return self.total**2 / 2

    @property
    def slopes(self):
        """The derivatives by what is given by position."""
        return tuple(self.total * weight for weight in self.weights)

    @property
    def curvatures(self):
        return tuple(tuple(a * b for b in self.weights) for a in self.weights)

    @property
    def solution(self):
        """The first number, where the sum is 0, and how it changes with the others."""
        shifts = tuple(-weight / self.weights[0] for weight in self.weights[1:])
        return self.args[0] - self.total / self.weights[0], shifts

    @property
    def path(self):
        """The series of the last number, where the sum is its slope."""
        return [self.args[-1], self.total, self.weights[-1] * self.total / 2]


class Mark(int):
    """The place of an argument in a call, in place of its number."""


# Whatever the package has that takes a function: how it is called for a call of the function, and what it then gives


def by_all(transform):
    return lambda f, args, keywords: transform(f, tuple(range(len(args))))(*args, **keywords)


def compiled_by_all(transform):
    return by_all(lambda f, argnums: ad.compile(transform(f, argnums)))


def product(f, argnums):
    """The Hessian times the vector of ones."""
    return lambda *args, **keywords: ad.hvp(f, argnums)(*args, (1.0,) * len(args), **keywords)


def with_gradient(f, args, keywords):
    g = ad.compile(f)
    return g.value_and_grad(*args, **keywords) if args or keywords else (g(), None)


def named_by(f, keywords):
    parameters = inspect.signature(f).parameters
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return [name for name in keywords if name in parameters and parameters[name].kind in kinds]


def of_static(f, args, keywords):
    return ad.compile(f, static=named_by(f, keywords))(*args, **keywords)


def of_batches(f, args, keywords):
    names = named_by(f, keywords)
    return ad.compile(f, batched=names)(*args, **{**keywords, **{name: [keywords[name]] * 3 for name in names}})


def pulled(f, args, keywords):
    value, pull = ad.vjp(partial(f, **keywords), *args)
    return value, pull(1.0)


def pushed(f, args, keywords):
    return ad.jvp(partial(f, **keywords), args, (1.0,) * len(args))


def shifts(solve):
    """The derivatives of a solution by all parameters."""

    def run(f, args, keywords):
        solution = lambda start, *params: solve(partial(f, **keywords), start, *params)
        return solution(*args), tuple(ad.grad(solution, i)(*args) for i in range(1, len(args)))

    return run


def along_the_last(series):
    return lambda f, args, keywords: series(partial(f, *args[:-1], **keywords), args[-1], 2)


RUNS = {
    "compile": [
        (lambda f, args, keywords: ad.compile(f)(*args, **keywords), lambda call: call.value),
        (with_gradient, lambda call: (call.value, call.slope)),
        (of_static, lambda call: call.value),
        (of_batches, lambda call: call.value),
    ],
    "grad": [(by_all(ad.grad), lambda call: call.slopes), (compiled_by_all(ad.grad), lambda call: call.slopes)],
    "value_and_grad": [(by_all(ad.value_and_grad), lambda call: (call.value, call.slopes))],
    "jacobian": [(by_all(ad.jacobian), lambda call: call.slopes)],
    "hessian": [(by_all(ad.hessian), lambda call: call.curvatures)],
    "hvp": [(by_all(product), lambda call: tuple(map(sum, call.curvatures)))],
    "vjp": [(pulled, lambda call: (call.value, call.slopes))],
    "jvp": [(pushed, lambda call: (call.value, sum(call.slopes)))],
    "root": [(shifts(ad.root), lambda call: call.solution)],
    "argmin": [(shifts(ad.argmin), lambda call: call.solution)],
    "taylor": [(along_the_last(ad.taylor), lambda call: [call.value, call.slopes[-1], call.weights[-1] ** 2 / 2])],
    "taylor_ode": [(along_the_last(ad.taylor_ode), lambda call: call.path)],
    "no_grad": [(lambda f, args, keywords: ad.no_grad(f)(*args, **keywords), lambda call: call.value)],
    "detect_anomaly": [(lambda f, args, keywords: ad.detect_anomaly()(f)(*args, **keywords), lambda call: call.value)],
    "gradcheck": [(lambda f, args, keywords: ad.gradcheck(partial(f, **keywords), *args), lambda call: True)],
}
LINEAR = ("root", "taylor_ode")  # where the function is the sum, and else half of its square

WITHOUT_ARGUMENTS = ("compile", "no_grad", "detect_anomaly")  # what calls f as it is called itself


def close(wanted):
    if isinstance(wanted, (tuple, list)):
        return type(wanted)(map(close, wanted))
    return wanted if wanted in (True, None) else pytest.approx(wanted, rel=1e-10, abs=1e-10)


def test_all_that_takes_a_function_is_tried():
    functions = [(name, getattr(ad, name)) for name in ad.__all__]
    functions = [(name, f) for name, f in functions if inspect.isfunction(f)]
    assert {name for name, f in functions if next(iter(inspect.signature(f).parameters), "") == "f"} <= RUNS.keys()


@pytest.mark.parametrize("name", RUNS)
def test_calls_are_bound_as_python_binds_them(name):
    @max_examples(12)
    @given(signatures(), st.sampled_from(sorted(FORMS)), st.data())
    def check(signature, form, data):
        f = FORMS[form](signature, power=1 if name in LINEAR else 2)
        for args, keywords in data.draw(st.lists(calls(signature), min_size=1, max_size=3)):
            for run, wanted in RUNS[name] if args or name in WITHOUT_ARGUMENTS else ():
                try:
                    call = Bound(signature, args, keywords)
                except TypeError:
                    with pytest.raises(TypeError, match=r"argument|parameter|multiple values"):
                        run(f, args, keywords)
                else:
                    assert run(f, args, keywords) == close(wanted(call))

    check()
