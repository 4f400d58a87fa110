"""Chromium on the real thing. Each test has a company of its own in the one rehearsal Close."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import ConsoleMessage, Page, ViewportSize, expect

from tests.browser.company import Company, founded
from tests.browser.stack import Stack, started

_CHROMIUM = os.environ.get("ROSTER_CHROMIUM") or next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)
_MISSING = (
    "There is no Chromium for the browser tests: `apt-get install chromium` brings one, or set ROSTER_CHROMIUM to the "
    "path of yours."
)
_AXE = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa"]},
    "resultTypes": ["violations"],
}
# Nothing else depends on the colours, and dark comes after light on the very same page.
_AXE_COLOURS = _AXE | {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}
_WIDE: ViewportSize = {"width": 1280, "height": 800}
_NARROW: ViewportSize = {"width": 320, "height": 640}
# Playwright's own 5 s are few for a machine that does other work; what comes, comes as soon as before.
expect.set_options(timeout=15_000)


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    if not _CHROMIUM:
        if os.environ.get("ROSTER_BROWSER_REQUIRED") == "1":
            pytest.fail(_MISSING, pytrace=False)
        pytest.skip(_MISSING)
    # Chromium's own sandbox needs rights that a container's root lacks; nothing but our own pages is opened.
    return browser_type_launch_args | {"executable_path": _CHROMIUM, "args": ["--no-sandbox"]}


@pytest.fixture(scope="session")
def stack(
    tmp_path_factory: pytest.TempPathFactory, browser_type_launch_args: dict[str, Any]
) -> Iterator[Stack]:
    """One for all tests. It asks for the browser's arguments so that nothing starts where there is none."""
    with started(tmp_path_factory.mktemp("roster")) as stack:
        yield stack


@pytest.fixture(scope="session")
def base_url(stack: Stack) -> str:
    return stack.url


@pytest.fixture
def company(stack: Stack) -> Iterator[Company]:
    yield founded(stack.world)
    stack.close.faults.clear()
    stack.close.latency_s = 0.0


@pytest.fixture
def page(page: Page) -> Iterator[Page]:
    """A page whose console stays empty: Chromium's own lines about 4xx answers are no complaint of ours."""
    complaints: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        answered_4xx = message.text.startswith(
            "Failed to load resource: the server responded with a status of 4"
        )
        if message.type in ("error", "warning") and not answered_4xx:
            complaints.append(message.text)

    page.on("console", listen)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    assert complaints == []


@pytest.fixture
def spotless(page: Page) -> Callable[[str], None]:
    """Asserts that axe finds nothing on the page as it stands, in light and dark, wide and at 320 px without
    sideways scrolling. The argument names the state in a failure."""

    def spotless(state: str) -> None:
        axe = Axe()
        page.evaluate(axe.axe_script)
        for width, size in (("wide", _WIDE), ("320 px", _NARROW)):
            page.set_viewport_size(size)
            for scheme, rules in (("light", _AXE), ("dark", _AXE_COLOURS)):
                page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
                found = page.evaluate("options => axe.run(options)", rules)["violations"]
                assert not found, f"{state}, {width}, {scheme}: {[_told(violation) for violation in found]}"
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (
                f"{state} scrolls sideways"
            )
        page.set_viewport_size(_WIDE)
        page.emulate_media(color_scheme="light")

    return spotless


def _told(violation: dict[str, Any]) -> str:
    nodes = [node["html"][:200] for node in violation["nodes"][:3]]
    return f"{violation['id']} ({violation['help']}): {nodes}"


@pytest.fixture
def transcript(page: Page) -> list[str]:
    """What the two live regions said, in order, over all pages from here on."""
    said: list[str] = []
    page.expose_function("said", lambda text: said.append(" ".join(text.split())))
    page.add_init_script("""
        document.addEventListener("DOMContentLoaded", () => {
          for (const id of ["status", "alert"]) {
            const region = document.getElementById(id);
            if (!region) continue;
            new MutationObserver(() => region.textContent && window.said(region.textContent))
              .observe(region, { childList: true, characterData: true, subtree: true });
          }
        });
    """)
    return said
