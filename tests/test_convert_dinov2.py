import sys

import pytest
import torch
from safetensors.torch import save_file

from sr_core.convert import convert_dinov2
from sr_core.vision.dinov2 import DINOv2Config, load_dinov2

SIZES = [(224, 392), (126, 168), (518, 518)]


@pytest.fixture(scope="module")
def transformers():
    with pytest.MonkeyPatch.context() as patch:
        # transformers imports torchaudio where it is installed, and one that was built for
        # another torch fails there; this model needs none.
        patch.setitem(sys.modules, "torchaudio", None)
        module = pytest.importorskip("transformers")
        assert module.Dinov2WithRegistersModel
    return module


def reference(transformers, width=64, depth=2, heads=1):
    """Hugging Face's model with every parameter random, so that any two mixed up would show."""
    torch.manual_seed(0)
    config = transformers.Dinov2WithRegistersConfig(
        hidden_size=width,
        num_hidden_layers=depth,
        num_attention_heads=heads,
        image_size=518,
        patch_size=14,
    )
    model = transformers.Dinov2WithRegistersModel(config).eval().requires_grad_(False)
    for parameter in model.parameters():
        parameter.add_(torch.randn_like(parameter) * (0.5 / max(parameter.shape) ** 0.5))
    return model


def official(model):
    """The same weights as facebookresearch/dinov2 names and joins them."""
    own, embeddings = model.state_dict(), model.embeddings
    weights = {
        "cls_token": embeddings.cls_token,
        "register_tokens": embeddings.register_tokens,
        "mask_token": embeddings.mask_token,
        "pos_embed": embeddings.position_embeddings,
        "patch_embed.proj.weight": embeddings.patch_embeddings.projection.weight,
        "patch_embed.proj.bias": embeddings.patch_embeddings.projection.bias,
        "norm.weight": model.layernorm.weight,
        "norm.bias": model.layernorm.bias,
    }
    for i in range(len(model.encoder.layer)):
        old, new = f"encoder.layer.{i}", f"blocks.{i}"
        for kind in ("weight", "bias"):
            qkv = [own[f"{old}.attention.{part}_proj.{kind}"] for part in "qkv"]
            weights[f"{new}.attn.qkv.{kind}"] = torch.cat(qkv)
            weights[f"{new}.attn.proj.{kind}"] = own[f"{old}.attention.o_proj.{kind}"]
            for same in ("norm1", "norm2", "mlp.fc1", "mlp.fc2"):
                weights[f"{new}.{same}.{kind}"] = own[f"{old}.{same}.{kind}"]
        for scale in "12":
            weights[f"{new}.ls{scale}.gamma"] = own[f"{old}.layer_scale{scale}.lambda1"]
    return {name: value.detach().clone() for name, value in weights.items()}


def assert_equal_tokens(backbone, model, size, count=2):
    frames = torch.randn(1, count, 3, *size)
    expected = model(frames[0]).last_hidden_state[:, 1 + 4 :]
    error = backbone(frames)[0] - expected
    # Rounding is below 1e-6; another GELU or epsilon would already show at 2e-5.
    assert error.norm() < 5e-6 * expected.norm()
    assert error.abs().max() < 1e-4 * expected.abs().max()


@pytest.fixture(scope="module")
def small(transformers, tmp_path_factory):
    """A small model, and its two published forms converted: Hugging Face's and the official."""
    folder = tmp_path_factory.mktemp("dinov2")
    model = reference(transformers, width=128, heads=2)
    model.save_pretrained(folder)
    torch.save(official(model), folder / "official.pth")
    from_hub = convert_dinov2(folder / "model.safetensors", folder / "from_hub.safetensors")
    from_pth = convert_dinov2(folder / "official.pth", folder / "from_pth.safetensors")
    return model, from_hub, from_pth


@pytest.mark.parametrize("size", SIZES)
def test_both_published_forms_give_the_tokens_of_transformers(small, size):
    model, *converted = small
    for path in converted:
        assert_equal_tokens(load_dinov2(path), model, size)


def test_both_published_forms_convert_to_the_same_file(small):
    _, from_hub, from_pth = small
    assert from_hub.read_bytes() == from_pth.read_bytes()


def test_a_converted_file_converts_to_itself(small, tmp_path):
    again = convert_dinov2(small[2], tmp_path / "again.safetensors")
    assert again.read_bytes() == small[2].read_bytes()


def test_names_of_a_newer_transformers_are_understood(small, tmp_path):
    model, from_hub, _ = small
    save_file(model.state_dict(), tmp_path / "state.safetensors")
    converted = convert_dinov2(tmp_path / "state.safetensors", tmp_path / "ours.safetensors")
    assert converted.read_bytes() == from_hub.read_bytes()


def test_the_loaded_backbone_is_frozen_and_knows_its_config(small):
    backbone = load_dinov2(small[1])
    assert backbone.config == DINOv2Config(width=128, depth=2, heads=2)
    assert not backbone.training
    assert not any(parameter.requires_grad for parameter in backbone.parameters())


def test_heads_of_another_width_are_read_from_the_config_beside(transformers, tmp_path):
    model = reference(transformers, width=48, depth=1, heads=3)
    model.save_pretrained(tmp_path)
    converted = convert_dinov2(tmp_path / "model.safetensors", tmp_path / "ours.safetensors")
    assert_equal_tokens(load_dinov2(converted), model, (126, 168))
    again = convert_dinov2(converted, tmp_path / "again.safetensors")
    assert load_dinov2(again).config.heads == 3


def test_heads_that_nothing_tells_are_refused(transformers, tmp_path):
    model = reference(transformers, width=48, depth=1, heads=3)
    torch.save(official(model), tmp_path / "official.pth")
    with pytest.raises(ValueError, match="number of heads"):
        convert_dinov2(tmp_path / "official.pth", tmp_path / "ours.safetensors")


def test_half_precision_weights_become_float32(transformers, tmp_path):
    weights = official(reference(transformers, depth=1))
    torch.save({name: value.half() for name, value in weights.items()}, tmp_path / "half.pth")
    converted = convert_dinov2(tmp_path / "half.pth", tmp_path / "ours.safetensors")
    assert {value.dtype for value in load_dinov2(converted).state_dict().values()} == {
        torch.float32
    }


def without(weights, part):
    return {name: value for name, value in weights.items() if part not in name}


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda w: {"fc.weight": torch.zeros(2)}, "such as fc.weight; expected DINOv2"),
        (lambda w: without(w, "register_tokens"), "without register tokens"),
        (lambda w: {**without(w, "fc1"), "blocks.0.mlp.w12.weight": torch.zeros(2)}, "giant"),
        (lambda w: without(w, "blocks.0.ls2"), "blocks.0.ls2.gamma"),
        (lambda w: {**w, "head.weight": torch.zeros(2)}, "head.weight"),
        (lambda w: {**w, "norm.bias": torch.zeros(2)}, "norm.bias"),
    ],
)
def test_other_networks_are_refused_with_advice(transformers, tmp_path, change, message):
    weights = official(reference(transformers, depth=1))
    torch.save(change(weights), tmp_path / "other.pth")
    with pytest.raises(ValueError, match=message) as error:
        convert_dinov2(tmp_path / "other.pth", tmp_path / "ours.safetensors")
    assert "dinov2_vits14_reg4_pretrain.pth" in str(error.value)
    assert not (tmp_path / "ours.safetensors").exists()


@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES)
def test_the_full_small_variant_gives_the_tokens_of_transformers(transformers, tmp_path, size):
    model = reference(transformers, width=384, depth=12, heads=6)
    torch.save(official(model), tmp_path / "official.pth")
    converted = convert_dinov2(tmp_path / "official.pth", tmp_path / "ours.safetensors")
    backbone = load_dinov2(converted)
    assert backbone.config == DINOv2Config()
    assert_equal_tokens(backbone, model, size, count=1)
