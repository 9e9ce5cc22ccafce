"""What runs in the browser's audio thread, in node."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NODE = shutil.which("node")

pytestmark = pytest.mark.skipif(NODE is None, reason="needs node on the PATH")


def test_the_tape_and_its_ring_hold_what_they_promise():
    command = [NODE, "--test", str(Path(__file__).with_name("tape.test.mjs"))]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("path", [*(ROOT / "web").rglob("*.js"), *(ROOT / "web").rglob("*.mjs")])
def test_every_script_can_be_parsed(path):
    subprocess.run([NODE, "--check", str(path)], check=True, timeout=60)


def test_after_an_update_no_module_is_taken_from_the_browser_s_cache_unasked():
    listed = re.search(r"MODULES = (\[.*?\]);", (ROOT / "web/live.js").read_text(encoding="utf-8"))
    assert sorted(json.loads(listed[1])) == sorted(f.stem for f in (ROOT / "web").rglob("*.mjs"))
