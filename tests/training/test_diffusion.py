import pytest
import torch

from sr_core.model.soundreactor import SoundReactor
from sr_core.sampling.autoregressive import sample_latents, start_sampler
from sr_core.sampling.settings import Settings
from sr_core.training.chance import generator_of
from sr_core.training.consistency import ConsistencyConfig, ConsistencyTask
from sr_core.training.diffusion import DiffusionConfig, DiffusionTask
from sr_core.vision.difference import TemporalDifference


@pytest.fixture
def parts(tiny_pipeline):
    pipeline = tiny_pipeline.float()
    torch.manual_seed(0)
    config = tiny_pipeline.config
    model = SoundReactor(config.model, config.vision.grid, 2 * config.vision.channels, 4)
    return model, pipeline.vae


def batch_of(rows=8, frames=10):
    """The latent is a fact of the frame: which of two kinds it is."""
    generator = torch.Generator().manual_seed(3)
    kind = torch.randint(0, 2, (rows, frames, 1), generator=generator) * 2.0 - 1
    grid = kind[..., None] + 0.3 * torch.randn(rows, frames, 8, 6, generator=generator)
    return {
        "grid": grid,
        "mean": 0.5 * kind.expand(-1, -1, 4).contiguous(),
        "log_variance": torch.full((rows, frames, 4), -8.0),
    }


def rows_of(batch, step=0):
    return [generator_of(0, step, row) for row in range(len(batch["grid"]))]


def learn(task, batch, steps, rate=3e-3):
    optimizer = torch.optim.Adam(task.groups()["model"], rate)
    losses = []
    for step in range(steps):
        task.step = step
        loss, _ = task.loss("model", batch, rows_of(batch, step))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def test_a_step_is_a_function_of_its_generators(parts):
    task, batch = DiffusionTask(*parts, DiffusionConfig(history_noise=0.3)), batch_of()
    first, again, other = (task.loss("model", batch, rows_of(batch, n))[0] for n in (0, 0, 1))
    assert first == again and first != other


def test_a_row_does_not_depend_on_the_others(parts):
    task, batch = DiffusionTask(*parts, DiffusionConfig(unseen=0.5)), batch_of(rows=2)
    both = task.loss("model", batch, rows_of(batch))[0]
    single = [
        task.loss("model", {n: x[row : row + 1] for n, x in batch.items()}, [generator])[0]
        for row, generator in enumerate(rows_of(batch))
    ]
    assert both.item() == pytest.approx(sum(single).item() / 2, rel=1e-5)


def test_rows_are_unseen_as_often_as_the_config_says(parts):
    model, vae = parts
    seen = []
    model.read = lambda vision, latents: seen.append(vision) or (torch.zeros(len(vision), 10, 32),)
    batch = batch_of(rows=400)
    DiffusionTask(model, vae, DiffusionConfig(unseen=0.3)).loss("model", batch, rows_of(batch))
    null = (seen[0] == model.null).all(dim=-1)
    assert (null.all(dim=1) == null.any(dim=1)).all()
    assert null[:, 0].float().mean().item() == pytest.approx(0.3, abs=0.07)


def test_targets_stay_clean_when_history_is_spoilt(parts):
    model, vae = parts
    batch = batch_of(rows=4)
    latents = batch["mean"]
    task = DiffusionTask(model, vae, DiffusionConfig(history_noise=0.3, history_noisy=1.0))
    spoilt = task.spoilt(latents, rows_of(batch))
    assert 0 < (spoilt - latents).std() < 0.3
    nulled = DiffusionTask(model, vae, DiffusionConfig(history_null=0.4))
    zeros = (nulled.spoilt(latents, rows_of(batch)) == 0).all(dim=-1).float().mean()
    assert 0.2 < zeros < 0.6


def drawn_kinds(task, batch, settings):
    """Share of frames whose drawn latent is of the kind that is seen."""
    task.eval()
    grid, _ = TemporalDifference()(batch["grid"])
    with torch.no_grad():
        state = start_sampler(task.model, settings, 0, len(grid))
        latents, _ = sample_latents(task.model, grid, state)
    return (latents.mean(dim=-1).sign() == batch["mean"][..., 0].sign()).float().mean().item()


@pytest.mark.slow
def test_both_stages_learn_to_hear_what_is_seen(parts):
    model, vae = parts
    batch = batch_of()
    losses = learn(DiffusionTask(model, vae, DiffusionConfig(unseen=0.1)), batch, 250)
    assert sum(losses[-20:]) < 0.7 * sum(losses[:20])
    task = DiffusionTask(model, vae, DiffusionConfig())
    heun = Settings(method="heun", steps=12, guidance=1.0)
    assert drawn_kinds(task, batch, heun) > 0.9
    tuned = ConsistencyTask(model, vae, ConsistencyConfig(steps=500, dropout=0.0))
    learn(tuned, batch, 500, rate=1e-3)
    assert drawn_kinds(tuned, batch, Settings(steps=1, guidance=1.0)) > 0.9
