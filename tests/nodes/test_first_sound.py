"""How soon the Live node is heard in a host that has just started, in processor seconds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SECONDS, TRIES = 0.5, 3  # others on the machine cost even processor time, through its caches
COLD = """
import sys, time
from pathlib import Path

root, base = sys.argv[1:]
sys.path.insert(0, root)
from tests.nodes.comfy_pack import execute, open_pack

pack = open_pack(Path(base))
host, player = pack.module("host"), pack.module("player")
(name,) = [name for name in host.checkpoint_names() if "micro" in name]
model = execute(pack, "LoadModel", checkpoint=name).args[0]
began = time.process_time()

class Heard(Exception):
    pass

def hear(self, waveform):
    raise Heard

player.Player.add = hear
_, video, _ = execute(pack, "LoadFrames", file=host.SAMPLE, fps=0.0).args
try:
    execute(pack, "Live", model=model, seed=0, steps=4, guidance=2.0, video=video)
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
