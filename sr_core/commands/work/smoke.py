"""Implementation of `smoke`: overfits every stage to one clip, with the commands of training."""

from __future__ import annotations

import argparse
import json
import shlex
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from ...checkpoint import load_pipeline
from ...evaluation.metrics.embeddings import patch_statistics
from ...evaluation.metrics.likeness import Likeness
from ...evaluation.protocol.evaluate import Observer, evaluate, name_of
from ...evaluation.protocol.overfit_check import OverfitCheck
from ...evaluation.report.report import Report
from ...rates import FRAME_RATE
from ...sampling.recommended import HEUN_STEPS
from ...sampling.settings import Settings
from ...training.runtime.logger import CURVE
from .. import generate, prepare, train
from ..verb import Verb
from .excerpt import SECONDS, cut_excerpt

Word = str | int | float | Path  # of a command line

STEPS = 4  # sampling steps of the final model
HEUN = Settings(HEUN_STEPS, method="heun")  # sampling settings of the diffusion stage
FRAMES = round(SECONDS * FRAME_RATE)
CLIPS = ("--seconds", SECONDS, "--split", "train", "--silence-db", -200, "--stillness", 0)
LOOP = {"batch": 4, "warmup": 20, "schedule": "cosine", "log_every": 1, "save_every": 100}
LOOP |= {"workers": 0}  # a row has a few kilobytes: loading needs no processes
VAE = {
    "frames": 24,
    "loop": LOOP
    | {"steps": 400, "learning_rate": 2e-3, "betas": [0.8, 0.99], "clip": 5.0, "ema": 0.99},
    "task": {
        "stft": {"weight": 0.0},
        "energy": {"weight": 1.0, "sizes": [2048, 512, 128], "drawn": 2},
        "waveform": 0.5,
        "kl": 3e-5,
    },
    "audio": {"latent_channels": 16, "width": 128, "encoder_blocks": 3, "decoder_blocks": 4},
}
DIFFUSION = {
    "frames": FRAMES * 3 // 4,
    "loop": LOOP | {"steps": 400, "learning_rate": 1e-3, "ema": 0.98},
    "task": {"history_noise": 0.3},
    "model": {
        "aggregator": {"width": 64, "depth": 2, "heads": 4},
        "transformer": {
            "width": 96, "depth": 3, "heads": 3, "hidden": 256, "qk_norm": True,
        },
        "head": {"width": 128, "depth": 3},
    },
}  # fmt: skip
CONSISTENCY = {
    "frames": FRAMES * 3 // 4,
    "loop": LOOP
    | {"steps": 120, "learning_rate": 5e-4, "ema": 0.98, "optimizer": "radam"}
    | {"betas": [0.9, 0.999], "weight_decay": 0.0},
    "task": {"dropout": 0.0, "data": {"history_noise": 0.3}},
}


def overfit(options: argparse.Namespace) -> int:
    """Run the verb `smoke`; prints a verdict; returns 0 if all stages learned, 1 if one did not."""
    folder = options.output or Path(tempfile.mkdtemp(prefix="soundreactor-smoke-"))
    print(f"everything is written to {folder}")
    clip = folder / "clips" / "clip.mkv"
    if clip.exists():
        print(f"going on with {clip} as it was cut; for another video choose another -o")
    else:
        began = cut_excerpt(options.video, clip)
        print(f"{clip}: {SECONDS} s of {options.video.name}, from {began} s on")
    stage1, model = _learn(folder, _machine(options))
    video = folder / "clip-with-sound.mkv"
    _command(generate, clip, "-o", video, "--model", model, "--steps", STEPS)
    verdicts = _evaluate(clip, stage1, model, folder / "report")
    print(f"video: {video}\nspectrograms: {folder / 'report' / 'clip.png'}")
    for stage, found in verdicts.items():
        print(f"{stage}: {'learned' if found.is_like else 'did not learn'}: {found}")
    bad = [stage for stage, found in verdicts.items() if not found.is_like]
    print(f"it does not learn: check `train {bad[0]}`" if bad else "it learns")
    return 1 if bad else 0


def _machine(options: argparse.Namespace) -> list[Word]:
    device: list[Word] = ["--device", options.device] if options.device else []
    return [*device, "--threads", options.threads or 1]


def _learn(folder: Path, machine: Sequence[Word]) -> tuple[Path, Path]:
    """Train all stages; returns the checkpoints of the diffusion and the consistency stage."""
    clips, sound, data = (folder / name for name in ("clips", "sound", "data"))
    _command(prepare, clips, "-o", sound, *CLIPS)
    vae = _train("vae", sound, folder, VAE, machine)
    patches = ("--patches", "7x56x98", "--channels", 16)
    _command(prepare, clips, "-o", data, *CLIPS, *patches, "--vae", vae)
    stage1 = _train("diffusion", data, folder, DIFFUSION, machine)
    return stage1, _train("consistency", data, folder, CONSISTENCY, [*machine, "--init", stage1])


def _evaluate(clip: Path, stage1: Path, model: Path, folder: Path) -> dict[str, Likeness]:
    """Evaluate with a report; returns the likeness of each stage's output to the clip's sound."""
    diffusion, tuned, report = (
        OverfitCheck(name_of(HEUN)),
        OverfitCheck(f"steps {STEPS}"),
        Report(folder),
    )
    evaluate(load_pipeline(stage1), [clip], [HEUN], (0,), patch_statistics, [diffusion])
    settings = [Settings(steps) for steps in (1, STEPS)]
    observers: list[Observer] = [report, tuned]
    result = evaluate(load_pipeline(model), [clip], settings, (0,), patch_statistics, observers)
    report.write({"model": model.name, "seeds": [0]} | result)
    print(f"\n{tuned.table()}\n")
    return {
        "vae": _compared(tuned.codec),
        "diffusion": _compared(diffusion.generated),
        "consistency": _compared(tuned.generated),
    }


def _compared(found: Likeness | None) -> Likeness:
    if found is None:
        raise ValueError(
            "got no sound that was compared with the clip's; expected one of each stage; choose "
            "another -o, so that all is made anew"
        )
    return found


def _train(
    stage: str, data: Path, folder: Path, config: Mapping[str, object], more: Sequence[Word]
) -> Path:
    settings, output = folder / f"{stage}.json", folder / stage
    settings.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    _command(train, stage, data, "-o", output, "--config", settings, *more)
    losses = [json.loads(line) for line in (output / CURVE).open(encoding="utf-8")]
    name = next(name for name in losses[0] if name.endswith("/loss"))
    first, last = (sum(at[name] for at in part) / 10 for part in (losses[:10], losses[-10:]))
    print(f"{stage}: loss {first:.3f} -> {last:.3f}")
    return output / ("vae.safetensors" if stage == "vae" else "model.safetensors")


def _command(command: Verb, *words: Word) -> None:
    """Print a command line and run it in this process."""
    texts = [str(word) for word in words]
    name = command.__name__.rsplit(".", 1)[-1]
    print(f"\n$ python -m sr_core {name} {shlex.join(texts)}", flush=True)
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    if command.run(parser.parse_args(texts)):
        raise ValueError(f"got a failure of {name}; expected none; the lines above say why")
