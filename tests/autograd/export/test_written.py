"""What exports write of one loss: arrays as a whole, rows and copies in one call or loop, and no more than that."""

import numpy as np
import pytest

from autograd import compile, logsumexp
from autograd.export import to_c, to_javascript, to_jax, to_torch
from nn import MLP


@pytest.fixture
def loss():
    model = MLP(4, [3, 1], seed=1)
    compiled = compile(lambda x, y: (model(x) - y) ** 2 + logsumexp(x), batched=("x", "y"), backend="numpy")
    compiled(np.ones((5, 4)), np.ones(5))
    return compiled


def of_torch(program):
    pytest.importorskip("torch", reason="PyTorch is not installed: pip install 'scalar-autograd[torch]'")
    return to_torch(program).source


def of_jax(program):
    pytest.importorskip("jax", reason="JAX is not installed: pip install 'scalar-autograd[jax]'")
    return to_jax(program, dtype="float32").source


WRITTEN = {
    "C": (
        to_c,
        "v[27] = f_logsumexp(v + 0, 4, 1);",
        "for (int a = 0; a < 3; a++) v[28 + a] = f_relu(v[24 + a]);",
        "for (int b = 0; b < 3; b++) for (int c = 0; c < 4; c++) v[45 + 5 * b + c] = v[64 + b] * v[c];",
    ),
    "JavaScript": (
        to_javascript,
        "v[w + 8] = logsumexp(v, w + 0, 4);",
        "for (let a = 0; a < 3; a++) v[w + 9 + a] = fn.maximum(0, v[w + 5 + a]);",
        "for (let b = 0; b < 3; b++) for (let c = 0; c < 4; c++) v[24 + 5 * b + c] += v[w + 21 + b] * v[w + c];",
    ),
    "PyTorch": (
        of_torch,
        "v1 = (logsumexp(x0.reshape(1, 4))).reshape(1)",
        "v6 = (torch.broadcast_to(v5[0], (1,)) + torch.broadcast_to(v1[0], (1,))).reshape(1)",
    ),
    "JAX": (of_jax, "v2 = relu(v1)", "v13 = logsumexp(jnp.stack([x0[0], x0[1], x0[2], x0[3]]))"),
}


@pytest.mark.parametrize("target", WRITTEN)
def test_target_is_written_in_few_words_and_a_program_of_a_function_as_the_function_is(target, loss):
    write, *lines = WRITTEN[target]
    written = write(loss)
    assert set(lines) <= {line.strip() for line in written.splitlines()}
    assert write(loss.program) == written
