"""A browser, and pages of a stand-in host in it."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator

import pytest

from . import stand_in
from .stand_in import CHANNELS, HEADER, RATE

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "google-chrome", "chrome"))), None)
ALONE = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --autoplay-policy="
).split(" ")


class Page:
    """A tab with live nodes; its runs are what the test says they are."""

    def __init__(self, tab, host: stand_in.Host):
        self.tab, self.host, self.errors = tab, host, []
        # Playwright's own `evaluate` counts as a click of the user's, which lets sound out.
        self.protocol = tab.context.new_cdp_session(tab)
        tab.on("console", lambda line: line.type == "error" and self.errors.append(line.text))
        tab.on("pageerror", lambda error: self.errors.append(str(error)))

    def evaluate(self, expression: str):
        words = {"expression": expression, "awaitPromise": True, "returnByValue": True}
        answer = self.protocol.send("Runtime.evaluate", words)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def wait(self, condition: str, seconds: float = 8) -> None:
        deadline = time.monotonic() + seconds
        while not self.evaluate(condition):
            assert time.monotonic() < deadline, f"never came: {condition}"
            self.tab.wait_for_timeout(50)

    def open(self, *nodes: int, width: int = 400, extensions: str = "live") -> None:
        self.tab.goto(f"{self.host.address}/index.html?extensions={extensions}")
        self.add(*nodes, width=width)

    def reload(self, *nodes: int) -> None:
        self.tab.reload()
        self.add(*nodes)

    def add(self, *nodes: int, width: int = 400) -> None:
        self.wait("window.ready")
        for node in nodes:
            self.evaluate(f"void addNode({node}, 'SoundReactorLive', {width})")
        # As the front end does once a workflow is open.
        self.evaluate("Promise.all(app.extensions.map((e) => e.afterConfigureGraph?.()))")

    def tell(self, status: str, made: float, seconds: float = 20, node: int = 1, name="a") -> None:
        """The host's word on a run: seconds that are made, and of the whole clip."""
        file, samples = f"{name}.wav", round(seconds * RATE)
        self.host.sounds[file] = [round(made * RATE), samples]
        report = {
            "node": str(node),
            "graph": "graph",
            "status": status,
            "file": {"filename": file, "subfolder": "", "type": "temp"},
            "header": HEADER,
            "channels": CHANNELS,
            "rate": RATE,
            "samples": samples,
            "made": round(made * RATE),
            "seconds": 1.0,
        }
        self.evaluate(f"tell('soundreactor.live', {json.dumps(report)})")

    def button(self, node: int = 1):
        return self.tab.locator(f"#node{node}-player button")

    def until(self, condition: str, node: int = 1) -> None:
        """Wait until what the node sends to the loudspeakers is so, for three looks in a row."""
        self.evaluate("window.looks = 0")
        self.wait(
            f"(() => {{ const {{ level, frequency }} = heard({node}); "
            f"return (looks = ({condition}) ? looks + 1 : 0) >= 3 }})()"
        )

    def is_heard(self, node: int = 1, frequency: int = stand_in.LOW) -> None:
        self.until(f"level > 0.3 && Math.abs(frequency - {frequency}) < 12", node)

    def is_silent(self, node: int = 1) -> None:
        self.until("level < 1e-4", node)


@pytest.fixture(scope="module")
def host() -> Iterator[stand_in.Host]:
    with stand_in.running() as host:
        yield host


@pytest.fixture(scope="module")
def browser_of() -> Iterator[Callable]:
    """A browser by its policy for sound that no click has asked for."""
    if CHROMIUM is None:
        pytest.skip("needs Chromium or Chrome on the PATH")
    playwright = pytest.importorskip("playwright.sync_api").sync_playwright().start()
    browsers = {}

    def open_browser(policy: str = "no-user-gesture-required"):
        if policy not in browsers:
            args = [*ALONE[:-1], ALONE[-1] + policy]
            browsers[policy] = playwright.chromium.launch(executable_path=CHROMIUM, args=args)
        return browsers[policy]

    yield open_browser
    for browser in browsers.values():
        browser.close()
    playwright.stop()


@pytest.fixture
def page(browser_of, host) -> Iterator[Page]:
    context = browser_of().new_context()
    page = Page(context.new_page(), host)
    yield page
    context.close()
    assert page.errors == []
