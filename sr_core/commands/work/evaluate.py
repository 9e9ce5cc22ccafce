"""Implementation of `evaluate`: metrics of a checkpoint on clips."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from ...checkpoint import read_metadata
from ...evaluation.metrics.embeddings import LOADERS
from ...evaluation.protocol.evaluate import Observer, evaluate
from ...evaluation.protocol.long_run import in_words, long_run, write_page
from ...evaluation.report.export import Export
from ...evaluation.report.report import Report
from ...evaluation.report.table import as_text, clips_as_text
from ...io.read.source import videos_in
from ...io.read.video import open_video
from ...pipeline import Pipeline
from ...sampling.recommended import ENTRY, chosen
from ...sampling.settings import Settings
from .generate import best_device, load, model_of


def evaluate_clips(options: argparse.Namespace) -> int:
    """Run the verb `evaluate`; returns the exit status."""
    settings = _settings(options)
    embed = LOADERS[options.embedding]()
    pipeline = load(options, best_device(options.device))
    if options.only_loop:
        return _run_loop(options, pipeline, settings)
    report = Report(options.report) if options.report else None
    observers: list[Observer] = [report] if report else []
    if options.export:
        observers.append(Export(options.export))
    found = evaluate(
        pipeline, options.clips, settings, options.seeds, embed, observers, options.loop
    )
    result = _described(options, settings[-1]) | found
    if report:
        print(report.write(result), file=sys.stderr)
        if result["loops"]:
            clip = videos_in(options.clips[0])[0]
            print(write_page(result, clip, options.report), file=sys.stderr)
    print(json.dumps(result, allow_nan=False) if options.json else as_text(result), flush=True)
    if options.per_clip and not options.json:
        print("\n" + clips_as_text(result["clips"]), flush=True)
    return 2 if result["left_out"] else 0


def _settings(options: argparse.Namespace) -> list[Settings]:
    """One per column; those of --steps last, because `evaluate` uses the last without frames."""
    recommended = read_metadata(model_of(options))[ENTRY]
    columns = [(steps, "heun") for steps in options.heun]
    columns += [(steps, options.method) for steps in options.steps or [None]]
    settings = [chosen(recommended, steps, options.guidance, method) for steps, method in columns]
    return list(dict.fromkeys(settings))


def _run_loop(options: argparse.Namespace, pipeline: Pipeline, settings: list[Settings]) -> int:
    clip = videos_in(options.clips[0])[0]
    frames = open_video(clip, pipeline.frame_rate)
    loops = long_run(pipeline, frames, settings, options.seeds[0], options.loop)
    result = _described(options, settings[-1]) | {"loops": loops}
    if options.report:
        print(write_page(result, clip, options.report), file=sys.stderr)
    text = json.dumps(result, allow_nan=False) if options.json else "\n".join(in_words(loops))
    print(text, flush=True)
    return 0


def _described(options: argparse.Namespace, settings: Settings) -> dict[str, Any]:
    return {
        "model": model_of(options).name,
        "seeds": options.seeds,
        "guidance": settings.guidance,
        "method": settings.method,
        "embedding": options.embedding,
    }
