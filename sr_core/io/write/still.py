"""Still panoramas: JPEG and PNG with GPano metadata (Photo Sphere XMP), by which viewers turn."""

from __future__ import annotations

import os
from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from ...spatial.projection import EQUIRECTANGULAR, Projection
from ..read.gpano import GPANO, image_projection
from ..read.source import MediaError
from .container import writing
from .partial import whole_file
from .spherical import crop_in_pixels

FORMATS = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG"}
QUALITY = 95


def write_still(target: str | os.PathLike[str], image: Image.Image, projection: Projection) -> Path:
    """Write an image that states what it shows; on an error no file is left.

    Raises MediaError for an unknown suffix, and for what GPano cannot state: two eyes, a pose,
    other projections.
    """
    path = Path(target)
    form = FORMATS.get(path.suffix.lower())
    if form is None:
        raise MediaError(
            f"got target '{path}'; expected a name ending in {', '.join(FORMATS)}; "
            "change the suffix"
        )
    if (projection.kind, projection.stereo) != (EQUIRECTANGULAR, "mono") or projection.is_posed:
        raise MediaError(
            f"got {projection} for a still; expected one {EQUIRECTANGULAR} view without a pose; "
            "make it a picture of the whole sphere first"
        )
    xmp = gpano_xmp(projection, image.width, image.height)
    with whole_file(path) as partial:
        with writing(path):
            _save(image, partial, form, xmp)
        with Image.open(partial) as written:
            if image_projection(written) is None:  # Pillow before 11 ignores the XMP of JPEG
                raise MediaError(f"cannot write '{path}': its metadata is lost; update Pillow")
    return path


def gpano_xmp(projection: Projection, width: int, height: int) -> str:
    """The XMP packet of an image of this size in pixels; it always names the crop, as phones do."""
    named = {"ProjectionType": EQUIRECTANGULAR, "UsePanoramaViewer": "True"}
    named |= crop_in_pixels(projection, width, height)
    attributes = "\n".join(f'GPano:{key}="{value}"' for key, value in named.items())
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">\n'
        f'<rdf:Description rdf:about="" xmlns:GPano="{GPANO}"\n{attributes}/>\n'
        '</rdf:RDF></x:xmpmeta>\n<?xpacket end="w"?>'
    )


def _save(image: Image.Image, partial: Path, form: str, xmp: str) -> None:
    if form == "JPEG":
        image.convert("RGB").save(partial, form, quality=QUALITY, xmp=xmp.encode())
    else:
        info = PngInfo()
        info.add_itxt("XML:com.adobe.xmp", xmp)
        image.save(partial, form, pnginfo=info)
