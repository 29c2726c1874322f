"""What a call raises, as one text, for tables of mistakes; and the warnings that a block is to give."""

import sys
from contextlib import contextmanager

import pytest


def error_of(call, *arguments, **options):
    """Return the type and the message of what a call raises, notes included; nothing where it raises nothing."""
    try:
        call(*arguments, **options)
    except Exception as error:
        return f"{type(error).__name__}: " + "\n".join([str(error), *getattr(error, "__notes__", ())])
    return ""


@contextmanager
def warns(match):
    """Expect RuntimeWarnings, all of which name a line of the file with this block, as they name users' lines."""
    here = sys._getframe(2).f_code.co_filename  # beyond contextlib
    with pytest.warns(RuntimeWarning, match=match) as warned:
        yield warned
    assert {warning.filename for warning in warned} == {here}
