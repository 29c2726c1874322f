"""A small convolution, on one page: one little layer that looks everywhere in an image with the same weights.

A neuron of an MLP has a weight for every pixel, so what it learns in one corner it does not know in another. A
convolution is a layer that sees a window of 3 x 3 pixels only, and is slid over the image: the same weights at every
place. Its outputs are maps, which say where in the image each of its neurons found what it looks for. Pooling keeps the
largest of each 2 x 2 places: where exactly something was no longer matters much, and there is less to compute.

Here are 1,797 handwritten digits of scikit-learn, 8 x 8 pixels each, written by 13 people. The weights of a window are
used at 36 places, and the chain rule adds up what each place says about them. Nothing in the engine knows of
convolutions; `compile` finds the 36 places that are alike and runs them as one matrix product.

    python notebooks/examples/convolution.py
"""

import random

import numpy as np
from sklearn.datasets import load_digits

from autograd import compile, dot, logsumexp, maximum
from nn import SGD, Layer, Module


class Convolution(Module):
    """A layer of `maps` neurons with relu, slid over an image: each sees `side` x `side` pixels at a time."""

    def __init__(self, side: int, maps: int, seed: random.Random) -> None:
        self.side = side
        self.window = Layer(side * side, maps, "relu", seed=seed)

    def forward(self, image):
        places = range(len(image) - self.side + 1)
        return [[self.window(self.pixels(image, row, column)) for column in places] for row in places]

    def pixels(self, image, row, column):
        return [image[row + i][column + j] for i in range(self.side) for j in range(self.side)]


def pooled(maps):
    """Return the largest of each 2 x 2 places, map by map, all in one list."""
    rows = [zip(upper[::2], upper[1::2], lower[::2], lower[1::2]) for upper, lower in zip(maps[::2], maps[1::2])]
    places = [place for row in rows for place in row]
    return [maximum(maximum(a, b), maximum(c, d)) for place in places for a, b, c, d in zip(*place)]


class Looker(Module):
    """A convolution (8 x 8 pixels to 8 maps of 6 x 6), pooling (to 3 x 3), and a layer with one logit a digit."""

    def __init__(self, seed: int) -> None:
        rng = random.Random(seed)
        self.convolution = Convolution(3, 8, rng)
        self.answer = Layer(8 * 3 * 3, 10, None, seed=rng)

    def forward(self, image):
        return self.answer(pooled(self.convolution(image)))


def train(epochs: int = 20, seed: int = 0) -> tuple[Looker, float]:
    """Train on four fifths of the digits; return the network, and its accuracy on the last fifth."""
    pixels, digits = load_digits(return_X_y=True)
    images, targets = pixels.reshape(-1, 8, 8) / 16.0, np.eye(10)[digits]
    order = np.random.default_rng(seed).permutation(len(images))
    training, testing = order[360:], order[:360]

    looker = Looker(seed)
    parameters = looker.parameters()
    print(f"{len(parameters)} parameters, of which the window uses {len(looker.convolution.parameters())} at 36 places")

    # Cross-entropy, written for one image; compiled, it runs on a whole batch of them.
    @compile(batched=("image", "target"))
    def loss(image, target):
        logits = looker(image)
        return logsumexp(logits) - dot(target, logits)

    optimizer = SGD(parameters, lr=0.2)
    shuffle = np.random.default_rng(seed)
    for epoch in range(epochs):
        batches = np.array_split(shuffle.permutation(training), 45)
        total = 0.0
        for batch in batches:
            optimizer.zero_grad()
            total += loss.backward(images[batch], targets[batch])
            optimizer.step()
        if epoch % 5 == 4:
            print(f"epoch {epoch + 1:2}: loss {total / len(batches):.3f}")

    answers = compile(looker)
    right = [np.argmax(answers(image)) == digit for image, digit in zip(images[testing], digits[testing], strict=True)]
    return looker, sum(right) / len(right)


if __name__ == "__main__":
    _, accuracy = train()
    print(f"held out: {accuracy:.1%} of 360 digits right")
