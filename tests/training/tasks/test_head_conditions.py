import pytest
import torch

from sr_core.models.soundreactor.generator import context_of
from sr_core.sampling.settings import Settings
from sr_core.training.seeding import generator_of, normal, uniform
from sr_core.training.tasks.consistency import ConsistencyConfig, ConsistencyTask
from sr_core.training.tasks.diffusion import DiffusionConfig
from sr_core.training.tasks.head_conditions import CachedConfig, encode_conditions, guided
from tests.training.tasks.test_diffusion import batch_of, parts

__all__ = ["parts"]  # a fixture
DATA = DiffusionConfig(history_noise=0.5, unseen=0.9)


@pytest.fixture
def task(parts, tiny_pipeline):
    model, vae = parts
    model.load_state_dict(tiny_pipeline.model.state_dict())  # without zeros that hide things
    vae.latent_mean.fill_(0.25)
    config = ConsistencyConfig(DATA, guidance_low=1, guidance_high=3, steps=8, head_only=True)
    return ConsistencyTask(model, vae, config)


@pytest.fixture
def row():
    batch = batch_of(rows=1, frames=13) | {"log_variance": torch.full((1, 13, 4), -1.0)}
    return batch | {"grid": batch["grid"].cumsum(dim=1)}  # all differences are other ones


def copies(count):
    return [generator_of(7, copy) for copy in range(count)]


@torch.no_grad()
def test_conditions_are_those_of_stage_1_with_its_draws(task, row):
    """Over a clip longer than the window, with the posterior and the history noise of each copy."""
    found = encode_conditions(task, row, copies(5))
    generators, like = copies(5), row["mean"]
    noise = normal(generators, 13, 4, like=like)
    latents = (row["mean"] + (row["log_variance"] / 2).exp() * noise - 0.25) / task.vae.latent_scale
    noisy = uniform(generators, 1, 1, like=like) < 0.7
    deviation = 0.5 * uniform(generators, 1, 1, like=like) * noisy
    history = latents.clone()
    chosen = [generators[i] for i in range(5)]
    history += deviation * normal(chosen, 13, 4, like=like)
    assert 0 < noisy.sum() < 5 and task.model.config.transformer.train_frames < 13
    grid, _ = task.difference(row["grid"].expand(5, -1, -1, -1))
    tokens = task.model.encode_frames(grid)
    z, _ = task.model.condition(tokens, history, context_of(task.model, Settings()))
    torch.testing.assert_close(found["condition"].float(), z, atol=2e-3, rtol=1e-3)
    assert found["condition"].dtype == found["null"].dtype == torch.float16
    assert (found["condition"].float() - z.roll(1, 0)).abs().max() > 0.05  # copies differ
    for name in ("mean", "log_variance"):
        assert torch.equal(found[name], row[name].expand(5, -1, -1))


def test_a_copy_does_not_depend_on_the_others(task, row):
    task.model.train()  # dropout must not reach the conditions
    three, one = (encode_conditions(task, row, copies(count)) for count in (3, 1))
    for name, tensor in one.items():
        torch.testing.assert_close(three[name][:1], tensor, atol=2e-3, rtol=1e-3)


def test_guidance_is_uniform_over_rows():
    config = CachedConfig(guidance_low=1.0, guidance_high=3.0)
    drawn = config.draw_guidance([generator_of(0, row) for row in range(400)], torch.zeros(1))
    assert drawn.shape == (400, 1, 1) and drawn.min() >= 1 and drawn.max() <= 3
    assert drawn.mean().item() == pytest.approx(2, abs=0.1)
    assert drawn.std().item() == pytest.approx(2 / 12**0.5, abs=0.05)
    assert (CachedConfig().draw_guidance([generator_of(0)], torch.zeros(1)) == 1).all()


@pytest.mark.parametrize("wrong", [{"copies": 0}, {"guidance_low": 2.0}, {"guidance_low": -1.0}])
def test_settings_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError, match="expected at least 1 copy, and 0 <= guidance_low"):
        CachedConfig(**wrong)


def cached(task, rows=4):
    batch = batch_of(rows=rows, frames=5)
    found = [
        task.cached({name: x[i : i + 1] for name, x in batch.items()}, [generator_of(1, i)])
        for i in range(rows)
    ]
    return {name: torch.cat([one[name] for one in found]).float() for name in found[0]}


def test_the_head_is_tuned_at_the_guidance_of_each_row(task):
    batch, given = cached(task), []
    task.model.head.forward = lambda x, sigma, z: given.append(z) or x
    task.loss("model", batch, [generator_of(2, row) for row in range(4)])
    guidance = []
    for row in range(4):
        generator = [generator_of(2, row)]
        normal(generator, 5, 4, like=batch["mean"])  # the target's, drawn first
        guidance.append(task.tuning.draw_guidance(generator, batch["mean"]))
    expected = guided(batch, torch.cat(guidance))[:, None].expand_as(given[0])
    torch.testing.assert_close(given[0], expected)
    assert torch.cat(guidance).std() > 0.1


def test_nothing_but_the_head_runs_while_it_is_tuned(task, monkeypatch):
    batch = cached(task)
    for name in ("aggregator", "transformer", "audio_input", "vision_input"):
        monkeypatch.setattr(getattr(task.model, name), "forward", None)
    task.train()
    task.loss("model", batch, [generator_of(2, row) for row in range(4)])[0].backward()
    moved = {n.split(".")[0] for n, p in task.model.named_parameters() if p.grad is not None}
    assert moved == {"head"}


def test_the_loss_does_not_depend_on_the_parts_of_a_batch(task):
    batch, generators = cached(task), lambda: [generator_of(2, row) for row in range(4)]
    task.eval()
    whole = task.loss("model", batch, generators())[0].item()
    parts = [
        task.loss("model", {n: x[i : i + 2] for n, x in batch.items()}, generators()[i : i + 2])
        for i in (0, 2)
    ]
    assert whole == pytest.approx(sum(loss.item() for loss, _ in parts) / 2, rel=1e-4)
