"""The verb `stream`: a live video -> its sound, in real time."""

from __future__ import annotations

import argparse
import re
import sys
from fractions import Fraction
from pathlib import Path

from .arguments import FORMATS, MUXED, add_model, check_settings, optional_local

HELP = "generate sound while a video plays: a file, a URL, a camera, a screen, a pipe"
EXAMPLES = """\
examples:
  python -m sr_core stream long.mkv -o long-with-sound.mkv --steps 1
  python -m sr_core stream clip.mp4 --play --loop
  python -m sr_core stream v4l2:/dev/video0 -o camera.mp4 --play --steps 1
  python -m sr_core stream x11grab::0.0 --size 1280x720 --rate 30 -o screen.mkv --seconds 600
  my-game | python -m sr_core stream - --size 640x480 --rate 30 --format s16le | aplay -f dat
  python -m sr_core stream clip.mp4 -o - --format matroska | mpv -

INPUT is anything that PyAV opens: a path, a URL, DEVICE:NAME (v4l2, x11grab, avfoundation, dshow,
gdigrab, lavfi; depends on the build of PyAV), or - for raw rgb24 frames on standard input. Sound is
generated when its frame arrives and never depends on later frames; memory use is constant.

The output file has its final name from the first frame on, and grows: after a crash or a kill it
plays up to that point (.mp4 and .mov: fragments of a second, .mkv: clusters). Ctrl-C, SIGTERM and a
closed terminal end the stream with a complete file. Video packets are copied; raw video, and codecs
that the file cannot hold, are encoded.

With --realtime (always on for cameras, screens, live URLs and --play) every frame has a due time.
A frame that is late by one frame period or more is dropped: its sound is generated from the
previous frame. A frame that is late by more than a second gets silence. The report on standard
error counts both.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("input", metavar="INPUT", help="path, URL, DEVICE:NAME, or -")
    parser.add_argument(
        "-o",
        "--output",
        metavar="OUT",
        help="a file (.mp4 .mov .mkv .mka .wav .flac); default, or -: standard output",
    )
    parser.add_argument(
        "--format",
        choices=(*FORMATS, *MUXED),
        default="s16le",
        help="of standard output: raw stereo samples at 48 kHz, or a file format (s16le)",
    )
    parser.add_argument("--play", action="store_true", help="play on the sound card (sounddevice)")
    parser.add_argument("--size", type=_size, metavar="WxH", help="size of raw or device frames")
    parser.add_argument("--rate", type=_rate, help="frames per second of raw or device frames")
    parser.add_argument("--realtime", action="store_true", help="process frames at their due times")
    parser.add_argument("--loop", action="store_true", help="repeat a file without end")
    parser.add_argument("--seconds", type=Fraction, help="end after so many seconds of video")
    parser.add_argument("--gain-db", type=float, default=0.0, help="gain of the sound (0)")
    add_model(parser)


def run(options: argparse.Namespace) -> int:
    check_settings(options, length=None)
    _check(options)
    options.model = optional_local(options.model)
    from .work.stream import stream

    target = stream(options)
    if target is not None:
        print(target, flush=True)
    return 0


def _check(options: argparse.Namespace) -> None:
    """Raise ValueError for invalid combinations of options, before a model is loaded."""
    raw, to_pipe = options.input == "-", options.output in (None, "-")
    if raw and not (options.size and options.rate):
        raise ValueError("got raw frames without --size and --rate; expected both, as 640x480, 30")
    if options.loop and (raw or not Path(options.input).is_file()):
        raise ValueError(f"got --loop with '{options.input}'; expected a file, which can be reread")
    if options.seconds is not None and options.seconds <= 0:
        raise ValueError(f"got --seconds {float(options.seconds):g}; expected more than 0")
    if to_pipe and sys.stdout.isatty() and not options.play:
        raise ValueError("got no output for the sound; give -o FILE, --play, or a pipe to write to")
    if not to_pipe:
        _check_target(options)


def _check_target(options: argparse.Namespace) -> None:
    target = Path(options.output)
    if target.is_dir():
        raise ValueError(f"got {target}, a folder; expected the path of the file to write")
    from .work.targets import check_overwritten

    read = [path for path in (options.prompt, options.model) if isinstance(path, Path)]
    check_overwritten([Path(options.input), *read], [target])


def _size(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"([1-9]\d*)x([1-9]\d*)", text)
    if not found:
        raise argparse.ArgumentTypeError(f"got {text!r}; expected WIDTHxHEIGHT, as 640x480")
    return int(found[1]), int(found[2])


def _rate(text: str) -> Fraction:
    try:
        rate = Fraction(text)
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if rate <= 0:
        raise argparse.ArgumentTypeError(f"got {text!r}; expected a rate, as 30 or 30000/1001")
    return rate
