"""Functions of sweeps that processes can import."""

import os
import time
from pathlib import Path

import nn


def square(x, n=2):
    return {"power": x**n, "of": x}


def picky(x, n=2):
    if x == 3.0:
        raise ValueError(f"no {x} here")
    return x**n


def deadly(x, n=2):
    if x == 3.0:
        os._exit(9)
    time.sleep(0.05)
    return x**n


def trained(seed, lr):
    model = nn.MLP(2, [3, 1], "tanh", seed=seed)
    X = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
    optimizer = nn.Adam(model.parameters(), lr=lr)
    history = nn.fit(model, X, [-1, 1, 1, -1], loss=nn.hinge, optimizer=optimizer, epochs=5 + seed, seed=seed)
    return {"loss": history.loss[-1], "accuracy": history.accuracy[-1]}


def numbered(path, x):
    """Append a line to a file, and return the number."""
    with Path(path).open("a", encoding="utf-8") as file:
        file.write(f"{x}\n")
    return x


def killed_once(path, x):
    """Kill the worker, the first time that x is 3."""
    marker = Path(path)
    if x == 3 and not marker.exists():
        marker.touch()
        os.kill(os.getpid(), 9)
    time.sleep(0.1)
    return x * x


class Heavy:
    """A function that notes in a file each process to which it is sent."""

    def __init__(self, path, size=100_000):
        self.path, self.ballast = str(path), bytes(size)

    def __setstate__(self, state):
        self.__dict__ = state
        with Path(self.path).open("a", encoding="utf-8") as file:
            file.write(f"{os.getpid()}\n")

    def __call__(self, x):
        time.sleep(0.002)
        return x + len(self.ballast)
