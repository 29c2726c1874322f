"""Exports of programs, each with what runs them: calls of a program, its parameters, and the arguments of one example.

What comes back is the value and the gradient: by the parameters; where there are none, by the first argument, and in C
and JavaScript by all of them. ONNX has values only.
"""

import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from autograd.export import to_c, to_javascript, to_jax, to_onnx, to_torch


def by_c(beside, calls):
    sources = [to_c(program, name=f"f{n}") for n, (program, *_) in enumerate(calls)]
    with tempfile.TemporaryDirectory() as folder:  # of its own: a file of the same path is loaded once
        loaded = beside.library(Path(folder), *sources)
        return [
            beside.called(loaded, source, theta, flat(arguments), f"f{n}")
            for n, (source, (_, theta, arguments)) in enumerate(zip(sources, calls, strict=True))
        ]


def by_javascript(beside, calls):
    sources = [to_javascript(program) for program, *_ in calls]
    found = beside.run(sources, [(n, theta, flat(arguments), 1) for n, (_, theta, arguments) in enumerate(calls)])
    return [[*values, *gradient] for values, gradient in found]


def by_torch(beside, calls):
    return [beside.by_torch(to_torch(program), *filter(np.size, [theta, *given])) for program, theta, given in calls]


def by_jax(beside, calls):
    with beside.jax.enable_x64(True):
        return [beside.by_jax(to_jax(program), *filter(np.size, [theta, *given])) for program, theta, given in calls]


def by_onnx(beside, calls):
    """Beside arguments, parameters are a part of the program."""
    return [
        beside.run(to_onnx(program), *[[np.ravel(numbers)] for numbers in arguments or [theta]])[0].tolist()
        for program, theta, arguments in calls
    ]


def flat(arguments):
    return [float(x) for numbers in arguments for x in np.ravel(numbers)]


PROGRAMS = {to_c: by_c, to_javascript: by_javascript, to_torch: by_torch, to_jax: by_jax, to_onnx: by_onnx}

NEEDS = {to_torch: ["torch"], to_jax: ["jax"], to_onnx: ["onnx", "onnxruntime"]}


def runner_of(export):
    """What runs the exported programs of some calls; the test is skipped where nothing does."""
    for package in NEEDS.get(export, ()):  # first: a module that was skipped when it was collected is there in part
        pytest.importorskip(package)
    beside = pytest.importorskip(f"tests.autograd.export.test_{export.__name__.removeprefix('to_')}")
    mark = getattr(beside, "pytestmark", None)
    if mark and mark.name == "skipif" and mark.args[0]:
        pytest.skip(mark.kwargs["reason"])
    return partial(PROGRAMS[export], beside)
