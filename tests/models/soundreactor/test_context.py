"""How positions are stretched over more frames than training had: the published formulas."""

from types import SimpleNamespace

import pytest

from sr_core.models.soundreactor.generator import context_of, frame_limit
from sr_core.models.soundreactor.transformer import TransformerConfig
from sr_core.sampling.settings import Settings

# 64-wide heads, base 10,000, 240 frames.
MODEL = SimpleNamespace(config=SimpleNamespace(transformer=TransformerConfig()))


def test_ntk_scaling_changes_the_base():
    """base s^(d / (d - 2)) for s times the length: 20,452 for twice, of 64-wide heads."""
    context = context_of(MODEL, Settings(context="ntk", length=480))
    assert context.base == pytest.approx(20452, abs=0.5)
    assert (context.scale, context.window) == (1.0, None)


def test_interpolation_divides_positions_by_the_stretch():
    """p / s (arXiv 2306.15595, eq. 4)."""
    context = context_of(MODEL, Settings(context="interpolate", length=720))
    assert (context.base, context.scale, context.window) == (10_000.0, 3.0, None)


@pytest.mark.parametrize("kind", ["ntk", "interpolate"])
def test_a_short_video_is_not_stretched(kind):
    context = context_of(MODEL, Settings(context=kind, length=100))
    assert (context.base, context.scale) == (10_000.0, 1.0)


def test_a_window_is_as_long_as_training_was_and_has_no_limit():
    context = context_of(MODEL, Settings())
    assert (context.base, context.scale, context.window) == (10_000.0, 1.0, 240)
    assert frame_limit(MODEL, Settings()) is None


def test_a_trained_context_sees_all_and_ends_where_training_did():
    settings = Settings(context="trained")
    context = context_of(MODEL, settings)
    assert (context.base, context.scale, context.window) == (10_000.0, 1.0, None)
    assert frame_limit(MODEL, settings) == 240


@pytest.mark.parametrize("kind", ["ntk", "interpolate"])
def test_a_stretched_context_ends_at_its_length(kind):
    assert frame_limit(MODEL, Settings(context=kind, length=480)) == 480
    assert frame_limit(MODEL, Settings(context=kind, length=100)) == 240


@pytest.mark.parametrize("kind", ["window", "trained", "interpolate"])
def test_the_base_is_the_models_own(kind):
    own = SimpleNamespace(config=SimpleNamespace(transformer=TransformerConfig(rope_base=500.0)))
    assert context_of(own, Settings(context=kind, length=480)).base == 500.0
