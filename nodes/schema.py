"""What the nodes' schemas share: socket types, category, and fields that older hosts lack."""

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
    """A schema of our category, without the fields that this host does not know yet.

    ComfyUI 0.3.64 refuses `search_aliases`, for one, which 0.11 brought.
    """
    known = {field.name for field in fields(io.Schema)}
    return io.Schema(category=CATEGORY, **{k: v for k, v in values.items() if k in known})


def node_run(execute: Callable[..., io.NodeOutput]) -> Callable[..., io.NodeOutput]:
    """What every run of a node does: drop what its last run warned of, let errors be plain.

    Every ValueError goes on as one: the host shows an error's class with the module it is from,
    which is a path through our folders, such as "custom_nodes.x.sr_core.io.source.MediaError".
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
