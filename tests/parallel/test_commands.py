"""`prepare` and `generate` write the same bytes wherever they are map_jobs to."""

from pathlib import Path

import pytest

from sr_core.checkpoint import save_pipeline
from sr_core.cli import main
from tests.test_cli import write_video
from tests.training.data.test_shard_writer import film

pytestmark = pytest.mark.slow


def switches(kind: str, cluster: str) -> list[str]:
    return {"here": [], "processes": ["--workers", "2"], "cluster": ["--ray", cluster]}[kind]


def run(*words) -> int:
    return main([str(word) for word in words])


def contents(folder: Path, *endings: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix in endings}


def test_prepare_makes_the_same_shards_everywhere(tmp_path, cluster, capsys):
    videos = tmp_path / "videos"
    videos.mkdir()
    for name in "abc":
        film(videos / f"{name}.mkv", 0.6)
    (videos / "bad.mp4").write_text("no video")
    made = {}
    for kind in ("here", "processes", "cluster"):
        words = ["--patches", "7x28x56", "--channels", 6, "--seconds", 0.5, "--split", "train"]
        more = ["--per-shard", 1, *switches(kind, cluster)]
        assert run("prepare", videos, "-o", tmp_path / kind, *words, *more) == 0
        assert "3 clips" in (said := capsys.readouterr().err) and "bad.mp4: " in said
        made[kind] = contents(tmp_path / kind, ".tar", ".json")
    assert len(made["here"]) == 8
    assert made["here"] == made["processes"] == made["cluster"]


def test_generate_makes_the_same_sound_everywhere(tmp_path, tiny_pipeline, cluster, capsys):
    model = save_pipeline(tiny_pipeline, tmp_path / "tiny.safetensors")
    videos = tmp_path / "videos"
    videos.mkdir()
    for name in "abc":
        write_video(videos / f"{name}.mp4")
    (videos / "bad.mp4").write_text("no video")
    made = {}
    for kind in ("here", "processes", "cluster"):
        words = ["-o", tmp_path / kind, "--model", model, *switches(kind, cluster)]
        assert run("generate", videos, *words) == 2  # for the bad one
        out, err = capsys.readouterr()
        assert "3 of 4 videos done, 1 failed" in err and "bad.mp4" in err
        assert sorted(out.split()) == [str(tmp_path / kind / f"{name}.mp4") for name in "abc"]
        made[kind] = contents(tmp_path / kind, ".mp4")
    assert made["here"] == made["processes"] == made["cluster"]


def test_a_checkpoint_that_is_none_stops_a_cluster_with_one_line(tmp_path, cluster, capsys):
    clip = write_video(tmp_path / "clip.mp4")
    words = ["-o", tmp_path / "out.mp4", "--model", clip, "--ray", cluster]
    assert run("generate", clip, *words) == 2
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last.startswith("error: a worker on") and "clip.mp4" in last
    assert not (tmp_path / "out.mp4").exists()
