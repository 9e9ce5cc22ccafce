"""What verbs do with an address, and what they keep of it; in this process, without a server."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from sr_core.checkpoint import save_pipeline, sha256
from sr_core.cli import main
from sr_core.commands.work import push as pusher
from sr_core.hub import Fetched, Repository
from sr_core.hub_address import Address
from sr_core.vision.dinov2 import DINOv2, DINOv2Config
from tests.test_cli import write_video

COMMIT = "c" * 40
USERS = ("arguments", "convert")  # modules that resolve addresses


@pytest.fixture
def on_hub(monkeypatch):
    """Say which file addresses lead to; gives the addresses that were asked for."""

    def on_hub(path: Path) -> list[str]:
        asked: list[str] = []

        def local_file(address, tell):
            asked.append(str(address))
            return Fetched(path, Address(address.repo, path.name), COMMIT)

        for user in USERS:
            monkeypatch.setattr(f"sr_core.commands.{user}.local_file", local_file)
        return asked

    return on_hub


def run(*words: object) -> int:
    return main([str(word) for word in words])


@pytest.mark.parametrize(
    "words",
    [
        ("generate", "CLIP", "-o", "OUT.mkv", "--model", "hf://o/r"),
        ("generate", "CLIP", "-o", "OUT.mkv", "--workers", "1", "--model", "hf://o/r"),
        ("stream", "CLIP", "-o", "OUT.wav", "--model", "hf://o/r"),
        ("evaluate", "CLIP", "--loop", "2", "--only-loop", "--model", "hf://o/r"),
        ("inspect", "hf://o/r"),
        ("benchmark", "--frames", "1", "--model", "hf://o/r"),
        ("prepare", "CLIP", "-o", "OUT", "--vae", "hf://o/r", "--vision", "hf://o/r"),
    ],
    ids=lambda words: " ".join(words[:1] + words[4:5]),
)
def test_every_verb_that_takes_weights_takes_an_address(words, on_hub, tiny_model, tmp_path):
    asked = on_hub(tiny_model)
    write_video(tmp_path / "CLIP.mp4")
    places = {"CLIP": tmp_path / "CLIP.mp4"}
    places |= {word: tmp_path / word for word in words if word.startswith("OUT")}
    code = run(*(places.get(word, word) for word in words))
    # A clip without sound is nothing to prepare from, but the parts were taken before.
    assert code == (2 if words[0] == "prepare" else 0)
    assert asked == [word for word in words if word.startswith("hf://")]
    if words[0] == "prepare":
        assert (tmp_path / "OUT" / "vae.safetensors").read_bytes() == tiny_model.read_bytes()


def test_nothing_is_downloaded_for_work_that_is_refused_or_done(on_hub, tiny_model, tmp_path):
    asked = on_hub(tiny_model)
    clip = write_video(tmp_path / "clip.mp4")
    model = ("--model", "hf://o/r")
    for words in (("--steps", 0), ("--steps", 9, "--method", "consistency"), ("--guidance", -1)):
        assert run("generate", clip, "-o", tmp_path / "o.mkv", *words, *model) == 2
        assert run("stream", clip, "-o", tmp_path / "o.mkv", *words, *model) == 2
    assert run("generate", clip, "-o", clip, "--skip-existing", *model) == 2
    (tmp_path / "there.mkv").write_bytes(b"")
    assert run("generate", clip, "-o", tmp_path / "there.mkv", "--skip-existing", *model) == 0
    assert not asked


def test_a_malformed_address_is_a_mistake_of_the_command_line(capsys):
    with pytest.raises(SystemExit) as ended:
        run("inspect", "hf://only")
    assert ended.value.code == 2
    assert "got hf://only; expected hf://OWNER/REPO" in capsys.readouterr().err


def test_a_converted_file_has_the_same_bytes_and_says_beside_it_where_it_came_from(
    on_hub, tmp_path, monkeypatch, capsys
):
    beside = []
    monkeypatch.setattr(
        "sr_core.commands.convert.fetch_beside", lambda fetched, name, tell: beside.append(name)
    )
    torch.manual_seed(0)
    network = DINOv2(DINOv2Config(width=64, depth=1, heads=1, registers=2, position_grid=3))
    source = tmp_path / "source.safetensors"
    save_file(network.state_dict(), source)
    on_hub(source)
    for place, target in ((source, "local"), ("hf://o/r", "fetched")):
        assert run("convert", "dinov2", place, tmp_path / f"{target}.safetensors") == 0
    local, fetched = (tmp_path / f"{name}.safetensors" for name in ("local", "fetched"))
    assert local.read_bytes() == fetched.read_bytes() and beside == ["config.json"]
    assert (
        f"source hf://o/r/source.safetensors {COMMIT} {sha256(source)}" in capsys.readouterr().out
    )
    assert run("inspect", fetched) == 0
    told = capsys.readouterr().out
    for fact in ('"address": "hf://o/r/source.safetensors"', COMMIT, sha256(source)):
        assert fact in told
    fetched.write_bytes(Path(save_other(tmp_path)).read_bytes())
    assert run("inspect", fetched) == 0 and COMMIT not in capsys.readouterr().out
    assert run("inspect", local) == 0 and COMMIT not in capsys.readouterr().out


def save_other(folder: Path) -> Path:
    save_file({"other": torch.zeros(1)}, folder / "other.safetensors")
    return folder / "other.safetensors"


@pytest.fixture
def no_hub(monkeypatch):
    """`push` up to the Hub's door; gives what would have gone in."""
    uploads: list[dict] = []
    files = [".gitattributes"]

    def open_repository(name, private):
        return Repository(name, COMMIT, tuple(files))

    monkeypatch.setattr(pusher, "open_repository", open_repository)
    monkeypatch.setattr(
        pusher, "commit_files", lambda repo, added, message: uploads.append(added) or COMMIT
    )
    return uploads, files


def test_only_trained_checkpoints_are_pushed(no_hub, tiny_pipeline, tmp_path, capsys):
    uploads, _ = no_hub
    raw = tmp_path / "raw.safetensors"
    tiny_pipeline.origin = {"stage": "untrained"}
    save_pipeline(tiny_pipeline, raw)
    tiny_pipeline.origin = {"stage": "consistency"}
    good = save_pipeline(tiny_pipeline, tmp_path / "good.safetensors")
    for words, reason in (
        ((raw, "o/r"), "untrained"),
        ((save_other(tmp_path), "o/r"), "of format None"),
        ((tmp_path / "none.safetensors", "o/r"), "no file"),
        ((good, "o/r", "--file", "x.bin"), "ends in .safetensors"),
        ((good, "o/r", "--card", tmp_path / "none.md"), "no file"),
        ((good, "o/r", "--card", "README.md", "--licence", "mit"), "expected one"),
    ):
        assert run("push", *words) == 2
        assert reason in capsys.readouterr().err
    with pytest.raises(SystemExit):
        run("push", good, "hf://o/r/file.safetensors")
    assert not uploads


def test_a_card_that_is_there_stays_unless_another_is_given(no_hub, tiny_model, tmp_path, capsys):
    uploads, files = no_hub
    files += ["README.md", "other.safetensors"]
    assert run("push", tiny_model, "hf://o/r") == 0
    assert list(uploads[-1]) == ["tiny.safetensors"]
    said = capsys.readouterr()
    assert "README.md of o/r stays" in said.err
    assert said.out == f"hf://o/r/tiny.safetensors@{COMMIT}\n"
    card = tmp_path / "card.md"
    card.write_text("# Mine\n")
    assert run("push", tiny_model, "o/r", "--card", card, "--file", "best.safetensors") == 0
    assert uploads[-1] == {"best.safetensors": tiny_model, "README.md": b"# Mine\n"}


def test_a_card_names_the_file_where_it_is_not_the_only_one(no_hub, tiny_model, capsys):
    uploads, files = no_hub
    files += ["other.safetensors"]
    assert run("push", tiny_model, "o/r") == 0
    card = uploads[-1]["README.md"].decode()
    assert "--model hf://o/r/tiny.safetensors\n" in card and "license" not in card.split("---")[1]
    assert "--licence" in capsys.readouterr().err
