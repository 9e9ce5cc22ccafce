"""Degradation of rendered frames: what lenses, sensors, hands, editors and encoders do to them.

A degradation is drawn once a clip; everything in it depends on its own numbers and one seed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageChops, ImageFilter

from sr_core.rates import FRAME_RATE, HOP

GRID = (6, 8)  # rows and columns of the mesh that follows the lens
LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601
GRAINS = 6  # different pictures of grain, each shifted anew for every frame


@dataclass(frozen=True)
class Degradation:
    lens: float  # relative displacement in the corners: barrel above 0, pincushion below
    vignette: float  # share of light that is lost in the corners
    exposure: float  # gain
    gamma: float
    white: tuple[float, float, float]  # gains of red, green, blue
    saturation: float  # 0 grey, 1 as it is
    blur: float  # pixels, standard deviation
    grain: float  # standard deviation, of 255
    coarse: bool  # grain of two pixels' size
    jitter: float  # pixels, of the hand
    zoom: float  # digital
    bars: tuple[float, float]  # share of the height and of the width that is black
    rate: int  # frames per second of the source
    offset: int  # samples by which the sound is late
    crf: int
    preset: str


def draw(rng: np.random.Generator) -> Degradation:
    """A random degradation; each part is absent in a share of clips."""

    def sometimes(share: float, low: float, high: float, otherwise: float = 0.0) -> float:
        value = float(rng.uniform(low, high))
        return value if rng.random() < share else otherwise

    warm = sometimes(0.6, -0.12, 0.12)
    bars = (sometimes(0.08, 0.08, 0.25), 0.0)
    if rng.random() < 0.06:
        bars = (0.0, float(rng.uniform(0.1, 0.4)))
    return Degradation(
        lens=sometimes(0.4, -0.04, 0.12),
        vignette=sometimes(0.4, 0.05, 0.5),
        exposure=sometimes(0.6, 0.7, 1.35, 1.0),
        gamma=sometimes(0.6, 0.75, 1.35, 1.0),
        white=(1 + warm, 1 + sometimes(0.3, -0.05, 0.05), 1 - warm),
        saturation=0.0 if rng.random() < 0.06 else sometimes(0.6, 0.4, 1.3, 1.0),
        blur=sometimes(0.4, 0.3, 1.2),
        grain=sometimes(0.6, 1.0, 9.0),
        coarse=bool(rng.random() < 0.4),
        jitter=sometimes(0.3, 0.2, 1.2),
        zoom=sometimes(0.25, 1.0, 1.35, 1.0),
        bars=bars,
        rate=int(rng.choice([30, 30, 30, 30, 30, 25, 24, 15])),
        offset=int(sometimes(0.12, -HOP, HOP)),
        crf=int(rng.choice([18, 20, 23, 26, 29, 32, 36])),
        preset=str(rng.choice(["ultrafast", "veryfast", "veryfast"])),
    )


def degraded(frames: np.ndarray, made: Degradation, seed: int) -> np.ndarray:
    """Frames (t h w 3) uint8 -> the same shape; frame i shows a moment no later than before."""
    rng = np.random.default_rng([seed, 1])
    height, width = frames.shape[1:3]
    shown = source_frames(len(frames), made.rate)
    dark = _vignette(height, width, made.vignette)
    grain = _grain(height, width, made, rng)
    sway = _sway(len(frames), made.jitter, rng)
    result, last = np.empty_like(frames), -1
    for index, source in enumerate(shown):
        if source == last:  # a repeated frame, with its grain
            result[index] = result[index - 1]
            continue
        last = source
        image = _geometry(Image.fromarray(frames[source]), made, sway[source])
        image = _colour(image, made)
        if dark is not None:
            image = ImageChops.multiply(image, dark)
        if grain:
            noise = grain[rng.integers(len(grain))]
            noise = ImageChops.offset(noise, int(rng.integers(width)), int(rng.integers(height)))
            image = ImageChops.add(image, noise, 1, -128)
        result[index] = np.asarray(_barred(image, made.bars))
    return result


def source_frames(count: int, rate: int) -> np.ndarray:
    """Index (t,) of the frame at FRAME_RATE that a source of a lower rate shows."""
    taken = np.arange(count) * rate // FRAME_RATE
    return taken * FRAME_RATE // rate


def _geometry(image: Image.Image, made: Degradation, sway: np.ndarray) -> Image.Image:
    """Lens, digital zoom and the hand's jitter in one interpolation; then blur."""
    if made.lens or made.jitter or made.zoom != 1.0:
        mesh = _mesh(image.size, made, sway)
        image = image.transform(image.size, Image.Transform.MESH, mesh, Image.Resampling.BILINEAR)
    return image.filter(ImageFilter.GaussianBlur(made.blur)) if made.blur else image


Quad = tuple[tuple[int, int, int, int], tuple[float, ...]]


def _mesh(size: tuple[int, int], made: Degradation, sway: np.ndarray) -> list[Quad]:
    """Target boxes and the four corners in the source of each."""
    width, height = size
    rows = np.linspace(0, height, GRID[0] + 1).round().astype(int)
    columns = np.linspace(0, width, GRID[1] + 1).round().astype(int)
    y, x = np.meshgrid(rows / height * 2 - 1, columns / width * 2 - 1, indexing="ij")
    # A margin keeps the corners inside: bulge and jitter never show what is not there.
    margin = 1 + max(made.lens, 0.0) + 2 * made.jitter * 3 / min(width, height)
    bulge = 1 + made.lens * (x**2 + y**2) / 2
    scale = bulge / (margin * made.zoom)
    at_x = (x * scale + 1) * width / 2 + sway[0]
    at_y = (y * scale + 1) * height / 2 + sway[1]
    quads: list[Quad] = []
    for i in range(GRID[0]):
        for j in range(GRID[1]):
            box = (int(columns[j]), int(rows[i]), int(columns[j + 1]), int(rows[i + 1]))
            corners = ((i, j), (i + 1, j), (i + 1, j + 1), (i, j + 1))
            quads.append((box, tuple(float(v) for c in corners for v in (at_x[c], at_y[c]))))
    return quads


def _colour(image: Image.Image, made: Degradation) -> Image.Image:
    """Exposure, white balance and saturation in one matrix; then gamma."""
    matrix = made.saturation * np.eye(3) + (1 - made.saturation) * LUMA
    matrix = (
        made.exposure * np.array(made.white)[:, None] * matrix
        if made.saturation
        else (made.exposure * matrix)
    )
    rows = tuple(float(v) for row in matrix for v in (*row, 0.0))
    image = image.convert("RGB", rows)
    if made.gamma == 1.0:
        return image
    curve = (255 * (np.arange(256) / 255) ** made.gamma).round().astype(int).tolist()
    return image.point(curve * 3)


def _vignette(height: int, width: int, loss: float) -> Image.Image | None:
    if not loss:
        return None
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    light = 255 * (1 - loss * ((x**2 + y**2) / 2) ** 1.5)
    return Image.fromarray(np.repeat(light.round().astype(np.uint8)[..., None], 3, axis=2))


def _grain(
    height: int, width: int, made: Degradation, rng: np.random.Generator
) -> list[Image.Image]:
    """Pictures of grain about 128: mostly of brightness, a little of colour."""
    if not made.grain:
        return []
    pictures = []
    for _ in range(GRAINS):
        noise = rng.standard_normal((height, width, 1)) * 0.9
        noise = noise + rng.standard_normal((height, width, 3)) * 0.4
        if made.coarse:
            noise = (noise + np.roll(noise, 1, 0) + np.roll(noise, 1, 1)) / np.sqrt(3)
        pictures.append(np.clip(128 + made.grain * noise, 0, 255).round().astype(np.uint8))
    return [Image.fromarray(picture) for picture in pictures]


def _sway(count: int, pixels: float, rng: np.random.Generator) -> np.ndarray:
    """Displacement (t 2) in pixels: tremor, kept within three standard deviations."""
    path = np.zeros((count, 2))
    step = rng.standard_normal((count, 2))
    for i in range(1, count):
        path[i] = 0.8 * path[i - 1] + 0.6 * step[i]
    return pixels * np.clip(path, -3, 3)


def _barred(image: Image.Image, bars: tuple[float, float]) -> Image.Image:
    """The picture, smaller, between black bars above and below or at the sides."""
    if not any(bars):
        return image
    width, height = image.size
    inner = (round(width * (1 - bars[1])), round(height * (1 - bars[0])))
    left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
    crop = image.crop((left, top, left + inner[0], top + inner[1]))
    whole = Image.new("RGB", image.size)
    whole.paste(crop, (left, top))
    return whole
