"""A recurrent cell, on one page: a network that reads a handwritten digit line by line, and remembers.

A layer sees its whole input at once. A recurrent cell sees a piece of it at a time and keeps a few numbers, its memory;
each piece changes the memory, by the same weights every time:

    memory <- tanh(W · [piece, memory] + b)

The 1,797 digits of scikit-learn are 8 x 8 pixels, written by 13 people. The cell reads the eight
lines of an image from top to bottom, and only what it then remembers decides which digit it was. So the gradient of
the loss flows back through eight uses of the same weights, each of which adds its share: no rule for recurrence is
needed beside the chain rule.

    python notebooks/examples/recurrent_cell.py
"""

import random

import numpy as np
from sklearn.datasets import load_digits

from autograd import compile, dot, logsumexp
from nn import SGD, Layer, Module


class RecurrentCell(Module):
    """A memory of `size` numbers, and a layer that makes the next memory from a piece of the input and this one."""

    def __init__(self, nin: int, size: int, seed: random.Random) -> None:
        self.size = size
        self.step = Layer(nin + size, size, "tanh", seed=seed)

    def forward(self, pieces):
        memory = [0.0] * self.size
        for piece in pieces:
            memory = self.step([*piece, *memory])
        return memory


class Reader(Module):
    """A recurrent cell, and a layer that turns its last memory into one logit for each digit."""

    def __init__(self, seed: int) -> None:
        rng = random.Random(seed)
        self.cell = RecurrentCell(8, 24, rng)
        self.answer = Layer(24, 10, None, seed=rng)

    def forward(self, lines):
        return self.answer(self.cell(lines))


def train(epochs: int = 25, seed: int = 0) -> tuple[Reader, float]:
    """Train on four fifths of the digits; return the reader, and its accuracy on the last fifth."""
    images, digits = load_digits(return_X_y=True)
    lines, targets = images.reshape(-1, 8, 8) / 16.0, np.eye(10)[digits]
    order = np.random.default_rng(seed).permutation(len(lines))
    training, testing = order[360:], order[:360]

    reader = Reader(seed)
    parameters = reader.parameters()
    print(f"{len(parameters)} parameters, of which the cell uses {len(reader.cell.parameters())} eight times")

    # Cross-entropy, written for one image; compiled, it runs on a whole batch of them.
    @compile(batched=("image", "target"))
    def loss(image, target):
        logits = reader(image)
        return logsumexp(logits) - dot(target, logits)

    optimizer = SGD(parameters, lr=0.15)
    shuffle = np.random.default_rng(seed)
    for epoch in range(epochs):
        batches = np.array_split(shuffle.permutation(training), 45)
        total = 0.0
        for batch in batches:
            optimizer.zero_grad()
            total += loss.backward(lines[batch], targets[batch])
            optimizer.step()
        if epoch % 5 == 4:
            print(f"epoch {epoch + 1:2}: loss {total / len(batches):.3f}")

    answers = compile(reader)
    right = [np.argmax(answers(image)) == digit for image, digit in zip(lines[testing], digits[testing], strict=True)]
    return reader, sum(right) / len(right)


if __name__ == "__main__":
    _, accuracy = train()
    print(f"held out: {accuracy:.1%} of 360 digits right")
