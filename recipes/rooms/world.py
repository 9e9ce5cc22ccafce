"""A MuJoCo model under construction, and the bodies of its log."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import mujoco
import numpy as np

from . import looks
from .log import Body
from .rotations import quaternion

Pose = tuple[np.ndarray, np.ndarray]  # place (3), axes (3 3)
Path = Callable[[float], Pose]  # of seconds
GEOMS = {
    "box": mujoco.mjtGeom.mjGEOM_BOX,
    "sphere": mujoco.mjtGeom.mjGEOM_SPHERE,
    "ellipsoid": mujoco.mjtGeom.mjGEOM_ELLIPSOID,
    "cylinder": mujoco.mjtGeom.mjGEOM_CYLINDER,
    "capsule": mujoco.mjtGeom.mjGEOM_CAPSULE,
    "plane": mujoco.mjtGeom.mjGEOM_PLANE,
    "mesh": mujoco.mjtGeom.mjGEOM_MESH,
}
TIMESTEP = 1 / 960  # s
RINGING = 700.0  # rad/s, of the spring of a contact: a bounce lasts about pi / RINGING
ROUND = 20  # sides of a surface of revolution


@dataclass(frozen=True)
class Part:
    """A geometric primitive of a body, in the body's axes."""

    kind: str  # a key of GEOMS
    size: tuple[float, ...] = ()  # m, half extents in MuJoCo's order
    place: tuple[float, float, float] = (0.0, 0.0, 0.0)
    turn: np.ndarray | None = None  # (3 3)
    finish: str = ""  # of `World.finish`; "" for that of the body
    mesh: str = ""  # of `World.lathe`
    solid: bool = True  # takes part in contacts


@dataclass(frozen=True)
class Release:
    """A free body follows `path` until `time`, then falls with its velocity there."""

    time: float
    path: Path
    velocity: tuple[float, ...] = (0.0,) * 6  # m/s and rad/s


@dataclass
class World:
    """x and y in the floor's plane with the origin at its centre, z up; metres."""

    rng: np.random.Generator
    room: tuple[float, float, float]
    spec: mujoco.MjSpec = field(default_factory=mujoco.MjSpec)
    bodies: dict[str, Body] = field(default_factory=dict)
    posed: dict[str, Path] = field(default_factory=dict)  # moved by a script, touch nothing
    driven: dict[str, Path] = field(default_factory=dict)  # moved by a script, push free bodies
    free: dict[str, Release] = field(default_factory=dict)
    images: list[np.ndarray] = field(default_factory=list)

    def __post_init__(self) -> None:
        option = self.spec.option
        option.timestep = TIMESTEP
        option.cone = mujoco.mjtCone.mjCONE_ELLIPTIC
        option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
        option.iterations, option.noslip_iterations = 20, 0

    def finish(
        self, surface: str, image: np.ndarray | None = None, alpha: float = 1.0, metres: float = 0.3
    ) -> str:
        """A new surface of one of `looks.SURFACES`, or with an image (h w 3) in 0..1.

        `metres`: extent of one period of its texture.
        """
        if image is None:
            image = looks.SURFACES[surface](self.rng)
        if surface == "glass":
            alpha = self.rng.uniform(0.35, 0.65)
        name = f"{surface}{len(self.images)}"
        self.images.append(looks.texels(image))
        shine = looks.SPECULAR.get(surface, 0.1) * self.rng.uniform(0.5, 1.0)
        rows = {"": (mujoco.mjtTexture.mjTEXTURE_2D, 1), "@": (mujoco.mjtTexture.mjTEXTURE_CUBE, 6)}
        for ending, (kind, faces) in rows.items():
            self.spec.add_texture(
                name=name + ending,
                type=kind,
                width=looks.SIDE,
                height=looks.SIDE * faces,
                nchannel=3,
                builtin=mujoco.mjtBuiltin.mjBUILTIN_FLAT,
            )
            made = self.spec.add_material(
                name=name + ending,
                rgba=[1, 1, 1, alpha],
                specular=shine,
                shininess=0.2 + 0.6 * shine,
                texuniform=not ending,
                texrepeat=[1 / metres, 1 / metres],
            )
            textures = list(made.textures)
            textures[int(mujoco.mjtTextureRole.mjTEXROLE_RGB)] = name + ending
            made.textures = textures
        return name

    def colour(self, rgb: Sequence[float], shine: float = 0.1, glow: float = 0.0) -> str:
        """A new surface of one colour."""
        name = f"colour{len(self.spec.materials)}"
        self.spec.add_material(
            name=name, rgba=[*np.clip(rgb, 0, 1), 1], specular=shine, shininess=0.3, emission=glow
        )
        return name

    def lathe(self, profile: Sequence[tuple[float, float]]) -> str:
        """A mesh that the (radius, height) points of `profile` sweep about the z axis."""
        angle = np.arange(ROUND) * 2 * math.pi / ROUND
        rings = [(r * np.cos(angle), r * np.sin(angle), 0 * angle + z) for r, z in profile]
        faces = []
        for ring in range(len(profile) - 1):
            for i in range(ROUND):
                a, b = ring * ROUND + i, ring * ROUND + (i + 1) % ROUND
                faces += [(a, b, a + ROUND), (b, b + ROUND, a + ROUND)]
        points = np.concatenate([np.stack(ring, 1) for ring in rings])
        return self.mesh(points, faces)

    def mesh(self, points: np.ndarray, faces: Sequence[tuple[int, int, int]]) -> str:
        name = f"mesh{len(self.spec.meshes)}"
        self.spec.add_mesh(
            name=name,
            uservert=points.ravel().tolist(),
            userface=np.asarray(faces).ravel().tolist(),
            inertia=mujoco.mjtMeshInertia.mjMESH_INERTIA_SHELL,
        )
        return name

    def add(
        self,
        name: str,
        parts: Sequence[Part],
        finish: str,
        move: Path | Release | Pose,
        body: Body | None = None,
        bounce: float = 0.3,
        friction: float = 0.6,
    ) -> str:
        """A new body: free with a `Release`, posed with a path, else fixed.

        With a `Body` it is in the log. `bounce` is its coefficient of restitution.
        """
        made = self.spec.worldbody.add_body(name=name)
        if isinstance(move, Release):
            self.free[name] = move
            made.add_freejoint()
        elif callable(move):
            self.posed[name] = move
            made.mocap = True
        else:
            made.pos, made.quat = move[0], quaternion(move[1])
        if body is not None:
            self.bodies[name] = body
        loose = isinstance(move, Release)
        solid = loose or not callable(move)
        for number, part in enumerate(parts):
            mass = (body.mass if body and number == 0 else 1e-4) if loose else 0.0
            self._geom(made, part, part.finish or finish, mass, solid, (bounce, friction), loose)
        return name

    def drive(self, name: str, parts: Sequence[Part], finish: str, path: Path, body: Body) -> str:
        """A body that a script moves and that pushes free bodies; its axes do not turn."""
        made = self.spec.worldbody.add_body(name=name, quat=quaternion(path(0.0)[1]), gravcomp=1)
        for axis in np.eye(3):
            turned = path(0.0)[1].T @ axis
            made.add_joint(type=mujoco.mjtJoint.mjJNT_SLIDE, axis=turned, name=f"{name}{axis}")
        for part in parts:
            self._geom(made, part, part.finish or finish, 50.0, True, (0.05, 0.6), True)
        self.driven[name], self.bodies[name] = path, body
        return name

    def _geom(
        self,
        made: mujoco.MjsBody,
        part: Part,
        finish: str,
        mass: float,
        solid: bool,
        touch: tuple[float, float],
        loose: bool,
    ) -> None:
        geom = made.add_geom(type=GEOMS[part.kind], pos=part.place, mass=mass)
        geom.size[: len(part.size)] = part.size
        if part.turn is not None:
            geom.quat = quaternion(part.turn)
        if part.mesh:
            geom.meshname = part.mesh
        geom.material = finish + ("@" if part.mesh and not finish.startswith("colour") else "")
        geom.contype = geom.conaffinity = int(solid and part.solid)
        geom.priority, geom.condim = int(loose), 6
        geom.friction = [touch[1], 0.002, 0.0003]
        geom.solref, geom.solimp = spring(touch[0]), [0.97, 0.99, 0.002, 0.5, 2]

    def compile(self) -> mujoco.MjModel:
        model = self.spec.compile()
        for number, image in enumerate(self.images):
            for texture, faces in ((2 * number, 1), (2 * number + 1, 6)):
                start = model.tex_adr[texture]
                flat = np.tile(image, (faces, 1, 1)).ravel()
                model.tex_data[start : start + flat.size] = flat
        return model


def spring(bounce: float) -> list[float]:
    """MuJoCo's (time constant, damping ratio) of a contact with restitution `bounce`.

    Restitution of a damped oscillator over half a period: e = exp(-pi z / sqrt(1 - z^2)).
    """
    fall = -math.log(max(bounce, 0.02))
    ratio = fall / math.hypot(math.pi, fall)
    return [max(1 / (RINGING * ratio), 2 * TIMESTEP), ratio]
