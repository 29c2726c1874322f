"""A softmax classifier with arrays of Values: NumPy's products, cross-entropy, mini-batches, a decaying rate."""

import numpy as np

from tests.programs.micrograd import Value

rng = np.random.default_rng(0)
CENTRES = np.array([[0.0, 2.0], [2.0, -1.0], [-2.0, -1.0]])


def values(array):
    return np.vectorize(Value, otypes=[object])(array)


def run():
    labels = rng.integers(0, 3, 24)
    points = CENTRES[labels] + rng.normal(0, 0.3, (24, 2))
    W, b = values(rng.normal(0, 0.1, (2, 3))), np.array([Value(0.0) for _ in range(3)])
    parameters = [*W.flatten(), *b]
    found = []
    for epoch in range(4):
        for start in range(0, 24, 8):
            X, y = points[start : start + 8], labels[start : start + 8]
            logits = X @ W + b
            exponentials = np.exp(logits)
            probabilities = exponentials / exponentials.sum(axis=1, keepdims=True)
            loss = -sum(np.log(probabilities[i, k]) for i, k in enumerate(y)) / len(y)
            loss = loss + 0.001 * (W**2).sum()
            for p in parameters:
                p.grad = 0.0
            loss.backward()
            for p in parameters:
                p.data -= 0.5 * 0.9**epoch * p.grad
            found.append(loss.data)
    logits = points @ W + b
    predicted = [max(range(3), key=lambda k, row=row: row[k].data) for row in logits]
    return [*found, float(np.mean(np.array(predicted) == labels)), *[int(k) for k in predicted]]
