"""Recordings with a licence that permits training: where they lie, whose they are, and what for.

A source is a group of recordings of one package. Held-out sources are whole groups that training
never hears. Licences are those of each package's `copyright` file; files under other licences in
the same package (GPL, CC-BY-SA, non-commercial) are in no source.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .soundfont import sample_names

SOUNDFONT = "usr/share/sounds/sf2/FluidR3_GM.sf2"
SONIC_PI = "usr/share/sonic-pi/samples"
DRUMKITS = "usr/share/hydrogen/data/drumkits"
MINETEST = "usr/share/games/minetest/games/minetest_game/mods"
RED_ECLIPSE = "usr/share/games/redeclipse/data/sounds/ambience"
FLUID_HELD_OUT = r"Gun|Heli|Applause|Timpani|Xylophone|Steel Drum|Tambourine|Castanet|Ohh Voices"


@dataclass(frozen=True)
class Source:
    """Files of `folder` in a package, or samples of its SoundFont, whose name matches `names`."""

    name: str
    package: str  # Debian package
    folder: str  # relative to the root of the extracted package; or a SoundFont file
    names: str  # regular expression that matches from the start of the name
    licence: str
    credit: str
    held_out: bool = False


@dataclass(frozen=True)
class Recording:
    """A sound file, or sample `sample` of a SoundFont."""

    source: Source
    path: Path
    sample: str | None = None

    @property
    def name(self) -> str:
        return self.sample or self.path.name


SOURCES = (
    Source(
        "sonic-pi",
        "sonic-pi-samples",
        SONIC_PI,
        r"(?!perc_|tabla_|loop_).*\.flac",
        "CC0-1.0",
        "freesound.org, by many: see the package's copyright file",
    ),
    Source(
        "fluid",
        "fluid-soundfont-gm",
        SOUNDFONT,
        rf"(?!{FLUID_HELD_OUT})",
        "MIT",
        "Frank Wen, Toby Smithe and contributors",
    ),
    Source(
        "audiophob",
        "hydrogen-drumkits",
        f"{DRUMKITS}/Audiophob",
        r".*\.wav",
        "CC0-1.0",
        "soundcloud.com/audiophobdubstep",
    ),
    Source(
        "endless-sky",
        "endless-sky-data",
        "usr/share/games/endless-sky/sounds",
        r"(?!heavy rocket hit|explosion huge).*\.wav",  # these two are CC-BY-SA
        "public domain",
        "freesound.org, by various",
    ),
    Source(
        "machines",
        "redeclipse-data",
        f"{RED_ECLIPSE}/morph",
        r".*\.ogg",
        "CC-BY-3.0",
        'Slawek "Q009" Blauciak',
    ),
    Source(
        "percussion",
        "sonic-pi-samples",
        SONIC_PI,
        r"perc_.*\.flac",
        "CC0-1.0",
        "freesound.org: hullum, AlaskaRobotics, qubodup and others",
        held_out=True,
    ),
    Source(
        "tabla",
        "sonic-pi-samples",
        SONIC_PI,
        r"tabla_.*\.flac",
        "CC0-1.0",
        "freesound.org, by many: see the package's copyright file",
        held_out=True,
    ),
    Source(
        "loops",
        "sonic-pi-samples",
        SONIC_PI,
        r"loop_.*\.flac",
        "CC0-1.0",
        "freesound.org, by many: see the package's copyright file",
        held_out=True,
    ),
    Source(
        "fluid-classes",
        "fluid-soundfont-gm",
        SOUNDFONT,
        FLUID_HELD_OUT,
        "MIT",
        "Frank Wen, Toby Smithe and contributors",
        held_out=True,
    ),
    Source(
        "rumpf-drums",
        "hydrogen-drumkits",
        f"{DRUMKITS}/rumpf_kit_z01_h2",
        r".*\.flac",
        "CC-BY-3.0",
        "Emanuel Rumpf",
        held_out=True,
    ),
    Source(
        "doors",
        "minetest-data",
        f"{MINETEST}/doors/sounds",
        r".*\.ogg",
        "CC-BY-3.0",
        "CGEffex, bennstir, HazMatt, BlockMen and others",
        held_out=True,
    ),
    Source(
        "explosives",
        "minetest-data",
        f"{MINETEST}/tnt/sounds",
        r".*\.ogg",
        "CC0-1.0",
        "no copyright",
        held_out=True,
    ),
    Source(
        "outdoors",
        "redeclipse-data",
        RED_ECLIPSE,
        r"(forest\d|cycadas|distant_cars)\.ogg",
        "CC-BY-3.0",
        "freesound.org: see the package's copyright file",
        held_out=True,
    ),
)


def recordings_of(source: Source, packages: Path) -> Iterator[Recording]:
    """The recordings of a source, ordered by name; `packages` holds a folder per package.

    Raises ValueError where there is none.
    """
    place = packages / source.package / source.folder
    if place.suffix == ".sf2":
        names = sample_names(place) if place.is_file() else []
        found = [Recording(source, place, name) for name in names]
    else:
        found = [Recording(source, path) for path in sorted(place.glob("*")) if path.is_file()]
    found = [one for one in found if re.match(source.names, one.name)]
    if not found:
        raise ValueError(
            f"got no recordings of {source.name} in {place}; expected those of the package "
            f"{source.package}; run `apt-get download {source.package}` and `dpkg -x` it into "
            f"{packages / source.package}"
        )
    yield from found
