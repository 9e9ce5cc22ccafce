import pytest
import torch

from sr_core.spatial.keyframes import segments


def test_a_step_ends_at_its_keyframe_and_begins_at_the_one_before():
    start, end, fraction = segments(torch.tensor([[[1.0], [3.0]]]), 8, torch.zeros(1, 1))
    path = torch.lerp(start, end, fraction).flatten()
    assert path.tolist() == [0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0]


def test_a_stream_begins_with_its_first_keyframe():
    start, end, fraction = segments(torch.tensor([[[1.0], [3.0]]]), 4, None)
    assert torch.lerp(start, end, fraction).flatten().tolist() == [1.0, 1.0, 2.0, 3.0]


@pytest.mark.parametrize("count, samples", [(3, 8), (0, 8), (4, 2)])
def test_steps_of_unequal_length_are_refused(count, samples):
    with pytest.raises(ValueError, match=f"got {count} keyframes for {samples} samples"):
        segments(torch.zeros(1, count, 2), samples, None)
