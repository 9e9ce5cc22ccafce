"""The same outcomes wherever the work is done, and a failure stays where it happened."""

import multiprocessing
import os
import subprocess
import sys
import time
import warnings
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from sr_core.parallel.map_jobs import Placement, map_jobs
from sr_core.parallel.processes import GRACE

EVERYWHERE = [
    pytest.param("here", id="here"),
    pytest.param("processes", id="processes"),
    pytest.param("cluster", id="cluster", marks=pytest.mark.slow),
]
posix = pytest.mark.skipif(os.name == "nt", reason="Windows interrupts no call of the system")


@dataclass
class Worker:
    """Keeps a diary of what it loads and does; some jobs are bad."""

    diary: Path

    def __post_init__(self):
        self._write("loaded")

    def __call__(self, job: str):
        self._write(f"did {job}")
        if job == "bad":
            raise ValueError("got a bad job")
        if job == "deadly":
            os._exit(1)
        if job == "loud":
            warnings.warn("it is loud", stacklevel=1)
        if job.startswith("slow"):
            time.sleep(1)
        if job == "asleep":
            self._sleep()
        while job == "deaf":  # to every wish to end
            with suppress(BaseException):
                time.sleep(600)
        return f"{job} done", os.getpid(), torch.get_num_threads()

    def _sleep(self) -> None:
        try:
            time.sleep(600)
        finally:
            self._write("cleaned up")

    def _write(self, line: str) -> None:
        with open(self.diary, "a", encoding="utf-8") as file:
            file.write(f"{os.getpid()} {line}\n")


class Make:
    def __init__(self, diary: Path):
        self.diary = diary

    def __call__(self) -> Worker:
        return Worker(self.diary)


def refuse() -> Worker:
    raise ValueError("got a model that is none")


@pytest.fixture
def where(request) -> Placement:
    kind = request.param
    if kind == "cluster":
        return Placement(ray=request.getfixturevalue("cluster"))
    return Placement(workers=2 if kind == "processes" else None)


def no_paths(job: str) -> list:
    return []


def outcomes(make, jobs, where, paths=no_paths) -> dict:
    return {one.job: one for one in map_jobs(make, jobs, where, paths)}


@pytest.mark.parametrize("where", EVERYWHERE, indirect=True)
def test_every_job_is_done_once_and_each_worker_loads_once(tmp_path, where):
    jobs = [f"slow {n}" for n in range(6)]
    coming = map_jobs(Make(tmp_path / "diary"), jobs, where, no_paths)
    found = {(first := next(coming)).job: first}
    lines = (tmp_path / "diary").read_text().splitlines()
    assert sum("did" in line for line in lines) < 6  # results come as they are made
    found |= {one.job: one for one in coming}
    assert {job: one.result[0] for job, one in found.items()} == {j: f"{j} done" for j in jobs}
    lines = (tmp_path / "diary").read_text().splitlines()
    loads = [line.split()[0] for line in lines if line.endswith("loaded")]
    workers = 2 if where.ray or where.workers else 1
    assert len(loads) == len(set(loads)) == workers and len(lines) == workers + len(jobs)
    assert {one.result[2] for one in found.values()} == {1}  # thread


@pytest.mark.parametrize("where", EVERYWHERE, indirect=True)
def test_what_goes_wrong_with_one_job_stops_no_other(tmp_path, where):
    jobs = ["a", "bad", "b", "loud", "c"]
    deadly = ["deadly"] if where.ray or where.workers else []
    with pytest.warns(UserWarning, match="it is loud"):
        found = outcomes(Make(tmp_path / "diary"), [*deadly, *jobs], where)
    assert all(found[job].result for job in ("a", "b", "loud", "c"))
    assert str(found["bad"].error) == "got a bad job" and isinstance(found["bad"].error, ValueError)
    assert all("its worker died" in str(found[job].error) for job in deadly)


@pytest.mark.parametrize("where", EVERYWHERE, indirect=True)
def test_what_every_job_needs_and_lacks_stops_all(where):
    with pytest.raises(ValueError, match="got a model that is none"):
        outcomes(refuse, ["a", "b"], where)


@pytest.mark.parametrize("where", EVERYWHERE[2:], indirect=True)
def test_a_worker_that_does_not_see_a_path_says_so(tmp_path, where):
    ours = f"/proc/self/task/{os.getpid()}"  # no other process sees this one
    paths = {"a": [tmp_path, ours], "b": [tmp_path, tmp_path / "seen by nobody"]}
    found = outcomes(Make(tmp_path / "diary"), ["a", "b"], where, paths.get)
    assert f"got {ours}, which" in str(found["a"].error) and "shared disk" in str(found["a"].error)
    assert found["b"].result  # the job itself will say what it lacks


def until(true) -> None:
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.slow
@pytest.mark.parametrize("job", [pytest.param("asleep", marks=posix), "deaf"])
def test_a_job_under_way_does_not_keep_the_outcomes_from_being_closed(tmp_path, job):
    diary = tmp_path / "diary"
    coming = map_jobs(Make(diary), ["quick", job, "slow", "never"], Placement(workers=2), no_paths)
    assert next(coming).result
    until(lambda: f"did {job}" in diary.read_text())
    begun = time.monotonic()
    coming.close()
    assert time.monotonic() - begun < 4 * GRACE and not multiprocessing.active_children()
    lines = diary.read_text()
    assert ("cleaned up" in lines) == (job == "asleep") and "never" not in lines


def test_no_jobs_need_no_workers(tmp_path):
    assert not outcomes(refuse, [], Placement(workers=3))
    assert not outcomes(refuse, [], Placement(ray="auto"))


def test_workers_are_one_or_more():
    with pytest.raises(ValueError, match="got --workers 0; expected 1 or more"):
        Placement(workers=0)


def test_ray_is_asked_for_by_name_where_it_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ValueError, match=r'pip install "ray\[data\]"'):
        outcomes(refuse, ["a"], Placement(ray="auto"))


def test_ray_is_not_imported_before_it_is_asked_for():
    code = "import sys, sr_core.cli; sys.exit('ray' in sys.modules or 'pyarrow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
