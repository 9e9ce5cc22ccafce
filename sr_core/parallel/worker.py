"""The worker of all backends: it loads once, then answers jobs."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Make = Callable[[], Callable[[Any], Any]]

DEATH = "its worker died (out of memory, or killed by this very job); try it alone"


@dataclass(frozen=True)
class Outcome:
    """The result of a job, or the error that it raised."""

    job: Any
    result: Any = None
    error: Exception | None = None


@dataclass(frozen=True)
class Answer:
    """The message that a worker returns for a job."""

    result: Any = None
    error: Exception | None = None
    ready: bool = True  # False: `make` failed, so every job would fail
    warnings: tuple[str, ...] = ()


class Worker:
    """Runs jobs on one thread; calls `make` at the first job."""

    def __init__(self, make: Make):
        import torch  # imported here: `--help` does not need it

        torch.set_num_threads(1)
        self.make, self.work = make, None

    def __call__(self, job: Any) -> Answer:
        with warnings.catch_warnings(record=True) as caught:
            answer = self._answer(job)
        return Answer(*answer, tuple(str(one.message) for one in caught))

    def _answer(self, job: Any) -> tuple[Any, Exception | None, bool]:
        try:
            self.work = self.work or self.make()
        except Exception as error:
            return None, _portable(error), False
        try:
            return self.work(job), None, True
        except Exception as error:
            return None, _portable(error), True


def _portable(error: Exception) -> Exception:
    """The error, or a RuntimeError with its text if it cannot be pickled."""
    try:
        return pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")


def outcome_of(job: Any, answer: Answer) -> Outcome:
    """Re-emit the worker's warnings and return the outcome; raises an error of `make`."""
    for message in answer.warnings:
        warnings.warn(message, stacklevel=2)
    if not answer.ready:
        raise answer.error
    return Outcome(job, answer.result, answer.error)
