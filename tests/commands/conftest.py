"""A tiny checkpoint, and the command line over it."""

from __future__ import annotations

from pathlib import Path

import pytest

from sr_core.checkpoint import save_pipeline
from sr_core.cli import main


@pytest.fixture
def tiny_model(tmp_path, tiny_pipeline) -> Path:
    tiny_pipeline.origin = {"stage": "consistency"}
    return save_pipeline(tiny_pipeline, tmp_path / "tiny.safetensors")


@pytest.fixture
def run(tiny_model, capfd):
    """Run a verb with the tiny checkpoint; gives exit code, stdout and stderr."""

    def run(*arguments):
        words = [str(argument) for argument in arguments]
        code = main([*words, "--model", str(tiny_model)])
        return code, *capfd.readouterr()

    return run
