import mir_eval
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from sr_core.evaluation.metrics.mel import log_mel
from sr_core.evaluation.metrics.onsets import (
    CLOSE_SECONDS,
    TOLERANCE_SECONDS,
    count_matches,
    find_onsets,
    offset_histogram,
    onset_offsets,
    onset_strength,
)

from ..conftest import bursts

TIMES = [0.4, 0.9, 1.5, 1.7, 2.6]


def onsets_of(waveform):
    return find_onsets(onset_strength(log_mel(waveform)))


@pytest.mark.torchaudio
def test_bursts_are_found_to_within_a_few_milliseconds_and_nothing_else():
    found = onsets_of(bursts(TIMES, 3.0))
    assert len(found) == len(TIMES)
    assert (found - torch.tensor(TIMES)).abs().max() < 0.015


@pytest.mark.torchaudio
def test_steady_noise_and_silence_have_no_onsets():
    noise = torch.randn(2, 96_000, generator=torch.Generator().manual_seed(1)) / 10
    assert len(onsets_of(noise)[1:]) == 0  # where it begins it does begin
    assert len(onsets_of(torch.zeros(2, 96_000))) == 0


@pytest.mark.torchaudio
def test_a_shifted_sound_has_its_shift_in_the_histogram():
    reference = bursts(TIMES, 3.0)
    late = torch.roll(reference, 4800, dims=1)  # 100 ms, three frames
    offsets = onset_offsets(onsets_of(late), onsets_of(reference))
    histogram = offset_histogram(offsets)
    counts = dict(zip(histogram["offset_ms"], histogram["count"], strict=True))
    assert counts[100.0] == sum(counts.values()) - counts[-100.0]  # 1.5 + 0.1 is near 1.7 - 0.1
    assert counts[100.0] >= 4
    assert count_matches(onsets_of(late), onsets_of(reference)) == 0


def test_each_onset_is_matched_once():
    assert count_matches(torch.tensor([1.0, 1.01]), torch.tensor([1.0])) == 1
    assert count_matches(torch.tensor([1.0]), torch.tensor([0.95, 1.05])) == 1
    assert count_matches(torch.tensor([1.0, 2.0]), torch.tensor([1.06, 2.07])) == 1


@given(
    st.lists(st.floats(0, 2), max_size=12),
    st.lists(st.floats(0, 2), max_size=12),
    st.sampled_from([TOLERANCE_SECONDS, CLOSE_SECONDS]),
)
@example([0.2], [0.15], CLOSE_SECONDS)  # as far apart as the tolerance, but for rounding
def test_as_many_pairs_are_found_as_by_the_maximum_matching_of_mir_eval(some, others, tolerance):
    a, b = (torch.tensor(sorted(x), dtype=torch.float64) for x in (some, others))
    # Its windows are around the second's times, ours around the first's: the same are rounded so.
    pairs = mir_eval.util.match_events(b.numpy(), a.numpy(), tolerance)
    assert count_matches(a, b, tolerance) == len(pairs)


@given(st.lists(st.floats(0, 5), max_size=8), st.lists(st.floats(0, 5), max_size=8))
def test_matching_is_symmetric_and_complete_on_itself(some, others):
    a, b = (torch.tensor(sorted(x), dtype=torch.float64) for x in (some, others))
    assert count_matches(a, b) == count_matches(b, a) <= min(len(a), len(b))
    assert count_matches(a, a) == len(a)


def test_offsets_too_far_apart_are_no_pairs():
    assert len(onset_offsets(torch.tensor([1.0]), torch.tensor([1.3]))) == 0
    assert len(onset_offsets(torch.tensor([]), torch.tensor([1.3]))) == 0
