"""A file that is whole or not there: written beside its place, then renamed, by one at a time."""

from __future__ import annotations

import hashlib
import os
import re
import time
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from ..read.source import MediaError
from .container import writing

WINDOWS = os.name == "nt"
PATIENCE = 5.0  # seconds for another program on Windows to let go of the target
GLANCE = 0.5  # seconds for who only looks whether a lock is held
SHORTEST = 64  # bytes that every file system allows a name
OURS = re.compile(r"(.*\.sr-[0-9a-f]{8})\.(partial|lock)", re.DOTALL)
DEVICES = {"CON", "PRN", "AUX", "NUL"} | {f"{p}{n}" for p in ("COM", "LPT") for n in "123456789¹²³"}


@contextmanager
def whole_file(target: Path) -> Iterator[Path]:
    """Give a path beside the target that becomes the target on success and vanishes otherwise.

    Raises MediaError where the target cannot be written or is being written by another.
    """
    with sole_writer(target) as place:
        partial = _beside(place, "partial")
        try:
            yield partial
            with writing(target):
                _replace(partial, place, target)
        finally:
            with suppress(OSError):  # what went wrong before is what has to be told
                partial.unlink(missing_ok=True)


def write_text(target: Path, text: str) -> None:
    """Write UTF-8, the same bytes on every system, whole or not at all."""
    with whole_file(target) as partial:
        partial.write_text(text, encoding="utf-8", newline="\n")


@contextmanager
def sole_writer(target: Path) -> Iterator[Path]:
    """Keep every other writer from the target; gives the file it is, as links are followed.

    The lock is the system's, so that it ends with the process that holds it, however that ends.
    Raises MediaError where another holds it, and for what can be no file.
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
    if os.path.isdir(place):  # not Path's own: a name too long is another mistake
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
    """What keeps Windows from writing a file of this name, None if nothing does."""
    if name.split(".")[0].rstrip(" ").upper() in DEVICES:
        return "which is a device on Windows"
    if name.endswith((".", " ")):
        return "whose last character Windows leaves out"
    wrong = sorted({letter for letter in name if letter in '<>:"/\\|?*' or letter < " "})
    return f"with {' '.join(map(repr, wrong))}, which Windows does not allow" if wrong else None


def _beside(place: Path, kind: str) -> Path:
    """A name of ours in the same folder, no longer than any file system allows.

    One for each target, also where capitals or accents may be written in several ways.
    """
    name = os.fsencode(place.name)
    same = unicodedata.normalize("NFC", place.name).casefold()
    digest = hashlib.sha256(same.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    ending = f".sr-{digest}.{kind}"
    kept = name[: max(len(name), SHORTEST) - len(ending)].decode("utf-8", "ignore")
    return place.with_name(kept + ending)


@cache  # once in a process: a library's folder may hold very many files
def _remove_stale(folder: Path) -> None:
    """Remove what writers left there that were killed: no lock is held on it any more."""
    names: list[str] = []
    with suppress(OSError):  # a folder that may be written to and not be listed
        names = os.listdir(folder)
    for found in filter(None, map(OURS.fullmatch, names)):
        partial, lock = (folder / f"{found[1]}.{kind}" for kind in ("partial", "lock"))
        with suppress(OSError):  # not ours to remove; that is no reason not to write
            descriptor = _locked(lock, 0)
            if descriptor is not None:
                partial.unlink(missing_ok=True)
                _release(descriptor, lock)


def _locked(lock: Path, patience: float) -> int | None:
    """A descriptor that holds the lock; None where another has held it for so many seconds."""
    end = time.monotonic() + patience
    while True:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
        # Its last holder may have removed the file that this one has just opened.
        if _take(descriptor) and (WINDOWS or _is_there(descriptor, lock)):
            return descriptor
        os.close(descriptor)
        if time.monotonic() >= end:
            return None
        time.sleep(0.02)


def _take(descriptor: int) -> bool:
    """Lock an open file; where the file system knows no locks, nothing can be known of others."""
    if WINDOWS:
        import msvcrt

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
    """Remove the lock's file and let the lock go; Windows removes no file that is open."""
    with suppress(OSError):
        if not WINDOWS:
            os.unlink(lock)
    os.close(descriptor)
    with suppress(OSError):  # on Windows the next writer may have opened it: it is theirs now
        if WINDOWS:
            os.unlink(lock)


def _replace(partial: Path, place: Path, target: Path) -> None:
    """Rename; on Windows a player or a virus scanner may hold the old file open for a while."""
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
