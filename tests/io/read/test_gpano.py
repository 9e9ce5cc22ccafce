"""Panorama metadata in XML: elements or attributes, a crop in pixels, damage."""

from __future__ import annotations

import pytest

from sr_core.io.read.gpano import GPANO, GSPHERICAL, Crop, crop_of, properties

SIZES = {
    "FullPanoWidthPixels": "4000",
    "FullPanoHeightPixels": "2000",
    "CroppedAreaImageWidthPixels": "3000",
    "CroppedAreaImageHeightPixels": "1000",
    "CroppedAreaLeftPixels": "600",
    "CroppedAreaTopPixels": "300",
}


def test_a_crop_is_given_in_fractions_of_the_whole():
    assert crop_of(SIZES) == Crop(top=0.15, bottom=0.35, left=0.15, right=0.1)


@pytest.mark.parametrize(
    "change",
    [
        {"FullPanoWidthPixels": "0"},
        {"CroppedAreaLeftPixels": "-1"},
        {"CroppedAreaImageWidthPixels": "5000"},
        {"CroppedAreaTopPixels": "some"},
    ],
)
def test_an_impossible_crop_is_none(change):
    assert crop_of(SIZES | change) == Crop()
    assert crop_of({}) == Crop()


def test_properties_are_read_from_elements_and_attributes():
    xml = f"""<?xml version="1.0"?><a xmlns:p="{GPANO}" xmlns:s="{GSPHERICAL}">
    <b p:One=" 1 " s:Other="x"/><p:Two>
      2
    </p:Two></a>"""
    assert properties(xml, GPANO) == {"One": "1", "Two": "2"}
    assert properties(xml.encode(), GSPHERICAL) == {"Other": "x"}


@pytest.mark.parametrize("xml", ["", "<a", b"\xff\xfe\x00", "<a>&undefined;</a>"])
def test_damaged_xml_has_no_properties(xml):
    assert properties(xml, GPANO) == {}
