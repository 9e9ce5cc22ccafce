"""Checkpoints: load and save a pipeline as one safetensors file.

Tensor names are those of `Pipeline`'s parameters. The metadata (all strings) contains `format`,
`config` (JSON), `references` (JSON: parameter prefix -> file name and sha256 of a public frozen
part that is not in the file), `training` (JSON: how the weights were made) and, except in older
files, `sampling` (JSON: the recommended steps, guidance and method).
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.overrides import TorchFunctionMode

from .config import from_dict, to_dict
from .io.write.partial import whole_file
from .models.generator import Generator
from .models.soundreactor.generator import SoundReactorGenerator
from .pipeline import Pipeline, PipelineConfig
from .sampling.recommended import ENTRY, entry_of, parse_entry

FORMATS: dict[str, type[Generator]] = {"soundreactor-1": SoundReactorGenerator}  # one per family
ASSETS = Path(__file__).parent / "assets"

Find = Callable[[str], "str | os.PathLike"]


def bundled_checkpoint() -> Path:
    """Path of the small checkpoint that is part of the package."""
    return ASSETS / "micro.safetensors"


def load_pipeline(
    path: str | os.PathLike,
    find: Find | None = None,
    device: str | torch.device = "cpu",
    dtype: torch.dtype = torch.float32,
) -> Pipeline:
    """Load a checkpoint as a pipeline in eval mode.

    `find(file name) -> path` locates referenced public parts; by default in the checkpoint's
    folder. `dtype` applies to the generator only. Vision encoder and VAE stay in float32: the
    difference of two nearly equal grids would consist largely of rounding errors (42 % of it in
    bfloat16 on slow brightening), and rounding errors in the decoder are audible as hiss.
    Raises ValueError if the file is not a complete checkpoint.
    """
    path = Path(path)
    metadata = read_metadata(path)
    config, family = config_of(metadata)
    with torch.device("meta"), _Uninitialised():
        pipeline = Pipeline(config, metadata["training"], family, metadata[ENTRY])
    weights = _referenced(metadata["references"], find or path.parent.joinpath) | load_file(path)
    _check_names(path, weights, pipeline.state_dict())
    pipeline.load_state_dict(weights, strict=True, assign=True)
    pipeline.to(device, torch.promote_types(dtype, torch.float32)).eval().requires_grad_(False)
    pipeline.model.to(dtype)
    return pipeline


def save_pipeline(
    pipeline: Pipeline,
    path: str | os.PathLike,
    dtype: torch.dtype = torch.float32,
    references: Mapping[str, Path] | None = None,
) -> Path:
    """Write the pipeline as one file, without tensors that equal those of `references`.

    `references` maps a prefix ("vae", "vision.backbone") to the converted file of a public part.
    Tensors of such a part that were fitted later (latent statistics) differ and so are written.
    """
    references = references or {}
    public = _public(references)
    weights = {
        name: value.to(dtype) if value.is_floating_point() else value
        for name, value in pipeline.state_dict().items()
        if name not in public or not torch.equal(value.cpu(), public[name].to(value.dtype))
    }
    metadata = {
        "format": _format_of(pipeline.model),
        "config": json.dumps(to_dict(pipeline.config)),
        "references": json.dumps(
            {p: {"file": f.name, "sha256": sha256(f)} for p, f in references.items()}
        ),
        "training": json.dumps(pipeline.origin),
        ENTRY: entry_of(pipeline.recommended),
    }
    return write_weights(weights, Path(path), metadata)


def config_of(metadata: Mapping[str, Any]) -> tuple[PipelineConfig, type[Generator]]:
    """The configuration and the generator class, from the result of `read_metadata`."""
    family, described = FORMATS[metadata["format"]], metadata["config"]
    rest = {name: value for name, value in described.items() if name != "model"}
    model: Any = from_dict(family.Config, described.get("model", {}))
    return replace(from_dict(PipelineConfig, rest), model=model), family


def _format_of(model: Generator) -> str:
    return next(name for name, family in FORMATS.items() if type(model) is family)


class _Uninitialised(TorchFunctionMode):
    """Skips the initialisation of modules, whose values a file replaces.

    On the meta device torch draws normal numbers in Python code that imports about 1000 modules,
    which is most of the time of the first load.
    """

    def __torch_function__(
        self, function: Callable, types: Any, args: tuple = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        named = kwargs or {}
        if function is Tensor.normal_:
            return args[0]
        if getattr(function, "__module__", None) == "torch.nn.init":
            return named["tensor"]
        return function(*args, **named)


class Header(NamedTuple):
    """Header of a safetensors file."""

    metadata: dict[str, str]
    tensors: dict[str, tuple[str, list[int]]]  # name -> dtype, shape

    def part_sizes(self) -> dict[str, int]:
        """Number of elements of each part of the file, in decreasing order."""
        sizes: Counter[str] = Counter()
        for name, (_, shape) in self.tensors.items():
            sizes[name.split(".")[0]] += math.prod(shape)
        return dict(sizes.most_common())


def read_header(path: str | os.PathLike) -> Header:
    """Read a file's header. Raises ValueError if it is missing or not a safetensors file."""
    if not Path(path).is_file():
        raise ValueError(f"got {path}, which is no file; expected a SoundReactor .safetensors file")
    try:
        with safe_open(path, "pt") as file:
            slices = {name: file.get_slice(name) for name in file.keys()}
            tensors = {name: (x.get_dtype(), x.get_shape()) for name, x in slices.items()}
            return Header(file.metadata() or {}, tensors)
    except (SafetensorError, OSError) as error:
        raise ValueError(
            f"got {path}, which cannot be read as safetensors ({error}); expected a SoundReactor "
            "checkpoint or a part of one; copy it again, or convert original weights with "
            "`python -m sr_core convert`"
        ) from error


def read_metadata(path: str | os.PathLike) -> dict[str, Any]:
    """The parsed metadata of a checkpoint: format, config, references, training, sampling.

    `sampling` is a `Settings`: that of the family where the file has none.
    """
    metadata = read_header(path).metadata
    if not is_checkpoint(metadata):
        raise ValueError(
            f"got {path} of format {metadata.get('format')!r}; expected {' or '.join(FORMATS)}, a "
            "whole checkpoint; weights of other projects need `python -m sr_core convert`"
        )
    parsed = {key: json.loads(metadata[key]) for key in ("config", "references", "training")}
    parsed["format"] = metadata["format"]
    entry = metadata.get(ENTRY)
    fallback = FORMATS[metadata["format"]].fallback
    return parsed | {ENTRY: fallback if entry is None else parse_entry(entry, path)}


def is_checkpoint(metadata: Mapping[str, str]) -> bool:
    """Whether the metadata is that of a complete checkpoint, not of a part."""
    return metadata.get("format") in FORMATS


def write_weights(weights: dict[str, Tensor], target: Path, metadata: dict[str, str]) -> Path:
    """Write a temporary file, then rename it, so that the target is never incomplete."""
    with whole_file(target) as partial:
        save_file({name: value.contiguous() for name, value in weights.items()}, partial, metadata)
        os.chmod(partial, _default_mode())  # safetensors creates files that only the owner can read
    return target


def _default_mode() -> int:
    """Permissions of a new file under the user's umask."""
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _referenced(references: Mapping[str, Mapping[str, str]], find: Find) -> dict[str, Tensor]:
    weights: dict[str, Tensor] = {}
    for prefix, part in references.items():
        path = Path(find(part["file"]))
        if not path.is_file():
            raise ValueError(
                f"got no file {part['file']} (expected at {path}); expected the public weights of "
                f"{prefix!r}, which this checkpoint does not contain; convert them with "
                "`python -m sr_core convert` and save them there under that name"
            )
        if sha256(path) != part["sha256"]:
            raise ValueError(
                f"got other contents in {path} than those used to train this checkpoint; expected "
                f"sha256 {part['sha256']}; convert the original file again"
            )
        weights |= _public({prefix: path})
    return weights


def _public(files: Mapping[str, Path]) -> dict[str, Tensor]:
    return {
        f"{prefix}.{name}": value
        for prefix, path in files.items()
        for name, value in load_file(path).items()
    }


def _check_names(path: Path, got: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    """Raise ValueError with the names of tensors that do not fit; clearer than torch's error."""
    missing, extra = sorted(set(expected) - set(got)), sorted(set(got) - set(expected))
    shapes = [n for n in set(got) & set(expected) if got[n].shape != expected[n].shape]
    for what, names in (("without", missing), ("with unknown", extra), ("with misshapen", shapes)):
        if names:
            raise ValueError(
                f"got {path} {what} tensors {', '.join(names[:3])} ({len(names)} in all); expected "
                "exactly those of its own config; the file is damaged or was edited"
            )
