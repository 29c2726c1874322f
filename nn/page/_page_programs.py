"""Programs of the page: the loss of an example, the outputs of all neurons, and penalties, as JavaScript.

All of them are printed from the instructions that compiled training runs, after `fit`'s own checks of the examples: so
what `fit` refuses is refused here, with its words.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import autograd
from autograd import Value, rules
from autograd.compiler.lowering import Lowering
from autograd.engine import topological_order
from autograd.export import program_of
from autograd.export.typed_arrays import javascript_of
from nn.data.random_state import chance_restored, generators_of
from nn.losses import l1, l2
from nn.modules import Module
from nn.training.compiled_stepping import CompiledSteps
from nn.training.examples import Examples, evaluated
from nn.training.history import metric_for
from nn.training.judging import is_known
from nn.training.loop import depends_on_parameters, untrained_error
from nn.training.metrics import accuracy, binary_accuracy
from nn.training.optimizer import Optimizer
from nn.training.penalties import with_penalty
from nn.training.side_effects import state_restored
from nn.training.stepping import CHECKED, EagerSteps, TrainingTask

MOST_NUMBERS = 2_000_000  # of data, on a page of a few dozen megabytes


class PagePrograms:
    """A model's loss as a program of one example, with what the page has to know of it."""

    def __init__(
        self,
        model: Module,
        loss: Callable[..., Any],
        penalised: Callable[..., Any],
        optimizer: Optimizer,
        examples: Examples,
        held_out: Examples | None,
    ) -> None:
        names = {parameter: name for name, parameter in model.named_parameters()}
        for parameter in optimizer.parameters:
            if not math.isfinite(parameter.data):
                raise ValueError(
                    f"playground takes finite numbers, and the parameter {names.get(parameter, parameter.label)} is "
                    f"{parameter.data}; begin again with a new model, or with a saved one"
                )
        judge = metric_for("auto", loss)
        task = TrainingTask(model, loss, judge, optimizer, hears_metric=judge is None, loss_is_known=is_known(loss))
        eager = EagerSteps(task)
        eager.begin()
        parts = [part for part in (examples, held_out) if part is not None]
        trial = chance_restored(generators_of(model, loss), eager.trial_of(examples))
        with state_restored(model, loss, wholly=True), trial as drawn:
            if not depends_on_parameters(optimizer, model, penalised, examples):
                raise untrained_error(optimizer, model)
            for part in parts:
                if not eager.look_at(part, None):
                    raise ValueError("playground takes a loss that is the mean over its examples, as those of nn are")
                if oddity := part.oddity():
                    raise ValueError(f"playground takes finite numbers, and {oddity}; leave such examples out")
            few = examples.batch(examples.representative(CHECKED))
            try:
                evaluated(model, few.x, few.y, loss)
            except OverflowError as error:
                remedy = "give smaller examples, or a model with smaller parameters"
                raise ValueError(f"playground begins with a finite loss, and {error}; {remedy}") from error
            if drawn():
                raise ValueError("the model or the loss draws random numbers, which a page would repeat")
            steps = CompiledSteps(task._replace(metric=accuracy, hears_metric=False))  # with a metric: outputs too
            arrays = [[flat.rows for flat in steps.data(part).arrays] for part in parts]
            steps.check(steps.data(examples), with_state=False)
        count = sum(x.size + y.size for x, y in arrays)
        if count > MOST_NUMBERS:
            raise ValueError(
                f"these examples are {count:,} numbers, and a page holds up to {MOST_NUMBERS:,}; give fewer examples"
            )
        self.lowering: Lowering = program_of(steps.program, "playground").lowering
        self.root, *beside = self.lowering.roots
        self.outputs = [node.parents[0] if node.op is rules.detached else node for node in beside]
        # Several labels of an example are not classes, of which one is right; the page shows them as numbers.
        self.is_classifier = eager.metric is accuracy or (eager.metric is binary_accuracy and len(self.outputs) == 1)
        count = int(arrays[0][0][0].size)
        self.inputs, self.targets = list(self.lowering.batched[:count]), list(self.lowering.batched[count:])
        self.data = [{"x": x.ravel().tolist(), "y": y.ravel().tolist(), "count": len(x)} for x, y in arrays]
        self.parameters = optimizer.parameters

    def sources(self, nodes: Sequence[Value], penalty: Callable[..., Any] | None) -> dict[str, str]:
        """Return the programs by name, each the text of a function; `nodes` are those whose values the page shows."""

        def on_examples(name: str, *roots: Value) -> str:
            lowering = replace(self.lowering, roots=roots, order=topological_order(*roots))
            return javascript_of(lowering, name, with_helpers=False)

        penalties: dict[str, Callable[..., Any]] = {"l1": l1, "l2": l2}
        if penalty is not None:
            penalties["own"] = penalty
        found = {"objective": on_examples("objective", self.root), "activity": on_examples("activity", *nodes)}
        for name, one in penalties.items():
            total = with_penalty(lambda outputs, targets: 0.0, one, self.parameters)([], [])
            program = program_of(autograd.compile(total, wrt=self.parameters), "playground")
            found[name] = javascript_of(program.lowering, name, with_helpers=False)
        return found
