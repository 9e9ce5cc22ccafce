"""The noise of a clip is a function of the seed and its name, on every machine and for ever."""

from __future__ import annotations

import subprocess
import sys

from sr_core.sampling.clip_seed import clip_seed


def test_the_values_never_change():
    """Published results name them: sha256 of "SEED NAME", the first four bytes."""
    assert clip_seed(0, "a") == 3480064611
    assert clip_seed(1, "clip 1") == 567622849
    assert clip_seed(-3, "Tür") == 598658392


def test_seeds_and_names_both_matter_and_torch_accepts_all():
    seeds = {clip_seed(seed, name) for seed in range(20) for name in ("a", "b", "A", "a ", "")}
    assert len(seeds) == 100 and all(0 <= seed < 2**32 for seed in seeds)


def test_a_name_that_is_no_text_has_a_seed():
    assert clip_seed(1, b"\xff".decode(errors="surrogateescape")) != clip_seed(1, "")


def test_it_needs_no_torch():
    code = "import sys, sr_core.sampling.clip_seed; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
