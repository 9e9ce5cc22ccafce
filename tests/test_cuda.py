"""On the device the package is for; skipped where there is none (`pytest -m cuda`)."""

import gc

import pytest
import torch

from sr_core.checkpoint import load_pipeline, save_pipeline
from sr_core.cli import main
from sr_core.engine.offline import generate, stream
from sr_core.engine.session import Session
from sr_core.pipeline import Pipeline, PipelineConfig
from sr_core.sampling.settings import Settings

pytestmark = [
    pytest.mark.cuda,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]


@pytest.fixture(autouse=True)
def exact_matmul(monkeypatch):
    """TF32 would hide what differs between the devices."""
    monkeypatch.setattr(torch.backends.cuda.matmul, "allow_tf32", False)
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)


@pytest.fixture
def frames():
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (1, 9, 3, 90, 160), dtype=torch.uint8, generator=generator)


@pytest.mark.parametrize("choice", [Settings(), Settings(method="heun"), Settings(guidance=1.0)])
def test_the_device_makes_the_sound_of_the_cpu(tiny_pipeline, frames, choice):
    on_cpu = generate(tiny_pipeline.float(), frames, choice, 3)
    on_cuda = generate(tiny_pipeline.cuda(), frames, choice, 3)
    assert on_cuda.is_cuda and on_cuda.dtype == torch.float32
    assert (on_cuda.cpu() - on_cpu).abs().max() < 1e-3 * on_cpu.abs().max()


def test_pieces_equal_the_whole_on_the_device(tiny_pipeline, frames):
    pipeline = tiny_pipeline.cuda()  # float64
    whole = generate(pipeline, frames, Settings(), 3)
    pieces = torch.cat(list(stream(pipeline, frames.split(2, dim=1), Settings(), 3)), dim=-1)
    assert (whole - pieces).abs().max() < 1e-9


def test_half_precision_stays_near_full(tiny_pipeline, frames, tmp_path):
    path = save_pipeline(tiny_pipeline, tmp_path / "tiny.safetensors")
    full = generate(load_pipeline(path, device="cuda"), frames, Settings(steps=1), 3)
    half = load_pipeline(path, device="cuda", dtype=torch.bfloat16)
    assert half.model.start.dtype == torch.bfloat16 and half.model.start.is_cuda
    sound = generate(half, frames, Settings(steps=1), 3)
    assert sound.dtype == torch.float32 and (sound - full).std() < 0.3 * full.std()


def test_memory_is_handed_back(tiny_pipeline, frames):
    gc.collect()
    torch.cuda.empty_cache()
    before = torch.cuda.memory_allocated()
    pipeline = tiny_pipeline.float().cuda()
    generate(pipeline, frames, Settings(), 3)
    pipeline.cpu()
    gc.collect()
    assert torch.cuda.memory_allocated() <= before + 2**20


def test_a_stream_holds_no_more_after_many_frames(tiny_pipeline, frames):
    pipeline = tiny_pipeline.float().cuda()
    state, held = pipeline.start(Settings(), 0), []
    for _ in range(60):
        _, state = pipeline.step(frames[:, :1], state)
        held.append(torch.cuda.memory_allocated())
    assert held[-1] <= held[20] + 2**16


def test_the_paper_size_keeps_up_with_the_picture():
    """Random weights will do for timing: 33.3 ms a frame is the bound (33.3 = 1000 / 30)."""
    with torch.device("cuda"):
        pipeline = Pipeline(PipelineConfig()).eval().requires_grad_(False)
    pipeline.model.bfloat16()
    frames = torch.randint(0, 256, (1, 1, 3, 480, 854), dtype=torch.uint8)
    state = pipeline.start(Settings(steps=1), 0)
    clock = [torch.cuda.Event(enable_timing=True) for _ in range(2)]
    for n in range(60):
        if n == 30:
            clock[0].record()
        _, state = pipeline.step(frames, state)
    clock[1].record()
    torch.cuda.synchronize()
    assert clock[0].elapsed_time(clock[1]) / 30 < 33.3


def test_the_command_line_chooses_the_device(tmp_path, capsys):
    target = tmp_path / "out.mp4"
    assert main(["generate", "sr_core/assets/sample.mp4", "-o", str(target)]) == 0
    assert target.stat().st_size > 0


@pytest.mark.parametrize("choice", [Settings(), Settings(guidance=1.0), Settings(method="heun")])
def test_a_session_with_graphs_equals_the_plain_path(tiny_pipeline, frames, choice, recwarn):
    pipeline = tiny_pipeline.cuda()  # float64
    start = pipeline.start(choice, 3)
    expected, session = [], Session(pipeline, start)
    for frame in frames.split(1, dim=1):
        waveform, start = pipeline.step(frame, start)
        expected.append(waveform)
    heard = torch.cat([session.step(frame) for frame in frames.split(1, dim=1)], dim=-1)
    assert (heard - torch.cat(expected, dim=-1)).abs().max() < 1e-9
    assert not [str(w.message) for w in recwarn if "CUDA graph" in str(w.message)]


def test_a_session_in_half_precision_stays_near_the_plain_path_on_the_device(tiny_pipeline, frames):
    pipeline = tiny_pipeline.float().cuda()
    pipeline.model.bfloat16()
    start = pipeline.start(Settings(steps=1), 3)
    session, state, heard, expected = Session(pipeline, start), start, [], []
    for frame in frames.split(1, dim=1):
        heard.append(session.step(frame))
        waveform, state = pipeline.step(frame, state)
        expected.append(waveform)
    heard, expected = torch.cat(heard, dim=-1), torch.cat(expected, dim=-1)
    assert (heard - expected).std() < 0.1 * expected.std()
