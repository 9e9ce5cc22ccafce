"""Every file of tests/media through the nodes' reader and their muxer: a clip, or one error."""

from __future__ import annotations

import shutil
from fractions import Fraction
from pathlib import Path

import pytest
import torch

from sr_core.io.read.video import open_video
from sr_core.io.write.trial import suffix_for
from tests.conftest import MEDIA_FILES

REFUSED = ("huff.avi",)  # no container holds its packets
POLICIES = ("drop", "keep", "mix")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("number", range(len(MEDIA_FILES)), ids=[path.name for path in MEDIA_FILES])
def test_a_file_of_the_input_folder_becomes_a_clip_with_sound_or_one_error(run, pack, number):
    source = MEDIA_FILES[number]
    file = Path(shutil.copy(source, pack.base / "input" / f"every-{source.name}"))
    before = set(pack.base.joinpath("output").rglob("*"))
    try:
        frames, video, _ = run("LoadFrames", file=file.name, fps=0.0).args
        count = sum(len(piece) for piece in frames.pieces(8))
        sound = {"waveform": torch.zeros(1, 2, frames.samples()), "sample_rate": 48_000}
        made = run(
            "MuxAudio",
            video=video,
            audio=sound,
            filename_prefix=f"every/{number}",
            container=suffix_for(source).removeprefix("."),
            old_sound=POLICIES[number % 3],
        ).args[0]
    except ValueError as error:
        assert source.name in REFUSED
        assert type(error) is ValueError and "\n" not in str(error) and len(str(error)) > 40
        assert set(pack.base.joinpath("output").rglob("*")) - before <= {
            pack.base / "output" / "every"
        }
        return
    finally:
        file.unlink()
    assert source.name not in REFUSED and count == frames.count
    length = open_video(made.get_stream_source()).duration
    assert abs(length - frames.duration) <= Fraction(1, 20)
