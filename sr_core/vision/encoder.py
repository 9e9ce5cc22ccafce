"""Frames of any size -> a small grid of features for each: resize, normalise, backbone, PCA."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F

from .dinov2 import DINOv2, DINOv2Config, check_frames
from .patches import Patches, PatchesConfig

STRIP = 4_000_000  # pixels of a frame that are held as floats at once
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class VisionConfig:
    """One frame size, and so one grid, for a checkpoint; 16:9 frames lose no shape by default."""

    backbone: DINOv2Config | PatchesConfig = DINOv2Config()
    height: int = 224  # pixels that the backbone sees
    width: int = 392
    channels: int = 59  # of the reduced grid (SoundReactor, arXiv 2510.02110)

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
        """Rows and columns of patches."""
        return self.height // self.backbone.patch, self.width // self.backbone.patch


class VisionEncoder(nn.Module):
    """Frozen encoder that sees one frame at a time.

    The PCA is linear, so it is kept as a mean and a basis; until one is fitted it passes the
    backbone's first channels through.
    """

    def __init__(self, config: VisionConfig):
        super().__init__()
        self.config = config
        width = config.backbone.width
        patches = isinstance(config.backbone, PatchesConfig)
        self.backbone = Patches(config.backbone) if patches else DINOv2(config.backbone)
        self.register_buffer("pca_mean", torch.zeros(width))
        # Not torch.eye: on the meta device it imports a thousand modules, a second of a load.
        self.register_buffer("pca_basis", torch.zeros(width, config.channels).fill_diagonal_(1))

    def forward(self, frames: Tensor) -> Tensor:  # (b t 3 h w) -> (b t n channels)
        """Grid of each frame; frames are uint8 0..255 or float 0..1, of any size and device.

        Patches run row by row. Raises ValueError for another shape or range, and for pixels that
        are NaN or infinite.
        """
        check_frames(frames)
        pixels = self._resize(frames)
        if frames.dtype != torch.uint8:
            _check_range(pixels)
        pixels = normalise(pixels).to(self.pca_mean.dtype)
        return (self.backbone(pixels) - self.pca_mean) @ self.pca_basis

    def _resize(self, frames: Tensor) -> Tensor:  # (b t 3 h w) -> (b t 3 height width) float 0..1
        if frames.dtype != torch.uint8 and not frames.is_floating_point():
            raise ValueError(
                f"got frames of {frames.dtype}; expected uint8 in 0..255 or float in 0..1"
            )
        if not frames.shape[-1] or not frames.shape[-2]:
            raise ValueError(f"got frames of shape {tuple(frames.shape)}; expected some pixels")
        # Bytes travel to the device as bytes; resizing needs more precision than bfloat16 has.
        precision = torch.promote_types(self.pca_mean.dtype, torch.float32)
        pixels = rearrange(frames, "b t c h w -> (b t) c h w").to(self.pca_mean.device)
        # One by one: large frames as floats, several at once, are tens of megabytes that come and
        # go, and leave holes in the process's memory which never come back.
        size = self.config.height, self.config.width
        pixels = torch.cat([_resize_in_strips(one, precision, *size) for one in pixels.split(1)])
        if frames.dtype == torch.uint8:
            pixels = pixels / 255
        return rearrange(pixels, "(b t) c h w -> b t c h w", b=frames.shape[0])


def _resize_in_strips(
    pixels: Tensor, precision: torch.dtype, height: int, width: int
) -> Tensor:  # (1 3 h w) -> (1 3 height width)
    """The same as `resize` at that precision, without a large frame's floats all at once.

    Resizing is separable: the width is done strip by strip, then the height.
    """
    rows = max(height, STRIP // pixels.shape[-1])
    if pixels.shape[-2] <= rows:
        return resize(pixels.to(precision), height, width)
    strips = [resize(s.to(precision), s.shape[-2], width) for s in pixels.split(rows, dim=-2)]
    return resize(torch.cat(strips, dim=-2), height, width)


def resize(pixels: Tensor, height: int, width: int) -> Tensor:  # float (n 3 h w) -> the same
    """The one way frames get the size that a backbone sees."""
    if tuple(pixels.shape[-2:]) == (height, width):
        return pixels
    return F.interpolate(pixels, size=(height, width), mode="bilinear", antialias=True)


def _check_range(pixels: Tensor) -> None:  # (b t 3 h w), small by now: resizing keeps NaN
    if not pixels.numel():
        return
    # One look at the device: a minimum and a maximum are NaN where any pixel is.
    extremes = torch.stack([pixels.amin(dim=(0, 2, 3, 4)), pixels.amax(dim=(0, 2, 3, 4))], dim=1)
    for frame, (low, high) in enumerate(extremes.tolist()):
        if not (abs(low) < float("inf") and abs(high) < float("inf")):
            raise ValueError(
                f"got NaN or infinite pixels in frame {frame} of this piece; expected numbers in "
                "0..1; look at the step that made this picture"
            )
        # Sharp resampling elsewhere may overshoot a little; another scale is far outside.
        if low < -0.5 or high > 2:
            raise ValueError(
                f"got float pixels from {low:.3g} to {high:.3g} in frame {frame} of this piece; "
                "expected 0..1; divide 0..255 by 255 (or give uint8), undo any normalisation"
            )


def normalise(pixels: Tensor) -> Tensor:  # (b t 3 h w) 0..1 -> the same, as ImageNet's statistics
    # Plain numbers rather than a buffer: a buffer would be rounded with the module's dtype.
    channels = zip(pixels.unbind(dim=2), IMAGENET_MEAN, IMAGENET_STD, strict=True)
    return torch.stack([(channel - mean) / std for channel, mean, std in channels], dim=2)
