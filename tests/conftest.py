"""One tiny pipeline for every test; random weights, but none of them zero."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import hypothesis
import pytest
import torch

from sr_core.audio.torchaudio_loader import load_torchaudio
from sr_core.audio.vae import OobleckConfig
from sr_core.models.soundreactor.aggregator import AggregatorConfig
from sr_core.models.soundreactor.generator import SoundReactorGenerator
from sr_core.models.soundreactor.head import HeadConfig
from sr_core.models.soundreactor.model import SoundReactor, SoundReactorConfig
from sr_core.models.soundreactor.transformer import TransformerConfig
from sr_core.pipeline import Pipeline, PipelineConfig
from sr_core.vision.dinov2 import DINOv2Config
from sr_core.vision.encoder import VisionConfig
from tests.stand_in_hub import StandInHub

# A busy machine is no fault of what is tested.
hypothesis.settings.register_profile("busy", deadline=None)
hypothesis.settings.load_profile("busy")

TINY = PipelineConfig(
    vision=VisionConfig(
        backbone=DINOv2Config(width=16, depth=1, heads=2, registers=2, position_grid=3),
        height=28,
        width=56,
        channels=6,
    ),
    model=SoundReactorConfig(
        aggregator=AggregatorConfig(width=16, depth=1, heads=2),
        transformer=TransformerConfig(width=16, depth=2, heads=2, hidden=24, train_frames=5),
        head=HeadConfig(width=16, depth=2),
    ),
    audio=OobleckConfig(latent_channels=4, channels=2, multipliers=(1, 2), strides=(40, 40)),
)


# Every file of tests/media that is a picture, a sound or a video; its README tells of each.
MEDIA_FILES = sorted(
    path
    for path in (Path(__file__).parent / "media").iterdir()
    if path.suffix not in (".md", ".txt")
)


# Minutes each: they begin first, so that no process is left alone with one at the end.
LONGEST = ("test_learning.py", "test_session.py", "test_training_commands.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.name not in LONGEST)


@cache
def why_no_torchaudio() -> str | None:
    try:
        load_torchaudio()
    except ValueError as error:
        return str(error)


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("torchaudio") and why_no_torchaudio():
        pytest.skip(why_no_torchaudio())


def pytest_configure() -> None:
    """A shell's background job ignores Ctrl-C, and so would all that is tried here."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Tiny tensors gain nothing from more, and results do not depend on the machine."""
    torch.set_num_threads(1)


@pytest.fixture
def threads_seen():
    """The numbers of threads that modules ran on, where torch was set to two."""
    seen = set()
    hook = torch.nn.modules.module.register_module_forward_pre_hook(
        lambda module, inputs: seen.add(torch.get_num_threads())
    )
    torch.set_num_threads(2)
    yield seen
    torch.set_num_threads(1)
    hook.remove()


@pytest.fixture(scope="session")
def tiny_config() -> PipelineConfig:
    return TINY


@pytest.fixture
def tiny_pipeline() -> Pipeline:
    """In float64, with layers that start at zero filled in: a zero would hide a leak."""
    torch.manual_seed(0)
    pipeline = Pipeline(TINY).double().eval().requires_grad_(False)
    _fill_zeros(pipeline)
    return pipeline


@pytest.fixture
def tiny_model() -> SoundReactor:
    torch.manual_seed(0)
    model = SoundReactorGenerator(TINY.model, (2, 4), 12, 4).double().eval()
    _fill_zeros(model)
    return model


@pytest.fixture
def hub() -> Iterator[StandInHub]:
    """A stand-in for the Hugging Face Hub on this machine: no test reaches the real one."""
    with StandInHub() as server:
        yield server


def _fill_zeros(module: torch.nn.Module) -> None:
    with torch.no_grad():
        for parameter in module.parameters():
            if not parameter.any():
                parameter.normal_(std=0.2)
