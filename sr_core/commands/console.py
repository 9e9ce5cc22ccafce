"""Standard output and error: unprintable text and closed pipes."""

from __future__ import annotations

import codecs
import errno
import os
import sys
from contextlib import suppress

CLOSED_PIPE = 128 + 13  # exit status that shells report for a process ended by SIGPIPE


def make_printable() -> None:
    r"""Make both streams print any text: raw bytes of file names unchanged, the rest as \u1234."""
    codecs.register_error("printable", _printable)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a host may replace the stream by one without it
            stream.reconfigure(errors="printable")


def _printable(error: UnicodeError) -> tuple[str | bytes, int]:
    # File names that are not text in this locale were decoded by surrogateescape: reverse it.
    with suppress(UnicodeEncodeError):
        return codecs.lookup_error("surrogateescape")(error)
    return codecs.lookup_error("backslashreplace")(error)


def say(text: str) -> None:
    """Print a line on standard error; errors are ignored."""
    with suppress(OSError):
        print(text, file=sys.stderr)


def is_closed_pipe(error: BaseException) -> bool:
    """Return whether the error means that the output's reader has closed (Windows: EINVAL)."""
    if isinstance(error, BrokenPipeError):
        return True
    known = isinstance(error, OSError) and error.errno == errno.EINVAL and error.filename is None
    return os.name == "nt" and known


def let_go() -> None:
    """Redirect unwritable streams to the null device, so that Python's exit prints no error."""
    with open(os.devnull, "wb") as nowhere:
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except OSError:
                with suppress(OSError):  # a stream without a descriptor
                    os.dup2(nowhere.fileno(), stream.fileno())
