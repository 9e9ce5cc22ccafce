"""The live player's buttons, in a browser: what is heard is what reaches the loudspeakers."""

from __future__ import annotations

import pytest

from .conftest import Page
from .stand_in import HIGH

pytestmark = pytest.mark.slow


def jump(page: Page, seconds: float, node: int = 1) -> None:
    page.evaluate(
        f"(() => {{ const place = document.querySelector('#node{node}-player .place'); "
        f"place.value = {seconds}; place.dispatchEvent(new Event('input')) }})()"
    )


def test_play_pause_play(page):
    page.open(1)
    page.tell("running", made=6)
    page.is_heard()  # by itself
    for _ in range(2):
        page.button().click()
        page.is_silent()
        page.button().click()
        page.is_heard()
    page.tell("done", made=20)
    page.is_heard()


def test_jump_pause_play(page):
    page.open(1)
    page.tell("done", made=20)
    page.button().click()
    page.is_heard()
    jump(page, 12)
    page.is_heard(frequency=HIGH)
    page.button().click()
    page.is_silent()
    jump(page, 3)
    page.button().click()
    page.is_heard()


def test_what_a_browser_keeps_back_is_heard_after_a_click(browser_of, host):
    context = browser_of("document-user-activation-required").new_context()
    page = Page(context.new_page(), host)
    page.open(1)
    page.tell("running", made=6)
    page.wait("document.querySelector('button').textContent === 'Click to listen'")
    page.is_silent()
    page.button().click()
    page.is_heard()
    page.reload(1)
    page.tell("running", made=7)
    page.is_silent()
    page.button().click()
    page.is_heard()
    context.close()
    assert page.errors == []


def test_after_a_reload_a_run_is_heard_on(page):
    page.open(1)
    page.tell("running", made=6)
    page.is_heard()
    page.reload(1)
    page.tell("running", made=7)
    page.is_heard()


def test_after_a_reload_what_was_done_can_be_heard(page):
    page.open(1)
    page.tell("running", made=6)
    page.tell("done", made=20)
    page.reload(1)
    page.is_silent()
    page.button().click()
    page.is_heard()


def test_after_a_reload_a_sound_that_the_host_has_no_more_is_forgotten(page):
    page.open(1)
    page.tell("done", made=20, name="gone")
    del page.host.sounds["gone.wav"]
    page.reload(1)
    assert page.button().inner_text() == "Listen" and page.button().is_disabled()
    assert any("404" in error for error in page.errors)  # the browser's own line
    page.errors.clear()


def test_a_cancelled_run_falls_silent_and_what_was_made_can_be_heard(page):
    page.open(1)
    page.tell("running", made=8)
    page.is_heard()
    page.tell("stopped", made=8)
    page.is_silent()
    page.button().click()
    page.is_heard()


def test_a_second_run_is_heard_in_the_place_of_the_first(page):
    page.open(1)
    page.tell("running", made=6, name="first")
    page.is_heard()
    page.tell("running", made=2, seconds=3, name="second")
    jump(page, 1.6)
    page.is_heard(frequency=HIGH)  # the second half of the second


def test_of_two_nodes_one_is_heard_at_a_time(page):
    page.open(1, 2)
    page.tell("running", made=1.5, seconds=1.5, node=1, name="one")
    page.tell("running", made=9, node=2, name="two")
    page.is_heard(node=1, frequency=440)
    page.is_silent(node=2)
    page.tell("done", made=1.5, seconds=1.5, node=1, name="one")
    page.is_heard(node=2)  # its turn
    page.is_silent(node=1)
    page.button(1).click()
    page.is_heard(node=1)
    page.is_silent(node=2)


def test_two_tabs_do_not_disturb_each_other(page, host):
    other = Page(page.tab.context.new_page(), host)
    for tab, name in ((page, "here"), (other, "there")):
        tab.open(1)
        tab.tell("running", made=9, name=name)
        tab.is_heard()
    page.button().click()
    page.is_silent()
    other.is_heard()
    page.button().click()
    page.is_heard()


def test_an_hour_and_more_fits_the_node_and_is_heard_at_its_end(page):
    page.open(1, width=270)
    page.tell("done", made=5400, seconds=5400)
    page.button().click()
    page.is_heard()
    jump(page, 5390)
    page.is_heard(frequency=HIGH)
    clock = page.tab.locator(".clock")
    assert clock.inner_text().endswith("/ 1:30:00")
    outside = page.evaluate(
        "(() => { const own = document.querySelector('.soundreactor-live').getBoundingClientRect();"
        "return [...document.querySelectorAll('.soundreactor-live *')].filter((e) => {"
        "const box = e.getBoundingClientRect();"
        "const cut = box.right > own.right || box.bottom > own.bottom;"
        "return cut || e.scrollWidth > e.clientWidth + 1;"
        "}).map((e) => e.className || e.tagName) })()"
    )
    assert outside == []


def test_a_node_that_cannot_be_seen_is_not_heard(page):
    page.open(1)
    page.tell("running", made=9)
    page.is_heard()
    page.evaluate("void (app.canvas.graph = {})")  # another subgraph is open
    page.is_silent()
    page.evaluate("void (app.canvas.graph = app.graph)")
    page.button().click()
    page.is_heard()
