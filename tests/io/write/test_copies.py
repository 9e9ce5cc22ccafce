"""What a copy carries: codec tag, aspect, chapters, time code, old sounds; and its last check."""

from __future__ import annotations

import warnings
from fractions import Fraction
from pathlib import Path

import av
import pytest
import torch

from sr_core.io.read.source import MediaError
from sr_core.io.read.video import open_video
from sr_core.io.write.container import CONTAINERS
from sr_core.io.write.mux import mux
from sr_core.io.write.trial import Back, beginning, suffix_for
from sr_core.io.write.written import Track, Written

MEDIA = Path(__file__).parents[2] / "media"


def _mux(name: str, target: Path, **options) -> list[str]:
    """Copy one of the files with silence; gives the warnings."""
    frames = open_video(MEDIA / name)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        mux(frames, torch.zeros(2, frames.samples()), target, **options)
    return [str(warning.message) for warning in told]


@pytest.mark.parametrize(
    ("name", "suffix", "tag"),
    [
        ("hap_q.mov", ".mov", "HapY"),
        ("p4444a.mov", ".mov", "ap4h"),
        ("p4444a.mov", ".mkv", "ap4h"),
        ("prores0.mov", ".mov", "apco"),
        ("i420.avi", ".mkv", "I420"),
    ],
)
def test_the_codec_tag_is_kept_and_the_picture_can_be_read(name, suffix, tag, tmp_path):
    target = tmp_path / f"out{suffix}"
    _mux(name, target)
    with av.open(str(target)) as container:
        assert container.streams.video[0].codec_context.codec_tag == tag
    ours, theirs = open_video(target), open_video(MEDIA / name)
    assert ours.info.frames == theirs.info.frames
    assert torch.equal(next(ours.pieces(1)), next(theirs.pieces(1)))


@pytest.mark.parametrize(
    ("name", "suffix"), [("i420.avi", ".mov"), ("hap_q.mov", ".mkv"), ("huff.avi", ".mkv")]
)
def test_what_would_not_be_readable_is_refused_or_encoded_if_asked(name, suffix, tmp_path):
    with pytest.raises(MediaError, match="could not be read back; .*convert it to H.264 first"):
        _mux(name, tmp_path / f"out{suffix}")
    assert list(tmp_path.iterdir()) == []
    assert any("re-encoded" in told for told in _mux(name, tmp_path / "out.mp4", encode=True))
    assert open_video(tmp_path / "out.mp4").info.codec == "h264"


@pytest.mark.parametrize(
    ("name", "suffix"),
    [("i420.avi", ".mkv"), ("theora.ogv", ".mkv"), ("cat_ts.ts", ".mp4"), ("p4444a.mov", ".mov")],
)
def test_a_folder_gets_a_container_that_holds_the_picture(name, suffix):
    assert suffix_for(MEDIA / name) == suffix


def test_the_pixel_aspect_of_the_container_is_kept_or_told_as_lost(tmp_path):
    assert _mux("ana_small.mov", tmp_path / "out.mov") == []
    with av.open(str(tmp_path / "out.mov")) as container:
        assert container.streams.video[0].sample_aspect_ratio == Fraction(64, 45)
    assert "pixel aspect 64:45" in _mux("ana_small.mov", tmp_path / "out.mkv")[0]


def test_all_old_sounds_are_kept_with_their_titles_behind_the_new_one(tmp_path):
    assert _mux("obs3.mkv", tmp_path / "out.mkv", old_sound="keep") == []
    with av.open(str(tmp_path / "out.mkv")) as container:
        sounds = container.streams.audio
        assert [s.metadata.get("title") for s in sounds] == [None, "Mix", "Mic", "Game"]
        assert [bool(s.disposition.value & 1) for s in sounds] == [True, False, False, False]


def test_time_code_and_transparency_come_along(tmp_path):
    _mux("tmcd.mov", tmp_path / "out.mov")
    with av.open(str(tmp_path / "out.mov")) as container:
        assert container.streams.video[0].metadata["timecode"] == "10:20:30:15"
    _mux("vp9_alpha.webm", tmp_path / "out.webm")
    assert b"\x53\xc0\x81\x01" in (tmp_path / "out.webm").read_bytes()  # AlphaMode 1
    assert "transparency" in _mux("vp9_alpha.webm", tmp_path / "out.mp4")[0]


@pytest.mark.parametrize("suffix", [".mov", ".mkv"])
def test_a_time_code_that_the_muxer_loses_is_told_of(suffix, tmp_path):
    """FFmpeg before 8.1, with PyAV 14 and 16, writes none for a copied stream."""
    source = tmp_path / f"in{suffix}"  # Matroska's key is in capitals
    _mux("tmcd.mov", source)
    with beginning(source) as begun:
        kept, lost = (
            list(begun._lost(CONTAINERS[".mov"], Back(None, told, begun.frame)))
            for told in (True, False)
        )
    assert kept == [] and lost == ["time code 10:20:30:15"]


def test_another_encoding_is_told_of_language_and_time_code(tmp_path):
    source = tmp_path / "in.mov"
    with av.open(str(source), "w") as output:
        stream = output.add_stream("qtrle", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "rgb24"
        stream.metadata.update(timecode="10:20:30:15", language="eng")
        for _ in range(30):
            output.mux(stream.encode(av.VideoFrame(64, 48, "rgb24")))
        output.mux(stream.encode(None))
    frames = open_video(source)
    mux(frames, torch.zeros(2, frames.samples()), tmp_path / "out.mp4", encode=True)
    with av.open(str(tmp_path / "out.mp4")) as container:
        tags = container.streams.video[0].metadata
    assert (tags["timecode"], tags["language"]) == ("10:20:30:15", "eng")


def test_dolby_vision_is_told_of_in_the_header(tmp_path):
    _mux("iphone_dv.mp4", tmp_path / "out.mp4")
    assert b"dvvC" in (tmp_path / "out.mp4").read_bytes()
    assert "Dolby Vision" in _mux("iphone_dv.mp4", tmp_path / "out.mov")[0]


@pytest.mark.parametrize("name", ["chapters.mp4", "chapters.mkv"])
@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_chapters_come_along(name, suffix, tmp_path):
    if not hasattr(av.container.InputContainer, "chapters"):
        pytest.skip("this PyAV knows no chapters")
    told = _mux(name, tmp_path / f"out{suffix}")
    with av.open(str(tmp_path / f"out{suffix}")) as container:
        titles = [chapter["metadata"]["title"] for chapter in container.chapters()]
    assert titles == ["One", "Two"]
    assert len(told) <= 1


def test_fonts_flags_and_covers_come_along_or_one_warning_lists_them(tmp_path):
    told = _mux("chapters.mkv", tmp_path / "out.mp4")
    assert len(told) == 1
    assert "Signs" in told[0] and "font.ttf" in told[0]
    assert "picture 2" in _mux("two_video.mp4", tmp_path / "out.mp4")[0]
    _mux("chapters.mkv", tmp_path / "out.mkv")
    with av.open(str(tmp_path / "out.mkv")) as container:
        flags = [s.disposition.value & 65 for s in container.streams.subtitles]
        assert flags == [65, 0]
    _mux("cover_first.mp4", tmp_path / "out.mp4")
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert any(s.disposition.value & 1024 for s in container.streams.video)


def test_damaged_packets_of_the_old_sound_are_left_out_with_a_warning(tmp_path):
    told = _mux("005_flip_f.ts", tmp_path / "out.mp4", old_sound="keep")
    assert any("damaged packets of its old audio were left out: 1" in text for text in told)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_two_frames_at_one_time_are_both_written(suffix, tmp_path):
    _mux("dup.mkv", tmp_path / f"out{suffix}")
    assert (
        open_video(tmp_path / f"out{suffix}").info.frames
        == open_video(MEDIA / "dup.mkv").info.frames
    )


def test_a_file_that_lacks_what_was_written_does_not_take_its_name(monkeypatch, tmp_path):
    plan = Written.plan

    def more(written):
        kind, codec, tag, track = plan(written)[0]
        return [(kind, codec, tag, Track(track.packets + 1, track.last))]

    monkeypatch.setattr(Written, "plan", more)
    with pytest.raises(MediaError, match="59 of 60|60 of 61"):
        _mux("tmcd.mov", tmp_path / "out.mp4")
    assert list(tmp_path.iterdir()) == []
