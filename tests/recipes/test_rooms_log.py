"""The rooms' log: it survives a file, and directions follow the convention."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))  # recipes are not installed

from recipes.rooms.log import (  # noqa: E402
    Body,
    Contact,
    Impact,
    Listener,
    Log,
    Source,
    direction,
    from_json,
)
from recipes.rooms.materials import MATERIALS  # noqa: E402


def listener(forward=(1.0, 0.0, 0.0)):
    return Listener(((0.0, 0.0, 1.0),), (forward,), ((0.0, 0.0, 1.0),), 60.0)


def test_a_log_survives_its_file():
    log = Log(
        "strike",
        3,
        10.0,
        (4.0, 5.0, 2.5),
        listener(),
        (
            Body("arm", "wood", "rod", 0.4, 0.02, 0.3),
            Body("floor", "stone", "plate", 4, 0.1, 9, True),
        ),
        (Impact(0.5, "strike", ("arm", "floor"), 0.2, 1.5, (1.0, 0.0, 0.0)),),
        (Contact(1.0, "scrape", ("arm", "floor"), (0.1,), (0.0,), (2.0,), ((1.0, 0.0, 0.0),)),),
        (Source(0.0, "rain", (1.0,), ((0.0, 0.0, 3.0),), 2.0),),
        (2.5,),
    )
    assert from_json(log.to_json()) == log


@pytest.mark.parametrize(
    "point, expected",
    [
        ((2.0, 0.0, 1.0), (0, 0, 2)),
        ((0.0, 3.0, 1.0), (90, 0, 3)),
        ((0.0, -3.0, 1.0), (-90, 0, 3)),
        ((1.0, 0.0, 2.0), (0, 45, 2**0.5)),
    ],
)
def test_azimuth_is_positive_to_the_left_and_elevation_above(point, expected):
    assert direction(listener(), 0.0, point) == pytest.approx(expected)


def test_directions_turn_with_the_camera():
    azimuth, _, _ = direction(listener((0.0, 1.0, 0.0)), 5.0, (2.0, 0.0, 1.0))
    assert azimuth == pytest.approx(-90)


def test_a_body_that_is_not_there_is_named():
    log = Log(
        "drop", 0, 1.0, (1, 1, 1), listener(), (Body("cup", "glass", "shell", 0.1, 0.003, 0.2),)
    )
    with pytest.raises(KeyError, match="got body 'mug'; expected one of .*cup"):
        log.body("mug")


def test_there_are_eight_materials():
    assert len(MATERIALS) == 8
