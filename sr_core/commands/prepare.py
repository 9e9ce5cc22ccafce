"""Videos -> what training reads."""

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

from ..checkpoint import sha256
from ..io.container import whole_file
from ..io.source import videos_in
from ..parts import load_vision, save_part
from ..spread.spread import Spread, spread
from ..spread.spread import add_arguments as add_spread
from ..training.clips import ClipConfig
from ..training.folder import check_folder
from ..training.prepare import ShardJob, ShardMaker, plan
from ..training.vision_fit import fit_vision, vision_config

HELP = "cut videos with sound into clips and cache what training reads of them"
EXAMPLES = """\
examples:
  python -m sr_core prepare footage/ -o data --dinov2 dinov2.safetensors --vae vae.safetensors
  python -m sr_core prepare footage/ -o sound                (waveforms, to train a VAE on)
  python -m sr_core prepare footage/ -o seen --keep-frames 112x196
  python -m sr_core prepare footage/ -o data --patches 7x98x126 --vae runs/vae/vae.safetensors

DINOv2 and the official VAE: `python -m sr_core convert --help` says where they are to be had.
Without DINOv2, --patches takes raw patches as features, and `train vision` makes a small encoder
of frames kept with --keep-frames: 112x196 takes 66 kB a frame, 7 GB an hour, and the waveform is
kept beside them.
Without a VAE, `train vae` makes one.
The same command again goes on where it was stopped.

  python -m sr_core prepare /disk/footage -o /disk/data --dinov2 dinov2.safetensors --workers 16
  python -m sr_core prepare /disk/footage -o /disk/data --dinov2 dinov2.safetensors --ray auto

A shard is made on one thread: use --workers for as many as there are cores, or --device cuda: the
encoders run there, and a few workers keep it busy with decoded frames. --ray needs
`pip install "ray[data]"` and this package on every machine, and a disk that all see at one path.
The shards are the same bytes whoever makes them on a CPU. WebDataset and any tar program read them.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "videos", nargs="+", type=Path, metavar="VIDEO", help="files, or folders with all in them"
    )
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder for the shards")
    seen = parser.add_mutually_exclusive_group()
    seen.add_argument("--vision", type=Path, help="a vision encoder, or a checkpoint with one")
    seen.add_argument("--dinov2", type=Path, help="converted DINOv2; its PCA is fitted here")
    seen.add_argument("--patches", metavar="SIDExHEIGHTxWIDTH", help="raw patches, e.g. 7x98x126")
    seen.add_argument(
        "--keep-frames",
        metavar="HEIGHTxWIDTH",
        type=frame_size,
        help="the frames themselves, to train a vision encoder on: 3 bytes a pixel",
    )
    parser.add_argument("--vae", type=Path, help="a VAE, or a checkpoint with one")
    parser.add_argument("--channels", type=int, default=59, help="of the PCA (59)")
    parser.add_argument("--frame", default="224x392", help="HEIGHTxWIDTH seen by DINOv2 (224x392)")
    parser.add_argument("--split", default="auto", help="train, val, ...; auto draws by source")
    parser.add_argument("--held-out", type=float, default=0.05, help="share of sources for val")
    length = "of a clip (8); what is left of a video after its last whole one is left out"
    parser.add_argument("--seconds", type=float, default=8.0, help=length)
    parser.add_argument("--silence-db", type=float, default=ClipConfig.silence_db)
    parser.add_argument("--stillness", type=float, default=ClipConfig.stillness)
    parser.add_argument(
        "--mirror",
        action="store_true",
        help="each video also in a mirror, left and right swapped, so that no side is preferred",
    )
    parser.add_argument("--keep-waveform", action="store_true", help="beside the latents")
    parser.add_argument("--per-shard", type=int, default=32, help="videos a shard (32)")
    where = "cpu, or cuda: encodes 64 frames at once; with --workers GPUs are taken in turn (cpu)"
    parser.add_argument("--device", default="cpu", help=where)
    add_spread(parser)


def run(options: argparse.Namespace) -> int:
    where = Spread(options.workers, options.ray, gpu=options.device.startswith("cuda"))
    found = [video for place in options.videos for video in videos_in(place, deep=True)]
    videos = list(dict.fromkeys(found))  # a folder may be given beside the one that it is in
    output: Path = options.output
    output.mkdir(parents=True, exist_ok=True)
    jobs = _jobs(options, videos)
    for shard in check_folder(output, jobs, options.split):
        print(f"removed {shard}: its videos are in other shards now", file=sys.stderr)
        shard.with_suffix(".json").unlink()
        shard.unlink(missing_ok=True)
    vision, vae = _vision(options, videos), _kept(options.vae, output / "vae.safetensors")
    prints = tuple(path and sha256(Path(path)) for path in (vision, vae))
    jobs = [replace(job, parts=prints) for job in jobs]
    clips, skipped, failed = Counter(), [], []
    with tqdm(total=len(jobs), unit="shard", file=sys.stderr) as bar:
        for done in spread(partial(ShardMaker, vision, vae, options.device), jobs, where, _paths):
            bar.update(1)
            if done.error:
                failed.append(f"{done.job.target}: {done.error}")
                continue
            report = done.result
            clips.update(frames=sum(report["clips"].values()), clips=len(report["clips"]))
            skipped.extend(report["skipped"].items())
    for line in failed:
        print(f"error: {line}", file=sys.stderr)
    for name, reason in sorted(skipped):
        print(f"skipped {name}: {reason}", file=sys.stderr)
    hours = clips["frames"] / 30 / 3600
    print(f"{clips['clips']} clips, {hours:.2f} hours, {len(skipped)} skipped", file=sys.stderr)
    print(output)
    return 0 if clips["clips"] and not failed else 2


def _jobs(options: argparse.Namespace, videos: list[Path]) -> list[ShardJob]:
    """Shards to be, of parts whose contents are not known yet: of PCAs that are not fitted."""
    seen = options.vision or options.dinov2 or options.patches
    base = ShardJob(
        target="",
        videos=(),
        clips=ClipConfig(options.seconds, options.silence_db, options.stillness),
        keep_waveform=options.keep_waveform or options.keep_frames is not None,
        frame=options.keep_frames,
        mirror=options.mirror,
        parts=("to be fitted" if seen else None, "to be kept" if options.vae else None),
    )
    shards = plan(videos, options.output, options.split, options.held_out, options.per_shard)
    return [replace(base, target=target, videos=members) for target, members in shards]


def _paths(job: ShardJob) -> list[str | Path]:
    return [Path(job.target).parent, *job.videos]


def frame_size(text: str) -> tuple[int, int]:
    height, width = (int(part) for part in text.split("x"))
    if min(height, width) < 1:
        raise ValueError
    return height, width


def _vision(options: argparse.Namespace, videos: list[Path]) -> str | None:
    """The encoder's file in the output folder; fitted now if it has to be."""
    target = options.output / "vision.safetensors"
    if options.vision:
        return _kept(options.vision, target)
    if not (options.dinov2 or options.patches):
        return None
    config = vision_config(options.dinov2, options.patches, options.frame, options.channels)
    if not target.exists():
        save_part(fit_vision(videos, config, options.dinov2, options.device), target)
    elif (there := load_vision(target).config) != config:
        raise ValueError(
            f"got {config} for {target}, which is {there}; expected the same; choose another -o, "
            "or give --vision with that file"
        )
    return str(target)


def _kept(source: Path | None, target: Path) -> str | None:
    """Copy a part beside the shards, so that they and what made them stay together."""
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
