"""Pictures of more than 8 bits that are re-encoded keep depth, colour tags and length."""

from __future__ import annotations

from pathlib import Path

import av
import pytest
import torch

from sr_core.io.read.video import open_video
from sr_core.io.write.mux import mux

RAW = Path(__file__).parents[2] / "media" / "dv.hevc"
PQ = (9, 9, 16)  # BT.2020 matrix and primaries, SMPTE ST 2084


@pytest.mark.parametrize(("suffix", "bits"), [(".mp4", 10), (".webm", 8)])
def test_a_raw_picture_of_10_bits_keeps_its_depth_colours_and_length(suffix, bits, tmp_path):
    frames, target = open_video(RAW), tmp_path / f"out{suffix}"
    assert frames.info.frames == 259 and frames.duration == 259 / frames.info.rate
    with pytest.warns(UserWarning) as told:
        mux(frames, torch.zeros(2, frames.samples()), target)
    lost = [str(one.message) for one in told if "bits" in str(one.message)]
    assert lost == ([] if bits == 10 else ["the video's 10 bits per sample are encoded as 8"])
    with av.open(str(target)) as container:
        decoded = list(container.decode(video=0))
        context = container.streams.video[0].codec_context
    assert len(decoded) == 259
    assert decoded[0].format.components[0].bits == bits
    assert (int(decoded[0].colorspace), context.color_primaries, context.color_trc) == PQ


def test_what_a_display_is_told_and_encoding_loses_is_named(tmp_path):
    frames = open_video(RAW.with_name("iphone_dv.mp4"))
    with pytest.warns(UserWarning) as told:
        mux(frames, torch.zeros(2, frames.samples()), tmp_path / "out.webm", encode=True)
    (lost,) = [str(one.message) for one in told if "lost by encoding" in str(one.message)]
    assert "Dolby Vision's configuration" in lost and "brightest levels" in lost
