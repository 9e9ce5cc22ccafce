"""Every file of tests/media with every old sound into every container: a whole file, or one error.

The sound is silence; tests/commands/test_every_file.py has the model's own. The longest file,
dv.hevc, which is encoded, goes once.
"""

from __future__ import annotations

import itertools
import warnings
from fractions import Fraction
from pathlib import Path

import av
import pytest
import torch

from sr_core.io.read.source import MediaError
from sr_core.io.read.video import open_video
from sr_core.io.write.mux import OLD_SOUND, mux
from tests.conftest import MEDIA_FILES

SUFFIXES = (".mp4", ".mov", ".mkv", ".webm")


def kinds(path: Path) -> list[tuple[str, str]]:
    every = list(itertools.product(OLD_SOUND, SUFFIXES))
    return every[:1] if path.name == "dv.hevc" else every


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("path", MEDIA_FILES, ids=lambda path: path.name)
def test_a_file_becomes_a_whole_one_or_one_error(path, tmp_path):
    frames = open_video(path)
    for old_sound, suffix in kinds(path):
        target = tmp_path / f"out{suffix}"
        try:
            mux(frames, torch.zeros(2, frames.samples()), target, old_sound=old_sound)
        except MediaError as error:
            assert "\n" not in str(error) and len(str(error)) > 40
            assert list(tmp_path.iterdir()) == []
            continue
        assert list(tmp_path.iterdir()) == [target]
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # what is written has no faults of its own
            assert abs(open_video(target).duration - frames.duration) <= Fraction(1, 20)
        with av.open(str(target)) as made:
            assert len(made.streams.audio) >= 1
        target.unlink()
