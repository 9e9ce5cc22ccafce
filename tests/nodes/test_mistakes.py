"""One mistake is one error, at the input that it is about, before anything expensive runs."""

from __future__ import annotations

import pytest

SETTINGS = {"seed": 1, "steps": 4, "guidance": 2.0, "method": "consistency"}
FILE = {"container": "mp4", "old_sound": "drop", "filename_prefix": "x"}
SOURCES = ("LoadFrames", "VideoToSound")
SAMPLE = "soundreactor_sample.mp4 [temp]"


def one_error(found: list, at: str | None, *words: str) -> None:
    """Exactly one error, at an input (None: of the node), that says these words."""
    assert [name for name, _ in found] == [at], found
    assert all(word in found[0][1] for word in words), found


@pytest.fixture(params=SOURCES)
def source(request, mistakes):
    """What is wrong with the clip's inputs, in both nodes that have them."""
    more = {} if request.param == "LoadFrames" else {"checkpoint": "x", **SETTINGS, **FILE}
    return lambda **inputs: mistakes(request.param, **more, **{"file": SAMPLE, "fps": 0.0} | inputs)


@pytest.mark.parametrize(
    "inputs",
    [
        {},
        {"file": None},
        {"file": "gone.mp4", "video": None},
        {"file": "/etc/passwd", "video": None},
        {"images": None, "fps": 24.0},
        {"images": None, "fps": 24.0, "file": "gone.mp4"},
        {"images": None, "video_info": None},
    ],
    ids=str,
)
def test_what_is_right_is_not_complained_of(source, inputs):
    assert source(**inputs) == []


@pytest.mark.parametrize(
    "inputs, words",
    [
        ({"file": "gone.mp4"}, ("gone.mp4", "upload it")),
        ({"file": "none.mp4 [temp]"}, ("no clip", "choose or upload")),
        ({"file": "/etc/passwd"}, ("/etc/passwd", "outside of ComfyUI")),
        ({"file": "../models/x.mp4"}, ("../models/x.mp4", "outside of ComfyUI")),
    ],
    ids=str,
)
def test_a_wrong_file_is_one_error_at_the_file(source, inputs, words):
    one_error(source(**inputs), "file", *words)


@pytest.mark.parametrize(
    "inputs, words",
    [
        ({"video": None, "images": None}, ("video and images", "disconnect")),
        ({"video": None, "images": None, "fps": 24.0}, ("video and images", "disconnect")),
        ({"images": None}, ("rate", "set fps")),
        ({"images": None, "fps": 24.0, "video_info": None}, ("fps and video_info", "disconnect")),
    ],
    ids=str,
)
def test_inputs_that_do_not_go_together_are_one_error(source, inputs, words):
    one_error(source(**inputs), None, *words)


@pytest.mark.parametrize("node, more", [("MuxAudio", FILE), ("Live", {"model": None, **SETTINGS})])
def test_no_clip_and_two_clips_are_one_error(mistakes, node, more):
    assert mistakes(node, **more, video=None) == mistakes(node, **more, frames=None) == []
    one_error(mistakes(node, **more), None, "no clip", "connect either")
    one_error(mistakes(node, **more, video=None, frames=None), None, "both", "disconnect")


@pytest.mark.parametrize("node, clip", [("Sampler", "grid"), ("Live", "frames")])
def test_settings_that_do_not_go_together_are_one_error(mistakes, node, clip):
    def ask(**settings):
        return mistakes(node, **{"model": None, clip: None, **SETTINGS, **settings})

    assert ask() == ask(steps=16, method="heun") == []
    one_error(ask(steps=16), None, "expected 1 to 4 with consistency; method 'heun'")
    one_error(ask(guidance=float("inf")), None, "expected 0 or more")
    recommended = {"steps": 0, "guidance": -1.0, "method": "recommended"}
    assert ask(**recommended) == ask(**recommended | {"steps": 16}) == []
    assert ask(steps=0) == ask(guidance=-0.1) == ask(method="recommended") == []
    one_error(ask(**recommended | {"steps": 1001}), None, "expected 1 to 1000 with heun")


def test_a_prompt_and_a_state_are_one_error(mistakes):
    inputs = {"model": None, "grid": None, **SETTINGS, "context": "window"}
    one_error(mistakes("Sampler", **inputs, prompt=None, state=None), None, "a prompt and a state")


def batched(kind: str, link: list) -> dict:
    """A prompt whose clip comes in batches, from a loader through another node."""
    return {
        "1": {"class_type": "VHS_BatchManager", "inputs": {"frames_per_batch": 16}},
        "2": {"class_type": "VHS_LoadVideo", "inputs": {"meta_batch": ["1", 0], "size": [1, 2]}},
        "3": {"class_type": "Other", "inputs": {"images": link, "fps": 24}},
        "7": {"class_type": "?", "inputs": {kind: ["3", 0], "file": SAMPLE}},
    }


@pytest.mark.parametrize(
    "node, kind, more",
    [
        ("LoadFrames", "images", {"file": SAMPLE, "fps": 24.0}),
        ("LoadFrames", "video", {"file": SAMPLE}),
        ("VideoToSound", "images", {"file": SAMPLE, "fps": 24.0}),
        ("MuxAudio", "video", FILE),
        ("Live", "video", {"model": None, **SETTINGS}),
    ],
)
def test_a_clip_in_batches_is_refused_with_advice(mistakes, node, kind, more):
    inputs = {kind: None, **more}
    found = mistakes(node, batched(kind, ["2", 0]), **inputs)
    one_error(found, None, "Meta Batch Manager (node 1)", "load it as VIDEO")
    assert mistakes(node, batched(kind, ["4", 0]), **inputs) == []


def test_an_error_is_shown_without_the_folders_it_comes_from(run, pack):
    """The host shows an error's class with the module that it is from."""
    (pack.base / "input" / "fake.mp4").write_text("just text")
    with pytest.raises(ValueError, match="fake.mp4") as caught:
        run("LoadFrames", file="fake.mp4")
    assert caught.type is ValueError


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mp4 [input]", "sub/clip.mp4", "[temp] x.mp4"])
def test_files_of_the_hosts_folders_are_found(pack, name):
    found = pack.module("host").video_path(name)
    assert found == pack.base / "input" / name.removesuffix(" [input]")


def test_the_other_folders_and_full_paths_into_them_are_found(pack):
    video_path = pack.module("host").video_path
    assert video_path("a/b.mp4 [output]") == pack.base / "output" / "a" / "b.mp4"
    assert video_path("b.mp4 [temp]") == pack.base / "temp" / "b.mp4"
    assert video_path(str(pack.base / "input" / "b.mp4")) == pack.base / "input" / "b.mp4"


@pytest.mark.parametrize("name", ["../x.mp4", "a/../../x.mp4", "/x.mp4", "../x.mp4 [temp]"])
def test_files_elsewhere_are_refused(pack, name):
    with pytest.raises(ValueError, match="outside of ComfyUI's folders"):
        pack.module("host").video_path(name)
