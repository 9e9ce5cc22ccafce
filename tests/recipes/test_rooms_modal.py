"""The rooms' modal sound: frequencies, decay and level follow the textbook's formulas."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))  # recipes are not installed

if importlib.util.find_spec("scipy") is None:
    pytest.skip("needs scipy", allow_module_level=True)

from recipes.rooms import modal, modes  # noqa: E402
from recipes.rooms.impacts import bubble, impact_sound  # noqa: E402
from recipes.rooms.log import Body, Impact, Listener, Log  # noqa: E402
from recipes.rooms.materials import MATERIALS  # noqa: E402

RATE = 48_000
CUP = Body("cup", "glass", "shell", 0.08, 0.003, 0.15)
FLOOR = Body("floor", "stone", "plate", 5.0, 0.1, 2000.0, True)
HAMMER = Body("hammer", "metal", "rod", 0.3, 0.03, 0.5)
SHEET = Body("sheet", "metal", "plate", 0.3, 0.004, 2.8)
FINGER = Body("finger", "cloth", "rod", 0.1, 0.015, 0.05)


def log(*impacts: Impact, bodies=(CUP, FLOOR, HAMMER, SHEET, FINGER), seed=3) -> Log:
    listener = Listener(((0.0, 0.0, 1.0),), ((1.0, 0.0, 0.0),), ((0.0, 0.0, 1.0),), 60.0)
    return Log("t", seed, 4.0, (4, 5, 2.5), listener, bodies, impacts)


def struck(pair, impulse, speed=1.0, kind="strike", seed=3):
    one = Impact(0.5, kind, pair, impulse, speed, (1.0, 0.0, 0.5))
    return impact_sound(log(one, seed=seed), one, 0).sound


def test_a_free_steel_bar_has_the_textbook_frequencies():
    # 1 m long, 1 cm thick, 200 GPa, 7800 kg/m^3: f1 = 1.02795 h / L^2 sqrt(E / rho).
    found = modes.frequencies(Body("bar", "metal", "rod", 1.0, 0.01, 1.0))
    assert found[0] == pytest.approx(1.02795 * 0.01 * np.sqrt(200e9 / 7800), rel=2e-3)
    assert found[1:4] / found[0] == pytest.approx([2.757, 5.404, 8.933], rel=2e-3)


def test_a_clamped_bar_has_the_ratios_of_a_clamped_bar():
    found = modes.frequencies(Body("bar", "metal", "rod", 1.0, 0.01, 1.0, True))
    assert found[1:3] / found[0] == pytest.approx([6.267, 17.55], rel=3e-3)


def test_a_supported_plate_has_the_textbook_frequencies():
    # Square, 1 m, 1 mm of steel: f11 = pi h sqrt(E / (12 rho (1 - nu^2))) for a = b = 1 m.
    found = modes.plate(1.0, 1.0, 1e-3, modes.plate_speed(MATERIALS["metal"]), 3)
    first = np.pi * 1e-3 * np.sqrt(200e9 / (12 * 7800 * 0.91))
    assert found[:4] / first == pytest.approx([1, 2.5, 2.5, 4], rel=2e-3)


def test_a_cup_s_lowest_mode_is_that_of_its_rim():
    speed = modes.plate_speed(MATERIALS["glass"])
    rim = modes.ring(0.04, 0.003, speed, 1)[0]
    expected = 0.003 * speed / (np.sqrt(12) * 2 * np.pi * 0.04**2) * 6 / np.sqrt(5)
    assert rim == pytest.approx(expected)
    assert modes.shell(0.04, 0.08, 0.003, speed, 8)[0] == pytest.approx(rim)


def test_a_solid_s_numbers_are_roots_of_the_sphere_s_equation():
    from scipy.special import spherical_jn

    for order, root in zip((2, 3, 4, 1, 2, 3, 4), modes.SPHERE, strict=True):
        bessel, value = spherical_jn(order, root), spherical_jn(order + 1, root)
        assert (order - 1) * bessel == pytest.approx(root * value, abs=2e-3)


def test_thick_bodies_are_lower_than_the_formula_of_thin_ones():
    found = np.array([100.0, 10_000.0])
    thin, thick = (modes._thick(found, size, MATERIALS["metal"]) for size in (1e-3, 0.1))
    assert thin == pytest.approx(found, rel=0.01)
    assert thick[1] < 0.8 * found[1]


def test_a_drumhead_s_numbers_are_zeros_of_bessel_functions():
    from scipy.special import jn_zeros

    zeros = sorted(zero for order in range(7) for zero in jn_zeros(order, 4) if zero < 12)
    found = modes.frequencies(Body("drum", "plastic", "shell", 0.33, 3e-4, 1.5))
    assert found / found[0] * zeros[0] == pytest.approx(zeros[: found.size], abs=2e-3)


def test_a_thin_box_is_hollow_with_that_wall():
    assert modes.wall(Body("a", "cardboard", "box", 0.2, 0.004, 0.18)) == 0.004
    assert modes.wall(Body("a", "wood", "box", 0.2, 0.1, 2.0)) is None
    assert modes.wall(Body("a", "glass", "sphere", 0.04, 0.02, 0.08)) is None


def test_a_light_body_is_hollow():
    density = MATERIALS["cardboard"].density
    solid = Body("a", "cardboard", "box", 0.3, 0.3, density * 0.027)
    assert modes.wall(solid) is None
    hollow = modes.wall(replace(solid, mass=solid.mass * 0.1))
    assert 0.002 < hollow < 0.01


@pytest.mark.parametrize("material", ["metal", "wood"])
def test_a_mode_decays_by_its_material_s_loss_factor(material):
    f, loss = 500.0, MATERIALS[material].damping
    body = Body("b", material, "rod", 0.5, 0.01, 1e9)  # so heavy that no radiation damps it
    rate = modal.decay_rates(body, np.array([f]), np.array([1.0]), 0.0)
    one = modal.Bank(np.array([f]), rate, np.ones(1), np.zeros((1, 3)), np.zeros(1))
    sound = modal.ring(one, np.ones(1), RATE)
    period = 960  # ten cycles of 500 Hz
    level = np.abs(sound[: sound.size // period * period].reshape(-1, period)).max(1)
    fall = np.log(level[0] / level[3]) / (3 * period / RATE)
    assert fall == pytest.approx(np.pi * f * loss, rel=1e-3)


def test_ringing_is_the_sum_of_its_cosines():
    modes_of = modal.bank(CUP, 1)
    amplitude = np.linspace(-1, 1, modes_of.frequency.size)
    time = np.arange(3000) / RATE
    expected = sum(
        a * np.exp(-d * time) * np.cos(2 * np.pi * f * time)
        for a, d, f in zip(amplitude, modes_of.decay, modes_of.frequency, strict=True)
    )
    found = modal.ring(modes_of, amplitude, 3000)
    # A mode is left out once it has fallen by FALLEN.
    assert found == pytest.approx(expected, abs=np.exp(-modal.FALLEN) * np.abs(amplitude).sum())


def test_a_struck_body_s_sound_is_its_impulse_response_convolved_with_the_force():
    modes_of, force = modal.bank(CUP, 1), modal.pulse(0.002)
    found = modal.struck(modes_of, modes_of.pressure, force, 4000)
    expected = np.convolve(modal.ring(modes_of, modes_of.pressure, 4000), force)[:4000]
    assert found == pytest.approx(expected, abs=2e-3 * np.abs(expected).max())


def test_softer_slower_and_heavier_contacts_last_longer():
    hard = modal.contact_seconds(HAMMER, SHEET, 1.0)
    assert modal.contact_seconds(FINGER, SHEET, 1.0) > 3 * hard
    assert modal.contact_seconds(HAMMER, SHEET, 1 / 32) == pytest.approx(2 * hard)
    assert modal.contact_seconds(replace(HAMMER, mass=4.0), SHEET, 1.0) > hard


def test_the_energy_of_an_impact_grows_with_the_square_of_its_impulse():
    soft, loud = (struck(("hammer", "sheet"), impulse) for impulse in (0.1, 1.0))
    assert np.sum(loud**2) / np.sum(soft**2) == pytest.approx(100)


def test_a_hammer_is_thirty_decibels_louder_than_a_finger():
    hammer = np.abs(struck(("hammer", "floor"), 1.0, 4.0)).max()
    finger = np.abs(struck(("finger", "floor"), 0.01, 0.5)).max()
    assert 30 < 20 * np.log10(hammer / finger) < 80


def test_a_body_keeps_its_pitch_and_another_seed_gives_another():
    first = modal.bank(CUP, 1)
    assert np.array_equal(first.frequency, modal.bank(replace(CUP), 1).frequency)
    assert not np.array_equal(first.frequency, modal.bank(CUP, 2).frequency)


@pytest.mark.parametrize("material", sorted(MATERIALS))
@pytest.mark.parametrize("kind", ["strike", "drop", "step", "key", "latch", "drip"])
def test_every_impact_s_onset_is_its_loudest_part(kind, material):
    body = Body("b", material, "box", 0.1, 0.08, 0.3)
    one = Impact(0.5, kind, ("b", "floor"), 0.3, 1.0, (1.0, 0.0, 0.5))
    sound = impact_sound(log(one, bodies=(body, FLOOR)), one, 0).sound
    assert np.isfinite(sound).all()
    level = np.sqrt(np.mean(sound[: sound.size // 960 * 960].reshape(-1, 960) ** 2, axis=1))
    assert level.argmax() <= 1  # blocks of 20 ms
    first = int(np.argmax(np.abs(sound) > 0.02 * np.abs(sound).max()))
    assert first < 0.006 * RATE  # cloth is soft


def test_a_bubble_has_minnaert_s_frequency():
    sound = bubble(2e-3, 0.0)
    spectrum = np.abs(np.fft.rfft(sound, 48_000))
    assert spectrum.argmax() == pytest.approx(3.26 / 2e-3, abs=10)


def test_hard_contacts_are_brighter_than_soft_ones():
    def centroid(sound):
        power = np.abs(np.fft.rfft(sound)) ** 2
        return np.sum(power * np.fft.rfftfreq(sound.size, 1 / RATE)) / power.sum()

    assert centroid(struck(("hammer", "sheet"), 1.0)) > 2 * centroid(struck(("finger", "floor"), 1))
