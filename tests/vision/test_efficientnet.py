import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from sr_core.config import from_dict, to_dict
from sr_core.convert_efficientnet import convert_efficientnet
from sr_core.vision.efficientnet import (
    EfficientNet,
    EfficientNetConfig,
    SameConv2d,
    load_efficientnet,
)
from sr_core.vision.encoder import VisionConfig, VisionEncoder

# Weights, frames (2 3 h w) and features of a small network of efficientnet-lite-pytorch 0.1.0.
GOLDENS = load_file(Path(__file__).parents[1] / "goldens" / "efficientnet.safetensors")
WEIGHTS = {
    name.removeprefix("weights."): value
    for name, value in GOLDENS.items()
    if name.startswith("weights.")
}
SIZES = ["32x48", "24x40"]  # of even and of odd numbers of cells
SMALL = EfficientNetConfig(6, (4, 5, 6, 7, 8), (1, 2, 1, 2, 2))


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> EfficientNet:
    folder = tmp_path_factory.mktemp("efficientnet")
    torch.save(WEIGHTS, folder / "original.pth")
    converted = convert_efficientnet(folder / "original.pth", folder / "ours.safetensors")
    return load_efficientnet(converted).double()


def build(dtype=torch.float64) -> EfficientNet:
    torch.manual_seed(0)
    return EfficientNet(SMALL).to(dtype)


@pytest.mark.parametrize("size", SIZES)
def test_features_are_those_of_the_original_package(small, size):
    fine, coarse = GOLDENS[f"fine.{size}"], GOLDENS[f"coarse.{size}"]
    doubled = coarse.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    rows, columns = fine.shape[-2:]
    expected = torch.cat([fine, doubled[:, :, :rows, :columns]], dim=1)
    frames = (GOLDENS[f"frames.{size}"].double() * 255 - 127) / 128
    tokens = small(frames[None])[0].transpose(1, 2).unflatten(2, (rows, columns))
    assert (tokens - expected).abs().max() < 1e-4


@pytest.mark.parametrize("size", SIZES)
def test_an_encoder_gives_this_network_its_own_normalisation(small, size):
    height, width = (int(side) for side in size.split("x"))
    encoder = VisionEncoder(VisionConfig(SMALL, height, width, SMALL.width))
    encoder.double().backbone = small
    rows, columns = encoder.config.grid
    assert (rows, columns) == GOLDENS[f"fine.{size}"].shape[-2:]
    grid = encoder(GOLDENS[f"frames.{size}"][None])[0].transpose(1, 2).unflatten(2, (rows, columns))
    assert (grid[:, :6] - GOLDENS[f"fine.{size}"]).abs().max() < 1e-4


def test_lite0_has_a_grid_of_14x18_and_0_7_million_parameters():
    config = VisionConfig(EfficientNetConfig(), 112, 144, 59)
    assert config.grid == (14, 18) and config.backbone.width == 152
    with torch.device("meta"):
        backbone = EfficientNet(config.backbone)
    assert sum(parameter.numel() for parameter in backbone.parameters()) == 692_688
    assert not any(parameter.requires_grad for parameter in backbone.parameters())


def test_encoding_in_pieces_equals_encoding_whole():
    encoder = VisionEncoder(VisionConfig(SMALL, 32, 48, 5)).double()
    frames = torch.randint(0, 256, (2, 40, 3, 37, 50), dtype=torch.uint8)
    pieces = torch.cat([encoder(piece) for piece in frames.split([3, 1, 36], dim=1)], dim=1)
    assert (pieces - encoder(frames)).abs().max() < 1e-9


def test_the_input_is_not_written_into():
    frames = torch.rand(1, 2, 3, 16, 24).double()
    before = frames.clone()
    build()(frames)
    assert torch.equal(frames, before)


def test_the_mode_changes_nothing():
    backbone, frames = build(), torch.rand(1, 2, 3, 16, 24).double()
    assert torch.equal(backbone.train()(frames), backbone.eval()(frames))


@pytest.mark.parametrize("kernel", [1, 3, 5])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("side", [1, 2, 7, 8])
def test_same_padding_puts_the_odd_zero_last(kernel, stride, side):
    """TensorFlow: max((ceil(n / s) - 1) s + k - n, 0) zeros, the smaller half first."""
    layer = SameConv2d(1, 1, kernel, stride=stride, bias=False)
    outputs = -(-side // stride)
    zeros = max((outputs - 1) * stride + kernel - side, 0)
    padded = torch.zeros(1, 1, side + zeros, 1 + kernel - 1)
    signal = torch.rand(side)
    padded[0, 0, zeros // 2 : zeros // 2 + side, (kernel - 1) // 2] = signal
    expected = torch.nn.functional.conv2d(padded, layer.weight, stride=stride)
    assert torch.allclose(layer(signal[None, None, :, None]), expected, atol=1e-6)


@pytest.mark.parametrize("shape", [(1, 1, 4, 16, 16), (1, 16, 16, 3)])
def test_frames_of_another_layout_are_refused(shape):
    with pytest.raises(ValueError, match=r"expected \(batch, time, 3, height, width\)"):
        build()(torch.rand(shape).double())


@pytest.mark.parametrize("change", [{"stem": 0}, {"stage_channels": (1, 2)}, {"stage_blocks": ()}])
def test_a_config_that_cannot_be_is_refused(change):
    with pytest.raises(ValueError, match="expected"):
        EfficientNetConfig(**change)


def test_a_config_survives_being_stored_beside_those_of_other_backbones():
    config = VisionConfig(SMALL, 32, 48, 5)
    assert from_dict(VisionConfig, to_dict(config)) == config
    with pytest.raises(ValueError, match="multiples of 8"):
        VisionConfig(SMALL, 36, 48, 5)


def test_files_that_are_not_converted_are_refused(tmp_path):
    save_file(build().state_dict(), tmp_path / "plain.safetensors")
    (tmp_path / "text.safetensors").write_text("no weights at all")
    for name in ("plain", "text"):
        with pytest.raises(ValueError, match="convert efficientnet"):
            load_efficientnet(tmp_path / f"{name}.safetensors")


def test_a_frame_takes_milliseconds_of_one_core():
    """About 10 ms on a server with AVX-512; the limit allows for slow and busy machines."""
    encoder = VisionEncoder(VisionConfig(EfficientNetConfig(), 112, 144, 59)).eval()
    frames = torch.randint(0, 256, (1, 1, 3, 112, 144), dtype=torch.uint8)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.inference_mode():
            durations = [_seconds(encoder, frames) for _ in range(8)]
    finally:
        torch.set_num_threads(threads)
    assert min(durations) < 0.06


def _seconds(encoder: VisionEncoder, frames: torch.Tensor) -> float:
    start = time.thread_time()
    encoder(frames)
    return time.thread_time() - start
