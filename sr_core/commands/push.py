"""The verb `push`: a trained checkpoint -> a repository on the Hugging Face Hub."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..hub_address import SCHEME, Address, parse_address

HELP = "upload a trained checkpoint and its model card to the Hugging Face Hub"
EXAMPLES = """\
examples:
  python -m sr_core push runs/tuned/model.safetensors owner/model --licence apache-2.0
  python -m sr_core push runs/tuned/model.safetensors owner/model --private --card README.md
  python -m sr_core push best.safetensors owner/model --file model.safetensors

Checkpoint and card are uploaded in one commit; the repository is created if it does not exist.
Without --card, an existing card is kept, else one is made from the checkpoint's metadata. The last
line printed is the address for --model, with the commit. Log in first with `hf auth login`, or set
HF_TOKEN.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("checkpoint", type=Path, help="a trained checkpoint")
    parser.add_argument("repo", type=repository, metavar="OWNER/REPO", help="target repository")
    parser.add_argument("--file", help="its file name there, .safetensors (default: the same)")
    parser.add_argument("--private", action="store_true", help="create a private repository")
    parser.add_argument("--card", type=Path, help="a model card; replaces an existing one")
    parser.add_argument("--licence", help="licence for a generated card, e.g. apache-2.0")


def repository(text: str) -> str:
    """Argument type of a repository: OWNER/REPO or hf://OWNER/REPO."""
    try:
        address = parse_address(text if text.startswith(SCHEME) else f"{SCHEME}{text}")
    except ValueError:
        address = None
    if address is None or address != Address(address.repo):
        raise argparse.ArgumentTypeError(f"got {text}; expected OWNER/REPO; name a file by --file")
    return address.repo


def run(options: argparse.Namespace) -> int:
    if options.card and options.licence:
        raise ValueError("got --card and --licence; expected one; a card contains its licence")
    from .work.push import push

    print(push(options))
    return 0
