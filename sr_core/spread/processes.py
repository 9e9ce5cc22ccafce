"""Workers that are processes of this machine."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import torch

from .worker import DEATH, Answer, Make, Outcome, Worker, outcome_of


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
            process.close()


class Process:
    """One worker in a process of its own, begun anew where a job has killed it."""

    def __init__(self, make: Make, number: int, gpu: bool):
        self.arguments = make, number, gpu
        self._begin()

    def _begin(self) -> None:
        spawn = multiprocessing.get_context("spawn")
        self.pool = ProcessPoolExecutor(1, spawn, _start, self.arguments)

    def submit(self, job: Any) -> Future:
        return self.pool.submit(_do, job)

    def answer(self, future: Future) -> Answer:
        try:
            return future.result()
        except BrokenProcessPool:
            self._begin()
            return Answer(error=RuntimeError(DEATH))

    def close(self) -> None:
        self.pool.shutdown()


def _start(make: Make, number: int, gpu: bool) -> None:
    global _worker
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if gpu:
        torch.cuda.set_device(number % max(1, torch.cuda.device_count()))  # none: it says so
    _worker = Worker(make)


def _end_with_parent() -> None:
    """A parent that is killed cannot end its children itself."""
    multiprocessing.parent_process().join()
    os._exit(1)


def _do(job: Any) -> Answer:
    return _worker(job)
