"""Implementation of `push`: uploads a checkpoint and its model card in one commit."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ...checkpoint import read_metadata
from ...hub import CARD, Repository, commit_files, open_repository
from ...hub_address import Address
from ..console import say
from .model_card import model_card


def push(options: argparse.Namespace) -> Address:
    """Run the verb `push`; returns the address of the uploaded checkpoint, with the commit."""
    described = _described(options.checkpoint)
    name = _name(options)
    given = _given(options.card)
    repository = open_repository(options.repo, options.private)
    files: dict[str, Path | bytes] = {name: options.checkpoint}
    if given is not None:
        files[CARD] = given
    elif CARD in repository.files:
        say(f"{CARD} of {options.repo} stays as it is; --card replaces it")
    else:
        address = _address(repository, name)
        text = model_card(options.checkpoint, described, address, options.licence)
        files[CARD] = text.encode()
        if options.licence is None:
            say("the model card names no licence; --licence does, e.g. apache-2.0")
    say(f"uploading {', '.join(files)} to {options.repo}")
    commit = commit_files(repository, files, f"Upload {name}")
    return Address(options.repo, name, commit)


def _described(path: Path) -> dict[str, Any]:
    """Metadata of a checkpoint; ValueError if it is untrained or needs other files."""
    described = read_metadata(path)
    if described["training"].get("stage") == "untrained":
        raise ValueError(
            f"got {path}, which is untrained; expected a trained checkpoint; train it first by "
            "`python -m sr_core train`"
        )
    if described["references"]:
        names = ", ".join(part["file"] for part in described["references"].values())
        raise ValueError(
            f"got {path}, which needs {names} beside it; expected a checkpoint with all its "
            "parts, as nothing else is uploaded; save it without references"
        )
    return described


def _name(options: argparse.Namespace) -> str:
    name = options.file or options.checkpoint.name
    if not name.endswith(".safetensors"):
        raise ValueError(f"got {name}; expected a name that ends in .safetensors; give --file NAME")
    return name


def _given(card: Path | None) -> bytes | None:
    if card is None:
        return None
    if not card.is_file():
        raise ValueError(f"got {card}, which is no file; expected a model card in Markdown")
    return card.read_bytes()


def _address(repository: Repository, name: str) -> Address:
    """The address without the file name if it is the only .safetensors of the repository."""
    others = [file for file in repository.files if file.endswith(".safetensors") and file != name]
    return Address(repository.name, name if others else None)
