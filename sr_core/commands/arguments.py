"""Arguments that several verbs have, and what they may be."""

from __future__ import annotations

import argparse
import re
from fractions import Fraction
from pathlib import Path

from ..hub import local_file
from ..hub_address import SCHEME, Address, parse_address
from ..sampling.settings import CONTEXTS, HISTORIES, METHODS, Settings
from .console import say

DTYPES = ("float32", "bfloat16", "float16")
FORMATS = ("s16le", "f32le")  # plain samples
MODEL = "checkpoint: a path, or hf://OWNER/REPO[/FILE][@REVISION] (default: bundled)"
MUXED = {"matroska": ".mkv", "mp4": ".mp4", "wav": ".wav"}


def video(text: str) -> Path:
    """A path on the command line; an address, whose video comes once and in order, is none."""
    if "://" in text:
        raise argparse.ArgumentTypeError(
            f"got the address {text}; expected a file, as it is read more than once; download it, "
            f"or use `python -m sr_core stream {text} -o OUT.mkv`"
        )
    return Path(text)


def checkpoint(text: str) -> Path | Address:
    """A weights file on the command line: a path, or an address of the Hugging Face Hub."""
    if not text.startswith(SCHEME):
        return Path(text)
    try:
        return parse_address(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def local(place: Path | Address | None) -> Path | None:
    """The path of a weights file that an option names: an address is downloaded now."""
    return local_file(place, say).path if isinstance(place, Address) else place


def add_model(parser: argparse.ArgumentParser) -> None:
    """What `Generator` and `settings_of` read: the model, where it runs, how it draws."""
    parser.add_argument("--model", type=checkpoint, help=MODEL)
    _add_choices(parser)
    parser.add_argument("--prompt", type=Path, help="sound to continue from (its end is heard)")
    parser.add_argument("--device", help="cuda, mps, cpu (default: the best there is)")
    parser.add_argument("--threads", type=int, help="of the CPU (default: 1 for small models)")
    parser.add_argument("--dtype", choices=DTYPES, help="of the model (default: bfloat16 on CUDA)")


def _add_choices(parser: argparse.ArgumentParser) -> None:
    default = Settings()
    parser.add_argument("--seed", type=int, default=0, help="which of the possible sounds (0)")
    parser.add_argument(
        "--steps",
        type=int,
        default=default.steps,
        help=f"1-4: speed against quality; with heun 16 is good ({default.steps})",
    )
    parser.add_argument(
        "--guidance",
        type=float,
        default=default.guidance,
        help=f"how strictly the sound follows the picture; 1 is none ({default.guidance})",
    )
    parser.add_argument(
        "--text",
        type=_text,
        action="append",
        default=[],
        metavar="[SECONDS:]TEXT",
        help="words for the sound from there on, where the model reads text; may be repeated",
    )
    parser.add_argument("--method", choices=METHODS, default=default.method)
    parser.add_argument("--context", choices=CONTEXTS, default=default.context)
    parser.add_argument("--null-history", choices=HISTORIES, default=default.null_history)


def _text(given: str) -> tuple[Fraction, str]:
    """A text from the beginning on, or SECONDS:TEXT."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?):(.*)", given, re.DOTALL)
    return (Fraction(found[1]), found[2]) if found else (Fraction(0), given)


def settings_of(options: argparse.Namespace, length: int | None = 1) -> Settings:
    return Settings(
        steps=options.steps,
        guidance=options.guidance,
        method=options.method,
        context=options.context,
        null_history=options.null_history,
        length=length,
    )
