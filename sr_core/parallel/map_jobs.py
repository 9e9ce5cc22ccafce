"""The same work over many jobs: in this process, in several, or on a Ray cluster.

`make()` loads what the work needs, once per worker, and gives the work itself: job -> result. A
job depends on nothing else, so neither place nor order changes a result.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from .cluster import Paths, on_cluster
from .worker import Make, Outcome


@dataclass(frozen=True)
class Placement:
    """Where the work is done."""

    workers: int | None = None  # this process alone, or as many as a cluster has room for
    ray: str | None = None  # a cluster's address
    gpu: bool = False  # one for each worker; local workers take them in turn

    def __post_init__(self):
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
        help="work on a Ray cluster: auto or HOST:PORT; all paths on a disk that all machines see",
    )


def map_jobs(make: Make, jobs: Sequence[Any], where: Placement, paths: Paths) -> Iterator[Outcome]:
    """Do all jobs and give each one's outcome as it comes, in any order.

    `paths(job)` are those that a machine of a cluster must see where this one does. An error of a
    job stops no other; an error of `make` is raised.
    """
    if not jobs:
        return
    if where.ray:
        yield from on_cluster(make, jobs, where.ray, where.workers, where.gpu, paths)
    elif where.workers:
        from .processes import in_processes  # with all that processes need, and help does not

        yield from in_processes(make, jobs, min(where.workers, len(jobs)), where.gpu)
    else:
        work = make()
        for job in jobs:
            try:
                yield Outcome(job, work(job))
            except Exception as error:
                yield Outcome(job, error=error)
