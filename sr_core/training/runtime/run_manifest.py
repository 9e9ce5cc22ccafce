"""Identity of a run: its settings, and fingerprints of its inputs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...checkpoint import sha256
from ...config import to_dict
from ...io.write.partial import write_text
from ..data.shards import reports_of

# Settings that may change when a run resumes.
FREE = {
    f"loop.{name}"
    for name in ("steps", "log_every", "save_every", "show_every", "accumulate", "workers")
}

Origin = Mapping[str, str] | None  # address and commit of a downloaded checkpoint


@dataclass(frozen=True)
class RunManifest:
    """Settings from `to_dict`; fingerprints of the data and of the initial checkpoint; the origin
    of that checkpoint (address, commit, sha256) if it was downloaded."""

    settings: dict[str, Any]
    sources: dict[str, str | None] = field(default_factory=dict)
    origin: dict[str, str] = field(default_factory=dict)

    def as_json(self) -> str:
        return json.dumps(
            {"settings": self.settings, "sources": self.sources, "origin": self.origin}
        )

    def check(self, before: str, path: Path) -> None:
        """Raises ValueError where `before` (from `as_json`) differs; the message lists changes."""
        record = json.loads(before)
        old, new = _flat(record.get("settings", {})), _flat(self.settings)
        names = [name for name in old | new if name not in FREE]
        changed = [f"{n} {old.get(n)} -> {new.get(n)}" for n in names if old.get(n) != new.get(n)]
        known = record.get("sources", {})
        changed += [f"other contents of {n}" for n, x in self.sources.items() if known.get(n) != x]
        if changed:
            raise ValueError(
                f"got another run than the one in {path} ({', '.join(changed)}); expected the same "
                "in order to resume it; choose another output folder (with --init to start from "
                "this one's checkpoint), or delete that file to begin anew"
            )

    def write(self, directory: Path) -> None:
        """Writes config.json (for `--config`), and init.json with the origin of `--init`."""
        write_text(directory / "config.json", json.dumps(self.settings, indent=2) + "\n")
        if self.origin:
            write_text(directory / "init.json", json.dumps(self.origin, indent=2) + "\n")


def describe(run: Any, data: Path, init: Path | None, origin: Origin = None) -> RunManifest:
    """The manifest of a run with settings `run` on the shards in `data`; `init` may be None."""
    digest = None if init is None else sha256(init)
    sources = {"the data": _fingerprint(data), "--init": digest}
    return RunManifest(to_dict(run), sources, {**origin, "sha256": digest or ""} if origin else {})


def _fingerprint(data: Path) -> str:
    """Digest of the reports of the training split, and of the encoders that made its shards."""
    digest = hashlib.sha256()
    for path in sorted([*reports_of(data, "train"), *data.glob("*.safetensors")]):
        digest.update(f"{path.name} {sha256(path)}\n".encode())
    return digest.hexdigest()


def _flat(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in tree.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = value
    return flat
