"""Natural frequencies of bars, plates, shells and compact solids from size and material.

Sources: [FR] Fletcher and Rossing, The Physics of Musical Instruments, 2nd ed.; [Love] Love, A
Treatise on the Mathematical Theory of Elasticity, 4th ed.; [Soedel] Soedel, Vibrations of Shells
and Plates, 3rd ed.
"""

from __future__ import annotations

import numpy as np

from .log import Body
from .materials import MATERIALS, Material

POISSON = 0.3
FREE = (3.0112, 5.0)  # of a bar with two free ends; then 7, 9 ... [FR] eq. 2.62
CLAMPED = (1.194, 2.988, 5.0)  # of a bar clamped at one end; then 7, 9 ... [FR] eq. 2.63
# Roots of (l - 1) j_l(x) = x j_(l+1)(x) for l = 2, 3, 4, 1, 2, 3, 4: torsional modes of a sphere,
# [Love] ch. XII. Its spheroidal modes lie close to them.
SPHERE = (2.501, 3.865, 5.095, 5.763, 7.136, 8.445, 9.712)
# Zeros of the Bessel functions J_0 to J_6 below 12.
MEMBRANE = (2.405, 3.832, 5.136, 5.520, 6.380, 7.016, 7.588, 8.417, 8.654, 8.771, 9.761, 9.936,
            10.173, 11.065, 11.620, 11.792)  # fmt: skip
HEAD_SPEED = 100.0  # m/s, of waves on a tuned drumhead: about 3 kN/m and 0.3 kg/m^2
FILM = 0.002  # of a body's extent: thinner shells are membranes
HOLLOW = 0.006  # m: thinner boxes, spheres and cylinders are hollow, this is their wall
WOOD_ACROSS = 0.25  # stiffness of a compact piece of wood relative to that along the grain


def wave_speed(material: Material) -> float:
    """Speed of longitudinal waves in a bar, m/s."""
    return float(np.sqrt(material.stiffness * 1e9 / material.density))


def plate_speed(material: Material) -> float:
    """Speed of longitudinal waves in a plate, m/s; [FR] sec. 3.2."""
    return wave_speed(material) / float(np.sqrt(1 - POISSON**2))


def shear_speed(material: Material) -> float:
    """Speed of shear waves, m/s."""
    return wave_speed(material) / float(np.sqrt(2 * (1 + POISSON)))


def bar(length: float, thickness: float, speed: float, clamped: bool, count: int) -> np.ndarray:
    """Bending modes (m,) in Hz of a slender bar of rectangular section; [FR] eq. 2.62, 2.63."""
    first = CLAMPED if clamped else FREE
    roots = np.array([*first, *(first[-1] + 2 * n for n in range(1, count))])[:count]
    return np.pi / 8 * thickness / np.sqrt(12) * speed * roots**2 / length**2


def plate(length: float, width: float, thickness: float, speed: float, count: int) -> np.ndarray:
    """Modes (m,) in Hz of a rectangular plate with supported edges; [FR] eq. 3.16.

    `speed` is that of `plate_speed`; all of the first `count` x `count` orders, sorted.
    """
    orders = np.arange(1, count + 1)
    square = (orders[:, None] / length) ** 2 + (orders / width) ** 2
    return np.sort(0.453 * speed * thickness * square.ravel())


def ring(radius: float, thickness: float, speed: float, count: int) -> np.ndarray:
    """In-plane bending modes (m,) in Hz of a ring, n = 2, 3 ...; [Love] sec. 293."""
    n = np.arange(2, count + 2)
    bending = speed * thickness / (np.sqrt(12) * 2 * np.pi * radius**2)
    return bending * n * (n**2 - 1) / np.sqrt(n**2 + 1)


def shell(radius: float, height: float, thickness: float, speed: float, count: int) -> np.ndarray:
    """Modes (m,) in Hz of a cup: a ring's at its rim, stiffened along the height, sorted.

    Formula of Donnell, Mushtari and Vlasov [Soedel], with its bending term scaled such that without
    variation along the height it is that of `ring`.
    """
    n = np.arange(2, count + 2)[:, None]
    along = np.arange(4) * np.pi * radius / height / 2  # a free rim: quarter waves
    bend = thickness**2 / (12 * radius**2) * (n**2 - 1) ** 2 / (n**2 * (n**2 + 1))
    stretch = (1 - POISSON**2) * along**4 / (along**2 + n**2) ** 2
    square = stretch + bend * (along**2 + n**2) ** 2
    return np.sort((np.sqrt(square) * speed / (2 * np.pi * radius)).ravel())


def solid(radius: float, speed: float) -> np.ndarray:
    """Modes (7,) in Hz of a compact solid, as of a sphere; `speed` is that of shear waves."""
    return np.array(SPHERE) * speed / (2 * np.pi * radius)


def membrane(radius: float) -> np.ndarray:
    """Modes (m,) in Hz of a stretched circular membrane; [FR] eq. 3.12."""
    return np.array(MEMBRANE) * HEAD_SPEED / (2 * np.pi * radius)


def is_membrane(body: Body) -> bool:
    """A drum's head: a shell whose wall is a film."""
    return body.shape == "shell" and body.thickness < FILM * body.size


def wall(body: Body) -> float | None:
    """Thickness in m of a hollow body's wall; None of a solid body.

    It is the body's thickness if that is small, else it follows from the mass.
    """
    if body.shape not in ("box", "sphere", "cylinder") or body.fixed:
        return None
    if body.thickness < min(HOLLOW, body.size / 8):
        return body.thickness
    density = MATERIALS[body.material].density
    volume, surface = _volume(body), _surface(body)
    return None if body.mass > 0.6 * density * volume else body.mass / (density * surface)


def _volume(body: Body) -> float:
    return {
        "sphere": np.pi / 6 * body.size**3,
        "cylinder": np.pi / 4 * body.size * body.thickness**2,
    }.get(body.shape, body.size * body.thickness * np.sqrt(body.size * body.thickness))


def _surface(body: Body) -> float:
    if body.shape == "sphere":
        return np.pi * body.size**2
    return 2 * (body.size**2 + 2 * body.size * body.thickness) / 1.5


def area(body: Body) -> float:
    """Area in m^2 of the side that radiates."""
    if body.shape == "rod":
        return body.size * body.thickness
    if body.shape in ("sphere", "shell"):
        return np.pi * body.size**2 / 2
    if body.shape == "plate":
        return 0.6 * body.size**2
    return body.size * max(body.thickness, body.size / 4)


def frequencies(body: Body) -> np.ndarray:
    """Natural frequencies (m,) in Hz, sorted and without scatter; at least one."""
    material = MATERIALS[body.material]
    speed, thin = plate_speed(material), wall(body)
    if body.shape == "rod":
        return bar(body.size, body.thickness, wave_speed(material), body.fixed, 24)
    if is_membrane(body):
        return membrane(body.size / 2)
    if body.shape == "shell":
        return shell(body.size / 2, body.size, body.thickness, speed, 16)
    if body.shape == "plate" or body.fixed:
        found = plate(body.size, 0.62 * body.size, body.thickness, speed, 40)
        return _thick(found, body.thickness, material)
    if thin is not None and body.shape == "box":
        faces = (body.size, 0.7 * body.size), (0.7 * body.size, 0.6 * body.size)
        return np.sort(np.concatenate([plate(a, b, thin, speed, 16) for a, b in faces]))
    if thin is not None:
        return shell(body.size / 2, body.size, thin, speed, 16)
    across = np.sqrt(WOOD_ACROSS) if body.material == "wood" else 1.0
    if body.thickness > body.size / 3:
        return solid((body.size + body.thickness) / 4, across * shear_speed(material))
    found = bar(body.size, body.thickness, wave_speed(material), False, 24)
    return _thick(found, body.thickness, material)


def _thick(found: np.ndarray, thickness: float, material: Material) -> np.ndarray:
    """Frequencies with shear: waves in a thick plate are no faster than shear waves.

    The limit of a bending wave of frequency f is a speed that no longer rises with sqrt(f).
    """
    limit = shear_speed(material) ** 2 / (wave_speed(material) * thickness * np.pi / np.sqrt(3))
    return found / np.sqrt(1 + found / limit)
