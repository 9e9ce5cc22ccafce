import warnings
from dataclasses import replace

import pytest
import torch

from sr_core.checkpoint import load_pipeline, save_pipeline
from sr_core.engine.offline import generate
from sr_core.pipeline import Pipeline
from sr_core.vision.ood import warning_text
from tests.conftest import TINY

PATCHES = 8


@pytest.fixture
def clips():
    """Grids with differences of 120 clips: two sizes of channels, loud and quiet ones."""
    torch.manual_seed(0)
    width = 2 * TINY.vision.channels
    loudness = torch.randn(120, 1, 1, 1, 1).mul(0.3).exp()
    return list(torch.randn(120, 1, 40, PATCHES, width) * loudness)


@pytest.fixture
def knowing(tiny_pipeline, clips):
    tiny_pipeline.fit_ood(clips, len(clips))
    return tiny_pipeline


def told(pipeline, grid, size=7):
    texts = []
    watch = pipeline.monitor(texts.append)
    for piece in grid.split(size, 1):
        watch.add(piece)
    return texts


def test_what_it_learned_from_is_familiar_and_another_look_is_not(knowing, clips):
    assert sum(len(told(knowing, clip)) for clip in clips) <= 0.02 * len(clips)
    other = clips[0].clone()
    other[..., ::2] *= 8
    assert len(told(knowing, other)) == 1  # once for a clip
    assert "stage" not in told(knowing, other)[0] and "may not fit" in told(knowing, other)[0]


def test_the_verdict_does_not_depend_on_how_the_clip_is_cut(knowing, clips):
    strange = torch.cat([clips[0], clips[0] * 50], dim=1)  # after the frames that count
    for clip in (strange, clips[0] * 50):
        assert len({len(told(knowing, clip, size)) for size in (1, 3, 40, 80)}) == 1


def test_a_clip_that_is_too_short_is_not_judged(knowing, clips):
    assert not told(knowing, clips[0][:, :20] * 50)


def test_a_clip_is_judged_by_its_first_three_seconds(tiny_pipeline):
    tiny_pipeline.fit_ood(list(torch.randn(120, 1, 100, 4, 2 * TINY.vision.channels)), 120)
    assert tiny_pipeline.familiar.frames == round(3 * tiny_pipeline.frame_rate) < 100


def test_looks_survive_the_file_also_in_half_precision(knowing, clips, tmp_path):
    path = save_pipeline(knowing, tmp_path / "a.safetensors", torch.float16)
    loaded = load_pipeline(path)
    assert loaded.config == replace(TINY, judged_frames=40)
    for clip in (clips[3], clips[3] * 50):
        assert len(told(loaded, clip)) == len(told(knowing, clip))


def test_a_checkpoint_without_looks_never_warns(tiny_pipeline, clips, tmp_path):
    path = save_pipeline(tiny_pipeline, tmp_path / "a.safetensors", torch.float64)
    assert load_pipeline(path).familiar is None and not told(tiny_pipeline, clips[0] * 50)


def test_a_stream_tells_and_sounds_the_same(knowing):
    frames = torch.rand(1, 40, 3, 28, 56, dtype=torch.float64)
    knowing.familiar.limit.fill_(0)
    with pytest.warns(UserWarning, match="unlike anything the model was trained on"):
        heard = generate(knowing, frames)
    silent = Pipeline(TINY).double()
    silent.load_state_dict(
        {n: x for n, x in knowing.state_dict().items() if not n.startswith("familiar.")}
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert torch.allclose(generate(silent.eval(), frames), heard, atol=1e-12)


def test_a_few_clips_do_not_tell_what_is_unlike_them(tiny_pipeline, clips):
    tiny_pipeline.fit_ood(clips, 2)  # many looks at two
    assert not told(tiny_pipeline, 9 * clips[0])


@pytest.mark.parametrize(
    ("origin", "known"),
    [
        ({"knows": "games like Doom", "data": "clips/"}, "games like Doom"),
        ({"data": "clips/"}, "clips/"),
        ({"stage": "diffusion"}, "unnamed footage"),
    ],
)
def test_what_is_told_names_what_the_model_was_trained_on(origin, known):
    assert f"the model was trained on ({known})" in warning_text(origin)
