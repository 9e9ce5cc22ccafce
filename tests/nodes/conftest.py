"""The package as a host loads it, on a stub of that host."""

from __future__ import annotations

import asyncio
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

ROOT = Path(__file__).parents[2]


def load_file(name: str, path: Path, package: bool = False):
    """A module from its file, under a name of our choice."""
    folders = [str(path.parent)] if package else None
    spec = importlib.util.spec_from_file_location(name, path, submodule_search_locations=folders)
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def pack(tmp_path_factory) -> Iterator[SimpleNamespace]:
    """The package under the name of a custom-node folder; `nodes` by id, `host` the stub."""
    base = tmp_path_factory.mktemp("comfy")
    for name in ("input", "models/soundreactor"):
        base.joinpath(name).mkdir(parents=True)
    host, stubs = load_file("comfy_stub", Path(__file__).parent / "comfy_stub.py").install(base)
    root = load_file("custom_nodes_soundreactor", ROOT / "__init__.py", package=True)
    extension = asyncio.run(root.comfy_entrypoint())
    nodes = {n.define_schema().node_id: n for n in asyncio.run(extension.get_node_list())}
    yield SimpleNamespace(
        root=root,
        nodes=nodes,
        stub=sys.modules["comfy_stub"],
        host=host,
        module=lambda name: sys.modules[f"custom_nodes_soundreactor.nodes.{name}"],
        base=base,
    )
    for name in stubs:
        del sys.modules[name]


@pytest.fixture
def run(pack):
    """`run("Sampler", model=...)`: execute a node as the host does."""
    pack.host.interrupt_after = None
    pack.host.texts.clear()

    def execute(name: str, **inputs):
        with torch.inference_mode():
            return pack.nodes[f"SoundReactor{name}"].execute(**inputs)

    return execute


@pytest.fixture
def checkpoint(pack, tiny_pipeline) -> str:
    """A tiny checkpoint in the host's model folder."""
    from sr_core.checkpoint import save_pipeline

    path = pack.base / "models" / "soundreactor" / "tiny.safetensors"
    if not path.exists():
        save_pipeline(tiny_pipeline, path)
    return path.name


@pytest.fixture
def parts(run, checkpoint) -> SimpleNamespace:
    model, vision, vae = run("LoadModel", checkpoint=checkpoint).args
    return SimpleNamespace(model=model, vision=vision, vae=vae)
