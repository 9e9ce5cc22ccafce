"""The signals that ask a process to end: Ctrl-C, `kill`, a closed terminal, Ctrl-Break."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

Handler = Callable[[int, "FrameType | None"], Any]

# Windows has no SIGHUP, and SIGBREAK is what it sends where a console is closed.
ENDING = [
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
    if hasattr(signal, name)
]


class Stopped(KeyboardInterrupt):
    """What a signal that asks for the end raises in the main thread; `number` is the signal's."""

    def __init__(self, number: int):
        super().__init__(f"stopped by signal {number}")
        self.number = number


def stop(number: int, frame: FrameType | None) -> None:
    """Raise Stopped, so that everything is cleaned up; only Ctrl-C may cut the clean-up short."""
    for other in ENDING:
        if other != signal.SIGINT:
            signal.signal(other, signal.SIG_IGN)
    raise Stopped(number)


@contextmanager
def on_ending(handler: Handler) -> Iterator[None]:
    """Let the signals call `handler`; afterwards they do what they did before.

    One that is ignored stays so, as `nohup` wants it. Only the main thread can handle signals.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    usual = {number: signal.getsignal(number) for number in ENDING}
    usual = {number: old for number, old in usual.items() if old != signal.SIG_IGN}
    try:
        for number in usual:
            signal.signal(number, handler)
        yield
    finally:
        for number, old in usual.items():
            signal.signal(number, old)
