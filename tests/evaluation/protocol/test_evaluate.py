import json
from types import SimpleNamespace

import pytest
import torch

from sr_core.evaluation.metrics.clip_metrics import analyse, score
from sr_core.evaluation.protocol import evaluate as module
from sr_core.evaluation.protocol.baselines import from_model
from sr_core.evaluation.protocol.evaluate import evaluate
from sr_core.evaluation.protocol.summary import LINES, summarise
from sr_core.io.read.video import open_video
from sr_core.sampling.settings import Settings

from ..conftest import bursts

pytestmark = pytest.mark.torchaudio

SHOTS = [0.4, 1.0]


def events():
    shots = [{"t": time, "kind": "shot"} for time in SHOTS]
    return [*shots, {"t": 1.5, "kind": "sound", "angle": 60.0, "dist": 10.0}]


@pytest.fixture
def clips(write_clip):
    return [
        write_clip("a", bursts([*SHOTS, 1.5], 2.0, [0, 0, 0.8]), events()),
        write_clip("b", bursts([0.2, 0.6, 1.3], 2.0), []),
        write_clip("c", bursts([0.1, 0.8], 2.0), []),
    ]


def test_the_reference_is_perfect_and_another_clip_is_not(tiny_pipeline, clips):
    result = evaluate(tiny_pipeline, clips, [Settings(steps=1)])
    sounds = result["groups"]["all"]["sounds"]
    own = {"reference", "codec", "shuffled", "nulled", "steps 1"}
    assert set(sounds) == {*own, "hiss", "motion stops"}
    best = sounds["reference"]
    for key in (
        "onset_f1",
        "event_f1",
        "shot_peak_share",
        "envelope_r",
        "mel_spread_ratio",
        "spread_ratio",
    ):
        assert best[key] == pytest.approx(1), key
    for key in (
        "mel_db",
        "mel_nats",
        "frame_level_difference_db",
        "stft_distance",
        "level_error_db",
        "frechet",
        "mmd",
        "frechet_side",
        "loudness_difference_lu",
    ):
        assert best[key] == pytest.approx(0, abs=1e-6), key
    assert best["right_side_share"] == 1 and best["shot_auc"] > 0.95
    assert best["isolated_shots"] == 2 and best["lone_sounds"] == 1
    assert best["lone_sounds_in_view"] == 0 and best["right_side_in_view"] is None
    assert sounds["shuffled"]["onset_f1"] < 0.5
    assert sounds["shuffled"]["level_db"] == pytest.approx(best["level_db"])
    assert sounds["shuffled"]["frechet"] > 0
    assert 0 < sounds["hiss"]["mel_db"]
    for key in ("silent_share", "frame_level_difference_db", "mel_nats", "spread_ratio"):
        assert all(sounds[name][key] is not None for name in (*own, "hiss")), key
    assert 0 < sounds["hiss"]["mel_nats"] and sounds["hiss"]["spread_ratio"] == 0


def test_clips_are_counted_apart_by_group_and_each_on_its_own(tiny_pipeline, write_clip):
    paths = [
        write_clip("a", bursts([0.2], 0.5), [], sparse=False),
        write_clip("b", bursts([0.3], 0.5), [], sparse=True),
    ]
    result = evaluate(tiny_pipeline, paths, [Settings(steps=1), Settings(steps=2)])
    counts = {group: content["clips"] for group, content in result["groups"].items()}
    assert counts == {"all": 2, "dense": 1, "quiet": 1}
    assert [clip["name"] for clip in result["clips"]] == ["a", "b"]
    both = result["groups"]["all"]["sounds"]["steps 2"]["mel_db"]
    each = [clip["sounds"]["steps 2"]["mel_db"] for clip in result["clips"]]
    assert both == pytest.approx(sum(each) / 2)
    json.dumps(result, allow_nan=False)


def test_the_same_command_gives_the_same_figures(tiny_pipeline, clips):
    def figures():
        result = evaluate(tiny_pipeline, clips[:2], [Settings(steps=1)], seeds=(4,))
        result["groups"]["all"]["sounds"]["steps 1"].pop("ms_per_frame")
        assert result["groups"]["all"]["sounds"]["steps 1"]["intervals"]["mel_db"]
        return json.dumps(result["groups"]["all"])

    assert figures() == figures()


def test_time_a_frame_is_what_generating_took_over_the_frames(tiny_pipeline, clips, monkeypatch):
    looks = iter(range(100))  # each look at the clock is a second later
    clock = SimpleNamespace(monotonic=lambda: next(looks))
    monkeypatch.setattr(module, "time", clock)
    sounds = evaluate(tiny_pipeline, clips[:2], [Settings(steps=1)])["groups"]["all"]["sounds"]
    assert sounds["steps 1"]["ms_per_frame"] == pytest.approx(1000 * 2 / 120)  # 2 s, 120 frames
    assert sounds["reference"]["ms_per_frame"] is None


def test_each_clip_has_noise_of_its_own_which_other_clips_do_not_change(tiny_pipeline, write_clip):
    paths = [write_clip(name, bursts([0.2], 0.5)) for name in "ab"]  # the same picture and sound

    def drawn(*given):
        heard = {}
        result = evaluate(
            tiny_pipeline,
            given,
            [Settings(steps=1)],
            seeds=(4,),
            observers=[lambda clip, sounds: heard.update({clip.name: sounds["steps 1"]})],
        )
        return heard, {clip["name"]: clip["seeds"][0] for clip in result["clips"]}

    both, seeds = drawn(*paths)
    assert seeds["a"] != seeds["b"] and not torch.allclose(both["a"], both["b"])
    alone, _ = drawn(paths[1])
    assert torch.equal(alone["b"], both["b"])
    frames = open_video(paths[1])
    assert torch.equal(from_model(tiny_pipeline, frames, Settings(steps=1), seeds["b"]), both["b"])


def test_figures_of_several_seeds_are_means_and_the_baselines_are_made_once(
    tiny_pipeline, clips, monkeypatch
):
    through_codec, made, heard = module.through_codec, [], []

    def counted(vae, waveform):
        made.append(1)
        return through_codec(vae, waveform)

    monkeypatch.setattr(module, "through_codec", counted)

    def figures(*seeds):
        observers = [lambda clip, sounds: heard.append(sounds["steps 1"])]
        return evaluate(tiny_pipeline, clips[:2], [Settings(steps=1)], seeds, observers=observers)

    one, two, both = figures(3), figures(5), figures(3, 5)
    assert len(made) == len(heard) == 6  # two clips, three times
    assert torch.equal(heard[4], heard[0])  # observers get the sound of the first seed
    for n in range(2):
        assert both["clips"][n]["seeds"] == one["clips"][n]["seeds"] + two["clips"][n]["seeds"]
        for name in ("steps 1", "nulled", "codec"):
            each = [r["clips"][n]["sounds"][name] for r in (one, two)]
            found = both["clips"][n]["sounds"][name]
            for key in ("mel_nats", "frame_level_difference_db", "silent_share", "stft_distance"):
                mean = (each[0][key] + each[1][key]) / 2
                assert found[key] == pytest.approx(mean, abs=1e-9), (name, key)
    alone, means = (r["groups"]["all"]["sounds"]["codec"] for r in (one, both))
    assert alone == means
    assert both["groups"]["all"]["sounds"]["steps 1"]["frechet"] is not None


def test_one_clip_alone_is_compared_with_itself_half_its_length_later(tiny_pipeline, clips):
    heard = {}
    evaluate(
        tiny_pipeline,
        clips[:1],
        [Settings(steps=1)],
        observers=[lambda clip, sounds: heard.update(sounds)],
    )
    assert torch.equal(heard["shuffled"], heard["reference"].roll(48_000, dims=1))


def test_a_clip_that_fails_on_the_way_is_left_out(tiny_pipeline, clips, monkeypatch):
    through_codec = module.through_codec

    def failing(vae, waveform):
        if not calls:
            calls.append(1)
            raise ValueError("damaged")
        return through_codec(vae, waveform)

    calls: list[int] = []
    monkeypatch.setattr(module, "through_codec", failing)
    result = evaluate(tiny_pipeline, clips, [Settings(steps=1)])
    assert result["left_out"] == {str(clips[0]): "damaged"}
    assert [clip["name"] for clip in result["clips"]] == ["b", "c"]


def test_a_looped_clip_is_followed_for_as_long_as_asked(tiny_pipeline, write_clip):
    path = write_clip("a", bursts([0.1], 0.5))
    result = evaluate(tiny_pipeline, [path], [Settings(steps=1)], loop_seconds=2)
    assert result["loops"]["steps 1"]["loops"] == 4
    with pytest.raises(ValueError, match="three loops"):
        evaluate(tiny_pipeline, [path], [Settings(steps=1)], loop_seconds=1)


def test_a_late_sound_is_seen_as_late_and_a_soft_one_as_soft():
    reference = bursts([0.4, 1.1, 1.6], 2.0)

    def figures(waveform):
        def embed(x):
            return x.mean(-1)

        return summarise([[score(analyse(waveform, embed), analyse(reference, embed), None)]])

    late = figures(reference.roll(4800, dims=1))
    assert late["onset_f1"] == 0 and late["offset_median_ms"] == pytest.approx(100, abs=9)
    assert late["onset_f1_close"] == 0
    near = figures(reference.roll(2880, dims=1))  # 60 ms
    assert near["onset_f1"] == 1 and near["onset_f1_close"] == 0
    soft = figures(reference / 2)
    assert soft["level_difference_db"] == pytest.approx(-6.02, abs=0.01)
    loud = figures(reference * 2)
    assert loud["level_difference_db"] > 0 and loud["frame_level_difference_db"] > 0
    assert soft["loudness_difference_lu"] == pytest.approx(-6.02, abs=0.01)
    silent = figures(torch.zeros_like(reference))
    assert silent["loudness_difference_lu"] is None and silent["loudness_lufs"] is None
    assert soft["level_error_db"] == pytest.approx(6.02, abs=0.01)
    assert soft["onset_f1"] == 1 and soft["envelope_r"] > 0.95
    assert soft["shot_auc"] is None and soft["event_f1"] is None


def test_the_difference_from_motion_stops_is_paired_by_clip(tiny_pipeline, clips):
    result = evaluate(tiny_pipeline, clips, [Settings(steps=1)], seeds=(0, 1))
    group, each = result["groups"]["all"], [clip["sounds"] for clip in result["clips"]]
    assert group["sounds"]["reference"]["shifted_onset_auc"] > 0.8  # clips without log, too
    assert set(group["over_motion_stops"]) == set(each[0]) - {"motion stops"}
    for name, found in group["over_motion_stops"].items():
        values = [sounds[name]["over_motion_stops"] for sounds in each]
        aucs = [
            [sounds[of]["shifted_onset_auc"] for of in (name, "motion stops")] for sounds in each
        ]
        assert values == pytest.approx([mine - stops for mine, stops in aucs])
        assert found["clips"] == 3 and found["mean"] == pytest.approx(sum(values) / 3)
        (low, high), (low_90, high_90) = found["interval"], found["interval_90"]
        assert low <= low_90 <= high_90 <= high


def test_every_line_of_the_table_is_a_figure(tiny_pipeline, clips):
    result = evaluate(tiny_pipeline, clips[:2], [Settings(steps=1)])
    figures = result["groups"]["all"]["sounds"]["steps 1"]
    assert {line.key for line in LINES} <= set(figures)
