"""The recipe's clips: what is drawn from a seed, the event log, and sound exact to the frame.

What starts the game needs recipes/freedoom/requirements.txt and is skipped without.
"""

from __future__ import annotations

import importlib.util
import json
import struct
import sys
from pathlib import Path

import av
import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))  # the recipes are run from here and are not installed

from recipes.freedoom import check, clips, make_clips, plan, sounds, splits  # noqa: E402
from recipes.freedoom.events import EventLog  # noqa: E402
from recipes.freedoom.level import CELL, Level  # noqa: E402
from recipes.freedoom.plan import Options, plan_clip  # noqa: E402
from recipes.freedoom.sounds import Playing, Pose  # noqa: E402
from recipes.freedoom.writer import STORED, ClipWriter, shrink  # noqa: E402

needs_game = pytest.mark.skipif(
    importlib.util.find_spec("vizdoom") is None, reason="vizdoom is not installed"
)
EPISODE_MAPS = {f"1:E{e}M{m}" for e in range(1, 5) for m in range(1, 10)}
GAME_MAPS = EPISODE_MAPS | {f"2:MAP{m:02d}" for m in range(1, 33)}
UNUSED = {"1:E2M4", "1:E4M2", "2:MAP13", "2:MAP22"}


def test_no_map_is_in_two_splits():
    maps = [name for names in splits.SPLITS.values() for name in names]
    assert len(maps) == len(set(maps))


def test_the_maps_that_nobody_may_see_stay_unused():
    used = {name for names in splits.SPLITS.values() for name in names if name[0] != "s"}
    assert GAME_MAPS - used == UNUSED


def test_the_maps_that_decisions_and_final_figures_rest_on_are_the_agreed_ones():
    assert set(splits.VAL) == {"1:E1M5", "1:E2M6", "1:E4M4", "2:MAP08", "2:MAP16", "2:MAP25"}
    first = {"1:E1M3", "1:E2M8", "1:E3M3", "1:E4M7"}
    assert set(splits.TEST) == first | {"2:MAP04", "2:MAP11", "2:MAP20", "2:MAP29"}
    assert set(splits.FINAL) == {"1:E1M7", "1:E3M6", "2:MAP05", "2:MAP18", "2:MAP27"}


@pytest.mark.parametrize("split", splits.SPLITS)
def test_plans_use_the_maps_of_their_split_only_and_all_of_them(split):
    used = {plan_clip(Options(split), index).map for index in range(1500)}
    assert used == set(splits.SPLITS[split])


def test_a_plan_depends_on_split_seed_and_index_alone():
    options = Options("train", seed=3)
    assert plan_clip(options, 7) == plan_clip(Options("train", seed=3, seconds=60), 7)
    others = [plan_clip(options, 8), plan_clip(Options("train", 4), 7), plan_clip(options, 7, 1)]
    assert all(other.player_seed != plan_clip(options, 7).player_seed for other in others)


def test_the_share_of_sparse_clips_is_the_one_asked_for():
    sparse = [plan_clip(Options("train", sparse=0.35), index).sparse for index in range(2000)]
    assert abs(np.mean(sparse) - 0.35) < 0.03
    assert not any(plan_clip(Options("val", sparse=0), index).sparse for index in range(50))


def test_another_attempt_does_not_change_the_mix():
    options = Options("train")
    for index in range(30):
        assert len({plan_clip(options, index, attempt).sparse for attempt in range(4)}) == 1


def test_guests_come_to_sparse_clips_only():
    plans = [plan_clip(Options("train"), index) for index in range(500)]
    assert any(one.guests for one in plans)
    assert all(one.sparse for one in plans if one.guests)
    assert set(plan.DENSE_THEMES) | set(plan.SPARSE_THEMES) | {"arena"} == {p.theme for p in plans}


def test_the_listing_gives_name_and_place_and_hides_the_skin():
    text = 'weapons/pistol at (10.5, 41.0, -3.0)\nplayer"0"*pain100 at (1.0, 2.0, 3.0)\nnothing'
    text = text.replace("nothing", "8 sounds")
    assert sounds.parse_listing(text) == [
        Playing("weapons/pistol", 10.5, -3.0),
        Playing("player/pain100", 1.0, 3.0),
    ]


def test_a_sound_starts_once_and_again_only_when_there_is_one_more_of_it():
    a, b = Playing("a", 0, 0), Playing("b", 5, 5)
    moved = Playing("a", 9, 9)
    assert sounds.started([], [b, a]) == [a, b]
    assert sounds.started([a], [b, moved]) == [b]
    assert sounds.started([a], [a, a]) == [a]
    assert sounds.started([b, a], [b]) == []
    # The older of the two ended and a new one came: order tells, names alone would not.
    assert sounds.started([a, b], [b, a]) == [b]


@pytest.mark.parametrize(
    ("x", "y", "angle", "right"), [(0, 10, 0, -90), (0, -10, 0, 90), (10, 0, 90, 90), (9, 0, 0, 0)]
)
def test_angles_grow_to_the_right(x, y, angle, right):
    heard = sounds.heard_from(Playing("a", x, y), Pose(0, 0, 0, angle))
    assert heard["angle"] == pytest.approx(right) and not heard["player"]


def test_what_sounds_where_the_player_stands_is_the_players():
    assert sounds.heard_from(Playing("a", 1, 1), Pose(0, 0, 0, 77))["player"]


def test_the_log_knows_a_shot_from_a_change_of_weapon():
    start = dict.fromkeys((*(k for k in EVENT_COUNTERS), "SELECTED_WEAPON"), 2.0)
    log = EventLog({**start, "SELECTED_WEAPON_AMMO": 50}, [])
    log.count(0, {**start, "SELECTED_WEAPON_AMMO": 49})
    log.count(1, {**start, "SELECTED_WEAPON": 3, "SELECTED_WEAPON_AMMO": 8})
    log.count(2, {**start, "SELECTED_WEAPON": 3, "SELECTED_WEAPON_AMMO": 8, "KILLCOUNT": 4})
    log.listen(1, [Playing("door", 0, 30)], Pose(0, 0, 0, 90))
    assert [(e["frame"], e["kind"]) for e in log.events()] == [
        (0, "shot"),
        (1, "weapon"),
        (1, "sound"),
        (2, "kill"),
    ]
    assert log.events()[3]["n"] == 2
    assert log.events()[2] == {
        "frame": 1,
        "t": 0.0333,
        "kind": "sound",
        "name": "door",
        "player": False,
        "dist": 30.0,
        "angle": 0.0,
    }


EVENT_COUNTERS = ("KILLCOUNT", "ITEMCOUNT", "SECRETCOUNT", "HITCOUNT", "HITS_TAKEN")


def small_wad(path: Path) -> Path:
    """Two rooms of 192 x 192 side by side, between them a wall with a gap of 72."""
    corners = [(0, 0), (0, 192), (192, 192), (384, 192), (384, 0), (192, 0), (192, 60), (192, 132)]
    outer = [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (5, 0)]
    west, east = 0, 1
    rooms = [west, west, east, east, east, west]
    lines = [(a, b, 1, 0, 0, side, 0xFFFF) for side, (a, b) in enumerate(outer)]
    lines += [(5, 6, 1, 0, 0, 6, 7), (6, 7, 4, 0, 0, 6, 7), (7, 2, 1, 0, 0, 6, 7)]
    sides = [*rooms, east, west]  # to the right of a line that runs north is east
    pieces = {
        "MAP01": b"",
        "LINEDEFS": b"".join(struct.pack("<7H", *line) for line in lines),
        "SIDEDEFS": b"".join(struct.pack("<28xH", sector) for sector in sides),
        "VERTEXES": b"".join(struct.pack("<2h", *corner) for corner in corners),
        "SECTORS": struct.pack("<2h22x", 0, 128) + struct.pack("<2h22x", 16, 128),
    }
    data = b"".join(pieces.values())
    directory, at = b"", 12
    for name, piece in pieces.items():
        directory += struct.pack("<ii8s", at, len(piece), name.encode("ascii"))
        at += len(piece)
    path.write_bytes(struct.pack("<4sii", b"PWAD", len(pieces), 12 + len(data)) + data + directory)
    return path


@pytest.fixture
def level(tmp_path) -> Level:
    return Level(small_wad(tmp_path / "small.wad"), "MAP01")


def test_the_grid_knows_rooms_walls_and_the_void(level):
    assert level.sector[level.cell(96, 96)] == 0 and level.sector[level.cell(300, 96)] == 1
    assert level.sector[level.cell(-CELL / 2, 96)] == -1
    assert level.standable(96, 96) and not level.standable(190, 20) and not level.standable(-12, 9)


def test_walking_leads_through_the_gap(level):
    cells = level.reach(level.cell(96, 30), limit=60)
    assert level.cell(300, 30) in cells
    at, path = level.cell(300, 30), []
    while at != cells[at]:
        path.append(level.centre(at))
        at = cells[at]
    assert all(60 < y < 132 for x, y in path if abs(x - 192) < CELL)


def test_open_lines_can_be_looked_through_and_outer_walls_cannot(level):
    assert level.sees(96, 96, 300, 96)
    assert not level.sees(96, 96, 96, 500)
    assert level.open_ahead(96, 96, 180) == pytest.approx(96, abs=1.5 * CELL)


def test_a_map_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ValueError, match="MAP09"):
        Level(small_wad(tmp_path / "small.wad"), "MAP09")


def test_shrinking_takes_the_mean_of_four_pixels():
    picture = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    expected = picture.reshape(3, 2, 4, 2, 3).mean((1, 3))
    assert np.abs(shrink(picture) - expected).max() <= 0.5


def write_clip(path: Path, frames: int) -> np.ndarray:
    """A grey film with a click 5 samples into every fifth frame; returns the sound."""
    sound = np.zeros((frames, 1600, 2), np.int16)
    sound[3::5, 5:400] = 9000
    picture = np.full((STORED[1], STORED[0], 3), 90, np.uint8)
    with ClipWriter(path) as writer:
        for block in sound:
            writer.add(picture, block)
    return sound.reshape(-1, 2)


def test_the_file_keeps_every_sample_and_starts_at_zero(tmp_path):
    sound = write_clip(tmp_path / "clip.mp4", 37)
    frames, decoded = check.decode(tmp_path / "clip.mp4")
    assert frames == 37
    assert np.array_equal(np.rint(decoded * 32768), sound)


def test_verification_finds_a_clip_that_lacks_a_frame(tmp_path):
    write_clip(tmp_path / "clip.mp4", 10)
    events = [{"frame": 3, "kind": "shot"}, {"frame": 8, "kind": "shot"}]
    side = tmp_path / "clip.json"
    side.write_text(json.dumps({"frames": 10, "events": events}), encoding="ascii")
    assert check.check_clip(tmp_path / "clip.mp4") == ([], [5, 5])
    side.write_text(json.dumps({"frames": 11, "events": events}), encoding="ascii")
    assert check.check_clip(tmp_path / "clip.mp4")[0] == ["10 pictures instead of 11"]


def test_clips_of_what_is_seen_aside_are_sparse_and_always_have_monsters():
    for index in range(30):
        plain, aside = (plan_clip(Options("train", aside=a), index) for a in (False, True))
        assert aside.theme == "aside" and aside.sparse and aside.guests
        assert plain.theme != "aside"


def test_clips_of_other_options_are_not_taken_for_ours(tmp_path):
    info = {"theme": "door", "seconds": 5.0, "sparse_share": 0.35, "events": [], "poses": []}
    (tmp_path / "val-0-00000.json").write_text(json.dumps(info), encoding="ascii")
    assert clips.make_clip(tmp_path, Options("val", seconds=5.0), 0) == {
        "theme": "door",
        "seconds": 5.0,
        "sparse_share": 0.35,
    }
    with pytest.raises(ValueError, match="another folder"):
        clips.make_clip(tmp_path, Options("val"), 0)


@needs_game
def test_a_shot_is_heard_in_the_frame_in_which_it_is_seen():
    assert all(shot.exact for shot in check.test_shots(3))


@needs_game
@pytest.mark.slow
def test_clips_repeat_exactly_and_are_kept(tmp_path):
    folders = [tmp_path / name for name in "ab"]
    command = ["--split", "val", "--clips", "2", "--seconds", "1.5", "--workers", "1"]
    for folder in folders:
        assert make_clips.main(["--out", str(folder), *command]) == 0
    first, second = [sorted(folder.glob("val-*")) for folder in folders]
    assert [p.name for p in first] == [p.name for p in second] and len(first) == 4
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()
    stamps = [p.stat().st_mtime_ns for p in first]
    assert make_clips.main(["--out", str(folders[0]), *command]) == 0
    assert [p.stat().st_mtime_ns for p in first] == stamps
    assert make_clips.main(["--verify", str(folders[0])]) == 0
    with av.open(str(first[1])) as container:
        assert container.streams.video[0].frames == 45
