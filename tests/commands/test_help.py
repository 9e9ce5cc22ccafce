"""Help is there at once: what a verb can do is said without loading what it does it with."""

import argparse
import json
import subprocess
import sys

import pytest

from sr_core.cli import build_parser
from sr_core.commands import evaluate, prepare, train
from sr_core.commands.work.train import STAGES
from sr_core.evaluation.metrics.embeddings import LOADERS
from sr_core.training.data.clips import ClipConfig

VERBS = ("generate", "stream", "convert", "inspect", "prepare", "smoke", "train")
VERBS += ("evaluate", "benchmark", "push")
HEAVY = ("torch", "numpy", "av", "PIL", "safetensors", "einops", "tqdm", "ray")
HEAVY += ("huggingface_hub", "yaml")
CODE = """
import json, sys
from sr_core.cli import main
try:
    main(json.loads(sys.argv[1]))
except SystemExit:
    print(json.dumps(sorted(sys.modules)))
"""


@pytest.mark.parametrize(
    "words", [[], *([verb] for verb in VERBS)], ids=lambda words: "".join(words)
)
def test_help_imports_nothing_that_takes_time(words):
    command = [sys.executable, "-c", CODE, json.dumps([*words, "--help"])]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    loaded = json.loads(done.stdout.splitlines()[-1])
    assert "sr_core.cli" in loaded and not set(HEAVY) & set(loaded)


def defaults(command) -> dict:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return {action.dest: action.default for action in parser._actions}


def test_choices_and_defaults_that_help_tells_are_those_of_the_work():
    assert set(train.STAGES) == set(STAGES)
    assert set(evaluate.EMBEDDINGS) == set(LOADERS)
    given, clips = defaults(prepare), ClipConfig()
    for name in ("seconds", "silence_db", "stillness"):
        assert given[name] == getattr(clips, name)


def test_every_verb_is_there():
    (verbs,) = (a for a in build_parser()._actions if isinstance(a, argparse._SubParsersAction))
    assert tuple(verbs.choices) == VERBS
