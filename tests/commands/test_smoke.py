"""`smoke` at two steps a stage: the whole road, and a verdict that can be bad."""

from __future__ import annotations

import json

import pytest
from PIL import Image

from sr_core.cli import main
from sr_core.commands.work import smoke as overfit
from tests.evaluation.metrics.test_likeness import wind
from tests.training.data.test_shard_writer import film


def hasty(config):
    return config | {"loop": config["loop"] | {"steps": 2, "batch": 1}}


@pytest.mark.torchaudio
def test_what_has_not_learned_is_called_so(tmp_path, monkeypatch, capsys):
    for name in ("VAE", "DIFFUSION", "CONSISTENCY"):
        monkeypatch.setattr(overfit, name, hasty(getattr(overfit, name)))
    video, folder = film(tmp_path / "a video.mp4", 4.5), tmp_path / "out"
    assert main(["smoke", str(video), "-o", str(folder), "--device", "cpu"]) == 1
    out = capsys.readouterr().out
    assert "it does not learn: check `train vae`" in out and "generated, steps 4" in out
    for stage in ("vae", "diffusion", "consistency"):
        assert f"$ python -m sr_core train {stage} " in out and f"{stage}: loss" in out
        assert len((folder / stage / "curve.jsonl").read_text().splitlines()) == 2
        assert f"\n{stage}: did not learn: " in out  # each stage has a verdict, and why
    assert "dB from the clip's own sound" in out and "hiss of its mean spectrum" in out
    assert (folder / "clip-with-sound.mkv").is_file()
    assert Image.open(folder / "report" / "clip.png").width > 100
    assert json.loads((folder / "vae.json").read_text()) == overfit.VAE


@pytest.mark.torchaudio
@pytest.mark.parametrize("well", [True, False])
def test_a_clip_of_wind_is_judged_by_its_own_sound(tmp_path, monkeypatch, capsys, well):
    """Another draw of the wind has no loudness or onsets to follow, and is what is wanted."""
    monkeypatch.setattr(overfit, "_learn", lambda *_: (tmp_path / "one", tmp_path / "two"))
    monkeypatch.setattr(overfit, "_command", lambda *_: None)
    monkeypatch.setattr(overfit, "cut_excerpt", lambda *_: 0)
    monkeypatch.setattr(overfit, "load_pipeline", lambda path: path)
    monkeypatch.setattr(overfit.Report, "write", lambda *_: None)

    def evaluated(pipeline, clips, settings, seed, embed, observers):
        drawn = wind(2) if well or pipeline.name == "one" else 0 * wind(2)
        sounds = {"reference": wind(0), "codec": wind(1), "shuffled": wind(0).roll(96_000, -1)}
        for observe in observers:
            if isinstance(observe, overfit.OverfitCheck):
                observe(None, sounds | {overfit.name_of(each): drawn for each in settings})
        return {}

    monkeypatch.setattr(overfit, "evaluate", evaluated)
    words = ["smoke", "wind.mp4", "-o", str(tmp_path / "out"), "--device", "cpu"]
    assert main(words) == (0 if well else 1)
    out = capsys.readouterr().out
    assert "\nvae: learned: " in out and "\ndiffusion: learned: " in out
    assert ("it learns" if well else "it does not learn: check `train consistency`") in out


def test_smoke_has_settings_of_its_own(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["smoke", "a.mp4", "--set", "loop.steps=2"])
    assert stopped.value.code == 2 and "unrecognized arguments: --set" in capsys.readouterr().err


def test_other_stages_need_a_folder(tmp_path, capsys):
    assert main(["train", "vae", str(tmp_path)]) == 2
    assert "give -o FOLDER" in capsys.readouterr().err
