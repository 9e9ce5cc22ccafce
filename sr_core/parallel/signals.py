"""Termination signals: Ctrl-C, `kill`, a closed terminal, Ctrl-Break."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

Handler = Callable[[int, "FrameType | None"], object]

# Windows has no SIGHUP; it sends SIGBREAK when a console is closed.
ENDING = [
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
    if hasattr(signal, name)
]


class Stopped(KeyboardInterrupt):
    """Raised in the main thread by a termination signal; `number` is the signal's number."""

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by signal {number}")
        self.number = number


def stop(number: int, frame: FrameType | None) -> None:
    """Signal handler: raise Stopped, which runs all clean-up; only Ctrl-C can interrupt that."""
    for other in ENDING:
        if other != signal.SIGINT:
            signal.signal(other, signal.SIG_IGN)
    raise Stopped(number)


@contextmanager
def on_ending(handler: Handler) -> Iterator[None]:
    """Install `handler` for the termination signals; the old handlers are restored at the end.

    Ignored signals stay ignored, as `nohup` requires. No effect outside the main thread, which
    alone can handle signals.
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
