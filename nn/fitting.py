"""Training of a model on data, `fit`, and its evaluation: what they take, checked, and handed to the training loop."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from numbers import Real
from typing import Any

from autograd.compiler import needs_numpy
from autograd.engine import collector_paused, modes
from autograd.export.jax_package import load_jax
from nn.data.random_state import Seed, generator
from nn.modules import Module
from nn.optim import SGD
from nn.training.checks import above_zero, is_function, whole
from nn.training.data_parallel import ASKER, common_seed, precision_of, shares
from nn.training.examples import evaluated, judged
from nn.training.history import History, Score, metric_for
from nn.training.interrupts import scopes_closed
from nn.training.judging import calls_noted, is_known, metric_among
from nn.training.lockstep import current_lockstep
from nn.training.loop import Loss, TrainingRun
from nn.training.metrics import Metric
from nn.training.optimizer import Optimizer
from nn.training.penalties import with_penalty
from nn.training.progress import bar
from nn.training.splits import Data, as_sequence, batches_of_epochs, hold_out
from nn.training.stepping import TrainingTask


def fit(
    model: Module,
    X: Data,
    y: Data,
    *,
    loss: Loss,
    penalty: Callable[..., Any] | None = None,
    optimizer: Optimizer | None = None,
    epochs: int = 100,
    batch_size: int | None = None,
    validation: tuple[Data, Data] | float | None = None,
    metric: Metric | str | None = "auto",
    stop: Callable[[History], str | bool] | None = None,
    restore_best: bool = False,
    max_norm: float | None = None,
    gradient_norms: bool = False,
    callbacks: Iterable[Callable[[History], Any]] = (),
    seed: Seed = None,
    progress: bool = True,
    compiled: bool | str = "auto",
    backend: str = "auto",
) -> History:
    """Train a model in place and return the history.

    - `X` and `y`: one input and one target for each example, in lists, arrays, tables or any sequences. `loss(outputs,
      targets)`: a function of `nn.losses`, or any of outputs and targets.
    - `penalty`: a term beside the loss, such as `lambda p: 1e-4 * l2(p)`, a function of the optimizer's parameters, or
      `lambda: 1e-4 * l2(weights)`, one of nothing. It is a part of the losses in the history, held-out ones too.
    - `optimizer`: `SGD` with its own learning rate if not given. `max_norm`: clip gradients to this norm.
    - `batch_size`: examples in a step, all of them if not given; batches are drawn anew each epoch, by `seed`.
    - `validation`: held-out examples, as a pair like `(X, y)`, or the share of the examples to hold out, by `seed`.
    - `metric`: a function beside the loss, of outputs as plain numbers, in lists where a model has several, and of
      targets as they were given. It may look at the model, and changes nothing. If not given it is `loss.metric`, which
      is accuracy for the losses of classifiers in `nn`, or that of the loss that `loss` calls with these outputs and
      targets.
    - `stop`: a `Stop`, or a function of the history that returns why to stop, if it is time.
    - `restore_best`: leave the model as it was after the epoch with the smallest validation loss.
    - `callbacks`: functions of the history, called after each epoch; they may look at the model, and change
      parameters, `optimizer.lr`, what the model and the loss read beside them, or, in one process, the examples, where
      these are lists or arrays. `gradient_norms`: record those of each layer, before clipping.
    - `progress`: show a bar, where the output is a terminal or a notebook.
    - `compiled`: run on arrays ("auto": where that is possible; else a warning says why not). The model and the loss
      are then traced, so within an epoch what they compute must not depend on anything that changes but the parameters.
      What they keep of their last call is of the last example, for callbacks and in the end. Where what they keep adds
      up over the calls, or they compute with it, training is not compiled; nor where examples of a class of one's own
      are others when they are read again.
    - `backend`: that of `compile` which runs it, or "jax", which spreads each batch over all devices that JAX sees. The
      results are the same. After `jax.distributed.initialize` each process gives its own part of `X` and `y`, and of
      the validation; the rest is the same in all. What cannot be compiled is an error where a back end is named.

    Ctrl-C ends training early, and so does a number that is not finite, before it spoils the parameters; `stopped` says
    why. An error in the data is raised, and changes nothing; so is, in any epoch, one of the model's own code.
    Python's cyclic garbage collector rests meanwhile, since graphs have no cycles to collect.

    >>> from nn import MLP, mse
    >>> history = fit(MLP(1, [1], seed=1), [[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0], loss=mse, epochs=200)
    >>> history.loss[-1] < 1e-4
    True
    """
    X, y = as_sequence(X), as_sequence(y)
    if len(X) != len(y) or not len(X):
        raise ValueError(f"fit takes one target for each example, and at least one, got {len(X)} and {len(y)}")
    epochs = whole(epochs, "epochs", 0, "epochs")
    if batch_size is not None:
        batch_size = whole(batch_size, "batch_size", 1, "examples")
    if restore_best and validation is None:
        raise ValueError("restore_best compares losses on held-out examples; give them as validation")
    if compiled not in (True, False, "auto"):
        raise ValueError(f"compiled is True, False or 'auto', got {compiled!r:.60}")
    compiled = compiled if isinstance(compiled, str) else bool(compiled)
    if current_lockstep() is not None:  # one of many runs, as in nn.sweep(..., backend="jax")
        backend, progress = "jax" if backend == "auto" and compiled is not False else backend, False
    _check_backend(backend, compiled)
    if max_norm is not None:
        above_zero(max_norm, "max_norm")
    judge = metric_for(metric, loss)
    _check_model(model, "fit")
    if gradient_norms and not isinstance(model, Module):
        raise TypeError(f"gradient_norms are those of the layers of a Module, got {model!r:.60}; make it a Module")
    optimizer = optimizer_for(optimizer, model)
    penalised = loss if penalty is None else with_penalty(loss, penalty, optimizer.parameters)
    counts = shares(len(X), backend).counts
    if len(counts) > 1:
        seed = common_seed(seed, generator(None).getrandbits(31))
        if isinstance(validation, Real) or getattr(stop, "seconds", None) is not None:
            raise ValueError(
                "several processes have no share of all examples, and no clock, in common: give each its "
                "part of the validation as a pair, and stop by epochs, loss or metric"
            )
    rng = generator(seed)
    X, y, held_out = hold_out(X, y, validation, rng)
    batches = batches_of_epochs(len(X) if len(counts) == 1 else sum(counts), batch_size, epochs, rng)
    hears = metric == "auto" and judge is None
    task = TrainingTask(model, penalised, judge, optimizer, max_norm, gradient_norms, hears, is_known(loss))
    run = TrainingRun(task, stop, callbacks, restore_best, batch_size, compiled, backend)
    with (
        collector_paused(),
        scopes_closed(),
        modes.enable_grad(),  # also in a no_grad block
        precision_of(backend),
        bar(epochs, progress) as run.shown,
    ):
        run.train(X, y, held_out, batches, compiled if epochs else False)
    return run.history


def _check_backend(backend: str, compiled: bool | str) -> None:
    if backend == "auto":
        return
    if compiled is False:
        raise ValueError(f"a back end runs what is compiled, got backend={backend!r} and compiled=False")
    if backend == "jax":
        load_jax(ASKER)
        return
    with needs_numpy(f"backend={backend!r}"):
        from autograd.compiler.cut import check_backend

    try:
        check_backend(backend)
    except ValueError as error:
        raise ValueError(f"{error}; fit takes 'jax' too") from None


def _check_model(model: Any, asker: str) -> None:
    if not is_function(model):
        raise TypeError(f"{asker} takes a model, such as MLP(2, [8, 1]), got {model!r:.60}")


def optimizer_for(optimizer: Any, model: Module) -> Optimizer:
    """Return an optimiser of the model's parameters where none is given; raise TypeError for what is none."""
    if optimizer is None:
        if not hasattr(model, "parameters"):
            raise TypeError(
                f"a function has no parameters() to train, got {model!r:.60} as a model and no optimizer; write "
                "optimizer=SGD([w, b], lr=0.1) with the Values that it uses, or make it a Module"
            )
        return SGD(model.parameters())
    if not isinstance(optimizer, Optimizer):
        found, kind = repr(optimizer)[:60], "SGD"
        if isinstance(optimizer, type) and issubclass(optimizer, Optimizer):
            found, kind = f"the class {optimizer.__name__}", optimizer.__name__
        raise TypeError(f"optimizer is an Optimizer, got {found}; write {kind}(model.parameters(), lr=0.1)")
    return optimizer


def evaluate(model: Module, X: Data, y: Data, *, loss: Loss, metric: Metric | str | None = "auto") -> Score:
    """Return the model's mean loss, and accuracy where it is a classifier, without training it.

    >>> from nn import MLP, mse
    >>> evaluate(MLP(1, [1], seed=1), [[0.0]], [2.0], loss=mse).loss
    4.0
    """
    judge = metric_for(metric, loss)
    _check_model(model, "evaluate")
    X, y = as_sequence(X, "evaluate"), as_sequence(y, "evaluate")
    with scopes_closed(), calls_noted() as calls:
        try:
            total, outputs = evaluated(model, X, y, loss)
        except OverflowError:  # the loss is infinite, as where training ends by it
            return Score(math.inf, None if judge is None else math.nan)
    if metric == "auto" and judge is None:
        judge = metric_among(calls, outputs, y)
    return Score(total, judged(judge, outputs, y))
