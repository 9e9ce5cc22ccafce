"""Access to the parts of a pipeline that are measured; only SoundReactor has them."""

from __future__ import annotations

from ..engine.fast_soundreactor import FastSoundReactor
from ..engine.session import Session
from ..models.soundreactor.generator import SoundReactorGenerator
from ..pipeline import Pipeline


def model_of(pipeline: Pipeline) -> SoundReactorGenerator:
    """The pipeline's model. Raises ValueError for another family of models."""
    if not isinstance(pipeline.model, SoundReactorGenerator):
        raise _refusal(pipeline)
    return pipeline.model


def generator_of(session: Session) -> FastSoundReactor:
    """The session's generator. Raises ValueError for another family of models."""
    if not isinstance(session.generator, FastSoundReactor):
        raise _refusal(session.pipeline)
    return session.generator


def _refusal(pipeline: Pipeline) -> ValueError:
    return ValueError(
        f"got a checkpoint of {type(pipeline.model).__name__}; expected one of SoundReactor, as "
        "the parts of others are not measured; choose another --model, or use --busy"
    )
