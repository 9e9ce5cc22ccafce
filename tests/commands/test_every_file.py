"""Every file of tests/media through `generate` and `stream`: a whole result, or one line of error.

Left out: `generate` takes each file once into each container, with one old-sound policy each, so
that all pairs of policy and container meet every third file; tests/io/write/test_every_file.py
has the whole product. The longest file, dv.hevc, goes once into one container.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import pytest

from sr_core.io.read.video import open_video
from tests.conftest import MEDIA_FILES

LONGEST = "dv.hevc"
POLICIES = ("drop", "keep", "mix")
SUFFIXES = (".mp4", ".mov", ".mkv", ".webm")
STREAMED = (".mp4", ".mov", ".mkv")


def _suffixes(path: Path, suffixes: tuple[str, ...]) -> tuple[str, ...]:
    return suffixes[:1] if path.name == LONGEST else suffixes


def _check(code: int, err: str, target: Path, seconds: Fraction, exact: bool) -> None:
    """Pass where all was done and can be read, or nothing, and that was said in one line."""
    assert "Traceback" not in err
    errors = [line for line in err.splitlines() if line.startswith("error:")]
    if code == 2:
        assert len(errors) == 1 and len(errors[0]) > len("error: "), err
        assert list(target.parent.iterdir()) == [], err
        return
    assert code == 0 and errors == [], err
    assert list(target.parent.iterdir()) == [target]
    slack = Fraction(1, 20) if exact else Fraction(1, 5)
    if exact:  # a stream learns of a last frame's length when its packet is written already
        assert abs(open_video(target).duration - seconds) < slack, err
    with av.open(str(target)) as container:
        frames = sum(1 for _ in container.decode(video=0))
    with av.open(str(target)) as container:
        samples = sum(frame.samples for frame in container.decode(audio=0))
    assert frames > 0
    assert abs(Fraction(samples, 48_000) - seconds) < slack, err
    target.unlink()


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(MEDIA_FILES)), ids=[path.name for path in MEDIA_FILES])
def test_generate_gives_a_whole_result_or_one_line_of_error(run, tmp_path, number):
    source, folder = MEDIA_FILES[number], tmp_path / "out"
    folder.mkdir()
    seconds = open_video(source).duration
    for n, suffix in enumerate(_suffixes(source, SUFFIXES)):
        policy = POLICIES[(number + n) % len(POLICIES)]
        target = folder / f"out{suffix}"
        code, _, err = run("generate", source, "-o", target, "--steps", 1, "--old-sound", policy)
        _check(code, err, target, seconds, True)


@pytest.mark.slow
@pytest.mark.parametrize("source", MEDIA_FILES, ids=lambda path: path.name)
def test_stream_gives_a_whole_result_or_one_line_of_error(run, tmp_path, source):
    folder = tmp_path / "out"
    folder.mkdir()
    seconds = open_video(source).duration
    for suffix in _suffixes(source, STREAMED):
        target = folder / f"out{suffix}"
        code, _, err = run("stream", source, "-o", target, "--steps", 1)
        _check(code, err, target, seconds, False)
