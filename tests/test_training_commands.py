"""Three arbitrary videos go through `prepare` and every stage of `train`, at a tiny size."""

import json

import pytest
import torch

from sr_core.checkpoint import load_pipeline
from sr_core.cli import main
from sr_core.components import save_part
from sr_core.config import to_dict
from sr_core.engine.offline import generate
from sr_core.training.stages import DiffusionRun
from sr_core.training.tuning_stages import ConsistencyRun
from tests.conftest import TINY
from tests.training.data.test_shard_writer import film

LOOP = ["--set", "loop.steps=2", "--set", "loop.batch=2", "--set", "loop.log_every=1"]
LOOP += ["--set", "loop.workers=0"]


@pytest.fixture
def folder(tmp_path):
    videos = tmp_path / "videos"
    videos.mkdir()
    film(videos / "a.mkv", 1.2)
    film(videos / "b.mp4", 1.1)
    film(videos / "c.mkv", 2.0)
    return tmp_path


def run(*words):
    assert main([str(word) for word in words]) == 0, words


def test_a_folder_of_videos_becomes_a_checkpoint(folder, capsys):
    clips = ["--seconds", 0.5, "--split", "train"]
    run("prepare", folder / "videos", "-o", folder / "sound", *clips)
    vae = {"audio": to_dict(TINY.audio), "frames": 6}
    (folder / "vae.json").write_text(json.dumps(vae))
    small = ["--set", "task.stft.sizes=[256,128]"]
    run(
        "train", "vae", folder / "sound", "-o", folder / "vae", "--config", folder / "vae.json",
        *LOOP, *small,
    )  # fmt: skip
    run(
        "train", "whiten", folder / "sound", "-o", folder / "white",
        "--init", folder / "vae" / "vae.safetensors",
        "--set", "frames=12", "--set", "rows=6", "--set", "drowned=1e9",
    )  # fmt: skip
    run(
        "prepare", folder / "videos", "-o", folder / "data", *clips, "--mirror",
        "--patches", "7x28x56", "--channels", 6, "--vae", folder / "white" / "vae.safetensors",
    )  # fmt: skip
    (folder / "model.json").write_text(json.dumps({"model": to_dict(TINY.model), "frames": 12}))
    words = ["-o", folder / "one", "--config", folder / "model.json", *LOOP]
    run("train", "diffusion", folder / "data", *words)
    stage1 = folder / "one" / "model.safetensors"
    assert load_pipeline(stage1).origin["stage"] == "diffusion"
    tuned = ["--init", stage1, *LOOP, "--set", "frames=12"]
    run("train", "consistency", folder / "data", "-o", folder / "two", *tuned)
    pipeline = load_pipeline(folder / "two" / "model.safetensors")
    assert pipeline.origin["stage"] == "consistency" and pipeline.origin["step"] == 2
    assert pipeline.origin["init"]["stage"] == "diffusion"
    settings = json.loads((folder / "two" / "config.json").read_text())
    assert settings["task"]["steps"] == 2  # so that the gap shrinks over the steps there are
    assert pipeline.vae.latent_scale.std() > 0 and pipeline.model.grid_scale.std() > 0
    assert generate(pipeline, torch.rand(1, 3, 3, 20, 30)).isfinite().all()
    out = folder / "out.mkv"
    run(
        "generate",
        folder / "videos" / "a.mkv",
        "-o",
        out,
        "--model",
        folder / "two/model.safetensors",
    )
    assert capsys.readouterr().out.splitlines()[-1] == str(out)


def test_a_folder_keeps_the_parts_that_its_clips_were_made_with(folder, tiny_pipeline, capsys):
    vae = save_part(tiny_pipeline.float().vae, folder / "vae.safetensors")
    words = ["prepare", folder / "videos", "-o", folder / "data", "--seconds", 0.5]
    words += ["--split", "train", "--patches", "7x28x56"]
    run(*words, "--channels", 6, "--vae", vae)
    before = {path.name: path.read_bytes() for path in (folder / "data").iterdir()}
    next(tiny_pipeline.vae.parameters()).mul_(2)
    other = save_part(tiny_pipeline.vae, folder / "other.safetensors")
    for more, said in (
        (["--channels", 6, "--vae", other], "is not the vae.safetensors that"),
        (["--channels", 5, "--vae", vae], "expected the same; choose another -o"),
        (["--channels", 6, "--vae", vae, "--mirror"], "mirror False -> True"),
        (["--channels", 6], "latent True -> False"),
    ):
        assert main([str(word) for word in [*words, *more]]) == 2
        assert said in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in (folder / "data").iterdir()} == before


def test_a_dry_run_prints_every_setting(tmp_path, capsys):
    words = ["train", "diffusion", tmp_path, "-o", tmp_path / "x", "--set", "loop.batch=7"]
    run(*words, "--dry-run")
    printed = json.loads(capsys.readouterr().out)
    assert printed["loop"]["batch"] == 7 and printed["model"] == to_dict(DiffusionRun().model)
    assert not (tmp_path / "x").exists()


def test_a_setting_that_is_not_there_is_refused(tmp_path, capsys):
    words = ["train", "diffusion", str(tmp_path), "-o", str(tmp_path), "--set", "loop.speed=2"]
    assert main(words) == 2 and "'loop.speed=2'" in capsys.readouterr().err


@pytest.mark.parametrize("stage", ["whiten", "consistency"])
def test_what_goes_on_from_a_stage_needs_its_file(tmp_path, capsys, stage):
    assert main(["train", stage, str(tmp_path), "-o", str(tmp_path / "x")]) == 2
    assert "--init" in capsys.readouterr().err


def test_consistency_has_the_optimizer_of_its_authors():
    assert ConsistencyRun().loop.optimizer == "radam"
