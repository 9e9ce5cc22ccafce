"""The one-way road: a file imports only from lower floors, and no import leads in a circle."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FLOORS = [  # rooms, by the longest name that a module begins with
    {
        "sr_core.config",
        "sr_core.rates",
        "sr_core.layers",
        "sr_core.parallel",
        "sr_core.spatial",
        "sr_core.io.choices",
    },
    {"sr_core.hub_address"},
    {"sr_core.hub_refusal"},
    {"sr_core.sampling", "sr_core.io.read"},
    {"sr_core.io.write"},
    {"sr_core.io.live"},
    {"sr_core.vision", "sr_core.models", "sr_core.audio"},
    {"sr_core.pipeline"},
    {"sr_core.engine"},
    {"sr_core.checkpoint", "sr_core.hub", "sr_core.soundtrack"},
    {"sr_core.convert", "sr_core.components"},
    {"sr_core.convert_efficientnet"},
    {"sr_core.training.seeding", "sr_core.evaluation.metrics"},
    {"sr_core.training.data", "sr_core.evaluation.protocol"},
    {"sr_core.training.tasks", "sr_core.evaluation.report"},
    {"sr_core.training.runtime"},
    {"sr_core.training", "nodes"},
    {"sr_core.benchmark"},
    {"sr_core.commands.console"},
    {"sr_core.commands.arguments"},
    {"sr_core.commands.work"},
    {"sr_core.commands"},
    {"sr_core.commands.work.smoke"},
    {"sr_core.commands.smoke"},
    {"sr_core.cli"},
    {"sr_core.__main__"},
]
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
FILES = sorted(p for wing in ("sr_core", "nodes") for p in (ROOT / wing).rglob("*.py"))
READ = [p for p in FILES if p.name != "__init__.py"]


def named(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {named(path): path for path in FILES}


def room(module: str) -> str:
    return max((name for name in FLOOR if f"{module}.".startswith(f"{name}.")), key=len)


@cache
def imported(path: Path) -> frozenset[str]:
    """The package's own modules that a file imports, anywhere in it."""
    package = named(path).split(".")[: None if path.name == "__init__.py" else -1]
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - node.level + 1]
            base = [*base, *(node.module or "").split(".")] if node.module else base
            full = [".".join([*base, alias.name]) for alias in node.names]
            found.update(name if name in MODULES else ".".join(base) for name in full)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names = (
                [node.module] if isinstance(node, ast.ImportFrom) else [n.name for n in node.names]
            )
            assert not any(name.split(".")[0] in ("sr_core", "nodes") for name in names), (
                f"{path} imports the package by an absolute name"
            )
    return frozenset(found & set(MODULES))


@pytest.mark.parametrize("path", READ, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_file_imports_only_from_lower_floors(path):
    own = room(named(path))
    above = {
        name
        for name in imported(path) - {"sr_core", "nodes"}
        if room(name) != own and FLOOR[room(name)] >= FLOOR[own]
    }
    assert not above, f"{own} is on floor {FLOOR[own]} and imports {above}"


def test_every_file_has_a_floor_and_every_floor_a_file():
    assert {room(named(path)) for path in READ} == set(FLOOR)


def circle(module: str, road: tuple[str, ...], clear: set[str]) -> tuple[str, ...]:
    """Modules that import one another on from this one; () where it leads nowhere back."""
    if module in road:
        return (*road[road.index(module) :], module)
    for name in imported(MODULES[module]) - clear:
        if found := circle(name, (*road, module), clear):
            return found
    clear.add(module)
    return ()


def test_no_import_leads_back_to_where_it_began():
    clear: set[str] = set()
    for module in sorted(MODULES):
        found = circle(module, (), clear)
        assert not found, " -> ".join(found)


@pytest.mark.parametrize("path", READ, ids=lambda p: str(p.relative_to(ROOT)))
def test_files_and_functions_stay_readable(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 250
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            length = node.end_lineno - node.lineno + 1
            limit = 120 if (path.name, node.name) == ("loop.py", "train") else 40
            if node.name in ("define_schema", "source_inputs"):
                limit = 60  # a list of inputs
            assert length <= limit, f"{node.name} has {length} lines"


def test_the_lists_of_requirements_agree():
    listed = (ROOT / "requirements.txt").read_text(encoding="utf-8").split()
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    block = project.split("dependencies = [", 1)[1].split("]", 1)[0]
    assert [line.strip(' ",') for line in block.split("\n") if line.strip()] == listed
    assert not any(mark in line for line in listed for mark in "=<>~"), (
        "inside a host nothing moves"
    )
    tests = (ROOT / "requirements-test.txt").read_text(encoding="utf-8").split()
    extra = project.split("\ntest = [", 1)[1].split("]\n", 1)[0]
    assert [name.strip(' "') for name in extra.split(",")] == tests


def packages(nodes: Iterable[ast.AST]) -> set[str]:
    """The packages that these statements import, of those that are not ours."""
    plain = (alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names)
    parts = (node.module for node in nodes if isinstance(node, ast.ImportFrom) and not node.level)
    return {name.split(".")[0] for name in (*plain, *parts)}


def test_torchaudio_is_imported_in_one_function():
    importing = []
    for name, path in MODULES.items():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        assert "torchaudio" not in packages(tree.body), f"{name} imports it at its top"
        importing += [name] * ("torchaudio" in packages(list(ast.walk(tree))))
    assert importing == ["sr_core.audio.torchaudio_loader"]


def reached(module: str) -> set[str]:
    """A module and all that it imports, anywhere in it."""
    found, new = set(), {module}
    while new:
        found |= new
        new = {name for own in new for name in imported(MODULES[own])} - found
    return found


def test_generating_never_gets_to_torchaudio():
    """In nodes, nor in the verbs that make sound or tell what a checkpoint is."""
    verbs = {f"sr_core.commands.{name}" for name in ("generate", "stream")}
    verbs |= {f"sr_core.commands.work.{name}" for name in ("generate", "stream")}
    verbs |= {"sr_core.commands.inspect", "sr_core.commands.convert"}
    for module in sorted(verbs | {name for name in MODULES if name.startswith("nodes.")}):
        assert "sr_core.audio.torchaudio_loader" not in reached(module), module
    assert "sr_core.audio.torchaudio_loader" in reached("sr_core.commands.evaluate")
