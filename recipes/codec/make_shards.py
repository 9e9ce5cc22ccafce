"""Writes the training data of the codec: shards of waveforms in the format of `prepare`.

python -m recipes.codec.make_shards PACKAGES GAME -o DATA [--scenes 1200] [--seed 0]
python -m recipes.codec.make_shards PACKAGES --held-out -o FOLDER

PACKAGES holds a folder per extracted Debian package, GAME the clips of `recipes.freedoom`. Besides
`waveform` every clip has `anchored`: 1 per frame where the latents must stay (game clips at their
own level), 0 elsewhere. The same arguments give the same bytes. With --held-out it writes sound
files of the held-out sources instead, a folder per source, for `recipes.codec.measure`.
"""

from __future__ import annotations

import argparse
import json
import tarfile
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.random import Generator
from safetensors.torch import save

from sr_core.audio.signal import to_stereo
from sr_core.io.read.audio import read_audio, resample
from sr_core.io.write.partial import whole_file, write_text
from sr_core.rates import FRAME_RATE, HOP, SAMPLE_RATE
from sr_core.training.data.shard_writer import add_member
from sr_core.training.data.shards import shard_name

from .held_out import write_held_out
from .scene import Draw, levelled, scene
from .soundfont import read_sample
from .sources import SOURCES, Recording, recordings_of
from .synth import Wave

FRAMES = 240  # per clip
PER_SHARD = 40
SHORTEST = 240  # samples of a recording
LONGEST = 20 * SAMPLE_RATE
GAINED = 0.3  # share of game clips that come a second time, at another level
WEIGHTS = {"sonic-pi": 3.0, "fluid": 3.0, "audiophob": 0.5, "endless-sky": 1.2, "machines": 1.0}


@lru_cache(maxsize=4000)
def read_recording(recording: Recording) -> np.ndarray:  # -> (c s) float32 at 48 kHz, peak 1
    if recording.sample is None:
        waveform, rate = read_audio(recording.path, stereo=True)
    else:
        waveform, rate = read_sample(recording.path, recording.sample)
    waveform = resample(waveform[:, : LONGEST * rate // SAMPLE_RATE], rate, SAMPLE_RATE)
    return (waveform / waveform.abs().max().clamp_min(1e-4)).numpy()


def drawer(packages: Path) -> Draw:
    """Draws a source by its weight, then one of its recordings."""
    sources = [source for source in SOURCES if not source.held_out]
    weights = np.array([WEIGHTS[source.name] for source in sources])
    found = [list(recordings_of(source, packages)) for source in sources]

    def draw(random: Generator) -> Wave:
        while True:
            own = found[random.choice(len(found), p=weights / weights.sum())]
            wave = read_recording(own[random.integers(len(own))])
            if wave.shape[1] >= SHORTEST:
                return wave.astype(np.float64)

    return draw


def scenes(packages: Path, count: int, seed: int, split: str) -> Iterator[tuple[str, Wave, bool]]:
    draw = drawer(packages)
    for number in range(count):
        random = np.random.default_rng([seed, number, len(split)])
        yield f"scene-{seed}-{number:05d}", scene(random, FRAMES * HOP, draw), False


def game_clips(folders: list[Path], seed: int) -> Iterator[tuple[str, Wave, bool]]:
    """Every clip at its own level, anchored; some also at another level, not anchored."""
    for path in sorted(path for folder in folders for path in folder.glob("*.mp4")):
        waveform, rate = read_audio(path, stereo=True)
        if rate != SAMPLE_RATE or waveform.shape[1] < FRAMES * HOP:
            raise ValueError(f"got {path}, {waveform.shape[1]} samples at {rate} Hz; expected 8 s")
        wave = to_stereo(waveform[None])[0, :, : FRAMES * HOP].numpy().astype(np.float64)
        key = f"{path.parent.name}-{path.stem}"
        yield key, wave, True
        random = np.random.default_rng([seed, *key.encode()])
        if random.random() < GAINED:
            yield f"{key}-gain", levelled(random, wave), False


def write_shards(clips: Iterator[tuple[str, Wave, bool]], output: Path, split: str, at: int) -> int:
    """Writes shards from number `at` on; returns the number after the last one."""
    while block := [clip for _, clip in zip(range(PER_SHARD), clips, strict=False)]:
        target, lengths = output / shard_name(split, at), {}
        with whole_file(target) as partial, tarfile.open(partial, "w") as tar:
            for key, wave, anchored in block:
                samples = np.round(np.clip(wave, -1, 1) * 32767).astype(np.int16)
                tensors = {
                    "time": torch.zeros(FRAMES, dtype=torch.uint8),
                    "anchored": torch.full((FRAMES,), int(anchored), dtype=torch.uint8),
                    "waveform": torch.from_numpy(np.ascontiguousarray(samples.T)),
                }
                add_member(tar, f"{key}.json", b"{}")
                add_member(tar, f"{key}.safetensors", save(tensors))
                lengths[key] = FRAMES
        report = {"videos": [], "made": {}, "clips": lengths, "skipped": {}, "moments": {}}
        write_text(target.with_suffix(".json"), json.dumps(report))
        print(f"{target.name}: {len(lengths)} clips of {FRAMES / FRAME_RATE:g} s", flush=True)
        at += 1
    return at


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Write training data of the codec.")
    parser.add_argument("packages", type=Path)
    parser.add_argument("game", type=Path, nargs="*")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--scenes", type=int, default=1200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--split", default="train")
    parser.add_argument("--held-out", action="store_true")
    options = parser.parse_args(argv)
    options.output.mkdir(parents=True, exist_ok=True)
    if options.held_out:
        write_held_out(options.packages, options.output, read_recording)
        return
    made = scenes(options.packages, options.scenes, options.seed, options.split)
    at = write_shards(made, options.output, options.split, 0)
    write_shards(game_clips(options.game, options.seed), options.output, options.split, at)


if __name__ == "__main__":
    main()
