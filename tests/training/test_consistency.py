import pytest
import torch
from torch import nn

from sr_core.training.consistency import ConsistencyConfig, ConsistencyTask
from tests.training.test_diffusion import batch_of, parts, rows_of

__all__ = ["parts"]  # a fixture


def test_the_first_and_last_gaps_are_ects():
    """ECT's published r/t at t = 1: 0 and 0.9877 (CF), 0.212 and 0.9877 (IN)."""
    t = torch.ones(1)
    for mapping, first, last in (("cf", 0.0, 0.9877), ("in", 0.212, 0.9877)):
        config = ConsistencyConfig(mapping=mapping, steps=1000)
        assert config.nearer(t, 0).item() == pytest.approx(first, abs=6e-3)
        assert config.nearer(t, 999).item() == pytest.approx(last, abs=6e-3)
        assert config.nearer(t, 5000).item() == config.nearer(t, 999).item()


@pytest.mark.parametrize("mapping", ["cf", "in"])
def test_the_gap_shrinks_and_never_turns_over(mapping):
    config, t = ConsistencyConfig(mapping=mapping, steps=80), torch.logspace(-2, 2, 30)
    gaps = torch.stack([t - config.nearer(t, step) for step in range(80)])
    assert (gaps > 0).all() and (gaps <= t).all() and (gaps.diff(dim=0) <= 1e-6).all()


def test_distance_and_weight_follow_their_formulas():
    one, other = torch.tensor([[3.0, 4.0]]), torch.zeros(1, 2)
    assert ConsistencyConfig(mapping="cf").distance(one, other).item() == pytest.approx(5.0)
    c = 0.00054 * 2**0.5
    huber = ConsistencyConfig(mapping="in").distance(one, other).item()
    assert huber == pytest.approx((25 + c * c) ** 0.5 - c)
    t, r = torch.tensor(2.0), torch.tensor(1.5)
    assert ConsistencyConfig(mapping="cf").weight(t, r, 0.5).item() == pytest.approx(2.0)
    assert ConsistencyConfig(mapping="in").weight(t, r, 0.5).item() == pytest.approx(4.25)


def test_both_levels_have_one_dropout_mask_and_only_the_farther_a_gradient(parts):
    task, batch = ConsistencyTask(*parts, ConsistencyConfig(steps=8, dropout=0.5)), batch_of(rows=2)
    masks, calls = [], []
    dropout = next(m for m in task.model.head.modules() if isinstance(m, nn.Dropout))
    dropout.register_forward_hook(lambda m, x, y: masks.append(y == 0))
    head = task.model.head.forward
    task.model.head.forward = lambda *a: calls.append(torch.is_grad_enabled()) or head(*a)
    task.loss("model", batch, rows_of(batch))
    assert calls == [True, False]
    zero_input = masks[0] & ~masks[1]
    assert torch.equal(*masks) and masks[0].float().mean() > 0.3 and not zero_input.any()


def test_where_the_nearer_level_is_zero_the_target_is_the_latent_itself(parts):
    task = ConsistencyTask(*parts, ConsistencyConfig(steps=8, dropout=0.0))
    clean, noise = torch.randn(1, 1, 3, 4), torch.randn(1, 1, 3, 4)
    t, r = torch.ones(1, 1, 3), torch.zeros(1, 1, 3)
    _, near = task._pair(clean, noise, t, r, torch.randn(1, 1, 3, 32))
    assert torch.equal(near, clean)


def test_head_only_moves_the_head_only(parts):
    task, batch = (
        ConsistencyTask(*parts, ConsistencyConfig(steps=8, head_only=True)),
        batch_of(rows=2),
    )
    task.loss("model", batch, rows_of(batch))[0].backward()
    moved = {n.split(".")[0] for n, p in task.model.named_parameters() if p.grad is not None}
    assert moved == {"head"}
    own = {id(p) for p in task.model.head.parameters()}
    assert {id(p) for p in task.groups()["model"]} < own


def test_an_unknown_mapping_is_refused():
    with pytest.raises(ValueError, match="got mapping 'edm'"):
        ConsistencyConfig(mapping="edm")
