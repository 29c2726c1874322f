"""Programs of scalars as people write them, for any engine: `m` has its functions, and `p` its numbers.

Each makes a function `f(m, p)` and the numbers to begin with; those of one example are for a batch.
"""

import math
import random
from collections.abc import Callable
from typing import Any

Program = tuple[Callable[[Any, Any], Any], list[float]]


def normal(count: int, mean: float = 0.0, deviation: float = 1.0) -> list[float]:
    rng = random.Random(0)
    return [rng.gauss(mean, deviation) for _ in range(count)]


def lorenz(steps: int = 400) -> Program:
    """The Lorenz attractor, by Euler's method."""

    def f(m: Any, p: Any) -> Any:
        x, y, z, s, r, b = p
        for _ in range(steps):
            x, y, z = x + 0.01 * s * (y - x), y + 0.01 * (x * (r - z) - y), z + 0.01 * (x * y - b * z)
        return x + y + z

    return f, [1.0, 1.2, 0.9, 10.0, 28.0, 8.0 / 3.0]


def sir(days: int = 300) -> Program:
    """An epidemic: susceptible, infected, recovered, and the distance from what was counted."""

    def f(m: Any, p: Any) -> Any:
        beta, gamma, s, i = m.exp(p[0]), m.exp(p[1]), p[2], p[3]
        total = 0.0
        for day in range(days):
            new, gone = 0.1 * beta * s * i, 0.1 * gamma * i
            s, i = s - new, i + new - gone
            d = i - 0.1 * math.exp(-(((day - 100) / 50) ** 2))
            total = total + d * d
        return total

    return f, [-0.5, -1.5, 0.95, 0.05]


def nbody(bodies: int = 5, steps: int = 40) -> Program:
    """Planets that attract each other in a plane."""

    def f(m: Any, p: Any) -> Any:
        q = [[p[4 * i], p[4 * i + 1]] for i in range(bodies)]
        v = [[p[4 * i + 2], p[4 * i + 3]] for i in range(bodies)]
        for _ in range(steps):
            for i in range(bodies):
                for j in range(i):
                    dx, dy = q[i][0] - q[j][0], q[i][1] - q[j][1]
                    pull = 0.001 * (dx * dx + dy * dy + 0.1) ** -1.5
                    v[i] = [v[i][0] - pull * dx, v[i][1] - pull * dy]
                    v[j] = [v[j][0] + pull * dx, v[j][1] + pull * dy]
            q = [[a + 0.01 * b for a, b in zip(qi, vi, strict=True)] for qi, vi in zip(q, v, strict=True)]
        return m.fsum([a * a + b * b for a, b in q])

    return f, normal(4 * bodies)


def pendulum(steps: int = 300) -> Program:
    """A double pendulum, by the semi-implicit Euler method."""

    def f(m: Any, p: Any) -> Any:
        a, b, u, v = p
        for _ in range(steps):
            c, s = m.cos(a - b), m.sin(a - b)
            below = 2.0 - c * c
            u = u + 0.01 * (-s * c * u * u - s * v * v - 9.8 * (2.0 * m.sin(a) - m.sin(b) * c)) / below
            v = v + 0.01 * (s * c * v * v + 2.0 * s * u * u + 9.8 * (2.0 * m.sin(a) * c - 2.0 * m.sin(b))) / below
            a, b = a + 0.01 * u, b + 0.01 * v
        return a * a + b * b

    return f, [0.5, -0.3, 0.1, 0.2]


def hmm(states: int = 5, steps: int = 100) -> Program:
    """The forward algorithm of a hidden Markov model."""

    def f(m: Any, p: Any) -> Any:
        move = [p[i * states : (i + 1) * states] for i in range(states)]
        alpha = p[states * states :]
        for t in range(steps):
            alpha = [
                m.logsumexp([alpha[i] + move[i][j] for i in range(states)]) - 0.1 * (j == t % 3) for j in range(states)
            ]
        return m.logsumexp(alpha)

    return f, normal(states * states + states, -1.0, 0.5)


def crf(labels: int = 6, length: int = 40) -> Program:
    """The likelihood of a chain of labels: its score, less the logarithm of the sum over all chains."""
    rng = random.Random(1)
    gold = [rng.randrange(labels) for _ in range(length)]

    def f(m: Any, p: Any) -> Any:
        move = [p[i * labels : (i + 1) * labels] for i in range(labels)]
        emit = [p[(labels + t) * labels : (labels + t + 1) * labels] for t in range(length)]
        alpha = emit[0]
        score = emit[0][gold[0]]
        for t in range(1, length):
            alpha = [m.logsumexp([alpha[i] + move[i][j] for i in range(labels)]) + emit[t][j] for j in range(labels)]
            score = score + move[gold[t - 1]][gold[t]] + emit[t][gold[t]]
        return m.logsumexp(alpha) - score

    return f, normal(labels * (labels + length))


def ctc(length: int = 30, symbols: int = 5) -> Program:
    """Connectionist temporal classification: the likelihood of a word in a sequence of frames."""
    word = [0, 1, 0, 2, 0, 1, 0, 3, 0]  # with blanks

    def f(m: Any, p: Any) -> Any:
        far = -1e3
        frames = []
        for t in range(length):
            row = p[t * symbols : (t + 1) * symbols]
            norm = m.logsumexp(row)
            frames.append([x - norm for x in row])
        alpha = [frames[0][word[0]], frames[0][word[1]], *[far] * (len(word) - 2)]
        for t in range(1, length):
            new = []
            for s in range(len(word)):
                terms = [alpha[s], *alpha[s - 1 : s]]
                if s > 1 and word[s] != 0 and word[s] != word[s - 2]:
                    terms.append(alpha[s - 2])
                new.append((m.logsumexp(terms) if len(terms) > 1 else terms[0]) + frames[t][word[s]])
            alpha = new
        return -m.logsumexp(alpha[-2:])

    return f, normal(length * symbols)


def kalman(steps: int = 200) -> Program:
    """A Kalman filter of a local level, and its likelihood."""
    data = normal(steps)

    def f(m: Any, p: Any) -> Any:
        q, r = m.exp(p[0]), m.exp(p[1])
        level, v, total = p[2], p[3] * p[3], 0.0
        for y in data:
            v = v + q
            s = v + r
            k, e = v / s, y - level
            total = total + m.log(s) + e * e / s
            level, v = level + k * e, (1.0 - k) * v
        return total

    return f, [0.1, 0.2, 0.3, 1.1]


def tridiagonal(n: int = 400) -> Program:
    """A tridiagonal system, by Thomas's algorithm."""

    def f(m: Any, p: Any) -> Any:
        c, d = [p[0] / (4.0 + p[1])], [p[2] / (4.0 + p[1])]
        for i in range(1, n):
            w = 4.0 + p[1] * 0.1 - p[i % 7] * 0.1 * c[-1]
            c.append(1.0 / w)
            d.append((p[i % 7] - d[-1]) / w)
        x = d[-1]
        for i in range(n - 2, -1, -1):
            x = d[i] - c[i] * x
        return x * x

    return f, [0.5 + 0.07 * i for i in range(7)]


def lu(n: int = 14) -> Program:
    """The logarithm of a determinant, by Gaussian elimination."""

    def f(m: Any, p: Any) -> Any:
        a = [[p[n * i + j] + (n if i == j else 0.0) for j in range(n)] for i in range(n)]
        total = 0.0
        for k in range(n):
            total = total + m.log(a[k][k])
            for i in range(k + 1, n):
                factor = a[i][k] / a[k][k]
                for j in range(k + 1, n):
                    a[i][j] = a[i][j] - factor * a[k][j]
        return total

    return f, normal(n * n)


def gaussian_process(n: int = 14) -> Program:
    """The likelihood of a Gaussian process, by Cholesky's factors."""
    xs = [0.3 * i for i in range(n)]

    def f(m: Any, p: Any) -> Any:
        scale, noise = m.exp(p[0]), m.exp(p[1])
        low: list[list[Any]] = []
        z: list[Any] = []
        total: Any = 0.0
        for i in range(n):
            row: list[Any] = []
            for j in range(i + 1):
                k = m.exp(-((xs[i] - xs[j]) ** 2) / scale) + (noise if i == j else 0.0)
                if j:
                    k = k - (m.dot(row, low[j][:j]) if j < i else m.dot(row, row))
                row.append(m.sqrt(k) if i == j else k / low[j][j])
            low.append(row)
            z.append(((p[2] + math.sin(xs[i])) - (m.dot(row[:i], z) if i else 0.0)) / row[i])
            total = total + z[-1] * z[-1] + 2.0 * m.log(row[i])
        return total

    return f, [0.1, -1.0, 0.2]


def heat(n: int = 40, steps: int = 60) -> Program:
    """The heat equation in one dimension."""

    def f(m: Any, p: Any) -> Any:
        u = list(p)
        for _ in range(steps):
            u = [u[0], *[b + 0.2 * (a - 2.0 * b + c) for a, b, c in zip(u, u[1:], u[2:], strict=False)], u[-1]]
        return m.fsum([x * x for x in u])

    return f, [math.sin(0.3 * i) for i in range(n)]


def heat_2d(n: int = 10, steps: int = 25) -> Program:
    """The heat equation in two dimensions."""

    def f(m: Any, p: Any) -> Any:
        u = [p[n * i : n * i + n] for i in range(n)]
        for _ in range(steps):
            old, u = u, [list(row) for row in u]
            for i in range(1, n - 1):
                for j in range(1, n - 1):
                    around = old[i - 1][j] + old[i + 1][j] + old[i][j - 1] + old[i][j + 1]
                    u[i][j] = old[i][j] + 0.2 * (around - 4.0 * old[i][j])
        return m.fsum([x * x for row in u for x in row])

    return f, normal(n * n)


def lstm(cells: int = 4, steps: int = 30) -> Program:
    """An LSTM of a few cells."""
    width = 4 * (cells + 2)

    def f(m: Any, p: Any) -> Any:
        h, c = [0.0] * cells, [0.0] * cells
        for t in range(steps):
            inputs = [*h, math.sin(0.1 * t), 1.0]
            gates = [
                [m.dot(p[width * k + g * (cells + 2) : width * k + (g + 1) * (cells + 2)], inputs) for g in range(4)]
                for k in range(cells)
            ]
            c = [m.sigmoid(g[0]) * old + m.sigmoid(g[1]) * m.tanh(g[2]) for g, old in zip(gates, c, strict=True)]
            h = [m.sigmoid(g[3]) * m.tanh(new) for g, new in zip(gates, c, strict=True)]
        return m.fsum(h)

    return f, normal(width * cells, 0.0, 0.5)


def springs(points: int = 12, steps: int = 20) -> Program:
    """A network of points and springs that swings; the springs are irregular."""
    rng = random.Random(2)
    pairs = [(i, j) for i in range(points) for j in range(i) if rng.random() < 0.3]

    def f(m: Any, p: Any) -> Any:
        x, y = p[:points], p[points : 2 * points]
        u, v = [0.0] * points, [0.0] * points
        for _ in range(steps):
            u, v = list(u), list(v)
            for i, j in pairs:
                dx, dy = x[i] - x[j], y[i] - y[j]
                length = m.sqrt(dx * dx + dy * dy + 0.01)
                pull = 0.02 * (length - 1.0) / length
                u[i], v[i], u[j], v[j] = u[i] - pull * dx, v[i] - pull * dy, u[j] + pull * dx, v[j] + pull * dy
            x = [a + 0.1 * b for a, b in zip(x, u, strict=True)]
            y = [a + 0.1 * b for a, b in zip(y, v, strict=True)]
        return m.fsum([a * a + b * b for a, b in zip(x, y, strict=True)])

    return f, normal(2 * points)


def random_graph(nodes: int) -> Program:
    """A random graph of sums, products and functions, each of any earlier results."""

    def f(m: Any, p: Any) -> Any:
        kinds = [lambda a, b: m.tanh(a * b), lambda a, b: m.sin(a + b), lambda a, b: 0.5 * a - b * 0.3]
        rng = random.Random(0)
        v = [p[i] for i in range(10)]
        for _ in range(nodes // 2):
            a, b = rng.choice(v[-50:]), rng.choice(v)
            v.append(rng.choice(kinds)(a, b))
        return m.fsum(v[-20:])

    return f, [0.1 * i for i in range(1, 11)]


def felsenstein(leaves: int = 32) -> Program:
    """The likelihood of a tree of species, by Felsenstein's pruning, in Jukes and Cantor's model."""
    rng = random.Random(3)
    letters = [rng.randrange(4) for _ in range(leaves)]

    def f(m: Any, p: Any) -> Any:
        level: list[list[Any]] = [[float(k == letter) for k in range(4)] for letter in letters]
        number = 0
        while len(level) > 1:
            above = []
            for a, b in zip(level[::2], level[1::2], strict=True):
                sides = []
                for side in (a, b):
                    decay = m.exp(-m.exp(p[number]))
                    number += 1
                    total = side[0] + side[1] + side[2] + side[3]
                    sides.append([0.25 * (1.0 - decay) * total + decay * x for x in side])
                above.append([x * y for x, y in zip(*sides, strict=True)])
            level = above
        return -m.log(0.25 * (level[0][0] + level[0][1] + level[0][2] + level[0][3]))

    return f, normal(2 * leaves - 2, -1.0, 0.3)


def soft_dtw(n: int = 25) -> Program:
    """Soft dynamic time warping of two series."""
    other = [math.cos(0.2 * i) for i in range(n)]

    def f(m: Any, p: Any) -> Any:
        far = 1e3
        above = [0.0, *[far] * n]
        for i in range(n):
            row: list[Any] = [far]
            for j in range(n):
                d = p[i] - other[j]
                row.append(d * d - m.logsumexp([-above[j], -above[j + 1], -row[j]]))
            above = row
        return above[-1]

    return f, [math.sin(0.25 * i) for i in range(n)]


def bundle(cameras: int = 4, points: int = 12) -> Program:
    """Bundle adjustment: where cameras see points, against where they were seen."""

    def f(m: Any, p: Any) -> Any:
        total = 0.0
        for c in range(cameras):
            a, b, tx, ty, tz, focus = p[6 * c : 6 * c + 6]
            ca, sa, cb, sb = m.cos(a), m.sin(a), m.cos(b), m.sin(b)
            for k in range(points):
                x, y, z = p[6 * cameras + 3 * k : 6 * cameras + 3 * k + 3]
                x, z = ca * x + sa * z, ca * z - sa * x
                y, z = cb * y + sb * z, cb * z - sb * y
                depth = z + tz * tz + 5.0
                u, v = focus * (x + tx) / depth - 0.1 * k, focus * (y + ty) / depth + 0.1 * c
                total = total + m.log(1.0 + u * u + v * v)
        return total

    return f, normal(6 * cameras + 3 * points, 0.2, 0.5)


def circuit(qubits: int = 4, layers: int = 4) -> Program:
    """A quantum circuit of rotations and controlled signs, and what is measured at the end."""

    def f(m: Any, p: Any) -> Any:
        size = 2**qubits
        state: list[Any] = [1.0, *[0.0] * (size - 1)]
        for layer in range(layers):
            for q in range(qubits):
                c, s = m.cos(p[layer * qubits + q]), m.sin(p[layer * qubits + q])
                state = [
                    c * state[k] - s * state[k ^ (1 << q)] if not k >> q & 1 else c * state[k] + s * state[k ^ (1 << q)]
                    for k in range(size)
                ]
            state = [-x if k & 3 == 3 else x for k, x in enumerate(state)]
        return m.fsum([(1.0 - 2.0 * (k & 1)) * x * x for k, x in enumerate(state)])

    return f, normal(qubits * layers)


# Of one example, for a batch


def black_scholes(m: Any, x: Any) -> Any:
    """The price of an option, by Black and Scholes."""
    s, k, t, r, v = x
    spread = v * m.sqrt(t)
    d = (m.log(s / k) + (r + 0.5 * v * v) * t) / spread
    cdf = lambda z: 0.5 * (1.0 + m.erf(z / math.sqrt(2.0)))
    return s * cdf(d) - k * m.exp(-r * t) * cdf(d - spread)


def ray(m: Any, x: Any) -> Any:
    """The distance at which a ray meets a sphere."""
    a, b, c, u, v = x
    half = a * u + b * v + c
    disc = half * half - (u * u + v * v + 1.0) * (a * a + b * b + c * c - 0.25)
    return m.where(disc > 0.0, half - m.sqrt(m.where(disc > 0.0, disc, 1.0)), 10.0)


def heston(m: Any, x: Any, steps: int = 20) -> Any:
    """What an option pays at the end of a path of Heston's model; the path's noise comes of its beginning."""
    s, v, kappa, theta, xi = x
    dt = 1.0 / steps
    logarithm = m.log(s)
    for step in range(steps):
        noise = m.sin(2.3 * step + s)
        root = m.sqrt(v + 0.01)
        logarithm = logarithm - 0.5 * v * dt + root * noise * math.sqrt(dt)
        d = v + kappa * (theta - v) * dt + 0.1 * xi * root * m.cos(noise) * math.sqrt(dt)
        v = m.sqrt(d * d + 1e-6)
    return m.softplus(m.exp(logarithm) - 1.0)


PROGRAMS: dict[str, Callable[[], Program]] = {
    "Lorenz 400": lorenz, "SIR 300": sir, "n-body 5 x 40": nbody, "double pendulum 300": pendulum, "HMM 5 x 100": hmm,
    "CRF 6 x 40": crf, "CTC 9 x 30": ctc, "Kalman filter 200": kalman, "tridiagonal system 400": tridiagonal,
    "LU 14": lu, "Gaussian process 14": gaussian_process, "heat 40 x 60": heat, "heat 10 x 10 x 25": heat_2d,
    "LSTM 4 x 30": lstm, "springs 12 x 20": springs, "Felsenstein's tree 32": felsenstein, "soft-DTW 25": soft_dtw,
    "bundle adjustment 4 x 12": bundle, "quantum circuit 4 x 4": circuit,
    "random graph 1,000": lambda: random_graph(1_000), "random graph 10,000": lambda: random_graph(10_000),
    "random graph 100,000": lambda: random_graph(100_000),
}  # fmt: skip
BATCHED = {"Black-Scholes": black_scholes, "ray and sphere": ray, "Heston": heston}
