"""The proofs of the online claim, on the whole road and with noise."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sr_core.engine.offline import generate, stream
from sr_core.models.soundreactor.generator import (
    context_of,
    draw_noise,
    keeps_null_history,
)
from sr_core.pipeline import Pipeline
from sr_core.sampling.settings import Settings
from tests.conftest import TINY

FRAMES = 13  # more than twice the tiny model's window of 5
CHOICES = [
    Settings(steps=1, guidance=1.0),
    Settings(steps=2, guidance=3.0),
    Settings(steps=4, guidance=2.0, null_history="matched"),
    Settings(steps=3, method="heun", guidance=3.0),
    Settings(context="ntk", length=FRAMES),
    Settings(context="interpolate", length=FRAMES, null_history="matched"),
]


@pytest.fixture
def frames():
    return torch.rand(1, FRAMES, 3, 30, 50, generator=torch.Generator().manual_seed(2)).double()


def teacher_forced(model, grid, latents):
    return model.condition(model.encode_frames(grid), latents)[0]


def in_pieces(pipeline, frames, choice, cuts, seed=7):
    return torch.cat(list(stream(pipeline, frames.tensor_split(cuts, dim=1), choice, seed)), dim=-1)


@pytest.mark.parametrize("choice", CHOICES, ids=repr)
@pytest.mark.parametrize("cuts", [list(range(1, FRAMES)), [3, 6, 9, 12], [1, 2, 7]])
def test_pieces_equal_the_whole(tiny_pipeline, frames, choice, cuts):
    whole, _ = tiny_pipeline.step(frames, tiny_pipeline.start(choice, 7))
    assert whole.shape == (1, 2, 1600 * FRAMES)
    assert (in_pieces(tiny_pipeline, frames, choice, cuts) - whole).abs().max() < 1e-9
    assert (generate(tiny_pipeline, frames, choice, 7) - whole).abs().max() < 1e-9


@settings(max_examples=10, deadline=None)
@given(st.sets(st.integers(1, FRAMES - 1)))
def test_a_seed_gives_the_same_sound_however_the_stream_is_cut(cuts):
    torch.manual_seed(0)
    pipeline = Pipeline(TINY).double().eval().requires_grad_(False)
    frames = torch.rand(1, FRAMES, 3, 30, 50, generator=torch.Generator().manual_seed(2)).double()
    once = generate(pipeline, frames, Settings(), 3)
    again = in_pieces(pipeline, frames, Settings(), sorted(cuts), seed=3)
    assert (once - again).abs().max() < 1e-9


@pytest.mark.parametrize("choice", CHOICES, ids=repr)
def test_a_changed_future_frame_leaves_all_earlier_samples_bit_identical(
    tiny_pipeline, frames, choice
):
    changed = frames.clone()
    changed[:, 6] = 1 - changed[:, 6]
    one, other = (generate(tiny_pipeline, video, choice, 7) for video in (frames, changed))
    assert torch.equal(one[..., : 6 * 1600], other[..., : 6 * 1600])
    assert not torch.equal(one[..., 6 * 1600 : 7 * 1600], other[..., 6 * 1600 : 7 * 1600])


def test_gradients_never_reach_the_future(tiny_pipeline):
    """From a frame's samples back through decoder, head, transformer and vision to the picture."""
    frames = torch.rand(1, 6, 3, 28, 56, dtype=torch.float64, requires_grad=True)
    grid, _ = tiny_pipeline.difference(tiny_pipeline.vision(frames))
    model = tiny_pipeline.model
    latents, _ = model(grid, model.begin(Settings(steps=2), 0))
    waveform, _ = tiny_pipeline.vae.decode(latents)
    (gradient,) = torch.autograd.grad(waveform[..., 3 * 1600 : 4 * 1600].square().sum(), frames)
    assert not gradient[:, 4:].any()
    assert gradient[:, :4].flatten(2).any(dim=-1).all()


@pytest.mark.parametrize("choice", CHOICES, ids=repr)
def test_the_same_state_used_twice_gives_the_same_sound(tiny_pipeline, frames, choice):
    _, state = tiny_pipeline.step(frames[:, :6], tiny_pipeline.start(choice, 7))
    first, _ = tiny_pipeline.step(frames[:, 6:], state)
    second, _ = tiny_pipeline.step(frames[:, 6:], state)
    assert torch.equal(first, second)


@pytest.mark.parametrize("guidance", [1.0, 3.0])
def test_teacher_forcing_equals_the_online_loop(tiny_pipeline, frames, guidance, monkeypatch):
    """z of the parallel pass over the latents that were drawn is the z they were drawn from."""
    model, seen = tiny_pipeline.model, []
    network = model.head.network
    monkeypatch.setattr(
        model.head, "network", lambda x, c, z: seen.append(z.clone()) or network(x, c, z)
    )
    grid, _ = tiny_pipeline.difference(tiny_pipeline.vision(frames[:, :5]))
    choice = Settings(steps=1, guidance=guidance)
    latents, _ = model(grid, model.begin(choice, 0))
    online, parallel = torch.stack(seen, dim=1), teacher_forced(model, grid, latents)
    if guidance == 1.0:
        assert (online - parallel).abs().max() < 1e-9
    else:  # guidance moves the vision half only
        assert (online - parallel)[:, 0, :16].abs().max() < 1e-9
        assert (online - parallel)[..., 16:].abs().max() > 1e-3


def test_shared_null_history_is_the_papers_formula(tiny_pipeline, frames, monkeypatch):
    """The null row differs from the real one in the newest token alone."""
    model, seen = tiny_pipeline.model, []
    monkeypatch.setattr(
        model.head, "network", lambda x, c, z: seen.append(z.clone()) or torch.zeros_like(x)
    )
    grid, _ = tiny_pipeline.difference(tiny_pipeline.vision(frames[:, :4]))
    latents, _ = model(grid, model.begin(Settings(guidance=2.5), 0))
    tokens = model.encode_frames(grid)
    nulled = torch.cat([tokens[:, :3], model.null_tokens(1, 1)], dim=1)
    real, null = (model.condition(v, latents)[0][:, 3] for v in (tokens, nulled))
    expected = torch.cat([real[:, :16], null[:, 16:] + 2.5 * (real - null)[:, 16:]], dim=-1)
    assert (seen[-1] - expected).abs().max() < 1e-9


def test_matched_null_history_has_seen_no_frame(tiny_pipeline, frames, monkeypatch):
    model, seen = tiny_pipeline.model, []
    monkeypatch.setattr(
        model.head, "network", lambda x, c, z: seen.append(z.clone()) or torch.zeros_like(x)
    )
    grid, _ = tiny_pipeline.difference(tiny_pipeline.vision(frames[:, :4]))
    choice = Settings(guidance=2.5, null_history="matched")
    latents, _ = model(grid, model.begin(choice, 0))
    real = model.condition(model.encode_frames(grid), latents)[0][:, 3]
    null = model.condition(model.null_tokens(1, 4), latents)[0][:, 3]
    expected = torch.cat([real[:, :16], null[:, 16:] + 2.5 * (real - null)[:, 16:]], dim=-1)
    assert (seen[-1] - expected).abs().max() < 1e-9


def test_guidance_one_is_bit_identical_to_none(tiny_pipeline, frames, monkeypatch):
    guided = generate(tiny_pipeline, frames, Settings(guidance=1.0), 7)
    monkeypatch.setattr(
        type(tiny_pipeline.model),
        "null_tokens",
        lambda *_: pytest.fail("the null row was computed"),
    )
    assert torch.equal(guided, generate(tiny_pipeline, frames, Settings(guidance=1.0), 7))


def test_the_seed_decides_and_the_picture_matters(tiny_pipeline, frames):
    one = generate(tiny_pipeline, frames, Settings(), 1)
    assert torch.equal(one, generate(tiny_pipeline, frames, Settings(), 1))
    assert not torch.equal(one, generate(tiny_pipeline, frames, Settings(), 2))
    assert not torch.equal(one, generate(tiny_pipeline, 1 - frames, Settings(), 1))


@pytest.mark.parametrize("history", ["matched", "shared"])
def test_videos_in_a_batch_do_not_hear_each_other(tiny_pipeline, frames, history):
    both = torch.cat([frames, 1 - frames])
    state = tiny_pipeline.start(Settings(null_history=history), 1, batch=2)
    one, _ = tiny_pipeline.step(both, state)
    both[1] = 0
    other, _ = tiny_pipeline.step(both, state)
    assert torch.equal(one[0], other[0]) and not torch.equal(one[1], other[1])


def test_window_has_no_limit_and_trained_says_where_it_is(tiny_pipeline, frames):
    with pytest.raises(ValueError, match="more than 5 frames.*use context 'window'"):
        generate(tiny_pipeline, frames, Settings(context="trained"), 1)
    state = tiny_pipeline.start(Settings(context="trained"), 1)
    for frame in frames[:, :5].split(1, dim=1):
        _, state = tiny_pipeline.step(frame, state)
    with pytest.raises(ValueError, match="more than 5 frames"):
        tiny_pipeline.step(frames[:, 5:6], state)
    short = generate(tiny_pipeline, frames[:, :5], Settings(context="trained"), 1)
    assert (short - generate(tiny_pipeline, frames[:, :5], Settings(), 1)).abs().max() < 1e-9


@pytest.mark.parametrize("choice", [CHOICES[1], CHOICES[2]], ids=repr)
def test_memory_of_a_stream_is_bounded(tiny_pipeline, frames, choice):
    state, sizes = tiny_pipeline.start(choice, 0), []
    for _ in range(40):
        _, state = tiny_pipeline.step(frames[:, :1], state)
        sizes.append(sum(layer.keys.numel() for layer in state.generator.past.transformer))
    assert len(set(sizes[10:])) == 1


def test_a_prompt_is_continued(tiny_pipeline, frames):
    """The decoder goes on from the prompt's end and the model has heard the prompt."""
    prompt = torch.rand(1, 2, 1600 * 4, dtype=torch.float64) - 0.5
    other = generate(tiny_pipeline, frames, Settings(), 7, -prompt)
    continued = generate(tiny_pipeline, frames, Settings(), 7, prompt)
    assert continued.shape == (1, 2, 1600 * FRAMES)
    assert not torch.equal(continued, other)
    assert not torch.equal(continued, generate(tiny_pipeline, frames, Settings(), 7))
    latents, _ = tiny_pipeline.vae.encode(prompt)
    drawn, _ = tiny_pipeline.model(
        tiny_pipeline.difference(tiny_pipeline.vision(frames))[0],
        tiny_pipeline.model.begin(Settings(), 7, 1, latents),
    )
    joined, _ = tiny_pipeline.decode(torch.cat([latents, drawn], dim=1))
    assert (joined[..., 4 * 1600 :] - continued).abs().max() < 1e-9


def test_a_prompt_longer_than_the_window_counts_by_its_end(tiny_pipeline, frames):
    model = tiny_pipeline.model
    grid, _ = tiny_pipeline.difference(tiny_pipeline.vision(frames))
    long = torch.randn(1, 50, 4, dtype=torch.float64)
    ends = [
        model(grid, model.begin(Settings(), 7, 1, prompt))[0] for prompt in (long, long[:, -5:])
    ]
    assert torch.equal(*ends)


@pytest.mark.parametrize(
    "choice",
    [Settings(), Settings(null_history="matched"), Settings(context="interpolate", length=40)],
    ids=repr,
)
def test_a_prompt_leaves_its_past_for_both_histories_and_its_last_latent_to_be_heard(
    tiny_pipeline, choice
):
    model = tiny_pipeline.model
    prompt = torch.randn(1, 4, 4, dtype=torch.float64)
    state = model.begin(choice, 7, 1, prompt)
    assert torch.equal(state.past.latent, prompt[:, -1])
    tokens = model.null_tokens(1, 4)
    _, past = model.condition(tokens, prompt, context_of(model, choice))
    rows = 2 if choice.null_history == "matched" else 1
    for layer, expected in zip(state.past.transformer, past, strict=True):
        assert torch.equal(layer.keys, expected.keys.expand(rows, -1, -1, -1))
        assert torch.equal(layer.values, expected.values.expand(rows, -1, -1, -1))


def test_a_prompt_without_a_latent_is_none(tiny_pipeline):
    state = tiny_pipeline.model.begin(Settings(), 7, 1, torch.zeros(1, 0, 4))
    assert state.past is None
    one = tiny_pipeline.model.begin(Settings(), 7, 1, torch.ones(1, 1, 4))
    assert one.past.transformer[0].position == 2 and one.past.latent.tolist() == [[1, 1, 1, 1]]


def test_noise_is_drawn_for_each_evaluation_and_once_for_a_solver(tiny_pipeline):
    for choice, count in ((Settings(steps=3), 3), (Settings(steps=16, method="heun"), 1)):
        generator, like = (torch.Generator().manual_seed(5) for _ in range(2))
        noise = draw_noise(tiny_pipeline.model, choice, 2, generator)
        assert torch.equal(noise, torch.randn(count, 2, 4, generator=like).double())


@pytest.mark.parametrize("guidance", [0.0, 1.0, 2.0])
@pytest.mark.parametrize("history", ["shared", "matched"])
def test_a_null_history_is_kept_where_guidance_compares_with_one_of_its_own(guidance, history):
    kept = keeps_null_history(Settings(guidance=guidance, null_history=history))
    assert kept == (guidance != 1 and history == "matched")


def test_a_sound_is_drawn_as_recommended_unless_settings_are_given(tiny_pipeline, frames):
    given, recommended = Settings(1, 3.0), Settings(3, 1.5, "heun")
    expected = generate(tiny_pipeline, frames, recommended, 7)
    other = generate(tiny_pipeline, frames, given, 7)
    tiny_pipeline.recommended = recommended
    assert torch.equal(generate(tiny_pipeline, frames, seed=7), expected)
    assert torch.equal(generate(tiny_pipeline, frames, given, 7), other)
    assert tiny_pipeline.start().generator.settings == recommended
    assert tiny_pipeline.start(given).generator.settings == given


def test_a_sound_is_of_seed_0_unless_another_is_given(tiny_pipeline, frames):
    assert torch.equal(
        generate(tiny_pipeline, frames, Settings()), generate(tiny_pipeline, frames, Settings(), 0)
    )


def test_a_stretched_context_reads_all_of_a_prompt(tiny_pipeline):
    model = tiny_pipeline.model
    count = model.config.transformer.train_frames + 3
    settings = Settings(context="ntk", length=2 * count)
    long = torch.randn(1, count, 4, dtype=torch.float64)
    state = model.begin(settings, 7, 1, long)
    assert state.past.transformer[0].position == 2 * count


def test_a_prompt_of_another_shape_is_refused(tiny_pipeline):
    with pytest.raises(ValueError, match=r"prompt of shape \(1, 3, 8\); expected \(1, time, 4\)"):
        tiny_pipeline.model.begin(Settings(), 0, 1, torch.zeros(1, 3, 8))
    for shape in ((1, 4), (2, 3, 4), (1, 3, 4, 1)):
        with pytest.raises(ValueError, match=r"expected \(1, time, 4\)"):
            tiny_pipeline.model.begin(Settings(), 0, 1, torch.zeros(shape))


def test_a_batch_of_another_size_is_refused(tiny_pipeline, frames):
    with pytest.raises(ValueError, match="batch of 2 videos; expected the 1"):
        tiny_pipeline.step(torch.cat([frames, frames]), tiny_pipeline.start(Settings(), 0))


def test_no_frames_are_refused(tiny_pipeline, frames):
    with pytest.raises(ValueError, match="got no frames"):
        generate(tiny_pipeline, frames[:, :0])


def test_half_precision_stays_close(tiny_pipeline, frames):
    exact = generate(tiny_pipeline, frames, Settings(steps=1), 7)
    single = generate(tiny_pipeline.float(), frames.float(), Settings(steps=1), 7)
    assert (exact - single).abs().max() < 1e-3 * exact.abs().max()
    tiny_pipeline.model.bfloat16()
    half = generate(tiny_pipeline, frames.float(), Settings(steps=1), 7)
    assert half.dtype == torch.float32 and half.isfinite().all()
