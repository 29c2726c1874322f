"""The update formulas of optimisers in JavaScript: what they say, and which cannot be read."""

import math
import random
import re

import pytest

from autograd import Value
from nn import SGD, Adam, Optimizer
from nn.page._update_formulas import options_of, update_source
from nn.page.learning_page import OPTIMIZERS


def test_every_optimiser_of_nn_is_read_with_its_options_as_symbols():
    for kind in OPTIMIZERS:
        optimizer = kind([Value(1.0)])
        source = update_source(optimizer)
        for name in options_of(optimizer):
            assert f"o.{name}" in source
        assert source.count("{") == source.count("}")
        assert options_of(optimizer) == optimizer.options  # reading leaves them as they were
        if kind is SGD:  # what a rule asks of an option is asked on the page
            assert "if (o.momentum)" in source
            assert "if (o.nesterov)" in source


def test_what_is_the_same_for_all_parameters_is_computed_once():
    powers = [line.strip() for line in update_source(Adam([Value(1.0)])).splitlines() if "fn.power(o.betas" in line]
    assert len(powers) == 4  # with weight decay and without
    assert all(line.startswith("const c") for line in powers)


def own(name, rule, remembers=()):
    """Return an optimiser of one's own."""
    return type(name, (Optimizer,), {"rule": lambda self, lr, t: rule(lr, t), "remembers": remembers})


def test_what_a_rule_uses_twice_has_a_name_and_what_it_uses_once_has_none():
    def rule(lr, t):
        def update(p, g):
            product, rate = g * p, lr / t
            return (p - rate * (product + 1.0) / (product + rate) - 3.0 * g,)

        return update

    source = update_source(own("Twice", rule)([Value(1.0)], lr=0.1))
    assert re.findall(r"const [ct]\d+ = .*", source) == ["const c0 = lr / t;", "const t1 = g * p;"]
    assert [source.count(part) for part in ("g * p", "lr / t")] == [1, 1]


def looking(find):
    """Return an optimiser whose rule is clipped by what it finds in parameters or in its state."""

    class Looking(Optimizer):
        remembers = ("velocity",)

        def rule(self, lr, t):
            found = find(self)
            factor = 1.0 if found < 5.0 else 5.0 / found
            return lambda p, g, v: (p - lr * g * factor, v)

    return Looking


LOOKING = [
    *(looking(lambda o, name=name: max(abs(getattr(p, name)) for p in o.parameters)) for name in ("data", "grad")),
    *(looking(lambda o: math.hypot(*[p.grad for p in o.parameters])), looking(lambda o: o.state["velocity"][0])),
    *(looking(lambda o: o.steps), looking(lambda o: 5.0 + random.random())),
]


def of_options(rule, **options):
    """Return an optimiser of one's own with options, whose rule is p - rule(self, lr, t, g)."""
    name = "Asking"
    kind = type(name, (Optimizer,), {"rule": lambda self, lr, t: lambda p, g: (p - rule(self, lr, t, g),)})
    return type(
        name, (kind,), {"__init__": lambda self, parameters, lr: kind.__init__(self, parameters, lr, **options)}
    )


FLAGS, POWERS = ({"flag": False}, {"flag": True}), ({"power": 2.5}, {"power": 3})
ASKING = {
    "looked up among numbers": [
        of_options(lambda o, lr, t, g: lr * g * (0.1 if t in {2, 3} else 1.0)),
        of_options(lambda o, lr, t, g: lr * g * {1: 1.0, 2: 0.5}.get(t, 0.1)),
        of_options(lambda o, lr, t, g: g * {0.1: 0.2}.get(lr, 0.1)),
        *[of_options(lambda o, lr, t, g: g * {True: 1.0, 2.5: 2.0}.get(o.flag, 3.0), **flag) for flag in FLAGS],
    ],
    "the formula that it builds of symbols": [
        *[of_options(lambda o, lr, t, g: lr * g if o.flag is True else 2.0 * lr * g, **flag) for flag in FLAGS],
        *[
            of_options(lambda o, lr, t, g: g * (o.power if isinstance(o.power, (int, float)) else 1.0), **p)
            for p in POWERS
        ],
        *[of_options(lambda o, lr, t, g: g * (2.0 if type(o.power) in (int, float) else lr), **p) for p in POWERS],
        of_options(lambda o, lr, t, g: g * (lr if isinstance(t, int) else 2.0)),
        of_options(lambda o, lr, t, g: lr * (g if type(g) is float else 2.0 * g)),
        of_options(lambda o, lr, t, g: g * (o.betas[1] if type(o.betas[1]) is float else 2.0), betas=(0.5, 0.25)),
    ],
    "not a plain float": [of_options(lambda o, lr, t, g: o.rate * g)],
}
UNREADABLE = {
    **{kind: why for why, kinds in ASKING.items() for kind in kinds},
    own("Clocked", lambda lr, t: lambda p, g: (p - lr * g / math.sqrt(t),)): "not a plain float",
    own("Branching", lambda lr, t: lambda p, g: (p - lr * g if g > 0 else p,)): "no one truth value",
    own("Forgetful", lambda lr, t: lambda p, g, v: (p - lr * g,), ("velocity",)): "it gives 1 numbers",
    own("Noisy", lambda lr, t: lambda p, g: (p - lr * g + random.random(),)): "draws numbers",
    **dict.fromkeys(LOOKING, "looks at the parameters or what is kept of them, draws numbers or counts"),
    **{type("Own", (SGD,), {name: print}): "overrides step" for name in ("step", "zero_grad", "updated")},
}


def test_learning_rate_that_a_rule_reads_from_the_optimiser_is_that_of_the_page():
    source = update_source(of_options(lambda o, lr, t, g: o.lr * g)([Value(1.0)], lr=0.1))
    assert source == update_source(of_options(lambda o, lr, t, g: lr * g)([Value(1.0)], lr=0.5))


def test_rule_that_cannot_be_read_is_named():
    for kind, why in UNREADABLE.items():
        x = Value(1.0)
        y = x * x
        y.backward()
        message = f"the rule of {kind.__name__} cannot be read as JavaScript.*{why}.*ask `if`"
        with pytest.raises(TypeError, match=message):
            update_source(kind([x], lr=0.1))
        y.backward()  # the parameter is as it was, and so is its graph
        assert (x.data, x.grad) == (1.0, 4.0)
