"""SymPy: a graph as a symbolic expression, to be simplified, solved and differentiated there.

An operation is written in SymPy's own functions, so its derivatives are SymPy's; where a function has a kink it is
written such that they follow our table. What SymPy leaves undefined there stays so: a power with a variable exponent
where the base is 0, the cube root of 0, sinc at 0, and hypot, atan2 and xlogy at the origin.
"""

from __future__ import annotations

from typing import Any

from autograd.engine import Value
from autograd.export._packages import optional_package


def to_sympy(root: Value) -> Any:
    """Return the graph of a Value as an expression of SymPy, in real symbols that are called as the leaves' labels.

    A leaf without a label, or with one that other leaves of the graph have, too, is a `Dummy`: a symbol that equals no
    other, and is the same wherever this leaf is, while anything holds it. `to_sympy(leaf)` is the symbol of a leaf;
    ValueError where several of one label were asked for theirs before they met. Constants are numbers: exact where they
    are whole, else floats. An own operation is its formula; where its partials are not the derivatives of this, as in a
    straight-through estimator, or have conditions and bounds that it has not, it is a function of its name that has
    them, and `sympy.expand_func` gives the formula. It gives SymPy's own `floor`, too, whose derivative is not 0:
    `sympy.solve` and `sympy.integrate` believe derivatives, and without it are wrong, and silent, about both.
    Raises RuntimeError if the graph was made by a choice by a plain bool, such as that of x > 0, which would stay as it
    was made.

    >>> x, y, a = Value(2.0, "x"), Value(3.0, "y"), Value(4.0)
    >>> to_sympy(x**2 * y + 1)
    x**2*y + 1
    >>> to_sympy(x**2 * y + 1).diff(to_sympy(x))
    2*x*y
    >>> to_sympy(a * x + x).diff(to_sympy(a))
    x
    """
    optional_package("sympy", "to_sympy")
    from autograd.export._expressions_of_sympy import expression_of  # which imports it

    return expression_of(root)
