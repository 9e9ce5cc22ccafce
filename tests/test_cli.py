"""What a user types and what comes back; in-process, and once as a real process."""

import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from sr_core.checkpoint import load_pipeline, read_header, save_pipeline, write_weights
from sr_core.cli import describe, main
from sr_core.commands.work.targets import plan
from sr_core.engine.offline import generate
from sr_core.io.read.audio import read_audio
from sr_core.io.read.source import videos_in
from sr_core.io.read.video import open_video
from sr_core.io.write.audio import write_audio
from sr_core.sampling.clip_seed import clip_seed
from sr_core.sampling.settings import Settings

ROOT = Path(__file__).parents[1]


def write_video(path: Path, frames: int = 12, rate: int = 24, size=(64, 48), codec="mpeg4") -> Path:
    """A white square that moves over black."""
    with av.open(path, "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.width, stream.height = size
        stream.pix_fmt = "rgb8" if codec == "gif" else "yuv420p"
        for n in range(frames):
            picture = np.zeros((size[1], size[0], 3), np.uint8)
            picture[: size[1] // 2, n % size[0] :] = 255
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = n, Fraction(1, rate)
            container.mux(stream.encode(frame.reformat(format=stream.pix_fmt)))
        container.mux(stream.encode())
    return path


@pytest.fixture
def clip(tmp_path) -> Path:
    return write_video(tmp_path / "clip.mp4")


@pytest.fixture
def run(tmp_path, tiny_pipeline, capsys):
    """Run the command line with a tiny checkpoint; gives exit code, stdout and stderr."""
    tiny_pipeline.origin = {"stage": "consistency"}
    model = save_pipeline(tiny_pipeline, tmp_path / "tiny.safetensors")

    def run(*arguments):
        words = [str(argument) for argument in arguments]
        if words[0] == "generate" and "--model" not in words:
            words += ["--model", str(model)]
        code = main(words)
        return code, *capsys.readouterr()

    return run


def sound_of(path: Path) -> torch.Tensor:
    waveform, rate = read_audio(path)
    assert rate == 48_000
    return waveform


def test_a_video_becomes_the_same_video_with_sound(run, clip, tmp_path):
    target = tmp_path / "new folder" / "out.mkv"
    code, out, err = run("generate", clip, "-o", target, "--seed", 1)
    assert code == 0 and out == f"{target}\n"
    assert "x real time" in err and "untrained" not in err
    assert sound_of(target).shape == (2, 24_000)
    assert open_video(target).duration == Fraction(1, 2)


def test_the_sound_in_the_file_is_the_pipelines(run, clip, tmp_path, tiny_pipeline):
    run("generate", clip, "-o", tmp_path / "out.mkv", "--seed", 5, "--steps", 2)
    frames = torch.cat(list(open_video(clip).pieces()))[None]
    expected = generate(tiny_pipeline.float(), frames, Settings(steps=2), 5)[0, :, :24_000]
    assert (sound_of(tmp_path / "out.mkv") - expected.clamp(-1, 1)).abs().max() < 1e-4


def test_the_seed_decides(run, clip, tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        run("generate", clip, "-o", tmp_path / f"{name}.mkv", "--seed", seed)
    a, b, c = (sound_of(tmp_path / f"{name}.mkv") for name in "abc")
    assert torch.equal(a, b) and not torch.equal(a, c)


def test_contexts_that_need_the_length_get_it(run, clip, tmp_path):
    for context in ("ntk", "interpolate"):
        code, _, err = run("generate", clip, "-o", tmp_path / "o.mkv", "--context", context)
        assert code == 0, err
    code, _, err = run("generate", clip, "-o", tmp_path / "o.mkv", "--context", "trained")
    assert code == 2 and "use context 'window'" in err


def test_a_prompt_changes_the_sound_and_a_short_one_is_refused(run, clip, tmp_path):
    write_audio(tmp_path / "p.wav", [torch.rand(1, 44_100) - 0.5], 44_100)
    write_audio(tmp_path / "short.wav", [torch.rand(1, 100)], 44_100)
    run("generate", clip, "-o", tmp_path / "a.mkv")
    run("generate", clip, "-o", tmp_path / "b.mkv", "--prompt", tmp_path / "p.wav")
    assert not torch.equal(sound_of(tmp_path / "a.mkv"), sound_of(tmp_path / "b.mkv"))
    code, _, err = run(
        "generate", clip, "-o", tmp_path / "c.mkv", "--prompt", tmp_path / "short.wav"
    )
    assert code == 2 and "at least one latent" in err


def test_one_bad_file_does_not_stop_the_rest(run, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    write_video(folder / "a.mp4")
    (folder / "b.mp4").write_text("not a video")
    write_video(folder / "c.gif", codec="gif", rate=8)
    (folder / "notes.txt").write_text("no video either, and not looked at")
    code, out, err = run("generate", folder, "-o", tmp_path / "out")
    assert code == 2 and "2 of 3 videos done, 1 failed" in err and "b.mp4" in err
    assert out.splitlines() == [str(tmp_path / "out" / name) for name in ("a.mp4", "c.mp4")]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.mp4", "c.mp4"]


def test_what_is_there_already_can_be_left_out(run, tmp_path):
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    for name in ("a.mp4", "b.mp4"):
        write_video(folder / name)
    assert run("generate", folder, "-o", out)[0] == 0
    stamps = {path: path.stat().st_mtime_ns for path in sorted(out.iterdir())}
    (out / "b.mp4").unlink()
    code, made, err = run("generate", folder, "-o", out, "--skip-existing")
    assert code == 0 and made.split() == [str(out / "b.mp4")] and "1 there before" in err
    again = [path.stat().st_mtime_ns == stamp for path, stamp in stamps.items()]
    assert again == [True, False]


def test_clips_of_a_folder_have_noise_of_their_own_that_one_seed_repeats(run, tmp_path):
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    for name in "ab":
        write_video(folder / f"{name}.mkv")  # the same picture
    code, made, err = run("generate", folder, "-o", out, "--seed", 5)
    assert code == 0 and made.split() == [str(out / "a.mkv"), str(out / "b.mkv")]
    sounds = {name: sound_of(out / f"{name}.mkv") for name in "ab"}
    assert not torch.equal(sounds["a"], sounds["b"])
    for name in "ab":
        seed = clip_seed(5, name)
        assert f"seed of {folder / name}.mkv: {seed}\n" in err
        run("generate", folder / f"{name}.mkv", "-o", tmp_path / "one.mkv", "--seed", seed)
        assert torch.equal(sound_of(tmp_path / "one.mkv"), sounds[name])


def test_a_clips_noise_does_not_depend_on_which_others_there_are(run, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    b = write_video(folder / "b.mkv")
    run("generate", folder, "-o", tmp_path / "alone")  # a folder of one clip is a folder
    a = write_video(folder / "a.mkv")
    run("generate", a, b, "-o", tmp_path / "files")
    (tmp_path / "left").mkdir()
    (tmp_path / "left" / "a.mkv").touch()
    run("generate", folder, "-o", tmp_path / "left", "--skip-existing")
    sounds = [sound_of(tmp_path / where / "b.mkv") for where in ("alone", "files", "left")]
    assert torch.equal(sounds[0], sounds[1]) and torch.equal(sounds[0], sounds[2])


def test_one_file_has_the_noise_of_the_seed_itself_also_into_a_folder(run, clip, tmp_path):
    (tmp_path / "out").mkdir()
    _, _, said = run("generate", clip, "-o", tmp_path / "out", "--seed", 5)
    frames = torch.cat(list(open_video(clip).pieces()))[None]
    pipeline = load_pipeline(tmp_path / "tiny.safetensors")
    expected = generate(pipeline, frames, seed=5)[0, :, :24_000]
    run("generate", clip, "-o", tmp_path / "out.mkv", "--seed", 5)
    assert (sound_of(tmp_path / "out.mkv") - expected.clamp(-1, 1)).abs().max() < 1e-4
    run("generate", clip, "-o", tmp_path / "again.mp4", "--seed", 5)
    same = sound_of(tmp_path / "again.mp4"), sound_of(tmp_path / "out" / "clip.mp4")
    assert torch.equal(*same) and "seed of" not in said


@pytest.mark.slow
def test_workers_draw_the_same_noise(run, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for name in "ab":
        write_video(folder / f"{name}.mkv")
    seeds = []
    for out, words in (("here", ()), ("workers", ("--workers", 2))):
        code, _, err = run("generate", folder, "-o", tmp_path / out, *words)
        assert code == 0
        seeds.append(sorted(line for line in err.splitlines() if line.startswith("seed of")))
    assert seeds[0] == seeds[1] and len(seeds[0]) == 2
    for name in "ab":
        here, there = (sound_of(tmp_path / out / f"{name}.mkv") for out in ("here", "workers"))
        assert torch.equal(here, there)


def test_colliding_names_are_refused_before_any_work(tmp_path):
    for folder in ("x", "y"):
        (tmp_path / folder).mkdir()
    one, other = write_video(tmp_path / "x/a.mp4"), write_video(tmp_path / "y/a.mp4")
    with pytest.raises(ValueError, match="both become"):
        plan([one, other], tmp_path / "out")
    with pytest.raises(ValueError, match="would be overwritten"):
        plan([tmp_path / "x"], tmp_path / "x")
    with pytest.raises(ValueError, match="expected a folder"):
        plan([one, other], tmp_path / "out.mp4")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="without a video in it .its subfolders are not searched"):
        plan([tmp_path / "empty"], tmp_path / "out")


def test_footage_lies_in_folders_of_folders(tmp_path):
    (tmp_path / "a" / "day 1").mkdir(parents=True)
    deep, flat = tmp_path / "a" / "day 1" / "x.MKV", tmp_path / "a" / "y.mp4"
    for path in (deep, flat):
        path.touch()
    assert videos_in(tmp_path / "a") == [flat]
    assert videos_in(tmp_path / "a", deep=True) == [deep, flat]


def test_training_that_runs_out_of_memory_is_told_to_take_fewer_rows():
    error = RuntimeError("CUDA out of memory. Tried to allocate")
    assert "loop.accumulate=N" in describe(error, training=True)
    assert "--device cpu" in describe(error)


def test_errors_are_one_line_and_leave_nothing(run, clip, tmp_path):
    before = sorted(tmp_path.iterdir())
    for words, message in [
        (("generate", tmp_path / "no.mp4", "-o", tmp_path / "o.mp4"), "does not exist"),
        (("generate", clip, "-o", tmp_path / "o.xyz"), "ends in .mp4 .mov .mkv .webm"),
        (("generate", clip, "-o", tmp_path / "o.mp4", "--steps", 9), "expected 1 to 4"),
        (("generate", clip, "-o", tmp_path / "o.mp4", "--model", clip), "checkpoint"),
        (("generate", clip, "-o", tmp_path / "o.mp4", "--device", "quantum"), "quantum"),
        (("convert", "vae", clip, tmp_path / "o.safetensors"), "clip.mp4"),
        (("inspect", clip), "cannot be read as safetensors"),
    ]:
        code, out, err = run(*words)
        assert code == 2 and not out
        last = err.strip().splitlines()[-1]
        assert last.startswith("error: ") and message in last and "Traceback" not in err
    assert sorted(tmp_path.iterdir()) == before


def test_debug_shows_the_traceback(run, clip, tmp_path):
    _, _, err = run("generate", clip, "-o", tmp_path / "o.mp4", "--steps", 9, "--debug")
    assert "Traceback" in err and err.strip().splitlines()[-1].startswith("error: ")


def test_inspect_says_what_a_checkpoint_is(run, tmp_path):
    code, out, _ = run("inspect", tmp_path / "tiny.safetensors")
    assert code == 0
    for fact in ("soundreactor-1", '"stage": "consistency"', '"train_frames": 5', "x F32", "vae"):
        assert fact in out


@pytest.fixture
def drawn(run, clip, tmp_path):
    """The sound that `generate` draws, with a checkpoint that recommends Heun in 3 steps."""
    path = tmp_path / "tiny.safetensors"
    pipeline = load_pipeline(path)
    pipeline.recommended = Settings(3, 1.5, "heun")
    model = save_pipeline(pipeline, tmp_path / "heun.safetensors")

    def drawn(*words, verb="generate", model=model):
        code, _, err = run(verb, clip, "-o", tmp_path / "o.mkv", "--model", model, *words)
        assert code == 0, err
        return sound_of(tmp_path / "o.mkv")

    return drawn


@pytest.mark.parametrize("verb", ["generate", "stream"])
def test_a_sound_is_drawn_as_the_checkpoint_recommends(drawn, tmp_path, verb):
    all_three = ("--steps", 3, "--guidance", 1.5, "--method", "heun")
    plain = drawn(verb=verb)
    assert torch.equal(plain, drawn(*all_three, verb=verb, model=tmp_path / "tiny.safetensors"))
    assert torch.equal(plain, drawn(*all_three, verb=verb))
    assert not torch.equal(plain, drawn(verb=verb, model=tmp_path / "tiny.safetensors"))
    assert not torch.equal(plain, drawn("--guidance", 3, verb=verb))
    assert torch.equal(drawn("--steps", 8, verb=verb), drawn(*all_three, "--steps", 8, verb=verb))


def test_a_checkpoint_without_recommendation_is_drawn_as_before(drawn, tmp_path):
    tiny = tmp_path / "tiny.safetensors"
    before = ("--steps", 4, "--guidance", 2, "--method", "consistency")
    assert torch.equal(drawn(model=tiny), drawn(*before, model=tiny))
    sixteen = ("--steps", 16, "--guidance", 2, "--method", "heun")
    assert torch.equal(drawn("--method", "heun", model=tiny), drawn(*sixteen, model=tiny))


@pytest.mark.parametrize("verb", ["generate", "stream"])
def test_steps_that_the_checkpoints_method_lacks_are_one_error(run, clip, tmp_path, verb):
    words = ("--model", tmp_path / "tiny.safetensors", "--steps", 8)
    code, _, err = run(verb, clip, "-o", tmp_path / "o.mkv", *words)
    last = err.strip().splitlines()[-1]
    assert code == 2 and last.startswith("error: got 8 steps; expected 1 to 4 with consistency")
    assert not (tmp_path / "o.mkv").exists()


def test_inspect_says_what_a_checkpoint_recommends(run, drawn, tmp_path):
    assert '"method": "heun"' in run("inspect", tmp_path / "heun.safetensors")[1]
    metadata = read_header(tmp_path / "tiny.safetensors").metadata
    del metadata["sampling"]
    old = tmp_path / "old.safetensors"
    write_weights(load_file(tmp_path / "tiny.safetensors"), old, metadata)
    _, out, _ = run("inspect", old)
    assert "none in the file; default: 4 steps, guidance 2, method consistency" in out


def test_every_verb_explains_itself_with_an_example(capsys):
    for verb in ("generate", "convert", "inspect"):
        with pytest.raises(SystemExit) as stop:
            main([verb, "--help"])
        assert stop.value.code == 0 and f"python -m sr_core {verb}" in capsys.readouterr().out


def test_as_a_process_the_last_line_on_stdout_is_the_path(tmp_path):
    target = tmp_path / "out.mp4"
    command = [sys.executable, "-m", "sr_core", "generate", "sr_core/assets/sample.mp4"]
    done = subprocess.run([*command, "-o", target], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{target}\n"
    waveform = sound_of(target)
    assert waveform.shape == (2, 6 * 48_000) and waveform.isfinite().all()
