import pytest
import torch

from sr_core.sampling.solvers import heun_sigmas, sample_heun
from sr_core.training.seeding import generator_of
from sr_core.training.tasks.diffusion import DiffusionConfig
from sr_core.training.tasks.distill import DistillConfig, DistillTask, trajectory
from sr_core.training.tasks.head_conditions import guided
from tests.training.tasks.test_diffusion import batch_of, parts

__all__ = ["parts"]  # a fixture
CONFIG = DistillConfig(DiffusionConfig(history_noise=0.3), guidance_high=3.0, solver_steps=6)


@pytest.fixture
def task(parts, tiny_pipeline):
    model, vae = parts
    model.load_state_dict(tiny_pipeline.model.state_dict())  # without zeros that hide things
    return DistillTask(model, vae, CONFIG)


def cached(task, rows=4):
    batch = batch_of(rows=rows, frames=5)
    found = [
        task.cached({name: x[i : i + 1] for name, x in batch.items()}, [generator_of(1, i)])
        for i in range(rows)
    ]
    return {name: torch.cat([one[name] for one in found]).float() for name in found[0]}


def heads(task, batch):
    """The head as `denoise` at the conditions of a batch."""
    z = guided(batch, batch["guidance"])
    return lambda x, sigma: task.model.head(x, x.new_full(x.shape[:-1], sigma), z)


def test_the_nodes_are_the_levels_of_consistency_sampling():
    assert DistillConfig().node_sigmas(0.5) == [80, 5, 2, 0.821, 0.5, 0.2]
    assert DistillConfig().node_sigmas(1.0) == [160, 10, 4, 1.642, 1, 0.4]


@pytest.mark.parametrize("sigma_data", [0.5, 1.0])
def test_the_solver_has_its_own_levels_and_the_nodes(sigma_data):
    config = DistillConfig(solver_steps=16)
    sigmas, nodes = config.solver_sigmas(sigma_data), config.node_sigmas(sigma_data)
    assert sigmas == sorted(sigmas, reverse=True) and set(nodes) <= set(sigmas)
    own = heun_sigmas(16, sigma_data)
    assert len(sigmas) == 16 + 6 - 1  # both begin at the largest
    assert all(min(abs(s - found) for found in sigmas) <= 1e-6 * s for s in own)


def test_the_trajectory_of_a_normal_distribution_is_known():
    """For data N(0, s^2): D = x s^2 / (s^2 + sigma^2), x proportional to sqrt(s^2 + sigma^2)."""
    s, config = 0.5, DistillConfig(solver_steps=400)
    noise, nodes = torch.randn(3, 2).double(), config.node_sigmas(s)
    found, end = trajectory(
        lambda x, sigma: x * s**2 / (s**2 + sigma**2), noise, config.solver_sigmas(s), nodes
    )
    levels = torch.tensor([*nodes, 0.0]).double()[:, None]
    expected = 80 * noise[:, None] * ((s**2 + levels**2) / (s**2 + 80**2)).sqrt()
    torch.testing.assert_close(torch.cat([found, end[:, None]], dim=1), expected, rtol=1e-3, atol=0)


@torch.no_grad()
def test_the_solver_leads_from_every_node_to_the_same_end(task):
    batch, sigmas = cached(task), CONFIG.solver_sigmas(0.5)
    denoise = heads(task, batch)
    for number, sigma in enumerate(CONFIG.node_sigmas(0.5)):
        rest = sigmas[sigmas.index(sigma) :]
        end = sample_heun(denoise, batch["nodes"][None, :, :, number] / sigma, rest)
        torch.testing.assert_close(end, batch["end"], rtol=1e-3, atol=1e-3)
    noise = batch["nodes"][:, :, 0] / 80
    assert noise.std().item() == pytest.approx(1, abs=0.2)
    assert batch["guidance"].std() > 0.1  # between rows
    assert (batch["guidance"] == batch["guidance"][:, :1]).all()  # one for each


def test_the_loss_is_the_formula(task):
    """An identity's error is the distance to the end, divided by c_out^2 (EDM, table 1)."""
    batch, given = cached(task), []
    task.distill = DistillConfig(drawn=0)
    task.model.head.forward = lambda x, sigma, z: given.append((sigma, z)) or x
    loss, facts = task.loss("model", batch, [generator_of(2, row) for row in range(4)])
    (sigma, z), levels = given[0], torch.tensor(CONFIG.nodes)
    assert torch.equal(sigma, levels.expand(4, 5, 6))
    assert torch.equal(z, guided(batch, batch["guidance"])[:, :, None].expand_as(z))
    error = (batch["nodes"] - batch["end"][:, :, None]).square().mean(dim=-1)
    c_out = levels * 0.5 / (levels**2 + 0.25).sqrt()
    assert loss.item() == pytest.approx((error / c_out**2).mean().item(), rel=1e-4)
    assert facts["error"].item() == pytest.approx(error.mean().item(), rel=1e-4)


def test_nodes_are_drawn_with_their_own_levels(task):
    batch, given = cached(task, rows=40), []
    task.distill = DistillConfig(drawn=2)
    task.model.head.forward = lambda x, sigma, z: given.append((x, sigma)) or x
    task.loss("model", batch, [generator_of(2, row) for row in range(40)])
    x, sigma = given[0]
    index = (sigma[..., None] == torch.tensor(CONFIG.nodes)).float().argmax(dim=-1)
    assert (index[..., 0] != index[..., 1]).all()
    shares = index.flatten().bincount(minlength=6) / index.numel()
    assert shares.min() > 0.1
    expected = batch["nodes"].gather(2, index[..., None].expand_as(x))
    assert torch.equal(x, expected)


def test_one_evaluation_becomes_the_end_of_the_solver(task):
    batch = cached(task, rows=8)
    denoise, nodes = heads(task, batch), CONFIG.node_sigmas(0.5)

    @torch.no_grad()
    def apart():
        found = [denoise(batch["nodes"][:, :, n], sigma) for n, sigma in enumerate(nodes)]
        return torch.stack([(one - batch["end"]).norm() / batch["end"].norm() for one in found])

    before = apart()
    optimizer = torch.optim.AdamW(task.groups()["model"], 3e-3, weight_decay=0)
    for step in range(150):
        loss, _ = task.loss("model", batch, [generator_of(step, row) for row in range(8)])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    after = apart()
    assert after[0] < before[0] / 2 and after.mean() < before.mean() / 2, (before, after)


def test_the_loss_does_not_depend_on_the_parts_of_a_batch(task):
    batch, generators = cached(task), lambda: [generator_of(2, row) for row in range(4)]
    whole = task.loss("model", batch, generators())[0].item()
    parts = [
        task.loss("model", {n: x[i : i + 2] for n, x in batch.items()}, generators()[i : i + 2])
        for i in (0, 2)
    ]
    assert whole == pytest.approx(sum(loss.item() for loss, _ in parts) / 2, rel=1e-4)


@pytest.mark.parametrize("wrong", [{"solver_steps": 0}, {"drawn": 7}, {"drawn": -1}])
def test_settings_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError, match=r"expected at least 1 step, and 0 \(all\) to 6 nodes"):
        DistillConfig(**wrong)
