"""Arguments shared by several verbs, and their types."""

from __future__ import annotations

import argparse
import re
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from ..hub import local_file
from ..hub_address import SCHEME, Address, parse_address
from ..sampling.recommended import MOST_STEPS, STEPS, chosen
from ..sampling.settings import CONTEXTS, HISTORIES, METHODS, Settings
from .console import say

DTYPES = ("float32", "bfloat16", "float16")
FORMATS = ("s16le", "f32le")  # raw samples
MODEL = "checkpoint: a path, or hf://OWNER/REPO[/FILE][@REVISION] (default: bundled)"
RECOMMENDED = "default: as the checkpoint recommends"
MUXED = {"matroska": ".mkv", "mp4": ".mp4", "wav": ".wav"}


def video(text: str) -> Path:
    """Argument type of a video path; a URL is an error, as it can be read only once."""
    if "://" in text:
        raise argparse.ArgumentTypeError(
            f"got the URL {text}; expected a file, as it is read more than once; download it, "
            f"or use `python -m sr_core stream {text} -o OUT.mkv`"
        )
    return Path(text)


def checkpoint(text: str) -> Path | Address:
    """Argument type of a weights file: a path, or an address of the Hugging Face Hub."""
    if not text.startswith(SCHEME):
        return Path(text)
    try:
        return parse_address(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def local(place: Path | Address) -> Path:
    """The local path of a weights file; an address is downloaded now."""
    return local_file(place, say).path if isinstance(place, Address) else place


def optional_local(place: Path | Address | None) -> Path | None:
    """As `local`; None for an option that was not given."""
    return None if place is None else local(place)


def add_model(parser: argparse.ArgumentParser) -> None:
    """Add the options that `Generator` and `settings_of` read: model, device, sampling."""
    parser.add_argument("--model", type=checkpoint, help=MODEL)
    _add_choices(parser)
    parser.add_argument("--prompt", type=Path, help="sound file to continue from (its end)")
    parser.add_argument("--device", help="cuda, mps, cpu (default: the first available)")
    parser.add_argument("--threads", type=int, help="CPU threads (default: 1 for small models)")
    parser.add_argument("--dtype", choices=DTYPES, help="model dtype (default: bfloat16 on CUDA)")


def _add_choices(parser: argparse.ArgumentParser) -> None:
    default = Settings()
    parser.add_argument("--seed", type=int, default=0, help="random seed (0)")
    parser.add_argument(
        "--steps",
        type=int,
        help="sampling steps: 1-4 with consistency, fewer are faster; about "
        f"{STEPS['heun']} with heun ({RECOMMENDED})",
    )
    parser.add_argument(
        "--guidance",
        type=float,
        help=f"guidance scale: strength of the video's influence; 1: off ({RECOMMENDED})",
    )
    parser.add_argument(
        "--text",
        type=_text,
        action="append",
        default=[],
        metavar="[SECONDS:]TEXT",
        help="text prompt from SECONDS on, if the model supports text; repeatable",
    )
    add_method(parser)
    parser.add_argument("--context", choices=CONTEXTS, default=default.context)
    parser.add_argument("--null-history", choices=HISTORIES, default=default.null_history)


def add_method(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--method",
        choices=METHODS,
        help=f"sampling method ({RECOMMENDED}; without --steps another method has "
        f"{STEPS['consistency']} steps with consistency, {STEPS['heun']} with heun)",
    )


def _text(given: str) -> tuple[Fraction, str]:
    """Parse TEXT (from 0 s on) or SECONDS:TEXT."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?):(.*)", given, re.DOTALL)
    return (Fraction(found[1]), found[2]) if found else (Fraction(0), given)


def settings_of(
    options: argparse.Namespace, recommended: Settings, length: int | None = 1
) -> Settings:
    """The settings of `add_model`'s options for a checkpoint with these recommended settings."""
    settings = chosen(recommended, options.steps, options.guidance, options.method)
    context, history = options.context, options.null_history
    return replace(settings, context=context, null_history=history, length=length)


def check_settings(options: argparse.Namespace, length: int | None = 1) -> None:
    """Raise ValueError for options that are invalid for every checkpoint, before one is loaded."""
    settings_of(options, MOST_STEPS, length)
