"""Make clips of rooms: pictures at 30 a second, sound at 48 kHz that is computed from the contacts.

python -m recipes.rooms.make_clips --out data/rooms --split train --hours 1
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import os
import sys
from collections.abc import Iterator
from concurrent import futures
from pathlib import Path

from sr_core.rates import HOP

from ..freedoom.check import decode
from ..freedoom.make_clips import collect
from .clips import SPLITS, Info, Options, make_clip

SIZE = (200, 150)
TASKS = 50  # clips that a process makes, at most


def arguments(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Make clips of everyday events with sound that is exact to the frame.",
        epilog="A clip depends on split, seed, index, seconds, size and kind alone. Clips that are "
        "there already are kept, so the same command goes on where it was stopped.",
    )
    add = parser.add_argument
    add("--out", type=Path, help="folder for the clips and manifest.jsonl")
    add("--split", choices=sorted(SPLITS), default="train", help="range of seeds; default train")
    add("--seed", type=int, default=0, help="another seed, other clips; default 0")
    add("--clips", type=int, help="how many")
    add("--hours", type=float, help="or how much")
    add("--first", type=int, default=0, help="index of the first clip; default 0")
    add("--seconds", type=float, default=10.0, help="length of a clip; default 10")
    add("--size", type=_size, default=SIZE, help="of a frame; default 200x150")
    add("--kind", help="only this kind of scene; default: all, by their shares")
    add("--workers", type=int, default=max(1, (os.cpu_count() or 2) - 1), help="processes")
    add("--verify", type=Path, metavar="FOLDER", help="decode and check its clips, then stop")
    return parser.parse_args(argv)


def _size(text: str) -> tuple[int, int]:
    width, height = map(int, text.split("x"))
    return width, height


def made(args: argparse.Namespace, options: Options, count: int) -> Iterator[Info]:
    """The clips as they get done, in any order; failures are told and left out."""
    context = multiprocessing.get_context("spawn")  # graphics do not survive a fork
    indices = range(args.first, args.first + count)
    # New processes now and then: graphics libraries do not return all of their memory. An executor
    # with `max_tasks_per_child` would stop here: Python 3.11 deadlocks where it replaces a process.
    for start in range(0, count, TASKS * args.workers):
        with futures.ProcessPoolExecutor(args.workers, mp_context=context) as pool:
            some = indices[start : start + TASKS * args.workers]
            jobs = {pool.submit(make_clip, args.out, options, index): index for index in some}
            for job in futures.as_completed(jobs):
                error = job.exception()
                if error is None:
                    yield job.result()
                else:
                    print(f"no clip {jobs[job]}: {error!r}", file=sys.stderr, flush=True)


def make(args: argparse.Namespace) -> int:
    options = Options(args.split, args.seed, args.seconds, args.size, args.kind)
    count = args.clips or math.ceil(args.hours * 3600 / args.seconds)
    args.out.mkdir(parents=True, exist_ok=True)
    return collect(args.out, made(args, options, count), count)


def check_clip(film: Path) -> list[str]:
    """What is wrong with a clip."""
    info = json.loads(film.with_suffix(".json").read_text(encoding="ascii"))
    frames, sound = decode(film)
    wrong = []
    if frames != info["frames"]:
        wrong.append(f"{frames} pictures instead of {info['frames']}")
    if len(sound) != info["frames"] * HOP:
        wrong.append(f"{len(sound)} samples instead of {info['frames'] * HOP}")
    if abs(sound).max() < 1e-4:
        wrong.append("not even a noise floor")
    if abs(sound).max() > 0.999:
        wrong.append("clipped")
    return wrong


def verify(folder: Path) -> int:
    """Check all clips of the manifest; 0 if nothing is wrong."""
    lines = (folder / "manifest.jsonl").read_text(encoding="ascii").splitlines()
    bad = 0
    for row in map(json.loads, lines):
        wrong = check_clip(folder / row["file"])
        bad += bool(wrong)
        for line in wrong:
            print(f"{row['file']}: {line}")
    print(f"{len(lines)} clips, {bad} bad")
    return int(bad > 0)


def main(argv: list[str] | None = None) -> int:
    args = arguments(argv)
    if args.verify:
        return verify(args.verify)
    if args.out is None or not (args.clips or args.hours):
        raise SystemExit("expected --out and one of --clips, --hours")
    return make(args)


if __name__ == "__main__":
    raise SystemExit(main())
