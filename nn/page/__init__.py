"""Playground: a page on which a model learns, in a browser and without Python.

The page is one file without any network: the model's loss as JavaScript, printed from its instructions, the update
formulas of the optimisers, the data, and the playground files that stand beside this one. Nothing of it is loaded
before a page is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from nn.modules import Module
from nn.training.optimizer import Optimizer
from nn.training.splits import Data

if TYPE_CHECKING:
    from nn.page.learning_page import Playground


def playground(
    model: Module,
    X: Data,
    y: Data,
    *,
    loss: Callable[..., Any],
    penalty: Callable[..., Any] | None = None,
    optimizer: Optimizer | None = None,
    batch_size: int | None = None,
    validation: tuple[Data, Data] | float | None = None,
    seed: int | None = None,
    features: Sequence[str] | None = None,
    classes: Sequence[str] | None = None,
    title: str | None = None,
) -> Playground:
    """Return a page on which a model learns these examples, step by step, as `fit` with the same arguments would.

    It shows itself in a notebook; `save("page.html")` writes it as one file that needs no network. The model itself
    stays as it is. On the page, learning rate, optimiser, batch size and regularisation can be changed, steps undone,
    and every gradient looked into; it gives the run as a Python program, and the trained network for `load`. A schedule
    of your own, which is no function of `nn.schedules`, is written down for 5,000 steps; then the page asks for a rate.

    `features` and `classes` are names to show. Raises TypeError or ValueError where the model or the loss does not
    compile, as one that branches on a number, and for an optimiser whose rule wants floats.

    >>> from nn import MLP, hinge
    >>> playground(MLP(2, [4, 1], "tanh", seed=1), [[0.0, 1.0], [1.0, 0.0]], [1, -1], loss=hinge)
    <page of MLP 2 → 4 → 1, learning from 2 examples>
    """
    try:
        from nn.page.learning_page import page_of
    except ImportError as error:
        raise ImportError(
            f"playground needs the {error.name} package: python -m pip install 'scalar-autograd[compile,draw]'"
        ) from error
    return page_of(
        model,
        X,
        y,
        loss=loss,
        penalty=penalty,
        optimizer=optimizer,
        batch_size=batch_size,
        validation=validation,
        seed=seed,
        features=features,
        classes=classes,
        title=title,
    )
