"""Processes that use a core each; apart from the rest, so that they start without PyTorch."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.synchronize import Semaphore

SPAWN = multiprocessing.get_context("spawn")


@contextmanager
def spinning(count: int) -> Iterator[None]:
    """Run that many processes without pause, each on a core of its own if there is one."""
    started = SPAWN.Semaphore(0)
    processes = [SPAWN.Process(target=_spin, args=(started,), daemon=True) for _ in range(count)]
    try:
        for process in processes:
            process.start()
        for _ in processes:
            started.acquire()
        yield
    finally:
        for process in processes:
            if process.pid is not None:
                process.kill()
                process.join()


def _spin(started: Semaphore) -> None:
    started.release()
    while True:
        pass
