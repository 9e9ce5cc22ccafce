"""A filename prefix that no file can have is one clear line, before anything runs."""

from __future__ import annotations

import pytest

GOOD = [
    "video/SoundReactor",
    "",
    "ä ö 音",
    "%year%-%month%/%width%x%height% ~",
    "100% wet",
    "a.b/c",
    "a/con",  # con_00001_.mp4 is no device
]
BAD = {
    "a:b": "with ':'",
    'say "no"': "Windows does not allow",
    "line\nfeed": r"with '\n'",
    "video/%date:yyyy-MM-dd%": "%year%-%month%-%day%",
    "%Sampler.seed%_x": "with %Sampler.seed%, which matches no node",
    "../x": "outside the output folder",
    "a/../../x": "outside the output folder",
    "/tmp/x": "outside the output folder",
    r"\\server\x": "outside the output folder",
    "CON/x": "where 'CON' would be a name which is a device on Windows",
    "a/com1.x": "a device on Windows",
    "a./b": "where 'a.' would be a name whose last character Windows leaves out",
    "x" * 201: "201 bytes; expected at most 200",
    "音" * 70 + "/a": "210 bytes",
}


@pytest.mark.parametrize("prefix", GOOD)
def test_what_can_be_a_name_is_one(pack, prefix):
    pack.module("prefix").check_prefix(prefix)


@pytest.mark.parametrize("prefix", BAD, ids=range(len(BAD)))
@pytest.mark.parametrize(
    "node, clip",
    [("MuxAudio", {"video": None}), ("VideoToSound", {"file": "soundreactor_sample.mp4 [temp]"})],
)
def test_what_cannot_be_a_name_is_told_once_and_before_anything_runs(mistakes, node, clip, prefix):
    ((_, message),) = mistakes(node, filename_prefix=prefix, **clip)
    assert BAD[prefix] in message
    assert message.startswith("got filename_prefix") and "\n" not in message and len(message) < 300


def test_the_longest_prefix_that_is_taken_can_be_written(pack, tmp_path):
    name = "x" * pack.module("prefix").LONGEST
    (tmp_path / f".{name}_00001_.webm.01234567.partial").touch()


def test_the_host_is_not_asked_for_a_name_that_cannot_be(pack):
    with pytest.raises(ValueError, match="Windows does not allow"):
        pack.module("host").output_file("what?", "mp4", (8, 8))
