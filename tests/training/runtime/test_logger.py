"""What a run leaves to look at: numbers a line; in TensorBoard also sound beside its reference."""

import json
import sys

import pytest
import torch

from sr_core.training.runtime.logger import TrainingLogger, spectrogram


def keep(folder, begin=0, steps=4):
    with TrainingLogger(folder, begin, steps) as logger:
        for step in range(begin, steps):
            logger.note("model", {"loss": torch.tensor(step + 0.5)}, 1e-3)
            logger.tick(step, rows=8, waited=0.3, seconds=0.5, every=2)
        tone = torch.sin(torch.arange(4800) / 10).repeat(2, 1)
        logger.listen(steps, {"0/drawn": tone, "0/reference": tone / 2})


def curve(folder):
    return [json.loads(line) for line in (folder / "curve.jsonl").open(encoding="utf-8")]


def test_the_curve_has_a_line_for_every_so_many_steps_with_their_means(tmp_path):
    keep(tmp_path)
    assert [line["step"] for line in curve(tmp_path)] == [2, 4]
    assert [line["model/loss"] for line in curve(tmp_path)] == [1, 3]


def test_the_curve_tells_how_long_a_step_took_and_what_of_it_was_waiting_for_rows(tmp_path):
    keep(tmp_path)
    for line in curve(tmp_path):
        assert line["data_seconds"] == pytest.approx(0.3)
        assert line["step_seconds"] == pytest.approx(0.5)
        assert line["rows_per_second"] == pytest.approx(16)  # reading included


def test_a_run_that_goes_on_adds_to_its_curve(tmp_path):
    keep(tmp_path, 0, 2)
    keep(tmp_path, 2, 6)
    assert [line["step"] for line in curve(tmp_path)] == [2, 4, 6]


def test_steps_that_are_made_again_after_a_stop_are_written_once(tmp_path):
    keep(tmp_path, 0, 6)  # killed, saved last at 2
    with (tmp_path / "curve.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"step": 8, "model/lo')
    keep(tmp_path, 2, 6)
    assert [line["step"] for line in curve(tmp_path)] == [2, 4, 6]


def test_a_line_that_somebody_noted_stays(tmp_path):
    keep(tmp_path, 0, 2)
    with (tmp_path / "curve.jsonl").open("a", encoding="utf-8") as file:
        file.write("# from here on with the new clips\n")
    keep(tmp_path, 2, 6)
    with (tmp_path / "curve.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"step": 8')
    keep(tmp_path, 4, 6)
    lines = (tmp_path / "curve.jsonl").read_text(encoding="utf-8").splitlines()
    assert lines[1].startswith("# from here") and len(lines) == 4


def test_without_tensorboard_one_is_told_where_the_numbers_are(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.warns(UserWarning, match="curve.jsonl"):
        keep(tmp_path)
    assert len(curve(tmp_path)) == 2 and not (tmp_path / "tensorboard").exists()


def test_tensorboard_gets_losses_throughput_sound_and_spectrogram(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    keep(tmp_path)
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert [event.value for event in events.Scalars("model/loss")] == [1, 3]
    assert [event.value for event in events.Scalars("rows_per_second")] == [16, 16]
    assert events.Tags()["audio"] == events.Tags()["images"] == ["0/drawn", "0/reference"]
    (sound,) = events.Audio("0/drawn")
    assert sound.sample_rate == 48_000 and sound.encoded_audio_string.startswith(b"RIFF")


def test_a_process_that_is_not_the_first_leaves_nothing(tmp_path):
    with TrainingLogger(tmp_path, 0, 1, enabled=False) as logger:
        logger.note("model", {"loss": torch.tensor(1.0)}, 1e-3)
        logger.tick(0, rows=1, waited=0, seconds=1, every=1)
        logger.listen(1, {"sound": torch.zeros(2, 4800)})
    assert not list(tmp_path.iterdir())


def test_a_spectrogram_shows_a_tone_as_one_bright_line():
    tone = torch.sin(2 * torch.pi * 3000 * torch.arange(48_000) / 48_000)
    picture = spectrogram(tone)
    middle = picture[:, picture.shape[1] // 2]
    assert middle.argmax() == len(middle) - 1 - 3000 * 1024 // 48_000
    assert picture.max() == 1 and picture.min() >= 0 and middle.median() < 0.5
