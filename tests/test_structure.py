"""The data's one-way road: a file imports only from lower floors."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FLOORS = [
    {"layers", "config", "io", "spread"},
    {"vision", "model", "audio"},
    {"sampling"},
    {"checkpoint"},
    {"convert", "parts"},
    {"training", "evaluation"},
    {"benchmark"},
    {"commands"},
    {"cli"},
    {"__main__"},
]
FLOOR = {name: number for number, names in enumerate(FLOORS) for name in names}
FILES = sorted(p for p in (ROOT / "sr_core").rglob("*.py") if p.name != "__init__.py")


def wing(path: Path) -> str:
    part = path.relative_to(ROOT / "sr_core").parts[0]
    return part.removesuffix(".py")


def imported_wings(path: Path) -> set[str]:
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    wings = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - node.level + 1]
            full = [*base, *(node.module or "").split(".")] if node.module else list(base)
            heads = [full[1]] if len(full) > 1 else [alias.name for alias in node.names]
            wings.update(heads)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names = (
                [node.module] if isinstance(node, ast.ImportFrom) else [n.name for n in node.names]
            )
            assert not any(name.split(".")[0] in ("sr_core", "nodes") for name in names), (
                f"{path} imports the package by an absolute name"
            )
    return wings


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_file_imports_only_from_lower_floors(path):
    own = wing(path)
    above = {w for w in imported_wings(path) if w != own and FLOOR[w] >= FLOOR[own]}
    assert not above, f"{own} is on floor {FLOOR[own]} and imports {above}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_files_and_functions_stay_readable(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 250
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            length = node.end_lineno - node.lineno + 1
            limit = 120 if (path.name, node.name) == ("loop.py", "train") else 40
            assert length <= limit, f"{node.name} has {length} lines"


def test_the_lists_of_requirements_agree():
    listed = (ROOT / "requirements.txt").read_text(encoding="utf-8").split()
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    block = project.split("dependencies = [", 1)[1].split("]", 1)[0]
    assert [line.strip(' ",') for line in block.split("\n") if line.strip()] == listed
    assert not any(mark in line for line in listed for mark in "=<>~"), (
        "inside a host nothing moves"
    )


def test_no_module_of_ours_imports_torchaudio_at_its_top():
    for path in FILES:
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            names = [alias.name for alias in getattr(node, "names", [])]
            assert "torchaudio" not in [getattr(node, "module", ""), *names], path
