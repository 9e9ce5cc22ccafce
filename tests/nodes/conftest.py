"""The package as a host loads it, on a stub of that host."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import partial
from types import SimpleNamespace

import av
import numpy as np
import pytest

from .comfy_pack import execute, open_pack


@pytest.fixture(scope="session")
def pack(tmp_path_factory) -> Iterator[SimpleNamespace]:
    """What `open_pack` gives."""
    pack = open_pack(tmp_path_factory.mktemp("comfy"))
    yield pack
    for name in pack.stubs:
        del sys.modules[name]


@pytest.fixture
def run(pack):
    """`run("Sampler", model=...)`: execute a node as the host does.

    Widgets that are not set have their defaults, as in the front end.
    """
    pack.host.interrupt_after = None
    pack.host.texts.clear()

    return partial(execute, pack)


@pytest.fixture
def mistakes(pack):
    """`mistakes("LoadFrames", file=..., video=None)`: what the host reports of these inputs."""

    def ask(name: str, graph: dict | None = None, /, **inputs):
        return pack.stub.mistakes(pack.nodes[f"SoundReactor{name}"], graph, **inputs)

    return ask


@pytest.fixture
def write_video():
    """`write_video(path)`: a video of 12 frames at 24 a second, with or without sound."""

    def write(target, frames=12, size=(64, 48), seconds_of_sound=0.0):
        with av.open(target, "w", format="mp4") as file:
            picture = file.add_stream("mpeg4", rate=24)
            picture.width, picture.height, picture.pix_fmt = *size, "yuv420p"
            sound = file.add_stream("aac", rate=48000) if seconds_of_sound else None
            for n in range(frames):
                image = np.full((size[1], size[0], 3), 10 * n, np.uint8)
                file.mux(picture.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
            file.mux(picture.encode(None))
            if sound is not None:
                shape = (2, round(48000 * seconds_of_sound))
                wave = np.random.default_rng(1).uniform(-0.5, 0.5, shape).astype(np.float32)
                frame = av.AudioFrame.from_ndarray(wave, format="fltp", layout="stereo")
                frame.sample_rate, frame.pts = 48000, 0
                file.mux([*sound.encode(frame), *sound.encode(None)])
        return target

    return write


@pytest.fixture
def checkpoint(pack, tiny_pipeline) -> str:
    """A tiny checkpoint in the host's model folder."""
    from sr_core.checkpoint import save_pipeline

    path = pack.base / "models" / "soundreactor" / "tiny.safetensors"
    if not path.exists():
        save_pipeline(tiny_pipeline, path)
    return path.name


@pytest.fixture
def parts(run, checkpoint) -> SimpleNamespace:
    model, vision, vae = run("LoadModel", checkpoint=checkpoint).args
    return SimpleNamespace(model=model, vision=vision, vae=vae)
