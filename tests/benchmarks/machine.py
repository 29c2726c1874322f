"""What a run was measured on: the machine, its load, the versions of all that is compared, the commit, the date."""

import datetime
import importlib.metadata
import os
import platform
import re
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.benchmarks.benchmark import ANCHORS

ROOT = Path(__file__).resolve().parent.parent.parent


def described(rounds: int) -> dict[str, Any]:
    """Return the facts of a run that begins now."""
    versions = {}
    for distribution in sorted({"numpy", "scipy", "scikit-learn", *ANCHORS.values()}):
        with suppress(importlib.metadata.PackageNotFoundError):
            versions[distribution] = importlib.metadata.version(distribution)
    return {
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M:%S"), "commit": commit(),
        "python": f"{platform.python_implementation()} {platform.python_version()}", "versions": versions,
        "system": platform.platform(terse=True), "processor": processor(), "cores": os.cpu_count(), "rounds": rounds,
        "gpu": graphics_card(),
    }  # fmt: skip


def commit() -> str:
    """Return the commit, with a + where files differ from it; nothing outside of a repository."""
    git = ["git", "-C", str(ROOT), "describe", "--always", "--exclude=*", "--dirty=+", "--abbrev=12"]
    try:
        return subprocess.run(git, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def processor() -> str:
    """Return the name of the processor."""
    with suppress(OSError):
        found = re.search(r"^model name\s*:\s*(.*)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.M)
        if found:
            return found[1]
    return platform.processor() or platform.machine()


def graphics_card() -> str:
    """Return the name of NVIDIA's GPU, if there is one."""
    with suppress(OSError):
        command = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
        return ", ".join(subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines())
    return ""


def jax_has_gpu() -> bool:
    """Whether JAX computes on a GPU."""
    with suppress(ImportError):
        import jax

        return bool(jax.default_backend() == "gpu")
    return False


def told(run: dict[str, Any]) -> str:
    """Return a run in a sentence, without its commit."""
    versions = ", ".join(f"{name} {version}" for name, version in run["versions"].items())
    cores = f"{run['cores']} cores" + (f" and {run['gpu']}" if run.get("gpu") else "")
    return (
        f"{run['date'][:10]}, {run['python']} with {versions}, on {run['processor']}, {cores}, "
        f"{run['system']}; medians of at most {run['rounds']} rounds"
    )
