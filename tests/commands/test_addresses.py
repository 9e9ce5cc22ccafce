"""Videos behind an address: `stream` takes them, and what cannot be had from a server is told."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import av
import numpy as np
import pytest

from sr_core.cli import main
from sr_core.io.read.audio import read_audio


class Quiet(SimpleHTTPRequestHandler):
    """Serves files from their beginning only: it knows no ranges."""

    def log_message(self, *_) -> None:
        pass


@pytest.fixture
def served(tmp_path) -> Iterator[str]:
    """The address of tmp_path."""
    handler = partial(Quiet, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def large_video(path: Path, **options: str) -> None:
    """Noise that no codec makes small: more than FFmpeg reads again without seeking."""
    random = np.random.default_rng(0)
    with av.open(str(path), "w", options=options) as output:
        stream = output.add_stream("mpeg4", rate=30)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        stream.bit_rate = 20_000_000
        for _ in range(15):
            noise = random.integers(0, 256, (240, 320, 3), np.uint8)
            frame = av.VideoFrame.from_ndarray(noise, "rgb24").reformat(format="yuv420p")
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))


def test_an_index_in_front_is_enough_for_a_server_that_cannot_seek(run, served, tmp_path):
    large_video(tmp_path / "front.mp4", movflags="faststart")
    code, _, err = run("stream", f"{served}/front.mp4", "-o", tmp_path / "out.wav")
    assert code == 0, err
    assert read_audio(tmp_path / "out.wav")[0].shape == (2, 24_000)


def test_an_index_at_the_end_is_told_as_that(run, served, tmp_path):
    large_video(tmp_path / "end.mp4")
    code, _, err = run("stream", f"{served}/end.mp4", "-o", tmp_path / "out.wav")
    (line,) = err.splitlines()
    assert code == 2 and "index after the video" in line and "faststart" in line
    assert "H.264" not in line and not (tmp_path / "out.wav").exists()


@pytest.mark.parametrize("verb", ["generate", "evaluate", "prepare"])
def test_verbs_that_read_twice_name_the_one_that_takes_addresses(verb, tmp_path, capsys):
    words = [] if verb == "evaluate" else ["-o", str(tmp_path / "out.mp4")]
    with pytest.raises(SystemExit) as ended:
        main([verb, "http://example.com/clip.mp4", *words])
    told = capsys.readouterr().err.splitlines()[-1]
    assert ended.value.code == 2
    assert "stream http://example.com/clip.mp4" in told and "does not exist" not in told
