"""How each file format holds first-order Ambisonics: W, Y, Z, X (ACN, SN3D), and stereo beside it.

The channels keep their order in every format; what differs is the label.

- WAV: no speaker positions (a channel mask of 0), which is what audio workstations expect of AmbiX.
  FLAC has positions for each number of channels (RFC 9639, 9.1.3): four are labelled as quad.
- MOV: PCM without a `chan` box, and SA3D. YouTube wants this or `4.0`, never quad
  (google/spatial-media, issues 117 and 138).
- MP4: AAC of the layout 4.0, channel configuration 4, and SA3D. Quad would be channel configuration
  0 with the channels in a program config element, which the injector of google/spatial-media counts
  as no channels at all. Head-locked stereo would make six: as 5.1 with X in the low-frequency
  channel, or again as configuration 0; it is refused.
- Matroska, WebM: Opus of channel mapping family 2 (RFC 8486), the only label that decoders know.

Noise from one direction, at 512 kb/s: with FFmpeg's default settings of AAC the direction is off by
3 to 7 degrees above 6 kHz (by 40 at 384 kb/s), since intensity stereo and noise substitution, made
for pairs of speakers, replace what W and Y have in common. Without both, and with the coder `fast`,
it is off by 0.7 degrees at most, as with Opus.
"""

from __future__ import annotations

from dataclasses import replace

from ..read.ambisonics import FIELD, LAYOUTS, STEREO
from ..read.source import MediaError
from .container import Container

FOA, WITH_STEREO = FIELD, FIELD + STEREO  # numbers of channels
BIT_RATE = 128_000  # per channel
AAC = {"aac_coder": "fast", "aac_is": "0", "aac_pns": "0"}
OPUS = {"mapping_family": "2"}


def for_ambisonics(container: Container, channels: int) -> Container:
    """The container with the settings for a field of 4 channels, or of 6 with head-locked stereo.

    Raises ValueError for other numbers, MediaError for 6 in MP4.
    """
    if channels not in LAYOUTS:
        raise ValueError(
            f"got Ambisonics of {channels} channels; expected {FOA} (W, Y, Z, X), or {WITH_STEREO} "
            "with head-locked stereo"
        )
    if container.format == "mp4":
        if channels != FOA:
            raise MediaError(
                "got head-locked stereo beside Ambisonics; expected Ambisonics alone in MP4; write "
                "to .mov, .mkv or .webm"
            )
        layouts, rate = {FOA: "4.0"}, BIT_RATE * channels
        return replace(container, layouts=layouts, bit_rate=rate, sound_options=AAC)
    if container.format in ("matroska", "webm"):
        return replace(
            container,
            sound="libopus",
            sample_format="flt",
            layouts=LAYOUTS,
            bit_rate=BIT_RATE * channels,
            sound_options=OPUS,
        )
    return replace(container, layouts=LAYOUTS)
