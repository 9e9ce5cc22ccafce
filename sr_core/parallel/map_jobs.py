"""Parallel map over jobs: in this process, in several, or on a Ray cluster.

`make()` loads the model or other data once per worker and returns the function job -> result. Jobs
are independent, so worker and order do not change a result.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .cluster import Paths, on_cluster
from .worker import Done, Failed, Job, Make, Outcome, Result


@dataclass(frozen=True)
class Placement:
    """Where jobs run."""

    workers: int | None = None  # None: this process only, or as many as fit on the cluster
    ray: str | None = None  # address of a Ray cluster
    gpu: bool = False  # one GPU per worker; local workers share them round-robin

    def __post_init__(self) -> None:
        if self.workers is not None and self.workers < 1:
            raise ValueError(f"got --workers {self.workers}; expected 1 or more")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="processes on this machine, one thread each; with --ray: at most N on the cluster",
    )
    parser.add_argument(
        "--ray",
        metavar="ADDRESS",
        help="run on a Ray cluster: auto or HOST:PORT; all paths must be on a shared disk",
    )


def map_jobs(
    make: Make[Job, Result], jobs: Sequence[Job], where: Placement, paths: Paths[Job]
) -> Iterator[Outcome[Job, Result]]:
    """Run all jobs and yield outcomes as they complete, in any order.

    `paths(job)`: files that must exist on a cluster machine if they exist here. An error of a job
    does not stop the others; an error of `make` is raised.
    """
    if not jobs:
        return
    if where.ray:
        yield from on_cluster(make, jobs, where.ray, where.workers, where.gpu, paths)
    elif where.workers:
        from .processes import in_processes  # imported here: `--help` does not need it

        yield from in_processes(make, jobs, min(where.workers, len(jobs)), where.gpu)
    else:
        work = make()
        for job in jobs:
            try:
                yield Done(job, work(job))
            except Exception as error:
                yield Failed(job, error)
