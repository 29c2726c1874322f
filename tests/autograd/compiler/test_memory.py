"""Memory of compiled programs: bounded, and freed at once, without the garbage collector."""

import weakref

import numpy as np
import pytest

from autograd import compile, relu, tanh
from nn import MLP

pytestmark = pytest.mark.usefixtures("backend", "without_collector")

KEPT = 4  # memories of one program


def test_memories_of_a_hundred_batch_sizes_are_freed():
    model = MLP(3, [4, 1], seed=1)
    loss = compile(lambda x, y: tanh(relu(1.0 - y * model(x))), batched=["x", "y"])
    memories = []
    for n in range(1, 101):
        loss.value_and_grad(np.ones((n, 3)), np.ones(n))
        memories.append(weakref.ref(loss._programs.latest.program.memory(n)))
    assert 1 <= sum(memory() is not None for memory in memories) <= KEPT
    del loss
    assert not any(memory() for memory in memories)


def test_program_that_is_forgotten_is_freed():
    compiled = compile(lambda x, n: sum(x[i] * x[i] for i in range(n)), static="n")
    freed = []
    for n in range(1, 101):
        compiled.value_and_grad(np.ones(100), n)
        freed.append(weakref.ref(compiled._programs.latest.program))
    assert sum(program() is not None for program in freed) <= 64
    compiled.clear()
    assert not any(program() for program in freed)
