"""Contact sheets: frames of scenes side by side, to look at."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from .log import FRAME_RATE
from .scene import render_scene
from .scenes import KINDS


def sheet(
    path: Path, kinds: list[str], seeds: list[int], seconds: float, columns: int, dense: bool
) -> None:
    """A row for each scene: frames at equal distances, or from the first impact on if `dense`."""
    rows = []
    for kind in kinds:
        for seed in seeds:
            start = time.process_time()
            frames, log = render_scene(seed, seconds, kind=kind)
            spent = time.process_time() - start
            first = log.impacts[0].time if log.impacts else seconds / 2
            begin = max(int(first * FRAME_RATE) - columns // 2, 0)
            shown = [begin + i for i in range(columns)]
            if not dense:
                shown = np.linspace(0, len(frames) - 1, columns).astype(int).tolist()
            row = Image.fromarray(
                np.concatenate([frames[min(i, len(frames) - 1)] for i in shown], 1)
            )
            text = (
                f"{kind} {seed}: {len(log.impacts)} impacts {len(log.contacts)} contacts "
                f"{len(log.sources)} sources {len(log.misses)} misses {spent:.1f} s"
            )
            ImageDraw.Draw(row).text((3, 3), text, fill=(255, 255, 0))
            print(text, flush=True)
            rows.append(np.asarray(row))
    Image.fromarray(np.concatenate(rows, 0)).save(path)


def main(arguments: list[str] | None = None) -> None:
    import argparse

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sheet", type=Path, required=True)
    parser.add_argument("--kinds", nargs="+", default=["all"], choices=["all", *KINDS])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--columns", type=int, default=6)
    parser.add_argument("--dense", action="store_true", help="successive frames of the first event")
    given = parser.parse_args(arguments)
    kinds = list(KINDS) if "all" in given.kinds else given.kinds
    sheet(given.sheet, kinds, given.seeds, given.seconds, given.columns, given.dense)
