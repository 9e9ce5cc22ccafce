"""Installing our requirements into a host, that COMFYUI_PATH and COMFYUI_PYTHON name."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMFYUI = os.environ.get("COMFYUI_PATH")

pytestmark = [
    pytest.mark.skipif(
        not COMFYUI, reason="needs a ComfyUI checkout in COMFYUI_PATH, and COMFYUI_PYTHON"
    ),
    pytest.mark.slow,
]


def pip(*words: str | Path) -> list | dict:
    python = os.environ.get("COMFYUI_PYTHON") or sys.executable
    command = [python, "-m", "pip", "--disable-pip-version-check", *map(str, words)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def plain(name: str) -> str:
    """The name as PyPI compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def changed(requirements: Path) -> set[tuple[str, str]]:
    """Packages of the host that installing these would replace, and with which version."""
    there = {plain(package["name"]) for package in pip("list", "--format=json")}
    assert "torch" in there
    dry = ("install", "--dry-run", "--quiet", "--report", "-", "--requirement", requirements)
    wanted = [package["metadata"] for package in pip(*dry)["install"]]
    return {(new["name"], new["version"]) for new in wanted if plain(new["name"]) in there}


def test_no_package_of_the_host_is_changed():
    """But for what its own requirements would change: a torch that lacks a newer setuptools."""
    own = changed(Path(COMFYUI) / "requirements.txt")
    assert changed(ROOT / "requirements.txt") <= own
