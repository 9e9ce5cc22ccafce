import torch

from sr_core.training.runtime.logger import spectrogram
from sr_core.training.seeding import generator_of, normal, seed_of, uniform


def test_places_have_seeds_of_their_own():
    seeds = {
        seed_of(seed, step, row) for seed in range(5) for step in range(20) for row in range(20)
    }
    assert len(seeds) == 2000 and all(0 <= seed < 2**63 for seed in seeds)
    assert seed_of(1, 23) != seed_of(12, 3)


def test_rows_draw_from_their_own_generators():
    def rows():
        return [generator_of(0, row) for row in range(3)]

    like = torch.zeros(1)
    noise = normal(rows(), 1000, like=like)
    assert torch.equal(noise, normal(rows(), 1000, like=like)) and not torch.equal(*noise[:2])
    assert abs(noise.mean()) < 0.1 and abs(noise.std() - 1) < 0.1
    drawn = uniform(rows(), 1000, like=like)
    assert drawn.min() >= 0 and drawn.max() < 1 and abs(drawn.mean() - 0.5) < 0.05


def test_a_spectrogram_shows_a_tone_where_it_is():
    time = torch.arange(48_000) / 48_000
    picture = spectrogram(torch.sin(2 * torch.pi * 12_000 * time))
    assert picture.shape[0] == 513 and picture.min() >= 0 and picture.max() <= 1
    assert picture.mean(dim=1).argmax().item() == 513 // 2  # half way up: 12 of 24 kHz
