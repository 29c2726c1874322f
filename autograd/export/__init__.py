"""Export: a graph or a program in another language, that goes on without this package.

Each is printed from the rows of the table, by a dialect. What a language lacks is an error that names the operation.
"""

from autograd.export.derivations import derivation as derivation
from autograd.export.latex import LaTeX as LaTeX
from autograd.export.latex import to_latex as to_latex
from autograd.export.sympy import to_sympy as to_sympy
