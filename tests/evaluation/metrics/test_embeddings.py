import sys

import pytest
import torch

from sr_core.evaluation.metrics.distances import frechet_distance
from sr_core.evaluation.metrics.embeddings import load_clap, load_passt, patch_statistics

from ..conftest import bursts


def test_a_sound_has_one_embedding_every_half_second_and_at_least_one():
    assert patch_statistics(torch.zeros(2, 2, 3 * 48_000)).shape == (2 * 5, 48)
    assert patch_statistics(torch.zeros(1, 1, 4800)).shape == (1, 48)


def test_like_sounds_are_nearer_than_unlike_ones():
    few, few_later, many = (
        patch_statistics(bursts(times, 8.0)[None])
        for times in (
            [n * 0.9 + 0.1 for n in range(8)],
            [n * 0.9 + 0.3 for n in range(8)],
            [n * 0.2 for n in range(40)],
        )
    )
    assert 3 * frechet_distance(few, few_later) < frechet_distance(few, many)


@pytest.mark.parametrize("load, package", [(load_passt, "hear21passt"), (load_clap, "laion_clap")])
def test_a_missing_package_is_named(monkeypatch, load, package):
    for name in (package, f"{package}.base"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ValueError, match="pip install"):
        load()
