"""No source is overwritten and no two videos become one, by whatever names they go."""

import os
from pathlib import Path

import pytest

from sr_core.commands.work import targets
from sr_core.commands.work.targets import is_caseless, plan
from tests.test_cli import write_video


@pytest.fixture
def clip(tmp_path) -> Path:
    return write_video(tmp_path / "clip.mp4")


def test_a_video_is_not_its_own_target(run, clip):
    before = clip.read_bytes()
    code, out, err = run("generate", clip, "-o", clip)
    assert code == 2 and not out and "would be overwritten; expected another name" in err
    assert clip.read_bytes() == before


@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_nor_by_a_link(clip, tmp_path, link):
    link(clip, tmp_path / "other.mp4")
    for source, target in (("clip.mp4", "other.mp4"), ("other.mp4", "clip.mp4")):
        with pytest.raises(ValueError, match="would be overwritten"):
            plan([tmp_path / source], tmp_path / target)


def test_nor_by_a_linked_folder(clip, tmp_path):
    (tmp_path / "out").symlink_to(tmp_path)
    with pytest.raises(ValueError, match="would be overwritten"):
        plan([clip, clip], tmp_path / "out")


def test_a_video_is_not_the_target_of_another(clip, tmp_path):
    (tmp_path / "out").mkdir()
    other = write_video(tmp_path / "other.mp4")
    os.link(other, tmp_path / "out" / "clip.mp4")
    assert len(plan([clip, clip.with_name("none.mp4")], tmp_path / "out")) == 2
    with pytest.raises(ValueError, match="out/clip.mp4 as output, which is .*other.mp4 itself"):
        plan([clip, other], tmp_path / "out")


def test_nor_is_what_the_sound_goes_on_from(run, clip, tmp_path):
    heard = write_video(tmp_path / "heard.mp4")
    for verb in ("generate", "stream"):
        code, _, err = run(verb, clip, "-o", heard, "--prompt", heard)
        assert code == 2 and "would be overwritten" in err


def test_a_target_may_be_written_again(clip, tmp_path):
    write_video(tmp_path / "out.mp4")
    assert plan([clip], tmp_path / "out.mp4") == [(clip, tmp_path / "out.mp4")]


def test_names_that_differ_by_capitals_are_one_where_the_disk_says_so(tmp_path, monkeypatch):
    for folder, name in (("x", "a.mp4"), ("y", "A.mp4")):
        (tmp_path / folder).mkdir()
        write_video(tmp_path / folder / name)
    videos = [tmp_path / "x" / "a.mp4", tmp_path / "y" / "A.mp4"]
    monkeypatch.setattr(targets, "is_caseless", lambda place: False)
    assert len(plan(videos, tmp_path / "out")) == 2
    monkeypatch.setattr(targets, "is_caseless", lambda place: True)
    with pytest.raises(ValueError, match="both become"):
        plan(videos, tmp_path / "out")


def test_a_disk_is_asked_whether_it_tells_capitals_apart(tmp_path):
    (tmp_path / "Folder").mkdir()
    apart = not (tmp_path / "fOLDER").exists()
    assert is_caseless(tmp_path / "Folder" / "not there" / "yet") is not apart
    (tmp_path / "fOLDER").mkdir(exist_ok=True)
    assert is_caseless(tmp_path / "Folder") is not apart


def test_a_name_too_long_is_one_line(run, clip, tmp_path):
    code, _, err = run("generate", clip, "-o", tmp_path / f"{'x' * 300}.mp4")
    (line,) = (line for line in err.splitlines() if line.startswith("error"))
    assert code == 2 and "too long" in line and "Errno" not in line
