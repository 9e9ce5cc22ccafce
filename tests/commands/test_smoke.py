"""`train smoke` at two steps a stage: the whole road, and a verdict that can be bad."""

from __future__ import annotations

import json

from PIL import Image

from sr_core.cli import main
from sr_core.commands import smoke
from tests.training.test_prepare import film


def hasty(config):
    return config | {"loop": config["loop"] | {"steps": 2, "batch": 1}}


def test_what_has_not_learned_is_called_so(tmp_path, monkeypatch, capsys):
    for name in ("VAE", "DIFFUSION", "CONSISTENCY"):
        monkeypatch.setattr(smoke, name, hasty(getattr(smoke, name)))
    video, folder = film(tmp_path / "a video.mp4", 4.5), tmp_path / "out"
    assert main(["train", "smoke", str(video), "-o", str(folder), "--device", "cpu"]) == 1
    out = capsys.readouterr().out
    assert "it does not learn" in out and "generated, steps 4" in out
    for stage in ("vae", "diffusion", "consistency"):
        assert f"$ python -m sr_core train {stage} " in out and f"{stage}: loss" in out
        assert len((folder / stage / "curve.jsonl").read_text().splitlines()) == 2
    assert (folder / "clip-with-sound.mkv").is_file()
    assert Image.open(folder / "report" / "clip.png").width > 100
    assert json.loads((folder / "vae.json").read_text()) == smoke.VAE


def test_smoke_has_settings_of_its_own(tmp_path, capsys):
    assert main(["train", "smoke", "a.mp4", "--set", "loop.steps=2"]) == 2
    assert "which has its own" in capsys.readouterr().err


def test_other_stages_need_a_folder(tmp_path, capsys):
    assert main(["train", "vae", str(tmp_path)]) == 2
    assert "give -o FOLDER" in capsys.readouterr().err
