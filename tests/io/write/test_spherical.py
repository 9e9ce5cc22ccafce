"""Panoramas keep what they show: through copies, encoding, and four containers; others read it."""

from __future__ import annotations

import io
import json
import math
import shutil
import subprocess
import warnings
import zlib
from dataclasses import replace
from fractions import Fraction

import av
import pytest
import torch

from sr_core.io.read.boxes import Box, movie_in
from sr_core.io.read.frames import frames_from_images
from sr_core.io.read.panorama import panorama_of
from sr_core.io.read.source import MediaError
from sr_core.io.read.spherical import projection_in
from sr_core.io.read.video import open_video
from sr_core.io.write.ebml import elements, place_at
from sr_core.io.write.matroska import SEEK_HEAD, TRACKS, mark_matroska
from sr_core.io.write.movie import edit_movie
from sr_core.io.write.mux import mux
from sr_core.io.write.spherical import v1_xml
from sr_core.spatial.projection import HALF, NAMED, Projection

CONTAINERS = [".mp4", ".mov", ".mkv", ".webm"]
POSED = Projection(yaw=math.radians(30), pitch=math.radians(-20), roll=math.radians(10))
PROJECTIONS = {
    "whole": Projection(),
    "cropped": Projection(top=0.1, bottom=0.05, left=0.125, right=0.25),
    "half, two eyes": NAMED["180-left-right"],
    "above": Projection(stereo="top-bottom"),
    "right eye first": Projection(stereo="right-left"),
    "posed": POSED,
}
SIZE, COUNT = (64, 32), 12


@pytest.fixture
def clip(make_clip):
    def make(suffix=".mp4", **kwargs):
        codec = "libvpx-vp9" if suffix == ".webm" else "libx264"
        return make_clip(
            f"source{suffix}", range(COUNT), Fraction(1, 30), size=SIZE, codec=codec, **kwargs
        )

    return make


def silence(samples=COUNT * 1600):
    return torch.zeros(2, samples)


def packets(path):
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(video=0) if packet.size]


def assert_same(found, expected):
    assert (found.kind, found.stereo) == (expected.kind, expected.stereo)
    for name in ("top", "bottom", "left", "right", "yaw", "pitch", "roll"):
        assert getattr(found, name) == pytest.approx(getattr(expected, name), abs=1e-4), name


@pytest.mark.parametrize("projection", PROJECTIONS.values(), ids=PROJECTIONS)
@pytest.mark.parametrize("suffix", CONTAINERS)
def test_a_copied_clip_states_the_projection_and_keeps_its_packets(
    clip, tmp_path, suffix, projection
):
    source = clip(suffix)
    written = mux(source, silence(), tmp_path / f"out{suffix}", projection=projection)
    assert_same(open_video(written).info.projection, projection)
    assert packets(written) == packets(source)
    with av.open(str(written)) as container:
        assert (container.streams.video[0].sample_aspect_ratio or 1) == 1


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize("first", [".mp4", ".mkv"])
def test_the_projection_of_the_source_is_kept(clip, tmp_path, first, suffix):
    projection = PROJECTIONS["half, two eyes"]
    source = mux(clip(), silence(), tmp_path / f"marked{first}", projection=projection)
    written = mux(source, silence(), tmp_path / f"out{suffix}")
    assert_same(open_video(written).info.projection, projection)
    assert_same(projection_in(io.BytesIO(written.read_bytes())), projection)


def test_a_projection_asked_for_replaces_that_of_the_source(clip, tmp_path):
    for suffix in (".mp4", ".mkv"):
        source = mux(clip(), silence(), tmp_path / f"one{suffix}", projection=POSED)
        written = mux(source, silence(), tmp_path / f"two{suffix}", projection=HALF)
        assert_same(projection_in(written), HALF)
        back = mux(written, silence(), tmp_path / f"three{suffix}", projection=Projection())
        assert_same(projection_in(back), Projection())


@pytest.mark.parametrize("suffix", CONTAINERS)
def test_encoded_images_state_the_projection(tmp_path, suffix):
    images = torch.rand(COUNT, 32, 64, 3)
    frames = frames_from_images(images, 30)
    projection = PROJECTIONS["above"]
    written = mux(frames, silence(), tmp_path / f"out{suffix}", projection=projection)
    assert_same(projection_in(written), projection)


def test_a_clip_without_a_projection_gets_none(clip, tmp_path):
    for suffix in (".mp4", ".mkv"):
        written = mux(clip(), silence(), tmp_path / f"out{suffix}")
        assert open_video(written).info.projection is None


def states(path):
    """What ffprobe says of the picture's projection."""
    command = ["ffprobe", "-v", "error", "-show_streams", "-select_streams", "v", "-of", "json"]
    ran = subprocess.run([*command, str(path)], capture_output=True, check=True)
    assert ran.stderr == b""
    data = json.loads(ran.stdout)["streams"][0].get("side_data_list", [])
    return {one["side_data_type"]: one for one in data}


@pytest.mark.skipif(shutil.which("ffprobe") is None, reason="needs ffprobe")
@pytest.mark.parametrize("suffix", CONTAINERS)
def test_ffprobe_reads_the_projection(clip, tmp_path, suffix):
    source = clip(suffix)
    whole = states(mux(source, silence(), tmp_path / f"a{suffix}", projection=Projection()))
    assert whole["Spherical Mapping"]["projection"] == "equirectangular"
    both = states(
        mux(source, silence(), tmp_path / f"b{suffix}", projection=NAMED["180-left-right"])
    )
    assert both["Spherical Mapping"]["projection"] == "tiled equirectangular"
    assert both["Spherical Mapping"]["bound_left"] in (32, 33)  # in pixels of the frame, rounded
    assert both["Stereo 3D"]["type"] == "side by side"
    posed = states(mux(source, silence(), tmp_path / f"c{suffix}", projection=POSED))
    turns = [posed["Spherical Mapping"][name] for name in ("yaw", "pitch", "roll")]
    assert turns == pytest.approx([30, -20, 10], abs=1)  # ffprobe prints whole degrees


@pytest.mark.skipif(shutil.which("mkvinfo") is None, reason="needs mkvinfo")
def test_mkvinfo_reads_the_projection(clip, tmp_path):
    written = mux(clip(), silence(), tmp_path / "a.mkv", projection=PROJECTIONS["above"])
    ran = subprocess.run(["mkvinfo", str(written)], capture_output=True, check=True, text=True)
    assert "Projection type: 1 (equirectangular)" in ran.stdout
    assert "Stereo mode: 3" in ran.stdout and "rror" not in ran.stdout


def test_both_versions_are_in_a_movie_and_say_the_same(clip, tmp_path):
    written = mux(clip(), silence(), tmp_path / "a.mp4", projection=PROJECTIONS["cropped"])

    def without_second(moov: Box) -> None:
        entry = moov.first(b"trak", b"mdia", b"minf", b"stbl", b"stsd").boxes[0]
        kinds = [box.kind for box in entry.boxes]
        assert kinds.index(b"avcC") < kinds.index(b"st3d") < kinds.index(b"sv3d")
        entry.boxes = [box for box in entry.boxes if box.kind not in (b"st3d", b"sv3d")]

    assert_same(projection_in(written), PROJECTIONS["cropped"])
    edit_movie(written, without_second)
    found = projection_in(written)  # in whole pixels of 64 x 32
    assert found.left == pytest.approx(0.125, abs=0.01) and found.top == pytest.approx(
        0.1, abs=0.02
    )


def test_version_1_is_left_out_where_it_cannot_say_the_same(clip, tmp_path):
    for n, projection in enumerate([POSED, PROJECTIONS["right eye first"]]):
        written = mux(clip(), silence(), tmp_path / f"{n}.mp4", projection=projection)
        assert movie_in(written).moov.first(b"trak", b"uuid") is None


def test_version_1_of_a_matroska_tag_is_read(clip, tmp_path):
    path = tmp_path / "tagged.mkv"
    with av.open(str(clip())) as source, av.open(str(path), "w") as output:
        stream = output.add_stream_from_template(source.streams.video[0])
        stream.metadata["SPHERICAL-VIDEO"] = v1_xml(Projection(stereo="top-bottom"), *SIZE)
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = stream
                output.mux(packet)
    assert_same(projection_in(path), Projection(stereo="top-bottom"))


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_an_order_of_eyes_that_the_format_cannot_state_is_refused(clip, tmp_path, suffix):
    projection = Projection(stereo="bottom-top")
    with pytest.raises(MediaError, match="bottom-top.*write to .mkv"):
        mux(clip(), silence(), tmp_path / f"out{suffix}", projection=projection)
    assert not (tmp_path / f"out{suffix}").exists()
    source = mux(clip(), silence(), tmp_path / "marked.mkv", projection=projection)
    with pytest.warns(UserWarning, match=r"its projection \(equirectangular, bottom-top\)"):
        mux(source, silence(), tmp_path / f"out{suffix}")


def cubemap(moov: Box) -> None:
    entry = moov.first(b"trak", b"mdia", b"minf", b"stbl", b"stsd").boxes[0]
    projection = entry.first(b"sv3d", b"proj")
    projection.boxes[1] = Box(b"cbmp", bytes(12))


def test_another_projection_is_told_apart_and_kept_where_ffmpeg_does(clip, tmp_path):
    source = mux(clip(), silence(), tmp_path / "cube.mp4", projection=Projection())
    edit_movie(source, cubemap)
    assert open_video(source).info.projection.kind == "cubemap"
    with pytest.warns(UserWarning, match=r"left out .* its projection \(cubemap, mono\)"):
        mux(source, silence(), tmp_path / "out.mov")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        written = mux(source, silence(), tmp_path / "out.mkv")
    assert projection_in(written).kind == "cubemap"
    with pytest.raises(MediaError, match="got a cubemap projection"):
        mux(source, silence(), tmp_path / "again.mkv", projection=Projection(kind="cubemap"))


def assert_sound(path):
    """Each entry of the seek head leads to its element, and each checksum is that of its data."""
    with open(path, "rb") as file:
        segment = place_at(file, place_at(file, 0).end)
        start, found = segment.content, {}
        while start < segment.end:
            place = place_at(file, start)
            file.seek(place.content)
            found[place.id] = place.start - segment.content, file.read(place.end - place.content)
            start = place.end
    for seek in elements(found[SEEK_HEAD][1])[1:]:
        kind, position = (int.from_bytes(part.content, "big") for part in elements(seek.content))
        assert found[kind][0] == position
    for kind in (SEEK_HEAD, TRACKS):
        data = found[kind][1]
        assert data[:2] == b"\xbf\x84"
        assert int.from_bytes(data[2:6], "little") == zlib.crc32(data[6:])


def test_a_full_header_of_matroska_has_room_for_all_of_it(clip, tmp_path):
    """Chapters, attachments and tags each take an entry of the seek head, and so its space."""
    path = tmp_path / "full.mkv"
    with av.open(str(clip())) as source, av.open(str(path), "w") as output:
        stream = output.add_stream_from_template(source.streams.video[0])
        output.metadata["title"] = "full"
        output.add_attachment("a.txt", "text/plain", b"attached")
        if hasattr(output, "set_chapters"):
            one = {"id": 1, "start": 0, "end": 100, "time_base": Fraction(1, 1000), "metadata": {}}
            output.set_chapters([one])
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = stream
                output.mux(packet)
    before, size = packets(path), path.stat().st_size
    assert_sound(path)
    everything = replace(POSED, stereo="right-left", top=0.1, bottom=0.1, left=0.1, right=0.1)
    mark_matroska(path, everything)
    assert_same(projection_in(path), everything)
    assert packets(path) == before and path.stat().st_size == size
    assert_sound(path)
    with av.open(str(path)) as container:
        assert container.metadata["title"] == "full"
        assert container.streams.attachments[0].name == "a.txt"


def test_a_matroska_file_without_room_or_whole_header_is_refused(clip, tmp_path):
    path = clip(".mkv")
    data = path.read_bytes()
    for wrong in (b"", b"\0" * 40, data[:60], b"x" * 200):
        cut = tmp_path / "cut.mkv"
        cut.write_bytes(wrong)
        with pytest.raises(MediaError, match="expected"):
            mark_matroska(cut, Projection())


def test_a_clip_for_spatial_sound_has_the_projection_that_is_known_best(clip, tmp_path):
    plain = clip()
    marked = mux(plain, silence(), tmp_path / "marked.mp4", projection=HALF)
    assert_same(panorama_of(open_video(marked)), HALF)
    assert panorama_of(open_video(marked), "360") == Projection()
    with pytest.warns(UserWarning, match="taken for the whole sphere"):
        assert panorama_of(open_video(plain)) == Projection()
    with pytest.raises(ValueError, match="got projection '720'; expected one of 360"):
        panorama_of(open_video(plain), "720")
    square = frames_from_images(torch.zeros(2, 32, 32, 3), 30)
    with pytest.raises(MediaError, match="32x32 pixels are not 2:1.*set the projection"):
        panorama_of(square)
