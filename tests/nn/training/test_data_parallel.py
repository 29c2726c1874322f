"""Training on several devices and in several processes, each in processes of their own."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import nn
from autograd.compiler.backends import BACKENDS
from nn import MLP, Adam, fit

pytest.importorskip("jax", reason="JAX is not installed: pip install 'scalar-autograd[jax]'")

HERE = Path(__file__).parent
# A machine with fewer cores than devices, and busy, takes its time to bring them together.
PATIENT = "--xla_cpu_collective_call_terminate_timeout_seconds=600 "
PATIENT += "--xla_cpu_collective_call_warn_stuck_timeout_seconds=300"
ROOT = HERE.parents[2]


def environment(devices):
    flags = f"--xla_force_host_platform_device_count={devices} {PATIENT}"
    return os.environ | {"XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu", "PYTHONPATH": str(ROOT)}


def test_training_on_eight_devices_is_that_of_numpy():
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(HERE / "on_eight_devices.py")]
    options = {"env": environment(8), "cwd": ROOT, "timeout": 1200}
    run = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-2000:]


PART = """
import json, sys
import jax
port, number = sys.argv[1], int(sys.argv[2])
jax.distributed.initialize(f"localhost:{port}", num_processes=2, process_id=number)
import numpy as np
import nn
from tests.nn.training.test_data_parallel import data, history_of

X, y = data()
half = slice(0, 30) if number == 0 else slice(30, 53)
held_out = slice(53, 57) if number == 0 else slice(57, 60)
found = history_of(X[half], y[half], (X[held_out], y[held_out]), "jax", model_seed=1 + number)
assert jax.process_count() == 2 and len(jax.local_devices()) == 2
for options in ({"validation": 0.5}, {"stop": nn.Stop(seconds=1.0)}):
    try:
        nn.fit(nn.MLP(3, [1]), X[half], y[half], loss=nn.mse, backend="jax", **options)
    except ValueError as error:
        assert "as a pair, and stop by epochs, loss or metric" in str(error)
    else:
        raise AssertionError("it was accepted")
print(json.dumps(found))
"""


def data():
    X = np.random.default_rng(0).normal(size=(60, 3))
    return X, (X[:, 0] * X[:, 1] > 0).astype(int) + (X[:, 2] > 0)


def history_of(X, y, validation, backend, model_seed=1):
    """What training comes to: in batches by a seed, and all at once."""
    found = []
    for size in (16, None):
        model = MLP(3, [5, 3], "tanh", seed=model_seed)  # the parameters of the first process are the ones that count
        options = {"loss": nn.cross_entropy, "optimizer": Adam(model.parameters(), lr=0.05), "backend": backend}
        options |= {"batch_size": size, "validation": validation, "max_norm": 0.5, "progress": False}
        history = fit(model, X, y, epochs=3, seed=7, **options)
        found.append([*map(list, history.measures.values()), [p.data for p in model.parameters()]])
    return found


def flat(runs):
    return np.concatenate([np.ravel(part) for run in runs for part in run])


def test_two_processes_with_half_the_data_each_have_the_history_of_one():
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    commands = [[sys.executable, "-c", PART, str(port), str(number)] for number in range(2)]
    parts = [subprocess.Popen(command, env=environment(2), cwd=ROOT, **pipes) for command in commands]
    try:
        told = [part.communicate(timeout=240) for part in parts]
    finally:
        for part in parts:
            part.kill()
    assert [part.returncode for part in parts] == [0, 0], [errors[-3000:] for _, errors in told]
    first, second = (json.loads(lines.splitlines()[-1]) for lines, _ in told)
    np.testing.assert_allclose(flat(second), flat(first), rtol=1e-13, atol=1e-15)
    X, y = data()
    wanted = history_of(X[:53], y[:53], (X[53:], y[53:]), "numpy")
    np.testing.assert_allclose(flat(first), flat(wanted), rtol=1e-9, atol=1e-12)


def test_back_end_is_asked_for_by_its_name_and_without_jax_the_error_says_what_to_install(monkeypatch):
    model, X, y = MLP(1, [1], seed=0), [[0.0], [1.0]], [0.0, 1.0]
    for backend in ("auto", *BACKENDS, "jax"):
        history = fit(model, X, y, loss=nn.mse, epochs=1, backend=backend)
        assert history.compiled is True
        assert fit(model, X, y, loss=nn.mse, epochs=0, backend=backend).loss == []
    with pytest.raises(ValueError, match="got backend='jax' and compiled=False"):
        fit(model, X, y, loss=nn.mse, backend="jax", compiled=False)
    monkeypatch.setitem(sys.modules, "jax", None)
    with pytest.raises(ImportError, match=r"backend=\"jax\" needs JAX: python -m pip install 'scalar-autograd\[jax\]'"):
        fit(MLP(1, [1]), [[0.0]], [0.0], loss=nn.mse, backend="jax")
