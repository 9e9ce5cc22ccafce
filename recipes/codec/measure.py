"""Measures what a codec does to the sounds of folders: level, spectrum, envelope, onsets, gain.

python -m recipes.codec.measure CODEC FOLDER... [--encoder OTHER] [--json FILE]

CODEC is a checkpoint, or a VAE of `train vae`. Every folder of sound files or videos is a source
and gives a row. With --encoder the latents are those of another codec: so the decoder of CODEC is
measured behind a model that was trained on the latents of that other codec.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from sr_core.audio.signal import to_stereo
from sr_core.audio.vae import AudioVAE
from sr_core.components import load_any_vae
from sr_core.evaluation.metrics.distances import mel_distance
from sr_core.evaluation.metrics.loudness import envelope_correlation, level_db, loudness_envelope
from sr_core.evaluation.metrics.mel import log_mel
from sr_core.evaluation.metrics.onsets import count_matches, find_onsets, onset_strength
from sr_core.io.read.audio import read_audio, resample
from sr_core.io.read.source import MediaError
from sr_core.rates import SAMPLE_RATE

ENDINGS = {".mp4", ".wav", ".flac", ".ogg", ".mp3", ".m4a", ".mkv", ".webm", ".mov"}
SOFTER_DB = -20.0
LONGEST = 30 * SAMPLE_RATE  # samples; the rest of a file is left out


@dataclass(frozen=True)
class Measured:
    """One sound, or the mean over the sounds of a source, whose counts are sums."""

    level_db: float  # decoded minus original, mean over frames of at least -60 dB
    mel_db: float  # mean distance of log-mel spectrograms
    envelope_r: float | None  # None: the original's envelope is constant
    gain_error_db: float  # |level of decode(softer) - level of decode(original) - SOFTER_DB|
    original_level_db: float  # RMS of the original
    onsets: int  # of the original
    found: int  # of the decoded sound
    matched: int

    @property
    def onset_f1(self) -> float | None:
        total = self.onsets + self.found
        return 2 * self.matched / total if total else None


def read_sound(path: Path, hop: int) -> Tensor:  # -> (2 s), s a multiple of the hop
    """A file's sound at 48 kHz in stereo, with zeros up to a whole hop."""
    waveform, rate = read_audio(path, stereo=True)
    waveform = to_stereo(resample(waveform, rate, SAMPLE_RATE)[None])[0, :, :LONGEST]
    return F.pad(waveform, (0, -waveform.shape[-1] % hop))


@torch.inference_mode()
def coded(waveform: Tensor, vae: AudioVAE, encoder: AudioVAE) -> Tensor:  # (2 s) -> (2 s)
    return vae.decode(encoder.encode(waveform[None])[0])[0][0]


def measure(waveform: Tensor, vae: AudioVAE, encoder: AudioVAE) -> Measured:  # (2 s)
    decoded = coded(waveform, vae, encoder)
    softer = coded(waveform * 10 ** (SOFTER_DB / 20), vae, encoder)
    envelope, own = loudness_envelope(waveform), loudness_envelope(decoded)
    mel, own_mel = log_mel(waveform), log_mel(decoded)
    onsets, found = (find_onsets(onset_strength(x)) for x in (mel, own_mel))
    floor = -120.0  # dB, below that of a sound which is made softer
    return Measured(
        level_db=float(own.mean() - envelope.mean()),
        mel_db=mel_distance(own_mel, mel),
        envelope_r=envelope_correlation(own, envelope),
        gain_error_db=abs(level_db(softer, floor) - level_db(decoded, floor) - SOFTER_DB),
        original_level_db=level_db(waveform),
        onsets=len(onsets),
        found=len(found),
        matched=count_matches(found, onsets),
    )


def pooled(rows: list[Measured]) -> Measured:
    """Means of the sounds' values, sums of their counts of onsets."""

    def mean(name: str) -> float | None:
        values = [value for row in rows if (value := getattr(row, name)) is not None]
        return sum(values) / len(values) if values else None

    means = ("level_db", "mel_db", "envelope_r", "gain_error_db", "original_level_db")
    sums = ("onsets", "found", "matched")
    return Measured(
        **{name: mean(name) for name in means},
        **{name: sum(getattr(row, name) for row in rows) for name in sums},
    )


def sounds_in(folder: Path) -> list[Path]:
    """The sound files and videos of a folder; ValueError where there is none."""
    found = sorted(path for path in folder.glob("*") if path.suffix.lower() in ENDINGS)
    if not found:
        raise ValueError(f"got no sound in {folder}; expected files of {', '.join(ENDINGS)}")
    return found


def table(rows: Iterable[tuple[str, int, Measured]]) -> str:
    lines = [
        "| source | sounds | level dB | log-mel dB | envelope r | onset F1 | gain error dB |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, count, row in rows:
        r, f1 = ("-" if x is None else f"{x:.3f}" for x in (row.envelope_r, row.onset_f1))
        values = f"{row.level_db:+.2f} | {row.mel_db:.2f} | {r} | {f1} | {row.gain_error_db:.2f}"
        lines.append(f"| {name} | {count} | {values} |")
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Measure a codec on folders of sounds.")
    parser.add_argument("codec", type=Path)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--encoder", type=Path, help="encode with this codec instead")
    parser.add_argument("--json", type=Path, help="also write the values of every sound")
    options = parser.parse_args(argv)
    vae = load_any_vae(options.codec)
    encoder = load_any_vae(options.encoder) if options.encoder else vae
    rows, all_values = [], {}
    for folder in options.folders:
        values = {}
        for path in sounds_in(folder):
            try:
                sound = read_sound(path, vae.config.hop)
            except MediaError as error:
                print(f"left out: {error}", file=sys.stderr)
                continue
            values[str(path)] = measure(sound, vae, encoder)
        rows.append((folder.name, len(values), pooled(list(values.values()))))
        all_values |= {path: asdict(one) for path, one in values.items()}
    print(table(rows))
    if options.json:
        options.json.write_text(json.dumps(all_values, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
