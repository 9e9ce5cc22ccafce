"""Warnings reach the node that they are about, in the tab and the graph that ran it."""

from __future__ import annotations

import pytest
import torch

SILENT = "next to silent"


@pytest.fixture
def told(pack, parts, monkeypatch) -> list[tuple]:
    """What is sent to the page from now on: event, data, tab."""
    sent = []
    monkeypatch.setattr(pack.host.server, "send_sync", lambda *message: sent.append(message))
    return sent


def warnings(told: list[tuple]) -> list[dict]:
    sent = [data for event, data, _ in told if event == "soundreactor.warning"]
    return [data for data in sent if data["text"] is not None]


def test_a_warning_has_its_node_its_graph_and_its_tab(pack, told, caplog):
    pack.module("page").warn("clipped", "3:4")
    data = {"node": "3:4", "graph": 1, "text": "clipped"}
    assert told == [("soundreactor.warning", data, "tab")]
    assert "clipped" in caplog.text


def test_where_no_graph_is_known_a_warning_goes_out_all_the_same(pack, told, monkeypatch):
    for running in ({}, {5: (0, "prompt", {}, {}, [])}):
        monkeypatch.setattr(pack.host.server.prompt_queue, "currently_running", running)
        pack.module("page").warn("clipped", "3")
        assert warnings(told)[-1]["graph"] is None


def test_a_run_takes_what_the_last_one_said_off_its_node_and_no_other(run, parts, told):
    silence = {"waveform": torch.zeros(1, 2, 4800), "sample_rate": 48000}
    run("VAEEncode", audio=silence, vae=parts.vae, align="start")
    texts = [(data["node"], data["graph"], data["text"] is None) for _, data, _ in told]
    assert texts == [("7", 1, True), ("7", 1, False)]


def test_silence_is_told_on_every_node_that_gives_or_takes_sound(run, pack, parts, told):
    silence = {"waveform": torch.zeros(1, 2, 4800), "sample_rate": 48000}
    latent = run("VAEEncode", audio=silence, vae=parts.vae, align="start")[0]
    (warning,) = warnings(told)
    assert SILENT in warning["text"] and warning["node"] == "7"
    with torch.inference_mode():
        pack.module("audio").pack_audio(silence["waveform"], parts.vae, "5")
    assert warnings(told)[-1]["node"] == "5"
    run("VAEDecode", latent=latent, vae=parts.vae)


def test_silence_is_told_on_the_live_node(run, pack, parts, told, monkeypatch):
    images = torch.zeros(3, 16, 16, 3)
    video = run("LoadFrames", file="none", images=images, fps=30)[1]
    piece = torch.zeros(1, 2, 1600)
    monkeypatch.setattr(pack.core("soundtrack.clip").Session, "step", lambda *_: piece)
    run("Live", model=parts.model, video=video)
    assert SILENT in warnings(told)[-1]["text"]
