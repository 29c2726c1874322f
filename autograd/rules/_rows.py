"""All rows: the table by the variables that hold them, and the public functions by their names."""

from __future__ import annotations

from autograd.rules import _special, table
from autograd.rules._special import *
from autograd.rules._special import mills_of
from autograd.rules.operation import Family, Operation
from autograd.rules.table import *
from autograd.rules.table import UNLISTED

TABLE: dict[str, Operation | Family] = {
    variable: row
    for module in (table, _special)
    for variable, row in vars(module).items()
    if isinstance(row, (Operation, Family)) and row not in (*UNLISTED, mills_of)
}
FUNCTIONS = {variable: row for variable, row in TABLE.items() if variable == row.name}  # the public ones, by name
