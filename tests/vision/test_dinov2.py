import copy

import pytest
import torch
from safetensors.torch import save_file

from sr_core.vision.dinov2 import DINOv2, DINOv2Config, load_dinov2

SMALL = DINOv2Config(width=32, depth=2, heads=2, position_grid=5)


@pytest.fixture
def backbone():
    """A small one whose tokens depend on everything: no parameter is left at 0 or 1."""
    torch.manual_seed(0)
    backbone = DINOv2(SMALL)
    for parameter in backbone.parameters():
        parameter.add_(0.2 * torch.randn_like(parameter))
    return backbone.double().eval()


def test_frames_give_one_token_for_each_patch(backbone):
    assert backbone(torch.rand(2, 3, 3, 28, 70).double()).shape == (2, 3, 2 * 5, 32)


def test_encoding_in_pieces_equals_encoding_whole(backbone):
    frames = torch.rand(2, 7, 3, 28, 42).double()
    pieces = torch.cat([backbone(piece) for piece in frames.split([1, 3, 2, 1], dim=1)], dim=1)
    assert (pieces - backbone(frames)).abs().max() < 1e-9


def test_a_frame_sees_no_other_frame(backbone):
    frames = torch.rand(2, 4, 3, 28, 28, dtype=torch.float64, requires_grad=True)
    backbone(frames)[1, 2].sum().backward()
    touched = frames.grad.abs().sum(dim=(2, 3, 4)) > 0
    assert touched.nonzero().tolist() == [[1, 2]]


def test_patches_are_numbered_row_by_row(backbone):
    for block in backbone.blocks:  # without attention a token sees its own patch only
        block.ls1.gamma.zero_()
    frames = torch.rand(1, 1, 3, 28, 42).double()
    changed = frames.clone()
    changed[..., 14:, 14:28] += 1  # second row, second column
    moved = (backbone(frames) - backbone(changed)).abs().sum(dim=-1)[0, 0] > 1e-6
    assert moved.tolist() == [False] * 4 + [True] + [False]


def test_positions_of_the_stored_grid_are_used_as_they_are(backbone):
    positions = backbone._positions((5, 5))
    assert torch.allclose(positions, backbone.pos_embed[:, 1:], atol=1e-12)


def test_the_defaults_are_the_official_small_variant():
    with torch.device("meta"):
        backbone = DINOv2(DINOv2Config())
    # 22.06 M of the published file less its mask token.
    assert sum(parameter.numel() for parameter in backbone.parameters()) == 22_058_112 - 384


def test_all_parameters_are_frozen(backbone):
    assert not any(parameter.requires_grad for parameter in backbone.parameters())


def test_a_backbone_built_on_meta_takes_its_weights_strictly(backbone):
    with torch.device("meta"):
        shell = DINOv2(SMALL)
    shell.load_state_dict(backbone.state_dict(), strict=True, assign=True)
    frames = torch.rand(1, 1, 3, 28, 42).double()
    assert torch.equal(shell(frames), backbone(frames))


def test_a_copy_is_independent(backbone):
    frames = torch.rand(1, 1, 3, 28, 42).double()
    expected = backbone(frames)
    copied = copy.deepcopy(backbone)
    copied.pos_embed.zero_()
    assert torch.equal(backbone(frames), expected)
    assert not torch.allclose(copied(frames), expected)


@pytest.mark.parametrize("dtype, tolerance", [(torch.float32, 1e-4), (torch.bfloat16, 0.1)])
def test_lower_precision_stays_near_float64(backbone, dtype, tolerance):
    frames = torch.rand(1, 2, 3, 28, 42).double()
    expected = backbone(frames)
    tokens = backbone.to(dtype)(frames.to(dtype))
    assert tokens.dtype == dtype
    assert (tokens - expected).norm() < tolerance * expected.norm()


@pytest.mark.parametrize("size", [(28, 43), (27, 42), (0, 28)])
def test_a_side_that_is_no_multiple_of_the_patch_is_refused(backbone, size):
    with pytest.raises(ValueError, match="multiples of 14"):
        backbone(torch.rand(1, 1, 3, *size).double())


@pytest.mark.parametrize("shape", [(1, 1, 4, 28, 28), (1, 28, 28, 3), (1, 1, 28, 28, 3)])
def test_frames_of_another_layout_are_refused(backbone, shape):
    with pytest.raises(ValueError, match=r"expected \(batch, time, 3, height, width\)"):
        backbone(torch.rand(shape).double())


def test_heads_that_do_not_divide_the_width_are_refused():
    with pytest.raises(ValueError, match="heads"):
        DINOv2Config(width=32, heads=5)


def test_files_that_are_not_converted_are_refused(backbone, tmp_path):
    save_file(backbone.state_dict(), tmp_path / "plain.safetensors")
    (tmp_path / "text.safetensors").write_text("no weights at all")
    for name in ("plain", "text"):
        with pytest.raises(ValueError, match="convert dinov2"):
            load_dinov2(tmp_path / f"{name}.safetensors")


def test_a_copy_for_one_grid_gives_the_same_tokens_and_leaves_the_original_alone():
    torch.manual_seed(0)
    backbone = DINOv2(DINOv2Config(width=16, depth=1, heads=2, registers=2, position_grid=3))
    frames = torch.rand(1, 2, 3, 28, 42)
    quick = backbone.at((2, 3))
    assert torch.equal(quick(frames), backbone(frames))
    assert quick.pos_embed is backbone.pos_embed and not backbone._interpolated
    other = torch.rand(1, 1, 3, 42, 42)
    assert torch.equal(quick(other), backbone(other))
