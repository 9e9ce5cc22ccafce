"""The eight materials of the rooms: mechanical constants (order of magnitude, textbook values)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Material:
    density: float  # kg/m^3
    stiffness: float  # GPa, Young's modulus
    damping: float  # loss factor: the amplitude of a mode of f Hz falls by exp(-pi f damping t)
    softness: float  # ms, contact time of a light impact against a hard surface
    roughness: float  # 0..1, for sliding and rolling noise


MATERIALS = {
    "wood": Material(650, 11, 1.2e-2, 0.8, 0.5),
    "metal": Material(7800, 200, 7e-4, 0.2, 0.2),
    "glass": Material(2500, 70, 1.5e-3, 0.15, 0.1),
    "stone": Material(2600, 50, 6e-3, 0.25, 0.7),
    "ceramic": Material(2400, 65, 3e-3, 0.2, 0.3),
    "plastic": Material(1100, 2.5, 2.5e-2, 1.0, 0.3),
    "cardboard": Material(250, 1, 8e-2, 2.5, 0.6),
    "cloth": Material(300, 0.05, 3e-1, 8.0, 0.8),
}
