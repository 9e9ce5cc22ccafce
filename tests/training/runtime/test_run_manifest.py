"""A run goes on with what it began with, or says what is another."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from sr_core.config import from_dict
from sr_core.training.runtime.run_manifest import describe
from sr_core.training.tuning_stages import ConsistencyRun

RUN = ConsistencyRun()


def changed(run, **loop):
    return replace(run, loop=replace(run.loop, **loop))


@pytest.fixture
def init(tmp_path):
    path = tmp_path / "init.safetensors"
    path.write_bytes(b"weights")
    return path


def check(now, before, tmp_path):
    now.check(before.as_json(), tmp_path / "resume.safetensors")


def test_the_same_run_goes_on_also_for_longer(shards, init, tmp_path):
    before = describe(RUN, shards, init)
    check(
        describe(changed(RUN, steps=9, save_every=1, accumulate=2), shards, init), before, tmp_path
    )


def test_another_setting_of_the_task_is_named(shards, tmp_path):
    other = replace(RUN, frames=9, task=replace(RUN.task, dropout=0.5))
    with pytest.raises(ValueError, match=r"frames 240 -> 9, task.dropout 0.2 -> 0.5.*begin anew"):
        check(describe(other, shards, None), describe(RUN, shards, None), tmp_path)


def test_other_data_and_another_checkpoint_are_named(shards, init, tmp_path):
    before = describe(RUN, shards, init)
    init.write_bytes(b"others")
    with pytest.raises(ValueError, match="other contents of --init"):
        check(describe(RUN, shards, init), before, tmp_path)
    (shards / "vae.safetensors").write_bytes(b"another VAE")
    with pytest.raises(ValueError, match="other contents of the data, other contents of --init"):
        check(describe(RUN, shards, init), before, tmp_path)


def test_a_run_that_an_older_version_left_is_not_taken_up_blindly(shards, tmp_path):
    with pytest.raises(ValueError, match="got another run than the one in"):
        describe(RUN, shards, None).check("{}", tmp_path / "resume.safetensors")


def test_written_settings_are_those_that_a_config_is_read_from(shards, tmp_path):
    describe(RUN, shards, None).write(tmp_path)
    assert from_dict(ConsistencyRun, json.loads((tmp_path / "config.json").read_text())) == RUN
