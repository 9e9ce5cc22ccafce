import math

import pytest
import torch

from sr_core.models.soundreactor.generator import Past, context_of
from sr_core.training.tasks.rollout import draw_at_once, roll_out
from sr_core.training.tasks.self_forcing import SAMPLING, SelfForcingConfig, SelfForcingTask
from sr_core.training.tasks.sound_predictor import Heard, SoundPredictor
from tests.training.tasks.test_diffusion import batch_of, learn, parts, rows_of

__all__ = ["parts"]  # a fixture
CONFIG = SelfForcingConfig(mel=0)


def awake(model):
    """Gates and outputs start at zero; random ones let every input matter."""
    torch.manual_seed(1)
    for parameter in model.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.2)
    return model


@pytest.mark.parametrize("evaluations", [1, 4])
@pytest.mark.parametrize("history", [0, 3])
def test_all_frames_at_once_give_what_the_roll_out_gave(parts, evaluations, history):
    model = awake(parts[0])
    noise, context = torch.randn(2, evaluations, 9 - history, 4), context_of(model, SAMPLING)
    tokens = model.encode_frames(torch.randn(2, 9, 8, 12))
    before, past = torch.randn(2, history, 4), None
    if history:
        past = Past(model.condition(tokens[:, :history], before, context)[1], before[:, -1])
    drawn = roll_out(model, tokens[:, history:], noise, past)
    z, _ = model.condition(tokens, torch.cat([before, drawn], dim=1), context)
    again = draw_at_once(model, z[:, history:], noise)
    torch.testing.assert_close(again, drawn, atol=1e-5, rtol=0)


def test_the_history_of_a_roll_out_is_the_models_own(parts):
    """Other real latents change nothing where no history is given."""
    task = SelfForcingTask(
        awake(parts[0]), parts[1], None, SelfForcingConfig(mel=0, with_history=0)
    )
    seen = []
    condition = task.model.condition
    task.model.condition = lambda *a: seen.append(a[1]) or condition(*a)
    for shift in (0.0, 1.0):
        batch = batch_of(rows=2)
        batch["mean"] = batch["mean"] + shift
        task.loss("model", batch, rows_of(batch))
    assert torch.equal(*seen)


def histories(task, kind_edges, rows=6):
    config = SelfForcingConfig(mel=0, **kind_edges)
    task = SelfForcingTask(task.model, task.vae, None, config)
    tokens = torch.arange(rows).float()[:, None, None].expand(rows, 8, 16)
    latents = torch.randn(rows, 8, 4)
    batch = batch_of(rows=rows)
    seen, history = task._histories(tokens, latents, 5, rows_of(batch))
    return tokens, latents, seen, history


@pytest.mark.parametrize("kind", ["own", "foreign", "constant", "cut"])
def test_histories_are_of_the_kind_that_the_settings_ask_for(parts, kind):
    task = SelfForcingTask(*parts, None, CONFIG)
    shares = {name: float(name == kind) for name in ("foreign", "constant", "cut")}
    tokens, latents, seen, history = histories(task, shares)
    other = latents.roll(1, 0)[:, :5]
    expected = {
        "own": latents[:, :5],
        "foreign": other,
        "constant": other[:, -1:].expand_as(other),
        "cut": other,
    }
    assert torch.equal(history, expected[kind])
    assert torch.equal(seen[:, 5:], tokens[:, 5:])
    assert torch.equal(seen[:, :5], tokens.roll(1, 0)[:, :5]) == (kind == "cut")


def test_the_aggregator_and_the_uncertainty_stand_still(parts):
    task = SelfForcingTask(*parts, None, CONFIG)
    moved = {id(p) for p in task.groups()["model"]}
    still = (task.model.aggregator, task.model.head.uncertainty)
    kept = {id(p) for module in still for p in module.parameters()}
    assert moved == {id(p) for p in task.model.parameters()} - kept


def test_the_model_learns_both_kinds_of_a_latent_that_no_frame_tells(parts):
    """The latent of a row is +-0.5 by chance and stays: samples are of both kinds, and stay too."""
    torch.manual_seed(0)
    config = SelfForcingConfig(mel=0, many=0, with_history=0, scales=(1, 2))
    task = SelfForcingTask(*parts, None, config)
    kind = (torch.arange(64) % 2 * 2.0 - 1)[:, None, None].expand(64, 6, 4)
    batch = {
        "grid": torch.zeros(64, 6, 8, 6),
        "mean": 0.5 * kind,
        "log_variance": torch.full((64, 6, 4), -9.0),
    }
    learn(task, batch, 150, rate=3e-3)
    tokens = task.model.encode_frames(torch.zeros(64, 6, 8, 12))
    with torch.no_grad():
        drawn = roll_out(task.model, tokens, torch.randn(64, 1, 6, 4)) / task.vae.latent_scale * 1
    means = drawn.mean(dim=2)
    assert 0.25 < (means[:, 0] > 0).float().mean() < 0.75
    assert (means[:, :1].sign() == means.sign()).float().mean() > 0.9
    assert means.abs().mean() == pytest.approx(0.5 / float(task.vae.latent_scale[0]), rel=0.3)


def test_validation_tells_the_score_after_real_histories(parts):
    task = SelfForcingTask(awake(parts[0]), parts[1], None, CONFIG)
    batch = batch_of(rows=2)
    assert "real_history" not in task.loss("model", batch, rows_of(batch))[1]
    assert task.eval().loss("model", batch, rows_of(batch))[1]["real_history"] > 0


def test_the_sound_is_compared_through_the_predictor(parts):
    weights = {"mel": 2.0, "level": 3.0, "marginals": 0.5}
    task = SelfForcingTask(
        awake(parts[0]), parts[1], SoundPredictor(4), SelfForcingConfig(**weights)
    )
    batch = batch_of(rows=2)
    loss, facts = task.loss("model", batch, rows_of(batch))
    expected = facts["latents"] + sum(weight * facts[name] for name, weight in weights.items())
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    assert all(facts[name] > 0 for name in weights)


def test_the_loss_tells_how_much_louder_samples_are(parts):
    """A predictor whose level is the first latent, in nats: twice the amplitude is 6 dB."""
    task = SelfForcingTask(
        *parts, lambda x: Heard(x.new_zeros(*x.shape[:2], 8), x[..., :1]), CONFIG
    )
    real = torch.randn(2, 5, 4)
    drawn = torch.cat([real, real]) + math.log(2)
    assert task._compare(drawn, real)[1]["louder_db"].item() == pytest.approx(6.02, abs=0.01)


@pytest.mark.parametrize("name", ["dispersions", "mel_dispersions", "level_dispersions"])
def test_a_scale_without_dispersion_is_refused(name):
    with pytest.raises(
        ValueError, match=f"got 3 {name}; expected one for each of the 4 scales, or none"
    ):
        SelfForcingConfig(**{name: (1.0, 1.0, 1.0)})
