"""Atomic writes: what a file, a link and a folder are afterwards, and what a killed process leaves."""

import errno
import os
import re
import signal
import stat
import subprocess
import sys
import threading
import types
from pathlib import Path

import pytest

import autograd
from autograd import Value, draw, explore, files
from autograd.files import write_atomically, write_whole
from nn.plots import Chart
from tests.writers import WRITERS

ALL = pytest.mark.parametrize(("write", "name"), WRITERS.values(), ids=WRITERS)
TAKE_A_PATH = ["write_atomically", "write_whole", "save", "explore", "playground", "animate", "a chart"]
TAKE_A_PATH += ["to_c", "to_javascript", *(name for name in WRITERS if name == "to_onnx")]  # which may not be there


@pytest.mark.parametrize("name", TAKE_A_PATH)
def test_path_that_is_none_is_an_error_that_says_so(name):
    for path in (3, 1.5, b"f", ["f"]):
        with pytest.raises(TypeError, match=r"the path of a file is a str or a Path, got (int|float|bytes|list)"):
            WRITERS[name][0](path)


def sources():
    """Return the sources of the packages by their files."""
    folder = Path(autograd.__file__).parent.parent
    return {file: file.read_text("utf-8") for name in ("autograd", "nn") for file in folder.glob(f"{name}/**/*.py")}


ABANDONED = f".autograd-{'0' * 16}.tmp"
NO_LOCKS = pytest.mark.skipif(os.name == "nt", reason="nothing is locked on Windows")


@pytest.fixture(params=sorted({sys.platform, "win32"}))
def system(request, monkeypatch):
    """What is written as on this system, and as on Windows."""
    monkeypatch.setattr(files, "sys", types.SimpleNamespace(platform=request.param))
    return request.param


@ALL
@pytest.mark.usefixtures("system")
def test_link_stays_a_link_and_its_file_is_made_or_replaced(write, name, tmp_path):
    folder, link = tmp_path / "folder", tmp_path / name
    folder.mkdir()
    link.symlink_to(folder / name)
    for _ in range(2):
        write(link)
        assert link.is_symlink()
        assert (folder / name).read_bytes() not in (b"old", b"")
        assert sorted(file.name for file in tmp_path.rglob("*")) == sorted(["folder", name, name])
        (folder / name).write_text("old", encoding="utf-8")


@ALL
def test_folder_that_does_not_exist_is_named_with_the_file_or_made(write, name, tmp_path):
    path = tmp_path / "none" / name
    try:
        write(path)
    except FileNotFoundError as error:
        assert "its folder does not exist; make it first" in str(error)
        assert error.filename == str(path)
        assert not path.parent.exists()
    except OSError as error:  # of the command line
        assert str(path.parent) in str(error)


@ALL
@pytest.mark.usefixtures("system")
def test_failure_leaves_the_old_file_and_nothing_else(write, name, tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    write(tmp_path / name)  # the first one also writes what it reads
    (tmp_path / name).write_text("old", encoding="utf-8")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=rf"{Path(name).stem}.*No space left|No space left.*{Path(name).stem}"):
        write(tmp_path / name)
    assert (tmp_path / name).read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [tmp_path / name]


@ALL
@pytest.mark.usefixtures("system")
def test_file_that_a_killed_process_has_left_is_removed_by_the_next_write(write, name, tmp_path):
    (tmp_path / ABANDONED).write_text("half of it", encoding="utf-8")
    os.utime(tmp_path / ABANDONED, (0, 0))
    (tmp_path / ".autograd-notes.tmp").write_text("of somebody else", encoding="utf-8")
    write(tmp_path / name)
    assert {file.name for file in tmp_path.iterdir()} == {name, ".autograd-notes.tmp"}


KILLED = """
import os, signal, sys
sys.path[:0] = {path!r}
from autograd import files
os.{step} = lambda *arguments: os.kill(os.getpid(), signal.SIGKILL)
files.write_atomically({target!r}, b"new")
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
@pytest.mark.parametrize("step", ["fsync", "replace", "fstat"])
def test_kill_at_a_step_leaves_the_old_file_and_the_next_write_tidies_up(tmp_path, step):
    target = tmp_path / "file.txt"
    target.write_text("old", encoding="utf-8")
    program = KILLED.format(path=[p for p in sys.path if p], step=step, target=str(target))
    assert subprocess.run([sys.executable, "-c", program], timeout=300).returncode == -signal.SIGKILL
    assert target.read_text(encoding="utf-8") == "old"
    assert len(list(tmp_path.iterdir())) == 2
    write_atomically(target, b"newer")
    assert target.read_text(encoding="utf-8") == "newer"
    assert list(tmp_path.iterdir()) == [target]


def test_file_that_is_being_written_is_not_taken_for_abandoned(tmp_path, monkeypatch, system):
    fsync, begun, finish = os.fsync, threading.Event(), threading.Event()

    def slow(descriptor):
        if threading.current_thread() is not threading.main_thread() and not begun.is_set():
            begun.set()
            assert finish.wait(30)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", slow)
    writer = threading.Thread(target=write_atomically, args=(tmp_path / "one", b"1"))
    writer.start()
    assert begun.wait(30)
    write_atomically(tmp_path / "two", b"2")
    finish.set()
    writer.join()
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == {"one": b"1", "two": b"2"}


@NO_LOCKS
def test_file_that_is_taken_for_abandoned_before_it_is_locked_is_made_again(tmp_path, monkeypatch):
    lock, taken = files._lock, []

    def late(descriptor, **options):
        if not taken:
            taken.extend(tmp_path.glob(".autograd-*"))
            taken[0].unlink()
        lock(descriptor, **options)

    monkeypatch.setattr(files, "_lock", late)
    write_atomically(tmp_path / "file", b"new")
    assert taken
    assert (tmp_path / "file").read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


@NO_LOCKS
def test_file_system_without_locks_is_written_to(tmp_path, monkeypatch):
    def unsupported(*arguments):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(files.fcntl, "flock", unsupported)
    (tmp_path / ABANDONED).touch()
    write_atomically(tmp_path / "file", b"new")
    assert {file.name for file in tmp_path.iterdir()} == {"file", ABANDONED}


def test_file_system_that_syncs_no_folders_is_written_to(tmp_path, monkeypatch):
    fsync = os.fsync

    def of_files(descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "Invalid argument")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", of_files)
    write_atomically(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"new"


@pytest.mark.parametrize("times", [0, 3, len(files.WAITS), len(files.WAITS) + 1])
def test_on_windows_a_file_is_replaced_as_soon_as_nobody_has_it_open(times, tmp_path, monkeypatch):
    replace, refused, waits = Path.replace, [], []

    def busy(file, target):
        if len(refused) < times:
            refused.append(target)
            raise PermissionError(errno.EACCES, "it is being used by another process", str(target))
        return replace(file, target)

    (tmp_path / "file").write_bytes(b"old")
    monkeypatch.setattr(files, "sys", types.SimpleNamespace(platform="win32"))
    monkeypatch.setattr(Path, "replace", busy)
    monkeypatch.setattr(files.time, "sleep", waits.append)
    if times > len(files.WAITS):
        with pytest.raises(PermissionError, match="used by another process"):
            write_atomically(tmp_path / "file", b"new")
    else:
        write_atomically(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == (b"old" if times > len(files.WAITS) else b"new")
    assert waits == files.WAITS[:times]
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such pipes")
def test_pipe_and_device_are_written_to(tmp_path):
    os.mkfifo(pipe := tmp_path / "pipe")
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_whole(pipe, b"new")
        assert os.read(reader, 9) == b"new"
    finally:
        os.close(reader)
    write_whole(os.devnull, b"new")
    assert pipe.is_fifo()
    assert Path(os.devnull).is_char_device()


def test_writers_here_are_all_that_write_a_file(tmp_path, monkeypatch):
    fsync, reached = os.fsync, set()

    def noted(descriptor):
        frame = sys._getframe()
        while frame is not None:
            reached.add(frame.f_code.co_filename)
            frame = frame.f_back
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    for number, (write, name) in enumerate(WRITERS.values()):
        (tmp_path / str(number)).mkdir()
        write(tmp_path / str(number) / name)
    writing = {file for file, text in sources().items() if re.search(r"write_(atomically|whole)\(", text)}
    assert {file.name for file in writing if str(file) not in reached} <= {"_objects.py"}  # see test_full_disk.py


def test_nothing_else_opens_a_file_to_write():
    opening = {file.name for file, text in sources().items() if re.search(r"open\(\"[aw]|\.write_(text|bytes)\(", text)}
    assert opening <= {"files.py", "_journal.py", "tables.py", "csv_reader.py"}  # the last two in examples


def test_nothing_else_renames_a_file():
    for file, text in sources().items():
        if file.name != "files.py":
            assert not any(call in text for call in ("os.replace(", "os.rename(", ".replace(target", ".rename(")), file


def test_each_save_refuses_an_ending_that_names_another_kind_of_file(tmp_path):
    root = Value(2.0, "a") * 3.0
    things = {explore(root): ".html", Chart().curve([1, 2], [1, 2]): ".svg", draw(root): ".gv"}
    for thing, own in things.items():
        for ending in (".html", ".svg", ".png", ".JPG", ".pdf"):
            if ending != own:
                with pytest.raises(ValueError, match=f"is written as {own}, and a file called '.*file{ending}'"):
                    thing.save(tmp_path / f"file{ending}")
        for name in (f"file{own}", f"FILE{own.upper()}", "file", "file.v2"):
            thing.save(tmp_path / name)
            (tmp_path / name).unlink()
    with pytest.raises(ValueError, match=r"render\('graph.svg'\) writes a picture"):
        draw(root).save(tmp_path / "graph.svg")
    assert list(tmp_path.iterdir()) == []
