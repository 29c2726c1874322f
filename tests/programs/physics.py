"""A spring fitted to what was measured: a graph through time, a method patched onto the class, a tree as text."""

from tests.programs.micrograd import Value


def positions(k, damping, steps, dt=0.05):
    x, v = Value(1.0, label="x0"), Value(0.0, label="v0")
    path = []
    for _ in range(steps):
        a = -k * x - damping * v
        v = v + a * dt
        x = x + v * dt
        path.append(x)
    return path


def square(self):
    return self**2


def sqrt(self):
    return self**0.5


def show(v, depth=0, limit=4):
    line = "  " * depth + f"{v._op.lower() or 'leaf'} {v.label} {v.data:.3f}"
    return (
        [line, *(text for p in sorted(v._prev, key=lambda n: n.data) for text in show(p, depth + 1))]
        if depth < limit
        else []
    )


def run():
    Value.square, before = square, getattr(Value, "square", None)
    measured = [p.data for p in positions(Value(4.0), Value(0.3), 40)]
    k, damping = Value(3.0, label="k"), Value(0.0, label="damping")
    found = []
    try:
        for _ in range(15):
            path = positions(k, damping, 40)
            loss = sum((p - q).square() for p, q in zip(path, measured))
            loss = loss * (1 / len(path))
            loss.backward()
            rms = sqrt(loss)
            k.data, damping.data = k.data - 2.0 * k.grad, damping.data - 2.0 * damping.grad
            found += [loss.data, rms.data, k.grad]
            k.grad = damping.grad = 0.0
    finally:
        if before is None:
            del Value.square
    a = (k * 2 + damping).relu()
    a.backward()
    return [*found, k.data, damping.data, "\n".join(show(a))]
