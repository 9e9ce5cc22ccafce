import pytest
import torch

from sr_core.evaluation.protocol.overfit_check import OverfitCheck

pytestmark = pytest.mark.torchaudio


def clicks(*seconds):
    sound = torch.zeros(2, 4 * 48_000)
    decay = torch.exp(-torch.arange(4_800) / 600) * torch.randn(4_800)
    for second in seconds:
        sound[:, round(second * 48_000) :][:, :4_800] += 0.3 * decay
    return sound


OWN, OTHER = (0.4, 1.1, 1.9, 2.2, 3.3), (0.7, 1.5, 2.6, 2.9, 3.7)


def memory_of(generated, decoded=OWN):
    torch.manual_seed(0)
    names = {"reference": OWN, "codec": decoded, "shuffled": OTHER, "steps 4": generated}
    memory = OverfitCheck("steps 4")
    memory(None, {name: clicks(*seconds) for name, seconds in names.items()})
    return memory


def test_a_clip_known_by_heart_leaves_nothing_to_say():
    memory = memory_of(OWN)
    assert memory.generated.is_like and memory.codec.is_like
    assert memory.onset_f1("steps 4") == 1
    assert "generated, steps 4" in memory.table()


def test_a_sound_at_the_wrong_times_is_called_chance():
    assert not memory_of(OTHER).generated.is_like
    assert not memory_of(()).generated.is_like


def test_a_vae_that_hears_nothing_is_named():
    memory = memory_of((1.5,), decoded=(1.5,))
    assert not memory.codec.is_like and not memory.generated.is_like
