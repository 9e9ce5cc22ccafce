"""Motion stops, on a square that moves and stops at known frames."""

import pytest
import torch

from sr_core.evaluation.metrics.motion_stops import motion_energy, motion_stops
from sr_core.evaluation.metrics.shifted_onsets import shifted_onset_wins
from sr_core.io.read.frames import frames_from_images

STOPS = [25, 62, 101, 133]  # the last frame of each movement, at 30 Hz
MOVE = 12  # frames


def square(moving, fps=30):
    """Frames (36 x 64) of a square that moves two pixels in each frame of `moving`."""
    images = torch.zeros(len(moving), 36, 64, 3)
    way = 0
    for image, moves in zip(images, moving, strict=True):
        way += 2 * moves
        position = 56 - abs(way % 112 - 56)  # to the other side and back
        image[14:22, position : position + 8] = 1
    return frames_from_images(images, fps)


def stopping(count=180, each=1):
    """Whether the square moves in each frame."""
    return [any(0 <= each * s - n < each * MOVE for s in STOPS) for n in range(count)]


def auc(energy, onsets):
    wins = shifted_onset_wins(motion_stops(energy), onsets)
    return sum(wins) / len(wins)


def test_energy_is_the_mean_change_of_grey():
    energy = motion_energy(square([False, True, False, False]))
    change = 255 * 2 * 2 * 8 / (36 * 64)  # two columns of eight pixels before and after it
    assert energy.tolist() == pytest.approx([0, change, 0, 0])


def test_a_stop_scores_by_the_motion_before_it_and_a_start_scores_nothing():
    energy = torch.tensor([0.0, 0, 0, 6, 6, 6, 6, 0, 0, 0, 0, 0])
    assert motion_stops(energy).tolist() == [0, 0, 0, 0, 0, 0, 3, 6, 4, 2, 0, 0]


def test_motion_to_the_end_does_not_stop_there():
    assert motion_stops(torch.ones(8)).tolist() == [0] * 8


def test_a_square_that_stops_at_the_onsets_scores_near_one():
    onsets = torch.tensor(STOPS) / 30
    energy = motion_energy(square(stopping()))
    assert auc(energy, onsets) > 0.94  # other stops tie
    starts = torch.tensor([stop - MOVE + 1 for stop in STOPS]) / 30
    assert auc(energy, starts) < 0.5
    assert auc(motion_energy(square([True] * 180)), onsets) == pytest.approx(0.5, abs=0.1)
    assert auc(motion_energy(square([False] * 180)), onsets) == 0.5


@pytest.mark.parametrize("fps", [24, 15, 60])
def test_steady_motion_has_no_stops_at_another_frame_rate(fps):
    stops = motion_stops(motion_energy(square([True] * 26, fps)))
    assert float(stops.max()) == 0


def test_a_stop_is_found_at_twice_the_frame_rate():
    energy = motion_energy(square(stopping(360, each=2), fps=60))
    assert len(energy) == 180 and auc(energy, torch.tensor(STOPS) / 30) > 0.94
