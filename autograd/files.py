"""Atomic writes: at any moment a path holds the old file or the whole new one, also where the process is killed.

A file is written beside the old one, since a renaming is one step within a file system only, and forced to the disk
before it is renamed, since a power cut might else keep the name and lose the contents. While it is written it is
locked. One that a killed process has left is locked by nobody, and the next write to its folder removes it. Windows
renames no file that is open or locked; there, one that is an hour old is taken for abandoned.
"""

from __future__ import annotations

import errno
import io
import os
import re
import secrets
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, BinaryIO

if sys.platform != "win32":
    import fcntl

TEMPORARY = re.compile(r"\.autograd-[0-9a-f]{16}\.tmp")
ENDINGS = {".html", ".svg", ".png", ".jpg", ".jpeg", ".gif", ".webp", ".pdf", ".ps", ".eps", ".json", ".csv"}
ABANDONED_AFTER = 3600.0  # seconds without a change, on Windows
WAITS = [0.01 * 2**n for n in range(6)]  # seconds between attempts to rename, on Windows


def write_atomically(path: str | os.PathLike[str], contents: bytes) -> None:
    """Put a file in the place of the one at the path, in one step; a symbolic link stays one, and its file is replaced.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_atomically(f"{folder}/greeting.txt", b"hello")
    ...     Path(f"{folder}/greeting.txt").read_bytes()
    b'hello'
    """
    target = replaceable(path)
    mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else None
    _remove_abandoned(target.parent)
    with errors_named(path), _temporary(target.parent) as (temporary, file):
        file.write(contents)
        file.flush()
        os.fsync(file.fileno())
        if mode is not None:
            temporary.chmod(mode)
        if sys.platform == "win32":
            file.close()
            _rename_patiently(temporary, target)
        else:
            temporary.replace(target)
    if hasattr(os, "O_DIRECTORY"):  # not on Windows
        with suppress(OSError):  # the file is there; not every file system syncs folders, nor may every folder be read
            folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)


def path_of(given: Any) -> Path:
    """Return the path of a file; TypeError where it is none, such as None or a number, which `pathlib` does not name.

    >>> path_of(3)
    Traceback (most recent call last):
    TypeError: the path of a file is a str or a Path, got int: 3; write its name, such as "name.json"
    """
    if not isinstance(given, (str, os.PathLike)):
        found = f"{type(given).__name__}: {given!r:.60}"
        raise TypeError(f'the path of a file is a str or a Path, got {found}; write its name, such as "name.json"')
    return Path(given)


def path_with_ending(given: Any, ending: str, what: str, remedy: str = "") -> Path:
    """Return the path of a file; ValueError where its ending is that of another kind of file than what is written.

    >>> path_with_ending("page.png", ".html", "a page")
    Traceback (most recent call last):
    ValueError: a page is written as .html, and a file called 'page.png' would be taken for another kind
    """
    path = path_of(given)
    if path.suffix.lower() in ENDINGS - {ending}:
        raise ValueError(
            f"{what} is written as {ending}, and a file called {str(path)!r} would be taken for another kind{remedy}"
        )
    return path


def replaceable(path: str | os.PathLike[str]) -> Path:
    """Return the file of a path that `write_atomically` can make or replace; OSError where it cannot."""
    target = Path(os.path.realpath(path_of(path)))
    if Path(path).exists():  # a pipe has no real path, as /dev/stdout may be one
        if not Path(path).is_file():
            raise FileExistsError(errno.EEXIST, "it is not a file; choose the name of a file", str(path))
        if not os.access(path, os.W_OK):
            raise PermissionError(errno.EACCES, "it is protected against writing; choose another name", str(path))
    if not target.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "its folder does not exist; make it first", str(path))
    if not os.access(target.parent, os.W_OK):
        raise PermissionError(errno.EACCES, "its folder is protected against writing; choose another", str(path))
    return target


def write_whole(path: str | os.PathLike[str], contents: bytes) -> None:
    """Put a file in the place of the one at the path, in one step, or write to the pipe or the device that is there."""
    target = path_of(path)
    if target.is_fifo() or target.is_char_device():
        with errors_named(path):
            target.write_bytes(contents)
    else:
        write_atomically(path, contents)


def read_up_to(file: IO[bytes], most: int) -> bytes:
    """Return the bytes of a file, up to so many; memory is taken for what there is, not for what there may be."""
    contents = io.BytesIO()
    while (left := most - contents.tell()) > 0 and (part := file.read(min(left, 1 << 20))):
        contents.write(part)
    return contents.getvalue()


@contextmanager
def errors_named(path: str | os.PathLike[str]) -> Iterator[None]:
    """Have each OSError in a block name the file that is to be written, as that of a full disk does not.

    >>> with errors_named("model.json"):
    ...     raise OSError(errno.ENOSPC, "No space left on device")
    Traceback (most recent call last):
    OSError: [Errno 28] No space left on device: 'model.json'
    """
    try:
        yield
    except OSError as error:
        if error.errno is None:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from None  # of the same class, by its number


@contextmanager
def _temporary(folder: Path) -> Iterator[tuple[Path, BinaryIO]]:
    """Make a file that nobody else has, open and locked; afterwards it is gone, unless it was renamed."""
    while True:
        temporary = folder / f".autograd-{secrets.token_hex(8)}.tmp"
        file = temporary.open("xb")
        try:
            _lock(file.fileno())
            if not os.fstat(file.fileno()).st_nlink:
                continue  # between the two lines another process took it for abandoned
            yield temporary, file
            return
        finally:
            with suppress(OSError):
                file.close()
            temporary.unlink(missing_ok=True)


def _rename_patiently(temporary: Path, target: Path) -> None:
    """Rename a file as soon as nobody has the target open, which Windows asks for."""
    for wait in WAITS:
        with suppress(PermissionError):
            temporary.replace(target)
            return
        time.sleep(wait)
    temporary.replace(target)


def _lock(descriptor: int, *, wait: bool = True) -> None:
    """Lock a file until it is closed; where the file system knows no locks, nothing is locked nor ever removed."""
    if sys.platform != "win32":  # there a file that is open can't be removed
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except OSError:
            if not wait:
                raise


def _remove_abandoned(folder: Path) -> None:
    """Remove the files of earlier writes that were killed on the way."""
    abandoned = []
    with suppress(OSError), os.scandir(folder) as entries:
        abandoned = [Path(entry.path) for entry in entries if TEMPORARY.fullmatch(entry.name)]
    for path in abandoned:
        with suppress(OSError):  # it is locked, or somebody else's
            if sys.platform == "win32":  # before it is renamed it is open no more
                if time.time() - path.stat().st_mtime > ABANDONED_AFTER:
                    path.unlink()
                continue
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
            try:
                _lock(descriptor, wait=False)
                path.unlink()
            finally:
                os.close(descriptor)
