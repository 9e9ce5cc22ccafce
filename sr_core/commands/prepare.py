"""The verb `prepare`: videos -> shards of clips for training."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..parallel.map_jobs import add_arguments as add_placement
from .arguments import checkpoint, video

HELP = "cut videos with sound into clips and cache their features and latents for training"
EXAMPLES = """\
examples:
  python -m sr_core prepare footage/ -o data --dinov2 dinov2.safetensors --vae vae.safetensors
  python -m sr_core prepare footage/ -o sound                (waveforms, to train a VAE on)
  python -m sr_core prepare footage/ -o data --efficientnet efficientnet.safetensors
  python -m sr_core prepare footage/ -o data --patches 7x98x126 --vae runs/vae/vae.safetensors

Sources of DINOv2, EfficientNet-Lite0 and the official VAE: `python -m sr_core convert --help`.
--efficientnet, 0.7 M parameters, takes about 10 ms per frame on one CPU core; --patches needs no
weights and uses raw patches as features.
Without a VAE, `train vae` trains one. --vision, --dinov2, --efficientnet and --vae also accept
hf://OWNER/REPO[/FILE][@REVISION].
After a stop, the same command continues.

  python -m sr_core prepare /disk/footage -o /disk/data --dinov2 dinov2.safetensors --workers 16
  python -m sr_core prepare /disk/footage -o /disk/data --dinov2 dinov2.safetensors --ray auto

One thread makes a shard: use one worker per core, or --device cuda, which runs the encoders on the
GPU, with a few workers to decode frames for it. --ray needs `pip install "ray[data]"` and this
package on every machine, and a disk with the same path on all of them. On a CPU, the
bytes of a shard do not depend on the worker. WebDataset and any tar program can read shards.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "videos", nargs="+", type=video, metavar="VIDEO", help="files, or folders with subfolders"
    )
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder for the shards")
    features = parser.add_mutually_exclusive_group()
    features.add_argument("--vision", type=checkpoint, help="an encoder, or a checkpoint with one")
    features.add_argument(
        "--dinov2", type=checkpoint, help="converted DINOv2; its PCA is fitted to these videos"
    )
    features.add_argument(
        "--efficientnet",
        type=checkpoint,
        help="converted EfficientNet-Lite; its PCA is fitted to these videos",
    )
    features.add_argument(
        "--patches", metavar="SIDExHEIGHTxWIDTH", help="raw patches, e.g. 7x98x126"
    )
    parser.add_argument("--vae", type=checkpoint, help="a VAE, or a checkpoint with one")
    parser.add_argument("--channels", type=int, default=59, help="PCA channels (59)")
    size = "HEIGHTxWIDTH of the backbone's input (DINOv2: 224x392, EfficientNet: 112x144)"
    parser.add_argument("--frame", help=size)
    _add_clips(parser)
    parser.add_argument(
        "--mirror",
        action="store_true",
        help="add a mirrored copy of each video, left and right swapped in picture and sound",
    )
    parser.add_argument("--keep-waveform", action="store_true", help="store the waveform too")
    parser.add_argument("--per-shard", type=int, default=32, help="videos per shard (32)")
    where = "cpu, or cuda: encodes 64 frames at once; --workers are spread over all GPUs (cpu)"
    parser.add_argument("--device", default="cpu", help=where)
    add_placement(parser)


def _add_clips(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--split", default="auto", help="train, val, ...; auto: drawn per source (auto)"
    )
    parser.add_argument(
        "--held-out", type=float, default=0.05, help="share of sources for val (0.05)"
    )
    length = "duration of a clip (8); a shorter rest of a video is left out"
    parser.add_argument("--seconds", type=float, default=8.0, help=length)
    silence = "RMS in dB below which a clip is left out as silent (-60)"
    parser.add_argument("--silence-db", type=float, default=-60.0, help=silence)
    stillness = "mean change between frames, of 255, below which a clip is static, left out (0.3)"
    parser.add_argument("--stillness", type=float, default=0.3, help=stillness)


def run(options: argparse.Namespace) -> int:
    from .work.prepare import prepare

    return prepare(options)
