"""A full disk under all that writes: an OSError that names the file, the old file as it was, and nothing left over.

The disk is a small tmpfs in a namespace of its own; or every file is limited (RLIMIT_FSIZE), which any user may do.
"""

import errno
import json
import math
import os
import subprocess
import sys
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

import pytest

import nn
from autograd import compile, sin
from nn.__main__ import main
from tests.environment import trouble
from tests.writers import WRITERS, network

PAGE = 4096  # bytes in which a tmpfs counts
MOUNT = ["unshare", "--user", "--map-root-user", "--mount"]
ON_TMPFS = [*MOUNT, "sh", "-c", 'mount -t tmpfs -o size=64k tmpfs "$0" && exec "$@"']

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has neither small disks nor limits of files")


@cache
def disks():
    """Return the full disks that there can be on this machine, as the kernel and who runs it allow."""
    try:
        mounted = subprocess.run([*ON_TMPFS, "/mnt", "true"], capture_output=True, check=False).returncode == 0
    except OSError:  # no such command
        mounted = False
    return ["tmpfs", "RLIMIT_FSIZE"] if mounted else ["RLIMIT_FSIZE"]


# How little there is room for, and how it comes to be

FREE = {  # for so many eighths of the file; a date in it may be longer the next time
    "no room": 0, "half the room": 4, "nearly enough room": 7,
}  # fmt: skip


@contextmanager
def limited(folder, size):
    """No file may become longer than this."""
    import resource
    import signal

    usual, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, usual[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)
        signal.signal(signal.SIGXFSZ, handler)


@contextmanager
def filled(folder, size):
    """The disk of a folder has room for no more than this, in whole pages."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        with suppress(OSError):
            while True:
                file.write(bytes(PAGE))
        file.truncate(max(file.tell() - size // PAGE * PAGE, 0))
    try:
        yield
    finally:
        ballast.unlink()


FULL = {"tmpfs": filled, "RLIMIT_FSIZE": limited}


def tried(write, path, size, full):
    """Return what is wrong after a write for which the disk has no room."""
    path.write_text("old", encoding="utf-8")
    told = None
    with full(path.parent, size):
        try:
            write(path)
        except OSError as error:
            told = error
    left = {file.name for file in path.parent.iterdir()} - {path.name}
    kept = path.read_text(encoding="utf-8", errors="replace")
    path.unlink()
    return [
        *(["no error"] if told is None else []),
        *([f"an error that does not name the file: {told}"] if str(path.with_suffix("")) not in str(told) else []),
        *([f"an error that is not of the disk: {told!r}"] if not any(map(str(told).count, REASONS)) else []),
        *([f"left over: {left}"] if left else []),
        *(["another file"] if kept != "old" else []),
    ]


REASONS = [os.strerror(errno.ENOSPC), os.strerror(errno.EFBIG)]


def member(x):
    return x * x


def swept(journal, full):
    """Return what is wrong with a sweep on a disk that has room for some members, and how it goes on."""
    found = []
    for size in (0, 100, PAGE):
        with full(journal.parent, size):
            try:
                nn.sweep(member, {"x": range(2 * PAGE)}, resume=journal)
                found.append("no error")
            except OSError as error:
                if str(journal) not in str(error):
                    found.append(f"an error that does not name the file: {error}")
        if journal.exists() and not journal.read_bytes().endswith(b"\n"):
            found.append("a line that is not whole")
    if nn.sweep(member, {"x": range(9)}, resume=journal).results != [x * x for x in range(9)]:
        found.append("wrong results")
    journal.unlink()
    return found


def compiled(folder, full):
    """Return what is wrong with a program whose machine code can't be kept."""
    with pytest.MonkeyPatch.context() as patch, full(folder, 0):
        patch.setenv("XDG_CACHE_HOME", str(folder))
        right = compile(lambda x: sin(x) * x, backend="native")(2.0) == math.sin(2.0) * 2.0
    (folder / "scalar-autograd").rmdir()  # empty
    return [] if right else ["a wrong result"]


OTHERS = {"sweep": lambda folder, full: swept(folder / "sweep.jsonl", full), "machine code": compiled}


def try_all(folder, roomy, disk):
    """Write by all that writes; print what is wrong, as JSON by name."""
    full = FULL[disk]
    found = {name: other(folder, full) for name, other in reversed(OTHERS.items())}
    for name, (write, file) in WRITERS.items():
        write(roomy / file)
        size = (roomy / file).stat().st_size
        found |= {
            f"{name}, {how}": tried(write, folder / file, size * eighths // 8, full) for how, eighths in FREE.items()
        }
    sys.stdout.write(json.dumps(found))


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """The folder of the full disk, and one with room."""
    return tmp_path_factory.mktemp("disk"), tmp_path_factory.mktemp("roomy")


@pytest.mark.thorough
@pytest.mark.parametrize(
    "disk", [pytest.param(disk, marks=[pytest.mark.whole] * (k > 0)) for k, disk in enumerate(disks())]
)
@pytest.mark.parametrize("name", [*(f"{name}, {how}" for name in WRITERS for how in FREE), *OTHERS])
def test_full_disk_is_an_error_that_names_the_file_and_leaves_the_old_one(name, disk, folders):
    before = (*ON_TMPFS, str(folders[0])) if disk == "tmpfs" else ()
    command = ("-W", "error", "-m", "tests.test_full_disk", *folders, disk)
    assert trouble(*command, before=before)[name] == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_answers_for_which_there_is_no_room_are_an_error(capsys, monkeypatch):
    full = Path("/dev/full")
    with suppress(OSError), full.open("w", encoding="utf-8") as out:  # what closes it tries once more to write
        monkeypatch.setattr(sys, "stdout", out)
        code = main(["predict", *map(str, network())])
        monkeypatch.undo()
    assert code == 1
    assert os.strerror(errno.ENOSPC) in capsys.readouterr().err


if __name__ == "__main__":
    try_all(*map(Path, sys.argv[1:3]), sys.argv[3])
