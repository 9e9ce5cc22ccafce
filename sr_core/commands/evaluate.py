"""The verb `evaluate`: metrics of a checkpoint on clips with sound, and their baselines."""

from __future__ import annotations

import argparse
from pathlib import Path

from .arguments import MODEL, RECOMMENDED, add_method, checkpoint, optional_local, video

HELP = "compare generated sound with the real sound of clips"
EXAMPLES = """\
examples:
  python -m sr_core evaluate --model my-model.safetensors clips/ --seed 1
  python -m sr_core evaluate --model my-model.safetensors clips/ --steps 1 4 --json > out.json
  python -m sr_core evaluate clips/ --method consistency --steps 1 4 --heun 16 --seeds 0 1 2
  python -m sr_core evaluate clips/ --report report/ --export toolkit/ --loop 120
  python -m sr_core evaluate clip.mp4 --loop 1200 --only-loop --steps 1 --report report/

Each metric has a 95 % interval over clips, and these baselines: the clips' own sound (reference),
that sound encoded and decoded by the VAE (codec: the upper limit), another clip's sound (shuffled:
chance), the model without video (nulled), a constant hiss with the median spectrum and level of
the clips, and, for the timing of onsets, how suddenly motion in the picture ends (motion stops).
Dense and quiet clips are also reported apart. NAME.json beside NAME.mp4, if it exists, is the event
log: a clip is quiet if the log says "sparse", or has less than 3 sounds per second.
The paper's KL, IS, IB-score, DeSync, FSAD and Frechet distances per channel need other models'
weights and are not computed: --export writes the files for its toolkit.
"""
EMBEDDINGS = ("clap", "passt", "patches")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("clips", nargs="+", type=video, metavar="CLIP", help="files or folders")
    parser.add_argument("--model", type=checkpoint, help=MODEL)
    _add_seeds(parser)
    parser.add_argument(
        "--steps",
        type=int,
        nargs="+",
        help=f"as in generate; several values give one result each ({RECOMMENDED})",
    )
    parser.add_argument("--guidance", type=float, help=f"as in generate ({RECOMMENDED})")
    add_method(parser)
    parser.add_argument(
        "--heun",
        type=int,
        nargs="+",
        default=[],
        metavar="STEPS",
        help="also a result of the method heun with so many steps, to compare the methods",
    )
    parser.add_argument(
        "--embedding",
        choices=EMBEDDINGS,
        default="patches",
        help="features of Frechet distance and MMD; passt and clap need packages and weights",
    )
    parser.add_argument("--device", help="cuda, mps, cpu (default: the first available)")
    parser.add_argument("--threads", type=int, help="CPU threads (default: 1 for small models)")
    parser.set_defaults(dtype="float32")  # metrics of the model without rounding errors
    parser.add_argument("--json", action="store_true", help="print one JSON object, nothing else")
    parser.add_argument(
        "--per-clip", action="store_true", help="also a table with a row per clip; --json has it"
    )
    parser.add_argument("--export", type=Path, metavar="DIR", help="WAV folders for the toolkit")
    parser.add_argument("--report", type=Path, metavar="DIR", help="report.md and spectrograms")
    _add_loop(parser)


def _add_seeds(parser: argparse.ArgumentParser) -> None:
    seeds = parser.add_mutually_exclusive_group()
    seeds.add_argument(
        "--seed",
        type=int,
        nargs=1,
        default=[0],
        dest="seeds",
        help="random seed; a clip's seed depends on it and the clip's name, see --json (0)",
    )
    seeds.add_argument(
        "--seeds",
        type=int,
        nargs="+",
        metavar="SEED",
        default=argparse.SUPPRESS,
        help="several seeds: a clip's figures are means over them; --report, --export and --loop "
        "use the first",
    )


def _add_loop(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--loop",
        type=float,
        default=0,
        metavar="SECONDS",
        help="also repeat the first clip for so long and measure the drift of its sound",
    )
    parser.add_argument(
        "--only-loop", action="store_true", help="only that; the clip needs no sound"
    )


def run(options: argparse.Namespace) -> int:
    options.model = optional_local(options.model)
    from .work.evaluate import evaluate_clips

    return evaluate_clips(options)
