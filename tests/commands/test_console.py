"""Whatever a name is written in, it can be printed, on every terminal."""

import io
import os
import sys

import pytest

from sr_core.cli import main
from tests.test_cli import write_video


@pytest.fixture
def console(monkeypatch):
    """Put consoles of an encoding in the place of both streams; gives what was written."""

    def console(encoding):
        streams = [io.TextIOWrapper(io.BytesIO(), encoding, write_through=True) for _ in "oe"]
        for name, stream in zip(("stdout", "stderr"), streams, strict=True):
            monkeypatch.setattr(sys, name, stream)
        return lambda: [stream.buffer.getvalue() for stream in streams]

    return console


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-8", "cp932"])
def test_a_name_that_the_terminal_cannot_print_stops_no_batch(
    tmp_path, tiny_model, console, encoding
):
    (tmp_path / "in").mkdir()
    for name in ("a日本.mp4", "b.mp4", "ü.mp4"):
        write_video(tmp_path / "in" / name, frames=2)
    (tmp_path / "in" / "bad 日.mp4").write_text("no video")
    written = console(encoding)
    code = main(
        ["generate", str(tmp_path / "in"), "-o", str(tmp_path / "out"), "--model", str(tiny_model)]
    )
    out, err = (text.decode(encoding) for text in written())
    assert code == 2 and "3 of 4 videos done, 1 failed" in err
    shown = "a日本.mp4" if encoding in ("utf-8", "cp932") else r"a\u65e5\u672c.mp4"
    assert shown in out and "UnicodeEncodeError" not in err
    assert len(list((tmp_path / "out").iterdir())) == len(out.splitlines()) == 3


@pytest.mark.skipif(sys.platform != "linux", reason="names that are no text exist on Linux alone")
def test_a_name_that_is_no_text_comes_out_as_it_is(tmp_path, tiny_model, console):
    clip = write_video(tmp_path / "clip.mp4", frames=2)
    target = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.mkv")
    written = console("utf-8")
    assert main(["generate", str(clip), "-o", target, "--model", str(tiny_model)]) == 0
    assert written()[0] == os.fsencode(target) + b"\n" and os.path.exists(target)
