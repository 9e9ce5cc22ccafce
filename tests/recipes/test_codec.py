"""The codec's recipe: scenes repeat, levels spread, licences hold, and measurements are exact."""

from __future__ import annotations

import json
import math
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[2]))  # recipes are not installed

from recipes.codec import make_shards, measure, synth  # noqa: E402
from recipes.codec.held_out import sequence  # noqa: E402
from recipes.codec.initial import extended  # noqa: E402
from recipes.codec.scene import LEVELS_DB, LOUDEST, scene  # noqa: E402
from recipes.codec.soundfont import read_sample, sample_names  # noqa: E402
from recipes.codec.sources import SOURCES, recordings_of  # noqa: E402
from sr_core.audio.level import USUAL  # noqa: E402
from sr_core.audio.spectral import SpectralConfig  # noqa: E402
from sr_core.audio.vae import AudioVAE  # noqa: E402
from sr_core.config import from_dict  # noqa: E402
from sr_core.training.data.dataset import Batches  # noqa: E402
from sr_core.training.stages import VAERun  # noqa: E402

SECOND = 48_000
FREE = {"CC0-1.0", "CC-BY-3.0", "MIT", "public domain"}


def beep(random):
    return np.sin(np.arange(4800) * random.uniform(0.01, 0.5))[None]


def db(wave) -> float:
    return float(10 * np.log10((wave**2).mean() + 1e-20))


@pytest.mark.parametrize("kind", list(synth.KINDS))
def test_a_synthetic_sound_is_a_function_of_its_seed_and_is_finite(kind):
    once, again, other = (
        synth.KINDS[kind](np.random.default_rng(seed), SECOND) for seed in (3, 3, 4)
    )
    assert np.isfinite(once).all() and once.shape == (SECOND,) and np.abs(once).max() > 0
    assert np.array_equal(once, again) and not np.array_equal(once, other)


def test_scenes_repeat_and_spread_over_the_levels_without_clipping():
    made = [scene(np.random.default_rng(seed), SECOND, beep) for seed in range(24)]
    assert np.array_equal(made[5], scene(np.random.default_rng(5), SECOND, beep))
    levels = [db(wave) for wave in made]
    assert min(levels) < -35 and max(levels) > -20
    assert all(level < LEVELS_DB[1] + 0.1 for level in levels)
    assert all(np.abs(wave).max() <= LOUDEST + 1e-6 for wave in made)
    assert any(not np.allclose(wave[0], wave[1]) for wave in made)


def test_a_room_decays_and_keeps_the_direct_sound():
    from recipes.codec.scene import in_room

    click = np.zeros((2, SECOND))
    click[:, 100] = 1
    room = in_room(np.random.default_rng(0), click)
    early, late = (db(room[:, a : a + 4800]) for a in (200, 40_000))
    assert abs(room[0, 100] - 1) < 0.2 and not room[:, :100].round(9).any()
    assert late < early - 20


def test_every_source_has_a_free_licence_and_at_least_four_are_held_out():
    assert {source.licence for source in SOURCES} <= FREE
    assert sum(source.held_out for source in SOURCES) >= 4
    assert set(make_shards.WEIGHTS) == {s.name for s in SOURCES if not s.held_out}


def test_held_out_recordings_are_never_in_training(tmp_path):
    names = ["perc_bell.flac", "tabla_na.flac", "loop_amen.flac", "bd_808.flac", "README.md"]
    for source in SOURCES:
        if source.package == "sonic-pi-samples":
            for name in names:
                path = tmp_path / source.package / source.folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch()
    found = {
        source.name: [one.name for one in recordings_of(source, tmp_path)]
        for source in SOURCES
        if source.package == "sonic-pi-samples"
    }
    assert found == {
        "sonic-pi": ["bd_808.flac"],
        "percussion": ["perc_bell.flac"],
        "tabla": ["tabla_na.flac"],
        "loops": ["loop_amen.flac"],
    }
    with pytest.raises(ValueError, match="apt-get download minetest-data"):
        list(recordings_of(next(s for s in SOURCES if s.name == "doors"), tmp_path))


def soundfont(path: Path) -> Path:
    """Two samples of a pair and a single one, of 4, 4 and 3 samples."""
    data = np.array([1, 2, 3, 4, -1, -2, -3, -4, 5, 6, 7], "<i2").tobytes()
    rows = [(b"Hit(L)", 0, 4), (b"Hit(R)", 4, 8), (b"Gun", 8, 11), (b"EOS", 0, 0)]
    headers = b"".join(
        struct.pack("<20s5IBbHH", name, start, end, 0, 0, 22_050, 60, 0, 0, 1)
        for name, start, end in rows
    )

    def chunk(kind, content):
        return kind + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)

    lists = chunk(b"LIST", b"sdta" + chunk(b"smpl", data))
    lists += chunk(b"LIST", b"pdta" + chunk(b"shdr", headers))
    path.write_bytes(b"RIFF" + struct.pack("<I", len(lists) + 4) + b"sfbk" + lists)
    return path


def test_left_and_right_samples_of_a_soundfont_are_one_recording(tmp_path):
    path = soundfont(tmp_path / "small.sf2")
    assert sample_names(path) == ["Hit", "Gun"]
    both, rate = read_sample(path, "Hit")
    assert rate == 22_050
    assert (both * 32768).tolist() == [[1, 2, 3, 4], [-1, -2, -3, -4]]
    assert (read_sample(path, "Gun")[0] * 32768).tolist() == [[5, 6, 7]]


def test_shards_mark_anchored_clips_and_are_read_by_training(tmp_path, monkeypatch):
    monkeypatch.setattr(make_shards, "FRAMES", 4)
    waves = [np.full((2, 4 * 1600), level) for level in (0.25, 0.5)]
    clips = iter([("scene", waves[0], False), ("game", waves[1], True)])
    assert make_shards.write_shards(clips, tmp_path, "train", 0) == 1
    config = json.loads((Path(make_shards.__file__).parent / "vae.json").read_text())
    assert from_dict(VAERun, config).task.anchor > 0
    rows = Batches(tmp_path, "train", 2, 4, needs=("waveform", "anchored"))
    batch, names = rows.at(0, range(2))
    order = [names.index(f"{name}.safetensors") for name in ("scene", "game")]
    assert batch["anchored"][order].tolist() == [[0.0] * 4, [1.0] * 4]
    assert batch["waveform"][order].mean(dim=(1, 2)).tolist() == pytest.approx([0.25, 0.5], 1e-3)


def test_held_out_sequences_have_the_levels_of_recordings():
    hit = np.random.default_rng(0).standard_normal((1, 4800)).astype(np.float32)
    made = sequence(np.random.default_rng(1), ["a"], lambda recording: hit)
    assert made.shape == (2, 6 * SECOND) and -41 < db(made) < -11 and np.abs(made).max() < 1


class Halves(torch.nn.Module):
    """A codec that halves the sound, or keeps it at `fixed` RMS."""

    def __init__(self, fixed=None):
        super().__init__()
        self.fixed = fixed

    def encode(self, waveform):
        return waveform, None

    def decode(self, latents):
        factor = 0.5 if self.fixed is None else self.fixed / latents.square().mean().sqrt()
        return latents * factor, None


def test_a_codec_that_halves_is_6_db_softer_and_keeps_gain_and_envelope():
    noise = torch.randn(2, SECOND, generator=torch.Generator().manual_seed(0)) * 0.1
    noise *= torch.linspace(0.1, 1, SECOND)
    found = measure.measure(noise, Halves(), Halves())
    assert found.level_db == pytest.approx(-6.02, abs=0.05)
    assert found.mel_db == pytest.approx(6.02, abs=0.1)
    assert found.envelope_r == pytest.approx(1, abs=1e-4)
    assert found.gain_error_db == pytest.approx(0, abs=0.01)
    assert measure.measure(noise, Halves(0.1), Halves(0.1)).gain_error_db == pytest.approx(20, 0.01)


def test_counts_of_onsets_are_pooled_and_values_averaged():
    one = measure.Measured(-2.0, 1.0, None, 0.5, -20.0, onsets=4, found=2, matched=2)
    two = measure.Measured(4.0, 3.0, 0.5, 1.5, -30.0, onsets=0, found=2, matched=0)
    both = measure.pooled([one, two])
    assert (both.level_db, both.mel_db, both.envelope_r, both.gain_error_db) == (1, 2, 0.5, 1)
    assert both.onset_f1 == pytest.approx(0.5) and two.onset_f1 == 0


@torch.no_grad()
def test_an_extended_codec_has_the_latents_of_the_old_one_at_the_usual_level():
    torch.manual_seed(0)
    old = AudioVAE(SpectralConfig(latent_channels=3, window=16, fold=2, width=8))
    new = extended(old, 6)
    sound = torch.randn(1, 2, 16 * 20)
    powers = sound.unflatten(-1, (20, 16)).square().mean(dim=(1, 3))
    gain = (math.exp(2 * USUAL) / powers).sqrt().repeat_interleave(16, dim=1)
    sound = sound * gain[:, None]
    was, now = old.encode_moments(sound)[0], new.encode_moments(sound)[0]
    assert new.config.latent_channels == now.shape[2] == 6
    torch.testing.assert_close(now[..., 1:4], was, rtol=1e-3, atol=1e-3)
    changed = torch.cat([now[..., :4], torch.randn(1, 20, 2)], dim=2)
    assert torch.equal(new.decode(changed)[0], new.decode(now)[0])


def test_only_a_codec_without_level_and_tones_can_be_extended():
    with pytest.raises(ValueError, match="expected a spectral codec without"):
        extended(AudioVAE(SpectralConfig(width=8, measured_level=True)), 40)
