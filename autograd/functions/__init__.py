"""Derivatives of functions: nesting of arguments, and the transforms `grad`, `jacobian`, `hessian` and their kin."""

from autograd.functions import transforms as transforms
from autograd.functions._derivative import vectors_after as vectors_after
from autograd.functions.calls import Function as Function
from autograd.functions.calls import signature_of as signature_of
from autograd.functions.calls import unwrapped_signature as unwrapped_signature
from autograd.functions.pickling import MadeOfFunction as MadeOfFunction
from autograd.functions.signatures import R as R
from autograd.functions.structure import Structure as Structure
from autograd.functions.structure import arranged as arranged
from autograd.functions.structure import flatten as flatten
from autograd.functions.structure import flatten_result as flatten_result
from autograd.functions.structure import pack as pack
from autograd.functions.transforms import gradients as gradients
from autograd.functions.transforms import jacobian as jacobian
