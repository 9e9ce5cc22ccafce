"""The panels can be read in every palette that the front end brings: contrast as WCAG 2 has it."""

from __future__ import annotations

import json
import re

import pytest

from .test_warnings import warn

pytestmark = pytest.mark.slow

# comfy-input-bg and input-text of the palettes in front ends 1.27 to 1.58.
PALETTES = {
    "dark": ("#222", "#ddd"),
    "light": ("#C9C9C9", "#222"),
    "arc": ("#2b2f38", "#ddd"),
    "nord": ("#2e3440", "#bcc2c8"),
    "github": ("#161b22", "#bcc2c8"),
    "solarized": ("#002b36", "#93a1a1"),
}
TEXT = ("button", ".clock", ".words", "a", ".soundreactor-warnings p")
CONTROLS = (".volume", ".place", ".meters i")


def channels(color: str) -> list[float]:
    """Red, green and blue from 0 to 1, of a color as a browser computes it."""
    numbers = [float(n) for n in re.findall(r"[\d.]+", color.removeprefix("color(srgb"))[:3]]
    return numbers if color.startswith("color(srgb") else [n / 255 for n in numbers]


def contrast(one: str, other: str) -> float:
    def luminance(color: str) -> float:
        linear = [
            c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels(color)
        ]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.fixture
def colors(page):
    """`colors(selector)`: what is in front, its border, and what it is before."""
    script = """((selector) => {
      const element = document.querySelector(selector);
      const see = (e) => getComputedStyle(e);
      let ground = element;
      while (see(ground).backgroundColor === "rgba(0, 0, 0, 0)") ground = ground.parentElement;
      return [see(element).color, see(element).borderTopColor, see(ground).backgroundColor];
    })(%s)"""
    return lambda selector: page.evaluate(script % json.dumps(selector))


def test_contrast_is_what_the_standard_says():
    assert contrast("rgb(0, 0, 0)", "color(srgb 1 1 1)") == pytest.approx(21)
    assert contrast("rgb(119, 119, 119)", "rgb(255, 255, 255)") == pytest.approx(4.48, abs=0.01)


def test_text_has_4_5_and_controls_3_in_every_palette(page, colors):
    page.open(1, extensions="live,warnings")
    page.tell("done", made=20)
    warn(page, "next to silent")
    for name, (ground, ink) in PALETTES.items():
        root = "document.documentElement.style"
        page.evaluate(f"{root}.setProperty('--comfy-input-bg', '{ground}')")
        page.evaluate(f"{root}.setProperty('--input-text', '{ink}')")
        for selector in TEXT:
            front, _, back = colors(selector)
            assert contrast(front, back) >= 4.5, (name, selector, front, back)
        panel = colors(".soundreactor-live")[2]
        for selector in CONTROLS:
            assert contrast(colors(selector)[1], panel) >= 3, (name, selector)
    assert contrast(*colors(".words")[::2]) < 8, "the variables were taken"
