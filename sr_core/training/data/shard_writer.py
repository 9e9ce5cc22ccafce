"""Videos -> shards of clips, the input of the training stages.

The unit of work is a shard: a fixed group of videos, made by one call of a `ShardMaker` that is
independent of all others. So shards can be made in parallel on processes or machines, and made
again after an interruption.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from einops import rearrange
from safetensors.torch import save
from torch import Tensor

from ...audio.vae import AudioVAE
from ...components import load_any_vae, load_vision
from ...io.write.partial import whole_file, write_text
from ...vision.difference import TemporalDifference
from ...vision.encoder import VisionEncoder
from .clips import Clip, ClipConfig, clips_of, name_of_clips
from .shards import reports_of, shard_name
from .statistics import Moments

FRAMES_ON_CPU, FRAMES_ON_GPU = 8, 64  # number of frames encoded per call


@dataclass(frozen=True)
class ShardJob:
    """All inputs of a shard."""

    target: str  # path of the .tar
    videos: tuple[str, ...]
    clips: ClipConfig
    keep_waveform: bool = False  # keep waveforms even where a VAE is given
    mirror: bool = False  # also add each video flipped horizontally, with channels swapped
    parts: tuple[str | None, str | None] = (None, None)  # sha256 of the vision encoder and VAE

    @property
    def made(self) -> dict[str, Any]:
        """The settings of its clips, as JSON values."""
        has = {"grid": self.parts[0] is not None, "latent": self.parts[1] is not None}
        more: dict[str, Any] = {"keep_waveform": self.keep_waveform, "mirror": self.mirror}
        more |= {"parts": list(self.parts)}
        # Statistics of sampled latents; those of the posterior means underestimate the variance.
        more |= {"statistics": "of draws"} if has["latent"] else {}
        return asdict(self.clips) | has | more


def plan(
    videos: list[Path], directory: Path, split: str, held_out: float, per_shard: int
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Assigns whole videos to shards (target, videos), so that no video is in two splits.

    For `split` "auto" a hash of the video's name assigns a share `held_out` to "val".
    """
    groups: dict[str, list[str]] = {}
    for video in sorted(videos):
        digest = hashlib.sha256(video.stem.encode()).digest()
        drawn = "val" if int.from_bytes(digest[:4], "big") < held_out * 2**32 else "train"
        groups.setdefault(drawn if split == "auto" else split, []).append(str(video))
    for name, members in sorted(groups.items()):
        for number, start in enumerate(range(0, len(members), per_shard)):
            target = directory / shard_name(name, number)
            yield str(target), tuple(members[start : start + per_shard])


class ShardMaker:
    """Makes shards with a frozen vision encoder and VAE, which are loaded once."""

    def __init__(self, vision: str | None, vae: str | None, device: str = "cpu"):
        # Rounding depends on the number of threads; one thread gives the same bytes everywhere.
        torch.set_num_threads(1)
        self.device = torch.device(device)
        self.vision = load_vision(vision).to(self.device) if vision else None
        self.vae = load_any_vae(vae).to(self.device) if vae else None

    def __call__(self, job: ShardJob) -> dict[str, Any]:
        return make_shard(job, self.vision, self.vae, self.device)


def make_shard(
    job: ShardJob, vision: VisionEncoder | None, vae: AudioVAE | None, device: torch.device
) -> dict[str, Any]:
    """Writes a shard and its report, unless both exist; the report lists unusable videos."""
    target = Path(job.target)
    report_path = target.with_suffix(".json")
    if report_path.exists() and target.exists():
        report = json.loads(report_path.read_text(encoding="utf-8"))
        if (report["videos"], report.get("made")) == (list(job.videos), job.made):
            return report
    report = {"videos": list(job.videos), "made": job.made, "clips": {}, "skipped": {}}
    with whole_file(target) as partial:
        with tarfile.open(partial, "w", format=tarfile.PAX_FORMAT) as tar:
            maker = _Maker(job, vision, vae, device)
            for video in job.videos:
                try:
                    for mirrored in (False, True)[: 1 + job.mirror]:
                        maker.add(Path(video), tar, report, mirrored)
                except ValueError as error:
                    report["skipped"][video] = str(error)
        report["moments"] = {name: moments.as_json() for name, moments in maker.moments.items()}
        report_path.unlink(missing_ok=True)  # the report of the previous shard no longer applies
    write_text(report_path, json.dumps(report))
    return report


class _Maker:
    """Encodes the clips of a shard and accumulates their statistics."""

    def __init__(
        self,
        job: ShardJob,
        vision: VisionEncoder | None,
        vae: AudioVAE | None,
        device: torch.device,
    ):
        self.job, self.vision, self.vae, self.device = job, vision, vae, device
        self.moments: dict[str, Moments] = {}
        names = [name_of_clips(Path(video)) for video in job.videos]
        repeated = len(set(names)) < len(names)
        # Videos of the same name in several folders are distinguished by their index in the shard.
        self.names = {
            video: f"{index:05d}-{name}" if repeated else name
            for index, (video, name) in enumerate(zip(job.videos, names, strict=True))
        }

    def add(
        self, video: Path, tar: tarfile.TarFile, report: dict[str, Any], mirrored: bool
    ) -> None:
        state = None
        at_once = FRAMES_ON_GPU if self.device.type == "cuda" else FRAMES_ON_CPU
        for clip in clips_of(video, self._encode_frames, self.job.clips, mirrored, at_once):
            tensors, state = self._tensors(clip, state)
            key = f"{self.names[str(video)]}-{clip.number:05d}" + "-mirror" * mirrored
            if clip.problem:
                report["skipped"][key] = clip.problem
                continue
            metadata = {"source": str(video), "start_seconds": clip.start}
            add_member(tar, f"{key}.json", json.dumps(metadata).encode())
            add_member(tar, f"{key}.safetensors", save(tensors))
            self._count(tensors)
            report["clips"][key] = len(tensors["time"])

    @torch.inference_mode()
    def _encode_frames(self, frames: Tensor) -> Tensor:
        """(t 3 h w) -> grid (t n d), or zeros (t) if it is not kept."""
        if self.vision is None:
            return torch.zeros(len(frames), dtype=torch.uint8)
        return self.vision(frames[None].to(self.device))[0].half().cpu()

    @torch.inference_mode()
    def _tensors(self, clip: Clip, state: Any) -> tuple[dict[str, Tensor], Any]:
        tensors = {"time": torch.zeros(len(clip.seen), dtype=torch.uint8)}
        if self.vision:
            tensors["grid"] = clip.seen
        if self.vae:
            waveform = clip.waveform[None].to(self.device)
            mean, log_variance, state = self.vae.encode_moments(waveform, state)
            tensors |= {"mean": mean[0].float().cpu()}
            tensors |= {"log_variance": log_variance[0].float().cpu()}
        if not self.vae or self.job.keep_waveform:
            samples = (clip.waveform.clamp(-1, 1) * 32767).round().to(torch.int16)
            tensors["waveform"] = rearrange(samples, "c s -> s c")
        return {name: tensor.contiguous() for name, tensor in tensors.items()}, state

    def _count(self, tensors: dict[str, Tensor]) -> None:
        if self.vision:
            grid, _ = TemporalDifference()(tensors["grid"][None].float())
            self.moments.setdefault("grid", Moments()).update(grid)
        if self.vae:
            variance = tensors["log_variance"].double().exp()
            self.moments.setdefault("latent", Moments()).update(tensors["mean"], variance)


def gathered(directory: Path, name: str, split: str = "train") -> Moments:
    """Merges the moments of all shards of a split; ValueError where no shard has them."""
    total = Moments()
    for path in reports_of(directory, split):
        found = json.loads(path.read_text(encoding="utf-8"))["moments"].get(name)
        if found and found["count"]:
            total.merge(Moments(**found))
    if not total.count:
        raise ValueError(
            f"got no statistics of {name!r} in {directory}; expected shards prepared with both "
            "--vision and --vae; prepare them again with these"
        )
    return total


def add_member(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    """Adds a file without owner and time, so that the same clips give the same bytes."""
    member = tarfile.TarInfo(name)
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))
