"""How soon the Live node is heard in a host that has just started, in processor seconds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SECONDS, TRIES = 0.5, 3  # others on the machine cost even processor time, through its caches
COLD = """
import asyncio, importlib.util, sys, time
from pathlib import Path

def load(name, path, package=False):
    folders = [str(path.parent)] if package else None
    spec = importlib.util.spec_from_file_location(name, path, submodule_search_locations=folders)
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module

root, base = Path(sys.argv[1]), Path(sys.argv[2])
for name in ("input", "temp", "models/soundreactor"):
    base.joinpath(name).mkdir(parents=True, exist_ok=True)
stub = load("comfy_stub", root / "tests/nodes/comfy_stub.py")
stub.install(base)
extension = asyncio.run(load("pack", root / "__init__.py", package=True).comfy_entrypoint())
listed = asyncio.run(extension.get_node_list())
nodes = {n.define_schema().node_id: stub.prepared(n) for n in listed}
host, player = sys.modules["pack.nodes.host"], sys.modules["pack.nodes.player"]
(name,) = [name for name in host.checkpoint_names() if "micro" in name]
model = nodes["SoundReactorLoadModel"].execute(checkpoint=name).args[0]
began = time.process_time()

class Heard(Exception):
    pass

def hear(self, waveform):
    raise Heard

player.Player.add = hear
_, video, _ = nodes["SoundReactorLoadFrames"].execute(file=host.SAMPLE, fps=0.0).args
try:
    nodes["SoundReactorLive"].execute(
        model=model, seed=0, steps=4, guidance=2.0, method="consistency", video=video
    )
except Heard:
    print(time.process_time() - began)
"""


@pytest.mark.slow
def test_the_first_sound_comes_half_a_second_after_the_model_is_read(tmp_path):
    taken = []
    while len(taken) < TRIES and min(taken, default=1) > SECONDS:
        command = [sys.executable, "-c", COLD, str(ROOT), str(tmp_path)]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
        assert done.returncode == 0, done.stderr
        taken.append(float(done.stdout.split()[-1]))
    assert min(taken) <= SECONDS, taken
