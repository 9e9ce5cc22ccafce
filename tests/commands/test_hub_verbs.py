"""`hf://` on the command line, as its own process, against a stand-in for the Hub."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sr_core.checkpoint import save_pipeline
from tests.stand_in_hub import TOKEN, StandInHub
from tests.test_cli import sound_of, write_video

ROOT = Path(__file__).parents[2]


@pytest.fixture
def verb(hub: StandInHub, tmp_path):
    """Run a verb as a process whose Hub is the stand-in; gives what came of it."""
    ours = ("HF_", "HUGGING_FACE", "TRANSFORMERS_OFFLINE")
    base = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
    base |= {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "home"), "HF_HUB_DISABLE_XET": "1"}

    def verb(*words: object, **env: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "sr_core", *map(str, words)]
        return subprocess.run(command, cwd=ROOT, env=base | env, capture_output=True, text=True)

    return verb


@pytest.fixture
def clip(tmp_path) -> Path:
    return write_video(tmp_path / "clip.mp4")


@pytest.fixture
def expected(run, clip, tmp_path) -> bytes:
    """The sound of the clip by the tiny model, given as a path."""
    target = tmp_path / "path.mkv"
    assert run("generate", clip, "-o", target)[0] == 0
    return sound_of(target).numpy().tobytes()


@pytest.fixture
def make(verb, clip, tmp_path):
    """The sound that a process gives the clip with the model of an address."""

    def make(address: str, **env: str) -> bytes:
        target = tmp_path / "address.mkv"
        done = verb("generate", clip, "-o", target, "--model", address, **env)
        assert done.returncode == 0, done.stderr
        return sound_of(target).numpy().tobytes()

    return make


def test_a_video_gets_its_sound_from_a_model_on_the_hub_and_again_without_network(
    hub, make, expected, tiny_model, tiny_pipeline, tmp_path
):
    repo = hub.repo("o/r", {"tiny.safetensors": tiny_model.read_bytes()})
    with_first = make("hf://o/r@v1")
    tiny_pipeline.model.head.output.weight.mul_(2)
    other = save_pipeline(tiny_pipeline, tmp_path / "other.safetensors")
    repo.commit({"tiny.safetensors": other.read_bytes()})
    with_main = make("hf://o/r")
    assert with_first == expected and with_main != expected
    hub.requests.clear()
    offline = make("hf://o/r@v1", HF_HUB_OFFLINE="1")
    assert offline == expected and not hub.requests


def test_what_was_pushed_comes_back_and_makes_the_same_sound(hub, verb, make, expected, tiny_model):
    words = ("push", tiny_model, "o/new", "--licence", "apache-2.0", "--private")
    done = verb(*words, HF_TOKEN=TOKEN)
    assert done.returncode == 0, done.stderr
    repo = hub.repos["o/new"]
    commit = repo.refs["main"]
    assert done.stdout == f"hf://o/new/tiny.safetensors@{commit}\n" and repo.private
    files = repo.commits[commit]
    assert files["tiny.safetensors"] == tiny_model.read_bytes() and len(repo.commits) == 2
    card = files["README.md"].decode()
    facts = ["license: apache-2.0", "| stage | consistency |", "--model hf://o/new\n"]
    facts += ["| recommended sampling | 4 steps, guidance 2, method consistency |"]
    for fact in facts:
        assert fact in card
    assert make(done.stdout.strip(), HF_TOKEN=TOKEN) == expected


def test_a_gated_model_is_explained_in_one_line(hub, verb, tiny_model):
    hub.repo("o/gated", {"tiny.safetensors": tiny_model.read_bytes()}, gated=True)
    done = verb("inspect", "hf://o/gated")
    assert done.returncode == 2 and not done.stdout
    told = done.stderr.splitlines()[-1]
    assert told.startswith("error: got hf://o/gated, a gated repository")
    assert f"accept its licence at {hub.url}/o/gated, then log in by `hf auth login`" in told
    assert "Traceback" not in done.stderr
