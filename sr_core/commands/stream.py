"""A moving picture -> its sound while it runs."""

from __future__ import annotations

import argparse
import re
import sys
from fractions import Fraction
from pathlib import Path

from .arguments import FORMATS, MUXED, add_model, local, settings_of

HELP = "sound for a picture while it runs: a file, an address, a camera, a screen, a pipe"
EXAMPLES = """\
examples:
  python -m sr_core stream long.mkv -o long-with-sound.mkv --steps 1
  python -m sr_core stream clip.mp4 --play --loop
  python -m sr_core stream v4l2:/dev/video0 -o camera.mp4 --play --steps 1
  python -m sr_core stream x11grab::0.0 --size 1280x720 --rate 30 -o screen.mkv --seconds 600
  my-game | python -m sr_core stream - --size 640x480 --rate 30 --format s16le | aplay -f dat
  python -m sr_core stream clip.mp4 -o - --format matroska | mpv -

INPUT is whatever PyAV opens: a path, an address with ://, DEVICE:NAME (v4l2, x11grab, avfoundation,
dshow, gdigrab, lavfi, as far as PyAV was built with them), or - for raw rgb24 frames on standard
input. Each frame's sound is made when it is there, never later ones looked at; memory stays flat.

The file is written at its own name from the first frame on, and grows: after a crash or a kill it
holds and plays what was there (.mp4 and .mov in fragments of a second, .mkv in clusters). Ctrl-C,
SIGTERM or a closed terminal end the stream with a finished file. The picture is copied beside the
sound; it is encoded where it was raw, or in no codec that the file can hold.

With --realtime, always on for cameras, screens, live addresses and --play, every frame has its turn
by the clock. One that comes too late for its turn is not looked at: its 1/30 s gets the sound of
what was seen last; more than a second behind, silence. The report on standard error counts both.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("input", metavar="INPUT", help="path, address, DEVICE:NAME, or -")
    parser.add_argument(
        "-o",
        "--output",
        metavar="OUT",
        help="a file (.mp4 .mov .mkv .mka .wav .flac); - or nothing: standard output",
    )
    parser.add_argument(
        "--format",
        choices=(*FORMATS, *MUXED),
        default="s16le",
        help="of standard output: plain stereo samples at 48 kHz, or a file's bytes (s16le)",
    )
    parser.add_argument("--play", action="store_true", help="on the sound card (sounddevice)")
    parser.add_argument("--size", type=_size, metavar="WxH", help="of raw frames, or of a device's")
    parser.add_argument("--rate", type=_rate, help="frames a second, of the same")
    parser.add_argument("--realtime", action="store_true", help="pace the picture by the clock")
    parser.add_argument("--loop", action="store_true", help="show a file again and again")
    parser.add_argument("--seconds", type=Fraction, help="end after so much of the picture")
    parser.add_argument("--gain-db", type=float, default=0.0, help="of the sound")
    add_model(parser)


def run(options: argparse.Namespace) -> int:
    settings = settings_of(options, length=None)
    _check(options)
    options.model = local(options.model)
    from .work.stream import stream

    target = stream(options, settings)
    if target is not None:
        print(target, flush=True)
    return 0


def _check(options: argparse.Namespace) -> None:
    """Raise ValueError for what cannot be meant, before a model is loaded."""
    raw, to_pipe = options.input == "-", options.output in (None, "-")
    if raw and not (options.size and options.rate):
        raise ValueError("got raw frames without --size and --rate; expected both, as 640x480, 30")
    if options.loop and (raw or not Path(options.input).is_file()):
        raise ValueError(f"got --loop with '{options.input}'; expected a file, which can be reread")
    if options.seconds is not None and options.seconds <= 0:
        raise ValueError(f"got --seconds {float(options.seconds):g}; expected more than 0")
    if to_pipe and sys.stdout.isatty() and not options.play:
        raise ValueError("got no place for the sound; give -o FILE, --play, or a pipe to write to")
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
