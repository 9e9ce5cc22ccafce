"""A map's floor plan, read from its WAD file: where one can stand, walk and look."""

from __future__ import annotations

import math
import random
import struct
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import numpy as np

CELL = 24  # map units; a player is 32 wide and a doorway 64 or more
RADIUS = 17
STEP = 24  # the highest step that is climbed
HEADROOM = 56
# Line types of the game: doors opened by hand, and switches except those that end the level.
DOORS = frozenset((1, 26, 27, 28, 31, 32, 33, 34, 117, 118))
SWITCHES = frozenset(
    (7, 9, 14, 15, 18, 20, 21, 23, 29, 41, 42, 43, 45, 49, 50, 55)
    + tuple(range(60, 72))
    + (99, 101, 102, 103, 111, 112, 113, 114, 115, 116, 122, 123, 127, 131, 132)
    + (133, 134, 135, 136, 137, 138, 139, 140)
)
VERTEX = np.dtype([("x", "<i2"), ("y", "<i2")])
LINE = np.dtype([(n, "<u2") for n in ("from", "to", "flags", "type", "tag", "front", "back")])
SIDE = np.dtype([("other", "V28"), ("sector", "<u2")])
SECTOR = np.dtype([("floor", "<i2"), ("ceiling", "<i2"), ("other", "V22")])
LUMPS = {"VERTEXES": VERTEX, "LINEDEFS": LINE, "SIDEDEFS": SIDE, "SECTORS": SECTOR}

Cell = tuple[int, int]  # row (northwards), column (eastwards)


def lumps(wad: Path) -> Iterator[tuple[str, bytes]]:
    """The named pieces of a WAD file, in its order."""
    data = wad.read_bytes()
    count, directory = struct.unpack_from("<ii", data, 4)
    for number in range(count):
        at, size, name = struct.unpack_from("<ii8s", data, directory + 16 * number)
        yield name.rstrip(b"\0").decode("latin1"), data[at : at + size]


class Level:
    """Lines and sectors of one map, and a grid of cells laid over them."""

    def __init__(self, wad: Path, name: str) -> None:
        tables = _tables(wad, name)
        vertices, lines = tables["VERTEXES"], tables["LINEDEFS"]
        ends = [vertices[lines[key]][axis] for key in ("from", "to") for axis in ("x", "y")]
        self.lines = np.stack(ends, 1).astype(float)  # (lines 4): x, y, x, y
        self.types = lines["type"]
        sides = tables["SIDEDEFS"]["sector"].astype(int)
        self.front = sides[lines["front"]]
        two_sided = lines["back"] != 0xFFFF
        self.back = np.where(two_sided, sides[np.where(two_sided, lines["back"], 0)], -1)
        self.floor = tables["SECTORS"]["floor"].astype(float)
        self.ceiling = tables["SECTORS"]["ceiling"].astype(float)
        self.door = np.zeros(len(self.floor), bool)
        self.door[self.back[np.isin(self.types, list(DOORS)) & two_sided]] = True
        room = np.minimum(self.ceiling[self.front], self.ceiling[self.back])
        room = room - np.maximum(self.floor[self.front], self.floor[self.back])
        leads_to_door = self.door[self.front] | self.door[self.back]
        self.opaque = ~two_sided | (room <= 0)
        fence = (lines["flags"] & 1).astype(bool)
        self.solid = ~two_sided | fence | ((room < HEADROOM) & ~leads_to_door)
        self._lay_grid()

    def _lay_grid(self) -> None:
        x, y = self.lines[:, ::2], self.lines[:, 1::2]
        self.west, self.south = x.min() - CELL, y.min() - CELL
        columns = int((x.max() - self.west) / CELL) + 2
        rows = int((y.max() - self.south) / CELL) + 2
        self.shape = (rows, columns)
        centres = self.west + CELL * (np.arange(columns) + 0.5)
        self.sector = np.stack([self._row(r, centres) for r in range(rows)])  # (rows columns)
        high = self.ceiling - self.floor >= HEADROOM
        self.free = np.append(high | self.door, False)[self.sector]  # the last is for void, -1
        for x1, y1, x2, y2 in self.lines[self.solid]:
            self._close_along(x1, y1, x2, y2)

    def _row(self, row: int, centres: np.ndarray) -> np.ndarray:
        """The sector under each cell of a row: the near side of the next line to the east."""
        y = self.south + CELL * (row + 0.5)
        x1, y1, x2, y2 = self.lines.T
        crossed = np.flatnonzero((y1 > y) != (y2 > y))
        x1, y1, x2, y2 = self.lines[crossed].T
        at = x1 + (y - y1) / (y2 - y1) * (x2 - x1)
        # A line's front is to its right: to the east of a line that runs north.
        near = np.where(y2 > y1, self.back[crossed], self.front[crossed])
        order = np.argsort(at)
        return np.append(near[order], -1)[np.searchsorted(at[order], centres)]

    def _close_along(self, x1: float, y1: float, x2: float, y2: float) -> None:
        low = self.cell(min(x1, x2) - RADIUS, min(y1, y2) - RADIUS)
        high = self.cell(max(x1, x2) + RADIUS, max(y1, y2) + RADIUS)
        rows, columns = np.mgrid[low[0] : high[0] + 1, low[1] : high[1] + 1]
        x = self.west + CELL * (columns + 0.5) - x1
        y = self.south + CELL * (rows + 0.5) - y1
        dx, dy = x2 - x1, y2 - y1
        along = np.clip((x * dx + y * dy) / max(dx * dx + dy * dy, 1e-9), 0, 1)
        near = np.hypot(x - along * dx, y - along * dy) < RADIUS
        self.free[rows[near], columns[near]] = False

    def cell(self, x: float, y: float) -> Cell:
        row, column = int((y - self.south) // CELL), int((x - self.west) // CELL)
        return min(max(row, 0), self.shape[0] - 1), min(max(column, 0), self.shape[1] - 1)

    def centre(self, cell: Cell) -> tuple[float, float]:
        return self.west + CELL * (cell[1] + 0.5), self.south + CELL * (cell[0] + 0.5)

    def standable(self, x: float, y: float) -> bool:
        cell = self.cell(x, y)
        return bool(self.free[cell]) and not self.door[self.sector[cell]]

    def sees(self, x: float, y: float, u: float, v: float) -> bool:
        """Whether no wall or closed door crosses the straight line between two places."""
        x1, y1, x2, y2 = self.lines[self.opaque].T
        dx, dy = u - x, v - y
        start = dx * (y1 - y) - dy * (x1 - x)
        end = dx * (y2 - y) - dy * (x2 - x)
        here = (x2 - x1) * (y - y1) - (y2 - y1) * (x - x1)
        there = (x2 - x1) * (v - y1) - (y2 - y1) * (u - x1)
        return not bool(np.any((start * end < 0) & (here * there < 0)))

    def open_ahead(self, x: float, y: float, angle: float, reach: float = 400.0) -> float:
        """Map units to the first wall in a direction, up to `reach`."""
        step_x, step_y = math.cos(math.radians(angle)), math.sin(math.radians(angle))
        for distance in np.arange(CELL, reach, CELL):
            at = x + distance * step_x, y + distance * step_y
            if self.sector[self.cell(*at)] < 0 or not self.sees(x, y, *at):
                return float(distance)
        return reach

    def usable(self, types: frozenset[int]) -> list[tuple[float, float, float, float]]:
        """Middle of each line of these types, and the direction of its user's side."""
        x1, y1, x2, y2 = self.lines[np.isin(self.types, list(types))].T
        length = np.hypot(x2 - x1, y2 - y1)
        fields = ((x1 + x2) / 2, (y1 + y2) / 2, (y2 - y1) / length, (x1 - x2) / length)
        return [tuple(map(float, row)) for row in np.stack(fields, 1)[length >= 16]]

    def steps(self, cell: Cell) -> Iterator[Cell]:
        """The neighbours one can walk to; down any height, up one step."""
        here = self.sector[cell]
        for row, column in ((1, 0), (-1, 0), (0, 1), (0, -1)):
            other = (cell[0] + row, cell[1] + column)
            if not all(0 <= i < n for i, n in zip(other, self.shape, strict=True)):
                continue
            if not self.free[other]:
                continue
            there = self.sector[other]
            if self.floor[there] - self.floor[here] <= STEP:
                yield other

    def reach(self, start: Cell, limit: int) -> dict[Cell, Cell]:
        """Cells within `limit` steps, each with the cell it is reached from, nearest first."""
        origin, ring = {start: start}, deque([(start, 0)])
        while ring:
            cell, distance = ring.popleft()
            if distance == limit:
                break
            for other in self.steps(cell):
                if other not in origin:
                    origin[other] = cell
                    ring.append((other, distance + 1))
        return origin

    def route(self, x: float, y: float, rng: random.Random, limit: int = 45) -> list[Cell]:
        """A walk from a place to a random one that is far by foot; empty if one is locked in."""
        start = self.cell(x, y)
        origin = self.reach(start, limit)
        cells = list(origin)
        if len(cells) < 4:
            return []
        cell, path = cells[rng.randrange(len(cells) // 2, len(cells))], []
        while cell != start:
            path.append(cell)
            cell = origin[cell]
        return path[::-1]


def _tables(wad: Path, name: str) -> dict[str, np.ndarray]:
    tables: dict[str, np.ndarray] = {}
    inside = False
    for lump, data in lumps(wad):
        if lump == name:
            inside = True
        elif inside and lump in LUMPS and lump not in tables:
            tables[lump] = np.frombuffer(data, LUMPS[lump])
        if len(tables) == len(LUMPS):
            return tables
    raise ValueError(f"got map {name} in {wad}; expected a map in Doom's format; see splits.py")
