"""Reading first-order Ambisonics from sound and video files."""

from __future__ import annotations

from torch import Tensor

from ...spatial.conventions import Convention, convert
from ...spatial.sound import SpatialSound
from .ambisonics import FIELD, STEREO, ambisonics_of
from .audio import read_audio, sound_stream
from .channel_layout import CUSTOM, layout_of
from .source import MediaError, Source, name_of, open_source


def read_foa(source: Source, convention: Convention = "ambix") -> tuple[SpatialSound, int]:
    """Decode the first sound of a file as a field (1 4 s), W Y Z X with SN3D, and its rate.

    `convention`: that of a file that states none: WAV, FLAC, and others without SA3D or an
    ambisonic layout. Of six channels the last two are head-locked stereo (AmbiX only). Raises
    MediaError for other numbers of channels, ValueError for an unknown convention.
    """
    with open_source(source) as container:
        layout = layout_of(sound_stream(container, source))
    stated = ambisonics_of(source, 0, layout)
    waveform, rate = read_audio(source)
    channels = len(waveform)
    if channels not in (FIELD, FIELD + STEREO) or (stated and len(stated.components) != channels):
        raise MediaError(
            f"{name_of(source)} has {channels} channels; expected {FIELD} of first-order "
            f"Ambisonics, or {FIELD + STEREO} with head-locked stereo; choose another file"
        )
    if stated and not CUSTOM.fullmatch(layout):  # else FFmpeg has told the order already
        waveform = waveform[[stated.components.index(n) for n in range(channels)]]
    elif not stated and channels != FIELD and convention != "ambix":
        raise MediaError(
            f"{name_of(source)} has {channels} channels; expected {FIELD} of '{convention}'; only "
            "AmbiX has head-locked stereo beside it"
        )
    field = waveform[None, :FIELD]
    head_locked: Tensor | None = waveform[None, FIELD:] if channels > FIELD else None
    if not stated:
        field = convert(field, convention, "ambix")
    return SpatialSound(field, head_locked), rate
