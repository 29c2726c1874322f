"""A thin neural-network package on top of `autograd`: modules, losses, optimisers, a training loop.

>>> from nn import MLP, SGD, fit, hinge
>>> model = MLP(2, [8, 1], seed=1)
>>> X, y = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [-1, 1, 1, -1]
>>> history = fit(model, X, y, loss=hinge, optimizer=SGD(model.parameters(), lr=0.2), epochs=100)
>>> history.accuracy[-1]
1.0
"""

from nn import _dependencies as _dependencies  # first: it tells what would go wrong in the others
from nn import plots, schedules
from nn.data import datasets, tables
from nn.data.tables import read_csv
from nn.fitting import evaluate, fit
from nn.losses import binary_cross_entropy, cross_entropy, hinge, huber, l1, l2, mae, mse
from nn.modules import MLP, Layer, Module, Neuron
from nn.optim import SGD, Adagrad, Adam, AdamW, RMSprop
from nn.page import playground
from nn.sweeping.sweeps import sweep
from nn.training import storage
from nn.training.clipping import clip_grad_norm
from nn.training.history import History, Stop
from nn.training.metrics import accuracy, binary_accuracy
from nn.training.optimizer import Optimizer
from nn.training.storage import load, save

__all__ = [
    "Adagrad",
    "Adam",
    "AdamW",
    "History",
    "Layer",
    "MLP",
    "Module",
    "Neuron",
    "Optimizer",
    "RMSprop",
    "SGD",
    "Stop",
    "accuracy",
    "binary_accuracy",
    "binary_cross_entropy",
    "clip_grad_norm",
    "cross_entropy",
    "datasets",
    "evaluate",
    "fit",
    "hinge",
    "huber",
    "l1",
    "l2",
    "load",
    "mae",
    "mse",
    "playground",
    "plots",
    "read_csv",
    "save",
    "schedules",
    "storage",
    "sweep",
    "tables",
]
