"""Takes the screenshots in docs/pictures.md: `python docs/images/screenshots.py`, after `make docs`. Needs Playwright and Chromium.

CHROMIUM in the environment names the browser's program, where it is not Playwright's own.
"""

from __future__ import annotations

import os
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

import nir
import nir.draw
from nir.display import reasons_of

IMAGES = Path(__file__).resolve().parent
BUILD = IMAGES.parents[1] / "build" / "docs"


def shot(page: Page, source: Path, search: str, name: str) -> None:
    """The page with the first operator found selected."""
    page.goto(source.as_uri())
    page.fill("#search", search)
    page.press("#search", "Enter")
    page.wait_for_timeout(500)
    page.screenshot(path=IMAGES / name)


def main() -> None:
    """Writes both pictures."""
    split = nir.passes.partition(nir.load("examples/softplus.nir"), ["apu"])
    partitioned, whole = BUILD / "softplus_partition.html", BUILD / "mobilenet.html"
    partitioned.write_text(nir.draw.page(split.module, reasons=reasons_of(split.report)), "utf-8")
    whole.write_text(nir.draw.page(nir.load(BUILD / "mobilenet.nir")), "utf-8")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=os.environ.get("CHROMIUM"), args=["--no-sandbox"])
        size = {"width": 1000, "height": 560}
        shot(browser.new_page(viewport=size), whole, "512x1x1x256", "page.png")
        shot(browser.new_page(viewport=size, color_scheme="dark"), partitioned, "log", "page_dark.png")
        browser.close()


if __name__ == "__main__":
    main()
