"""Frames of any size -> a grid of features per frame: resize, normalise, backbone, PCA."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F

from .dinov2 import DINOv2, DINOv2Config, check_frames
from .efficientnet import EfficientNet, EfficientNetConfig
from .patches import Patches, PatchesConfig

BackboneConfig = DINOv2Config | PatchesConfig | EfficientNetConfig
Backbone = DINOv2 | Patches | EfficientNet

STRIP = 4_000_000  # pixels of a frame that are converted to float at once, at most
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
# (255 x - 127) / 128, for which EfficientNet-Lite was trained (efficientnet_lite_builder.py).
EFFICIENTNET_MEAN = (127 / 255,) * 3
EFFICIENTNET_STD = (128 / 255,) * 3


@dataclass(frozen=True)
class VisionConfig:
    """Frame size, and so grid size, of a checkpoint; the default keeps the shape of 16:9 frames."""

    backbone: BackboneConfig = DINOv2Config()
    height: int = 224  # pixels of the backbone's input
    width: int = 392
    channels: int = 59  # number of PCA channels (SoundReactor, arXiv 2510.02110)

    def __post_init__(self):
        patch = self.backbone.patch
        if self.height % patch or self.width % patch or min(self.height, self.width) < patch:
            raise ValueError(
                f"got frame size {self.height}x{self.width}; expected multiples of {patch} pixels"
            )
        if not 0 < self.channels <= self.backbone.width:
            raise ValueError(
                f"got {self.channels} channels; expected 1 to {self.backbone.width}, the width of "
                "the backbone"
            )

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of patches, or of cells of a convolutional network."""
        return self.height // self.backbone.patch, self.width // self.backbone.patch


class VisionEncoder(nn.Module):
    """Frozen encoder that processes each frame independently.

    The PCA is a mean and a basis. Before it is fitted, it selects the backbone's first channels.
    """

    pca_mean: Tensor  # (d)
    pca_basis: Tensor  # (d channels)

    def __init__(self, config: VisionConfig):
        super().__init__()
        self.config = config
        backbone, width = config.backbone, config.backbone.width
        self.backbone: Backbone = _backbone(backbone)
        self.register_buffer("pca_mean", torch.zeros(width))
        # Not torch.eye: on the meta device it imports about 1000 modules, 1 s of the loading time.
        self.register_buffer("pca_basis", torch.zeros(width, config.channels).fill_diagonal_(1))

    def forward(self, frames: Tensor) -> Tensor:  # (b t 3 h w) -> (b t n channels)
        """Grid of each frame; frames are uint8 0..255 or float 0..1, of any size, on any device.

        Patches are in row-major order. Raises ValueError for another shape or range, and for NaN
        or infinite pixels.
        """
        check_frames(frames)
        pixels = self._resize(frames)
        if frames.dtype != torch.uint8:
            _check_range(pixels)
        pixels = normalise(pixels, self.config.backbone).to(self.pca_mean.dtype)
        return (self.backbone(pixels) - self.pca_mean) @ self.pca_basis

    def _resize(self, frames: Tensor) -> Tensor:  # (b t 3 h w) -> (b t 3 height width) float 0..1
        if frames.dtype != torch.uint8 and not frames.is_floating_point():
            raise ValueError(
                f"got frames of {frames.dtype}; expected uint8 in 0..255 or float in 0..1"
            )
        if not frames.shape[-1] or not frames.shape[-2]:
            raise ValueError(f"got frames of shape {tuple(frames.shape)}; expected some pixels")
        # uint8 is moved to the device as uint8; resizing needs more precision than bfloat16 has.
        precision = torch.promote_types(self.pca_mean.dtype, torch.float32)
        pixels = rearrange(frames, "b t c h w -> (b t) c h w").to(self.pca_mean.device)
        # Frame by frame: several large frames in float are temporary buffers of tens of megabytes,
        # which fragment the process's memory permanently.
        size = self.config.height, self.config.width
        pixels = torch.cat([_resize_in_strips(one, precision, *size) for one in pixels.split(1)])
        if frames.dtype == torch.uint8:
            pixels = pixels / 255
        return rearrange(pixels, "(b t) c h w -> b t c h w", b=frames.shape[0])


def _resize_in_strips(
    pixels: Tensor, precision: torch.dtype, height: int, width: int
) -> Tensor:  # (1 3 h w) -> (1 3 height width)
    """`resize` at `precision`, without converting all of a large frame to float at once.

    Resizing is separable: the width is resized in strips of rows, then the height.
    """
    rows = max(height, STRIP // pixels.shape[-1])
    if pixels.shape[-2] <= rows:
        return resize(pixels.to(precision), height, width)
    strips = [resize(s.to(precision), s.shape[-2], width) for s in pixels.split(rows, dim=-2)]
    return resize(torch.cat(strips, dim=-2), height, width)


def resize(pixels: Tensor, height: int, width: int) -> Tensor:  # float (n 3 h w) -> the same
    """Resize frames to the backbone's input size: bilinear, antialiased, without cropping."""
    if tuple(pixels.shape[-2:]) == (height, width):
        return pixels
    return F.interpolate(pixels, size=(height, width), mode="bilinear", antialias=True)


def _check_range(pixels: Tensor) -> None:  # (b t 3 h w), after resizing, which propagates NaN
    if not pixels.numel():
        return
    # One transfer from the device: minimum and maximum are NaN if any pixel is.
    extremes = torch.stack([pixels.amin(dim=(0, 2, 3, 4)), pixels.amax(dim=(0, 2, 3, 4))], dim=1)
    for frame, (low, high) in enumerate(extremes.tolist()):
        if not (abs(low) < float("inf") and abs(high) < float("inf")):
            raise ValueError(
                f"got NaN or infinite pixels in frame {frame} of this piece; expected numbers in "
                "0..1; check the step that made this frame"
            )
        # Earlier resampling may overshoot 0..1 slightly; a wrong scale is far outside.
        if low < -0.5 or high > 2:
            raise ValueError(
                f"got float pixels from {low:.3g} to {high:.3g} in frame {frame} of this piece; "
                "expected 0..1; divide 0..255 by 255 (or give uint8), undo any normalisation"
            )


def normalise(pixels: Tensor, backbone: BackboneConfig) -> Tensor:  # (b t 3 h w), 0..1 -> the same
    """Normalise with the mean and the standard deviation with which the backbone was trained."""
    mean, std = IMAGENET_MEAN, IMAGENET_STD
    if isinstance(backbone, EfficientNetConfig):
        mean, std = EFFICIENTNET_MEAN, EFFICIENTNET_STD
    # Constants, not a buffer: a buffer would be rounded to the module's dtype.
    channels = zip(pixels.unbind(dim=2), mean, std, strict=True)
    return torch.stack([(channel - mean) / std for channel, mean, std in channels], dim=2)


def _backbone(config: BackboneConfig) -> Backbone:
    if isinstance(config, PatchesConfig):
        return Patches(config)
    return EfficientNet(config) if isinstance(config, EfficientNetConfig) else DINOv2(config)
