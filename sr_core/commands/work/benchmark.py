"""Implementation of `benchmark`: measures the model and its peers."""

from __future__ import annotations

import argparse
import json
import sys
import warnings

import torch

from ...benchmark.busy import busy_text, measure_busy
from ...benchmark.cost import costs_of
from ...benchmark.dinov2 import dinov2_peer
from ...benchmark.hardware import measure_hardware
from ...benchmark.llama import llama_peers
from ...benchmark.measurable import model_of
from ...benchmark.official_vae import official_vae_peer
from ...benchmark.page import write_section
from ...benchmark.peer import NotAtHand, Peer
from ...benchmark.report import GUIDANCE, Report, Setup
from ...benchmark.run import measure, plain_peer, synthetic_frame
from ...checkpoint import bundled_checkpoint, load_pipeline
from ...engine.inference_copy import inference_copy
from ...pipeline import Pipeline, PipelineConfig
from ...sampling.recommended import chosen
from ...sampling.settings import Settings
from .generate import best_device, use_threads


def benchmark(options: argparse.Namespace) -> int:
    """Run the verb `benchmark`; returns the exit status."""
    report = _measured(options)
    if options.page:
        write_section(options.page, report, _command(options, report.setup.steps))
    print(json.dumps(report.figures()) if options.json else report.text())
    return 0


def benchmark_busy(options: argparse.Namespace) -> int:
    """Print the time per frame with and without busy processes on all cores."""
    pipeline = _pipeline(options, torch.device("cpu"), torch.float32)
    pipeline.threads = options.threads
    settings = chosen(pipeline.recommended, options.steps, GUIDANCE)
    print(busy_text(measure_busy(pipeline, settings, options.frames)))
    return 0


def _measured(options: argparse.Namespace) -> Report:
    device = torch.device(best_device(options.device))
    dtype: torch.dtype = getattr(
        torch, options.dtype or ("bfloat16" if device.type == "cuda" else "float32")
    )
    pipeline = _pipeline(options, device, dtype)
    settings = chosen(pipeline.recommended, options.steps, GUIDANCE)
    use_threads(options.threads, pipeline)
    missing: dict[str, str] = {}
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore", FutureWarning)  # from the packages of peers
        hardware = measure_hardware(device, dtype)
        times = measure(
            pipeline, settings, options.frames, lambda: _peers(options, pipeline, settings, missing)
        )
        costs = costs_of(pipeline, settings, synthetic_frame())
    name = options.checkpoint.stem if options.checkpoint else options.config or "micro"
    kind = str(dtype).removeprefix("torch.")
    threads = torch.get_num_threads()
    setup = Setup(name, str(device), kind, threads, settings.steps, options.frames)
    return Report(setup, times, hardware, costs, missing, float(pipeline.frame_rate))


def _pipeline(options: argparse.Namespace, device: torch.device, dtype: torch.dtype) -> Pipeline:
    if options.config != "paper":
        return load_pipeline(options.checkpoint or bundled_checkpoint(), device=device, dtype=dtype)
    with device:
        pipeline = Pipeline(PipelineConfig()).eval().requires_grad_(False)
    pipeline.model.to(dtype)
    return pipeline


def _peers(
    options: argparse.Namespace, pipeline: Pipeline, settings: Settings, missing: dict[str, str]
) -> dict[str, Peer]:
    """The requested peers that are available; `missing` is filled with the reasons for others."""
    device = pipeline.vae.latent_mean.device
    official = options.official_vae
    makers = {
        "dinov2": lambda: {"dinov2": dinov2_peer(pipeline.config.vision, device)},
        "transformer": lambda: llama_peers(model_of(pipeline).transformer, device),
        "vae": lambda: {"vae": official_vae_peer(inference_copy(pipeline.vae), official, device)},
        "plain": lambda: {"plain": plain_peer(pipeline, settings)},
    }
    peers: dict[str, Peer] = {}
    for name in dict.fromkeys(options.against):
        try:
            peers |= makers[name]()
        except NotAtHand as reason:
            missing[name] = str(reason)
            print(f"{name} not measured: {reason}", file=sys.stderr)
    return peers


def _command(options: argparse.Namespace, steps: int) -> str:
    """The command that repeats this run, without the path of the official VAE."""
    words = ["python -m sr_core benchmark"]
    for name in ("config", "model", "device", "threads", "dtype", "steps", "frames"):
        value = steps if name == "steps" else getattr(options, name)
        if value is not None:
            words.append(f"--{name} {value}")
    if options.against:
        words.append(f"--against {' '.join(options.against)}")
    return " ".join(words + ["--official-vae PATH"] * (options.official_vae is not None))
