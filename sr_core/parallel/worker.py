"""The worker of all backends: it loads once, then answers jobs."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

Job = TypeVar("Job")
Result = TypeVar("Result")
Make = Callable[[], Callable[[Job], Result]]

DEATH = "its worker died (out of memory, or killed by this very job); try it alone"


@dataclass(frozen=True)
class Done(Generic[Job, Result]):
    """A job and its result."""

    job: Job
    result: Result


@dataclass(frozen=True)
class Failed(Generic[Job]):
    """A job and the error that it raised."""

    job: Job
    error: Exception


Outcome = Done[Job, Result] | Failed[Job]


@dataclass(frozen=True)
class Returned(Generic[Result]):
    """A worker's message: the result of a job."""

    result: Result
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Raised:
    """A worker's message: the error of a job."""

    error: Exception
    ready: bool = True  # False: the error of `make`, so every job would fail
    warnings: tuple[str, ...] = ()


Answer = Returned[Result] | Raised


class Worker(Generic[Job, Result]):
    """Runs jobs on one thread; calls `make` at the first job."""

    def __init__(self, make: Make[Job, Result]) -> None:
        import torch  # imported here: `--help` does not need it

        torch.set_num_threads(1)
        self.make = make
        self.work: Callable[[Job], Result] | None = None

    def __call__(self, job: Job) -> Answer[Result]:
        with warnings.catch_warnings(record=True) as caught:
            answer = self._answer(job)
        return replace(answer, warnings=tuple(str(one.message) for one in caught))

    def _answer(self, job: Job) -> Answer[Result]:
        try:
            work = self.work = self.work or self.make()
        except Exception as error:
            return Raised(_portable(error), ready=False)
        try:
            return Returned(work(job))
        except Exception as error:
            return Raised(_portable(error))


def _portable(error: Exception) -> Exception:
    """The error, or a RuntimeError with its text if it cannot be pickled."""
    try:
        return pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")


def outcome_of(job: Job, answer: Answer[Result]) -> Outcome[Job, Result]:
    """Re-emit the worker's warnings and return the outcome; raises an error of `make`."""
    for message in answer.warnings:
        warnings.warn(message, stacklevel=2)
    if isinstance(answer, Returned):
        return Done(job, answer.result)
    if not answer.ready:
        raise answer.error
    return Failed(job, answer.error)
