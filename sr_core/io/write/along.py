"""The other streams of a video's file, taken along into the target."""

from __future__ import annotations

from contextlib import ExitStack, closing

from ..read.source import is_cover
from ..read.source_audio import SourceAudio, amplified
from .copied import kept_tags
from .extras import keep_attachments, keep_chapters, warn_of_rest
from .feed import Feed, Origin


def take_along(
    feed: Feed, origin: Origin, old_sound: str, gain_db: float, stack: ExitStack
) -> None:
    """Add the source's other streams; warns of those that the target cannot hold."""
    kept = {origin.stream.index}
    sounds = [stream.index for stream in origin.container.streams.audio]
    if old_sound == "keep":
        kept |= _keep_sounds(feed, origin, gain_db, stack)
    else:  # no warning for sounds that are dropped on request
        kept |= set(sounds if old_sound == "drop" else sounds[:1])
    _keep_rest(feed, origin, kept)


def _keep_sounds(feed: Feed, origin: Origin, gain_db: float, stack: ExitStack) -> set[int]:
    """Add the old sounds: packets are copied if the format allows and the gain is 0 dB.

    Returns their stream indices.
    """
    kept: set[int] = set()
    for n, stream in enumerate(origin.container.streams.audio):
        if gain_db == 0 and feed.copy(stream):
            kept.add(stream.index)
        elif n == 0 or stream.codec_context is not None:
            old = SourceAudio(origin.frames.source, origin.frames.info.start, n)
            stack.enter_context(closing(old))
            track = feed.add_sound(amplified(old.pieces(), gain_db))
            track.stream.metadata.update(kept_tags(stream))
            kept.add(stream.index)
    return kept


def _keep_rest(feed: Feed, origin: Origin, kept: set[int]) -> None:
    source, name = origin.container, origin.frames.source
    keep_chapters(source, feed.output, origin.frames.info)
    kept |= keep_attachments(source, name, feed.output, feed.container)
    kept |= {stream.index for stream in source.streams.subtitles if feed.copy(stream)}
    covers = filter(is_cover, source.streams.video)
    kept |= {stream.index for stream in covers if feed.copy_cover(stream)}
    warn_of_rest(source, name, feed.container, kept, feed.lost)
