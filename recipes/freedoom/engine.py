"""The game, one tic a frame: each step gives one picture and exactly 1600 stereo samples.

ViZDoom makes one block of sound a tic and runs 35 tics a second. We call a tic 1/30 s instead, so
that a block lasts 1600 samples at 48 kHz and belongs to one frame of 30 fps video: nothing is
resampled and sound cannot drift. The game is 14 % slower for it; effects keep their pitch.

The public settings know no such block, hence a detour. The engine sizes its blocks when it starts,
from the variable `viz_samp_freq` (56000 / 35 = 1600), and opens the sound device at that rate.
Setting the variable to 48000 and restarting the sound changes the device's rate alone. The
library reserves shared memory for 80 tics at 44100 Hz, 80 x 1260 samples, which is as much as the
engine's 63 x 1600.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from .sounds import Playing, Pose, parse_listing, wrapped

FRAME_RATE = 30
SAMPLE_RATE = 48000
FRAME_SAMPLES = SAMPLE_RATE // FRAME_RATE
VERSION = "1.3.2"  # of vizdoom: the detour above leans on its insides
RENDERED = (400, 300)
VOLUME = 0.4  # full volume would clip in every fight
ENGINE_TICS_A_SECOND = 35
ENGINE_TICS = 63
LIBRARY_TICS = 80

BUTTONS = (
    "ATTACK",
    "USE",
    "SPEED",
    "MOVE_FORWARD",
    "MOVE_BACKWARD",
    "MOVE_LEFT",
    "MOVE_RIGHT",
    "TURN_LEFT_RIGHT_DELTA",
    *(f"SELECT_WEAPON{slot}" for slot in range(1, 8)),
)
VALUES = (
    "HEALTH",
    "KILLCOUNT",
    "ITEMCOUNT",
    "SECRETCOUNT",
    "HITCOUNT",
    "HITS_TAKEN",
    "SELECTED_WEAPON",
    "SELECTED_WEAPON_AMMO",
    "POSITION_X",
    "POSITION_Y",
    "POSITION_Z",
    "ANGLE",
)
CONSOLE = (
    f"+viz_samp_freq {FRAME_SAMPLES * ENGINE_TICS_A_SECOND}",
    f"+viz_audio_tics {ENGINE_TICS}",
    f"+snd_sfxvolume {VOLUME}",
    "+snd_efx 0",  # OpenAL Soft 1.19 stops at an assertion otherwise
    "+splashfactor 0.4",  # own rockets push less
    "+cl_showsecretmessage 0",
    "-nomusic",
)
OPENAL = "[general]\ndither=false\nhrtf=false\nresampler=bsinc\n"


class EpisodeEnded(RuntimeError):
    """The level ended, or the engine gave no state."""


class Engine:
    """One running game; `picture`, `sound`, `values`, `objects` are those of the newest tic."""

    def __init__(
        self, map_name: str, *, skill: int, seed: int, monsters: bool, flashes: bool, folder: str
    ) -> None:
        """`map_name` as in splits.py; `folder` takes the files that the engine drops."""
        settings = Path(folder, "alsoft.conf")
        settings.write_text(OPENAL, encoding="ascii")
        os.environ["ALSOFT_CONF"] = str(settings)  # read by the engine's process
        import vizdoom

        self.home = Path(vizdoom.__file__).parent
        self.game = vizdoom.DoomGame()
        self._load(vizdoom, map_name, folder)
        self._show(vizdoom, flashes)
        self.game.set_doom_skill(skill)
        self.game.set_seed(seed)
        self.game.add_game_args(" ".join([*CONSOLE, *([] if monsters else ["-nomonsters"])]))
        started_in = os.getcwd()
        os.chdir(folder)  # the engine makes a folder where it starts
        try:
            self.game.init()
        finally:
            os.chdir(started_in)
        self.say(f"viz_samp_freq {SAMPLE_RATE}", "snd_reset")
        self.game.new_episode()
        self._read()

    def _load(self, vizdoom: Any, map_name: str, folder: str) -> None:
        kind, name = map_name.split(":")
        self.game.set_vizdoom_path(str(self.home / "vizdoom"))
        self.game.set_doom_config_path(str(Path(folder, "engine.ini")))
        self.game.set_doom_game_path(str(self.wad(map_name)))
        if kind == "s":
            self.game.set_doom_scenario_path(str(Path(vizdoom.scenarios_path, f"{name}.wad")))
        self.game.set_doom_map("map01" if kind == "s" else name.lower())

    def _show(self, vizdoom: Any, flashes: bool) -> None:
        game = self.game
        game.set_mode(vizdoom.Mode.PLAYER)
        game.set_window_visible(False)
        game.set_screen_format(vizdoom.ScreenFormat.RGB24)
        size = "RES_{}X{}".format(*RENDERED)
        game.set_screen_resolution(getattr(vizdoom.ScreenResolution, size))
        game.set_render_hud(False)
        game.set_render_crosshair(False)
        game.set_render_messages(False)
        game.set_render_screen_flashes(flashes)
        game.set_objects_info_enabled(True)
        game.set_labels_buffer_enabled(True)
        game.set_available_buttons([getattr(vizdoom.Button, name) for name in BUTTONS])
        game.set_available_game_variables([getattr(vizdoom.GameVariable, n) for n in VALUES])
        game.set_audio_buffer_enabled(True)
        game.set_audio_sampling_rate(vizdoom.SamplingRate.SR_44100)
        game.set_audio_buffer_size(LIBRARY_TICS)
        game.set_notifications_buffer_enabled(True)
        game.set_notifications_buffer_size(1)

    def wad(self, map_name: str) -> Path:
        """The file that holds the map's game: freedoom1.wad or freedoom2.wad."""
        return self.home / ("freedoom1.wad" if map_name.startswith("1:") else "freedoom2.wad")

    def _read(self) -> None:
        state = self.game.get_state()
        if state is None:
            raise EpisodeEnded("the level ended")
        self._state = state
        self.values = dict(zip(VALUES, (float(v) for v in state.game_variables), strict=True))

    def say(self, *commands: str) -> None:
        """Hand commands to the console; they act at the next tic."""
        for command in commands:
            self.game.send_game_command(command)

    def tic(self, action: dict[str, float] | None = None) -> None:
        """One frame on. `playing` becomes the list of sounds of the frame before this one."""
        self.say("listsoundchannels")
        self.game.make_action([float((action or {}).get(name, 0)) for name in BUTTONS], 1)
        self._read()
        self.playing: list[Playing] = parse_listing(self._state.notifications_buffer or "")

    @property
    def picture(self) -> np.ndarray:  # (height width 3) uint8, gone with the next tic
        return self._state.screen_buffer

    @property
    def sound(self) -> np.ndarray:  # (1600 2) int16, gone with the next tic
        return self._state.audio_buffer[-FRAME_SAMPLES:]

    @property
    def objects(self) -> list[Any]:
        """Every thing on the map, as ViZDoom describes it."""
        return self._state.objects

    @property
    def labels(self) -> list[Any]:
        """The things in the picture, as ViZDoom describes them."""
        return self._state.labels

    @property
    def pose(self) -> Pose:
        return Pose(*(self.values[key] for key in VALUES[-4:]))

    def face(self, angle: float) -> None:
        """Turn to an angle; takes a few tics after a jump, which freezes the player a while."""
        for _ in range(30):
            left = wrapped(self.pose.angle - angle)
            if abs(left) < 1:
                return
            self.tic({"TURN_LEFT_RIGHT_DELTA": left})

    def close(self) -> None:
        self.game.close()
