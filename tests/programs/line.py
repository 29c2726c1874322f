"""A line through points: lists of losses, a gradient by differences, data nudged and the graph built again."""

from tests.programs.micrograd import Value

xs = [-2.0, -1.0, 0.0, 1.5, 3]
ys = [-4.1, -2.2, 0.1, 2.8, 6.3]


def mean_squared_error(w, b):
    losses = []
    for x, y in zip(xs, ys):
        pred = w * x + b
        losses.append((pred - y) ** 2)
    return sum(losses, Value(0.0)) / len(losses)


def topological(root):
    topo, visited = [], set()

    def build_topo(v):
        if v not in visited:
            visited.add(v)
            for child in v._prev:
                build_topo(child)
            topo.append(v)

    build_topo(root)
    return topo


def run():
    w, b = Value(0.5), Value(0)
    found = []
    for epoch in range(30):
        loss = mean_squared_error(w, b)
        w.grad, b.grad = 0, 0
        loss.backward()
        if epoch == 0:
            h = 1e-6
            before = loss.data
            w.data += h
            slope = (mean_squared_error(w, b).data - before) / h
            w.data -= h
            found.append(abs(slope - w.grad) < 1e-3 * abs(w.grad))
        lr = 0.1 if epoch < 10 else 0.05
        w.data -= lr * w.grad
        b.data -= lr * b.grad
        found.append(float(f"{loss.data:.6f}"))
    found += [w.data, b.data, f"{w.data:.3f}x + {b.data:.3f}"]
    leaves = [v for v in topological(loss) if v._op == ""]
    return [*found, w in leaves, b in leaves, topological(loss)[-1] is loss]
