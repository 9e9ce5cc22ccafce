"""Colour description of a video: bit depth, matrix, primaries, transfer and range."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

if TYPE_CHECKING:
    from av.sidedata.sidedata import SideDataContainer

BT709, LIMITED_RANGE, FULL_RANGE = 1, 1, 2  # numbers of AVColorSpace and AVColorRange
ITU601 = 5  # AVCOL_SPC_SMPTE170M, FFmpeg's default for untagged video
# Side data of frames that no encoder used here writes, by FFmpeg's names.
DOLBY_VISION = "Dolby Vision's configuration"
RECORDS = {
    "DOVI_METADATA": DOLBY_VISION,
    "DOVI_RPU_BUFFER": DOLBY_VISION,
    "DYNAMIC_HDR_PLUS": "HDR10+'s metadata",
    "DYNAMIC_HDR_VIVID": "HDR Vivid's metadata",
    "MASTERING_DISPLAY_METADATA": "the levels of the display it was made on",
    "CONTENT_LIGHT_LEVEL": "its brightest levels",
}
# AVColorSpace numbers that FFmpeg's scaler supports, including RGB (0) and unspecified (2). Frames
# with others (YCgCo, ICtCp, constant luminance ...) are converted with its default matrix.
MATRICES = frozenset({0, 1, 2, 4, 5, 6, 7, 9})


@dataclass(frozen=True)
class Colour:
    """Bits per sample, and FFmpeg's numbers for the rest.

    `kept`: frames are encoded with this colour; others are encoded from 8-bit RGB as BT.709.
    `records`: the metadata that encoding loses.
    """

    bits: int = 8
    kept: bool = False
    matrix: int = BT709
    primaries: int = BT709
    transfer: int = BT709
    range: int = LIMITED_RANGE
    records: tuple[str, ...] = ()


RGB = Colour()


def colour_of(frame: VideoFrame, context: VideoCodecContext, turned: bool) -> Colour:
    """Return the colour of a decoded frame; `turned`: it has a display matrix.

    Only YUV frames of more than 8 bits and even size, without a display matrix, keep it.
    """
    bits = max(component.bits for component in frame.format.components)
    even = frame.width % 2 == frame.height % 2 == 0
    if bits <= 8 or turned or not even or not frame.format.name.startswith("yuv"):
        return Colour(bits, records=records_of(frame))
    return Colour(
        bits,
        True,
        int(frame.colorspace),
        context.color_primaries,
        context.color_trc,
        int(frame.color_range),
        records_of(frame),
    )


def side_data_of(frame: VideoFrame) -> SideDataContainer:
    """Return the frame's side data."""
    return frame.side_data  # type: ignore[return-value]  # PyAV's stub says: motion vectors only


def records_of(frame: VideoFrame) -> tuple[str, ...]:
    """Names of the frame's display metadata in RECORDS, each once."""
    types = (getattr(data.type, "name", "") for data in side_data_of(frame))
    return tuple(dict.fromkeys(RECORDS[name] for name in types if name in RECORDS))


def scaler_matrix(frame: VideoFrame) -> int:
    """Number of the frame's matrix, or the default if the scaler does not support it."""
    own = int(frame.colorspace)
    return own if own in MATRICES else ITU601
