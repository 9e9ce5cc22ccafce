"""Inputs of the sampling settings, and their values that mean "as the checkpoint recommends"."""

from __future__ import annotations

from comfy_api.latest import io

from ..sr_core.pipeline import Pipeline
from ..sr_core.sampling.recommended import MOST_STEPS, STEPS, chosen
from ..sr_core.sampling.settings import METHODS, Settings

RECOMMENDED_STEPS, RECOMMENDED_GUIDANCE, RECOMMENDED = 0, -1.0, "recommended"


def sampling_inputs(most_steps: int = 100) -> list[io.Input]:
    """Inputs of the sampling settings."""
    return [
        io.Int.Input(
            "seed",
            default=0,
            min=0,
            max=2**63 - 1,
            control_after_generate=True,
            tooltip=(
                "Seed of the noise, which selects one of the possible sounds. The same seed gives "
                "the same noise on every machine."
            ),
        ),
        io.Int.Input(
            "steps",
            default=RECOMMENDED_STEPS,
            min=RECOMMENDED_STEPS,
            max=most_steps,
            tooltip=(
                "Head evaluations per frame. 0: as the checkpoint recommends. With "
                "method 'consistency' 1 to 4; 1 is fastest, with slightly less exact timing."
                + (f" With method 'heun' about {STEPS['heun']}." if most_steps > 4 else "")
            ),
        ),
        io.Float.Input(
            "guidance",
            default=RECOMMENDED_GUIDANCE,
            min=RECOMMENDED_GUIDANCE,
            max=20.0,
            step=0.1,
            tooltip=(
                "Guidance scale: how closely the sound follows the video. Below 0: as the "
                "checkpoint recommends. 1 is no guidance and fastest; 3 is louder "
                "and denser; higher values exaggerate."
            ),
        ),
    ]


def method_input() -> io.Combo.Input:
    return io.Combo.Input(
        "method",
        options=[RECOMMENDED, *METHODS],
        default=RECOMMENDED,
        tooltip=(
            "Sampling method. 'recommended': that of the checkpoint. 'consistency' for tuned "
            "checkpoints and for `micro`, 1 to 4 steps; 'heun' for other checkpoints of the "
            f"diffusion stage, about {STEPS['heun']} steps, slower."
        ),
    )


def settings_for(
    pipeline: Pipeline, steps: int, guidance: float, method: str | None = None
) -> Settings:
    """The settings of a node's inputs; those that are not set are the checkpoint's.

    `method` None: the node has no such input, and `steps` other than 0 are those of consistency.
    """
    if method is None:
        method = RECOMMENDED if steps == RECOMMENDED_STEPS else "consistency"
    return _settings(pipeline.recommended, steps, guidance, method)


def check_choice(steps: int, guidance: float, method: str) -> None:
    """Raise ValueError for inputs that are invalid for every checkpoint, before one is loaded."""
    _settings(MOST_STEPS, steps, guidance, method)


def _settings(recommended: Settings, steps: int, guidance: float, method: str) -> Settings:
    return chosen(
        recommended,
        None if steps == RECOMMENDED_STEPS else steps,
        None if guidance < 0 else guidance,
        None if method == RECOMMENDED else method,
    )
