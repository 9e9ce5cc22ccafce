import pytest
import torch
from torch import distributed

from sr_core.commands.work.train import _local_device
from sr_core.training.runtime.distributed import Processes


@pytest.mark.parametrize(
    ("device", "backend"), [("cpu", "gloo"), ("cuda", "nccl"), ("cuda:1", "nccl")]
)
def test_processes_talk_through_what_their_device_has(monkeypatch, device, backend):
    started = []
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)  # also where a GPU is there
    monkeypatch.setattr(distributed, "is_initialized", lambda: False)
    monkeypatch.setattr(distributed, "init_process_group", started.append)
    monkeypatch.setattr(distributed, "get_rank", lambda: 1)
    assert list(Processes(device).rows(4)) == [2, 3] and started == [backend]


def test_each_process_of_a_machine_has_a_gpu_of_its_own(monkeypatch):
    chosen = []
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    monkeypatch.setenv("LOCAL_RANK", "3")
    assert (_local_device("cuda"), _local_device("cpu")) == ("cuda:3", "cpu") and chosen == [3]
    monkeypatch.delenv("LOCAL_RANK")
    assert _local_device("cuda") == "cuda" and chosen == [3]
