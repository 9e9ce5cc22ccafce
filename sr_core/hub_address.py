"""Addresses of files on the Hugging Face Hub for the command line."""

from __future__ import annotations

import re
from dataclasses import dataclass

SCHEME = "hf://"
FORM = "hf://OWNER/REPO[/FILE][@REVISION]"
_PARTS = re.compile(r"hf://([\w.-]+/[\w.-]+)(?:/([^@]+))?(?:@([^@]+))?")
_OTHER_KINDS = ("datasets", "spaces", "buckets", "models")  # reserved, not names of owners
_WEIGHTS = (".safetensors", ".ckpt", ".pth")


@dataclass(frozen=True)
class Address:
    """A file of a model repository; `file` None: its only .safetensors, `revision` None: main."""

    repo: str
    file: str | None = None
    revision: str | None = None

    def __str__(self) -> str:
        file = f"/{self.file}" if self.file else ""
        return f"{SCHEME}{self.repo}{file}" + (f"@{self.revision}" if self.revision else "")


def parse_address(text: str) -> Address:
    """Parse an address; ValueError if it is not one of a file of a model repository."""
    found = _PARTS.fullmatch(text)
    if not found or not _is_plain(*found.groups()):
        raise ValueError(
            f"got {text}; expected {FORM}, a file of a model repository; write for example "
            f"{SCHEME}owner/model or {SCHEME}owner/model/model.safetensors@main"
        )
    return Address(*found.groups())


def _is_plain(repo: str, file: str | None, revision: str | None) -> bool:
    """Return whether the parts are in order, without "." or ".." and other repository kinds."""
    parts = f"{repo}/{file or ''}/{revision or ''}".split("/")
    return not (
        {".", ".."} & set(parts)
        or parts[0] in _OTHER_KINDS
        or (revision or "").endswith(_WEIGHTS)  # hf://owner/model@main/model.safetensors
    )
