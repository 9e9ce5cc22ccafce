"""Videos -> the same videos with generated sound."""

from __future__ import annotations

import argparse
import os
import sys
from functools import partial
from pathlib import Path

from ..sampling.settings import CONTEXTS, HISTORIES, METHODS, Settings
from ..spread.spread import Spread, spread
from ..spread.spread import add_arguments as add_spread

HELP = "generate sound for a video, several, or all in a folder; the picture is copied untouched"
EXAMPLES = """\
examples:
  python -m sr_core generate clip.mp4 -o clip-with-sound.mp4 --seed 1
  python -m sr_core generate clips/ -o out/ --model my-model.safetensors --steps 1
  python -m sr_core generate clip.mov -o clip.mov.mkv --old-sound mix --old-gain-db -6
  python -m sr_core generate library/ -o out/ --workers 8 --skip-existing
  python -m sr_core generate /disk/library -o /disk/out --ray auto --device cuda --skip-existing

A library: each worker loads the model once, a bad video stops no other, and a file is whole or not
there, so after a stop the same command with --skip-existing goes on. --ray needs
`pip install "ray[data]"` and this package on every machine, and a disk that all see at one path.
"""
WRITABLE = (".mkv", ".mov", ".mp4", ".webm")
DTYPES = ("float32", "bfloat16", "float16")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("videos", nargs="+", type=video, metavar="VIDEO", help="files or folders")
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        help="the file to write (.mp4 .mov .mkv .webm), or a folder for several videos",
    )
    add_model(parser)
    parser.add_argument(
        "--old-sound",
        choices=("drop", "keep", "mix"),
        default="drop",
        help="what becomes of the video's own sound; keep makes it a second track",
    )
    parser.add_argument("--gain-db", type=float, default=0.0, help="of the new sound")
    parser.add_argument("--old-gain-db", type=float, default=0.0, help="of the old one, with mix")
    parser.add_argument(
        "--skip-existing", action="store_true", help="leave out videos whose output is there"
    )
    add_spread(parser)


def video(text: str) -> Path:
    """A path on the command line; an address, whose video comes once and in order, is none."""
    if "://" in text:
        raise argparse.ArgumentTypeError(
            f"got the address {text}; expected a file, as it is read more than once; download it, "
            f"or use `python -m sr_core stream {text} -o OUT.mkv`"
        )
    return Path(text)


def add_model(parser: argparse.ArgumentParser) -> None:
    """What `Generator` and `settings_of` read: the model, where it runs, how it draws."""
    parser.add_argument("--model", type=Path, help="checkpoint (default: bundled)")
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
    parser.add_argument("--method", choices=METHODS, default=default.method)
    parser.add_argument("--context", choices=CONTEXTS, default=default.context)
    parser.add_argument("--null-history", choices=HISTORIES, default=default.null_history)
    parser.add_argument(
        "--cuts", action="store_true", help="a scene cut is no motion: forget what was before it"
    )


def settings_of(options: argparse.Namespace, length: int | None = 1) -> Settings:
    return Settings(
        steps=options.steps,
        guidance=options.guidance,
        method=options.method,
        context=options.context,
        null_history=options.null_history,
        cuts=options.cuts,
        length=length,
    )


def run(options: argparse.Namespace) -> int:
    from .generator import Generator, device_of
    from .targets import check_overwritten, plan

    where = Spread(options.workers, options.ray, device_of(options).startswith("cuda"))
    settings_of(options)  # what is wrong with them should show before any work
    planned = plan(options.videos, options.output)
    read = [path for path in (options.prompt, options.model) if path]
    check_overwritten(read, [target for _, target in planned])
    jobs = [job for job in planned if not (options.skip_existing and os.path.exists(job[1]))]
    failed = 0
    for done in spread(partial(Generator, options), jobs, where, _paths):
        source, target = done.job
        if done.error is None:
            print(target, flush=True)
        elif len(planned) == 1:
            raise done.error
        else:
            failed += 1
            print(f"error: {source}: {done.error}", file=sys.stderr)
    if len(planned) > 1 or not jobs:
        there = f", {len(planned) - len(jobs)} there before" if options.skip_existing else ""
        count = f"{len(jobs) - failed} of {len(jobs)} videos done, {failed} failed{there}"
        print(count, file=sys.stderr)
    return 2 if failed else 0


def _paths(job: tuple[Path, Path]) -> list[Path]:
    source, target = job
    target.parent.mkdir(parents=True, exist_ok=True)  # else a worker would make its own elsewhere
    return [source, target.parent]
