"""A file that is written: whole or not there, by one at a time, whatever ends the writer."""

import errno
import os
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from sr_core.io.read.source import MediaError
from sr_core.io.write import partial as module
from sr_core.io.write.partial import _remove_stale, sole_writer, whole_file, windows_problem

ROOT = Path(__file__).parents[3]
HOLD = """
import sys, time
from pathlib import Path
from sr_core.io.write.partial import whole_file
with whole_file(Path(sys.argv[1])) as partial:
    partial.write_text("half")
    print("ready", flush=True)
    time.sleep(60)
"""


@pytest.fixture(params=["posix", "windows"])
def system(request, monkeypatch):
    """This system, and where it is not Windows also the way there, on a stand-in for its locks."""
    if request.param == "posix" and os.name == "nt":
        pytest.skip("Windows knows no other way")
    if request.param == "windows" and os.name != "nt":
        import fcntl

        def locking(descriptor, mode, length):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

        monkeypatch.setitem(sys.modules, "msvcrt", SimpleNamespace(locking=locking, LK_NBLCK=0))
        monkeypatch.setattr(module, "WINDOWS", True)
    return request.param


@pytest.fixture
def holder():
    """Start a process that writes a file and never ends."""
    running = []

    def start(target):
        command = [sys.executable, "-c", HOLD, str(target)]
        running.append(subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE))
        assert running[-1].stdout.readline() == b"ready" + os.linesep.encode()
        return running[-1]

    yield start
    for process in running:
        process.kill()
        process.communicate()


def write(target: Path, text: str = "new") -> None:
    with whole_file(target) as partial:
        assert partial.parent == Path(os.path.realpath(target)).parent
        partial.write_text(text)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_written_file_is_all_that_is_left(tmp_path, system):
    write(tmp_path / "new folder" / "a.txt")
    assert names(tmp_path / "new folder") == ["a.txt"]
    assert (tmp_path / "new folder" / "a.txt").read_text() == "new"


def test_a_failure_leaves_what_was_there(tmp_path, system):
    (tmp_path / "a.txt").write_text("old")
    with pytest.raises(ZeroDivisionError), whole_file(tmp_path / "a.txt") as partial:
        partial.write_text("half")
        raise ZeroDivisionError
    assert names(tmp_path) == ["a.txt"] and (tmp_path / "a.txt").read_text() == "old"


def test_a_second_writer_of_the_same_file_is_refused_and_spoils_nothing(tmp_path, system):
    with whole_file(tmp_path / "a.txt") as partial:
        partial.write_text("first")
        with pytest.raises(MediaError, match="is being written by another process"):
            write(tmp_path / "a.txt")
        write(tmp_path / "b.txt")  # another file is nobody's business
    assert (tmp_path / "a.txt").read_text() == "first" and names(tmp_path) == ["a.txt", "b.txt"]
    write(tmp_path / "a.txt")


def test_two_names_of_one_file_are_one_target(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with (
        sole_writer(tmp_path / "real" / "a.txt"),
        pytest.raises(MediaError, match="another process"),
        sole_writer(tmp_path / "link" / "a.txt"),
    ):
        raise AssertionError


def test_a_second_process_is_refused_until_the_first_is_gone_and_nothing_is_left(tmp_path, holder):
    process = holder(tmp_path / "a.txt")
    with pytest.raises(MediaError, match="is being written by another process"):
        write(tmp_path / "a.txt")
    process.kill()
    process.wait()
    assert len(names(tmp_path)) == 2  # the partial file and its lock
    write(tmp_path / "a.txt")
    assert names(tmp_path) == ["a.txt"]


def test_what_killed_writers_left_is_removed_by_the_next_run_and_nothing_else(tmp_path, holder):
    dead = holder(tmp_path / "dead.txt")
    dead.kill()
    dead.wait()
    holder(tmp_path / "alive.txt")
    foreign = ["film.12345678.partial", "film.mp4.partial", "x.sr-1234.partial", "notes.lock"]
    for name in foreign:
        (tmp_path / name).write_text("not ours")
    _remove_stale.cache_clear()
    write(tmp_path / "mine.txt")
    left = [name for name in names(tmp_path) if name not in (*foreign, "mine.txt")]
    assert len(left) == 2 and all(name.startswith("alive.txt.sr-") for name in left)
    assert set(foreign) < set(names(tmp_path))


def test_the_first_error_survives_the_clean_up(tmp_path, monkeypatch):
    def unlink(*_, **__):
        raise OSError(errno.EROFS, "Read-only file system")

    with pytest.raises(ZeroDivisionError), whole_file(tmp_path / "a.txt"):
        monkeypatch.setattr(Path, "unlink", unlink)
        monkeypatch.setattr(os, "unlink", unlink)
        raise ZeroDivisionError


@pytest.mark.parametrize("name", ["x" * 251 + ".txt", "ü" * 125 + ".txt", "a"])
def test_every_legal_name_can_be_written(tmp_path, name):
    write(tmp_path / name)
    assert names(tmp_path) == [name]


def test_long_names_that_begin_alike_are_two_files(tmp_path):
    long = "x" * 250
    with whole_file(tmp_path / f"{long}1") as one, whole_file(tmp_path / f"{long}2") as other:
        one.write_text("1")
        other.write_text("2")
    assert [(tmp_path / f"{long}{n}").read_text() for n in "12"] == ["1", "2"]


def test_a_link_is_written_through(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "real.txt").write_text("old")
    for link, real in (("a.txt", "real.txt"), ("b.txt", "not there yet.txt")):
        (tmp_path / link).symlink_to(tmp_path / "disk" / real)
        write(tmp_path / link)
        assert (tmp_path / link).is_symlink()
        assert (tmp_path / "disk" / real).read_text() == "new"
    assert names(tmp_path) == ["a.txt", "b.txt", "disk"] and len(names(tmp_path / "disk")) == 2


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="a system without named pipes")
def test_a_pipe_or_a_device_is_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe.mp4")
    with pytest.raises(MediaError, match="is a device or a pipe"):
        write(tmp_path / "pipe.mp4")
    with pytest.raises(MediaError, match="is a folder"):
        write(tmp_path)


@pytest.mark.parametrize("system", ["windows"], indirect=True)
def test_a_file_open_elsewhere_is_waited_for_on_windows(tmp_path, monkeypatch, system):
    replace, tries = os.replace, iter(range(3))

    def busy(*paths):
        if next(tries, None) is not None:
            raise PermissionError(errno.EACCES, "in use")
        replace(*paths)

    monkeypatch.setattr(os, "replace", busy)
    write(tmp_path / "a.txt")
    assert names(tmp_path) == ["a.txt"] and next(tries, None) is None
    monkeypatch.setattr(module, "PATIENCE", 0.2)
    tries = iter(range(1000))
    with pytest.raises(MediaError, match="is open in another program and cannot be replaced"):
        write(tmp_path / "a.txt", "newer")
    assert names(tmp_path) == ["a.txt"] and (tmp_path / "a.txt").read_text() == "new"


def test_a_place_that_may_not_be_written_to_is_not_waited_for(tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(module, "WINDOWS", False)
    monkeypatch.setattr(os, "replace", refuse)
    began = time.monotonic()
    with pytest.raises(MediaError, match="Permission denied"):
        write(tmp_path / "a.txt")
    assert time.monotonic() - began < 2


@pytest.mark.parametrize(
    "name",
    ["CON.mp4", "nul", "Lpt1.tar.gz", "com¹.mkv", "NUL .mp4", "a.mp4.", "a ", "a:b.mp4", "a\n"],
)
def test_names_that_windows_cannot_write_are_known(name):
    assert windows_problem(name)


@pytest.mark.parametrize(
    "name", ["a.mp4", "console.mp4", "a.con", "com10.mp4", ".hidden", "ü ß.mkv"]
)
def test_other_names_are_not(name):
    assert windows_problem(name) is None


def test_such_a_name_is_refused_on_windows_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "WINDOWS", True)
    with pytest.raises(MediaError, match="which is a device on Windows; choose another"):
        write(tmp_path / "nul.txt")
    monkeypatch.setattr(module, "WINDOWS", os.name == "nt")
    if os.name != "nt":
        write(tmp_path / "nul.txt")
        assert names(tmp_path) == ["nul.txt"]
