"""The package loaded as a host loads it, on the stub of that host; for tests and for busy.py."""

from __future__ import annotations

import asyncio
import importlib.util
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch

ROOT = Path(__file__).parents[2]


def load_file(name: str, path: Path, package: bool = False):
    """A module from its file, under a name of our choice."""
    folders = [str(path.parent)] if package else None
    spec = importlib.util.spec_from_file_location(name, path, submodule_search_locations=folders)
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def open_pack(base: Path) -> SimpleNamespace:
    """The package under the name of a custom-node folder; `nodes` by id, `host` the stub.

    `stubs` are the names of the modules that stand in for the host's.
    """
    for name in ("input", "models/soundreactor"):
        base.joinpath(name).mkdir(parents=True, exist_ok=True)
    stub = load_file("comfy_stub", Path(__file__).parent / "comfy_stub.py")
    host, stubs = stub.install(base)
    root = load_file("custom_nodes_soundreactor", ROOT / "__init__.py", package=True)
    extension = asyncio.run(root.comfy_entrypoint())
    nodes = {n.define_schema().node_id: n for n in asyncio.run(extension.get_node_list())}
    return SimpleNamespace(
        root=root,
        nodes=nodes,
        stub=stub,
        host=host,
        stubs=stubs,
        module=lambda name: sys.modules[f"custom_nodes_soundreactor.nodes.{name}"],
        core=lambda name: sys.modules[f"custom_nodes_soundreactor.sr_core.{name}"],
        base=base,
    )


def execute(pack: SimpleNamespace, name: str, **inputs: Any):
    """A node's output as the host gets it; widgets that are not set have their defaults."""
    node = pack.stub.prepared(pack.nodes[f"SoundReactor{name}"])
    widgets = [i for i in node.define_schema().inputs if getattr(i, "default", None) is not None]
    with torch.inference_mode():
        return node.execute(**{i.id: i.default for i in widgets} | inputs)
