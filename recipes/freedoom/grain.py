"""What grain costs in a codec's figures: the real sound, made of noise.

python -m recipes.freedoom.grain clips/test

A noise cannot be told from another of the same spectrum by ear, but by distances it can: they count
what happened to be louder in which bin. This measures how much, without any codec: a clip's own
short-time spectrum keeps its power, exactly or smoothed, and gets random phases.
No decoder that draws its noise does better, unless it knows more of the spectrum than that.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from sr_core.audio.spectrum import phases
from sr_core.evaluation.metrics.distances import mel_distance, stft_distance
from sr_core.evaluation.metrics.loudness import envelope_correlation, level_db, loudness_envelope
from sr_core.evaluation.metrics.mel import log_mel
from sr_core.io.read.audio import read_audio
from sr_core.io.read.source import videos_in

SIZE, HOP = 800, 400  # samples: bins of 60 Hz, columns of 8.3 ms, as the codec of `micro` has
SMOOTHINGS = ((1, 1), (3, 1), (3, 4))  # bins x columns; four columns are a latent


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clips", type=Path, nargs="+")
    places = parser.parse_args(argv).clips
    clips = [read_audio(clip)[0].float() for place in places for clip in videos_in(place)]
    print("| power is known | log-mel distance, dB | multi-resolution STFT | loudness envelope r |")
    print("|---|---:|---:|---:|")
    for smoothing in SMOOTHINGS:
        mel, stft, envelope = figures(clips, smoothing)
        print(f"| {words(smoothing)} | {mel:.2f} | {stft:.2f} | {envelope:.3f} |")


def words(smoothing: tuple[int, int]) -> str:
    bins, columns = smoothing
    if smoothing == (1, 1):
        return "exactly, phases are random"
    return f"over {bins * 48_000 // SIZE} Hz x {1000 * columns * HOP / 48_000:.0f} ms"


def figures(clips: list[Tensor], smoothing: tuple[int, int]) -> tuple[float, float, float]:
    """Log-mel distance, STFT distance and envelope r to the real sounds (2 s): the clips' means."""
    generator, rows = torch.Generator().manual_seed(0), []
    for real in clips:
        noise = as_noise(real, smoothing, generator)
        envelopes = loudness_envelope(noise), loudness_envelope(real)
        r = envelope_correlation(*envelopes)
        mel = mel_distance(log_mel(noise), log_mel(real))
        rows.append([mel, stft_distance(noise, real), torch.nan if r is None else r])
    return tuple(torch.tensor(rows).nanmean(dim=0).tolist())


def as_noise(real: Tensor, smoothing: tuple[int, int], generator: torch.Generator) -> Tensor:
    """The sound (2 s) of the same power in bins and columns, both ears hearing one noise."""
    window = torch.hann_window(SIZE).sqrt()
    spectrum = torch.stft(real, SIZE, HOP, window=window, return_complex=True)
    power, shape = spectrum.abs().square(), spectrum.shape[1:]
    noise = torch.view_as_complex(phases(torch.rand(shape, generator=generator)))
    sides = [side for size in reversed(smoothing) for side in ((size - 1) // 2, size // 2)]
    power = F.avg_pool2d(F.pad(power, sides, mode="replicate"), smoothing, 1)
    made = torch.istft(power.sqrt() * noise, SIZE, HOP, window=window, length=real.shape[-1])
    # Overlapping noises add up to less.
    return made * 10 ** ((level_db(real) - level_db(made)) / 20)


if __name__ == "__main__":
    main()
