"""Atomic file writing: a locked temporary file in the same folder, renamed when complete."""

from __future__ import annotations

import hashlib
import os
import re
import time
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from importlib import import_module
from pathlib import Path

from ..read.source import MediaError
from .container import writing

WINDOWS = os.name == "nt"
PATIENCE = 5.0  # seconds to wait on Windows until another program closes the target
GLANCE = 0.5  # seconds to wait for the lock of another writer
SHORTEST = 64  # bytes of a file name that every file system supports
OURS = re.compile(r"(.*\.sr-[0-9a-f]{8})\.(partial|lock)", re.DOTALL)
DEVICES = {"CON", "PRN", "AUX", "NUL"} | {f"{p}{n}" for p in ("COM", "LPT") for n in "123456789¹²³"}


@contextmanager
def whole_file(target: Path) -> Iterator[Path]:
    """Yield a temporary path that is renamed to the target on success and removed otherwise.

    Raises MediaError if the target cannot be written or another process is writing it.
    """
    with sole_writer(target) as place:
        partial = _beside(place, "partial")
        try:
            yield partial
            with writing(target):
                _replace(partial, place, target)
        finally:
            with suppress(OSError):  # would hide the first error
                partial.unlink(missing_ok=True)


def write_text(target: Path, text: str) -> None:
    """Write UTF-8 atomically, with the same bytes on every system."""
    with whole_file(target) as partial:
        partial.write_text(text, encoding="utf-8", newline="\n")


@contextmanager
def sole_writer(target: Path) -> Iterator[Path]:
    """Lock the target against other writers; yields its path with links resolved.

    The lock is the operating system's, so it ends with the process, also after a crash.
    Raises MediaError if another process holds it, or if the target cannot be a file.
    """
    place = Path(os.path.realpath(target))
    _check(target, place)
    with writing(target):
        place.parent.mkdir(parents=True, exist_ok=True)
        _remove_stale(place.parent)
        lock = _beside(place, "lock")
        descriptor = _locked(lock, GLANCE)
    if descriptor is None:
        raise MediaError(
            f"'{target}' is being written by another process; wait for its end, or choose another "
            "name"
        )
    try:
        yield place
    finally:
        _release(descriptor, lock)


def _check(target: Path, place: Path) -> None:
    if os.path.isdir(place):  # os.path: Path.is_dir raises for a name that is too long
        raise MediaError(f"'{target}' is a folder; give the path of the file to write")
    if os.path.exists(place) and not os.path.isfile(place):
        raise MediaError(
            f"'{target}' is a device or a pipe; expected a file, which can be replaced when it is "
            "whole; `stream` writes to pipes"
        )
    problem = WINDOWS and windows_problem(target.name)
    if problem:
        raise MediaError(f"got the name '{target.name}', {problem}; choose another name")


def windows_problem(name: str) -> str | None:
    """The reason why Windows cannot write a file of this name, None if it can."""
    if name.split(".")[0].rstrip(" ").upper() in DEVICES:
        return "which is a device on Windows"
    if name.endswith((".", " ")):
        return "whose last character Windows leaves out"
    wrong = sorted({letter for letter in name if letter in '<>:"/\\|?*' or letter < " "})
    return f"with {' '.join(map(repr, wrong))}, which Windows does not allow" if wrong else None


def _beside(place: Path, kind: str) -> Path:
    """Path of the lock or temporary file in the same folder, short enough for every file system.

    It is the same for all spellings of the target that differ in case or in Unicode form.
    """
    name = os.fsencode(place.name)
    same = unicodedata.normalize("NFC", place.name).casefold()
    digest = hashlib.sha256(same.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    ending = f".sr-{digest}.{kind}"
    kept = name[: max(len(name), SHORTEST) - len(ending)].decode("utf-8", "ignore")
    return place.with_name(kept + ending)


@cache  # once per process: a folder may hold very many files
def _remove_stale(folder: Path) -> None:
    """Remove temporary files of killed writers: those without a held lock."""
    names: list[str] = []
    with suppress(OSError):  # the folder may be writable but not listable
        names = os.listdir(folder)
    for found in filter(None, map(OURS.fullmatch, names)):
        partial, lock = (folder / f"{found[1]}.{kind}" for kind in ("partial", "lock"))
        with suppress(OSError):  # removal is optional, e.g. without permission
            descriptor = _locked(lock, 0)
            if descriptor is not None:
                partial.unlink(missing_ok=True)
                _release(descriptor, lock)


def _locked(lock: Path, patience: float) -> int | None:
    """A file descriptor that holds the lock; None if it is not free within `patience` seconds."""
    end = time.monotonic() + patience
    while True:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
        # The previous holder may have removed the file after this process opened it.
        if _try_lock(descriptor) and (WINDOWS or _is_there(descriptor, lock)):
            return descriptor
        os.close(descriptor)
        if time.monotonic() >= end:
            return None
        time.sleep(0.02)


def _try_lock(descriptor: int) -> bool:
    """Lock an open file without waiting; True also if the file system does not support locks."""
    if WINDOWS:
        msvcrt = import_module("msvcrt")  # its stub is empty on other systems
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def _is_there(descriptor: int, lock: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(lock))
    except FileNotFoundError:
        return False


def _release(descriptor: int, lock: Path) -> None:
    """Remove the lock file and release the lock; Windows cannot remove an open file."""
    with suppress(OSError):
        if not WINDOWS:
            os.unlink(lock)
    os.close(descriptor)
    with suppress(OSError):  # on Windows the next writer may have opened it already
        if WINDOWS:
            os.unlink(lock)


def _replace(partial: Path, place: Path, target: Path) -> None:
    """Rename; on Windows, retry while a player or a virus scanner has the old file open."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return os.replace(partial, place)
        except PermissionError as error:
            if not WINDOWS:
                raise
            if time.monotonic() >= end:
                raise MediaError(
                    f"'{target}' is open in another program and cannot be replaced; close it "
                    "there, or choose another name"
                ) from error
        time.sleep(0.1)
