import pytest
import torch

from sr_core.commands.work.excerpt import HEIGHT, SECONDS, cut_excerpt
from sr_core.evaluation.protocol.clips import read_sound
from sr_core.io.read.frames import frames_from_images
from sr_core.io.read.source import MediaError
from sr_core.io.read.video import open_video
from sr_core.io.write.mux import mux


def video(path, seconds, first_click):
    """Grey that grows brighter with every second; clicks twice a second from a second on."""
    images = torch.arange(seconds * 30)[:, None, None, None] // 30 / 20 + torch.zeros(1, 36, 64, 3)
    sound = torch.zeros(2, seconds * 48_000)
    sound[:, first_click * 48_000 + 12_000 :: 24_000] = 0.5
    return mux(frames_from_images(images, 30), sound, path)


@pytest.mark.torchaudio
def test_an_excerpt_is_where_most_is_heard_with_picture_and_sound_in_step(tmp_path):
    source = video(tmp_path / "long.mkv", 9, 4)
    start = cut_excerpt(source, tmp_path / "out" / "clip.mkv")
    frames = open_video(tmp_path / "out" / "clip.mkv")
    assert (frames.count, frames.height, frames.width) == (SECONDS * 30, HEIGHT, 256)
    sound = read_sound(frames)
    assert torch.equal(sound, read_sound(open_video(source))[:, start * 48_000 :][:, : 4 * 48_000])
    assert int((sound[0] > 0.4).sum()) >= 7
    brightness = next(frames.pieces(1)).float().mean() / 255
    assert abs(float(brightness) - start / 20) < 0.02


def test_a_video_that_is_too_short_is_refused(tmp_path):
    with pytest.raises(MediaError, match="3.0 s; expected 4 s or more"):
        cut_excerpt(video(tmp_path / "short.mkv", 3, 0), tmp_path / "clip.mkv")
