"""Download of files from the Hugging Face Hub and upload of checkpoints to it.

`huggingface_hub` is imported only inside functions: most commands do not need it, and it reads
HF_ENDPOINT, HF_HOME and HF_HUB_OFFLINE at import.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from .hub_address import Address
from .hub_refusal import explained, page_of

CARD = "README.md"
_COMMIT = re.compile(r"[0-9a-f]{40}")

Tell = Callable[[str], None]


class Fetched(NamedTuple):
    """A downloaded file of the Hub."""

    path: Path
    address: Address  # without a revision
    commit: str

    @property
    def origin(self) -> dict[str, str]:
        """Address and commit, as checkpoints and runs store them."""
        return {"address": str(self.address), "commit": self.commit}


class Snapshot(NamedTuple):
    """A model repository at one commit."""

    commit: str
    sizes: dict[str, int | None]  # of each file in bytes; None if the Hub does not tell it
    licence: str | None
    private: bool | None


class Repository(NamedTuple):
    """A model repository to write to; commit and files at the time of opening."""

    name: str
    commit: str
    files: tuple[str, ...]


def local_file(address: Address, tell: Tell) -> Fetched:
    """Return the file of an address; downloads it if it is not in the cache.

    `tell` is called with an announcement before a download. The Hub is not contacted if the address
    has a commit whose file is in the cache, or if HF_HUB_OFFLINE is set. Raises ValueError, with
    the reason, if the file is not available.
    """
    _check_installed()
    from huggingface_hub import constants

    offline = constants.HF_HUB_OFFLINE
    if offline or _COMMIT.fullmatch(address.revision or ""):
        found = _in_cache(address)
        if found:
            return found
    if offline:
        raise ValueError(
            f"got {address}, which is not in the cache {constants.HF_HUB_CACHE}, with "
            "HF_HUB_OFFLINE set; expected a file that was downloaded before; unset it once"
        )
    with explained(address):
        return _download(address, _snapshot(address, address.revision or "main"), tell)


def _in_cache(address: Address) -> Fetched | None:
    folder = _cache_folder(address.repo)
    revision = address.revision or "main"
    noted = folder / "refs" / revision
    commit = noted.read_text(encoding="utf-8") if noted.is_file() else revision
    snapshot = folder / "snapshots" / commit
    file = address.file
    if file is None:
        found = [path.relative_to(snapshot).as_posix() for path in snapshot.rglob("*.safetensors")]
        if not found:
            return None
        file = _only_weights(address, found)
    path = snapshot / file
    return Fetched(path, Address(address.repo, file), commit) if path.is_file() else None


def _cache_folder(repo: str) -> Path:
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    return Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=repo, repo_type="model")


def _only_weights(address: Address, files: Collection[str]) -> str:
    found = sorted(file for file in files if file.endswith(".safetensors"))
    if len(found) == 1:
        return found[0]
    names = ", ".join(found[:9]) or "no .safetensors"
    raise ValueError(
        f"got {address}, which holds {names}; expected one .safetensors; name the file, as in "
        f"{replace(address, file=(found or ['FILE'])[0])}"
    )


def _snapshot(address: Address, revision: str | None) -> Snapshot:
    """Ask the Hub for a model repository; `revision` None: the newest one, without sizes."""
    from huggingface_hub import HfApi

    sized = revision is not None
    info = HfApi().model_info(address.repo, revision=revision, files_metadata=sized)
    if info.sha is None:
        raise ValueError(
            f"got an answer about {page_of(address)} that names no commit; expected one; check "
            "HF_ENDPOINT"
        )
    licence = None
    if info.card_data is not None:
        licence = info.card_data.get("license")
        if licence == "other":
            licence = info.card_data.get("license_name") or licence
    sizes = {file.rfilename: file.size for file in info.siblings or ()}
    return Snapshot(info.sha, sizes, licence, info.private)


def _download(address: Address, found: Snapshot, tell: Tell) -> Fetched:
    from huggingface_hub import hf_hub_download

    commit, sizes = found.commit, found.sizes
    file = address.file or _only_weights(address, sizes)
    if file not in sizes:
        raise ValueError(
            f"got {address}, but commit {commit} has no {file}; expected one of its files: "
            f"{', '.join(sorted(sizes)[:9])}; correct the name or the revision"
        )
    folder = _cache_folder(address.repo)
    path = folder / "snapshots" / commit / file
    if not path.is_file():
        tell(_announcement(address, found, file))
        path = Path(hf_hub_download(address.repo, file, revision=commit))
    if address.revision != commit:
        with suppress(OSError):  # read-only cache: offline, the revision is not found later
            noted = folder / "refs" / (address.revision or "main")
            noted.parent.mkdir(parents=True, exist_ok=True)
            noted.write_text(commit, encoding="utf-8")
    return Fetched(path, Address(address.repo, file), commit)


def _announcement(address: Address, found: Snapshot, file: str) -> str:
    size, licence = found.sizes[file], found.licence or "not given in its card"
    volume = f"{size / 1e6:.1f} MB" if size is not None else "of unknown size"
    return (
        f"downloading {file} of {page_of(address)}: revision {address.revision or 'main'}, commit "
        f"{found.commit}, {volume}, licence {licence}"
    )


def fetch_beside(fetched: Fetched, name: str, tell: Tell) -> None:
    """Download another file of the same folder and commit to the same folder, if it exists."""
    from huggingface_hub import hf_hub_download, try_to_load_from_cache
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    address, commit = fetched.address, fetched.commit
    file = str(PurePosixPath(address.file or "").with_name(name))
    if try_to_load_from_cache(address.repo, file, revision=commit) is not None:
        return  # in the cache, or cached as not existing
    tell(f"downloading {file} of the same commit, if there is one")
    with explained(address):
        try:
            hf_hub_download(address.repo, file, revision=commit)
        except LocalEntryNotFoundError:
            raise
        except EntryNotFoundError:
            return


def open_repository(name: str, private: bool) -> Repository:
    """Open a model repository to write to; creates it if it does not exist."""
    _check_installed()
    from huggingface_hub import HfApi

    with explained(Address(name)):
        HfApi().create_repo(name, private=private or None, exist_ok=True)
        found = _snapshot(Address(name), None)
    if private and not found.private:
        raise ValueError(
            f"got --private for {page_of(Address(name))}, which is public; expected a private "
            "repository or none; make it private in its settings, or leave --private out"
        )
    return Repository(name, found.commit, tuple(found.sizes))


def commit_files(repository: Repository, files: Mapping[str, Path | bytes], message: str) -> str:
    """Upload files in one commit whose parent is `repository.commit`; returns the new commit."""
    from huggingface_hub import CommitOperationAdd, HfApi

    added = [CommitOperationAdd(name, content) for name, content in files.items()]
    with explained(Address(repository.name)):
        made = HfApi().create_commit(
            repository.name, added, commit_message=message, parent_commit=repository.commit
        )
    return made.oid


def _check_installed() -> None:
    try:
        import huggingface_hub  # noqa: F401
    except ImportError as error:
        raise ValueError(
            "got an address of the Hugging Face Hub without the package huggingface-hub; expected "
            "it to be installed; run `pip install huggingface-hub`, or give a file's path"
        ) from error
