"""Measures what a codec does to white noise and to lone tones, at several levels.

python -m recipes.codec.signals CODEC

Levels are RMS. Of a tone, "in its band" is the level of what the decoded sound has within a tenth
of an octave of the tone, and "pitch" the frequency of its highest bin, both after half a second.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from sr_core.audio.vae import AudioVAE
from sr_core.components import load_any_vae
from sr_core.evaluation.metrics.loudness import level_db
from sr_core.rates import SAMPLE_RATE

from .measure import coded

LEVELS_DB = (-60.0, -40.0, -20.0, -6.0)
TONES = (110.0, 440.0, 1000.0, 4000.0)  # Hz
SAMPLES = 3 * SAMPLE_RATE
SETTLED = SAMPLE_RATE // 2  # samples that are left out
BAND = 2**0.1  # ratio of frequencies
SILENT_DB = -140.0


@dataclass(frozen=True)
class Heard:
    level_db: float  # decoded minus original
    band_db: float  # the same of the band around the tone
    pitch_hz: float


def noise(level: float) -> Tensor:  # -> (2 s)
    generator = torch.Generator().manual_seed(0)
    return torch.randn(2, SAMPLES, generator=generator) * 10 ** (level / 20)


def tone(frequency: float, level: float) -> Tensor:  # -> (2 s)
    time = torch.arange(SAMPLES, dtype=torch.float64) / SAMPLE_RATE
    wave = math.sqrt(2) * 10 ** (level / 20) * (2 * torch.pi * frequency * time).sin()
    return wave.float().expand(2, -1)


def hear(waveform: Tensor, frequency: float, vae: AudioVAE) -> Heard:  # (2 s)
    decoded = coded(waveform, vae, vae)[:, SETTLED:]
    original = level_db(waveform[:, SETTLED:], SILENT_DB)
    power = torch.fft.rfft(decoded.double() * torch.hann_window(decoded.shape[1])).abs().square()
    frequencies = torch.fft.rfftfreq(decoded.shape[1], 1 / SAMPLE_RATE)
    near = (frequencies > frequency / BAND) & (frequencies < frequency * BAND)
    share = float(power[:, near].sum() / power.sum().clamp_min(1e-30))
    level = level_db(decoded, SILENT_DB) - original
    pitch = float(frequencies[power.sum(dim=0).argmax()])
    return Heard(level, level + 10 * math.log10(max(share, 1e-12)), pitch)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Measure a codec on white noise and lone tones.")
    parser.add_argument("codec", type=Path)
    vae = load_any_vae(parser.parse_args(argv).codec)
    print("| signal | level, dB | level out - in, dB | in its band, dB | pitch, Hz |")
    print("|---|---|---|---|---|")
    for level in LEVELS_DB:
        print(f"| noise | {level:g} | {hear(noise(level), 1.0, vae).level_db:+.1f} | | |")
    for frequency in TONES:
        for level in LEVELS_DB:
            found = hear(tone(frequency, level), frequency, vae)
            values = f"{found.level_db:+.1f} | {found.band_db:+.1f} | {found.pitch_hz:.1f}"
            print(f"| tone, {frequency:g} Hz | {level:g} | {values} |")


if __name__ == "__main__":
    main()
