"""Implementation of `prepare`: writes shards of clips."""

from __future__ import annotations

import argparse
import filecmp
import shutil
import sys
from collections import Counter
from dataclasses import replace
from functools import partial
from pathlib import Path

from tqdm import tqdm

from ...checkpoint import sha256
from ...components import load_vision, save_part
from ...io.read.source import videos_in
from ...io.write.partial import whole_file
from ...parallel.map_jobs import Placement, map_jobs
from ...parallel.worker import Failed
from ...rates import FRAME_RATE
from ...training.data.clips import ClipConfig
from ...training.data.pca_fit import fit_vision, read_backbone, vision_config
from ...training.data.shard_layout import check_folder
from ...training.data.shard_writer import ShardJob, ShardMaker, plan
from ..arguments import optional_local


def prepare(options: argparse.Namespace) -> int:
    """Run the verb `prepare`; returns the exit status."""
    where = Placement(options.workers, options.ray, gpu=options.device.startswith("cuda"))
    found = [video for place in options.videos for video in videos_in(place, deep=True)]
    videos = list(dict.fromkeys(found))  # unique: a folder may be given with its parent
    output: Path = options.output
    output.mkdir(parents=True, exist_ok=True)
    for name in ("vision", "dinov2", "efficientnet", "vae"):
        setattr(options, name, optional_local(getattr(options, name)))
    jobs = _jobs(options, videos)
    for shard in check_folder(output, jobs, options.split):
        print(f"removed {shard}: its videos are in other shards now", file=sys.stderr)
        shard.with_suffix(".json").unlink()
        shard.unlink(missing_ok=True)
    vision, vae = _vision(options, videos), _kept(options.vae, output / "vae.safetensors")
    parts = _hash(vision), _hash(vae)
    jobs = [replace(job, parts=parts) for job in jobs]
    clips: Counter[str] = Counter()
    skipped: list[tuple[str, str]] = []
    failed: list[str] = []
    with tqdm(total=len(jobs), unit="shard", file=sys.stderr) as bar:
        for done in map_jobs(partial(ShardMaker, vision, vae, options.device), jobs, where, _paths):
            bar.update(1)
            if isinstance(done, Failed):
                failed.append(f"{done.job.target}: {done.error}")
                continue
            report = done.result
            clips.update(frames=sum(report["clips"].values()), clips=len(report["clips"]))
            skipped.extend(report["skipped"].items())
    for line in failed:
        print(f"error: {line}", file=sys.stderr)
    for name, reason in sorted(skipped):
        print(f"skipped {name}: {reason}", file=sys.stderr)
    hours = clips["frames"] / FRAME_RATE / 3600
    print(f"{clips['clips']} clips, {hours:.2f} hours, {len(skipped)} skipped", file=sys.stderr)
    print(output)
    return 0 if clips["clips"] and not failed else 2


def _jobs(options: argparse.Namespace, videos: list[Path]) -> list[ShardJob]:
    """The shard jobs, with placeholders for the hashes of encoders (the PCA is not fitted yet)."""
    encoder = options.vision or options.dinov2 or options.efficientnet or options.patches
    base = ShardJob(
        target="",
        videos=(),
        clips=ClipConfig(options.seconds, options.silence_db, options.stillness),
        keep_waveform=options.keep_waveform,
        mirror=options.mirror,
        parts=("to be fitted" if encoder else None, "to be kept" if options.vae else None),
    )
    shards = plan(videos, options.output, options.split, options.held_out, options.per_shard)
    return [replace(base, target=target, videos=members) for target, members in shards]


def _paths(job: ShardJob) -> list[str | Path]:
    return [Path(job.target).parent, *job.videos]


def _vision(options: argparse.Namespace, videos: list[Path]) -> str | None:
    """Path of the encoder's file in the output folder; fits the PCA if the file does not exist."""
    target = options.output / "vision.safetensors"
    if options.vision:
        return _kept(options.vision, target)
    if not (options.dinov2 or options.efficientnet or options.patches):
        return None
    if options.patches and options.frame:
        raise ValueError("got --frame with --patches, which has the size; expected one of them")
    backbone, frame = read_backbone(options.dinov2, options.efficientnet, options.patches)
    config = vision_config(backbone, options.frame or frame, options.channels)
    if not target.exists():
        save_part(fit_vision(videos, config, backbone, options.device), target)
    elif (found := load_vision(target).config) != config:
        raise ValueError(
            f"got {config} for {target}, which is {found}; expected the same; choose another -o, "
            "or give --vision with that file"
        )
    return str(target)


def _hash(path: str | None) -> str | None:
    return None if path is None else sha256(Path(path))


def _kept(source: Path | None, target: Path) -> str | None:
    """Copy an encoder or VAE file into the shards' folder; returns the path of the copy."""
    if source is None:
        return None
    if not source.is_file():
        raise ValueError(f"got {source}, which is no file; expected a safetensors file of ours")
    if not target.exists():
        with whole_file(target) as copy:
            shutil.copyfile(source, copy)
    elif not filecmp.cmp(source, target, shallow=False):
        raise ValueError(
            f"got {source}, which is not the {target.name} that {target.parent} was prepared with; "
            "expected the same; choose another -o"
        )
    return str(target)
