"""The sound of a log: every source dry, then in its room, then as a recording with its level."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sr_core.rates import SAMPLE_RATE

from .acoustics import ears, place, room_of, tail
from .ambient import source_sound
from .dry import Dry, band, rms
from .encode import Encoder, Stereo
from .friction import contact_sound
from .impacts import impact_sound
from .log import Log
from .modal import generator

PEAK_REFERENCE = 1.0  # Pa, 94 dB: about the peak of a knock in 1 m
KNEE, CEILING = 0.7, 0.98  # of full scale


@dataclass(frozen=True)
class Recording:
    """How the sound is recorded: levels in dB relative to full scale."""

    peak: float  # of a clip whose peak is PEAK_REFERENCE
    following: float  # dB of recorded peak per dB of real peak: 0 with automatic gain, 1 without
    floor: float  # rms of the noise floor
    slope: float  # dB per octave of the floor's spectrum
    hum: float  # Hz, 0 for none
    hum_level: float  # dB relative to the floor
    low_cut: float  # Hz
    high_cut: float  # Hz
    most_gain: float  # dB, of a quiet clip


def recording(seed: int) -> Recording:
    rng = generator(seed, "recording")
    return Recording(
        peak=float(rng.uniform(-13, -1)),
        following=float(rng.uniform(0.15, 0.35)),
        floor=float(np.clip(rng.normal(-57, 7), -66, -35)),
        slope=float(rng.uniform(-4, 0)),
        hum=float(rng.choice([0, 0, 0, 50, 60])),
        hum_level=float(rng.uniform(-12, 3)),
        low_cut=float(rng.uniform(25, 90)),
        high_cut=float(rng.choice([20_000, rng.uniform(9_000, 18_000)])),
        most_gain=float(rng.uniform(20, 40)),
    )


def stereo(seed: int) -> Stereo:
    """The pair of a clip: a wide one, or the narrow one of a camera."""
    return Stereo(float(generator(seed, "pair").choice([1.0, 0.8, 0.5, 0.15])))


def dry_sources(log: Log) -> list[Dry]:
    """Every source of the log by itself, one channel each, with its place."""
    return [
        *(impact_sound(log, one, index) for index, one in enumerate(log.impacts)),
        *(contact_sound(log, one, index) for index, one in enumerate(log.contacts)),
        *(source_sound(log, one, index) for index, one in enumerate(log.sources)),
    ]


def pressure(log: Log, encoder: Encoder) -> np.ndarray:
    """Sound pressure (c s) in Pa at the camera."""
    count = round(log.seconds * SAMPLE_RATE)
    heard, send = np.zeros((encoder.channels, count)), np.zeros(count)
    room, listening = room_of(log.room, log.seed), ears(log.listener)
    for dry in dry_sources(log):
        place(dry, listening, room, encoder, heard, send)
    if send.any():
        heard += tail(room, send, encoder, log.seed)
    return heard


def render(log: Log, encoder: Encoder) -> np.ndarray:
    """The clip's sound (s c) float32 within -1 and 1, by the log and its seed alone."""
    made = recording(log.seed)
    heard = pressure(log, encoder)
    peak = float(np.abs(heard).max())
    if peak > 0:
        real = 20 * np.log10(peak / PEAK_REFERENCE)
        gain_db = min(made.peak + made.following * real - real, made.most_gain)
        heard = heard * 10 ** (gain_db / 20) / PEAK_REFERENCE
        heard = np.stack([band(channel, made.low_cut, made.high_cut) for channel in heard])
    heard += floor(made, encoder, heard.shape[1], log.seed)
    return limited(heard).T.astype(np.float32)


def floor(made: Recording, encoder: Encoder, count: int, seed: int) -> np.ndarray:
    """Noise floor (c s): coloured noise of the room and of the microphones, and hum."""
    rng = generator(seed, "floor")
    noises = []
    octaves = np.log2(np.maximum(np.fft.rfftfreq(count, 1 / SAMPLE_RATE), 40) / 40)
    colour = 10 ** (made.slope * octaves / 20)
    for _ in range(encoder.channels):
        noise = np.fft.irfft(np.fft.rfft(rng.standard_normal(count)) * colour, count)
        noises.append(noise / rms(noise))
    mixed = np.sqrt(2) * (encoder.diffuse() @ np.stack(noises))
    if made.hum:
        time = np.arange(count) / SAMPLE_RATE
        orders = np.arange(1, 9)
        strength = orders ** -rng.uniform(0.5, 1.5) * rng.uniform(0.2, 1, orders.size)
        waves = np.sin(2 * np.pi * made.hum * np.outer(orders, time) + orders[:, None])
        hum = strength @ waves
        mixed += hum / rms(hum) * 10 ** (made.hum_level / 20)
    return mixed * 10 ** (made.floor / 20) / max(rms(mixed), 1e-12)


def limited(sound: np.ndarray) -> np.ndarray:
    """The sound as it is up to KNEE, and bent towards CEILING above."""
    over = np.maximum(np.abs(sound) - KNEE, 0) / (CEILING - KNEE)
    bent = np.sign(sound) * (KNEE + (CEILING - KNEE) * np.tanh(over))
    return np.where(np.abs(sound) > KNEE, bent, sound)
