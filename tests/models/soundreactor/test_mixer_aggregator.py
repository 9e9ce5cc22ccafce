import pytest
import torch

from sr_core.models.soundreactor.mixer_aggregator import MixerAggregator, MixerAggregatorConfig
from sr_core.models.soundreactor.model import SoundReactor, SoundReactorConfig


@pytest.fixture
def aggregator():
    torch.manual_seed(0)
    config = MixerAggregatorConfig(width=6, channels=8, depth=2)
    return MixerAggregator(config, (4, 6), 3).double()


def test_every_patch_matters_and_no_other_frame(aggregator):
    grid = torch.randn(1, 3, 24, 3, dtype=torch.float64, requires_grad=True)
    token = aggregator(grid)
    assert token.shape == (1, 3, 6)
    (gradient,) = torch.autograd.grad(token[:, 1].sum(), grid)
    assert gradient[:, 1].any(dim=-1).all() and not gradient[:, [0, 2]].any()


def test_places_are_folded_as_squares(aggregator):
    """Patches of one 2x2 square meet in the projection, others only later."""
    seen = []
    aggregator.project.register_forward_hook(lambda module, inputs, _: seen.append(inputs[0]))
    grid = torch.arange(24.0, dtype=torch.float64)[None, None, :, None].expand(1, 1, 24, 3)
    aggregator(grid)
    assert seen[0][0, 0, ::3].tolist() == [0, 1, 6, 7] and seen[0][0, 5, 0] == 16


def test_squares_may_be_of_any_side():
    torch.manual_seed(0)
    config = MixerAggregatorConfig(width=6, channels=8, depth=1, stride=3)
    assert MixerAggregator(config, (6, 9), 2)(torch.randn(2, 4, 54, 2)).shape == (2, 4, 6)


def test_the_config_chooses_the_aggregator():
    config = SoundReactorConfig(aggregator=MixerAggregatorConfig(width=32))
    with torch.device("meta"):
        model = SoundReactor(config, (14, 18), 48, 32)
    assert isinstance(model.aggregator, MixerAggregator)
    assert model.vision_input.in_features == 32
