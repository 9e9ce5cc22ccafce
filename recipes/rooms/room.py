"""Rooms: floor, walls, table, lights and things that stand about silently."""

from __future__ import annotations

import math

import mujoco
import numpy as np

from . import looks
from .log import Body
from .rotations import about, turned
from .things import UPRIGHT, thing
from .world import Part, World

GROUNDS = {  # surface of the floor: material of its body
    "planks": "wood",
    "tiles": "ceramic",
    "mineral": "stone",
    "carpet": "cloth",
    "plain": "plastic",
    "grass": "cloth",
    "gravel": "stone",
    "grating": "metal",
}
INDOOR = ("planks", "tiles", "mineral", "carpet", "plain")
WALL_SURFACES = ("plastic", "wood", "stone", "tiles", "cloth", "planks")
INWARD = about(np.array([0.0, 1.0, 0.0]), -math.pi / 2)  # the z axis along -x
Place = tuple[float, float, float]


def make_world(seed: int, kind: int, outdoor: bool = False) -> World:
    """An empty world that is determined by its arguments."""
    rng = np.random.default_rng([seed, kind])
    if outdoor:
        return World(rng, (30.0, 30.0, 20.0))
    return World(rng, (rng.uniform(3, 7), rng.uniform(3, 7), rng.uniform(2.3, 3.2)))


def floor(world: World, ground: str | None = None) -> str:
    """The floor, of a ground of GROUNDS."""
    rng = world.rng
    ground = ground or str(rng.choice(INDOOR))
    surface = {"mineral": "stone", "plain": "plastic"}.get(ground, ground)
    finish = world.finish(surface, metres=rng.uniform(0.5, 1.4))
    x, y, _ = world.room
    parts = [Part("plane", (x / 2, y / 2, 1.0))]
    body = Body("floor", GROUNDS[ground], "plate", max(x, y), 0.1, 2000.0, True)
    return world.add("floor", parts, finish, (np.zeros(3), UPRIGHT), body)


def walls(world: World) -> None:
    """Four walls and some silent things on them and along them."""
    rng = world.rng
    x, y, z = world.room
    finish = world.finish(str(rng.choice(WALL_SURFACES)), metres=rng.uniform(0.6, 2))
    skirting = world.colour(looks.any_colour(rng))
    for side, (far, wide) in enumerate(((x / 2, y / 2), (y / 2, x / 2)) * 2):
        axes = turned(90.0 * side)
        parts = [
            Part("plane", (z / 2, wide, 1.0), (far, 0, z / 2), INWARD),
            Part("box", (0.01, wide, 0.05), (far - 0.01, 0, 0.05), None, skirting, "", False),
            *decorations(world, far, wide),
        ]
        body = Body(f"wall {side}", "stone", "plate", 2 * wide, 0.1, 1000.0, True)
        world.add(f"wall {side}", parts, finish, (np.zeros(3), axes), body)


def decorations(world: World, far: float, wide: float) -> list[Part]:
    """Pictures, shelves and cupboards at a wall whose surface is at x = far."""
    rng, parts = world.rng, []
    for _ in range(rng.integers(1, 5)):
        at = rng.uniform(-0.8, 0.8) * wide
        half = (rng.uniform(0.15, 0.5), rng.uniform(0.15, 0.5))
        if rng.random() < 0.6:
            finish = world.finish(
                str(rng.choice(["cloth", "stone", "plastic", "wood"])), metres=0.6
            )
            height = rng.uniform(1.0, 1.7)
            parts.append(
                Part("box", (0.015, *half), (far - 0.015, at, height), None, finish, "", False)
            )
        else:
            finish = world.finish("wood" if rng.random() < 0.6 else "plastic", metres=0.8)
            tall = rng.uniform(0.3, 0.9)
            size = (0.2, half[0], tall)
            parts.append(Part("box", size, (far - 0.2, at, tall), None, finish, "", False))
    return parts


def table(world: World, height: float | None = None, at: Place = (0, 0, 0)) -> tuple[str, float]:
    """A table; its name and the height of its top."""
    rng = world.rng
    material = str(rng.choice(["wood", "wood", "wood", "plastic", "metal", "stone", "glass"]))
    surface = "planks" if material == "wood" and rng.random() < 0.4 else material
    surface = "stone" if surface == "glass" else surface
    material = "stone" if material == "glass" else material
    finish = world.finish(surface, metres=rng.uniform(0.3, 0.9))
    height = height or rng.uniform(0.68, 0.8)
    x, y, thick = rng.uniform(0.5, 0.9), rng.uniform(0.35, 0.6), rng.uniform(0.012, 0.03)
    legs = world.finish("wood" if rng.random() < 0.5 else "metal")
    parts = [Part("box", (x, y, thick), (0, 0, height - thick))]
    for sx in (-1, 1):
        for sy in (-1, 1):
            place = (sx * (x - 0.06), sy * (y - 0.06), (height - 2 * thick) / 2)
            size = (0.025, 0.025, (height - 2 * thick) / 2)
            parts.append(Part("box", size, place, None, legs))
    body = Body("table", material, "plate", 2 * x, 2 * thick, 15.0, True)
    return world.add("table", parts, finish, (np.array(at), UPRIGHT), body), height


def floor_or_table(world: World, low_share: float) -> tuple[bool, float]:
    """A room where things happen on the floor (a share of the scenes) or on a table.

    Returns whether it is the floor, and the height of the surface in m.
    """
    floor(world)
    walls(world)
    low = world.rng.random() < low_share
    return low, 0.0 if low else table(world)[1]


def clutter(world: World, centre: Place, inner: float, outer: float, number: int) -> None:
    """Silent things on a surface, between two distances of `centre`."""
    for i in range(number):
        angle, far = world.rng.uniform(0, 2 * math.pi), world.rng.uniform(inner, outer)
        made = thing(world)
        far += made.width
        place = np.array(centre) + [far * math.cos(angle), far * math.sin(angle), 0]
        axes = turned(world.rng.uniform(0, 360))
        parts = [Part(**{**vars(p), "solid": False}) for p in made.parts]
        world.add(f"clutter {i} {len(world.images)}", parts, made.finish, (place, axes))


def occlude(world: World, centre: np.ndarray, camera: np.ndarray, surface: float) -> None:
    """A silent thing on a surface, nearer to the camera than what it looks at."""
    rng = world.rng
    way = (camera - centre) * [1, 1, 0]
    far = float(np.linalg.norm(way))
    near = min(far * 0.5, 0.32) * rng.uniform(0.8, 1.0)
    place = centre + way / max(far, 1e-6) * near
    place[:2] += rng.normal(0, 0.05, 2)
    place[2] = surface
    made = thing(world)
    parts = [Part(**{**vars(p), "solid": False}) for p in made.parts]
    world.add("occluder", parts, made.finish, (place, turned(rng.uniform(0, 360))))


def lights(world: World, focus: np.ndarray, radius: float) -> None:
    """A key light with a shadow, a fill light and ambient light; colours of day or of lamps.

    Shadows reach as far as a few times the `radius` (m) of what is shown about `focus`.
    """
    rng, spec = world.rng, world.spec
    warm = rng.uniform(-1, 1)
    tint = np.array([1 + 0.12 * warm, 1.0, 1 - 0.18 * warm])
    strength = rng.uniform(0.45, 0.95)
    inside = np.array([world.room[0] / 2 - 0.1, world.room[1] / 2 - 0.1, world.room[2] - 0.1])
    for number, share in enumerate((1.0, rng.uniform(0.15, 0.5))):
        angle, rise = rng.uniform(0, 2 * math.pi), rng.uniform(0.8, 1.35)
        away = np.array([math.cos(angle) * math.cos(rise), math.sin(angle) * math.cos(rise),
                         math.sin(rise)])  # fmt: skip
        spec.worldbody.add_light(
            name=f"light {number}",
            pos=np.clip(focus + 2.2 * away, -inside, inside),
            dir=-away,
            type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL
            if rng.random() < 0.6
            else mujoco.mjtLightType.mjLIGHT_SPOT,
            cutoff=70,
            exponent=rng.uniform(1, 6),
            diffuse=np.clip(strength * share * tint, 0, 1),
            specular=np.full(3, 0.4 * share),
            ambient=np.zeros(3),
            castshadow=number == 0 and rng.random() < 0.75,  # overcast otherwise
            attenuation=[1, 0, 0],
        )
    ambient = rng.uniform(0.15, 0.4)
    head = spec.visual.headlight
    head.ambient, head.diffuse = ambient * tint[::-1], np.full(3, rng.uniform(0, 0.25))
    head.specular = np.zeros(3)
    quality(world, focus, radius)


def quality(world: World, focus: np.ndarray, radius: float) -> None:
    """The sky, and numbers of MuJoCo's renderer that trade quality for speed."""
    rng, spec = world.rng, world.spec
    spec.stat.center, spec.stat.extent = focus, 1.2
    sky = looks.hue(rng.uniform(0.52, 0.62), rng.uniform(0, 0.5), rng.uniform(0.5, 1))
    spec.add_texture(
        name="sky",
        type=mujoco.mjtTexture.mjTEXTURE_SKYBOX,
        builtin=mujoco.mjtBuiltin.mjBUILTIN_GRADIENT,
        rgb1=sky,
        rgb2=0.5 + 0.5 * sky,
        width=32,
        height=192,
        nchannel=3,
    )
    numbers = spec.visual.quality
    numbers.shadowsize, numbers.offsamples = 384, 0
    numbers.numslices, numbers.numstacks = 12, 8
    spec.visual.map.shadowclip = min(max(2.2 * radius / 1.2, 0.5), 1.5)
    spec.visual.map.znear = 0.03
    spec.visual.map.zfar = float(np.linalg.norm(world.room[:2]))
