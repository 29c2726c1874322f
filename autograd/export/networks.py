"""Networks for PyTorch: a multi-layer perceptron as a torch.nn.Sequential of its layers, and the way back.

Its modules are PyTorch's own wherever it has the activation, so its `state_dict` loads into a Sequential that anybody
writes down, without this package.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from autograd import rules
from autograd.engine import Value
from autograd.export._packages import optional_package
from autograd.rules import UNREADABLE, Expression, real, symbol, with_article

MODULES: dict[Any, Callable[..., Any]] = {  # of torch.nn, with the constant of a family
    rules.relu: lambda nn: nn.ReLU(),
    rules.tanh: lambda nn: nn.Tanh(),
    rules.sigmoid: lambda nn: nn.Sigmoid(),
    rules.softplus: lambda nn: nn.Softplus(threshold=40.0),  # from which on it is x to the last digit
    rules.gelu: lambda nn: nn.GELU(),
    rules.silu: lambda nn: nn.SiLU(),
    rules.leaky_relu: lambda nn, slope: nn.LeakyReLU(slope),
    rules.elu: lambda nn, alpha: nn.ELU(alpha),
}


@dataclass
class DenseLayer:
    """A layer of neurons: a row of weights and a bias for each, and the activation that all of them have."""

    weights: list[Sequence[Value]]
    biases: list[Value]
    activation: Any

    @property
    def shape(self) -> tuple[int, int]:
        """How many neurons there are, and how many weights each has."""
        return len(self.weights), len(self.weights[0])


def dense_layers(model: Any, asker: str) -> list[DenseLayer]:
    """Return the layers of an MLP, a Layer or a Neuron; TypeError for a model that computes something else."""
    layers = model.layers if _computes(model, "MLP") else [model]
    neurons = [layer.neurons if _computes(layer, "Layer") else [layer] for layer in layers]
    odd = [layer for layer in layers if layer is not model and not _computes(layer, "Layer")]
    odd += [neuron for layer in neurons for neuron in layer if not _computes(neuron, "Neuron")]
    if odd:
        wrong = "with a forward of its own" if odd[0] is model else f"with {with_article(odd[0])} in it"
        raise TypeError(
            f"{asker} takes an MLP, a Layer or a Neuron of nn, whose layers are linear maps and activations; "
            f"got {with_article(model)} {wrong}; compile that, and export the program"
        )
    found = []
    for layer in neurons:
        activations = list(dict.fromkeys(neuron.activation for neuron in layer))
        if len(activations) > 1:
            raise TypeError(f"{asker} takes layers of one activation each, got one with {len(activations)} of them")
        found.append(DenseLayer([neuron.w for neuron in layer], [neuron.b for neuron in layer], activations[0]))
    return found


def _computes(part: Any, kind: str) -> bool:
    """Whether this part of a model computes what this class of nn does, which is known here by its name only."""
    methods = type(part).__call__, getattr(part, "forward", None)
    ours = all(getattr(method, "__module__", "") == "nn.modules" for method in methods)
    return ours and getattr(methods[1], "__qualname__", "") == f"{kind}.forward"


def sequential_of(model: Any) -> Any:
    """Return a network as a torch.nn.Sequential in double precision."""
    torch = optional_package("torch", "to_torch")
    modules = []
    for layer in dense_layers(model, "to_torch"):
        nout, nin = layer.shape
        linear = torch.nn.Linear(nin, nout, dtype=torch.float64)
        with torch.no_grad():
            linear.weight.copy_(torch.tensor([[w.number for w in row] for row in layer.weights], dtype=torch.float64))
            linear.bias.copy_(torch.tensor([b.number for b in layer.biases], dtype=torch.float64))
        modules += [linear, *([] if layer.activation is None else [_module_of(torch, layer.activation)])]
    return torch.nn.Sequential(*modules)


def _module_of(torch: Any, activation: Callable[[Any], Any]) -> Any:
    """Return an activation as a module: PyTorch's own, or one that computes its compiled program for each number."""
    from autograd.compiler.function import CompiledFunction
    from autograd.export.torch import function_of

    term: Any = activation
    with suppress(*UNREADABLE):  # where symbols cannot say it, as a detached number, tracing may
        term = activation(symbol("x"))
    operand = term.operands[0] if isinstance(term, Expression) else None
    if isinstance(operand, Expression) and operand.operation is None:
        row, *constant = term.operation.family or [term.operation]
        if row in MODULES:
            return MODULES[row](torch.nn, *constant)
    try:
        unknown = math.nan  # in the domain of every function
        function = torch.func.vmap(function_of(CompiledFunction(activation).specialize(unknown)))
    except UNREADABLE as error:
        raise NotImplementedError(
            f"the activation {activation!r} cannot be read for PyTorch, since it takes numbers: {error}; write it with "
            "the functions of autograd"
        ) from error

    class Elementwise(torch.nn.Module):  # type: ignore[misc]
        """A function of one number for each number of a tensor."""

        def forward(self, x: Any) -> Any:
            return function(x.reshape(-1)).reshape(x.shape)

        def extra_repr(self) -> str:
            return repr(term)

    return Elementwise()


def load_torch_state(model: Any, state: Mapping[str, Any]) -> None:
    """Set the parameters of an MLP, a Layer or a Neuron to those of a PyTorch `state_dict`: all or, on an error, none.

    Its linear layers are taken in their order, whatever they are called: each has a `weight` of shape (nout, nin) and a
    `bias`. ValueError lists what is missing, unexpected, of another shape or not a number.

    >>> from nn import MLP
    >>> model = MLP(2, [1], seed=1)
    >>> load_torch_state(model, {"0.weight": [[0.5, -0.5]], "0.bias": [0.25]})
    >>> model([1.0, 2.0]).data
    -0.25
    """
    layers = dense_layers(model, "load_torch_state")
    if callable(getattr(state, "state_dict", None)):
        state = state.state_dict()  # type: ignore[attr-defined]
    if not isinstance(state, Mapping):
        raise TypeError(
            "load_torch_state takes a state_dict, or a module that has one, got "
            f'{with_article(state)}: {state!r:.60}; write torch.load("model.pt") for that of a file'
        )
    modules: dict[str, dict[str, Any]] = {}
    problems: list[str] = []
    for key, numbers in state.items():
        module, _, kind = str(key).rpartition(".")
        if kind in ("weight", "bias"):
            modules.setdefault(module, {})[kind] = numbers.tolist() if hasattr(numbers, "tolist") else numbers
        else:
            problems.append(f"unexpected {key}")
    if len(modules) != len(layers):
        problems.append(f"{len(modules)} linear layers, where the model has {len(layers)}")
    assigned: list[tuple[Value, float]] = []
    for layer, (module, parts) in zip(layers, modules.items(), strict=False):
        nout, nin = layer.shape
        for kind, leaves, shape in (("weight", layer.weights, (nout, nin)), ("bias", layer.biases, (nout,))):
            name = f"{module}.{kind}".removeprefix(".")
            if kind not in parts:
                problems.append(f"missing {name}")
            elif (found := _shape(parts[kind])) != shape:
                problems.append(f"{name} of shape {found}, not {shape}")
            else:
                pairs = zip(_entries(leaves, len(shape)), _entries(parts[kind], len(shape)), strict=True)
                for (place, leaf), (_, entry) in pairs:
                    if trouble := _trouble(leaf, entry):
                        problems.append(f"{name}{place} {trouble}")
                        break  # the first of each list tells it
                    assigned.append((leaf, float(entry)))
    if problems:
        raise ValueError(f"this state does not fit {type(model).__name__}: {'; '.join(problems)}; nothing was changed")
    for leaf, number in assigned:
        leaf.data = number


def _shape(numbers: Any) -> tuple[int, ...]:
    """Return the shape of nested lists."""
    if not isinstance(numbers, (list, tuple)):
        return ()
    inner = {_shape(part) for part in numbers}
    return (len(numbers), *(inner.pop() if len(inner) == 1 else ()))


def _entries(nested: Sequence[Any], depth: int, place: str = "") -> Iterator[tuple[str, Any]]:
    """Yield what stands in lists of this depth, each with its place, such as [0][1]."""
    for i, part in enumerate(nested):
        if depth > 1:
            yield from _entries(part, depth - 1, f"{place}[{i}]")
        else:
            yield f"{place}[{i}]", part


def _trouble(leaf: Value, entry: Any) -> str:
    """Return why an entry cannot become the number of a leaf; nothing where it can."""
    if leaf.op is not None:
        return f"is for a weight that is computed, by {leaf.op.name}"
    try:
        real(entry, "state")
    except TypeError:
        return f"is {entry!r:.40}, not a number"
    except OverflowError:
        return "is beyond the range of floats"
    return ""
