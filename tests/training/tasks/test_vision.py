import json
from dataclasses import replace

import pytest
import torch

from sr_core.cli import main
from sr_core.components import load_vision
from sr_core.config import to_dict
from sr_core.io.read.video import open_video
from sr_core.models.soundreactor.mixer_aggregator import MixerAggregatorConfig
from sr_core.training.data.audio_targets import FLOOR_DB, band_levels, rises
from sr_core.training.data.dataset import Batches
from sr_core.training.data.statistics import Moments
from sr_core.training.runtime.loop import LoopConfig, train
from sr_core.training.seeding import generator_of
from sr_core.training.tasks.vision import VisionTask, VisionTaskConfig, contrast, varied
from sr_core.training.vision_stage import VisionRun, train_vision
from sr_core.vision.dinov2 import DINOv2Config
from sr_core.vision.encoder import VisionConfig, VisionEncoder
from sr_core.vision.patches import PatchesConfig
from tests.training.conftest import write_shard
from tests.training.data.test_shard_writer import film

BACKBONE = DINOv2Config(width=16, depth=1, heads=2, registers=1, patch=7, position_grid=3)
VISION = VisionConfig(BACKBONE, 14, 28, 6)
HEAD = MixerAggregatorConfig(width=16, channels=16, depth=1, stride=1)
LOOP = LoopConfig(steps=4, batch=3, warmup=1, ema=0.9, learning_rate=3e-3, save_every=2, workers=0)
RUN = VisionRun(12, LOOP, VisionTaskConfig(HEAD, width=16), VISION)


def flashes(generator, clips=12, length=16):
    """Dim noise that flashes now and then, and a burst of sound in the same frame."""
    for number in range(clips):
        lit = torch.rand(length, generator=generator) < 0.15
        frames = torch.randint(0, 60, (length, 3, 14, 28), generator=generator)
        frames[:, :, 7:, 14:] += 150 * lit[:, None, None, None]
        sound = torch.randn(length, 1600, 2, generator=generator)
        sound = sound * torch.where(lit, 6000, 30)[:, None, None]
        frames, sound = frames.to(torch.uint8), sound.flatten(0, 1).to(torch.int16)
        yield f"clip-{number}", frames, sound


def folder_of(path, shuffled=False):
    path.mkdir()
    clips = list(flashes(torch.Generator().manual_seed(0)))
    sounds = [sound for _, _, sound in clips]
    sounds = sounds[1:] + sounds[:1] if shuffled else sounds
    tensors = {
        key: {"frames": frames, "waveform": sound}
        for (key, frames, _), sound in zip(clips, sounds, strict=True)
    }
    write_shard(path / "train-00000.tar", tensors)
    return path


@pytest.fixture
def seen(tmp_path):
    return folder_of(tmp_path / "seen")


def random_batch(rows=2, frames=5, **more):
    generator = torch.Generator().manual_seed(1)
    sizes = {"frames": (rows, frames, 3, 14, 28)}
    batch = {
        name: torch.randint(0, 256, size, generator=generator, dtype=torch.uint8)
        for name, size in sizes.items()
    }
    return batch | {"waveform": torch.randn(rows, 2, 1600 * frames, generator=generator)} | more


def generators(rows=2):
    return [generator_of("test", row) for row in range(rows)]


def learned(folder, output):
    """Onset and in-time losses on fresh clips after training on a folder."""
    torch.manual_seed(0)
    task = VisionTask(RUN.task, VISION, None)
    loop = replace(LOOP, steps=120, batch=8, learning_rate=3e-3)
    output.mkdir()
    train(task, Batches(folder, "train", 8, 12), loop, output, lambda *_: None)
    fresh = list(flashes(torch.Generator().manual_seed(9)))
    frames = torch.stack([frames for _, frames, _ in fresh])
    waveform = torch.stack([sound for _, _, sound in fresh]).mT.float() / 32767
    with torch.no_grad():
        batch = {"frames": frames, "waveform": waveform}
        _, facts = task.loss("model", batch, generators(len(fresh)))
    return facts["onsets"].item(), facts["contrast_in_time"].item()


def test_it_learns_that_a_flash_clicks_and_nothing_from_shuffled_sound(tmp_path):
    onsets, in_time = learned(folder_of(tmp_path / "right"), tmp_path / "a")
    chance_onsets, chance_in_time = learned(folder_of(tmp_path / "wrong", True), tmp_path / "b")
    assert onsets < 0.4 * chance_onsets and in_time < chance_in_time - 0.3


def test_tokens_of_a_frame_get_no_gradient_from_other_frames():
    backbone = VisionTask(RUN.task, VISION, None).backbone
    frames = torch.rand(1, 4, 3, 14, 28, requires_grad=True)
    backbone(frames)[:, 2].square().sum().backward()
    reached = frames.grad.abs().sum(dim=(0, 2, 3, 4)) > 0
    assert reached.tolist() == [False, False, True, False]


def test_all_of_the_backbone_learns():
    task = VisionTask(RUN.task, VISION, None)
    torch.nn.init.normal_(task.predict.weight)
    task.loss("model", random_batch(), generators())[0].backward()
    silent = [n for n, p in task.backbone.named_parameters() if p.grad is None or not p.grad.any()]
    assert not silent


def test_a_rows_chance_does_not_depend_on_the_other_rows():
    batch = random_batch()["frames"]
    both = varied(batch, RUN.task, generators(), True)
    assert torch.equal(both[1:], varied(batch[1:], RUN.task, generators()[1:], True))


def test_all_frames_of_a_row_are_varied_alike_and_stay_pictures():
    still = random_batch()["frames"][:, :1].expand(-1, 5, -1, -1, -1)
    changed = varied(still, RUN.task, generators(), True)
    assert torch.equal(changed, changed[:, :1].expand_as(changed))
    assert changed.min() >= 0 and changed.max() <= 1
    assert not torch.equal(changed, still / 255)


def test_a_mirror_is_used_only_where_no_latents_know_the_sides():
    config = replace(RUN.task, mirror=1.0, brightness=0.0)
    frames = random_batch()["frames"]
    assert torch.equal(varied(frames, config, generators(), True), frames.flip(-1) / 255)
    assert torch.equal(varied(frames, config, generators(), False), frames / 255)


def test_contrast_is_least_where_sound_and_picture_belong_together():
    x = torch.randn(3, 8, 32, generator=torch.Generator().manual_seed(0))
    right = contrast(x, x, 0.1, 1)
    late = contrast(x, x.roll(3, dims=1), 0.1, 1)
    other = contrast(x, x.roll(1, dims=0), 0.1, 1)
    assert max(right) < 0.1 and min(late) > 3 and min(other) > 1
    assert right[0] > 0 and contrast(x, x[:, :1].expand_as(x), 0.1, 0)[1] >= torch.tensor(8.0).log()


def test_neighbours_are_not_called_wrong():
    x = torch.randn(1, 8, 32, generator=torch.Generator().manual_seed(0))
    pairs = x[:, ::2].repeat_interleave(2, dim=1)  # each frame sounds like one beside it
    assert contrast(pairs, pairs, 0.1, 1)[1] < 0.1 < contrast(pairs, pairs, 0.1, 0)[1]


def test_levels_are_decibels_of_a_sine_in_its_own_band_and_frame():
    time = torch.arange(1600 * 6) / 48_000
    sine = 0.1 * torch.sin(2 * torch.pi * 1000 * time) * (time >= 0.1)
    levels = band_levels(sine.expand(1, 2, -1))
    assert levels.shape == (1, 6, 8) and levels[0, :2].max() == FLOOR_DB
    assert levels[0, 4].max() == pytest.approx(-20, abs=2)
    rise = rises(levels)[0].mean(dim=-1)
    assert rise.argmax() == 3 and rise[0] == 0 and rise[4] < 1


def test_latents_take_part_where_they_were_prepared(tmp_path):
    moments = Moments()
    moments.update(torch.randn(50, 4) * 3 + 1)
    torch.manual_seed(0)
    task = VisionTask(RUN.task, VISION, moments)
    means = [torch.randn(2, 5, 4, generator=torch.Generator().manual_seed(n)) for n in range(2)]
    losses = [task.loss("model", random_batch(mean=mean), generators())[1] for mean in means]
    assert losses[0]["contrast"] != losses[1]["contrast"]
    assert losses[0]["levels"] == losses[1]["levels"]


def test_a_stopped_run_goes_on_bit_exactly_and_leaves_a_fitted_encoder(seen, tmp_path):
    for name in ("whole", "parts"):
        (tmp_path / name).mkdir()
    whole = train_vision(seen, tmp_path / "whole", RUN, None, "cpu")
    train_vision(seen, tmp_path / "parts", replace(RUN, loop=replace(LOOP, steps=2)), None, "cpu")
    parts = train_vision(seen, tmp_path / "parts", RUN, None, "cpu")
    assert whole.read_bytes() == parts.read_bytes()
    vision = load_vision(whole)
    assert vision.config == VISION and vision.pca_mean.any()
    assert torch.allclose(vision.pca_basis.T @ vision.pca_basis, torch.eye(6), atol=1e-5)


def test_another_run_starts_from_the_backbone_it_is_given(seen, tmp_path):
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    first = train_vision(seen, tmp_path / "first", RUN, None, "cpu")
    frozen = replace(RUN, loop=replace(LOOP, learning_rate=0.0), vision=VisionRun().vision)
    second = train_vision(seen, tmp_path / "second", frozen, first, "cpu")
    one, two = (load_vision(path).state_dict() for path in (first, second))
    assert all(torch.allclose(one[n], two[n], atol=1e-6) for n in one if "backbone" in n)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"height": 28}, "got frames of 14x28.*expected 28x28.*set vision.height"),
        ({"backbone": PatchesConfig(7)}, "no parameters"),
    ],
)
def test_what_does_not_fit_is_refused(seen, tmp_path, change, message):
    run = replace(RUN, vision=replace(VISION, **change))
    with pytest.raises(ValueError, match=message):
        train_vision(seen, tmp_path, run, None, "cpu")


def test_shards_without_frames_are_refused(shards, tmp_path):
    with pytest.raises(ValueError, match="got grid.*expected frames too.*--keep-frames"):
        train_vision(shards, tmp_path, RUN, None, "cpu")


def test_kept_frames_are_what_the_encoder_would_have_seen(tmp_path):
    video = film(tmp_path / "a.mkv", 0.6)
    words = ["prepare", video, "-o", tmp_path / "seen", "--seconds", 0.5, "--split", "train"]
    assert main([str(word) for word in (*words, "--keep-frames", "14x28")]) == 0
    batch, _ = Batches(tmp_path / "seen", "train", 1, 15).at(0, range(1))
    assert batch["frames"].dtype == torch.uint8 and batch["waveform"].shape == (1, 2, 24_000)
    raw = torch.cat(list(open_video(video).pieces(4)))[:15]
    error = VisionEncoder(VISION)._resize(raw[None]) - batch["frames"] / 255
    assert error.abs().max() <= 0.501 / 255


def test_a_trained_encoder_goes_through_prepare(tmp_path):
    film(tmp_path / "a.mkv", 1.2)
    clips = ["--seconds", 0.5, "--split", "train"]
    settings = tmp_path / "vision.json"
    settings.write_text(json.dumps(to_dict(replace(RUN, loop=replace(LOOP, steps=2)))))
    for words in (
        ["prepare", tmp_path / "a.mkv", "-o", tmp_path / "seen", *clips, "--keep-frames", "14x28"],
        ["train", "vision", tmp_path / "seen", "-o", tmp_path / "run", "--config", settings],
        [
            "prepare", tmp_path / "a.mkv", "-o", tmp_path / "data", *clips,
            "--vision", tmp_path / "run" / "vision.safetensors",
        ],
    ):  # fmt: skip
        assert main([str(word) for word in words]) == 0
    batch, _ = Batches(tmp_path / "data", "train", 2, 15).at(0, range(2))
    assert batch["grid"].shape == (2, 15, 8, 6)
