"""The verb `generate`: videos -> the same videos with generated sound."""

from __future__ import annotations

import argparse
import os
import sys
from functools import partial
from pathlib import Path

from ..io.choices import OLD_SOUND, WRITABLE
from ..parallel.map_jobs import Placement, map_jobs
from ..parallel.map_jobs import add_arguments as add_placement
from ..parallel.worker import Done
from .arguments import add_model, check_settings, optional_local, video
from .console import say

HELP = "generate sound for one or more videos, or all in a folder; video packets are copied"
EXAMPLES = """\
examples:
  python -m sr_core generate clip.mp4 -o clip-with-sound.mp4 --seed 1
  python -m sr_core generate clips/ -o out/ --model my-model.safetensors --steps 1
  python -m sr_core generate clip.mp4 -o clip-with-sound.mp4 --model hf://owner/model@v1
  python -m sr_core generate clip.mov -o clip.mov.mkv --old-sound mix --old-gain-db -6
  python -m sr_core generate library/ -o out/ --workers 8 --skip-existing
  python -m sr_core generate /disk/library -o /disk/out --ray auto --device cuda --skip-existing

Many videos: each worker loads the model once, an error in one video does not stop the others, and
incomplete files are never left, so after a stop the same command with --skip-existing continues.
A single file has the noise of --seed. With several files, or a folder (also of one video), each
video's seed depends on --seed and the file's name without suffix, as in evaluate. It is printed;
`generate VIDEO --seed` with it gives the same sound.
--ray needs `pip install "ray[data]"` and this package on every machine, and a disk with the same
path on all of them (also for HF_HOME, if --model is an address). A file from the Hugging Face Hub
is downloaded once and cached.
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
        help="handling of the video's own sound; keep: its tracks follow the new one (drop)",
    )
    parser.add_argument(
        "--encode", action="store_true", help="re-encode video that the file cannot hold a copy of"
    )
    parser.add_argument("--gain-db", type=float, default=0.0, help="gain of the new sound (0)")
    parser.add_argument(
        "--old-gain-db", type=float, default=0.0, help="gain of the old sound, with keep or mix (0)"
    )
    parser.add_argument(
        "--skip-existing", action="store_true", help="skip videos whose output exists"
    )
    add_placement(parser)


def run(options: argparse.Namespace) -> int:
    from .work.generate import Generator, device_of
    from .work.targets import check_overwritten, plan, with_seeds

    where = Placement(options.workers, options.ray, device_of(options).startswith("cuda"))
    check_settings(options)
    planned = plan(options.videos, options.output)
    read = [path for path in (options.prompt, options.model) if isinstance(path, Path)]
    check_overwritten(read, [target for _, target in planned])
    left = [job for job in planned if not (options.skip_existing and os.path.exists(job[1]))]
    jobs = with_seeds(left, options.videos, options.seed)
    if jobs:
        options.model = optional_local(options.model)  # once, not by each worker
    failed = 0
    for done in map_jobs(partial(Generator, options), jobs, where, _paths):
        source, target, seed = done.job
        if isinstance(done, Done):
            print(target, flush=True)
            if seed != options.seed:
                say(f"seed of {source}: {seed}")
        elif len(planned) == 1:
            raise done.error
        else:
            failed += 1
            print(f"error: {source}: {done.error}", file=sys.stderr)
    if len(planned) > 1 or not jobs:
        skipped = f", {len(planned) - len(jobs)} there before" if options.skip_existing else ""
        count = f"{len(jobs) - failed} of {len(jobs)} videos done, {failed} failed{skipped}"
        print(count, file=sys.stderr)
    return 2 if failed else 0


def _paths(job: tuple[Path, Path, int]) -> list[Path]:
    source, target, _ = job
    target.parent.mkdir(parents=True, exist_ok=True)  # here: on a worker the path may differ
    return [source, target.parent]
