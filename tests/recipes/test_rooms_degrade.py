"""Degraded frames: the same numbers give the same picture, and each part does what it says."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))  # recipes are not installed

from recipes.rooms.degrade import Degradation, degraded, draw, source_frames  # noqa: E402

PLAIN = Degradation(0, 0, 1, 1, (1, 1, 1), 1, 0, 0, False, 0, 1, (0, 0), 30, 0, 18, "veryfast")


def frames(count=6, height=30, width=40):
    noise = np.random.default_rng(0).integers(40, 200, (count, height, width, 3))
    return noise.astype(np.uint8)


def changed(**parts):
    return degraded(frames(), replace(PLAIN, **parts), 1).astype(int)


def test_a_degradation_that_does_nothing_changes_nothing():
    assert np.array_equal(degraded(frames(), PLAIN, 1), frames())


@pytest.mark.parametrize("seed", range(12))
def test_frames_keep_their_shape_and_a_seed_gives_the_same_frames(seed):
    made = draw(np.random.default_rng(seed))
    assert made == draw(np.random.default_rng(seed))
    first = degraded(frames(), made, seed)
    assert first.shape == (6, 30, 40, 3) and first.dtype == np.uint8
    assert np.array_equal(first, degraded(frames(), made, seed))


def test_another_seed_gives_other_grain():
    made = replace(PLAIN, grain=5.0)
    assert not np.array_equal(degraded(frames(), made, 1), degraded(frames(), made, 2))
    assert np.std(changed(grain=5.0) - frames()) == pytest.approx(5.0, rel=0.1)


def test_exposure_white_balance_and_gamma_follow_their_numbers():
    original = frames().astype(int)
    assert changed(exposure=0.5) == pytest.approx(original / 2, abs=1)
    assert changed(white=(1.2, 1, 0.8))[..., 2] == pytest.approx(original[..., 2] * 0.8, abs=1)
    assert changed(gamma=2.0) == pytest.approx(original**2 / 255, abs=1)


def test_without_saturation_all_channels_are_equal():
    grey = changed(saturation=0.0, white=(1.2, 1, 0.8))
    assert np.ptp(grey, axis=-1).max() == 0


def test_a_vignette_darkens_the_corners_alone():
    dark, original = changed(vignette=0.5), frames().astype(int)
    assert dark[:, 0, 0] == pytest.approx(original[:, 0, 0] / 2, abs=2)
    assert dark[:, 15, 20] == pytest.approx(original[:, 15, 20], abs=1)


def test_bars_are_black_and_the_picture_between_them_stays():
    wide = changed(bars=(0.4, 0.0))
    assert not wide[:, :6].any() and not wide[:, -6:].any()
    assert np.array_equal(wide[:, 6:-6], frames()[:, 6:-6])


@pytest.mark.parametrize("part", [{"zoom": 1.3}, {"lens": 0.1}, {"lens": -0.04}, {"jitter": 1.0}])
def test_moved_pixels_show_no_border(part):
    white = np.full((4, 30, 40, 3), 255, np.uint8)
    found = degraded(white, replace(PLAIN, **part), 1)
    assert found.min() >= 250


@pytest.mark.parametrize("part", [{"zoom": 1.3}, {"lens": 0.1}, {"jitter": 1.0}, {"blur": 1.0}])
def test_the_middle_stays_in_the_middle(part):
    spot = np.zeros((4, 61, 61, 3), np.uint8)
    spot[:, 28:33, 28:33] = 255
    found = degraded(spot, replace(PLAIN, **part), 1)[..., 0].astype(float)
    weights = found[0] / found[0].sum()
    centre = [(weights.sum(1 - axis) * np.arange(61)).sum() for axis in range(2)]
    assert centre == pytest.approx([30, 30], abs=1.1)
    assert not np.array_equal(found[0], spot[0, ..., 0])


@pytest.mark.parametrize("rate", [15, 24, 25, 30])
def test_a_slower_source_repeats_frames_and_never_shows_one_early(rate):
    shown = source_frames(300, rate)
    assert (shown <= np.arange(300)).all() and shown[0] == 0
    assert len(np.unique(shown)) == 300 * rate // 30
    assert (np.arange(300) - shown).max() <= 30 // rate


def test_repeated_frames_are_equal_with_their_grain():
    found = changed(rate=15, grain=5.0)
    assert np.array_equal(found[0], found[1]) and not np.array_equal(found[1], found[2])
