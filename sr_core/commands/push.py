"""A trained checkpoint -> a repository on the Hugging Face Hub."""

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

Checkpoint and card go up in one commit; the repository is made where there is none. Without --card
the card is made of what the checkpoint says of itself, or stays as it is where the repository has
one. The last line is the address to use with --model, with the commit. Log in before, by
`hf auth login`, or set HF_TOKEN.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("checkpoint", type=Path, help="a trained checkpoint")
    parser.add_argument("repo", type=repository, metavar="OWNER/REPO", help="where it goes")
    parser.add_argument("--file", help="its name there, .safetensors (default: as it is here)")
    parser.add_argument("--private", action="store_true", help="make a private repository")
    parser.add_argument("--card", type=Path, help="a model card, which replaces one that is there")
    parser.add_argument("--licence", help="for a card that is made here, e.g. apache-2.0")


def repository(text: str) -> str:
    """OWNER/REPO, also written as an address."""
    try:
        address = parse_address(text if text.startswith(SCHEME) else f"{SCHEME}{text}")
    except ValueError:
        address = None
    if address is None or address != Address(address.repo):
        raise argparse.ArgumentTypeError(f"got {text}; expected OWNER/REPO; name a file by --file")
    return address.repo


def run(options: argparse.Namespace) -> int:
    if options.card and options.licence:
        raise ValueError("got --card and --licence; expected one; a card says its licence itself")
    from .work.push import push

    print(push(options))
    return 0
