"""A checkpoint on clips with their own sound -> figures beside their baselines."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..sampling.settings import METHODS, Settings
from .arguments import MODEL, checkpoint, local, video

HELP = "measure how well generated sound fits clips whose own sound is known"
EXAMPLES = """\
examples:
  python -m sr_core evaluate --model my-model.safetensors clips/ --seed 1
  python -m sr_core evaluate --model my-model.safetensors clips/ --steps 1 4 --json > out.json
  python -m sr_core evaluate clips/ --report report/ --export toolkit/ --loop 120
  python -m sr_core evaluate clip.mp4 --loop 1200 --only-loop --steps 1 --report report/

Each figure stands beside those of the clips' own sound (reference), that sound through the
codec (the ceiling), another clip's sound (shuffled: chance), the model without a picture
(nulled) and a constant hiss, with its 95 % interval over clips. NAME.json beside NAME.mp4, if
there, is the event log. The paper's KL, IS, IB-score, DeSync, FSAD and Frechet distances per
channel need other models' weights and are not computed: --export writes what its toolkit takes.
"""
EMBEDDINGS = ("clap", "passt", "patches")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    default = Settings()
    parser.add_argument("clips", nargs="+", type=video, metavar="CLIP", help="files or folders")
    parser.add_argument("--model", type=checkpoint, help=MODEL)
    parser.add_argument(
        "--seed",
        type=int,
        default=0,
        help="each clip's own comes from it and from its name, and is in --json (0)",
    )
    parser.add_argument(
        "--steps",
        type=int,
        nargs="+",
        default=[default.steps],
        help=f"as in generate; several are measured side by side ({default.steps})",
    )
    parser.add_argument(
        "--guidance",
        type=float,
        default=default.guidance,
        help=f"as in generate ({default.guidance})",
    )
    parser.add_argument("--method", choices=METHODS, default=default.method)
    parser.add_argument(
        "--embedding",
        choices=EMBEDDINGS,
        default="patches",
        help="what Frechet distance and MMD look at; passt and clap need packages and weights",
    )
    parser.add_argument("--device", help="cpu, cuda, mps (the best there is)")
    parser.add_argument("--threads", type=int, help="of the CPU (1 for small models)")
    parser.set_defaults(dtype="float32")  # figures are of the model, not of rounding
    parser.add_argument("--json", action="store_true", help="print one JSON object, nothing else")
    parser.add_argument("--export", type=Path, metavar="DIR", help="WAV folders for the toolkit")
    parser.add_argument("--report", type=Path, metavar="DIR", help="report.md and spectrograms")
    _add_loop(parser)


def _add_loop(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--loop",
        type=float,
        default=0,
        metavar="SECONDS",
        help="also show the first clip over and over for so long: is its sound stable?",
    )
    parser.add_argument(
        "--only-loop", action="store_true", help="that alone; the clip needs no sound of its own"
    )


def run(options: argparse.Namespace) -> int:
    options.model = local(options.model)
    from .work.evaluate import evaluate_clips

    return evaluate_clips(options)
