"""VAE Decoder and VAE Encoder (audio): latents -> sound and sound -> latents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from comfy_api.latest import io
from einops import rearrange
from torch import Tensor

from ..sr_core.audio.signal import check_waveform, to_stereo
from ..sr_core.io.read.audio import resample
from ..sr_core.soundtrack.decoding import START, decode
from . import host, page, schema
from .sampler import pack_latent, unpack_latent


class VAEDecode(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema.describe(
            node_id="SoundReactorVAEDecode",
            display_name="VAE Decoder · latents to sound",
            description="Decodes latents to 48 kHz stereo sound of exactly the clip's length.",
            search_aliases=["soundreactor", "latent to audio", "audio vae"],
            inputs=[
                io.Latent.Input(
                    "latent", tooltip="From Causal AR Sampler or VAE Encoder, 30 per second."
                ),
                schema.VAE.Input("vae", tooltip="From the same Load SoundReactor Model."),
            ],
            outputs=[
                io.Audio.Output(
                    display_name="audio",
                    tooltip="Stereo at 48000 Hz, exactly as long as the clip.",
                )
            ],
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    @schema.node_run
    def execute(cls, latent: Mapping[str, Any], vae: host.Part) -> io.NodeOutput:
        host.move_to_device(vae)
        pieces = [piece.to(host.output_device()) for piece in _decode(latent, vae)]
        waveform = torch.cat(pieces, dim=-1)[..., : latent.get("sample_count")]
        return io.NodeOutput(pack_audio(waveform, vae, cls.hidden.unique_id))


class VAEEncode(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema.describe(
            node_id="SoundReactorVAEEncode",
            display_name="VAE Encoder · sound to latents",
            description="Encodes sound as latents, for example to continue it over another clip.",
            search_aliases=["soundreactor", "audio to latent", "audio prompt", "continue sound"],
            inputs=[
                io.Audio.Input(
                    "audio",
                    tooltip="Mono or stereo at any rate; it is resampled to 48000 Hz.",
                ),
                schema.VAE.Input("vae", tooltip="From Load SoundReactor Model."),
                io.Combo.Input(
                    "align",
                    options=["start", "end"],
                    default="start",
                    tooltip=(
                        "A latent is 1/30 s. 'start' keeps the whole sound and pads the last "
                        "latent with silence. 'end' drops up to 1/30 s at the beginning instead, "
                        "so that a prompt ends with the sound and not with silence."
                    ),
                ),
            ],
            outputs=[
                io.Latent.Output(
                    display_name="latent",
                    tooltip="30 latents per second, for VAE Decoder or the sampler's prompt.",
                )
            ],
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    @schema.node_run
    def execute(cls, audio: Mapping[str, Any] | None, vae: host.Part, align: str) -> io.NodeOutput:
        config = vae.loaded.pipeline.vae.config
        waveform = unpack_audio(audio, config.sample_rate, cls.hidden.unique_id)
        waveform, count = _whole_latents(waveform, config.hop, align)
        host.move_to_device(vae)
        latents = torch.cat(list(_encode(waveform, vae)), dim=1)
        samples = rearrange(latents, "b t k -> b k t").to(host.output_device())
        return io.NodeOutput(pack_latent(samples, count))


def unpack_audio(audio: Mapping[str, Any] | None, rate: int, node_id: str) -> Tensor:
    """ComfyUI's AUDIO as stereo at `rate` Hz: (b 2 s); None, from some packages, is an error."""
    if audio is None:
        raise ValueError(
            "got no sound; expected AUDIO; its source video has none: connect another source"
        )
    waveform = to_stereo(audio["waveform"].float().cpu())
    for message in check_waveform(waveform):
        page.warn(message, node_id)
    if audio["sample_rate"] == rate:
        return waveform
    return resample(waveform, audio["sample_rate"], rate)


def pack_audio(
    waveform: Tensor,  # (b c s)
    vae: host.Part,
    node_id: str,
) -> dict[str, Any]:
    """ComfyUI's AUDIO; raises ValueError for NaN or infinity, warns about silence or clipping."""
    for message in check_waveform(waveform):
        page.warn(message, node_id)
    return {"waveform": waveform, "sample_rate": vae.loaded.pipeline.vae.config.sample_rate}


def _decode(latent: Mapping[str, Any], vae: host.Part) -> Iterator[Tensor]:
    """Waveform pieces (b c s) of one step each; one piece if the VAE is not causal."""
    latents, pipeline = unpack_latent(latent, vae), vae.loaded.pipeline
    source, device = vae.loaded.source, host.output_device()
    if not pipeline.vae.config.causal:
        with vae.computing():
            waveform, _ = pipeline.decode(latents)
        yield waveform
        return
    # Continue from the decoder state after the previous clip, so that there is no discontinuity.
    before = latent.get("before")
    found = START if before is None else before.after(pipeline, source, device)
    surplus = latent.get("surplus")
    if surplus and found.last is not None:
        yield found.last[..., -surplus:]
    for step in host.progress(decode(latents, pipeline, found.state), latents.shape[1]):
        found = step
        if found.last is not None:
            yield found.last
    decoding = latent.get("decoding")
    if decoding is not None and decoding.is_of(latent["samples"], source):
        decoding.keep(found, device)


def _encode(waveform: Tensor, vae: host.Part) -> Iterator[Tensor]:  # (b c s) -> (b t k) pieces
    """Latents of one second of sound each; one piece if the VAE is not causal."""
    module, state = vae.loaded.pipeline.vae, None
    config = module.config
    size = config.sample_rate if config.causal else waveform.shape[-1]
    pieces = waveform.split(size - size % config.hop, dim=-1)
    for piece in host.progress(pieces, len(pieces)):
        with vae.computing():
            latents, state = module.encode(piece.to(vae.device), state)
        yield latents.float()


def _whole_latents(waveform: Tensor, hop: int, align: str) -> tuple[Tensor, int]:  # (b c s)
    """The sound cut or padded to a multiple of `hop` samples, and its length without padding."""
    count = waveform.shape[-1]
    if align == "end":
        return waveform[..., count % hop :], count - count % hop
    return torch.nn.functional.pad(waveform, (0, -count % hop)), count
