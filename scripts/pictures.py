"""Take the screenshots in docs/pictures/ anew, from the demo: `make pictures`. So they never show what is no more.

The demo has the same people each time, and what is otherwise each time is made the same.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

from scripts import png

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / "docs" / "pictures"
MADE_OF = ROOT / "scripts" / "pictures.sha256"
"""What the pages looked like when all pictures were taken, as a hash: a test asks for new ones when it has changed."""
WIDTH, HEIGHT = 1120, 720
CHROMIUM = os.environ.get("ROSTER_CHROMIUM") or next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)
_START_S, _PATIENCE_MS = 120, 60_000
# A picture changes only when a page does, but for a pixel of a rounded corner now and then: each shows the same day, as
# if all of it took no time, and the same for what is made up anew each time.
_SAME_EACH_TIME = r"""
    began => {
      const words = [
        [/127\.0\.0\.1:\d+/g, "127.0.0.1:8765"],
        [/\b(a|\d+)\s(second|minute)s?\sago\b/g, "a moment ago"],
        [/,\s+now\s*$/g, ", a moment ago"],
        [/\b\d\d:\d\d\s+UTC/g, "10:42 UTC"],
        [/\b\d{1,2} [A-Z][a-z]{2} 20\d\d\b/g, "12 Jan 2027"],
        [/^[0-9a-f]{8}$/g, "5f0c2a91"],
      ];
      for (const time of document.querySelectorAll("time[datetime]")) {
        const minutes = 30 * Math.round((Date.parse(time.dateTime) - began) / 1800000);
        const at = new Date(Date.UTC(2027, 0, 12, 10, 42 + minutes));
        const parts = { hour: "2-digit", minute: "2-digit", timeZone: "UTC" };
        if (!("clock" in time.dataset)) Object.assign(parts, { day: "numeric", month: "short", year: "numeric" });
        time.textContent = new Intl.DateTimeFormat("en-GB", parts).format(at).replace(",", "");
      }
      const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
      while (walk.nextNode()) {
        for (const [found, same] of words) {
          walk.currentNode.textContent = walk.currentNode.textContent.replace(found, same);
        }
      }
    }
"""


@dataclass(frozen=True, slots=True)
class Camera:
    page: Page
    names: frozenset[str]
    began_ms: float

    def take(self, name: str, height: int = HEIGHT, width: int = WIDTH) -> None:
        if self.names and name not in self.names:
            return
        self.page.set_viewport_size({"width": width, "height": height})
        self.page.wait_for_load_state("networkidle")  # what is read behind the page is there
        self.page.evaluate(_SAME_EACH_TIME, self.began_ms)
        self.page.evaluate("() => { document.activeElement.blur(); window.scrollTo(0, 0); }")
        self.page.mouse.move(0, 0)
        self.page.wait_for_timeout(300)  # until what was under the mouse has faded
        picture = png.with_palette(self.page.screenshot(animations="disabled", caret="hide"))
        (PICTURES / f"{name}.png").write_bytes(picture)
        print(f"docs/pictures/{name}.png  {len(picture) / 1000:.0f} kB", flush=True)


def tour(page: Page, camera: Camera) -> None:
    """From the sign-in to the undo, as docs/admin.md tells it."""
    page.goto("/login/")
    page.get_by_role("link", name="Sign in with Close").click()
    page.get_by_role("button", name="Allow").click()
    expect(page.get_by_role("table", name="Members")).to_be_visible(timeout=_PATIENCE_MS)

    page.goto("/members/?q=an&status=active&role=user")
    bulk = page.get_by_role("region", name="Bulk actions")
    for number, box in enumerate(
        page.get_by_role("checkbox", name=re.compile("^Select (?!all)")).all()[1:5], 1
    ):
        box.check()
        expect(bulk.get_by_text(f"{number} selected", exact=True)).to_be_visible()
    camera.take("members")

    bulk.get_by_role("button", name="Change role").click()
    page.get_by_role("combobox", name="New role").select_option(label="Support Lead")
    page.get_by_role("textbox", name="Reason").fill("New support team")
    camera.take("choose")
    page.get_by_role("button", name="Review").click()
    expect(page.get_by_role("heading", name="Review", exact=True)).to_be_visible()
    camera.take("review")
    page.get_by_role("button", name=re.compile("^Apply")).click()
    expect(page.get_by_text("Finished", exact=True)).to_be_visible(timeout=_PATIENCE_MS)
    camera.take("receipt")
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("heading", name="Review", exact=True)).to_be_visible()
    camera.take("undo")

    page.goto("/members/?q=robin.castellano")
    page.get_by_role("rowheader").get_by_role("link").first.click()
    camera.take("person", 1000)
    page.get_by_role("link", name=re.compile("leav", re.I)).first.click()
    camera.take("leaving", 900)

    page.goto("/members/invite/")
    page.get_by_role("textbox", name="Email addresses").fill(
        "Nia Brandt <nia.brandt@northwind-rehearsal.example>\n"
        "oscar.lund@northwind-rehearsal.example\n"
        "someone@elsewhere.example\n"
    )
    page.get_by_role("combobox", name="Role").select_option(label="User")
    page.get_by_role("button", name="Review").click()
    expect(page.get_by_role("heading", name="Review", exact=True)).to_be_visible()
    camera.take("invite", 900)

    page.goto("/roles/")
    camera.take("roles", 900)
    page.goto("/audit/")
    camera.take("audit", width=1280)
    page.goto("/connections/")
    camera.take("connections")


def looks() -> str:
    """All that decides how a page looks: templates, styles, scripts."""
    files = sorted([*(ROOT / "templates").rglob("*.html"), *(ROOT / "static").glob("*.*")])
    content = b"".join(file.relative_to(ROOT).as_posix().encode() + file.read_bytes() for file in files)
    return hashlib.sha256(content).hexdigest()


@contextmanager
def demo() -> Iterator[str]:
    """Its address."""
    port = _free_port()
    command = [sys.executable, str(ROOT / "manage.py"), "demo", "--port", str(port), "--latency-ms", "0"]
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    try:
        give_up = time.monotonic() + _START_S
        while True:
            try:
                urllib.request.urlopen(f"{address}/login/", timeout=2).close()
                break
            except (urllib.error.URLError, OSError):
                if running.poll() is not None or time.monotonic() > give_up:
                    raise
                time.sleep(0.1)
        yield address
    finally:
        running.send_signal(signal.SIGTERM)
        running.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def main() -> None:
    parser = argparse.ArgumentParser(prog="make pictures", description=__doc__)
    parser.add_argument("names", nargs="*", help="only these; without, all")
    names = frozenset(parser.parse_args().names)
    if not CHROMIUM:
        sys.exit(
            "There is no Chromium: apt-get install chromium, or set ROSTER_CHROMIUM to the path of yours."
        )
    PICTURES.mkdir(exist_ok=True)
    with demo() as address, sync_playwright() as playwright:
        # Chromium's own sandbox needs rights that a container's root lacks; nothing but our own pages is opened.
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        context = browser.new_context(
            base_url=address,
            viewport={"width": WIDTH, "height": HEIGHT},
            color_scheme="light",
            reduced_motion="reduce",
            locale="en-GB",
            timezone_id="UTC",
        )
        page = context.new_page()
        tour(page, Camera(page, names, time.time() * 1000))
        browser.close()
    if not names:
        MADE_OF.write_text(f"{looks()}\n")


if __name__ == "__main__":
    main()
