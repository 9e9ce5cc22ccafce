import torch

from sr_core.vision.encoder import VisionConfig, VisionEncoder
from sr_core.vision.patches import Patches, PatchesConfig


def test_each_patch_is_its_own_pixels_row_by_row():
    frames = torch.arange(2 * 3 * 4 * 6.0).view(1, 2, 3, 4, 6)
    tokens = Patches(PatchesConfig(2))(frames)
    assert tokens.shape == (1, 2, 6, 12)
    assert torch.equal(tokens[0, 1, 0], frames[0, 1, :, :2, :2].flatten())
    assert torch.equal(tokens[0, 1, 5], frames[0, 1, :, 2:, 4:].flatten())


def test_an_encoder_of_patches_needs_no_weights_but_its_pca():
    encoder = VisionEncoder(VisionConfig(PatchesConfig(7), 14, 28, 5))
    assert set(encoder.state_dict()) == {"pca_mean", "pca_basis"}
    frames = torch.randint(0, 256, (1, 3, 3, 48, 64), dtype=torch.uint8)
    assert encoder(frames).shape == (1, 3, 8, 5) and encoder.config.grid == (2, 4)
