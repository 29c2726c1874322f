"""A periodic orbit of the Lorenz attractor, to all digits of the literature, by Taylor series of order 20.

The solution of x' = f(x) has a power series in time around each point, and `taylor_ode` reads its coefficients from
the rows of the operations in f. Twenty of them make steps so long that 51 go once around both wings of the attractor,
with an error of a few roundings. Where the orbit closes is a system of equations for its start and its period; `root`
solves it by Newton's method, whose derivatives go through all the steps.

D. Viswanath, "Symbolic dynamics and periodic orbits of the Lorenz attractor", Nonlinearity 16, 2003, has the orbit AB
with 14 digits: x = -13.763610682134, y = -19.578751942452, z = 27, period 1.5586522107162. (The step size is that of A.
Jorba and M. Zou, "A software package for the numerical integration of ODEs by means of high-order Taylor methods",
Experimental Mathematics 14, 2005.)

    python notebooks/examples/lorenz.py
"""

import math

from autograd import root, taylor_ode

ORDER = 20


def lorenz(point):
    x, y, z = point
    return [10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z]


def horner(series, h):
    """Return the sum of coefficient k times h ** k, for each of the numbers."""
    total = series[-1]
    for coefficients in series[-2::-1]:
        total = [c + h * t for c, t in zip(coefficients, total)]
    return total


def step_size(series):
    """Return the step at which the last two terms are below the rounding of the first."""
    sizes = [max(abs(getattr(c, "data", c)) for c in coefficients) for coefficients in series]
    radius = min((sizes[0] / sizes[order]) ** (1 / order) for order in (ORDER - 1, ORDER))
    return radius / math.e**2


def flow(point, time):
    """Return where the solution from a point is after a time, and in how many steps."""
    steps, passed = 0, 0.0
    while True:
        series = taylor_ode(lorenz, point, ORDER)
        steps += 1
        if passed + (h := step_size(series)) >= getattr(time, "data", time):
            return horner(series, time - passed), steps
        point, passed = horner(series, h), passed + h


def mismatch(unknown):
    """Return how far an orbit from the plane z = 27 is from its start after its period."""
    x, y, period = unknown
    end, _ = flow([x, y, 27.0], period)
    return [end[0] - x, end[1] - y, end[2] - 27.0]


if __name__ == "__main__":
    published = [-13.763610682134, -19.578751942452, 1.5586522107162]
    end, steps = flow([*published[:2], 27.0], published[2])
    print(f"after {steps} steps of order {ORDER}: ({end[0]:.12f}, {end[1]:.12f}, {end[2]:.12f})")
    x, y, period = root(mismatch, [-13.8, -19.6, 1.56])
    print(f"x = {x:.12f}, y = {y:.12f}, period = {period:.13f}")
    assert all(abs(found - known) < 2e-12 for found, known in zip([x, y, period], published))
