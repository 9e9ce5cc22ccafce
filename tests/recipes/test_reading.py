"""The reader's benchmark, at a size that takes a second."""

import importlib.util
import json
from pathlib import Path

FILE = Path(__file__).parents[2] / "recipes" / "paper" / "reading.py"


def test_both_readers_are_timed_on_the_same_clips(monkeypatch, capsys):
    spec = importlib.util.spec_from_file_location("reading", FILE)
    reading = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(reading)
    monkeypatch.setattr(reading, "PATCHES", 4)
    words = "--frames 20 --batch 8 --accumulate 2 --workers 1 --rounds 1 --compute 0.02"
    assert reading.main(words.split()) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["ratio"] > 0 and found["step_while_computing"] >= found["computing"] == 0.02
