"""Panorama metadata in XML: GPano of still images, and Google's first scheme for videos.

Sources: Photo Sphere XMP Metadata (developers.google.com/streetview/spherical-metadata); Spherical
Video RFC, version 1 (google/spatial-media). Both name the same pixels of a cropped picture.
"""

from __future__ import annotations

from typing import NamedTuple
from xml.etree import ElementTree

from PIL import Image

from ...spatial.projection import EQUIRECTANGULAR, Projection

GPANO = "http://ns.google.com/photos/1.0/panorama/"
GSPHERICAL = "http://ns.google.com/videos/1.0/spherical/"
# Where Pillow puts XMP: the second is that of PNG in older ones.
XMP = ("xmp", "XML:com.adobe.xmp")


class Crop(NamedTuple):
    """Fractions of the whole picture that are cropped from its edges."""

    top: float = 0.0
    bottom: float = 0.0
    left: float = 0.0
    right: float = 0.0


def image_projection(image: Image.Image) -> Projection | None:
    """The projection that a still image's GPano metadata states; None if it states none."""
    xmp = next((image.info[key] for key in XMP if key in image.info), None)
    if xmp is None:
        return None
    named = properties(xmp, GPANO)
    if "ProjectionType" not in named:
        return None
    kind = named["ProjectionType"].lower()
    return (
        Projection(kind, **crop_of(named)._asdict())
        if kind == EQUIRECTANGULAR
        else Projection(kind)
    )


def properties(xml: str | bytes, namespace: str) -> dict[str, str]:
    """The properties of a namespace, as elements or attributes; none if the XML is damaged."""
    try:
        root = ElementTree.fromstring(xml)
    except (ElementTree.ParseError, ValueError):
        return {}
    found: dict[str, str] = {}
    for element in root.iter():
        for key, value in [(element.tag, element.text or ""), *element.attrib.items()]:
            if key.startswith(f"{{{namespace}}}"):
                found[key.partition("}")[2]] = value.strip()
    return found


def crop_of(named: dict[str, str]) -> Crop:
    """What is cropped, by the sizes in pixels; nothing if they are missing or impossible."""
    try:
        top, bottom = _edges(named, "Top", "Height")
        left, right = _edges(named, "Left", "Width")
        Projection(top=top, bottom=bottom, left=left, right=right)
    except (KeyError, ValueError, ZeroDivisionError):
        return Crop()
    return Crop(top, bottom, left, right)


def _edges(named: dict[str, str], first: str, size: str) -> tuple[float, float]:
    whole = int(named[f"FullPano{size}Pixels"])
    before = int(named[f"CroppedArea{first}Pixels"])
    after = whole - before - int(named[f"CroppedAreaImage{size}Pixels"])
    return before / whole, after / whole
