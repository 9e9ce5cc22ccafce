"""Still panoramas come back with what they show, by this package and by another program."""

from __future__ import annotations

import json
import shutil
import subprocess

import numpy as np
import pytest
from PIL import Image

from sr_core.io.read.gpano import image_projection
from sr_core.io.read.source import MediaError
from sr_core.io.write.still import write_still
from sr_core.spatial.projection import Projection

PART = Projection(top=20 / 100, bottom=10 / 100, left=30 / 200, right=50 / 200)


@pytest.fixture
def image():
    return Image.fromarray(np.random.default_rng(0).integers(0, 255, (70, 120, 3), np.uint8))


@pytest.mark.parametrize("name", ["a.jpg", "a.jpeg", "a.png"])
@pytest.mark.parametrize("projection", [Projection(), PART])
def test_a_still_states_what_it_shows(tmp_path, image, name, projection):
    path = write_still(tmp_path / name, image, projection)
    with Image.open(path) as written:
        found = image_projection(written)
    assert found.kind == "equirectangular"
    for edge in ("top", "bottom", "left", "right"):
        assert getattr(found, edge) == pytest.approx(getattr(projection, edge))


def test_a_png_keeps_its_pixels(tmp_path, image):
    with Image.open(write_still(tmp_path / "a.png", image, Projection())) as written:
        assert np.array_equal(np.asarray(written), np.asarray(image))


@pytest.mark.skipif(shutil.which("exiftool") is None, reason="needs exiftool")
@pytest.mark.parametrize("name", ["a.jpg", "a.png"])
def test_exiftool_reads_the_panorama(tmp_path, image, name):
    path = write_still(tmp_path / name, image, PART)
    ran = subprocess.run(["exiftool", "-j", "-n", str(path)], capture_output=True, check=True)
    (tags,) = json.loads(ran.stdout)
    assert tags["ProjectionType"] == "equirectangular" and tags["UsePanoramaViewer"]
    assert (tags["FullPanoWidthPixels"], tags["FullPanoHeightPixels"]) == (200, 100)
    assert (tags["CroppedAreaLeftPixels"], tags["CroppedAreaTopPixels"]) == (30, 20)


@pytest.mark.parametrize(
    "projection", [Projection(stereo="top-bottom"), Projection(yaw=1.0), Projection("cubemap")]
)
def test_what_a_still_cannot_state_is_refused(tmp_path, image, projection):
    with pytest.raises(MediaError, match="got Projection"):
        write_still(tmp_path / "a.jpg", image, projection)
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_suffix_is_refused(tmp_path, image):
    with pytest.raises(MediaError, match="change the suffix"):
        write_still(tmp_path / "a.gif", image, Projection())


def test_an_ordinary_image_has_no_projection(image):
    assert image_projection(image) is None
