"""However a command is ended, it says so as shells expect, and no file is left half written."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from sr_core.cli import main
from sr_core.commands import inspect
from sr_core.parallel.signals import ENDING, on_ending, stop
from tests.test_cli import write_video

ROOT = Path(__file__).parents[2]
posix = pytest.mark.skipif(os.name == "nt", reason="Windows sends no signals to other processes")


def start(*words, **pipes) -> subprocess.Popen:
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | pipes
    command = [sys.executable, "-m", "sr_core", *map(str, words)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, cwd=ROOT, env=environment, **pipes)


@pytest.mark.parametrize("number", ENDING, ids=lambda number: number.name)
def test_each_signal_is_cleaned_up_after_and_gives_its_code(monkeypatch, capsys, number):
    before, cleaned = [signal.getsignal(one) for one in ENDING], []

    def run(options):
        try:
            signal.raise_signal(number)
            raise AssertionError("the signal did nothing")
        finally:
            signal.raise_signal(signal.SIGTERM)  # a second one does not stop the cleaning
            cleaned.append(True)

    monkeypatch.setattr(inspect, "run", run)
    assert main(["inspect", "x"]) == 128 + number and cleaned
    assert capsys.readouterr().err == "stopped; no incomplete file is left\n"
    assert [signal.getsignal(one) for one in ENDING] == before


def test_a_signal_that_is_ignored_stays_ignored():
    old = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with on_ending(stop):
            assert signal.getsignal(signal.SIGTERM) == signal.SIG_IGN
            assert signal.getsignal(signal.SIGINT) is stop
            signal.raise_signal(signal.SIGTERM)
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, old)


def test_a_command_can_run_in_any_thread(capsys):
    codes = []
    thread = threading.Thread(target=lambda: codes.append(main(["inspect", "nowhere"])))
    thread.start()
    thread.join()
    assert codes == [2] and "nowhere" in capsys.readouterr().err


@posix
@pytest.mark.slow
@pytest.mark.parametrize(("number", "workers"), [("SIGHUP", 0), ("SIGTERM", 2)])
def test_a_stopped_generate_leaves_no_half_file(tmp_path, number, workers):
    (tmp_path / "in").mkdir()
    for name in "ab":
        write_video(tmp_path / "in" / f"{name}.mp4", frames=1500, rate=30)
    words = ["--workers", workers] if workers else []
    process = start("generate", tmp_path / "in", "-o", tmp_path / "out", *words)
    end = time.monotonic() + 60
    while len(list(tmp_path.glob("out/*.partial"))) < max(1, workers):
        assert process.poll() is None and time.monotonic() < end, process.communicate()
        time.sleep(0.05)
    process.send_signal(getattr(signal, number))  # to this one process alone
    _, err = process.communicate(timeout=30)
    assert process.returncode == 128 + getattr(signal, number)
    assert err.decode().strip().endswith("stopped; no incomplete file is left")
    assert b"Traceback" not in err and not list(tmp_path.glob("out/*"))


def closed_pipe() -> int:
    """The writing end of a pipe whose reader has gone."""
    reading, writing = os.pipe()
    os.close(reading)
    return writing


VERBS = ("generate", "stream", "convert", "inspect", "prepare", "train", "evaluate", "benchmark")


@pytest.mark.parametrize("words", [*([v, "--help"] for v in VERBS), ["--help"]], ids=lambda w: w[0])
def test_help_that_nobody_reads_ends_quietly(words):
    writing = closed_pipe()
    process = start(*words, stdout=writing)
    os.close(writing)
    assert process.communicate()[1] == b"" and process.returncode == 141


@pytest.mark.slow
def test_a_result_that_nobody_reads_ends_quietly():
    writing = closed_pipe()
    process = start("inspect", "sr_core/assets/micro.safetensors", stdout=writing)
    os.close(writing)
    assert process.communicate()[1] == b"" and process.returncode == 141


def test_an_error_that_nobody_reads_keeps_its_code():
    writing = closed_pipe()
    process = start("benchmark", "--frames", 0, stderr=writing)
    os.close(writing)
    assert process.communicate()[0] == b"" and process.returncode == 2
