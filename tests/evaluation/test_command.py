"""What `evaluate` prints and writes."""

from __future__ import annotations

import argparse
import json

import pytest
import torch
from PIL import Image

from sr_core.checkpoint import load_pipeline, save_pipeline
from sr_core.commands import evaluate as command
from sr_core.evaluation.report.report import LABEL, TALL, draw
from sr_core.io.read.audio import read_audio
from sr_core.sampling.settings import Settings

from .conftest import bursts

pytestmark = pytest.mark.torchaudio


@pytest.fixture
def run(tmp_path, tiny_pipeline, capsys):
    tiny_pipeline.origin = {"stage": "consistency"}
    model = save_pipeline(tiny_pipeline, tmp_path / "tiny.safetensors")

    def run(*words):
        parser = argparse.ArgumentParser()
        command.add_arguments(parser)
        options = parser.parse_args([str(word) for word in (*words, "--model", model)])
        return command.run(options), *capsys.readouterr()

    return run


@pytest.fixture
def folder(write_clip, tmp_path):
    write_clip("a", bursts([0.2, 0.5], 1.0), [{"t": 0.2, "kind": "shot"}])
    write_clip("b", bursts([0.4], 1.0), [])
    return tmp_path


def test_json_is_one_object_and_nothing_else(run, folder):
    code, out, _ = run(folder, "--json", "--seed", 1, "--steps", 1, 2)
    result = json.loads(out)
    assert code == 0 and out.count("\n") == 1
    assert result["seeds"] == [1] and result["model"] == "tiny.safetensors"
    sounds = result["groups"]["all"]["sounds"]
    assert {"steps 1", "steps 2", "reference", "codec", "shuffled", "nulled"} <= set(sounds)


def test_a_checkpoint_is_evaluated_as_it_recommends(run, folder):
    path = folder / "tiny.safetensors"
    pipeline = load_pipeline(path)
    pipeline.recommended = Settings(3, 1.5, "heun")
    save_pipeline(pipeline, path)
    plain = json.loads(run(folder, "--json")[1])
    assert (plain["guidance"], plain["method"]) == (1.5, "heun")
    assert "heun 3" in plain["groups"]["all"]["sounds"]
    given = json.loads(run(folder, "--json", "--method", "consistency", "--guidance", 3)[1])
    assert (given["guidance"], given["method"]) == (3.0, "consistency")
    assert "steps 4" in given["groups"]["all"]["sounds"]
    with pytest.raises(ValueError, match="got 8 steps"):
        run(folder, "--method", "consistency", "--steps", 1, 8)


def test_the_table_has_every_sound_beside_every_figure(run, folder):
    code, out, _ = run(folder, "--steps", 1)
    lines = out.splitlines()
    assert code == 0 and lines[0].split()[:3] == ["all,", "2", "clips"]
    (row,) = [line for line in lines if line.startswith("log-mel distance")][:1]
    assert len(row.split()) == 3 + 6  # the words, then all six sounds
    assert "1 isolated shots" in out


def test_intervals_stand_below_their_figures_and_what_is_not_computed_is_said(run, folder):
    _, out, _ = run(folder, "--steps", 1)
    lines = out.splitlines()
    at = next(n for n, line in enumerate(lines) if line.startswith("log-mel distance"))
    assert lines[at + 1].count("[") == 4  # not of the reference; two clips swapped stay as far
    low, high = lines[at + 1].split("]")[0].strip(" [").split(", ")
    assert float(low) <= float(lines[at].split()[4]) <= float(high)
    assert "95% interval" in out and "DeSync" in out and "FSAD" in out
    silent = next(line for line in lines if line.startswith("silent frames"))
    assert len(silent.split()) == 2 + 6


def test_methods_and_seeds_are_compared_in_one_run(run, folder, tmp_path):
    words = ["--steps", 1, 2, "--heun", 2, "--seeds", 0, 3]
    code, out, _ = run(folder, *words, "--json", "--report", tmp_path / "report")
    result = json.loads(out)
    sounds = result["groups"]["all"]["sounds"]
    assert code == 0 and result["seeds"] == [0, 3]
    assert list(sounds)[3:] == ["nulled", "heun 2", "steps 1", "steps 2", "hiss", "motion stops"]
    assert sounds["heun 2"]["mel_nats"] != sounds["steps 2"]["mel_nats"]
    page = (tmp_path / "report" / "report.md").read_text(encoding="utf-8")
    assert page.startswith("# tiny.safetensors, seeds 0 3\n")


def test_a_seed_may_stand_before_the_clips():
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    assert parser.parse_args(["--seed", "2", "."]).seeds == [2]
    assert parser.parse_args(["."]).seeds == [0]
    assert parser.parse_args([".", "--seeds", "2", "1"]).seeds == [2, 1]


def test_one_clip_has_figures_without_intervals(run, write_clip):
    _, out, _ = run(write_clip("a", bursts([0.2], 1.0)), "--steps", 1)
    assert not [line for line in out.splitlines() if line.startswith(" ")]


def test_a_table_per_clip_has_five_figures_of_each_sound_of_the_model(run, folder, write_clip):
    write_clip("longer", bursts([0.3, 0.9, 1.6], 2.5))
    _, plain, _ = run(folder, "--steps", 1, 2)
    code, out, _ = run(folder, "--steps", 1, 2, "--per-clip")
    clips = json.loads(run(folder, "--steps", 1, 2, "--json", "--per-clip")[1])["clips"]
    figures = {clip["name"]: clip for clip in clips}
    assert code == 0 and "  group  " not in plain
    names, head, *rows = out.split("\n\n")[-1].splitlines()
    assert names.count("steps 1") == names.count("steps 2") == 5
    assert head.count("onset F1") == 2 and head.count("onset AUC") == 3  # of motion stops, too
    cells = {row.split()[0]: row.split()[1:] for row in rows}
    assert list(cells) == ["a", "b", "longer"] and len({len(row) for row in rows}) == 1
    assert len(cells["a"]) == 1 + 2 * 4 and len(cells["longer"]) == 1 + 2 * 5 + 1
    expected = figures["longer"]["sounds"]["steps 1"]
    assert cells["longer"][0] == figures["longer"]["group"]
    assert cells["longer"][3] == format(expected["mel_nats"], ".3f")
    assert cells["longer"][5] == format(expected["shifted_onset_auc"], ".3f")


def test_a_report_has_a_picture_of_each_clip(run, folder, tmp_path):
    code, _, err = run(folder, "--steps", 1, "--report", tmp_path / "report")
    page = (tmp_path / "report" / "report.md").read_text(encoding="utf-8")
    assert code == 0 and "report.md" in err
    for name in "ab":
        assert f"![{name}](<{name}.png>)" in page
        with Image.open(tmp_path / "report" / f"{name}.png") as picture:
            assert picture.size == (121, 3 * (64 * TALL + LABEL))  # reference, codec, steps 1


def test_the_export_pairs_files_by_name(run, folder, tmp_path):
    code, _, _ = run(folder, "--steps", 1, "--export", tmp_path / "toolkit")
    written = sorted(str(p.relative_to(tmp_path / "toolkit")) for p in tmp_path.rglob("*.wav"))
    assert code == 0
    assert written == [
        "gt_audio/a.wav",
        "gt_audio/b.wav",
        "pred_audio_steps_1/a.wav",
        "pred_audio_steps_1/b.wav",
    ]
    waveform, rate = read_audio(tmp_path / "toolkit" / "gt_audio" / "a.wav")
    assert rate == 48_000
    assert (waveform - bursts([0.2, 0.5], 1.0)).abs().max() < 1e-4


def test_a_bad_file_beside_good_ones_is_named_and_the_exit_code_says_so(run, folder):
    (folder / "bad.mp4").write_bytes(b"no video")
    code, out, err = run(folder, "--steps", 1, "--json")
    assert code == 2 and "bad.mp4" in err
    assert list(json.loads(out)["left_out"]) == [str(folder / "bad.mp4")]


def test_louder_bands_are_drawn_brighter_and_low_ones_below():
    low = torch.sin(2 * torch.pi * 100 * torch.arange(48_000) / 48_000).repeat(2, 1)
    picture = draw({"low": low}).convert("L")
    top, bottom = picture.getpixel((60, LABEL + 5)), picture.getpixel((60, LABEL + 64 * TALL - 9))
    assert top < 10 and bottom > 200


def test_a_loop_alone_needs_no_sound_and_has_a_page(run, write_silent, tmp_path):
    clip = write_silent("a", 15)
    report = tmp_path / "report"
    words = ["--loop", 2, "--only-loop", "--steps", 1, 2]
    code, out, err = run(clip, *words, "--report", report)
    assert code == 0 and out.count("\n") == 2 and "steps 2, 2 s of the first clip in 4 loops" in out
    assert "(by chance 0." in out
    page = (report / "long-run.md").read_text(encoding="utf-8")
    assert "long-run.md" in err and page.count("\n| 0.0 - 0.0 |") == 6 and "## steps 2" in page
    assert "--only-loop --steps 1 2 --report DIR" in page and "seed 0\n" in page
    code, out, _ = run(clip, *words, "--heun", 1, "--json")
    assert code == 0 and list(json.loads(out)["loops"]) == ["heun 1", "steps 1", "steps 2"]
    assert len(json.loads(out)["loops"]["steps 1"]["parts"]) == 3
