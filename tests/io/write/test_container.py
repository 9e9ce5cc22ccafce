"""What the system says while a file is written is one line, with advice that fits it."""

from __future__ import annotations

import errno
from pathlib import Path

import av
import numpy as np
import pytest

from sr_core.io.read.source import MediaError
from sr_core.io.write.container import writing

FULL = Path("/dev/full")
ADVICE = {
    errno.ENOSPC: "no space left on that disk",
    errno.EACCES: "check the permissions",
    errno.EROFS: "check the permissions",
    errno.EFBIG: "a limit on the size of files",
}


@pytest.mark.parametrize("code", [*ADVICE, errno.EIO, errno.EINVAL], ids=errno.errorcode.get)
def test_advice_is_of_its_own_cause_and_of_no_other(code):
    with pytest.raises(MediaError, match="cannot write 'x.mp4': ") as told, writing(Path("x.mp4")):
        raise OSError(code, "the reason")
    assert "the reason" in str(told.value)
    given = [text for text in set(ADVICE.values()) if text in str(told.value)]
    assert given == ([ADVICE[code]] if code in ADVICE else [])


@pytest.mark.skipif(not FULL.exists(), reason="this system has no device that is always full")
def test_a_full_disk_under_ffmpeg_is_told_as_that():
    with pytest.raises(MediaError, match="no space left on that disk"), writing(FULL):
        with av.open(str(FULL), "w", format="matroska", options={"flush_packets": "1"}) as output:
            stream = output.add_stream("pcm_s16le", rate=48_000)
            for _ in range(50):
                wave = np.zeros((1, 9600), np.int16)
                frame = av.AudioFrame.from_ndarray(wave, format="s16", layout="stereo")
                frame.sample_rate = 48_000
                output.mux(stream.encode(frame))
