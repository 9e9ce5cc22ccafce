"""Workers that are processes of this machine."""

from __future__ import annotations

import _thread
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from multiprocessing.connection import Connection
from types import FrameType
from typing import Any

from .signals import ENDING, Stopped
from .worker import DEATH, Answer, Make, Outcome, Worker, outcome_of

GRACE = 5.0  # seconds in which a worker whose parent has died may clean up
_busy = False  # with a job


def in_processes(make: Make, jobs: Sequence[Any], workers: int, gpu: bool) -> Iterator[Outcome]:
    waiting, busy = iter(jobs), {}
    idle = processes = [Process(make, number, gpu) for number in range(workers)]
    try:
        while True:
            for process, job in zip(idle, waiting, strict=False):  # idle first: it may be empty
                busy[process.submit(job)] = process, job
            if not busy:
                return
            idle = []
            for future in wait(busy, return_when=FIRST_COMPLETED).done:
                process, job = busy.pop(future)
                idle.append(process)
                yield outcome_of(job, process.answer(future))
    finally:
        for process in processes:
            process.interrupt()
        for process in processes:
            process.close()


class Process:
    """One worker in a process of its own, begun anew where a job has killed it."""

    def __init__(self, make: Make, number: int, gpu: bool):
        self.spawn = multiprocessing.get_context("spawn")
        told, self.telling = self.spawn.Pipe(duplex=False)
        self.arguments = make, number, gpu, told
        self._begin()

    def _begin(self) -> None:
        self.pool = ProcessPoolExecutor(1, self.spawn, _start, self.arguments)

    def submit(self, job: Any) -> Future:
        return self.pool.submit(_do, job)

    def answer(self, future: Future) -> Answer:
        try:
            return future.result()
        except BrokenProcessPool:
            self._begin()
            return Answer(error=RuntimeError(DEATH))

    def interrupt(self) -> None:
        """Let a job that is under way clean up and end."""
        self.telling.close()

    def close(self) -> None:
        self.pool.shutdown()


def _start(make: Make, number: int, gpu: bool, told: Connection) -> None:
    global _worker
    for wish in ENDING:  # of Ctrl-C all processes on the terminal are told, of others not all
        signal.signal(wish, _interrupt)
    threading.Thread(target=_end_when_told, args=(told,), daemon=True).start()
    if gpu:
        import torch

        torch.cuda.set_device(number % max(1, torch.cuda.device_count()))  # none: it says so
    _worker = Worker(make)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Interrupt the job, if there is one; the process itself is ended by its parent."""
    global _busy
    if _busy:
        _busy = False  # the clean-up is not interrupted
        raise Stopped(number)


def _end_when_told(told: Connection) -> None:
    """Wait for the pipe's end: the parent has closed it, or is killed and can end nobody itself.

    Signals reach no other process on Windows.
    """
    with suppress(EOFError, OSError):
        told.recv_bytes()
    if _busy:
        _thread.interrupt_main()
        time.sleep(GRACE)
    multiprocessing.parent_process().join()
    os._exit(1)


def _do(job: Any) -> Answer:
    global _busy
    _busy = True
    try:
        return _worker(job)
    except Stopped:
        return Answer(error=RuntimeError("stopped"))
    finally:
        _busy = False
