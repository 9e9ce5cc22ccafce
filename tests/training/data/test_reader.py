"""What workers read ahead is what would be read without them, in order and whole."""

import time

import pytest
import torch

from sr_core.training.data.dataset import Batches
from sr_core.training.data.reader import Reader
from sr_core.training.runtime.loop import parts_of


@pytest.mark.parametrize("workers", [0, 2])
def test_every_step_has_its_rows_in_their_order(shards, workers):
    batches = Batches(shards, "train", 6, 5)
    reader = Reader(batches, range(3, 9), parts_of(range(2, 6), 3), workers, "cpu")
    for step in range(3, 9):
        parts = list(reader.step())  # held until all of the step are there
        expected, names = batches.at(step, range(2, 6))
        assert reader.names == names and len(parts) == 3
        for name, whole in expected.items():
            assert torch.equal(torch.cat([part[name] for part in parts]), whole)
    with pytest.raises(RuntimeError):  # a generator that ends: there are no more steps
        list(reader.step())


@pytest.mark.parametrize("workers", [0, 1])
def test_numbers_stay_as_on_the_disk_until_they_are_on_the_device(shards, workers):
    batches = Batches(shards, "train", 4, 5)
    reader = Reader(batches, range(2), [range(4)], workers, "cpu")
    read = reader.read()
    assert read.tensors["grid"].dtype == torch.float16 and len(read.names) == 4
    (part,) = reader.step()
    assert part["grid"].dtype == torch.float32


def test_reading_draws_nothing_from_the_generator_that_dropout_has(shards):
    before = torch.get_rng_state()
    list(Reader(Batches(shards, "train", 4, 5), range(2), [range(4)], 0, "cpu").step())
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_clip_that_cannot_be_read_is_told_in_one_line(shards, workers):
    batches = Batches(shards, "train", 4, 5, needs=("grid", "waveform"))
    reader = Reader(batches, range(2), [range(4)], workers, "cpu")
    with pytest.raises(ValueError, match=r"^got grid.*expected waveform too") as caught:
        list(reader.step())
    assert "\n" not in str(caught.value)


def test_reading_and_computing_overlap(shards, monkeypatch):
    """Twelve parts of 50 ms in workers beside 50 ms of waiting for each: not 1.2 s in all."""
    fill = Batches.fill

    def slowly(*arguments):
        time.sleep(0.05)
        return fill(*arguments)

    batches = Batches(shards, "train", 1, 5)
    for workers in (0, 1):
        with monkeypatch.context() as patch:
            patch.setattr(Batches, "fill", slowly)  # before the workers begin
            reader = Reader(batches, range(13), [range(1)], workers, "cpu")
            list(reader.step())
            reader.seconds = 0.0
            for _ in range(12):
                list(reader.step())
                time.sleep(0.05)
        if workers:
            assert reader.seconds < 0.4
        else:
            assert reader.seconds >= 12 * 0.05


def test_parts_are_as_equal_as_can_be_and_hold_every_row():
    assert parts_of(range(4, 8), 3) == [range(4, 5), range(5, 6), range(6, 8)]
    assert parts_of(range(2), 9) == [range(0, 1), range(1, 2)]
