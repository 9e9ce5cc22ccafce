"""What `pip install .` gives: every package, its files, and the command `soundreactor`."""

from importlib import import_module
from pathlib import Path

import pytest

from sr_core.cli import main

ROOT = Path(__file__).parents[1]
PROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def test_every_package_is_installed():
    listed = PROJECT.split("packages = [", 1)[1].split("]", 1)[0]
    found = [path.parent.relative_to(ROOT) for path in (ROOT / "sr_core").rglob("__init__.py")]
    assert {line.strip(' ",') for line in listed.split("\n")} - {""} == {
        ".".join(folder.parts) for folder in found
    }


def test_the_command_is_the_module():
    script = PROJECT.split("[project.scripts]", 1)[1].split("[", 1)[0]
    name, target = (part.strip(' "\n') for part in script.split("="))
    module, function = target.split(":")
    assert name == "soundreactor" and getattr(import_module(module), function) is main


@pytest.mark.parametrize(
    ("called", "name"),
    [("/usr/bin/soundreactor", "soundreactor"), ("C:/x/soundreactor.exe", "soundreactor")]
    + [("/x/sr_core/__main__.py", "python -m sr_core"), ("pytest", "python -m sr_core")],
)
def test_usage_names_the_command_that_was_typed(called, name, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", [called])
    with pytest.raises(SystemExit):
        main(["inspect", "--help"])
    assert capsys.readouterr().out.startswith(f"usage: {name} inspect")
