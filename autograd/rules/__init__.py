"""Rules: what an operation is, the table of operations, and a row read as a symbolic expression."""

from typing import TYPE_CHECKING

from autograd.rules._rows import *
from autograd.rules._rows import FUNCTIONS
from autograd.rules.arithmetic import Arithmetic as Arithmetic
from autograd.rules.composition import Functions as Functions
from autograd.rules.composition import composition as composition
from autograd.rules.composition import definition as definition
from autograd.rules.composition import slope_definitions as slope_definitions
from autograd.rules.expression import ATOM as ATOM
from autograd.rules.expression import CHOICE as CHOICE
from autograd.rules.expression import COMPARISON as COMPARISON
from autograd.rules.expression import COMPARISONS as COMPARISONS
from autograd.rules.expression import EITHER as EITHER
from autograd.rules.expression import POWER as POWER
from autograd.rules.expression import PRECEDENCE as PRECEDENCE
from autograd.rules.expression import PRODUCT as PRODUCT
from autograd.rules.expression import PYTHON as PYTHON
from autograd.rules.expression import SIGN as SIGN
from autograd.rules.expression import SUM as SUM
from autograd.rules.expression import UNREADABLE as UNREADABLE
from autograd.rules.expression import Dialect as Dialect
from autograd.rules.expression import Expression as Expression
from autograd.rules.expression import OwnPartial as OwnPartial
from autograd.rules.expression import RowsChoice as RowsChoice
from autograd.rules.expression import active_operands as active_operands
from autograd.rules.expression import derivatives as derivatives
from autograd.rules.expression import infix as infix
from autograd.rules.expression import is_own as is_own
from autograd.rules.expression import product as product
from autograd.rules.expression import pull as pull
from autograd.rules.expression import substitute as substitute
from autograd.rules.expression import symbol as symbol
from autograd.rules.expression import walk as walk
from autograd.rules.operands import elements as elements
from autograd.rules.operands import how_to_list as how_to_list
from autograd.rules.operands import is_misread as is_misread
from autograd.rules.operands import real as real
from autograd.rules.operands import with_article as with_article
from autograd.rules.operation import OUT_OF_DOMAIN as OUT_OF_DOMAIN
from autograd.rules.operation import Binary as Binary
from autograd.rules.operation import Family as Family
from autograd.rules.operation import NAry as NAry
from autograd.rules.operation import Operation as Operation
from autograd.rules.operation import Unary as Unary
from autograd.rules.operation import Where as Where
from autograd.rules.operation import identifier as identifier
from autograd.rules.reading import check_agrees as check_agrees
from autograd.rules.reading import formula as formula
from autograd.rules.reading import formulas as formulas
from autograd.rules.table import *

if not TYPE_CHECKING:  # a type checker takes every name without an underscore
    __all__ = sorted(FUNCTIONS)
