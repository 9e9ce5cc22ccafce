"""The Live node: heard while it runs, whole at the end, and not lost when it is stopped."""

from __future__ import annotations

import gc
import mmap
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from sr_core.io.read.audio import read_audio
from sr_core.io.read.frames import Frames

FPS, SAMPLES = 25, 11 * 48000 // 25
SETTINGS = {"seed": 3, "steps": 2, "guidance": 2.0, "method": "consistency"}


@pytest.fixture
def source(run) -> SimpleNamespace:
    images = torch.rand(11, 32, 48, 3, generator=torch.Generator().manual_seed(1))
    frames, video, _ = run("LoadFrames", file="none", images=images, fps=FPS).args
    return SimpleNamespace(frames=frames, video=video)


@pytest.fixture
def live(run, pack, parts, source, monkeypatch):
    """Run the node, and tell its page of every piece."""
    monkeypatch.setattr(pack.module("player"), "INTERVAL", 0)
    pack.host.sent.clear()

    def play(**changes):
        return run("Live", **{"model": parts.model, "frames": source.frames, **SETTINGS, **changes})

    return play


def reports(pack) -> list[dict]:
    assert all(event == "soundreactor.live" for event, _, _ in pack.host.sent)
    return [data for _, data, _ in pack.host.sent]


def file_of(pack, report: dict) -> Path:
    return pack.base / "temp" / report["file"]["filename"]


def test_the_whole_sound_is_as_long_as_the_clip_and_that_of_the_chain(run, live, source, parts):
    audio = live()[0]
    assert audio["waveform"].shape == (1, 2, SAMPLES) and audio["sample_rate"] == 48000
    assert audio["waveform"].dtype == torch.float32
    grid = run("VisionEncoder", frames=source.frames, vision=parts.vision, cache_mb=16)[0]
    grid = run("TemporalDifference", grid=grid)[0]
    latent = run("Sampler", model=parts.model, grid=grid, context="window", **SETTINGS)[0]
    chain = run("VAEDecode", latent=latent, vae=parts.vae)[0]["waveform"]
    torch.testing.assert_close(audio["waveform"], chain, rtol=0, atol=1e-6)


def test_a_video_is_as_good_as_its_frames(live, source):
    sounds = [live(), live(video=source.video, frames=None)]
    assert torch.equal(*(made[0]["waveform"] for made in sounds))


def test_it_wants_exactly_one_clip(live, source):
    with pytest.raises(ValueError, match="expected one"):
        live(video=source.video)


def test_the_page_can_read_every_piece_before_the_end(live, pack, monkeypatch):
    heard = []

    def listen(event, report, client):
        if event != "soundreactor.live":
            return
        pack.host.sent.append((event, report, client))
        data = np.fromfile(file_of(pack, report), np.float32, offset=report["header"])
        heard.append(data.reshape(-1, report["channels"]).T)

    monkeypatch.setattr(pack.host.server, "send_sync", listen)
    whole = live()[0]["waveform"][0].numpy()
    made = [report["made"] for report in reports(pack)]
    assert made == [0, *range(1600, SAMPLES, 1600), SAMPLES, SAMPLES]
    assert [wave.shape[1] for wave in heard] == made
    assert all(np.array_equal(wave, whole[:, : wave.shape[1]]) for wave in heard)


def test_only_the_tab_that_queued_the_run_hears_of_it(live, pack, monkeypatch):
    live()
    assert {client for _, _, client in pack.host.sent} == {"tab"}
    pack.host.sent.clear()
    monkeypatch.setattr(pack.host.server, "client_id", None)
    live()
    assert pack.host.sent == []


def test_the_page_learns_which_node_of_which_graph_it_is(live, pack):
    live()
    assert {(report["node"], report["graph"]) for report in reports(pack)} == {("7", 1)}
    assert [report["status"] for report in reports(pack)][-2:] == ["running", "done"]


def test_what_is_told_does_not_grow_with_the_clip(live, pack, monkeypatch):
    monkeypatch.setattr(pack.module("player"), "INTERVAL", 3600)
    live()
    assert [report["made"] for report in reports(pack)] == [0, SAMPLES]


def test_a_cached_result_still_has_its_player(live, pack):
    made = live()
    (shown,) = made.ui["soundreactor_live"]
    assert shown["status"] == "done" and shown["made"] == SAMPLES
    waveform, _ = read_audio(file_of(pack, shown))
    assert torch.equal(waveform, made[0]["waveform"][0])


def test_the_sound_is_mapped_not_held_and_writing_into_it_spares_the_file(live, pack):
    made = live()
    path, waveform = file_of(pack, made.ui["soundreactor_live"][0]), made[0]["waveform"]
    before = path.read_bytes()
    with torch.inference_mode():
        waveform.add_(1)
    assert path.read_bytes() == before
    assert not Path("/proc/self").exists() or str(path) in Path("/proc/self/maps").read_text()


def test_a_stopped_run_leaves_a_playable_file_of_what_was_made(live, pack, caplog):
    whole = live()[0]["waveform"][0].clone()
    pack.host.sent.clear()
    pack.host.interrupt_after = 3
    with pytest.raises(pack.stub.Interrupted):
        live()
    last = reports(pack)[-1]
    assert (last["status"], last["made"]) == ("stopped", 4 * 1600)
    waveform, rate = read_audio(file_of(pack, last))
    assert rate == 48000 and torch.equal(waveform, whole[:, : 4 * 1600])
    assert str(file_of(pack, last)) in caplog.text


def test_a_run_that_made_nothing_says_so_and_is_no_file_to_keep(live, pack, monkeypatch, caplog):
    monkeypatch.setattr(pack.core("soundtrack.clip").Session, "step", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        live()
    assert (reports(pack)[-1]["status"], reports(pack)[-1]["made"]) == ("stopped", 0)
    assert "kept" not in caplog.text


def test_a_file_goes_when_the_node_ran_again_and_nobody_holds_its_sound(live, pack):
    first = live()
    path = file_of(pack, first.ui["soundreactor_live"][0])
    second = live()
    assert path.exists(), "the host's cache still holds it"
    del first
    gc.collect()
    assert not path.exists()
    kept = file_of(pack, second.ui["soundreactor_live"][0])
    del second
    gc.collect()
    assert kept.exists(), "it can be played until the node runs again"


def test_tabs_that_were_closed_do_not_fill_the_disk(live, pack, monkeypatch):
    player = pack.module("player")
    monkeypatch.setattr(player, "KEPT", 2)
    paths = []
    for tab in "abca":
        monkeypatch.setattr(pack.host.server, "client_id", tab)
        live()
        paths.append(player._latest[tab, "7"].path)
    gc.collect()
    assert [path.exists() for path in paths] == [False, False, True, True]


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc to see its memory")
def test_memory_stays_flat_while_the_sound_grows(live, pack, monkeypatch):
    """A minute of sound is 23 MB; after the first quarter hardly any of it is held."""
    add, resident = pack.module("player").Player.add, []

    def watched(player, waveform):
        add(player, waveform)
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        resident.append(pages * mmap.PAGESIZE)

    monkeypatch.setattr(pack.module("player").Player, "add", watched)
    monkeypatch.setattr(pack.module("player"), "INTERVAL", 3600)  # the stub keeps what it is told
    made = live(frames=LongClip(60), steps=1, guidance=1.0)
    assert made[0]["waveform"].shape[-1] == 60 * 48000 and len(resident) == 1800
    assert max(resident[450:]) - resident[450] < 2e6


class LongClip(Frames):
    """The same picture again and again, at 30 a second."""

    rate = fps = Fraction(30)
    height, width, clock, steady = 8, 8, Fraction(1, 30), True

    def __init__(self, seconds: int):
        self.duration = Fraction(seconds)

    def shown(self):
        for n in range(int(self.duration * 30)):
            yield Fraction(n, 30), lambda n=n: torch.full((3, 8, 8), n % 256, dtype=torch.uint8)


def test_sound_that_is_not_finite_is_an_error(live, pack, monkeypatch):
    piece = torch.full((1, 2, 1600), torch.nan)
    monkeypatch.setattr(pack.core("soundtrack.clip").Session, "step", lambda *_: piece)
    with pytest.raises(ValueError, match="not finite"):
        live()


def test_frames_of_another_rate_are_refused(live, pack, source):
    frames = pack.module("frames").frames_from_images(source.frames.images, FPS, 24)
    with pytest.raises(ValueError, match="24"):
        live(frames=frames)


def test_a_picture_unlike_the_trainings_is_told_once_and_changes_nothing(live, pack, parts):
    from sr_core.vision.ood import OODDetector

    before = live()[0]["waveform"]
    pipeline = parts.model.loaded.pipeline
    pipeline.config = replace(pipeline.config, judged_frames=6)
    pipeline.familiar = OODDetector(pipeline.config.vision.channels, 6)
    assert len(live()[0]["waveform"]) == 1 and not pack.host.texts[1:]
    pipeline.familiar.limit.fill_(0)
    assert torch.equal(live()[0]["waveform"], before)
    (told,) = pack.host.texts[1:]  # after that of the untrained checkpoint
    assert "may not fit" in told
