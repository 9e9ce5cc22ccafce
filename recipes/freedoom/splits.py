"""Which maps a clip may be recorded on: whole maps are held apart, so that test rooms are new.

A name is a file and a map in it: "1:E1M1" of freedoom1.wad, "2:MAP01" of freedoom2.wad, "s:NAME" a
scenario that comes with ViZDoom. `test` has chosen checkpoints, so it is validation by now; `final`
is every second map of those left, and no decision may be made by it. Maps in none of the lists stay
unused, for the next figures that need maps which chose nothing.
"""

from __future__ import annotations


def _maps(episode: str, numbers: str) -> tuple[str, ...]:
    return tuple(f"{episode}{number}" for number in numbers.split())


TRAIN = (
    *_maps("1:E1M", "1 2 4 6 8 9"),
    *_maps("1:E2M", "1 2 3 5 7 9"),
    *_maps("1:E3M", "1 2 4 5 7 8 9"),
    *_maps("1:E4M", "1 3 5 6 8 9"),
    *_maps("2:MAP", "01 02 03 06 07 09 10 12 14 15 17 19 21 23 24 26 28 30 31 32"),
    "s:defend_the_center",
    "s:deadly_corridor",
)
VAL = ("1:E1M5", "1:E2M6", "1:E4M4", *_maps("2:MAP", "08 16 25"))
TEST = ("1:E1M3", "1:E2M8", "1:E3M3", "1:E4M7", *_maps("2:MAP", "04 11 20 29"))
FINAL = ("1:E1M7", "1:E3M6", *_maps("2:MAP", "05 18 27"))
SPLITS = {"train": TRAIN, "val": VAL, "test": TEST, "final": FINAL}
