"""Cutting a stream of tokens into whole steps."""

import pytest
import torch

from sr_core.models.generator import Generator, check_batch, whole_steps

TOKENS = torch.arange(7.0).reshape(1, 7, 1)


def values(x):
    return None if x is None else x.flatten().tolist()


@pytest.mark.parametrize(
    ("waiting", "size", "steps", "rest"),
    [
        (None, 1, [[n] for n in range(7)], None),
        (None, 3, [[0, 1, 2], [3, 4, 5]], [6]),
        ([-2, -1], 3, [[-2, -1, 0], [1, 2, 3], [4, 5, 6]], None),
        ([-1], 9, [], [-1, 0, 1, 2, 3, 4, 5, 6]),
    ],
)
def test_steps_are_whole_and_the_rest_waits(waiting, size, steps, rest):
    before = None if waiting is None else torch.tensor(waiting).float().reshape(1, -1, 1)
    found, left = whole_steps(TOKENS, before, size)
    assert [values(step) for step in found] == steps and values(left) == rest


def test_what_waits_is_no_view_of_the_piece():
    _, left = whole_steps(torch.randn(1, 1000, 8), None, 3)
    assert left.untyped_storage().nbytes() == left.nbytes


def test_no_tokens_are_no_steps():
    assert whole_steps(TOKENS[:, :0], None, 2) == ([], None)


def test_a_family_reads_no_text_unless_it_says_so():
    with pytest.raises(ValueError, match="checkpoint of Generator, which follows the picture"):
        Generator().encode_text("rain")


def test_another_batch_is_refused():
    with pytest.raises(ValueError, match="batch of 2 videos; expected the 3"):
        check_batch(2, 3)
