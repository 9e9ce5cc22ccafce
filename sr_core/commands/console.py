"""Standard output and error: whatever they cannot print, and whoever no longer reads them."""

from __future__ import annotations

import codecs
import errno
import os
import sys
from contextlib import suppress

CLOSED_PIPE = 128 + 13  # what a shell gives for a process that SIGPIPE ended


def make_printable() -> None:
    r"""Let both streams print every text: a name's raw bytes as they are, the rest as \u1234."""
    codecs.register_error("printable", _printable)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a host's own may know no encoding
            stream.reconfigure(errors="printable")


def _printable(error: UnicodeError) -> tuple[str | bytes, int]:
    # A name that is no text in this locale came in by surrogateescape, and goes out by it.
    with suppress(UnicodeEncodeError):
        return codecs.lookup_error("surrogateescape")(error)
    return codecs.lookup_error("backslashreplace")(error)


def say(text: str) -> None:
    """Print a line on standard error, if anyone is there to read it."""
    with suppress(OSError):
        print(text, file=sys.stderr)


def is_closed_pipe(error: BaseException) -> bool:
    """Say whether the reader of what is printed has gone: on Windows an invalid argument."""
    if isinstance(error, BrokenPipeError):
        return True
    known = isinstance(error, OSError) and error.errno == errno.EINVAL and error.filename is None
    return os.name == "nt" and known


def let_go() -> None:
    """Send what is still to be printed nowhere, or Python would complain of it at its end."""
    with open(os.devnull, "wb") as nowhere:
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except OSError:
                with suppress(OSError):  # a stream without a descriptor
                    os.dup2(nowhere.fileno(), stream.fileno())
