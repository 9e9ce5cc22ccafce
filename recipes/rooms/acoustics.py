"""What a room makes of a source: distance, delay, direction, first reflections and a late tail.

World axes as in the scenes: the origin is the middle of the floor. The microphone is the camera.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.signal import fftconvolve

from sr_core.rates import HOP, SAMPLE_RATE

from .dry import Dry, band
from .encode import Encoder
from .log import FRAME_RATE, Listener
from .modal import SOUND_SPEED, generator

NEAREST = 0.2  # m: no source comes closer
OUTDOORS = 20.0  # m: a room of this extent has no walls
BRIEF = 8.0  # s: a source with one place that is not longer keeps the direction of its start
WIDE = 0.5  # m, radius of a source that is heard from several directions
AIR_ABSORPTION = 0.1  # dB/m at 10 kHz, 20 degrees and 50 % humidity (ISO 9613-1)


@dataclass(frozen=True)
class Room:
    """Acoustics of a room."""

    extents: tuple[float, float, float]  # m
    absorption: float  # of its surfaces, 0 to 1
    reverberation: float  # s, for 60 dB
    brightness: float  # Hz, above which the walls absorb more

    @property
    def open(self) -> bool:
        return max(self.extents[:2]) >= OUTDOORS

    @property
    def tail_energy(self) -> float:
        """Energy of the tail relative to the direct sound in 1 m: 1 / critical distance^2.

        Critical distance 0.057 sqrt(V / T) (Kuttruff, Room Acoustics, sec. 5.5).
        """
        volume = float(np.prod(self.extents))
        late = self.reverberation / (0.057**2 * volume) * (1 - self.absorption)
        return 0.05 * late if self.open else late


def room_of(extents: tuple[float, float, float], seed: int) -> Room:
    """Absorption drawn at random, reverberation by Sabine's formula, limited to 0.1 to 0.8 s."""
    rng = generator(seed, "room")
    x, y, z = extents
    absorption = float(rng.beta(2, 3) * 0.6 + 0.12)
    surface = 2 * (x * y + y * z + x * z)
    seconds = float(np.clip(0.161 * x * y * z / (absorption * surface), 0.1, 0.8))
    return Room(extents, absorption, seconds, float(rng.uniform(3500, 12000)))


@dataclass(frozen=True)
class Ears:
    """The listener's places, and axes ahead, left and up, (frames 3) each."""

    place: np.ndarray
    axes: tuple[np.ndarray, np.ndarray, np.ndarray]

    def directions(
        self, frames: np.ndarray, points: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Azimuth, elevation (degrees) and distance (m), (n,) each, of points (n 3) at frames (n,).

        The same as `log.direction`, for many points.
        """
        at = np.clip(frames, 0, len(self.place) - 1)
        offset = points - self.place[at]
        x, y, z = ((offset * axis[at]).sum(-1) for axis in self.axes)
        flat = np.hypot(x, y)
        return np.degrees(np.arctan2(y, x)), np.degrees(np.arctan2(z, flat)), np.hypot(flat, z)


def ears(listener: Listener) -> Ears:
    ahead, up = np.asarray(listener.forward), np.asarray(listener.up)
    return Ears(np.asarray(listener.place), (ahead, np.cross(up, ahead), up))


def images(room: Room, points: np.ndarray) -> list[np.ndarray]:
    """Mirror images (n 3) of points (n 3) in the six surfaces; outdoors in the ground alone."""
    x, y, z = room.extents
    walls = [(2, 0.0)]
    if not room.open:
        walls += [(0, -x / 2), (0, x / 2), (1, -y / 2), (1, y / 2), (2, z)]
    found = []
    for axis, wall in walls:
        image = points.copy()
        image[:, axis] = 2 * wall - image[:, axis]
        found.append(image)
    return found


def place(
    dry: Dry, ears: Ears, room: Room, encoder: Encoder, heard: np.ndarray, send: np.ndarray
) -> None:
    """Add a source to what is heard (c s), and its direct sound in 1 m to the tail's send (s,)."""
    points = np.asarray(dry.path, dtype=float).reshape(-1, 3)
    first = int(dry.start * FRAME_RATE)
    reflected = band(dry.sound, None, room.brightness)
    mirrored = np.sqrt(1 - room.absorption)
    if len(points) == 1 and dry.sound.size <= BRIEF * SAMPLE_RATE and dry.extent < WIDE:
        all_points = np.concatenate([points, *images(room, points)])
        azimuth, elevation, distance = ears.directions(np.full(len(all_points), first), all_points)
        gains = encoder.gains(azimuth, elevation) / np.maximum(distance, NEAREST)
        begins = np.round((dry.start + distance / SOUND_SPEED) * SAMPLE_RATE).astype(int)
        direct = _through_air(dry.sound, float(distance[0]))
        _mix(heard, direct, gains[:, 0], begins[0])
        _mix(send[None], dry.sound, np.ones(1), begins[0])
        for image in range(1, len(all_points)):
            _mix(heard, reflected, mirrored * gains[:, image], begins[image])
        return
    count = -(-dry.sound.size // HOP) + 1
    frames, points = first + np.arange(count), points[np.minimum(np.arange(count), len(points) - 1)]
    for sound, seen, share in _spread(dry, points):
        _add_path((dry.start, sound, frames, seen), share, ears, encoder, heard, send)
    for image in images(room, points):
        _add_path((dry.start, reflected, frames, image), mirrored, ears, encoder, heard, None)


def _mix(target: np.ndarray, sound: np.ndarray, gains: np.ndarray, first: int) -> None:
    """Add a sound (s,) to channels (c s) from a sample on."""
    part = sound[: max(target.shape[1] - first, 0)]
    for channel, gain in zip(target, gains, strict=True):
        channel[first : first + part.size] += gain * part


def _spread(dry: Dry, points: np.ndarray) -> list[tuple[np.ndarray, np.ndarray, float]]:
    """The direct sound's parts: a wide source is three, with the noise of other moments."""
    if dry.extent < WIDE:
        return [(dry.sound, points, 1.0)]
    parts = []
    for number, side in enumerate((0.0, 0.7, -0.7)):
        shift = np.array([side, side, 0.0]) * dry.extent
        parts.append((np.roll(dry.sound, 2927 * number), points + shift, 3**-0.5))
    return parts


Path = tuple[float, np.ndarray, np.ndarray, np.ndarray]  # start, sound (s,), frames, places (n 3)


def _add_path(
    path: Path,
    gain: float,
    ears: Ears,
    encoder: Encoder,
    heard: np.ndarray,
    send: np.ndarray | None,
) -> None:
    """Add one path of a source that moves or lasts: its delay and gains follow its places."""
    start, sound, frames, points = path
    azimuth, elevation, distance = ears.directions(frames, points)
    gains = encoder.gains(azimuth, elevation) * gain / np.maximum(distance, NEAREST)
    sound = _through_air(sound, float(distance.mean()))
    first = int(round(start * SAMPLE_RATE))
    longest = int(distance.max() / SOUND_SPEED * SAMPLE_RATE) + 1
    count = max(min(sound.size + longest, heard.shape[1] - first), 0)
    time = np.arange(count)
    knots = np.arange(len(frames)) * HOP
    delay = np.interp(time, knots, distance) * SAMPLE_RATE / SOUND_SPEED
    moved = np.interp(time - delay, np.arange(sound.size), sound, left=0.0, right=0.0)
    for channel, course in enumerate(gains):
        heard[channel, first : first + count] += moved * np.interp(time, knots, course)
    if send is not None:
        send[first : first + count] += gain * moved


def _through_air(sound: np.ndarray, distance: float) -> np.ndarray:
    """A first-order low pass that takes AIR_ABSORPTION at 10 kHz; left out where it is small."""
    loss_db = AIR_ABSORPTION * distance
    if loss_db < 0.3:
        return sound
    edge = 10_000 / np.sqrt(10 ** (loss_db / 10) - 1)
    return band(sound, None, round(edge, -2))


def tail(room: Room, send: np.ndarray, encoder: Encoder, seed: int) -> np.ndarray:
    """The diffuse late sound (c s) of a send (s,): decaying noise that gets darker."""
    rng = generator(seed, "tail")
    count = int(room.reverberation * 1.1 * SAMPLE_RATE)
    time = np.arange(count) / SAMPLE_RATE
    gap = float(np.prod(room.extents) ** (1 / 3)) / SOUND_SPEED  # about a mean free path
    parts = []
    for _ in range(encoder.channels):
        noise = rng.standard_normal(count)
        dull = band(noise, None, room.brightness / 1.5)
        bright = (noise - dull) * np.exp(-6.9 * time / (0.5 * room.reverberation))
        response = dull * np.exp(-6.9 * time / room.reverberation) + bright
        response *= np.minimum(time / gap, 1.0)
        parts.append(response / np.sqrt(np.sum(response**2)))
    delay = np.zeros(int(gap * SAMPLE_RATE))
    late = [fftconvolve(send, np.concatenate([delay, part]))[: send.size] for part in parts]
    return np.sqrt(room.tail_energy) * (encoder.diffuse() @ np.stack(late))
