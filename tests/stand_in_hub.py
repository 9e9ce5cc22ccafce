"""A server that answers as the Hugging Face Hub does, for what `huggingface_hub` asks of it here.

Its routes are those of huggingface_hub 2.4: model info, files, creation of repositories, and
commits with large files beside them. Xet storage is not spoken: HF_HUB_DISABLE_XET.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

import yaml

TOKEN = "hf_stand_in"
Files = dict[str, bytes]


@dataclass
class Repo:
    """Commits by their hash, and names for some of them."""

    private: bool = False
    gated: bool = False
    commits: dict[str, Files] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)

    def commit(self, files: Files, *names: str) -> str:
        """A commit with these files alone; `names` and main point at it."""
        seen = [(name, hashlib.sha1(x).hexdigest()) for name, x in sorted(files.items())]
        commit = hashlib.sha1(json.dumps([len(self.commits), seen]).encode()).hexdigest()
        self.commits[commit] = files
        self.refs |= dict.fromkeys(("main", *names), commit)
        return commit


class StandInHub:
    """The server; `requests` are those it got."""

    def __init__(self) -> None:
        self.repos: dict[str, Repo] = {}
        self.large: dict[str, bytes] = {}
        self.requests: list[str] = []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Answers, self))
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self) -> StandInHub:
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    def repo(self, name: str, files: Files, **kind: bool) -> Repo:
        """A new repository with one commit, which is also its tag v1."""
        repo = self.repos[name] = Repo(**kind)
        repo.commit(files, "v1")
        return repo


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, hub: StandInHub, *given: Any) -> None:
        self.hub = hub
        super().__init__(*given)

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self._note(path)
        if found := re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/revision/(.+))?", path):
            self._info(found[1], found[2] or "main")
        elif found := re.fullmatch(r"/([^/]+/[^/]+)/resolve/((?:refs/pr/)?[^/]+)/(.+)", path):
            self._file(found[1], found[2], found[3])
        else:
            self._refuse(404, "EntryNotFound")

    def do_POST(self) -> None:
        path, body = unquote(urlsplit(self.path).path), self._body()
        self._note(path)
        if not self._is_let_in():
            self._refuse(401, None)
        elif path == "/api/repos/create":
            self._create(json.loads(body))
        elif path == "/api/validate-yaml":
            self._json({"errors": [], "warnings": []})
        elif found := re.fullmatch(r"/api/models/(.+)/preupload/main", path):
            self._json({"files": [_mode(file) for file in json.loads(body)["files"]]})
        elif path.endswith(".git/info/lfs/objects/batch"):
            self._json({"objects": [self._upload(x) for x in json.loads(body)["objects"]]})
        elif found := re.fullmatch(r"/api/models/(.+)/commit/main", path):
            self._commit(found[1], [json.loads(line) for line in body.splitlines()])
        else:
            self._refuse(404, None)

    def do_PUT(self) -> None:
        body = self._body()
        self._note(self.path)
        assert self.path == f"/large/{hashlib.sha256(body).hexdigest()}"
        self.hub.large[self.path.rsplit("/", 1)[1]] = body
        self._send(200, b"")

    def _note(self, path: str) -> None:
        if path != "/api/agent-harnesses":  # which the library asks of itself
            self.hub.requests.append(f"{self.command} {path}")

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _is_let_in(self) -> bool:
        return self.headers.get("Authorization") == f"Bearer {TOKEN}"

    def _found(self, name: str, revision: str) -> tuple[Repo, str] | None:
        repo = self.hub.repos.get(name)
        if repo is None or (repo.private and not self._is_let_in()):
            return self._refuse(401, "RepoNotFound")
        commit = repo.refs.get(revision, revision)
        if commit not in repo.commits:
            return self._refuse(404, "RevisionNotFound")
        return repo, commit

    def _info(self, name: str, revision: str) -> None:
        if found := self._found(name, revision):
            repo, commit = found
            files = repo.commits[commit]
            card = files.get("README.md", b"").decode().split("---\n")
            self._json(
                {
                    "id": name,
                    "sha": commit,
                    "private": repo.private,
                    "gated": "auto" if repo.gated else False,
                    "siblings": [{"rfilename": n, "size": len(x)} for n, x in files.items()],
                    "cardData": yaml.safe_load(card[1]) if len(card) > 2 else None,
                }
            )

    def _file(self, name: str, revision: str, file: str) -> None:
        if found := self._found(name, revision):
            repo, commit = found
            content = repo.commits[commit].get(file)
            if repo.gated and not self._is_let_in():
                self._refuse(403, "GatedRepo")
            elif content is None:
                self._refuse(404, "EntryNotFound", {"X-Repo-Commit": commit})
            else:
                tag = f'"{hashlib.sha256(content).hexdigest()}"'
                self._send(200, content, {"X-Repo-Commit": commit, "ETag": tag})

    def _create(self, asked: dict[str, Any]) -> None:
        name = f"{asked['organization']}/{asked['name']}"
        if name in self.hub.repos:
            return self._json({"url": f"{self.hub.url}/{name}"}, 409)
        self.hub.repos[name] = Repo(private=asked.get("visibility") == "private")
        self.hub.repos[name].commit({".gitattributes": b""})
        self._json({"url": f"{self.hub.url}/{name}"})

    def _upload(self, asked: dict[str, Any]) -> dict[str, Any]:
        return asked | {"actions": {"upload": {"href": f"{self.hub.url}/large/{asked['oid']}"}}}

    def _commit(self, name: str, lines: list[dict[str, Any]]) -> None:
        repo = self.hub.repos[name]
        files = dict(repo.commits[repo.refs["main"]])
        for line in lines:
            value = line["value"]
            if line["key"] == "header" and value.get("parentCommit") != repo.refs["main"]:
                return self._refuse(412, None)
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            if line["key"] == "lfsFile":
                files[value["path"]] = self.hub.large[value["oid"]]
        commit = repo.commit(files)
        self._json({"commitUrl": f"{self.hub.url}/{name}/commit/{commit}", "commitOid": commit})

    def _refuse(self, status: int, code: str | None, more: dict[str, str] | None = None) -> None:
        told = {"X-Error-Code": code, "X-Error-Message": code} if code else {}
        self._send(status, b"{}", told | (more or {}))

    def _json(self, answer: dict[str, Any], status: int = 200) -> None:
        self._send(status, json.dumps(answer).encode(), {"Content-Type": "application/json"})

    def _send(self, status: int, content: bytes, more: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (more or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


def _mode(file: dict[str, Any]) -> dict[str, Any]:
    large = file["path"].endswith(".safetensors")
    mode = "lfs" if large else "regular"
    return {"path": file["path"], "uploadMode": mode, "shouldIgnore": False}
