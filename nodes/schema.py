"""Shared by all nodes: socket types, category, and compatibility with older ComfyUI versions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from functools import wraps
from typing import Any

from comfy_api.latest import io

from . import page

CATEGORY = "audio/SoundReactor"

Model = io.Custom("SOUNDREACTOR_MODEL")
Vision = io.Custom("SOUNDREACTOR_VISION")
VAE = io.Custom("SOUNDREACTOR_VAE")
Frames = io.Custom("SOUNDREACTOR_FRAMES")
Grid = io.Custom("SOUNDREACTOR_GRID")
State = io.Custom("SOUNDREACTOR_STATE")
VideoInfo = io.Custom("VHS_VIDEOINFO")  # of ComfyUI-VideoHelperSuite's loaders


def describe(**values: Any) -> io.Schema:
    """A schema in our category, without fields that this ComfyUI version does not support.

    For example, `search_aliases` exists since ComfyUI 0.11; 0.3.64 refuses it.
    """
    known = {field.name for field in fields(io.Schema)}
    return io.Schema(category=CATEGORY, **{k: v for k, v in values.items() if k in known})


def node_run(execute: Callable[..., io.NodeOutput]) -> Callable[..., io.NodeOutput]:
    """Decorator of `execute`: remove the last run's warnings, raise subclasses as ValueError.

    ComfyUI shows the class of an error with its module, which for our subclasses of ValueError is a
    long internal path such as "custom_nodes.x.sr_core.io.source.MediaError".
    """

    @wraps(execute)
    def run(cls: type[io.ComfyNode], *args: Any, **inputs: Any) -> io.NodeOutput:
        if cls.hidden is not None and cls.hidden.unique_id is not None:
            page.forget_warnings(cls.hidden.unique_id)
        try:
            return execute(cls, *args, **inputs)
        except ValueError as error:
            if type(error) is ValueError:
                raise
            raise ValueError(str(error)) from error

    return run
