"""How the samples of a picture are meant: bits, matrix, primaries, transfer and range."""

from __future__ import annotations

from dataclasses import dataclass

from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

BT709, LIMITED_RANGE, FULL_RANGE = 1, 1, 2  # numbers of AVColorSpace and AVColorRange
ITU601 = 5  # AVCOL_SPC_SMPTE170M, FFmpeg's own choice for pictures without a tag
# Records beside a frame that no encoder here writes again, by FFmpeg's names.
DOLBY_VISION = "Dolby Vision's configuration"
RECORDS = {
    "DOVI_METADATA": DOLBY_VISION,
    "DOVI_RPU_BUFFER": DOLBY_VISION,
    "DYNAMIC_HDR_PLUS": "HDR10+'s metadata",
    "DYNAMIC_HDR_VIVID": "HDR Vivid's metadata",
    "MASTERING_DISPLAY_METADATA": "the levels of the display it was made on",
    "CONTENT_LIGHT_LEVEL": "its brightest levels",
}
# Numbers of AVColorSpace whose matrices FFmpeg's scaler knows, RGB's and "not said" (2) among them;
# others (YCgCo, ICtCp, constant luminance ...) are seen by its default; packets stay as they are.
MATRICES = frozenset({0, 1, 2, 4, 5, 6, 7, 9})


@dataclass(frozen=True)
class Colour:
    """Bits a sample and FFmpeg's numbers for the rest; `kept` where frames are encoded with it.

    All others go through 8-bit RGB and become BT.709. `records` name what encoding loses.
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
    """Give the colour of a decoded frame; `turned`: it is not shown as it is coded.

    Only frames of more than 8 bits, of even size and upright are encoded as they are.
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


def records_of(frame: VideoFrame) -> tuple[str, ...]:
    """Name what is said beside a frame of how a display should show it, each once."""
    types = (getattr(data.type, "name", "") for data in frame.side_data)
    return tuple(dict.fromkeys(RECORDS[name] for name in types if name in RECORDS))


def scaler_matrix(frame: VideoFrame) -> int:
    """Give the number of the frame's matrix, or the default where the scaler knows it not."""
    own = int(frame.colorspace)
    return own if own in MATRICES else ITU601
