"""The nodes' time a frame while other programs use the processor: python tests/nodes/busy.py

On the stub of a host, with the bundled model, torch on all its threads as a host leaves it.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from sr_core.benchmark.spin import spinning  # noqa: E402
from tests.nodes.comfy_pack import execute, open_pack  # noqa: E402

TURNS, FRAMES = 3, 180  # of the sample clip
SETTINGS = {"seed": 0, "steps": 4, "guidance": 2.0}


def ways(base: Path) -> dict[str, Callable[[], object]]:
    """Runs over the sample clip, each anew, with reading the file and all that a node does."""
    pack = open_pack(base)

    def run(name: str, **inputs: object) -> tuple:
        return execute(pack, name, **inputs).args

    host = pack.module("host")
    (micro,) = [name for name in host.checkpoint_names() if "micro" in name]
    model, vision, vae = run("LoadModel", checkpoint=micro)
    clip = {"file": host.SAMPLE, "fps": 0.0}
    frames, _, _ = run("LoadFrames", **clip)

    def chain():
        grid = run("TemporalDifference", grid=run("VisionEncoder", frames=frames, vision=vision)[0])
        latent = run("Sampler", model=model, grid=grid[0], **SETTINGS)[0]
        return run("VAEDecode", latent=latent, vae=vae)

    return {
        "API (step)": lambda: stepped(model.loaded.pipeline, frames),
        "Live": lambda: run("Live", model=model, frames=frames, **SETTINGS),
        "Sampler and its chain": chain,
        "Video to Sound": lambda: run("VideoToSound", **clip, checkpoint=micro, **SETTINGS),
    }


def stepped(pipeline, frames) -> None:
    from custom_nodes_soundreactor.sr_core.sampling.settings import Settings

    state = pipeline.start(Settings(steps=4, guidance=2.0), 0)
    for image in frames.pieces(1):
        _, state = pipeline.step(image[None], state)


def seconds(way: Callable[[], object]) -> float:
    began = time.perf_counter()
    with torch.inference_mode():
        way()
    return time.perf_counter() - began


def main() -> None:
    print(f"{'':24}{'quiet ms':>10}{'busy ms':>10}{'busy/quiet':>12}")
    with tempfile.TemporaryDirectory() as base:
        for name, way in ways(Path(base)).items():
            way()
            quiet, busy = [], []
            for _ in range(TURNS):
                quiet.append(seconds(way))
                with spinning(torch.get_num_threads()):
                    busy.append(seconds(way))
            one, two = (1000 * statistics.median(times) / FRAMES for times in (quiet, busy))
            print(f"{name:24}{one:10.1f}{two:10.1f}{two / one:12.2f}", flush=True)


if __name__ == "__main__":
    main()
