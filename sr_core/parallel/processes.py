"""Workers as processes of this machine."""

from __future__ import annotations

import _thread
import multiprocessing
import os
import pickle
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from queue import SimpleQueue
from typing import Generic

from .signals import Stopped, on_ending, stop
from .worker import DEATH, Answer, Job, Make, Outcome, Raised, Result, Worker, outcome_of

GRACE = 5.0  # seconds for a stopped job to clean up
SPAWN = multiprocessing.get_context("spawn")


def in_processes(
    make: Make[Job, Result], jobs: Sequence[Job], workers: int, gpu: bool
) -> Iterator[Outcome[Job, Result]]:
    """Run jobs in worker processes and yield outcomes as they complete."""
    waiting = iter(jobs)
    busy: dict[object, tuple[Process[Job, Result], Job]] = {}  # by the pipe of the process
    idle = processes = [Process(make, number, gpu) for number in range(workers)]
    try:
        while True:
            for process, job in zip(idle, waiting, strict=False):  # idle first: zip drops no job
                busy[process.submit(job)] = process, job
            if not busy:
                return
            idle = []
            for pipe in wait([process.pipe for process, _ in busy.values()]):
                process, job = busy.pop(pipe)
                idle.append(process)
                yield outcome_of(job, process.answer())
    finally:
        _end(processes)


def _end(processes: Sequence[Process[Job, Result]]) -> None:
    """Stop all workers; those that still run after GRACE seconds are killed."""
    for process in processes:
        process.pipe.close()  # makes the worker end
    end = time.monotonic() + GRACE
    for process in processes:
        process.process.join(max(0.0, end - time.monotonic()))
    for process in processes:
        process.kill()


class Process(Generic[Job, Result]):
    """One worker process, restarted if a job has killed it."""

    def __init__(self, make: Make[Job, Result], number: int, gpu: bool) -> None:
        self.arguments = make, number, gpu
        self._begin()

    def _begin(self) -> None:
        self.pipe, theirs = SPAWN.Pipe()
        # A daemon: it ends with a parent that exits without closing the generator of outcomes.
        self.process = SPAWN.Process(target=_run, args=(theirs, *self.arguments), daemon=True)
        self.process.start()
        theirs.close()  # otherwise the pipe stays open when the worker dies

    def submit(self, job: Job) -> Connection:
        """Send the worker a job; returns the pipe that will carry the answer."""
        if not self.process.is_alive():
            self._begin()
        with suppress(BrokenPipeError, ConnectionResetError):  # `answer` reports the death
            self.pipe.send(job)
        return self.pipe

    def answer(self) -> Answer[Result]:
        """Receive the worker's answer, or the error that it died."""
        try:
            return self.pipe.recv()
        except (EOFError, OSError):
            self.kill()
            return Raised(RuntimeError(DEATH))

    def kill(self) -> None:
        self.process.kill()
        self.process.join()


def _run(pipe: Connection, make: Make[Job, Result], number: int, gpu: bool) -> None:
    """Main function of a worker: answer jobs until the pipe closes or a signal arrives."""
    jobs: SimpleQueue[bytes] = SimpleQueue()
    with suppress(Stopped), on_ending(stop):
        main = threading.get_ident()
        threading.Thread(target=_receive, args=(pipe, jobs, main), daemon=True).start()
        if gpu:
            import torch

            torch.cuda.set_device(number % max(1, torch.cuda.device_count()))  # no GPU: raises
        worker = Worker(make)
        for job in iter(jobs.get, b""):
            pipe.send(worker(pickle.loads(job)))


def _receive(pipe: Connection, jobs: SimpleQueue[bytes], main: int) -> None:
    """Queue jobs until the parent closes the pipe or dies; then end this process.

    `main`: identifier of the main thread, which alone handles signals.
    """
    with suppress(EOFError, OSError):
        while True:
            jobs.put(pipe.recv_bytes())
    if hasattr(signal, "pthread_kill"):  # also interrupts a blocking system call
        signal.pthread_kill(main, signal.SIGTERM)
    else:
        _thread.interrupt_main(signal.SIGTERM)
    jobs.put(b"")  # on Windows no signal interrupts the wait for the next job
    time.sleep(GRACE)
    os._exit(1)  # the parent may be dead and cannot kill this process
