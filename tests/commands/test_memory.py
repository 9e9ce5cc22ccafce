"""Late in a long run a process is no larger than early in it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.test_cli import write_video

ROOT = Path(__file__).parents[2]
STATUS = Path("/proc/self/status")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not STATUS.exists(), reason="/proc tells how large a process is"),
]


@pytest.fixture
def start(tiny_model):
    running = []

    def start(*words, **pipes):
        command = [sys.executable, "-m", "sr_core", *map(str, words), "--device", "cpu"]
        command += ["--model", str(tiny_model), "--steps", "1", "--guidance", "1"]
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        running.append(subprocess.Popen(command, cwd=ROOT, env=environment, **pipes))
        return running[-1]

    yield start
    for process in running:
        process.kill()
        process.wait()


def resident(process) -> int:  # bytes; 0 once it has ended
    try:
        lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    sizes = [line.split()[1] for line in lines if line.startswith("VmRSS")]
    return 1024 * int(sizes[0]) if sizes else 0


def test_stream_stays_as_large_as_it_was(start, tmp_path):
    """1% of what torch alone takes are 3 MB: a frame or its sound kept each time would be more."""
    clip = write_video(tmp_path / "clip.mp4", frames=30, rate=30)
    words = ["--loop", "--format", "matroska"]
    process = start("stream", clip, *words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    sizes = []
    for _ in range(5):  # about 13 s of sound each
        assert len(process.stdout.read(3_000_000)) == 3_000_000
        sizes.append(resident(process))
    assert sizes[-1] <= 1.01 * sizes[0], sizes


def test_generate_stays_as_large_as_it_was(start, tmp_path):
    clip = write_video(tmp_path / "clip.mp4", frames=2000, rate=30)
    folder = tmp_path / "out"
    folder.mkdir()
    process = start("generate", clip, "-o", folder / "out.mkv", stderr=subprocess.DEVNULL)
    samples = []
    while process.poll() is None:
        written = sum(path.stat().st_size for path in folder.glob("*.partial"))
        samples.append((written, resident(process)))
        time.sleep(0.1)
    assert process.returncode == 0
    final = (folder / "out.mkv").stat().st_size
    running = [size for written, size in samples if size and 0.2 * final < written < 0.95 * final]
    assert len(running) >= 10
    early, late = max(running[:3]), min(running[-3:])
    assert late <= 1.01 * early, running[:: len(running) // 10]
