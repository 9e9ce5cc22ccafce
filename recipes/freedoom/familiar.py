"""How far videos look from what a checkpoint learned from: 1 is where it begins to warn.

python -m recipes.freedoom.familiar runs/diffusion/model.safetensors clips/val other-footage/
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from sr_core.checkpoint import load_pipeline
from sr_core.io.read.source import videos_in
from sr_core.io.read.video import open_video
from sr_core.pipeline import Pipeline


@torch.inference_mode()
def nearness(pipeline: Pipeline, video: Path) -> float:
    """The first seconds' distance as a share of the limit."""
    look = state = None
    for piece in open_video(video, pipeline.frame_rate).pieces(8):
        grid, state = pipeline.difference(pipeline.vision(piece[None]), state)
        look = pipeline.familiar.add(grid, look)
        if look.frames >= pipeline.familiar.frames:
            break
    distance = pipeline.familiar.distance(look, pipeline.model.grid_scale)
    return float(distance / pipeline.familiar.limit)


def main(model: str, *places: str) -> None:
    pipeline = load_pipeline(model)
    if pipeline.familiar is None:
        raise SystemExit(f"got {model}, which does not know what its clips looked like")
    for place in places:
        far = {video: nearness(pipeline, video) for video in videos_in(Path(place))}
        for video, value in sorted(far.items(), key=lambda item: item[1]):
            print(f"{value:7.2f}  {video}")
        print(f"{place}: {sum(v > 1 for v in far.values())} of {len(far)} would be warned of")


if __name__ == "__main__":
    main(*sys.argv[1:])
