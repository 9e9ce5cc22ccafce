"""`stream` as a process: pipes, the clock, signals, and a file that outlives a kill."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from sr_core.io.read.audio import read_audio
from sr_core.io.read.video import open_video
from tests.test_cli import write_video

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow


@pytest.fixture
def start(tiny_model):
    """Start `stream` as a process of its own; all are gone when the test ends."""
    running = []

    def start(*words, **pipes):
        command = [sys.executable, "-m", "sr_core", "stream", *map(str, words)]
        command += ["--model", str(tiny_model), "--device", "cpu"]
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE} | pipes
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, **pipes
        )
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


def wait_for_growth(path: Path, size: int, process, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not (path.exists() and path.stat().st_size > size):
        assert process.poll() is None, process.communicate()[1].decode()
        assert time.monotonic() < end, f"{path} did not grow"
        time.sleep(0.05)


def noise(frames: int) -> bytes:
    return np.random.default_rng(0).integers(0, 256, frames * 48 * 64 * 3, np.uint8).tobytes()


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".wav", ".flac"])
def test_a_killed_stream_leaves_a_file_that_plays(start, tmp_path, suffix):
    clip = write_video(tmp_path / "clip.mp4", frames=60, rate=30)
    target = tmp_path / f"out{suffix}"
    process = start(clip, "-o", target, "--loop")
    wait_for_growth(target, 400_000, process)
    process.kill()
    process.wait()
    waveform, rate = read_audio(target)
    seconds = waveform.shape[1] / rate
    assert seconds > 1.2 and waveform.abs().max() > 0.01
    assert waveform[:, -rate:].abs().max() > 0.01
    if suffix in (".mp4", ".mov", ".mkv"):
        frames = open_video(target)
        shown = torch.cat(list(frames.pieces()))
        assert len(shown) > 36 and abs(len(shown) / 30 - seconds) < 2
        assert shown[-1].float().std() > 5


def test_ctrl_c_ends_the_stream_with_a_finished_file(start, tmp_path):
    clip = write_video(tmp_path / "clip.mp4", frames=60, rate=30)
    target = tmp_path / "out.mkv"
    process = start(clip, "-o", target, "--loop")
    wait_for_growth(target, 100_000, process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err.decode()
    assert out.decode() == f"{target}\n" and b"s of sound in" in err
    seconds = float(re.search(rb"([\d.]+) s of sound", err)[1])
    assert read_audio(target)[0].shape[1] / 48_000 == pytest.approx(seconds, abs=0.06)
    assert abs(float(open_video(target).duration) - seconds) < 0.7


def test_a_signal_ends_a_stream_that_waits_for_a_frame(start, tmp_path):
    target = tmp_path / "out.wav"
    words = ["-", "--size", "64x48", "--rate", 30, "-o", target]
    process = start(*words, stdin=subprocess.PIPE)
    process.stdin.write(noise(10))
    process.stdin.flush()
    wait_for_growth(target, 9 * 1600 * 6, process)
    process.terminate()
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err.decode()
    assert read_audio(target)[0].shape[1] == 16_000


def test_raw_frames_in_give_samples_out_one_for_one(start):
    """Whoever makes pictures may wait for the sound of one before it makes the next."""
    words = ["-", "--size", "64x48", "--rate", 30, "--format", "f32le", "--seed", 3]
    process = start(*words, stdin=subprocess.PIPE)
    frames, heard = noise(5), []
    for n in range(5):
        process.stdin.write(frames[n * 9216 : (n + 1) * 9216])
        process.stdin.flush()
        heard.append(np.frombuffer(process.stdout.read(1600 * 8), "<f4"))
    rest, err = process.communicate()
    assert process.returncode == 0 and not rest, err.decode()
    assert all(np.abs(piece).max() > 1e-3 for piece in heard)


@pytest.mark.parametrize("form", ["s16le", "matroska"])
def test_a_reader_that_goes_away_ends_the_stream(start, tmp_path, form):
    clip = write_video(tmp_path / "clip.mp4", frames=30, rate=30)
    process = start(clip, "--loop", "--format", form)
    process.stdout.read(10_000)
    process.stdout.close()
    assert process.wait(timeout=60) == 0
    assert b"the reader of the sound closed the pipe" in process.stderr.read()
