import json

import pytest

from sr_core.evaluation.metrics.events import EventLog, Sound, read_events


def sound(seconds, angle=0.0, dist=100.0):
    return {"t": seconds, "kind": "sound", "angle": angle, "dist": dist}


def test_a_log_is_read_and_what_cannot_be_heard_is_left_out(tmp_path):
    events = [
        sound(2.0, 90.0),
        {"t": 1.0, "kind": "shot", "weapon": 2},
        sound(0.5, dist=1300.0),
        {"t": 1.5, "kind": "hit", "n": 1},
    ]
    (tmp_path / "a.json").write_text(json.dumps({"events": events, "sparse": True}))
    log = read_events(tmp_path / "a.mp4")
    assert log == EventLog((1.0,), (Sound(2.0, 90.0),), True)
    assert log.times == [1.0, 2.0]
    assert read_events(tmp_path / "b.mp4") is None


@pytest.mark.parametrize("text", ["no json", "[]", "{}", '{"events": [{"kind": "shot"}]}'])
def test_other_files_of_that_name_are_refused_in_words(tmp_path, text):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(ValueError, match="event log"):
        read_events(tmp_path / "a.mp4")


def test_only_sounds_far_off_the_axis_and_alone_are_lone():
    sounds = (
        Sound(1.0, 45.0),
        Sound(2.0, 10.0),  # nearly ahead
        Sound(3.0, 170.0),  # nearly behind
        Sound(4.0, -90.0),
        Sound(5.0, 90.0),  # with another right after
        Sound(5.05, -90.0),
    )
    assert [s.seconds for s in EventLog((), sounds).lone_off_axis()] == [1.0, 4.0]
    assert [s.seconds for s in EventLog((3.9,), sounds).lone_off_axis()] == [1.0]
