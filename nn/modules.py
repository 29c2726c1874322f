"""Modules: neurons, layers and multi-layer perceptrons, which are named groups of parameters with a function.

A `Module` finds its parameters in its own attributes, so a new kind of module is a class with an `__init__` and a
`forward`. Calling one opens a `scope` of its name, by which drawings know what belongs together.
"""

from __future__ import annotations

import math
import sys
from collections import Counter
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

from autograd import Constant, Value, dot, rules, scope
from autograd.callers import warn
from autograd.engine import in_scope
from autograd.functions.calls import calls_forward
from autograd.rules import Family, Unary, elements, real, with_article
from autograd.rules.operation import NOT_GIVEN
from nn.data.random_state import Seed, generator
from nn.training.checks import plain, whole
from nn.training.parameters import ParameterHolder, held, is_parameter

if TYPE_CHECKING:

    class Prediction(Value, list[Value]):  # type: ignore[misc]  # there is no object of both kinds
        """The output of a model, to a type checker: one Value or a list of them, used as either."""


Out = TypeVar("Out", covariant=True)
Activation: TypeAlias = str | Callable[[Any], Any] | None


class Module(ParameterHolder):
    """A part of a model: parameters in its attributes, a function in `forward`.

    >>> class Line(Module):
    ...     def __init__(self):
    ...         self.slope, self.intercept = Value(2.0), Value(1.0)
    ...     def forward(self, x):
    ...         return self.slope * x + self.intercept
    >>> line = Line()
    >>> line(3.0).data, len(line.parameters())
    (7.0, 2)
    """

    if TYPE_CHECKING:
        forward: Callable[..., Any]  # of any parameters
    else:

        def forward(self, *inputs: Any) -> Any:
            """Return the module's output; every kind of module defines its own."""
            raise NotImplementedError(f"{type(self).__name__} defines no forward(self, ...)")

    @calls_forward
    def __call__(self, /, *inputs: Any, **options: Any) -> Any:
        """Return the module's output; what is computed on the way belongs to its scope."""
        forward = partial(self.forward, **options) if options else self.forward
        return in_scope(scope(type(self).__name__, self), forward, *inputs)

    def named_parameters(self) -> Iterator[tuple[str, Value]]:
        """Yield each parameter once, with the path of attributes and positions that leads to it.

        They are looked for in modules, lists, tuples, mappings, NumPy arrays and dataclasses, nested as you like, and
        in whatever else has a method `parameters()`, such as a module of another library. A leaf that a module keeps of
        a call counts too: an input that is a Value, or an output in a `no_grad` block; keep its `data`.

        >>> [name for name, _ in Layer(1, 2).named_parameters()]
        ['neurons.0.w.0', 'neurons.0.b', 'neurons.1.w.0', 'neurons.1.b']
        """
        paths: dict[Value, str] = {}
        computed: list[tuple[str, Value]] = []
        for path, value in held(self, Value):
            if is_parameter(value):
                paths.setdefault(value, path)
            elif value.op is not None and value.scope is None:  # and not in a call of a module, or a loss
                computed.append((path, value))
        for path, value in computed:
            if _is_initialization(value, paths):
                warn(
                    f"{path} of {type(self).__name__} is computed from another Value, so it is no parameter: it is "
                    "neither trained nor saved; make a Value of the number, as Value(0.1 * x) for 0.1 * Value(x)"
                )
        yield from ((path, leaf) for leaf, path in paths.items())

    def parameters(self) -> list[Value]:
        """Return the parameters: the leaves kept in attributes of the module and of the modules in it."""
        return [parameter for _, parameter in self.named_parameters()]

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for parameter in self.parameters():
            parameter.zero_grad()

    def state_dict(self) -> dict[str, float]:
        """Return the data of the parameters by name; ValueError where two of them have one name.

        >>> Neuron(1, seed=0).state_dict()
        {'w.0': 1.331..., 'b': 0.0}
        """
        return {name: parameter.data for name, parameter in self._parameters_by_name().items()}

    def load_state_dict(self, state: Mapping[str, float]) -> None:
        """Set the parameters to the numbers of a `state_dict()`, all of them or, if any does not fit, none.

        Raises ValueError that lists every missing and unexpected name, and every entry that is not a number.
        """
        if not isinstance(state, Mapping):
            raise TypeError(
                f"load_state_dict takes a dict of numbers by name, as state_dict() returns it, got "
                f"{with_article(state)}: {state!r:.60}"
            )
        parameters = self._parameters_by_name()
        problems = {
            "missing": parameters.keys() - state.keys(),
            "unexpected": state.keys() - parameters.keys(),
            "not a number": {name for name in parameters.keys() & state.keys() if not _is_number(state[name])},
        }
        if any(problems.values()):
            listed = "; ".join(
                f"{kind}: {', '.join(sorted(map(str, names)))}" for kind, names in problems.items() if names
            )
            raise ValueError(f"this state does not fit {type(self).__name__}: {listed}; nothing was changed")
        for name, parameter in parameters.items():
            parameter.data = state[name]

    def _parameters_by_name(self) -> dict[str, Value]:
        found: dict[str, Value] = {}
        for name, parameter in self.named_parameters():
            if found.setdefault(name, parameter) is not parameter:
                raise ValueError(
                    f"two parameters of {type(self).__name__} have the name {name}, as those of the keys 1 and '1' "
                    "of a dict have, or those of a key with a dot; change one of the keys"
                )
        return found


def _references(value: Value) -> list[tuple[Value, float]]:
    """Return the parents of a value, each with the number of references to it; nan where Python counts none."""
    count, parents = getattr(sys, "getrefcount", lambda parent: math.nan), value.parents
    is_made = parents is not value.parents  # when it is asked for, and refers to them too
    return [(parent, count(parent) - is_made * sum(one is parent for one in parents)) for parent in parents]


_OF_CALL = max(count for _, count in _references(Value(1.0) * 2.0)) - 1  # beside the one use in the graph
_INITIAL = 1000  # operations, at most, by which an initial number is computed


def _is_initialization(value: Value, own: Container[Value]) -> bool:
    """Whether a value is a computed initialisation, of leaves to which nothing else refers, as 0.1 * Value(x) is.

    Parameters of others, of which it may be computed, are kept elsewhere; and what is computed of the module's own, or
    by a call of a module, is no initial number.
    """
    waiting, seen = [value], {value}
    references: dict[int, float] = {}  # by the ids of leaves, to which a dict would refer too
    uses: Counter[int] = Counter()
    while waiting:
        for parent, count in _references(waiting.pop()):
            if parent in own or parent.scope is not None:
                return False
            if parent.op is None and is_parameter(parent):
                references.setdefault(id(parent), count)
                uses[id(parent)] += 1
            elif parent.op is not None and parent not in seen:
                seen.add(parent)
                waiting.append(parent)
        if len(seen) > _INITIAL:
            return False
    return any(count <= _OF_CALL + uses[leaf] for leaf, count in references.items())


def _is_number(entry: Any) -> bool:
    try:
        real(entry, "state")
    except (TypeError, OverflowError):
        return False
    return not isinstance(entry, bool)


class _Inputs(list[Value]):
    """Inputs that a layer has taken already, and hands on to its neurons."""


class _Dense(Module, Generic[Out]):
    """Base class of Neuron, Layer and MLP: they take `nin` numbers."""

    nin: int

    def __call__(self, x: Sequence[Value | float] = NOT_GIVEN, *others: Any, **options: Any) -> Out:
        """Return the output for `nin` inputs, floats or Values."""
        if others or x is NOT_GIVEN:
            found, name = 1 + len(others) if others else 0, type(self).__name__
            raise TypeError(
                f"{name} takes 1 sequence of {self.nin} numbers, got {found} operands; write model([x1, x2]) for two"
            )
        inputs = x if type(x) is _Inputs else self._taken(x)
        if len(inputs) != self.nin:
            raise ValueError(f"{type(self).__name__} takes {self.nin} inputs, got {len(inputs)}")
        forward = partial(self.forward, **options) if options else self.forward
        output: Out = in_scope(scope(type(self).__name__, self), forward, inputs)
        return output

    def _taken(self, x: Sequence[Value | float]) -> _Inputs:
        if not isinstance(x, (list, tuple)):  # of which no message is needed, nor made
            x = elements(x, type(self).__name__, f"a sequence of {self.nin} numbers")
        return _Inputs([number if isinstance(number, Value) else Constant(number) for number in x])


class Neuron(_Dense[Value]):
    """activation(w · x + b), with `nin` weights and one bias.

    `activation` is the name of a function of `autograd`, a function of one Value, or None for none. Weights begin
    normal with variance 2 / nin for the relu family (He), else uniform by the widths (Glorot), the bias at 0; the same
    `seed` gives the same weights.

    >>> neuron = Neuron(2, "tanh", seed=1)
    >>> neuron([0.0, 0.0]).data
    0.0
    """

    def __init__(
        self, nin: int, activation: Activation = "relu", *, seed: Seed = None, nout: int = 1, nonlin: None = None
    ) -> None:
        _check_nonlin(self, nonlin)
        self.nin = nin = _size(nin, "nin")
        self.activation = _function(activation)
        self.w = [Value(w, label=f"w{i}") for i, w in enumerate(initial_weights(nin, nout, activation, seed))]
        self.b = Value(0.0, label="b")

    def forward(self, x: Sequence[Value]) -> Any:
        """Return activation(w · x + b)."""
        z = dot(self.w, x) + self.b
        return z if self.activation is None else self.activation(z)

    def __repr__(self) -> str:
        return f"Neuron({self.nin}, {_name(self.activation)}, {self.nin + 1} parameters)"


class Layer(_Dense[list[Value]]):
    """`nout` neurons on the same `nin` inputs; returns the list of their outputs.

    >>> [output.data for output in Layer(2, 3, "relu", seed=1)([0.0, 0.0])]
    [0.0, 0.0, 0.0]
    """

    def __init__(
        self, nin: int, nout: int, activation: Activation = "relu", *, seed: Seed = None, nonlin: None = None
    ) -> None:
        _check_nonlin(self, nonlin)
        self.nin, nout = _size(nin, "nin"), _size(nout, "nout")
        rng = generator(seed)
        self.neurons = [Neuron(self.nin, activation, seed=rng, nout=nout) for _ in range(nout)]

    def forward(self, x: Sequence[Value]) -> list[Any]:
        """Return the outputs of the neurons."""
        return [neuron(x) for neuron in self.neurons]

    def __repr__(self) -> str:
        nout = len(self.neurons)
        return f"Layer({self.nin} -> {nout}, {_name(self.neurons[0].activation)}, {(self.nin + 1) * nout} parameters)"


class MLP(_Dense["Prediction"]):
    """A multi-layer perceptron: layers of `nouts` neurons, one after the other.

    `activation` is that of the hidden layers, `output` that of the last one. Returns the list of outputs, or the one
    output where the last layer has a single neuron.

    >>> MLP(2, [16, 16, 1], seed=1)
    MLP(2 -> 16 -> 16 -> 1, 337 parameters)
      Layer(2 -> 16, relu, 48 parameters)
      Layer(16 -> 16, relu, 272 parameters)
      Layer(16 -> 1, linear, 17 parameters)
    """

    def __init__(
        self,
        nin: int,
        nouts: Sequence[int],
        activation: Activation = "relu",
        output: Activation = None,
        *,
        seed: Seed = None,
        nonlin: None = None,
    ) -> None:
        _check_nonlin(self, nonlin)
        found = plain(nouts)
        widths = [_size(nout, "nout") for nout in found] if isinstance(found, list) else []
        if not widths:
            raise ValueError(f"nouts lists the width of each layer, such as [16, 16, 1], got {nouts!r}")
        self.nin = _size(nin, "nin")
        _function(activation)  # an error, also where there is no hidden layer
        rng = generator(seed)
        sizes = [self.nin, *widths]
        activations = [activation] * (len(widths) - 1) + [output]
        self.layers = [
            Layer(width, next_width, chosen, seed=rng)
            for width, next_width, chosen in zip(sizes[:-1], sizes[1:], activations, strict=True)
        ]

    def forward(self, x: Sequence[Value]) -> Any:
        """Return the outputs of the last layer."""
        outputs: Sequence[Any] = x
        for layer in self.layers:
            outputs = layer(outputs)
        return outputs[0] if len(outputs) == 1 else outputs

    def __repr__(self) -> str:
        sizes = " -> ".join(str(size) for size in (self.nin, *(len(layer.neurons) for layer in self.layers)))
        lines = [f"MLP({sizes}, {len(self.parameters())} parameters)", *(f"  {layer}" for layer in self.layers)]
        return "\n".join(lines)


def initial_weights(nin: int, nout: int, activation: Activation, seed: Seed = None) -> list[float]:
    """Return the `nin` first weights of a neuron, drawn so that signals keep their variance from layer to layer.

    For the relu family normal with variance 2 / nin (He et al. 2015, arXiv:1502.01852, equation 10); else uniform in
    +-sqrt(6 / (nin + nout)) (Glorot & Bengio 2010, "Understanding the difficulty of training deep feedforward neural
    networks", equation 16), where `nout` is the width of the neuron's layer.

    >>> initial_weights(2, 16, "relu", seed=1) == initial_weights(2, 16, "relu", seed=1)
    True
    """
    rng = generator(seed)
    if _name(_function(activation)) in ("relu", "leaky_relu", "elu", "gelu", "silu", "softplus"):
        return [rng.gauss(0.0, math.sqrt(2.0 / nin)) for _ in range(nin)]
    limit = math.sqrt(6.0 / (nin + nout))
    return [rng.uniform(-limit, limit) for _ in range(nin)]


_NONLIN = 'micrograd\'s nonlin=True is activation="relu" here, and nonlin=False is activation=None'


def _check_nonlin(module: Module, nonlin: Any) -> None:
    if nonlin is not None:
        raise TypeError(f"{type(module).__name__} takes activation=, got nonlin={nonlin!r}; {_NONLIN}")


def _function(activation: Activation | bool) -> Callable[[Any], Any] | None:
    if callable(activation) or activation is None:
        return activation
    if not isinstance(activation, str):
        remedy = _NONLIN if isinstance(activation, bool) else "all hidden layers have the same one"
        raise TypeError(f"an activation is the name of a function, a function or None, got {activation!r}; {remedy}")
    if activation == "linear":
        return None
    choices = {name: row for name, row in rules.FUNCTIONS.items() if isinstance(row, (Unary, Family))}
    if activation not in choices:
        raise ValueError(
            f"activation {activation!r} is not known; choose one of linear, {', '.join(sorted(choices))}, "
            "or pass a function"
        )
    return choices[activation]


def _name(activation: Callable[[Any], Any] | None) -> str:
    if activation is None:
        return "linear"
    return str(getattr(activation, "name", None) or getattr(activation, "__name__", repr(activation)))


def _size(size: int, name: str) -> int:
    return whole(size, name, 1, "neurons" if name == "nout" else "inputs")
