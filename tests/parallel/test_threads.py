"""The threads of the CPU that a frame is computed on."""

from __future__ import annotations

import pytest
import torch

from sr_core.engine.session import Session
from sr_core.parallel.threads import SMALL, on_threads, threads_for
from sr_core.sampling.settings import Settings

CPU = torch.device("cpu")
FRAME = torch.rand(1, 1, 3, 28, 56, dtype=torch.float64)


def test_a_small_model_on_the_cpu_gets_one_thread_any_other_as_many_as_torch_has():
    assert threads_for(SMALL - 1, CPU) == 1
    assert threads_for(SMALL, CPU) is None
    assert threads_for(SMALL - 1, torch.device("cuda")) is None


def test_torch_is_left_as_it_was_found_also_after_an_error(threads_seen):
    with on_threads(1):
        assert torch.get_num_threads() == 1
    with pytest.raises(RuntimeError), on_threads(3):
        raise RuntimeError
    with on_threads(None):
        assert torch.get_num_threads() == 2
    assert torch.get_num_threads() == 2


def test_every_part_of_a_frame_runs_on_the_models_own_threads(tiny_pipeline, threads_seen):
    state = tiny_pipeline.start(Settings(1), 0, prompt=torch.rand(1, 2, 1600).double())
    tiny_pipeline.step(FRAME, state)
    session = Session(tiny_pipeline, state)
    session.step(FRAME)
    grid = torch.zeros(1, 1, 8, 12, dtype=torch.float64)
    for token in (session.encode(FRAME), session.encode_features(grid)):
        session.decode(session.generate(token))
    assert threads_seen == {1} and torch.get_num_threads() == 2


def test_another_number_can_be_asked_for(tiny_pipeline, threads_seen):
    tiny_pipeline.threads = 3
    Session(tiny_pipeline, tiny_pipeline.start(Settings(1), 0)).step(FRAME)
    assert threads_seen == {3} and torch.get_num_threads() == 2
