"""The paper's own sizes, with random weights: does it run, and is it still causal and a stream?"""

import pytest
import torch

from sr_core.engine.offline import generate, stream
from sr_core.pipeline import Pipeline, PipelineConfig
from sr_core.sampling.settings import Settings


@pytest.mark.slow
def test_the_paper_size_streams_480p_frames():
    torch.manual_seed(0)
    pipeline = Pipeline(PipelineConfig()).eval().requires_grad_(False)
    frames = torch.randint(0, 256, (1, 3, 3, 480, 854), dtype=torch.uint8)
    whole = generate(pipeline, frames, Settings(steps=4), 1)
    assert whole.shape == (1, 2, 4800) and whole.isfinite().all() and whole.std() > 0
    pieces = torch.cat(list(stream(pipeline, frames.split(1, dim=1), Settings(steps=4), 1)), dim=-1)
    assert (whole - pieces).abs().max() < 1e-4 * whole.abs().max()
