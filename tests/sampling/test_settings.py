"""Which choices of drawing can be meant, to their very bounds."""

from __future__ import annotations

import pytest

from sr_core.sampling.settings import Settings


@pytest.mark.parametrize(
    "choice",
    [
        {"steps": 1},
        {"steps": 4},
        {"steps": 1000, "method": "heun"},
        {"guidance": 0.0},
        {"guidance": 0.5},
        {"context": "ntk", "length": 1},
        {"context": "interpolate", "length": 1},
        {"context": "trained"},
    ],
    ids=str,
)
def test_these_can_be_meant(choice):
    Settings(**choice)


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"steps": 0}, "got 0 steps; expected 1 to 4 with consistency; method 'heun' takes more"),
        ({"steps": 5}, "expected 1 to 4 with consistency; method 'heun' takes more$"),
        ({"steps": 0, "method": "heun"}, "expected 1 to 1000 with heun$"),
        ({"steps": 1001, "method": "heun"}, "expected 1 to 1000 with heun$"),
        ({"guidance": -0.1}, "expected 0 or more"),
        ({"guidance": float("inf")}, "expected 0 or more"),
        ({"guidance": float("nan")}, "expected 0 or more"),
        ({"context": "ntk"}, "context 'ntk' without a length"),
        ({"context": "interpolate"}, "context 'interpolate' without a length"),
        ({"context": "interpolate", "length": 0}, "without a length"),
        ({"context": "all"}, "got context 'all'; expected one of"),
        ({"method": "euler"}, "got method 'euler'; expected one of"),
        ({"null_history": "none"}, "got null_history 'none'; expected one of"),
    ],
    ids=str,
)
def test_these_cannot(choice, message):
    with pytest.raises(ValueError, match=message):
        Settings(**choice)
