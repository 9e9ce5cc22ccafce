import sys
from types import SimpleNamespace

import pytest
import torch

from sr_core.evaluation.metrics.distances import frechet_distance
from sr_core.evaluation.metrics.embeddings import load_clap, load_passt, patch_statistics
from sr_core.io.read.audio import resample

from ..conftest import bursts


@pytest.mark.torchaudio
def test_a_sound_has_one_embedding_every_half_second_and_at_least_one():
    assert patch_statistics(torch.zeros(2, 2, 3 * 48_000)).shape == (2 * 5, 48)
    assert patch_statistics(torch.zeros(1, 1, 4800)).shape == (1, 48)


@pytest.mark.torchaudio
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


@pytest.mark.torchaudio
def test_passt_hears_what_our_own_resampling_to_32_khz_gives(monkeypatch):
    """Where both filters pass all: noise from 20 Hz to 12 kHz. Longer than 10 s is cut."""

    class Model(torch.nn.Linear):
        def forward(self, x):
            return x

    package = SimpleNamespace(get_basic_model=lambda mode: Model(1, 1))
    monkeypatch.setitem(sys.modules, "hear21passt", SimpleNamespace(base=package))
    monkeypatch.setitem(sys.modules, "hear21passt.base", package)
    spectrum = torch.fft.rfft(torch.randn(1, 2, 48_000, generator=torch.Generator().manual_seed(0)))
    spectrum[..., :20] = spectrum[..., 12_000:] = 0  # bins of 1 Hz
    noise = torch.fft.irfft(spectrum)
    heard = load_passt()(noise)
    assert heard.shape == (1, 320_000) and not heard[:, 32_000:].any()
    own = resample(noise.mean(dim=1), 48_000, 32_000)
    error = (heard[:, :32_000] - own)[:, 1000:-1000]  # what lies beyond the ends is silence
    assert error.abs().max() < 1e-4 * own.std()
    assert load_passt()(torch.zeros(1, 2, 11 * 48_000)).shape == (1, 320_000)


@pytest.mark.parametrize("load, package", [(load_passt, "hear21passt"), (load_clap, "laion_clap")])
def test_a_missing_package_is_named(monkeypatch, load, package):
    for name in (package, f"{package}.base"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ValueError, match="pip install"):
        load()
