"""Weights by an address: what is asked of the Hub, what is told of it, and what is kept."""

from __future__ import annotations

import subprocess
import sys

import pytest

from sr_core.hub import Fetched, commit_files, fetch_beside, local_file, open_repository
from sr_core.hub_address import Address, parse_address
from tests.stand_in_hub import TOKEN

CARD = b"---\nlicense: apache-2.0\n---\n# A model\n"
WEIGHTS = {"model.safetensors": b"weights", "README.md": CARD, "config.json": b"{}"}


@pytest.fixture
def at(hub, tmp_path, monkeypatch):
    """`huggingface_hub` of this process, with the stand-in as its Hub and an empty cache."""
    from huggingface_hub import constants

    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    template = f"{hub.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    for name, value in {
        "ENDPOINT": hub.url,
        "HUGGINGFACE_CO_URL_TEMPLATE": template,
        "HF_HUB_CACHE": str(tmp_path / "cache"),
        "HF_HUB_OFFLINE": False,
        "HF_HUB_DISABLE_XET": True,
        "HF_TOKEN_PATH": str(tmp_path / "token"),
        "HF_STORED_TOKENS_PATH": str(tmp_path / "tokens"),
    }.items():
        monkeypatch.setattr(constants, name, value)
    return hub


@pytest.fixture
def go_offline(monkeypatch):
    return lambda: monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


@pytest.fixture
def get(at):
    """Fetch what an address names; gives it and what was told."""

    def get(text: str) -> tuple[Fetched, list[str]]:
        told: list[str] = []
        return local_file(parse_address(text), told.append), told

    return get


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("hf://o/r", Address("o/r")),
        ("hf://o/r.2@v1", Address("o/r.2", None, "v1")),
        ("hf://o/r/a/b.ckpt", Address("o/r", "a/b.ckpt")),
        ("hf://o/r/b.safetensors@refs/pr/1", Address("o/r", "b.safetensors", "refs/pr/1")),
    ],
)
def test_an_address_is_read_and_written_alike(text, address):
    assert parse_address(text) == address and str(address) == text


@pytest.mark.parametrize(
    "text",
    ["hf://", "hf://o", "hf:/o/r", "hf://o/r/", "hf://o/r@", "hf://o/../x", "hf://o/r@../x"]
    + ["hf://datasets/o/r", "hf://o/r@v1/model.safetensors", "hf://o/r/a@b@c", "https://h/o/r"],
)
def test_what_is_no_address_is_refused_with_its_form(text):
    with pytest.raises(ValueError, match=r"hf://OWNER/REPO\[/FILE\]\[@REVISION\]"):
        parse_address(text)


def test_a_download_is_told_before_it_begins_and_a_cached_file_is_not_told(at, get):
    repo = at.repo("o/r", WEIGHTS)
    seen: list[list[str]] = []
    fetched = local_file(Address("o/r"), lambda text: seen.append([text, *at.requests]))
    assert fetched.path.read_bytes() == b"weights"
    (told, *before), commit = seen[0], repo.refs["main"]
    assert not [request for request in before if "resolve" in request]
    for fact in (f"{at.url}/o/r", "model.safetensors", commit, "0.0 MB", "licence apache-2.0"):
        assert fact in told
    assert fetched.origin == {"address": "hf://o/r/model.safetensors", "commit": commit}
    asked = len(at.requests)
    assert get("hf://o/r") == (fetched, []) and len(at.requests) == asked + 1


def test_a_revision_is_a_commit_and_a_cached_commit_asks_nothing(at, get):
    repo = at.repo("o/r", WEIGHTS)
    repo.commit({"model.safetensors": b"newer"})
    old, new = get("hf://o/r@v1")[0], get("hf://o/r")[0]
    assert old.path.read_bytes() == b"weights" and new.path.read_bytes() == b"newer"
    at.requests.clear()
    assert get(f"hf://o/r/model.safetensors@{old.commit}") == (old, []) and not at.requests


def test_offline_the_cache_is_all_there_is(at, get, go_offline):
    at.repo("o/r", WEIGHTS)
    at.repo("o/other", WEIGHTS)
    fetched = get("hf://o/r")[0]
    at.repos["o/r"].commit({"model.safetensors": b"newer"})
    at.requests.clear()
    go_offline()
    assert get("hf://o/r") == (fetched, []) == get("hf://o/r/model.safetensors@main")
    for text in ("hf://o/other", "hf://o/r@v1", "hf://o/r/config.json"):
        with pytest.raises(ValueError, match="not in the cache .*HF_HUB_OFFLINE"):
            get(text)
    assert not at.requests


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("hf://o/none", "not there or is private.*hf auth login"),
        ("hf://o/private", "not there or is private.*HF_TOKEN"),
        ("hf://o/r@v9", "no revision v9"),
        ("hf://o/r/none.safetensors", "has no none.safetensors; expected .*model.safetensors"),
        ("hf://o/two", "holds a.safetensors, b.safetensors.* hf://o/two/a.safetensors"),
        ("hf://o/cards", "holds no .safetensors"),
        ("hf://o/gated", "gated.*accept its licence at http://127.*/o/gated.*hf auth login"),
    ],
)
def test_a_refusal_says_what_to_do_in_one_line(at, get, text, reason):
    at.repo("o/r", WEIGHTS)
    at.repo("o/private", WEIGHTS, private=True)
    at.repo("o/gated", WEIGHTS, gated=True)
    at.repo("o/two", {"a.safetensors": b"", "b.safetensors": b""})
    at.repo("o/cards", {"README.md": CARD})
    with pytest.raises(ValueError, match=reason) as refused:
        get(text)
    assert "\n" not in str(refused.value)


def test_a_token_opens_what_is_private_or_gated(at, get, monkeypatch):
    at.repo("o/closed", WEIGHTS, private=True, gated=True)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert get("hf://o/closed")[0].path.read_bytes() == b"weights"


def test_no_network_is_told_as_that(at, get, monkeypatch):
    nobody = "http://127.0.0.1:9"
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", nobody)
    with pytest.raises(ValueError, match=f"no answer from {nobody}/o/r .*network.*OFFLINE=1"):
        get("hf://o/r")


def test_without_the_library_an_address_is_refused(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ValueError, match="pip install huggingface-hub"):
        local_file(Address("o/r"), print)


def test_a_file_beside_comes_from_the_same_commit_where_there_is_one(at, get):
    at.repo("o/r", WEIGHTS | {"deep/model.ckpt": b"deep"})
    fetched, deep = get("hf://o/r")[0], get("hf://o/r/deep/model.ckpt")[0]
    at.repos["o/r"].commit(WEIGHTS | {"config.json": b"newer"})
    for one in (fetched, deep, deep):
        fetch_beside(one, "config.json", lambda text: None)
    assert fetched.path.with_name("config.json").read_bytes() == b"{}"
    assert not deep.path.with_name("config.json").exists()
    asked = [request for request in at.requests if "deep/config.json" in request]
    assert len(asked) == 1, "a file that is known not to be there is asked for once"


def test_a_commit_goes_on_top_of_what_was_seen(at, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    seen = open_repository("o/new", private=False)
    commit = commit_files(seen, {"a.safetensors": b"a", "notes.md": b"b"}, "Add a")
    repo = at.repos["o/new"]
    assert repo.refs["main"] == commit and repo.commits[commit]["a.safetensors"] == b"a"
    assert repo.commits[commit]["notes.md"] == b"b" and not repo.private
    with pytest.raises(ValueError, match="answer 412"):
        commit_files(seen, {"a.safetensors": b"c"}, "Overwrite it unseen")
    assert repo.refs["main"] == commit


def test_writing_needs_a_token_and_private_is_private(at, monkeypatch):
    with pytest.raises(ValueError, match="HF_TOKEN"):
        open_repository("o/mine", private=True)
    assert not at.repos
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    open_repository("o/mine", private=True)
    assert at.repos["o/mine"].private
    at.repo("o/public", {})
    with pytest.raises(ValueError, match="which is public"):
        open_repository("o/public", private=True)


def test_the_library_is_loaded_where_an_address_is_resolved_and_not_before():
    code = "import sys, sr_core.hub, sr_core.commands.arguments\n"
    code += "print('huggingface_hub' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
