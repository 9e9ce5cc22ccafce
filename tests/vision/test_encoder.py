import pytest
import torch

from sr_core.config import from_dict, to_dict
from sr_core.vision import encoder as encoding
from sr_core.vision.dinov2 import DINOv2Config
from sr_core.vision.encoder import VisionConfig, VisionEncoder

BACKBONE = DINOv2Config(width=32, depth=1, heads=2, position_grid=5)
CONFIG = VisionConfig(backbone=BACKBONE, height=28, width=42, channels=12)


def build(dtype=torch.float64):
    """An encoder whose weights and PCA are all random, and far from their first values."""
    torch.manual_seed(0)
    encoder = VisionEncoder(CONFIG)
    for value in encoder.state_dict().values():
        value.add_(0.2 * torch.randn_like(value))
    return encoder.to(dtype).eval()


def bytes_of(*shape):
    return torch.randint(0, 256, shape, dtype=torch.uint8)


def test_any_frame_size_gives_the_grid_of_the_config():
    encoder = build(torch.float32)
    for height, width in [(28, 42), (1, 1), (1, 300), (480, 854), (4096, 33)]:
        grid = encoder(bytes_of(1, 2, 3, height, width))
        assert grid.shape == (1, 2, CONFIG.grid[0] * CONFIG.grid[1], 12)
        assert grid.isfinite().all()


def test_a_grid_is_the_projected_backbone_of_the_normalised_frame():
    encoder = build()
    frames = torch.rand(2, 3, 3, 28, 42).double()
    # Of red, green and blue over ImageNet, as DINOv2's own transforms have them.
    mean = torch.tensor([0.485, 0.456, 0.406], dtype=torch.float64)[:, None, None]
    std = torch.tensor([0.229, 0.224, 0.225], dtype=torch.float64)[:, None, None]
    tokens = encoder.backbone((frames - mean) / std)
    expected = (tokens - encoder.pca_mean) @ encoder.pca_basis
    assert torch.allclose(encoder(frames), expected, rtol=0, atol=1e-12)


def test_frames_are_resized_whole_and_antialiased():
    encoder = build(torch.float32)
    # One-pixel checkers are plain grey once averaged; without antialiasing some would survive.
    checkers = (torch.arange(280)[:, None] + torch.arange(420)) % 2
    fine = checkers.float().expand(1, 1, 3, 280, 420)
    grey = torch.full((1, 1, 3, 28, 42), 0.5)
    assert torch.allclose(encoder._resize(fine), grey, atol=0.01)
    # A frame white on its right half stays so: nothing is cropped.
    halves = torch.cat([torch.zeros(1, 1, 3, 99, 50), torch.ones(1, 1, 3, 99, 50)], dim=-1)
    resized = encoder._resize(halves)
    assert resized[..., :20].max() < 0.01 and resized[..., -20:].min() > 0.99


@pytest.mark.parametrize("size", [(97, 131), (300, 200), (57, 40)])
@pytest.mark.parametrize("kind", [torch.uint8, torch.float32])
def test_a_large_frame_in_strips_is_resized_to_the_same_numbers(size, kind, monkeypatch):
    frame = torch.randint(0, 256, (1, 3, *size), dtype=torch.uint8).to(kind)
    whole = encoding.resize(frame.float(), 28, 56)
    monkeypatch.setattr(encoding, "STRIP", 30 * size[1])
    rows = []
    monkeypatch.setattr(
        encoding,
        "resize",
        lambda x, *to, own=encoding.resize: (rows.append(x.shape), own(x, *to))[1],
    )
    assert torch.equal(encoding._resize_in_strips(frame, torch.float32, 28, 56), whole)
    assert max(shape[-2] for shape in rows[:-1]) < size[0]  # the last one is for the height


def test_bytes_equal_their_floats():
    encoder, frames = build(), bytes_of(1, 3, 3, 37, 50)
    floats = frames.double() / 255
    assert torch.allclose(encoder(frames), encoder(floats), rtol=0, atol=1e-9)


def test_encoding_in_pieces_equals_encoding_whole():
    encoder, frames = build(), bytes_of(2, 8, 3, 37, 50)
    pieces = torch.cat([encoder(piece) for piece in frames.split([3, 1, 4], dim=1)], dim=1)
    assert (pieces - encoder(frames)).abs().max() < 1e-9


def test_an_unfitted_encoder_passes_the_first_channels_of_the_backbone():
    encoder = VisionEncoder(CONFIG)
    frames = torch.rand(1, 1, 3, 28, 42)
    encoder.pca_mean += 1
    shifted = encoder(frames)
    encoder.pca_mean -= 1
    assert torch.allclose(encoder(frames), shifted + 1, atol=1e-5)
    assert torch.equal(encoder.pca_basis, torch.eye(32)[:, :12])


@pytest.mark.parametrize("dtype, tolerance", [(torch.float32, 1e-4), (torch.bfloat16, 0.1)])
def test_lower_precision_stays_near_float64(dtype, tolerance):
    frames = bytes_of(1, 2, 3, 37, 50)
    grid, expected = build(dtype)(frames), build()(frames)
    assert grid.dtype == dtype
    assert (grid - expected).norm() < tolerance * expected.norm()


def test_an_encoder_built_on_meta_takes_its_weights_strictly():
    encoder, frames = build(), bytes_of(1, 1, 3, 37, 50)
    with torch.device("meta"):
        shell = VisionEncoder(CONFIG)
    shell.load_state_dict(encoder.state_dict(), strict=True, assign=True)
    assert torch.equal(shell(frames), encoder(frames))


@pytest.mark.parametrize("size", [(28, 42), (90, 160)])  # as it is, and resized
@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_one_pixel_that_is_no_number_is_refused_by_its_frame(size, bad):
    frames = torch.rand(1, 5, 3, *size)
    frames[0, 3, 1, 17, 23] = bad
    with pytest.raises(ValueError, match="frame 3 of this piece"):
        build(torch.float32)(frames)


@pytest.mark.parametrize("scale, offset", [(255, 0), (2, -1)])
def test_floats_on_another_scale_are_refused(scale, offset):
    frames = torch.rand(1, 2, 3, 60, 80) * scale + offset
    with pytest.raises(ValueError, match=r"expected 0\.\.1"):
        build(torch.float32)(frames)


def test_a_little_overshoot_of_sharp_resampling_is_no_error():
    frames = torch.rand(1, 2, 3, 28, 42) * 1.2 - 0.1
    assert build(torch.float32)(frames).isfinite().all()


@pytest.mark.parametrize(
    "frames, message",
    [
        (torch.rand(1, 2, 4, 28, 42), "alpha"),
        (torch.rand(1, 2, 28, 42, 3), "colour axis"),
        (torch.rand(1, 2, 3, 0, 42), "some pixels"),
        (torch.zeros(1, 2, 3, 28, 42, dtype=torch.int32), "torch.int32"),
    ],
)
def test_frames_of_another_layout_are_refused(frames, message):
    with pytest.raises(ValueError, match=message):
        build(torch.float32)(frames)


def test_a_config_survives_being_stored():
    assert from_dict(VisionConfig, to_dict(CONFIG)) == CONFIG
    assert VisionConfig().grid == (16, 28)


@pytest.mark.parametrize("change", [{"height": 225}, {"width": 0}, {"channels": 385}])
def test_a_config_that_cannot_be_is_refused(change):
    with pytest.raises(ValueError, match="expected"):
        VisionConfig(**change)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("size", [(37, 50), (2160, 3840), (4096, 33)])
def test_a_cuda_device_agrees_with_the_cpu(size):
    frames, encoder = bytes_of(1, 2, 3, *size), build(torch.float32)
    expected = encoder(frames)
    grid = encoder.cuda()(frames)  # frames on the CPU are brought over
    assert grid.is_cuda
    assert (grid.cpu() - expected).norm() < 1e-2 * expected.norm()


@pytest.mark.parametrize(
    ("size", "channels", "fits"),
    [
        ((14, 14), 1, True),
        ((28, 14), 32, True),
        ((28, 42), 0, False),
        ((28, 42), 33, False),
        ((0, 14), 1, False),
        ((14, 15), 1, False),
        ((21, 14), 1, False),
    ],
)
def test_a_frame_is_whole_patches_and_a_basis_one_to_all_axes(size, channels, fits):
    if fits:
        config = VisionConfig(BACKBONE, *size, channels)
        assert config.grid == (size[0] // 14, size[1] // 14)
        return
    with pytest.raises(ValueError, match="expected"):
        VisionConfig(BACKBONE, *size, channels)


@pytest.mark.parametrize(
    ("low", "high", "message"),
    [
        (-0.5, 2.0, None),
        (-0.51, 1.0, "got float pixels from -0.51 to 1 in frame 1"),
        (0.0, 2.01, "got float pixels from 0 to 2.01 in frame 1"),
        (0.0, 255.0, "divide 0..255 by 255"),
        (-float("inf"), 1.0, "NaN or infinite pixels in frame 1"),
        (0.0, float("inf"), "NaN or infinite pixels in frame 1"),
        (float("nan"), 1.0, "NaN or infinite pixels in frame 1"),
    ],
)
def test_pixels_are_about_0_to_1_in_every_frame(low, high, message):
    pixels = torch.full((1, 2, 3, 4, 4), 0.5)
    pixels[0, 1, 1, 0, 0], pixels[0, 1, 1, 0, 1] = low, high
    if message is None:
        return encoding._check_range(pixels)
    with pytest.raises(ValueError, match=message):
        encoding._check_range(pixels)


@pytest.mark.parametrize("size", [(0, 5), (5, 0)])
def test_a_frame_without_a_pixel_is_refused(size):
    with pytest.raises(ValueError, match="expected"):
        build(torch.float32)(torch.zeros(1, 1, 3, *size, dtype=torch.uint8))
