"""Scalar automatic differentiation: numbers that remember how they were made.

A `Value` is a number that knows its parents and the operation that made it; `backward()` walks that memory from the
end and leaves in every number the derivative of the result with respect to it.

>>> from autograd import Value
>>> a, b, c, f = Value(2.0, "a"), Value(-3.0, "b"), Value(10.0, "c"), Value(-2.0, "f")
>>> L = (a * b + c) * f
>>> L.backward()
>>> L.data, a.grad, b.grad, c.grad, f.grad
(-8.0, 6.0, -4.0, -2.0, 4.0)
"""

from pathlib import Path
from typing import TYPE_CHECKING

from autograd import rules
from autograd.checks.anomaly import detect_anomaly as detect_anomaly
from autograd.checks.gradients import GradientError as GradientError
from autograd.checks.gradients import gradcheck as gradcheck
from autograd.compiler import TraceError as TraceError
from autograd.compiler import compile as compile
from autograd.engine.clock import scope as scope
from autograd.engine.modes import no_grad as no_grad
from autograd.engine.value import Constant as Constant
from autograd.engine.value import Value as Value
from autograd.functions.containers import register as register
from autograd.functions.evaluation import evaluate as evaluate
from autograd.functions.implicit import argmin as argmin
from autograd.functions.implicit import root as root
from autograd.functions.newton import ConvergenceError as ConvergenceError
from autograd.functions.softmax import log_softmax as log_softmax
from autograd.functions.softmax import softmax as softmax
from autograd.functions.taylor import taylor as taylor
from autograd.functions.taylor import taylor_ode as taylor_ode
from autograd.functions.transforms import grad as grad
from autograd.functions.transforms import gradients as gradients
from autograd.functions.transforms import hessian as hessian
from autograd.functions.transforms import hvp as hvp
from autograd.functions.transforms import jacobian as jacobian
from autograd.functions.transforms import jvp as jvp
from autograd.functions.transforms import value_and_grad as value_and_grad
from autograd.functions.transforms import vjp as vjp
from autograd.installation import check_installation, check_interpreter_lock
from autograd.pictures import display as display
from autograd.pictures.animation import animate as animate
from autograd.pictures.drawing import draw as draw
from autograd.pictures.page import explore as explore
from autograd.pictures.text import text as text
from autograd.rules import *
from autograd.rules.custom_operation import operation as operation

check_installation(Path(__file__).parent)
check_interpreter_lock()

if not TYPE_CHECKING:  # a type checker reads the imports
    _OWN = """
        Constant ConvergenceError GradientError TraceError Value animate argmin compile detect_anomaly draw evaluate
        explore grad gradcheck gradients hessian hvp jacobian jvp log_softmax no_grad operation register root scope
        softmax taylor taylor_ode text value_and_grad vjp
    """
    __all__ = sorted([*_OWN.split(), *rules.__all__])
