"""Videos -> the same videos with generated sound."""

from __future__ import annotations

import argparse
import os
import sys
from functools import partial
from pathlib import Path

from ..io.choices import OLD_SOUND, WRITABLE
from ..parallel.map_jobs import Placement, map_jobs
from ..parallel.map_jobs import add_arguments as add_placement
from .arguments import add_model, local, settings_of, video

HELP = "generate sound for a video, several, or all in a folder; the picture is copied untouched"
EXAMPLES = """\
examples:
  python -m sr_core generate clip.mp4 -o clip-with-sound.mp4 --seed 1
  python -m sr_core generate clips/ -o out/ --model my-model.safetensors --steps 1
  python -m sr_core generate clip.mp4 -o clip-with-sound.mp4 --model hf://owner/model@v1
  python -m sr_core generate clip.mov -o clip.mov.mkv --old-sound mix --old-gain-db -6
  python -m sr_core generate library/ -o out/ --workers 8 --skip-existing
  python -m sr_core generate /disk/library -o /disk/out --ray auto --device cuda --skip-existing

A library: each worker loads the model once, a bad video stops no other, and a file is whole or not
there, so after a stop the same command with --skip-existing goes on. --ray needs
`pip install "ray[data]"` and this package on every machine, and a disk that all see at one path
(also for HF_HOME, where --model is an address). What an address names is downloaded once and kept.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("videos", nargs="+", type=video, metavar="VIDEO", help="files or folders")
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        help=f"the file to write ({' '.join(WRITABLE)}), or a folder for several videos",
    )
    add_model(parser)
    parser.add_argument(
        "--old-sound",
        choices=OLD_SOUND,
        default=OLD_SOUND[0],
        help="what becomes of the video's own sound; keep adds its tracks to the new one",
    )
    parser.add_argument(
        "--encode", action="store_true", help="the picture, where the file cannot hold a copy of it"
    )
    parser.add_argument("--gain-db", type=float, default=0.0, help="of the new sound")
    parser.add_argument("--old-gain-db", type=float, default=0.0, help="of the old one, with mix")
    parser.add_argument(
        "--skip-existing", action="store_true", help="leave out videos whose output is there"
    )
    add_placement(parser)


def run(options: argparse.Namespace) -> int:
    from .work.generate import Generator, device_of
    from .work.targets import check_overwritten, plan

    where = Placement(options.workers, options.ray, device_of(options).startswith("cuda"))
    settings_of(options)  # what is wrong with them should show before any work
    planned = plan(options.videos, options.output)
    read = [path for path in (options.prompt, options.model) if isinstance(path, Path)]
    check_overwritten(read, [target for _, target in planned])
    jobs = [job for job in planned if not (options.skip_existing and os.path.exists(job[1]))]
    if jobs:
        options.model = local(options.model)  # once, not by each worker
    failed = 0
    for done in map_jobs(partial(Generator, options), jobs, where, _paths):
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
