"""As much of ComfyUI 0.3.64 as the nodes touch, with its signatures, so that a wrong call fails.

`install(base)` puts the modules into `sys.modules`; `Host` remembers what the nodes asked for.
"""

from __future__ import annotations

import inspect
import json
import sys
from dataclasses import dataclass, field
from enum import Enum
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import av
import torch


class Interrupted(Exception):
    pass


@dataclass
class Host:
    base: Path
    steps: list[int] = field(default_factory=list)  # a bar's total, then its updates
    moved: list[list[Any]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    interrupt_after: int | None = None  # updates of a bar
    sent: list[tuple] = field(default_factory=list)  # event, data, client
    server: Any = None


class Socket:
    def __init__(self, id=None, display_name=None, optional=False, tooltip=None, lazy=None):
        self.id, self.display_name, self.tooltip = id, display_name, tooltip
        self.optional, self.lazy = optional, lazy


class Output:
    def __init__(self, id=None, display_name=None, tooltip=None, is_output_list=False):
        self.id, self.display_name, self.tooltip = id, display_name, tooltip


class Number(Socket):
    def __init__(
        self,
        id,
        display_name=None,
        optional=False,
        tooltip=None,
        lazy=None,
        default=None,
        min=None,
        max=None,
        step=None,
        control_after_generate=None,
        display_mode=None,
    ):
        super().__init__(id, display_name, optional, tooltip, lazy)
        self.default, self.min, self.max, self.step = default, min, max, step
        self.control_after_generate = control_after_generate


class Text(Socket):
    def __init__(
        self, id, display_name=None, optional=False, tooltip=None, lazy=None, multiline=False,
        placeholder=None, default=None, dynamic_prompts=None, socketless=None, force_input=None,
    ):  # fmt: skip
        super().__init__(id, display_name, optional, tooltip, lazy)
        self.default, self.force_input = default, force_input


class Combo(Socket):
    def __init__(
        self, id, options=None, display_name=None, optional=False, tooltip=None, lazy=None,
        default=None, control_after_generate=None, upload=None,
    ):  # fmt: skip
        super().__init__(id, display_name, optional, tooltip, lazy)
        assert default is None or default in options
        self.options, self.default, self.upload = options, default, upload


def io_type(name: str, widget: type[Socket] = Socket) -> type:
    made_input = type("Input", (widget,), {"io_type": name})
    return type(name, (), {"io_type": name, "Input": made_input, "Output": Output})


@dataclass
class Schema:
    """Without `search_aliases`, as hosts before 0.11."""

    node_id: str
    display_name: str | None = None
    category: str = "sd"
    inputs: list | None = None
    outputs: list | None = None
    hidden: list | None = None
    description: str = ""
    is_output_node: bool = False


class NodeOutput:
    def __init__(self, *args, ui=None, expand=None, block_execution=None):
        self.args, self.ui = args, ui

    def __getitem__(self, index):
        return self.args[index]


class ComfyNode:
    hidden = None


class HiddenHolder(SimpleNamespace):
    def __getattr__(self, name):
        return None  # what the schema did not ask for


def prepared(node: type, prompt: dict | None = None) -> type:
    """The class that the host runs: node 7 of a prompt, with what its schema asked to know."""
    schema = node.define_schema()
    asked = {key.name for key in schema.hidden or ()}
    asked |= {"prompt", "extra_pnginfo"} if schema.is_output_node else set()
    known = {
        "unique_id": "7",
        "prompt": {"1": {"class_type": "?", "inputs": {}}} if prompt is None else prompt,
        "extra_pnginfo": {"workflow": {"id": 1}},
    }
    values = {name: value for name, value in known.items() if name in asked}
    return type(node.__name__, (node,), {"hidden": HiddenHolder(**values)})


def mistakes(node: type, prompt: dict | None, /, **inputs) -> list[tuple[str | None, str]]:
    """What the host reports of these inputs before it runs what is linked: (input, message).

    With None for what is linked and nothing for what is not given, as `validate_inputs` of
    execution.py 0.3.64 to 0.33.0: its message is repeated for every input that it names.
    """
    node, found = prepared(node, prompt), []
    if hasattr(node, "validate_inputs"):
        named = inspect.getfullargspec(node.validate_inputs).args
        given = {name: value for name, value in inputs.items() if name in named}
        answer = node.validate_inputs(**given)
        found = [(name, str(answer)) for name in given if answer is not True]
    if not found and hasattr(node, "check_lazy_status"):
        try:
            widgets = (
                i for i in node.define_schema().inputs if getattr(i, "default", None) is not None
            )
            wanted = node.check_lazy_status(**{i.id: i.default for i in widgets} | inputs)
        except ValueError as error:
            return [(None, str(error))]
        assert {name for name, value in inputs.items() if value is None} <= set(wanted)
    return found


@dataclass
class VideoComponents:
    images: torch.Tensor
    frame_rate: Fraction
    audio: Any = None
    metadata: Any = None


class VideoFromFile:
    def __init__(self, file):
        self.file = file

    def get_stream_source(self):
        if isinstance(self.file, BytesIO):
            self.file.seek(0)
        return self.file

    def get_dimensions(self) -> tuple[int, int]:
        with av.open(self.get_stream_source()) as container:
            return container.streams.video[0].width, container.streams.video[0].height

    def get_duration(self) -> float:
        with av.open(self.get_stream_source()) as container:
            return float(container.duration / av.time_base)


class VideoFromComponents:
    def __init__(self, components: VideoComponents):
        self.components = components

    def get_components(self) -> VideoComponents:
        return self.components


class ModelPatcher:
    def __init__(self, model, load_device, offload_device, size=0, weight_inplace_update=False):
        self.model, self.load_device, self.offload_device = model, load_device, offload_device
        model.device = offload_device  # as the host does


def install(base: Path) -> tuple[Host, dict[str, ModuleType]]:
    """The modules by name, and what remembers their use."""
    host = Host(base)
    modules = {
        "comfy": ModuleType("comfy"),
        "comfy.cli_args": _module("comfy.cli_args", args=SimpleNamespace(disable_metadata=False)),
        "comfy.model_management": _management(host),
        "comfy.model_patcher": _module("comfy.model_patcher", ModelPatcher=ModelPatcher),
        "comfy.utils": _module("comfy.utils", ProgressBar=_progress_bar(host)),
        "comfy_api": ModuleType("comfy_api"),
        "comfy_api.latest": _latest(),
        "folder_paths": _folder_paths(base),
        "server": _module("server", PromptServer=_prompt_server(host)),
    }
    modules["comfy"].model_management = modules["comfy.model_management"]
    sys.modules.update(modules)
    return host, modules


def _module(name: str, **contents) -> ModuleType:
    module = ModuleType(name)
    module.__dict__.update(contents)
    return module


def _latest() -> ModuleType:
    names = {"Image": "IMAGE", "Video": "VIDEO", "Audio": "AUDIO", "Latent": "LATENT"}
    types = {name: io_type(kind) for name, kind in names.items()}
    io = SimpleNamespace(
        **types,
        Int=io_type("INT", Number),
        Float=io_type("FLOAT", Number),
        String=io_type("STRING", Text),
        Combo=io_type("COMBO", Combo),
        Custom=io_type,
        Schema=Schema,
        NodeOutput=NodeOutput,
        ComfyNode=ComfyNode,
        HiddenHolder=HiddenHolder,
        Hidden=Enum("Hidden", "unique_id prompt extra_pnginfo"),
        UploadType=Enum("UploadType", "image audio video"),
        FolderType=Enum("FolderType", "input output temp"),
    )
    ui = SimpleNamespace(
        SavedResult=lambda filename, subfolder, type: {"filename": filename, "folder": subfolder},
        PreviewVideo=lambda values: {"images": values, "animated": (True,)},
    )
    return _module(
        "comfy_api.latest",
        io=io,
        ui=ui,
        ComfyExtension=object,
        Input=SimpleNamespace(Video=object),
        InputImpl=SimpleNamespace(
            VideoFromFile=VideoFromFile, VideoFromComponents=VideoFromComponents
        ),
        Types=SimpleNamespace(VideoComponents=VideoComponents),
    )


def _management(host: Host) -> ModuleType:
    cpu = torch.device("cpu")

    def load_models_gpu(models, memory_required=0, force_full_load=False):
        assert force_full_load, "a plain module over the budget would stay where it is"
        host.moved.append([patcher.model for patcher in models])

    def throw_exception_if_processing_interrupted():
        if host.interrupt_after is not None and len(host.steps) > host.interrupt_after:
            raise Interrupted

    return _module(
        "comfy.model_management",
        get_torch_device=lambda: cpu,
        unet_offload_device=lambda: cpu,
        intermediate_device=lambda: cpu,
        unet_dtype=lambda device, supported_dtypes: torch.float16,
        load_models_gpu=load_models_gpu,
        throw_exception_if_processing_interrupted=throw_exception_if_processing_interrupted,
    )


def _progress_bar(host: Host) -> type:
    class ProgressBar:
        def __init__(self, total, node_id=None):
            host.steps[:] = [total]

        def update(self, value):
            host.steps.append(value)

    return ProgressBar


def _prompt_server(host: Host) -> type:
    def send_sync(event, data, sid=None):
        if event == "soundreactor.warning":
            host.texts += [data["text"]] if data["text"] is not None else []
        else:
            host.sent.append((event, json.loads(json.dumps(data)), sid))

    running = (0, "prompt", {}, {"extra_pnginfo": {"workflow": {"id": 1}}}, [])

    host.server = SimpleNamespace(
        client_id="tab",
        send_sync=send_sync,
        prompt_queue=SimpleNamespace(currently_running={0: running}),
    )
    return SimpleNamespace(instance=host.server)


def _folder_paths(base: Path) -> ModuleType:
    module = _module("folder_paths", models_dir=str(base / "models"))
    module.folder_names_and_paths = {}
    for name in ("input", "output", "temp"):
        setattr(module, f"get_{name}_directory", lambda name=name: str(base / name))

    def files(category):
        paths, suffixes = module.folder_names_and_paths[category]
        found = (p for folder in paths for p in Path(folder).glob("*") if p.suffix in suffixes)
        return {p.name: str(p) for p in found}

    def get_full_path_or_raise(category, name):
        return files(category)[name]

    def get_save_image_path(prefix, output_dir, width=0, height=0):
        folder = Path(output_dir, prefix).parent
        folder.mkdir(parents=True, exist_ok=True)
        count = len(list(folder.glob(Path(prefix).name + "_*"))) + 1
        return str(folder), Path(prefix).name, count, str(Path(prefix).parent), prefix

    module.get_filename_list = lambda category: sorted(files(category))
    module.get_full_path = lambda category, name: files(category).get(name)
    module.get_full_path_or_raise = get_full_path_or_raise
    module.get_save_image_path = get_save_image_path
    return module
