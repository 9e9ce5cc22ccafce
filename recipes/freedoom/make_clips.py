"""Make gameplay clips: pictures at 30 a second, sound at 48 kHz that is exact to the frame.

python -m recipes.freedoom.make_clips --out data/train --split train --hours 3
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import os
import shutil
import statistics
import sys
import time
from collections.abc import Iterable, Iterator
from concurrent import futures
from pathlib import Path

from sr_core.io.write.partial import write_text

from .check import check_clip, test_shots
from .clips import Info, make_clip
from .engine import VERSION
from .plan import SPARSE_SHARE, Options
from .splits import SPLITS

NOTICE = Path(__file__).with_name("NOTICE.txt")
REFRESH = 30.0  # seconds between two writings of the manifest


def arguments(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Make gameplay clips with sound that is exact to the frame.",
        epilog="A clip depends on split, seed, index, seconds and sparse share alone. Clips that "
        "are there already are kept, so the same command goes on where it was stopped.",
    )
    add = parser.add_argument
    add("--out", type=Path, help="folder for the clips and manifest.jsonl")
    add("--split", choices=sorted(SPLITS), default="train", help="which maps; default train")
    add("--seed", type=int, default=0, help="another seed, other clips; default 0")
    add("--clips", type=int, help="how many")
    add("--hours", type=float, help="or how much play")
    add("--first", type=int, default=0, help="index of the first clip; default 0")
    add("--seconds", type=float, default=10.0, help="length of a clip; default 10")
    add("--sparse", type=float, default=SPARSE_SHARE, help="share of clips without the map's "
        f"monsters, with few and clear sounds; default {SPARSE_SHARE}")  # fmt: skip
    add("--aside", action="store_true", help="only clips of one or two monsters that are "
        "watched from the corner of the eye: sounds from left and right")  # fmt: skip
    add("--workers", type=int, default=max(1, (os.cpu_count() or 2) - 1), help="processes")
    add("--check", action="store_true", help="fire test shots: is this machine exact? then stop")
    add("--verify", type=Path, metavar="FOLDER", help="decode and check its clips, then stop")
    return parser.parse_args(argv)


def made(args: argparse.Namespace, options: Options, count: int) -> Iterator[Info]:
    """The clips as they get done, in any order; failures are told and left out."""
    context = multiprocessing.get_context("spawn")  # the engine's threads do not survive a fork
    with futures.ProcessPoolExecutor(args.workers, mp_context=context) as pool:
        jobs = [
            pool.submit(make_clip, args.out, options, index)
            for index in range(args.first, args.first + count)
        ]
        for job in futures.as_completed(jobs):
            try:
                yield job.result()
            except RuntimeError as error:
                print(error, file=sys.stderr, flush=True)


def write_manifest(folder: Path, rows: list[Info]) -> None:
    """One line a clip, in the order of their names, written whole or not at all."""
    lines = [json.dumps(row) + "\n" for row in sorted(rows, key=lambda row: row["file"])]
    write_text(folder / "manifest.jsonl", "".join(lines))


def make(args: argparse.Namespace) -> int:
    options = Options(args.split, args.seed, args.seconds, args.sparse, args.aside)
    count = args.clips or math.ceil(args.hours * 3600 / args.seconds)
    args.out.mkdir(parents=True, exist_ok=True)
    shutil.copy(NOTICE, args.out)
    return collect(args.out, made(args, options, count), count)


def collect(folder: Path, clips: Iterable[Info], count: int) -> int:
    """Write the manifest of `count` clips as they get done; 0 if all of them did."""
    kept = {film.name for film in folder.glob("*.mp4")}
    rows: list[Info] = []
    began = told = time.monotonic()
    for row in clips:
        rows.append(row)
        if time.monotonic() - told > REFRESH or len(rows) == count:
            told = time.monotonic()
            write_manifest(folder, rows)
            fresh = [row for row in rows if row["file"] not in kept]
            print(f"{len(rows)} of {count} clips; {progress(fresh, told - began)}", flush=True)
    write_manifest(folder, rows)
    return 0 if len(rows) == count else 1


def progress(fresh: list[Info], seconds: float) -> str:
    """How fast the clips that were not there before are made."""
    play = sum(row["frames"] / row["fps"] for row in fresh)
    speed = play / seconds
    return f"{play / 60:.1f} min of play in {seconds / 60:.1f} min ({speed:.1f} x real time)"


def verify(folder: Path) -> int:
    """Check all clips of the manifest; 0 if nothing is wrong."""
    lines = (folder / "manifest.jsonl").read_text(encoding="ascii").splitlines()
    bad, onsets = 0, []
    for row in map(json.loads, lines):
        wrong, found = check_clip(folder / row["file"])
        onsets += found
        bad += bool(wrong)
        for line in wrong:
            print(f"{row['file']}: {line}")
    print(f"{len(lines)} clips, {bad} bad")
    if onsets:
        middle = statistics.median(onsets)
        print(
            f"{len(onsets)} shots out of silence: heard from sample {min(onsets)} to "
            f"{max(onsets)} of their frame on, median {middle:.0f}"
        )
    return int(bad > 0)


def main(argv: list[str] | None = None) -> int:
    args = arguments(argv)
    if args.verify:
        return verify(args.verify)
    import vizdoom

    if vizdoom.__version__ != VERSION:
        print(f"made for vizdoom {VERSION}, this is {vizdoom.__version__}: see --check")
    if args.check:
        shots = test_shots()
        print(*shots, sep="\n")
        return 0 if all(shot.exact for shot in shots) else 1
    if args.out is None or not (args.clips or args.hours):
        raise SystemExit("expected --out and one of --clips, --hours")
    return make(args)


if __name__ == "__main__":
    raise SystemExit(main())
