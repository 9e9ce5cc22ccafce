"""`train --init hf://...`: what a run and its checkpoint keep of where they began."""

from __future__ import annotations

import json

from sr_core.checkpoint import load_pipeline, read_metadata, save_pipeline, sha256
from sr_core.cli import main
from sr_core.commands.work import train as trainer
from sr_core.components import save_part
from sr_core.hub import Fetched
from sr_core.hub_address import Address
from sr_core.sampling.settings import Settings

COMMIT = "c" * 40


def test_a_run_keeps_where_its_checkpoint_came_from(monkeypatch, tiny_pipeline, shards, tmp_path):
    tiny_pipeline.origin = {"stage": "diffusion", "name": "first"}
    tiny_pipeline.recommended = Settings(12, 1.5, "heun")
    init = save_pipeline(tiny_pipeline, tmp_path / "init.safetensors")
    pipeline = load_pipeline(init)
    save_part(pipeline.vision, shards / "vision.safetensors")
    save_part(pipeline.vae, shards / "vae.safetensors")
    asked = []

    def local_file(address, tell):
        asked.append(address)
        return Fetched(init, Address("o/r", init.name), COMMIT)

    monkeypatch.setattr(trainer, "local_file", local_file)
    assert main(["train", "diffusion", str(shards), "--init", "hf://o/r@v1"]) == 2
    assert not asked, "a run without a folder to write to needs no checkpoint"
    words = ["--init", "hf://o/r@v1", "--set", "frames=5"]
    words += ["--set", "loop.steps=1", "--set", "loop.batch=2", "--set", "loop.workers=0"]
    assert main(["train", "diffusion", str(shards), "-o", str(tmp_path / "run"), *words]) == 0
    origin = {"address": "hf://o/r/init.safetensors", "commit": COMMIT, "sha256": sha256(init)}
    assert json.loads((tmp_path / "run" / "init.json").read_text()) == origin
    described = read_metadata(tmp_path / "run" / "model.safetensors")
    assert described["sampling"] == Settings(12, 1.5, "heun")
    kept = described["training"]["init"]
    assert kept == {"stage": "diffusion", "name": "first"} | origin
    assert asked == [Address("o/r", None, "v1")]
