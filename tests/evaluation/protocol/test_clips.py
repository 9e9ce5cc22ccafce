import pytest
import torch

from sr_core.evaluation.protocol.clips import as_long_as, partners, read_clips

from ..conftest import bursts

MANY = [{"t": n / 5, "kind": "sound", "angle": 0.0} for n in range(5)]


@pytest.mark.torchaudio
def test_a_clip_has_its_sound_as_long_as_its_picture(write_clip):
    waveform = bursts([0.2], 1.0)
    (clip,), left_out = read_clips([write_clip("a", waveform)])
    assert clip.sound().shape == (2, 48_000) and left_out == {}
    assert (clip.sound() - waveform).abs().max() < 1e-4


@pytest.mark.torchaudio
def test_dense_and_quiet_are_told_by_the_log_or_else_by_the_level(write_clip):
    quiet, loud = bursts([], 1.0), bursts([0.1, 0.5], 1.0)
    paths = [
        write_clip("marked", quiet, MANY, sparse=True),
        write_clip("counted", quiet, MANY),
        write_clip("few", loud, MANY[:1]),
        write_clip("loud", loud),
        write_clip("soft", quiet),
    ]
    clips, _ = read_clips(paths)
    assert [clip.group for clip in clips] == ["quiet", "dense", "quiet", "dense", "quiet"]
    assert [other.name for other in partners(clips)] == ["few", "loud", "soft", "counted", "marked"]


@pytest.mark.torchaudio
def test_one_clip_has_no_partner(write_clip):
    clips, _ = read_clips([write_clip("a", bursts([], 0.5))])
    assert partners(clips) == [None]


@pytest.mark.torchaudio
def test_bad_files_are_left_out_with_a_reason(write_clip, tmp_path, capsys):
    good = write_clip("a", bursts([], 0.5))
    (tmp_path / "bad.mp4").write_bytes(b"no video")
    clips, left_out = read_clips([tmp_path])
    assert [clip.path for clip in clips] == [good]
    assert list(left_out) == [str(tmp_path / "bad.mp4")]
    assert "bad.mp4" in capsys.readouterr().err
    with pytest.raises(ValueError, match="no clip"):
        read_clips([tmp_path / "bad.mp4"])


@pytest.mark.torchaudio
def test_files_of_the_same_name_are_called_after_their_folders(write_clip, tmp_path):
    path = write_clip("a", bursts([], 0.5))
    other = tmp_path / "more" / "a.mkv"
    other.parent.mkdir()
    other.write_bytes(path.read_bytes())
    clips, _ = read_clips([path, other])
    assert [clip.name for clip in clips] == [f"{tmp_path.name}-a", "more-a"]
    with pytest.raises(ValueError, match="differ"):
        read_clips([path, path])


def test_another_sound_is_repeated_or_cut_to_the_length():
    assert as_long_as(torch.tensor([[1.0, 2, 3]]), 7).tolist() == [[1, 2, 3, 1, 2, 3, 1]]
    assert as_long_as(torch.tensor([[1.0, 2, 3]]), 2).tolist() == [[1, 2]]
