import pytest
import torch

from sr_core.benchmark import run
from sr_core.benchmark.cost import costs_of
from sr_core.benchmark.peer import Peer
from sr_core.benchmark.run import PARTS, measure, plain_peer
from sr_core.engine.session import Session
from sr_core.sampling.settings import Settings


@pytest.fixture
def small_pipeline(tiny_pipeline):
    return tiny_pipeline.float()


def test_every_measured_frame_has_its_parts_and_peers_take_turns(small_pipeline):
    calls = []
    peer = Peer(lambda: calls.append("ours"), lambda: calls.append("theirs"))
    times = measure(small_pipeline, Settings(steps=1), 4, lambda: {"other": peer})
    assert list(times.parts) == list(PARTS)
    assert all(len(spent) == 4 and min(spent) > 0 for spent in times.parts.values())
    assert [len(side) for side in times.against["other"]] == [4, 4]
    assert calls[4:8] == ["theirs", "ours", "ours", "theirs"]  # after a warm-up of two turns
    assert 0 < times.share <= 1
    assert times.waveform[0] == pytest.approx(sum(times.parts[part][0] for part in PARTS))
    assert times.token[0] == pytest.approx(times.waveform[0] - times.parts["decode"][0])


def test_frames_are_measured_with_a_full_window_however_few(small_pipeline, monkeypatch):
    begun = []
    monkeypatch.setattr(run, "Session", lambda *given: begun.append(given[1]) or Session(*given))
    measure(small_pipeline, Settings(steps=1), 1, dict)
    window = small_pipeline.config.model.transformer.train_frames
    assert begun[0].generator.past.transformer[0].position >= 2 * window


@torch.inference_mode()
def test_the_plain_path_starts_from_a_full_window(small_pipeline):
    peer = plain_peer(small_pipeline, Settings(steps=1))
    assert peer.ours().shape == peer.theirs().shape == (1, 2, 1600)
    state = peer.theirs.__closure__
    kept = [cell.cell_contents for cell in state if hasattr(cell.cell_contents, "generator")]
    assert kept[0].generator.past.transformer[0].position == 2 * (5 + 1)


@torch.inference_mode()
def test_costs_grow_with_what_is_asked(small_pipeline):
    frame = torch.zeros(1, 1, 3, 28, 56, dtype=torch.uint8)
    one, four = (costs_of(small_pipeline, Settings(steps=n), frame) for n in (1, 4))
    unguided = costs_of(small_pipeline, Settings(steps=1, guidance=1.0), frame)
    assert list(one) == list(PARTS)
    assert all(cost.bytes > 0 and cost.flops > 0 for cost in one.values())
    assert four["head"].bytes > one["head"].bytes and four["head"].flops > one["head"].flops
    assert one["transformer"].flops == pytest.approx(1.5 * unguided["transformer"].flops, rel=0.2)
    head = small_pipeline.model.head
    assert one["head"].bytes == sum(p.nbytes for p in head.parameters())
