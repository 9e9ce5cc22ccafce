"""Workers as actors of a Ray cluster."""

from __future__ import annotations

import logging
import os
import pickle
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Generic, Protocol, TypedDict

from .worker import DEATH, Answer, Job, Make, Outcome, Raised, Result, Returned, Worker, outcome_of

if TYPE_CHECKING:
    from ray import ObjectRef

Paths = Callable[[Job], Iterable[str | os.PathLike[str]]]

BLOCKS = 10_000  # number of Ray Data blocks, at most: more would only fill the driver's memory
TRIES = 3  # attempts of a job whose worker died: the machine may have failed, or the job kills it
GOODBYE = 1.0  # seconds to wait before disconnecting
NEEDS = "every machine must have the same paths (a shared disk) and this package installed"


class _Row(TypedDict):
    """A job as Ray Data passes it to an actor."""

    number: int
    job: bytes  # pickled pair: the job, and the paths that must exist


class _AnswerRow(TypedDict):
    """The answer to a job as Ray Data returns it."""

    number: int
    answer: bytes  # pickled


def on_cluster(
    make: Make[Job, Result],
    jobs: Sequence[Job],
    address: str,
    workers: int | None,
    gpu: bool,
    paths: Paths[Job],
) -> Iterator[Outcome[Job, Result]]:
    """Run jobs in Ray Data actors and yield outcomes; `workers` None: as many as there is room."""
    ray, kind = _connected(address), "GPU" if gpu else "CPU"
    existing = [[str(path) for path in paths(job) if Path(path).exists()] for job in jobs]
    rows: list[_Row] = [
        {"number": number, "job": pickle.dumps(both)}
        for number, both in enumerate(zip(jobs, existing, strict=True))
    ]
    ledger = ray.remote(num_cpus=0)(_Ledger).remote()
    try:
        data = ray.data.from_items(rows, override_num_blocks=min(len(rows), BLOCKS)).map(
            _Actor,
            fn_constructor_args=(make, os.getcwd(), ledger),
            # One at a time: a job queued behind a long one could run on another actor.
            compute=ray.data.ActorPoolStrategy(
                size=min(workers or _slots(ray, kind), len(jobs)), max_tasks_in_flight_per_actor=1
            ),
            **{f"num_{kind.lower()}s": 1},
        )
        # Closed before ray.shutdown: running tasks would start a new Ray instance.
        with closing(iter(data.iter_rows())) as answers:
            for row in answers:
                yield outcome_of(jobs[row["number"]], pickle.loads(row["answer"]))
    except ray.exceptions.RayError as error:
        raise ValueError(f"the cluster at {address} gave up: {error}; {NEEDS}") from error
    finally:
        # Ray Data releases its processors by an asynchronous message. It is lost if the connection
        # ends at once, and the next run then waits three minutes for them.
        time.sleep(GOODBYE)
        ray.shutdown()


def _slots(ray: ModuleType, kind: str) -> int:
    """Number of CPUs or GPUs of the cluster."""
    found = int(ray.cluster_resources().get(kind, 0))
    if not found:
        raise ValueError(
            f"got a cluster without a {kind}; expected one; if it scales on demand, give --workers"
        )
    return found


def _connected(address: str) -> ModuleType:
    """Import `ray`, connect it to the cluster and return it."""
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise ValueError('got --ray, which needs Ray; `pip install "ray[data]"`') from error
    try:
        ray.init(address, log_to_driver=False, logging_level=logging.WARNING)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise ValueError(
            f"got --ray {address}, where no cluster answers ({error}); expected one that "
            "`ray start --head` started; give auto on one of its machines, or HOST:PORT"
        ) from error
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    return ray


class _Ledger:
    """Counts the attempts of each job: Ray would retry a job that kills its worker without end."""

    def __init__(self) -> None:
        self.tries: Counter[int] = Counter()

    def begin(self, number: int) -> int:
        self.tries[number] += 1
        return self.tries[number]

    def end(self, number: int) -> None:
        del self.tries[number]


class _RemoteMethod(Protocol):
    """A method of an object on another machine."""

    def remote(self, number: int) -> ObjectRef: ...


class _LedgerHandle(Protocol):
    """Ray's handle to a `_Ledger`."""

    @property
    def begin(self) -> _RemoteMethod: ...

    @property
    def end(self) -> _RemoteMethod: ...


class _Actor(Generic[Job, Result]):
    """A worker on the cluster: a row with a job -> a row with an answer."""

    def __init__(self, make: Make[Job, Result], folder: str, ledger: _LedgerHandle) -> None:
        if os.path.isdir(folder):
            os.chdir(folder)  # so that relative paths are valid
        self.worker, self.ledger = Worker(make), ledger

    def __call__(self, row: _Row) -> _AnswerRow:
        answer = pickle.dumps(self._answer(**row))
        self.ledger.end.remote(row["number"])
        return {"number": row["number"], "answer": answer}

    def _answer(self, number: int, job: bytes) -> Answer[Result]:
        import ray

        if ray.get(self.ledger.begin.remote(number)) > TRIES:
            return Raised(RuntimeError(DEATH))
        content, paths = pickle.loads(job)
        for path in paths:
            if not Path(path).exists():
                text = f"got {path}, which does not exist on {socket.gethostname()}; {NEEDS}"
                return Raised(ValueError(text))
        answer = self.worker(content)
        if isinstance(answer, Returned) or answer.ready:
            return answer
        text = f"a worker on {socket.gethostname()} could not start: {answer.error}; {NEEDS}"
        return Raised(ValueError(text), ready=False)
