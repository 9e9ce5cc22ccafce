"""What goes to the ComfyUI registry: enough to work alone, nothing that its scanner objects to."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
REFUSED = {"subprocess", "unittest", "os.system", "os.popen", "eval", "exec", "MagicMock"}


def published() -> list[str]:
    """Files of the repository less those that .comfyignore names, as folders or whole names."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    left_out = (ROOT / ".comfyignore").read_text(encoding="utf-8").split()
    folders = tuple(name for name in left_out if name.endswith("/"))
    return [
        n for n in listed.stdout.splitlines() if n not in left_out and not n.startswith(folders)
    ]


def names_in(tree: ast.AST) -> set[str]:
    """Modules that are imported, and functions that are called by their plain or dotted name."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {(node.module or "").split(".")[0], *(alias.name for alias in node.names)}
        elif isinstance(node, ast.Call):
            found.add(ast.unparse(node.func))
    return found


def test_nothing_is_published_that_a_scanner_objects_to():
    files = [name for name in published() if name.endswith(".py")]
    assert len(files) > 150
    for name in files:
        tree = ast.parse((ROOT / name).read_text(encoding="utf-8"))
        assert not names_in(tree) & REFUSED, name


def test_what_is_refused_would_be_found():
    for text in ("import subprocess", "from unittest.mock import MagicMock", "eval('1')"):
        assert names_in(ast.parse(text)) & REFUSED
    assert not names_in(ast.parse("model.eval()")) & REFUSED


def test_tests_and_tools_stay_at_home():
    files = published()
    assert not [name for name in files if name.startswith(("tests/", ".ci/", ".github/"))]
    needed = {"__init__.py", "LICENSE", "README.md", "pyproject.toml", "requirements.txt"}
    assert needed < set(files)
    assert {"sr_core/assets/micro.safetensors", "web/docs/SoundReactorLive.md"} < set(files)


def test_every_pattern_leaves_something_out():
    for pattern in (ROOT / ".comfyignore").read_text(encoding="utf-8").split():
        assert (ROOT / pattern).exists(), pattern


@pytest.mark.slow
def test_the_archive_works_alone(tmp_path):
    for name in published():
        target = tmp_path / "pack" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, target)
    words = ["-m", "sr_core", "generate", "sr_core/assets/sample.mp4", "-o", "out.mp4"]
    done = subprocess.run(
        [sys.executable, *words, "--steps", "1"],
        cwd=tmp_path / "pack",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "pack" / "out.mp4").stat().st_size > 10_000
