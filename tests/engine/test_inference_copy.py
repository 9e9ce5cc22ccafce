import gc
import weakref

import torch

from sr_core.engine.inference_copy import inference_copy
from sr_core.engine.session import Session
from sr_core.pipeline import Pipeline
from sr_core.sampling.settings import Settings
from tests.conftest import TINY


def test_sessions_of_one_pipeline_share_what_was_made_ready(tiny_pipeline):
    one, other = (Session(tiny_pipeline, tiny_pipeline.start(Settings(), n)) for n in (1, 2))
    assert (one.vision, one.vae) == (other.vision, other.vae)
    assert one.generator.model is other.generator.model


def test_changed_weights_are_heard_by_the_next_session(tiny_pipeline):
    pipeline, choice = tiny_pipeline.float(), Settings(steps=1)
    frames = torch.rand(1, 2, 3, 28, 56, generator=torch.Generator().manual_seed(2))
    start = pipeline.start(choice, 1)
    before = Session(pipeline, start).step(frames)
    with torch.no_grad():
        pipeline.model.vision_input.weight.mul_(-3)
    after = Session(pipeline, start).step(frames)
    assert (before - after).abs().max() > 1e-3
    assert (pipeline.step(frames, start)[0] - after).abs().max() < 1e-4


def test_what_was_made_ready_goes_with_its_pipeline():
    pipeline = Pipeline(TINY)
    ready = weakref.ref(inference_copy(pipeline.model))
    assert ready() is not None
    del pipeline
    gc.collect()
    assert ready() is None
