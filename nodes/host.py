"""Access to ComfyUI's model management, folders and files; page.py accesses its browser tabs."""

from __future__ import annotations

import json
import os
import re
import shutil
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar
from weakref import WeakValueDictionary

import comfy.model_management as management
import folder_paths
import torch
from comfy.cli_args import args
from comfy.model_patcher import ModelPatcher
from comfy.utils import ProgressBar
from comfy_api.latest import io, ui
from torch import nn

from ..sr_core.io.read.source import is_video
from ..sr_core.pipeline import Pipeline
from .prefix import check_prefix

MODEL_FOLDER = "soundreactor"
BUNDLED = " [bundled]"  # suffix of the names of the package's checkpoints
PACKAGE = Path(__file__).parent.parent
ASSETS = PACKAGE / "sr_core" / "assets"
SAMPLE, NO_FILE = "soundreactor_sample.mp4 [temp]", "none.mp4 [temp]"
OWN_VIDEOS = {SAMPLE: ASSETS / "sample.mp4", NO_FILE: PACKAGE / "web" / "no_file.mp4"}

Item = TypeVar("Item")


@dataclass(frozen=True, eq=False)
class Loaded:
    """A checkpoint in memory: its pipeline, and the patchers by which ComfyUI moves its modules."""

    pipeline: Pipeline
    patchers: dict[str, ModelPatcher]  # attribute of the pipeline -> patcher
    source: str  # fingerprint of the file at loading; equal fingerprints mean equal weights


@dataclass(frozen=True, eq=False)
class Part:
    """One module of a loaded checkpoint; the value of the MODEL, VISION and VAE sockets."""

    loaded: Loaded
    name: str

    @property
    def module(self) -> nn.Module:
        return getattr(self.loaded.pipeline, self.name)

    def computing(self) -> AbstractContextManager[None]:
        """See `Pipeline.computing`: ComfyUI's number of threads is too high for a small model."""
        return self.loaded.pipeline.computing()

    @property
    def device(self) -> torch.device:
        """The module's current device; not the load device if that has too little memory."""
        return next(chain(self.module.parameters(), self.module.buffers())).device


def parts(loaded: Loaded) -> list[Part]:
    """All modules of a checkpoint: vision encoder, generator and VAE."""
    return [Part(loaded, name) for name in loaded.patchers]


# Weak: loader nodes share a checkpoint, and it is freed when no node's output refers to it.
_loaded: WeakValueDictionary[str, Loaded] = WeakValueDictionary()


def register_model_folder() -> None:
    """Register `models/soundreactor`, in addition to folders of extra_model_paths.yaml."""
    paths, _ = folder_paths.folder_names_and_paths.get(MODEL_FOLDER, ([], set()))
    default = os.path.join(folder_paths.models_dir, MODEL_FOLDER)
    paths = [*paths, *([] if default in paths else [default])]
    folder_paths.folder_names_and_paths[MODEL_FOLDER] = (paths, {".safetensors"})


def checkpoint_names() -> list[str]:
    bundled = [path.name + BUNDLED for path in sorted(ASSETS.glob("*.safetensors"))]
    return bundled + folder_paths.get_filename_list(MODEL_FOLDER)


def checkpoint_path(name: str) -> Path:
    if name.endswith(BUNDLED):
        return ASSETS / name.removesuffix(BUNDLED)
    return Path(folder_paths.get_full_path_or_raise(MODEL_FOLDER, name))


def video_names() -> list[str]:
    """ComfyUI's names of the sample clip, the videos of the input folder, and the empty video."""
    for name in OWN_VIDEOS:
        _copy_to_temp(name)
    entries = Path(folder_paths.get_input_directory()).iterdir()
    videos = (path.name for path in entries if path.is_file() and is_video(path))
    return [SAMPLE, *sorted(videos), NO_FILE]


def video_path(name: str) -> Path:
    """The path of a file in ComfyUI's folders from ComfyUI's name for it.

    Raises ValueError for a path outside of them, which not every ComfyUI version refuses.
    """
    if name in OWN_VIDEOS:
        return OWN_VIDEOS[name]
    annotated = re.fullmatch(r"(.*?)(?: \[(input|output|temp)\])?", name, re.DOTALL)
    file, kind = annotated.groups() if annotated else (name, None)
    directory = folder_paths.get_input_directory
    if kind == "output":
        directory = folder_paths.get_output_directory
    elif kind == "temp":
        directory = folder_paths.get_temp_directory
    folder = Path(os.path.abspath(directory()))
    path = Path(os.path.abspath(folder / file))
    if not path.is_relative_to(folder):
        raise ValueError(
            f"got file {name!r}, which is outside of ComfyUI's folders; expected one of the input, "
            "output or temp folder; upload it"
        )
    return path


def _copy_to_temp(name: str) -> None:
    """Copy a video of the package to the temp folder, from which the front end plays it."""
    copy = Path(folder_paths.get_temp_directory(), name.removesuffix(" [temp]"))
    if not copy.is_file():
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(OWN_VIDEOS[name], copy)


def fingerprint(path: Path) -> str:
    """A string that changes when the file changes or is missing."""
    if not path.is_file():
        return f"{path} missing"
    stat = path.stat()
    return f"{path} {stat.st_mtime_ns} {stat.st_size}"


def load_checkpoint(name: str) -> Loaded:
    """Load a checkpoint, or return the object in memory if the same file is already loaded."""
    from ..sr_core.checkpoint import load_pipeline

    path = checkpoint_path(name)
    source = fingerprint(path)
    if (loaded := _loaded.get(source)) is None:
        device, offload = management.get_torch_device(), management.unet_offload_device()
        pipeline = load_pipeline(path, _find_beside(path), offload, _precision(device))
        names = ("vision", "model", "vae")
        patchers = {n: ModelPatcher(getattr(pipeline, n), device, offload) for n in names}
        loaded = _loaded[source] = Loaded(pipeline, patchers, source)
    return loaded


def _find_beside(checkpoint: Path):
    """A function that locates a checkpoint's public parts: model folder, else the same folder."""

    def find(file: str) -> str | Path:
        return folder_paths.get_full_path(MODEL_FOLDER, file) or checkpoint.with_name(file)

    return find


def _precision(device: torch.device) -> torch.dtype:
    """ComfyUI's dtype for networks if it is bfloat16, else float32; others are not supported."""
    known = (torch.bfloat16, torch.float32)
    chosen = management.unet_dtype(device=device, supported_dtypes=list(known))
    return chosen if chosen in known else torch.float32


def move_to_device(*parts: Part) -> None:
    """Move modules to the device in one call, so that none of them evicts another.

    They are loaded completely: partial loading requires modules of `comfy.ops`.
    """
    patchers = [part.loaded.patchers[part.name] for part in parts]
    management.load_models_gpu(patchers, force_full_load=True)


def progress(items: Iterable[Item], total: int) -> Iterator[Item]:
    """The same items with a progress bar on the node; Cancel takes effect between two items."""
    bar = ProgressBar(total)
    for item in items:
        yield item
        management.throw_exception_if_processing_interrupted()
        bar.update(1)


def output_device() -> torch.device:
    return management.intermediate_device()


def temporary_file(stem: str, suffix: str) -> tuple[Path, ui.SavedResult]:
    """A new unique path in the temp folder, which ComfyUI empties at its next start."""
    file = f"{stem}_{uuid.uuid4().hex}.{suffix}"
    folder = Path(folder_paths.get_temp_directory())
    folder.mkdir(parents=True, exist_ok=True)
    return folder / file, ui.SavedResult(file, "", io.FolderType.temp)


def output_file(prefix: str, suffix: str, size: tuple[int, int]) -> tuple[Path, ui.SavedResult]:
    """The next free path in the output folder, and its reference for the front end."""
    check_prefix(prefix)
    folder, name, counter, subfolder, _ = folder_paths.get_save_image_path(
        prefix, folder_paths.get_output_directory(), *size
    )
    file = f"{name}_{counter:05}_.{suffix}"
    return Path(folder, file), ui.SavedResult(file, subfolder, io.FolderType.output)


def graph_metadata(hidden: io.HiddenHolder) -> dict[str, str]:
    """The graph as metadata of an output file; empty with --disable-metadata."""
    if args.disable_metadata:
        return {}
    values: Mapping[str, Any] = {**(hidden.extra_pnginfo or {}), "prompt": hidden.prompt}
    return {key: json.dumps(value) for key, value in values.items() if value is not None}
