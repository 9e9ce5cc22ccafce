import pytest
import torch

from sr_core.models.soundreactor.generator import _condition, context_of
from sr_core.models.soundreactor.teacher_forcing import guide, teacher_forced
from sr_core.models.soundreactor.transformer import PAIR
from sr_core.sampling.settings import Settings

FRAMES = 12  # more than twice the window of the tiny model


def online(model, tokens, latents, settings):
    """Conditions (b t 2d) of step-by-step sampling that draws these latents."""
    state, found = model.begin(settings, 0, len(tokens)), []
    for i in range(tokens.shape[1]):
        z, past = _condition(model, tokens[:, i : i + 1], state)
        found.append(z)
        state = state._replace(past=(past, latents[:, i]))
    return torch.stack(found, dim=1)


@pytest.mark.parametrize("guidance", [0, 1, 2, 3])
@torch.no_grad()
def test_one_pass_equals_sampling_frame_by_frame(tiny_model, guidance):
    torch.manual_seed(1)
    assert tiny_model.config.transformer.train_frames * PAIR < FRAMES
    grid, latents = torch.randn(2, FRAMES, 8, 12).double(), torch.randn(2, FRAMES, 4).double()
    tokens, settings = tiny_model.encode_frames(grid), Settings(guidance=guidance)
    seen, null = teacher_forced(tiny_model, tokens, latents, context_of(tiny_model, settings))
    expected = online(tiny_model, tokens, latents, settings)
    assert (guide(seen, null, guidance) - expected).abs().max() < 1e-9
    assert (guide(seen, null, 5) - expected).abs().max() > 1e-3  # so guidance matters here


@torch.no_grad()
def test_the_seen_half_is_teacher_forcing_without_a_null_branch(tiny_model):
    torch.manual_seed(1)
    grid, latents = torch.randn(2, 7, 8, 12).double(), torch.randn(2, 7, 4).double()
    tokens = tiny_model.encode_frames(grid)
    for context in ("window", "ntk"):
        context = context_of(tiny_model, Settings(context=context, length=7))
        seen, _ = teacher_forced(tiny_model, tokens, latents, context)
        assert (seen - tiny_model.condition(tokens, latents, context)[0]).abs().max() < 1e-9


def test_guidance_of_each_row_applies_to_its_vision_half():
    seen, null = torch.tensor([[1.0, 2.0, 3.0, 4.0]]).expand(3, 4), torch.tensor([1.0, 1.0])
    found = guide(seen, null.expand(3, 2), torch.tensor([[0.0], [1.0], [3.0]]))
    assert found.tolist() == [[1, 2, 1, 1], [1, 2, 3, 4], [1, 2, 7, 10]]
