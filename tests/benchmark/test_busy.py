"""A frame's time beside programs that use the processor."""

import os
import time

import torch

from sr_core.benchmark.busy import BusyTimes, busy_text, measure_busy
from sr_core.benchmark.spin import spinning
from sr_core.sampling.settings import Settings


def test_what_spins_uses_the_processor_and_ends():
    with spinning(2):
        before = os.times().children_user
        time.sleep(0.3)
    assert os.times().children_user - before > 0.05


def test_the_models_own_threads_and_all_of_them_are_measured_and_nothing_is_left_changed(
    tiny_pipeline, monkeypatch
):
    tiny_pipeline.float()
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    own, every = measure_busy(tiny_pipeline, Settings(1), 8)
    assert (own.threads, every.threads) == (1, 2)
    assert min(*own[1:], *every[1:]) > 0
    assert tiny_pipeline.threads is None and torch.get_num_threads() == 1


def test_a_ratio_is_busy_by_quiet():
    assert BusyTimes(1, 10.0, 25.0).ratio == 2.5
    assert busy_text([BusyTimes(1, 10.0, 25.0)]).split()[-1] == "2.50"
