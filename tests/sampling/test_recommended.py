"""What a checkpoint recommends, what the user gives, and which of the two is used."""

from __future__ import annotations

import argparse
import json

import pytest

from sr_core.commands import benchmark, evaluate, generate, stream
from sr_core.models.soundreactor.generator import SoundReactorGenerator
from sr_core.sampling.recommended import chosen, entry_of, in_words, parse_entry
from sr_core.sampling.settings import Settings

TUNED, HEUN = Settings(2, 1.5), Settings(24, 3.0, "heun")


@pytest.mark.parametrize(
    ("recommended", "given", "expected"),
    [
        (TUNED, {}, (2, 1.5, "consistency")),
        (HEUN, {}, (24, 3.0, "heun")),
        (TUNED, {"steps": 4}, (4, 1.5, "consistency")),
        (TUNED, {"guidance": 0.0}, (2, 0.0, "consistency")),
        (TUNED, {"method": "heun"}, (16, 1.5, "heun")),
        (TUNED, {"method": "consistency"}, (2, 1.5, "consistency")),
        (TUNED, {"method": "heun", "steps": 2}, (2, 1.5, "heun")),
        (HEUN, {"method": "heun"}, (24, 3.0, "heun")),
        (HEUN, {"method": "consistency"}, (4, 3.0, "consistency")),
        (HEUN, {"steps": 8}, (8, 3.0, "heun")),
        (Settings(), {"steps": 4, "guidance": 2.0, "method": "consistency"}, (4, 2, "consistency")),
    ],
    ids=str,
)
def test_what_is_given_goes_before_what_is_recommended(recommended, given, expected):
    assert chosen(recommended, **given) == Settings(*expected)


@pytest.mark.parametrize(
    ("recommended", "given", "message"),
    [
        (TUNED, {"steps": 8}, "got 8 steps; expected 1 to 4 with consistency; method 'heun'"),
        (HEUN, {"steps": 8, "method": "consistency"}, "got 8 steps; expected 1 to 4"),
        (HEUN, {"steps": 0}, "got 0 steps"),
        (HEUN, {"guidance": -1.0}, "got guidance -1.0"),
        (TUNED, {"method": "euler"}, "got method 'euler'"),
    ],
    ids=str,
)
def test_what_does_not_go_together_is_refused(recommended, given, message):
    with pytest.raises(ValueError, match=message):
        chosen(recommended, **given)


def test_a_checkpoint_that_recommends_nothing_is_drawn_as_before():
    assert SoundReactorGenerator.fallback == Settings() == Settings(4, 2.0, "consistency")


@pytest.mark.parametrize("settings", [TUNED, HEUN, Settings()], ids=in_words)
def test_an_entry_says_what_was_written(settings):
    assert set(json.loads(entry_of(settings))) == {"steps", "guidance", "method"}
    assert parse_entry(entry_of(settings), "a.safetensors") == settings


GOOD = {"steps": 4, "guidance": 2.0, "method": "consistency"}
CORRUPT = [
    "",
    "{",
    "null",
    "4",
    "[4, 2.0]",
    "{}",
    json.dumps({"steps": 4}),
    json.dumps(GOOD | {"colour": 1}),
    json.dumps(GOOD | {"steps": 9}),
    json.dumps(GOOD | {"steps": 0}),
    json.dumps(GOOD | {"steps": True}),
    json.dumps(GOOD | {"steps": 4.0}),
    json.dumps(GOOD | {"steps": "4"}),
    json.dumps(GOOD | {"steps": None}),
    json.dumps(GOOD | {"guidance": -0.1}),
    json.dumps(GOOD | {"guidance": float("nan")}),
    json.dumps(GOOD | {"guidance": float("inf")}),
    json.dumps(GOOD | {"guidance": 10**400}),
    json.dumps(GOOD | {"guidance": "2"}),
    json.dumps(GOOD | {"method": "euler"}),
    json.dumps(GOOD | {"method": ["heun"]}),
    json.dumps(GOOD | {"steps": 1001, "method": "heun"}),
    "[" * 100_000,
    "two\nlines",
]


@pytest.mark.parametrize("text", CORRUPT, ids=lambda text: text[:40])
def test_a_corrupt_entry_is_one_line_that_names_the_file(text):
    with pytest.raises(ValueError, match="^got a.safetensors with .* 'sampling' .*expected") as got:
        parse_entry(text, "a.safetensors")
    assert "\n" not in str(got.value) and len(str(got.value)) < 800


def test_a_whole_number_is_a_guidance():
    assert parse_entry(json.dumps(GOOD | {"guidance": 3}), "x") == Settings(4, 3.0)


@pytest.mark.parametrize("verb", [generate, stream, evaluate, benchmark])
def test_a_verb_has_no_settings_of_its_own_and_says_so(verb):
    parser = argparse.ArgumentParser()
    verb.add_arguments(parser)
    found = {a.dest: a for a in parser._actions if a.dest in ("steps", "guidance", "method")}
    assert found and all(action.default is None for action in found.values())
    assert all("as the checkpoint recommends" in action.help for action in found.values())
    assert len(found) == (1 if verb is benchmark else 3)
