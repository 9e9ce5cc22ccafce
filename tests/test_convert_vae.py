import os
import re

import pytest
import torch
from safetensors.torch import load_file, save_file

from sr_core.audio.vae import AudioVAE, OobleckConfig, load_vae
from sr_core.convert import convert_vae


def tiny_vae(causal: bool = True) -> AudioVAE:
    torch.manual_seed(0)
    config = OobleckConfig(
        audio_channels=1,
        latent_channels=5,
        channels=4,
        multipliers=(1, 2, 3),
        strides=(2, 3, 4),
        causal=causal,
    )
    vae = AudioVAE(config).requires_grad_(False)
    for parameter in vae.parameters():
        if not parameter.any():  # alpha and beta; zeros hide one taken for the other
            parameter.normal_()
    return vae


def official_name(name: str, causal: bool) -> str:
    name = re.sub(r"\.(\d+)(?=\.)", r".layers.\1", name)
    if not causal:
        name = re.sub(r"^(encoder\.layers\.\d+\.layers\.4)\.", r"\1.conv.conv.", name)
        name = re.sub(r"^(decoder\.layers\.\d+\.layers\.1)\.(?=w|b)", r"\1.convtr.convtr.", name)
    return name


def official_weights(vae: AudioVAE, weight_norm: bool = True) -> dict[str, torch.Tensor]:
    """What the official code saves for the same network: other names, weights as g * v / |v|."""
    weights = {}
    for name, value in vae.state_dict().items():
        name = official_name(name, vae.config.causal)
        if not name.startswith(("encoder", "decoder")):
            continue
        if name.endswith(".weight") and weight_norm:
            rows = torch.rand(len(value), 1, 1) + 0.5
            weights[f"{name}_g"] = value.flatten(1).norm(dim=1)[:, None, None]
            weights[f"{name}_v"] = value * rows
        else:
            weights[name] = value.clone()
    return weights


def assert_same_weights(one: AudioVAE, other: AudioVAE) -> None:
    assert one.config == other.config
    torch.testing.assert_close(dict(one.state_dict()), dict(other.state_dict()))


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("weight_norm", [True, False])
def test_a_converted_ckpt_is_the_network_it_came_from(tmp_path, causal, weight_norm):
    vae = tiny_vae(causal)
    torch.save({"state_dict": official_weights(vae, weight_norm)}, tmp_path / "official.ckpt")
    target = convert_vae(tmp_path / "official.ckpt", tmp_path / "new" / "ours.safetensors")
    assert target == tmp_path / "new" / "ours.safetensors"
    assert_same_weights(load_vae(target), vae)


def test_a_safetensors_of_the_official_weights_converts_alike(tmp_path):
    save_file(official_weights(tiny_vae()), tmp_path / "official.safetensors")
    target = convert_vae(str(tmp_path / "official.safetensors"), str(tmp_path / "ours.safetensors"))
    assert_same_weights(load_vae(target), tiny_vae())


def test_a_converted_vae_has_identity_statistics(tmp_path):
    torch.save({"state_dict": official_weights(tiny_vae())}, tmp_path / "official.ckpt")
    weights = load_file(convert_vae(tmp_path / "official.ckpt", tmp_path / "ours.safetensors"))
    assert torch.equal(weights["latent_mean"], torch.zeros(5))
    assert torch.equal(weights["latent_scale"], torch.ones(5))


def test_of_a_training_checkpoint_the_running_average_is_taken(tmp_path):
    average = official_weights(tiny_vae())
    content = {f"autoencoder.{name}": value + 1 for name, value in average.items()}
    content |= {f"autoencoder_ema.ema_model.{name}": value for name, value in average.items()}
    content |= {"autoencoder_ema.step": torch.tensor(7), "discriminator.0.weight": torch.ones(3)}
    torch.save({"state_dict": content, "epoch": 3}, tmp_path / "last.ckpt")
    target = convert_vae(tmp_path / "last.ckpt", tmp_path / "ours.safetensors")
    assert_same_weights(load_vae(target), tiny_vae())


def test_of_a_training_checkpoint_without_average_the_weights_are_taken(tmp_path):
    content = {f"autoencoder.{name}": v for name, v in official_weights(tiny_vae()).items()}
    torch.save({"state_dict": content}, tmp_path / "last.ckpt")
    target = convert_vae(tmp_path / "last.ckpt", tmp_path / "ours.safetensors")
    assert_same_weights(load_vae(target), tiny_vae())


def test_converting_twice_gives_the_same_bytes(tmp_path):
    torch.save({"state_dict": official_weights(tiny_vae())}, tmp_path / "official.ckpt")
    one, two = (
        convert_vae(tmp_path / "official.ckpt", tmp_path / name).read_bytes() for name in "ab"
    )
    assert one == two


class RunsCode:
    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


def test_a_pickle_that_needs_code_is_refused_without_running_it(tmp_path):
    torch.save({"state_dict": {"a": RunsCode(tmp_path / "ran")}}, tmp_path / "bad.ckpt")
    with pytest.raises(ValueError, match=r"bad\.ckpt.*needs code"):
        convert_vae(tmp_path / "bad.ckpt", tmp_path / "ours.safetensors")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.ckpt"]


def without_decoder_end(weights):
    del weights["decoder.layers.5.weight_v"], weights["decoder.layers.5.weight_g"]


def without_gain(weights):
    del weights["encoder.layers.0.weight_g"]


def without_decoder(weights):
    for name in [name for name in weights if name.startswith("decoder")]:
        del weights[name]


def misshapen(weights):
    weights["encoder.layers.0.bias"] = torch.zeros(9)


def not_finite(weights):
    weights["encoder.layers.0.bias"][1] = float("nan")


def all_zero(weights):
    weights["encoder.layers.0.weight_v"].zero_()


def of_another_network(weights):
    weights.clear()
    weights["blocks.0.attn.qkv.weight"] = torch.zeros(3)


def causal_on_one_side(weights):
    other = official_weights(tiny_vae(causal=False))
    for name in [name for name in weights if name.startswith("decoder")]:
        del weights[name]
    weights |= {name: value for name, value in other.items() if name.startswith("decoder")}


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (without_decoder_end, r"decoder\.5\.weight"),
        (without_gain, r"encoder\.0\.weight"),
        (without_decoder, r"decoder\.0\.weight"),
        (misshapen, r"encoder\.0\.bias"),
        (not_finite, r"encoder\.layers\.0\.bias that is not finite"),
        (all_zero, r"encoder\.layers\.0\.weight that is not finite"),
        (of_another_network, "expected the weights of SoundReactor's Oobleck VAE"),
        (causal_on_one_side, "causal on one side only"),
    ],
)
def test_weights_of_something_else_are_refused_by_name(tmp_path, damage, message):
    weights = official_weights(tiny_vae())
    damage(weights)
    torch.save({"state_dict": weights}, tmp_path / "source.ckpt")
    with pytest.raises(ValueError, match=message) as caught:
        convert_vae(tmp_path / "source.ckpt", tmp_path / "ours.safetensors")
    assert "source.ckpt" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "ours.safetensors").exists()


@pytest.mark.parametrize("name", ["text.ckpt", "text.safetensors", "empty.ckpt", "cut.ckpt"])
def test_a_file_that_cannot_be_read_is_refused_by_name(tmp_path, name):
    torch.save({"state_dict": official_weights(tiny_vae())}, tmp_path / "whole.ckpt")
    whole = (tmp_path / "whole.ckpt").read_bytes()
    contents = {"text": b"hello world, this is text", "empty": b"", "cut": whole[: len(whole) // 2]}
    (tmp_path / name).write_bytes(contents[name.split(".")[0]])
    with pytest.raises(ValueError, match=re.escape(name)):
        convert_vae(tmp_path / name, tmp_path / "ours.safetensors")


def test_a_missing_file_is_refused_by_name(tmp_path):
    with pytest.raises(ValueError, match=r"none\.ckpt, which is no file"):
        convert_vae(tmp_path / "none.ckpt", tmp_path / "ours.safetensors")
