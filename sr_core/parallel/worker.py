"""What a worker does wherever it is: load once, then answer job after job."""

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
    """What became of a job: its result, or the error that it raised."""

    job: Any
    result: Any = None
    error: Exception | None = None


@dataclass(frozen=True)
class Answer:
    """What a worker sends back."""

    result: Any = None
    error: Exception | None = None
    ready: bool = True  # False: not the job is at fault but what every job needs
    warnings: tuple[str, ...] = ()


class Worker:
    """One thread, and the work as soon as there is a job."""

    def __init__(self, make: Make):
        import torch  # whoever asks for help alone does not wait for it

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
    """The error, or its words alone where it cannot be sent to another process."""
    try:
        return pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")


def outcome_of(job: Any, answer: Answer) -> Outcome:
    for message in answer.warnings:
        warnings.warn(message, stacklevel=2)
    if not answer.ready:
        raise answer.error
    return Outcome(job, answer.result, answer.error)
