import math

import pytest
import torch
from torch import nn

from sr_core.training.tasks.consistency import ConsistencyConfig, ConsistencyTask, l2_distance
from tests.training.tasks.test_diffusion import batch_of, parts, rows_of

__all__ = ["parts"]  # a fixture


def test_the_first_and_last_gaps_are_ects():
    """ECT's published r/t at t = 1 for CIFAR-10: 0 and 0.9877."""
    t, config = torch.ones(1), ConsistencyConfig(steps=1000)
    assert config.ect_r(t, 0).item() == pytest.approx(0.0, abs=6e-3)
    assert config.ect_r(t, 999).item() == pytest.approx(0.9877, abs=6e-3)
    assert config.ect_r(t, 5000).item() == config.ect_r(t, 999).item()


def test_the_ratio_is_ects_at_every_stage():
    """r/t = 1 - n(t) / q^(a+1), n(t) = 1 + 8 sigmoid(-t), at least 0 (arXiv 2406.14548, app.)."""
    config = ConsistencyConfig(steps=80)
    for step in range(80):
        for t in (0.05, 0.7, 3.0, 40.0):
            n = 1 + 8 / (1 + math.exp(t))
            expected = t * max(0.0, 1 - n / 2 ** (step * 8 // 80 + 1))
            assert config.ect_r(torch.tensor(t), step).item() == pytest.approx(expected, abs=1e-5)


def test_levels_are_those_of_ects_settings():
    assert ConsistencyConfig().log_normal == (-1.1, 2.0)


def test_the_loss_is_the_papers_formula(parts):
    """An identity is sqrt(sum eps^2) (t - r) apart, so all of the loss is known by hand."""
    model, vae = parts
    batch = batch_of(rows=60) | {"log_variance": torch.full((60, 10, 4), -60.0)}
    clean = batch["mean"] / vae.latent_scale
    given = []

    def echo(x, sigma, z):
        given.append((x, sigma, z))
        return x

    model.head.forward = echo
    task = ConsistencyTask(model, vae, ConsistencyConfig(steps=8, dropout=0.0))
    task.step = 5
    loss, facts = task.loss("model", batch, rows_of(batch))
    (far, t, z), (near, r, z_again) = given
    mean, deviation = task.tuning.log_normal
    assert t.log().mean().item() == pytest.approx(mean, abs=0.12)
    assert t.log().std().item() == pytest.approx(deviation, abs=0.1)
    torch.testing.assert_close(r, task.tuning.ect_r(t, 5).clamp(min=1e-4))
    assert torch.equal(z, z_again)
    noise = (far - clean[:, None]) / t[..., None]
    assert noise.std().item() == pytest.approx(1, abs=0.03)
    torch.testing.assert_close(near, clean[:, None] + task.tuning.ect_r(t, 5)[..., None] * noise)
    apart = (far - near).norm(dim=-1)
    weight = 1 / (t - task.tuning.ect_r(t, 5))
    assert loss.item() == pytest.approx((weight * apart).mean().item(), rel=1e-4)
    assert facts["apart"].item() == pytest.approx(apart.mean().item(), rel=1e-4)


def test_all_of_the_model_drops_out_as_the_config_says(parts):
    """In transformer and head, and only while it learns."""
    task = ConsistencyTask(*parts, ConsistencyConfig(steps=8, dropout=0.4))
    config = task.model.config
    counts = {"transformer": config.transformer.depth, "head": config.head.depth}
    for name, count in counts.items():
        dropouts = [m for m in getattr(task.model, name).modules() if isinstance(m, nn.Dropout)]
        assert len(dropouts) == count and {m.p for m in dropouts} == {0.4}
    for module in task.model.modules():
        for parameter in module.parameters(recurse=False):
            if not parameter.any():  # a gate of zero would hide what is dropped
                nn.init.normal_(parameter, std=0.2)
    z, x, sigma = torch.randn(64, 32), torch.randn(64, 4), torch.ones(64)
    grid, latents = torch.randn(1, 6, 8, 12), torch.randn(1, 6, 4)

    def condition() -> torch.Tensor:
        return task.model.condition(task.model.encode_frames(grid), latents)[0]

    for run in (lambda: task.model.head(x, sigma, z), condition):
        task.train()
        assert not torch.equal(run(), run())
        task.eval()
        assert torch.equal(run(), run())


def test_the_head_stays_in_float32_where_the_rest_is_in_half_precision(parts):
    task, batch = ConsistencyTask(*parts, ConsistencyConfig(steps=8)), batch_of(rows=2)
    kinds = {"head": [], "transformer": []}
    linears = (task.model.head.input, task.model.transformer.blocks[0].mlp.down)
    for name, linear in zip(kinds, linears, strict=True):
        linear.register_forward_hook(lambda m, x, y, name=name: kinds[name].append(y.dtype))
    with torch.autocast("cpu", torch.bfloat16):
        task.loss("model", batch, rows_of(batch))
    assert kinds == {"head": [torch.float32] * 2, "transformer": [torch.bfloat16]}


def test_the_uncertainty_of_stage_1_stands_still(parts):
    task = ConsistencyTask(*parts, ConsistencyConfig(steps=8))
    moved = {id(p) for p in task.groups()["model"]}
    spare = {id(p) for p in task.model.head.uncertainty.parameters()}
    assert moved == {id(p) for p in task.model.parameters()} - spare


def test_a_target_that_is_no_number_is_none_to_follow(parts):
    task = ConsistencyTask(*parts, ConsistencyConfig(steps=8, dropout=0.0))
    clean, t = torch.full((1, 1, 3, 4), float("nan")), torch.ones(1, 1, 3)
    _, near = task._pair(clean, torch.zeros(1, 1, 3, 4), t, t / 2, torch.randn(1, 1, 3, 32))
    assert torch.equal(near, torch.zeros(1, 1, 3, 4))


def test_the_gap_shrinks_and_never_turns_over():
    config, t = ConsistencyConfig(steps=80), torch.logspace(-2, 2, 30)
    gaps = torch.stack([t - config.ect_r(t, step) for step in range(80)])
    assert (gaps > 0).all() and (gaps <= t).all() and (gaps.diff(dim=0) <= 1e-6).all()


def test_the_distance_is_the_l2_norm_of_the_last_axis():
    one, other = torch.tensor([[4.0, 6.0]]), torch.tensor([[1.0, 2.0]])  # 3 and 4 apart
    assert l2_distance(one, other).item() == pytest.approx(5.0)
    assert l2_distance(torch.full((2, 7, 1, 9), 0.5), torch.zeros(2, 7, 1, 9)).shape == (2, 7, 1)
    x = torch.zeros(3, requires_grad=True)
    l2_distance(x, torch.zeros(3)).backward()
    assert x.grad.isfinite().all()


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
    for parameter in task.model.head.parameters():  # at first an output of zero, as if exact
        nn.init.normal_(parameter, std=5.0)
    clean, noise = torch.randn(1, 1, 3, 4), torch.randn(1, 1, 3, 4)
    t, r = torch.ones(1, 1, 3), torch.zeros(1, 1, 3)
    _, near = task._pair(clean, noise, t, r, torch.randn(1, 1, 3, 32))
    assert torch.equal(near, clean)


def test_head_only_moves_the_head_only(parts):
    task, batch = (
        ConsistencyTask(*parts, ConsistencyConfig(steps=8, head_only=True)),
        batch_of(rows=2),
    )
    rows = [
        task.cached({n: x[i : i + 1] for n, x in batch.items()}, [g])
        for i, g in enumerate(rows_of(batch))
    ]
    batch = {name: torch.cat([row[name] for row in rows]) for name in rows[0]}
    task.loss("model", batch, rows_of({"grid": batch["mean"]}))[0].backward()
    moved = {n.split(".")[0] for n, p in task.model.named_parameters() if p.grad is not None}
    assert moved == {"head"}
    own = {id(p) for p in task.model.head.parameters()}
    assert {id(p) for p in task.groups()["model"]} < own
