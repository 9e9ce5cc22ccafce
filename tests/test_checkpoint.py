import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file, save_file

from sr_core.checkpoint import (
    ASSETS,
    bundled_checkpoint,
    load_pipeline,
    read_header,
    read_metadata,
    save_pipeline,
    write_weights,
)
from sr_core.engine.offline import generate
from sr_core.sampling.settings import Settings


def same(one, other):
    ours, theirs = one.state_dict(), other.state_dict()
    return ours.keys() == theirs.keys() and all(torch.equal(ours[n], theirs[n]) for n in ours)


@pytest.fixture
def saved(tiny_pipeline, tmp_path):
    tiny_pipeline.origin = {"stage": "consistency", "step": 3}
    return save_pipeline(tiny_pipeline, tmp_path / "tiny.safetensors", torch.float64)


def test_a_checkpoint_is_the_whole_pipeline(saved, tiny_pipeline):
    loaded = load_pipeline(saved, dtype=torch.float64)
    assert same(loaded, tiny_pipeline) and not loaded.training
    assert loaded.config == tiny_pipeline.config and loaded.origin == tiny_pipeline.origin
    assert not any(parameter.requires_grad for parameter in loaded.parameters())
    frames = torch.rand(1, 2, 3, 28, 56, dtype=torch.float64)
    # The weights are equal to the bit; where they lie in memory may change a sum's last ones.
    one, other = (generate(p, frames, Settings(), 1) for p in (loaded, tiny_pipeline))
    torch.testing.assert_close(one, other, rtol=0, atol=1e-9)


def test_half_precision_is_for_the_trained_model_alone(saved):
    pipeline = load_pipeline(saved, dtype=torch.bfloat16)
    kinds = {name: {p.dtype for p in part.parameters()} for name, part in pipeline.named_children()}
    assert kinds["model"] == {torch.bfloat16}
    assert kinds["vision"] == kinds["vae"] == {torch.float32}
    assert generate(pipeline, torch.rand(1, 2, 3, 28, 56), Settings(), 1).dtype == torch.float32


def test_a_checkpoint_saved_in_half_is_loaded_in_full_precision(tiny_pipeline, tmp_path):
    path = save_pipeline(tiny_pipeline, tmp_path / "half.safetensors", torch.float16)
    assert {p.dtype for p in load_pipeline(path).parameters()} == {torch.float32}


@pytest.fixture
def referenced(tiny_pipeline, tmp_path):
    """The VAE stays outside; the model's own latent statistics were fitted beside it."""
    path = tmp_path / "public-vae.safetensors"
    write_weights(tiny_pipeline.vae.state_dict(), path, {"format": "soundreactor-vae"})
    tiny_pipeline.vae.latent_mean.fill_(0.25)
    save_pipeline(tiny_pipeline, tmp_path / "model.safetensors", torch.float64, {"vae": path})
    return tmp_path / "model.safetensors"


def test_a_referenced_part_is_found_beside_the_checkpoint(referenced, tiny_pipeline):
    assert same(load_pipeline(referenced, dtype=torch.float64), tiny_pipeline)


def test_a_reference_leaves_out_what_is_public_and_keeps_what_was_fitted(referenced):
    inside = [name for name in load_file(referenced) if name.startswith("vae.")]
    assert inside == ["vae.latent_mean"]


def test_find_says_where_a_referenced_part_is(referenced, tiny_pipeline, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "public-vae.safetensors").rename(elsewhere / "renamed.safetensors")
    asked = []

    def find(name):
        asked.append(name)
        return elsewhere / "renamed.safetensors"

    assert same(load_pipeline(referenced, find, dtype=torch.float64), tiny_pipeline)
    assert asked == ["public-vae.safetensors"]


def test_a_missing_part_is_named_with_what_to_do(referenced, tmp_path):
    (tmp_path / "public-vae.safetensors").unlink()
    with pytest.raises(ValueError, match="no file public-vae.safetensors.*sr_core convert"):
        load_pipeline(referenced)


def test_another_file_under_the_same_name_is_refused(referenced, tmp_path):
    weights = load_file(tmp_path / "public-vae.safetensors")
    write_weights(
        {name: value + 1 for name, value in weights.items()},
        tmp_path / "public-vae.safetensors",
        {"format": "soundreactor-vae"},
    )
    with pytest.raises(ValueError, match="other contents.*expected sha256"):
        load_pipeline(referenced)


def rewrite(path, change):
    weights = load_file(path)
    metadata = read_header(path).metadata
    change(weights, metadata)
    save_file(weights, path, metadata)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w, m: w.pop("model.start"), "without tensors model.start"),
        (lambda w, m: w.update(extra=torch.zeros(1)), "with unknown tensors extra"),
        (lambda w, m: w.update({"model.start": torch.zeros(3)}), "misshapen tensors model.start"),
        (lambda w, m: m.update(format="soundreactor-9"), "format 'soundreactor-9'"),
        (lambda w, m: m.update(config='{"colour": 1}'), "unknown field colour"),
        (lambda w, m: m.update(sampling='{"steps": 9}'), "tiny.safetensors with .*'sampling'"),
        (lambda w, m: m.update(sampling=""), "tiny.safetensors with .*'sampling'"),
    ],
)
def test_what_does_not_fit_is_named(saved, change, message):
    rewrite(saved, change)
    with pytest.raises(ValueError, match=message):
        load_pipeline(saved)


HEUN = Settings(12, 1.5, "heun")


def test_recommended_settings_are_written_and_read_back(tiny_pipeline, tmp_path):
    tiny_pipeline.recommended = HEUN
    path = save_pipeline(tiny_pipeline, tmp_path / "a.safetensors")
    assert read_metadata(path)["sampling"] == load_pipeline(path).recommended == HEUN
    again = save_pipeline(load_pipeline(path), tmp_path / "b.safetensors")
    assert load_pipeline(again).recommended == HEUN


def test_an_older_file_has_the_settings_of_before(saved):
    rewrite(saved, lambda w, m: m.pop("sampling"))
    assert "sampling" not in read_header(saved).metadata
    assert load_pipeline(saved).recommended == Settings(4, 2.0, "consistency")
    assert read_metadata(saved)["sampling"] == Settings(4, 2.0, "consistency")


def test_files_that_are_no_checkpoint_are_refused(tmp_path):
    with pytest.raises(ValueError, match="which is no file"):
        load_pipeline(tmp_path / "nothing.safetensors")
    (tmp_path / "text.safetensors").write_text("hello")
    with pytest.raises(ValueError, match="cannot be read as safetensors"):
        load_pipeline(tmp_path / "text.safetensors")
    save_file({"x": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match="format None"):
        load_pipeline(tmp_path / "other.safetensors")


def test_a_write_that_fails_leaves_the_old_file(saved, tmp_path, monkeypatch):
    before = saved.read_bytes()
    monkeypatch.setattr(
        "sr_core.checkpoint.save_file", lambda *_: (_ for _ in ()).throw(OSError("no space left"))
    )
    with pytest.raises(OSError, match="no space left"):
        write_weights({}, saved, {})
    assert saved.read_bytes() == before and [p.name for p in tmp_path.iterdir()] == [saved.name]


def test_a_file_has_the_permissions_of_any_new_file(saved, tmp_path):
    other = tmp_path / "other.txt"
    other.touch()
    assert saved.stat().st_mode == other.stat().st_mode


def test_the_bundled_checkpoint_loads_is_small_and_says_what_it_is():
    assert bundled_checkpoint().stat().st_size <= 32e6
    pipeline = load_pipeline(bundled_checkpoint())
    assert pipeline.frame_rate == 30 and pipeline.origin["stage"]
    sound = generate(pipeline, torch.randint(0, 256, (1, 3, 3, 120, 160), dtype=torch.uint8))
    assert sound.shape == (1, 2, 4800) and sound.isfinite().all() and sound.abs().max() < 1


def test_the_sample_clip_comes_with_its_licence():
    assert (ASSETS / "sample.mp4").stat().st_size < 1e6
    assert "Freedoom" in (ASSETS / "NOTICE.txt").read_text(encoding="utf-8")


LOADING = """
import sys
from sr_core.checkpoint import load_pipeline

before = set(sys.modules)
load_pipeline(sys.argv[1])
new = {name.partition(".")[0] for name in set(sys.modules) - before}
compiler = [name for name in sys.modules if name.startswith(("sympy", "torch._dynamo"))]
assert not compiler, f"loading imports {compiler[:3]}"
assert new <= {"torch"}, f"loading imports {sorted(new)}"
"""


@pytest.mark.parametrize("bundled", [True, False], ids=["patches, spectral VAE", "DINOv2, Oobleck"])
def test_loading_imports_nothing_of_torchs_compiler(bundled, saved):
    path = bundled_checkpoint() if bundled else saved
    done = subprocess.run([sys.executable, "-c", LOADING, path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
