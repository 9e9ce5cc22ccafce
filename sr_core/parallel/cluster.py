"""Workers that are actors of a Ray cluster."""

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
from typing import Any

from .worker import DEATH, Answer, Make, Outcome, Worker, outcome_of

Paths = Callable[[Any], Iterable["str | os.PathLike"]]

BLOCKS = 10_000  # messages to a cluster: more would only fill the memory of the one who sends them
TRIES = 3  # of a job whose worker died: its machine may have gone, or the job is the reason
GOODBYE = 1.0  # seconds
NEEDS = "every machine must see the same paths (a shared disk) and have this package installed"


def on_cluster(
    make: Make, jobs: Sequence[Any], address: str, workers: int | None, gpu: bool, paths: Paths
) -> Iterator[Outcome]:
    """Ray Data streams the jobs through actors; `workers` None is as many as it has room for."""
    ray, kind = _connected(address), "GPU" if gpu else "CPU"
    seen = [[str(path) for path in paths(job) if Path(path).exists()] for job in jobs]
    rows = [
        {"number": number, "job": pickle.dumps(both)}
        for number, both in enumerate(zip(jobs, seen, strict=True))
    ]
    ledger = ray.remote(num_cpus=0)(_Ledger).remote()
    try:
        data = ray.data.from_items(rows, override_num_blocks=min(len(rows), BLOCKS)).map(
            _Actor,
            fn_constructor_args=(make, os.getcwd(), ledger),
            # One at a time: a job that waits behind a long one could be done elsewhere.
            compute=ray.data.ActorPoolStrategy(
                size=min(workers or _room(ray, kind), len(jobs)), max_tasks_in_flight_per_actor=1
            ),
            **{f"num_{kind.lower()}s": 1},
        )
        # Closed before Ray is: what is still under way would begin a Ray of its own.
        with closing(iter(data.iter_rows())) as answers:
            for row in answers:
                yield outcome_of(jobs[row["number"]], pickle.loads(row["answer"]))
    except ray.exceptions.RayError as error:
        raise ValueError(f"the cluster at {address} gave up: {error}; {NEEDS}") from error
    finally:
        # Ray Data gives its processors back by a message that it does not wait for: lost where the
        # connection ends at once, and the next run would wait three minutes for them.
        time.sleep(GOODBYE)
        ray.shutdown()


def _room(ray: Any, kind: str) -> int:
    found = int(ray.cluster_resources().get(kind, 0))
    if not found:
        raise ValueError(
            f"got a cluster without a {kind}; where it grows on demand, give --workers"
        )
    return found


def _connected(address: str) -> Any:
    """The `ray` package, connected."""
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
            "`ray start --head` began; give auto on one of its machines, or HOST:PORT"
        ) from error
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    return ray


class _Ledger:
    """How often each job was begun: Ray would try one that kills its worker without end."""

    def __init__(self):
        self.tries = Counter()

    def begin(self, number: int) -> int:
        self.tries[number] += 1
        return self.tries[number]

    def end(self, number: int) -> None:
        del self.tries[number]


class _Actor:
    """A worker on the cluster: rows in, rows out."""

    def __init__(self, make: Make, folder: str, ledger: Any):
        if os.path.isdir(folder):
            os.chdir(folder)  # so that a relative path means the same everywhere
        self.worker, self.ledger = Worker(make), ledger

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        answer = pickle.dumps(self._answer(**row))
        self.ledger.end.remote(row["number"])
        return {"number": row["number"], "answer": answer}

    def _answer(self, number: int, job: bytes) -> Answer:
        import ray

        if ray.get(self.ledger.begin.remote(number)) > TRIES:
            return Answer(error=RuntimeError(DEATH))
        job, paths = pickle.loads(job)
        for path in paths:
            if not Path(path).exists():
                text = f"got {path}, which {socket.gethostname()} does not see; {NEEDS}"
                return Answer(error=ValueError(text))
        answer = self.worker(job)
        if answer.ready:
            return answer
        told = f"a worker on {socket.gethostname()} could not start: {answer.error}; {NEEDS}"
        return Answer(error=ValueError(told), ready=False)
