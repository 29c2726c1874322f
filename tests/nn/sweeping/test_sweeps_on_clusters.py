"""Sweeps on clusters, each a real one on this machine: Dask, of which a worker is killed; MPI; Ray."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.nn.sweeping import members

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "past_one_machine.md").read_text(encoding="utf-8")


def example(word):
    """The code block of the page that has a word, with a function of ours to train."""
    blocks = re.findall(r"```.code-block. python\n:class: no-run\n\n(.*?)```", PAGE, re.S)
    [found] = [block for block in blocks if word in block]
    return found.replace("from training import train", "from tests.nn.sweeping.members import trained as train")


def run(code, tmp_path, *command):
    """The output of a script in a process of its own."""
    script = tmp_path / "script.py"
    script.write_text(code, encoding="utf-8")
    options = {"env": os.environ | {"PYTHONPATH": str(ROOT), "RAY_USAGE_STATS_ENABLED": "0"}, "cwd": tmp_path}
    command = [*(command or [sys.executable]), str(script)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, **options)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return done.stdout


def test_dask_cluster_of_two_workers_of_which_one_is_killed(tmp_path):
    pytest.importorskip("distributed", reason="Dask is not installed: pip install 'scalar-autograd[sweep]'")
    code = f"""
import nn
from dask.distributed import Client, LocalCluster
from tests.nn.sweeping import members

if __name__ == "__main__":
    options = dict(n_workers=2, threads_per_worker=1, dashboard_address=None)
    with LocalCluster(**options) as cluster, Client(cluster) as client:
        grid = {{"path": [{str(tmp_path / "marker")!r}], "x": range(12)}}
        table = nn.sweep(members.killed_once, grid, client.get_executor())
        heavy = nn.sweep(members.Heavy({str(tmp_path / "sent")!r}), {{"x": range(40)}}, client.get_executor())
    print(table.results, len(table.failed), sum(m.done for m in heavy))
"""
    assert run(code, tmp_path).strip() == f"{[x * x for x in range(12)]} 0 40"
    assert (tmp_path / "marker").exists()  # which the worker left that was killed
    processes = (tmp_path / "sent").read_text(encoding="utf-8").split()
    assert len(processes) == len(set(processes)) <= 2


@pytest.mark.parametrize(("package", "word"), [("distributed", "LocalCluster"), ("ray", "import ray")])
def test_cluster_as_on_the_page(package, word, tmp_path):
    pytest.importorskip(package, reason=f"{package} is not installed: pip install {package}")
    assert "accuracy" in run(example(word), tmp_path)


def test_mpi_as_on_the_page(tmp_path):
    pytest.importorskip("mpi4py", reason="mpi4py is not installed: pip install mpi4py mpich")
    start = shutil.which("mpiexec", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if start is None:
        pytest.skip("there is no mpiexec: pip install mpich")
    command = [start, "-n", "3", sys.executable, "-m", "mpi4py.futures"]
    assert "accuracy" in run(example("MPIPoolExecutor"), tmp_path, *command)


def test_examples_of_the_page_train_with_a_function_of_this_signature():
    assert set(members.trained(0, 0.1)) == {"loss", "accuracy"}
