"""A thin neural-network package on top of `autograd`: modules, losses, an optimiser, a training loop.

>>> from nn import MLP, SGD, fit, hinge
>>> model = MLP(2, [8, 1], seed=1)
>>> X, y = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [-1, 1, 1, -1]
>>> history = fit(model, X, y, loss=hinge, optimizer=SGD(model.parameters(), lr=0.2), epochs=100)
>>> history.accuracy[-1]
1.0
"""

from nn import datasets, plots, storage, tables
from nn.losses import cross_entropy, hinge, mse
from nn.modules import MLP, Layer, Module, Neuron
from nn.optim import SGD
from nn.storage import load, save
from nn.tables import read_csv
from nn.training import History, evaluate, fit

__all__ = [
    "History",
    "Layer",
    "MLP",
    "Module",
    "Neuron",
    "SGD",
    "cross_entropy",
    "datasets",
    "evaluate",
    "fit",
    "hinge",
    "load",
    "mse",
    "plots",
    "read_csv",
    "save",
    "storage",
    "tables",
]
